"""FETCH lines in two halves: what never changes of a message, made once, and its number, flags and mod-sequence.

A message's octets, dates, sizes and rendered columns are the same for ever, so a `Block` of them may be kept and
put between fresh numbers and flags again (RFC 3501 section 7.4.2). Joining the pieces of 400 messages is one call in C.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import cast

from imap.wire.fetch.fetch_items import Attribute, Section
from imap.wire.fetch.fetch_lines import FORMS, NAMES, conversion
from imap.wire.flags import FlagNames

DYNAMIC = frozenset({Attribute.FLAGS, Attribute.MODSEQ})
"""What a message's line says that changes."""
_SPLIT = {item: tuple(form.replace(b"%d", b"%b").split(b"%b")) for item, form in FORMS.items()}
"""What stands before and behind a value."""


@dataclass(frozen=True, slots=True)
class Block:
    """The lasting pieces of the lines of some messages."""

    uids: "array[int]"
    changing: tuple[Attribute, ...]
    """The attributes of DYNAMIC that were asked for, in the order of the answer."""
    pieces: tuple[tuple[Sequence[bytes], ...], ...]
    """What stands before, between and behind the values of `changing`: columns side by side, an item a message. Octets
    of sections are columns of their own, and never copied but into the answer."""

    @property
    def octets(self) -> int:
        """About how much memory it takes."""
        return sum(sum(map(len, column)) + 41 * len(column) for group in self.pieces for column in group)

    def joined(self) -> "Block":
        """The same, each group of columns made one: worth it for what is said again and again."""
        groups = tuple((list(map(b"".join, zip(*group, strict=True))),) for group in self.pieces)
        return Block(self.uids, self.changing, groups)


def make(
    attributes: Sequence[Attribute],
    uids: "array[int]",
    columns: Sequence[Sequence[int | bytes | str]],
    sections: Sequence[Section] = (),
    contents: Sequence[Sequence[bytes]] = (),
) -> Block:
    """The block of these messages.

    `columns`: the values of each attribute that is not of DYNAMIC, in the order asked, as `fetch_lines.lines` takes
    them. `contents`: the same of each section, already cut to its partial range.
    """
    given = iter(columns)
    pieces: list[tuple[Sequence[bytes], ...]] = []
    group = _Group(len(uids))
    space = b""
    for attribute in attributes:
        if attribute in DYNAMIC:
            before, after = FORMS[attribute].split(b"%b" if attribute is Attribute.FLAGS else b"%d")
            group.text(space + before)
            pieces.append(group.end())
            group.text(after)
        else:
            before, after = _SPLIT[attribute]
            group.text(space + before)
            group.values(_converted(attribute, next(given)))
            group.text(after)
        space = b" "
    for section, octets in zip(sections, contents, strict=True):
        group.text(space + section.label + b" {")
        group.values(tuple(map(len, octets)))
        group.text(b"}\r\n")
        group.values(octets)
        space = b" "
    group.text(b")\r\n")
    pieces.append(group.end())
    return Block(uids, tuple(attribute for attribute in attributes if attribute in DYNAMIC), tuple(pieces))


class _Group:
    """Columns of octets between two values that change: numbers are written out, octets stay as they are."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._columns: list[Sequence[bytes]] = []
        self._form = b""
        """What stands before the next value."""
        self._numbers: list[Sequence[int]] = []

    def text(self, octets: bytes) -> None:
        """The same octets in each line."""
        self._form += octets.replace(b"%", b"%%")

    def values(self, values: Sequence[int] | Sequence[bytes]) -> None:
        """A value of each line."""
        if self._count and isinstance(values[0], int):
            self._form += b"%d"
            self._numbers.append(cast("Sequence[int]", values))
        else:
            self._fill()
            self._columns.append(cast("Sequence[bytes]", values))

    def end(self) -> tuple[Sequence[bytes], ...]:
        """The columns so far; the next ones begin a new group."""
        self._fill()
        columns, self._columns = tuple(self._columns), []
        return columns

    def _fill(self) -> None:
        """Make a column of what stands before the next octets."""
        form, numbers = self._form, self._numbers
        self._form, self._numbers = b"", []
        if not numbers:
            self._columns.append([form % ()] * self._count)
        elif len(numbers) == 1:
            self._columns.append(_spread(form, numbers[0]))
        else:
            self._columns.append([form % row for row in zip(*numbers, strict=True)])


def _converted(attribute: Attribute, values: Sequence[int | bytes | str]) -> Sequence[int] | Sequence[bytes]:
    convert = conversion(attribute)
    if convert is None:
        return cast("Sequence[int] | Sequence[bytes]", values)
    return list(map(convert, values))


def lines(
    block: Block,
    numbers: Sequence[int],
    flags: Sequence[int],
    modseqs: Sequence[int],
    names: FlagNames,
    *,
    uid_only: bool = False,
) -> bytes:
    """The lines of a block's messages; UIDFETCH and UIDs instead of numbers with `uid_only` (RFC 9586)."""
    form = b"* %%d %b (" % NAMES[uid_only]
    named = block.uids if uid_only else numbers
    heads = _heads(form, named) if isinstance(named, range) else _spread(form, named)
    columns: list[Sequence[bytes]] = [heads, *block.pieces[0]]
    for attribute, group in zip(block.changing, block.pieces[1:], strict=True):
        columns += [names.spell_all(flags) if attribute is Attribute.FLAGS else _spread(b"%d", modseqs), *group]
    return b"".join(chain.from_iterable(zip(*columns, strict=True)))


@lru_cache(maxsize=64)
def _heads(form: bytes, numbers: range) -> list[bytes]:
    """`_spread` for the lots that every mailbox begins with."""
    return _spread(form, numbers)


def _spread(form: bytes, numbers: Sequence[int]) -> list[bytes]:
    """`form` for each number, all of them in two calls."""
    return ((form + b"\0") * len(numbers) % tuple(numbers)).split(b"\0")[:-1]
