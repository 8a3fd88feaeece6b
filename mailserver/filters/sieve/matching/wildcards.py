"""`:matches` (RFC 5228 section 2.7.1) in time that is linear in the value, whatever the pattern.

A pattern falls apart at its `*`. The first piece stands at the beginning, the last at the end, and each between them
where it is found first: then every `*` is as short as it can be (RFC 5229 section 3.2), and nothing is ever tried
twice. A piece with `?` in it is found in one pass, with a bit for each of its characters; a long one, of which that
would take too much memory, is tried at each place: `Pattern.cost` says what has to be paid for it.
"""

from functools import lru_cache

from mailserver.filters.sieve.matching.comparators import Comparator
from mailserver.model.unicode import normalize

Span = tuple[int, int]

LONG = 512
"""Characters of a piece with `?` from which it is a long one: each different character has as many bits."""
KEPT = 256
"""Characters of a pattern that is remembered once it was read (memory)."""


class Piece:
    """What stands between two `*`."""

    __slots__ = ("_any", "_last", "_masks", "characters", "is_long", "literal")

    def __init__(self, characters: list[str | None]) -> None:
        self.characters = characters
        """None for `?`."""
        self.literal = None if None in characters else "".join(map(str, characters))
        self.is_long = self.literal is None and len(characters) > LONG
        self._any = 0
        self._last = 1 << min(len(characters), LONG) >> 1
        self._masks: dict[str, int] = {}
        if self.literal is None and not self.is_long:
            self._any = sum(1 << place for place, one in enumerate(characters) if one is None)
            for place, one in enumerate(characters):
                if one is not None:
                    self._masks[one] = self._masks.get(one, self._any) | 1 << place

    def stands(self, text: str, at: int) -> bool:
        """Whether it stands here."""
        if self.literal is not None:
            return text.startswith(self.literal, at)
        if at < 0 or at + len(self.characters) > len(text):
            return False
        return all(one is None or one == text[at + place] for place, one in enumerate(self.characters))

    def find(self, text: str, at: int, end: int) -> int:
        """Where it stands first between two places; -1 for nowhere."""
        if self.literal is not None:
            return text.find(self.literal, at, end)
        if self.is_long:
            places = range(at, end - len(self.characters) + 1)
            return next((place for place in places if self.stands(text, place)), -1)
        state = 0
        for place in range(at, end):
            state = (state << 1 | 1) & self._masks.get(text[place], self._any)
            if state & self._last:
                return place - len(self.characters) + 1
        return -1

    def single(self, at: int) -> list[Span]:
        """Where its `?` stand when it stands here."""
        if self.literal is not None:
            return []
        return [(at + place, at + place + 1) for place, one in enumerate(self.characters) if one is None]


class Pattern:
    """A pattern, folded."""

    __slots__ = ("_long", "pieces", "plain")

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = pieces
        self.plain = all(piece.literal is not None for piece in pieces)
        """Whether it is searched at the speed of C."""
        self._long = sum(len(piece.characters) for piece in pieces if piece.is_long)

    def cost(self, length: int, comparator: Comparator) -> int:
        """What it costs at most to compare a value of this length, in millionths of a second."""
        return 1 + (length >> (6 if self.plain and comparator.same_length else 2)) + (length * self._long >> 4)

    def match(self, text: str) -> list[Span] | None:
        """Where in a folded text each wildcard stands, in their order; None when the pattern does not match."""
        first, last = self.pieces[0], self.pieces[-1]
        if not first.stands(text, 0):
            return None
        at = len(first.characters)
        if len(self.pieces) == 1:
            return first.single(0) if at == len(text) else None
        end = len(text) - len(last.characters)
        if end < at or not last.stands(text, end):
            return None
        spans = first.single(0)
        for piece in self.pieces[1:-1]:
            found = piece.find(text, at, end)
            if found < 0:
                return None
            spans.append((at, found))
            spans += piece.single(found)
            at = found + len(piece.characters)
        return [*spans, (at, end), *last.single(end)]


def pattern(text: str, comparator: Comparator) -> Pattern:
    """Read a pattern; `\\` makes the next character mean itself. It costs `reading`."""
    return _known(text, comparator) if len(text) <= KEPT else _read(text, comparator)


def reading(text: str, comparator: Comparator) -> int:
    """What it costs to read a pattern, in millionths of a second."""
    return len(text) >> 4 if len(text) <= KEPT else len(text) >> (2 if comparator.same_length else 0)


def _read(text: str, comparator: Comparator) -> Pattern:
    pieces: list[list[str | None]] = [[]]
    characters = iter(text if comparator.same_length else normalize("NFC", text))
    for character in characters:
        if character == "*":
            pieces.append([])
        elif character == "?":
            pieces[-1].append(None)
        else:
            plain = next(characters, "\\") if character == "\\" else character
            pieces[-1] += comparator.fold_character(plain)
    return Pattern([Piece(piece) for piece in pieces])


_known = lru_cache(maxsize=512)(_read)


def match(wanted: Pattern, value: str, comparator: Comparator) -> tuple[str, list[Span]] | None:
    """The value as its wildcards cut it, and where each of them stands in it."""
    if comparator.same_length:
        spans = wanted.match(comparator.fold(value))
        return None if spans is None else (value, spans)
    value = normalize("NFC", value)
    units = [comparator.fold_character(character) for character in value]
    spans = wanted.match("".join(units))
    if spans is None or all(len(unit) == 1 for unit in units):
        return None if spans is None else (value, spans)
    place: list[int] = []  # of each folded character, that of the one it comes from
    for index, unit in enumerate(units):
        place += [index] * len(unit)
    place.append(len(units))
    return value, [(place[start], place[end]) for start, end in spans]
