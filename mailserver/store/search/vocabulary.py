"""Segments of the search index: the words of some texts, and in which of them each stands. Pure.

A segment numbers its texts from 0. For the header and for the body it holds a vocabulary (every word once,
between line feeds, the most frequent first) and, word after word, the numbers of the texts that have it.
A fragment is looked for in the vocabulary with one substring search, so that a search finds parts of
words as IMAP wants, and a word that stands nowhere costs no more than reading the vocabulary.

Texts with too many different words (dumps, hostile mail) are `loose`: not in the vocabulary, always looked
at. So no answer is ever incomplete.
"""

import re
import sys
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from mailserver.store.mail.blobs import compress, expand

MAX_TEXTS = 4096
"""Texts of one segment: its row must be written in a few milliseconds. 16 bits number them."""

MAX_WORDS = 20_000
"""Different words of one text, header or body; a text with more is loose."""

MAX_WORD = 200
"""Characters of a word; a text with a longer one is loose."""

Kind = Literal["H", "I", "q"]
Postings = dict[str, list[int]]
"""Words, and the numbers of the texts that have them."""

_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Words:
    """The index of one field, packed."""

    vocabulary: bytes
    postings: bytes


@dataclass(frozen=True, slots=True)
class Segment:
    """An index over some contents."""

    docs: tuple[int, ...]
    """Content ids by number."""
    loose: frozenset[int]
    """Numbers of texts that are in no vocabulary."""
    header: Words
    body: Words


@dataclass(frozen=True, slots=True)
class Fragment:
    """A run of letters and digits of what is searched: a whole word where something stands beside it."""

    text: bytes
    starts: bool
    """The word begins here."""
    ends: bool

    @property
    def pattern(self) -> bytes:
        """What to look for in a vocabulary."""
        return (b"\n" if self.starts else b"") + self.text + (b"\n" if self.ends else b"")


def fragments(needle: str) -> tuple[Fragment, ...]:
    """The fragments of a folded text to search. A text that has the needle has words with all of them."""
    last = len(needle)
    return tuple(
        Fragment(found.group().encode("utf-8"), found.start() > 0, found.end() < last)
        for found in _TOKEN.finditer(needle)
    )


def is_exact(needle: str) -> bool:
    """True when having the needle's one fragment is having the needle."""
    return _TOKEN.fullmatch(needle) is not None


# ---------------------------------------------------------------------- writing


def build(texts: Sequence[tuple[int, str, str]]) -> Segment:
    """Index texts: (content id, folded header, folded body)."""
    headers: Postings = defaultdict(list)
    bodies: Postings = defaultdict(list)
    loose: set[int] = set()
    for number, (_, header, body) in enumerate(texts):
        header_words, body_words = _words(header), _words(body)
        if _too_many(header_words) or _too_many(body_words):
            loose.add(number)
            continue
        for word in header_words:
            headers[word].append(number)
        for word in body_words:
            bodies[word].append(number)
    return Segment(tuple(text[0] for text in texts), frozenset(loose), _pack(headers), _pack(bodies))


def _words(text: str) -> set[str]:
    """What `_TOKEN` finds in a text; a table does it in a tenth of the time, and folded French is ASCII."""
    if text.isascii():
        return set(text.encode("ascii").translate(_APART).decode("ascii").split())
    return set(_TOKEN.findall(text))


_APART = bytes(octet if re.match(rb"\w", bytes((octet,))) else 32 for octet in range(256))


def _too_many(words: set[str]) -> bool:
    return len(words) > MAX_WORDS or max(map(len, words), default=0) > MAX_WORD


def merge(segments: Sequence[Segment], keep: set[int]) -> Segment:
    """One segment out of several, without contents that are not to be kept or that stand in two of them."""
    docs: list[int] = []
    loose: set[int] = set()
    headers: Postings = defaultdict(list)
    bodies: Postings = defaultdict(list)
    seen: set[int] = set()
    for segment in segments:
        renamed: dict[int, int] = {}
        for number, content_id in enumerate(segment.docs):
            if content_id in keep and content_id not in seen:
                seen.add(content_id)
                renamed[number] = len(docs)
                docs.append(content_id)
        loose.update(renamed[number] for number in segment.loose if number in renamed)
        _renumber(segment.header, renamed, headers)
        _renumber(segment.body, renamed, bodies)
    return Segment(tuple(docs), frozenset(loose), _pack(headers), _pack(bodies))


def _renumber(words: Words, renamed: Mapping[int, int], postings: Postings) -> None:
    for word, held in _unpack(words):
        new = [renamed[number] for number in held if number in renamed]
        if new:
            postings[word] += new


def _pack(postings: Postings) -> Words:
    """Most frequent words first: a fragment that is everywhere is answered after a few of them.

    No step works on all of the words at once in C, and the postings are freed one by one: other threads wait meanwhile.
    """
    by_count: dict[int, list[str]] = defaultdict(list)
    for word, held in postings.items():
        by_count[len(held)].append(word)
    order: list[str] = []
    counts, texts = array("I"), array("H")
    for count in sorted(by_count, reverse=True):
        words = by_count[count]
        order += words
        counts.extend([count] * len(words))
        for word in words:
            texts.fromlist(postings.pop(word))
    vocabulary = "\n".join(["", *order, ""]) if order else "\n"
    return Words(compress(vocabulary.encode("utf-8")), compress(_octets(counts) + _octets(texts)))


def octets(kind: Kind, values: Iterable[int]) -> bytes:
    """Numbers as octets, little-endian, so that a database may move between machines."""
    return _octets(array(kind, values))


def _octets(packed: "array[int]") -> bytes:
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


# ---------------------------------------------------------------------- reading


def _unpack(words: Words) -> Iterator[tuple[str, "array[int]"]]:
    """Every word and the numbers of its texts."""
    vocabulary = expand(words.vocabulary).decode("utf-8")[1:-1]
    if not vocabulary:
        return
    names = vocabulary.split("\n")
    counts, texts = _arrays(words.postings, len(names))
    at = 0
    for name, count in zip(names, counts, strict=True):
        yield name, texts[at : at + count]
        at += count


def _arrays(postings: bytes, words: int) -> "tuple[array[int], array[int]]":
    packed = expand(postings)
    split = words * array("I").itemsize
    return numbers("I", packed[:split]), numbers("H", packed[split:])


def numbers(kind: Kind, packed: bytes) -> "array[int]":
    """The numbers that `octets` packed."""
    values = array(kind)
    values.frombytes(packed)
    if sys.byteorder == "big":
        values.byteswap()
    return values


@dataclass(frozen=True, slots=True)
class Places:
    """In which texts each word of a vocabulary stands."""

    starts: "array[int]"
    texts: "array[int]"

    @property
    def octets(self) -> int:
        """The room it takes."""
        return 4 * len(self.starts) + 2 * len(self.texts)

    def of(self, word: int) -> "array[int]":
        """The numbers of the texts that have the word of this number."""
        return self.texts[self.starts[word] : self.starts[word + 1]]


def places(postings: bytes, vocabulary: bytes) -> Places:
    """Unpack the postings of a vocabulary that was unpacked before."""
    counts, texts = _arrays(postings, vocabulary.count(b"\n") - 1)
    return Places(array("I", accumulate(counts, initial=0)), texts)


class Reader:
    """Searches one field of a segment of so many texts, some of them loose. Where words stand is asked once one of
    them was found."""

    def __init__(self, vocabulary: bytes, texts: int, loose: int, ask: Callable[[], Places]) -> None:
        self._vocabulary = vocabulary
        self._texts = texts
        self._most = texts - loose
        self._ask = ask

    def find(self, parts: Sequence[Fragment]) -> set[int]:
        """The texts that have a word for every fragment; every text when there is no fragment."""
        found: set[int] | None = None
        for part in sorted(parts, key=lambda part: -len(part.text)):
            these = self._with(part.pattern)
            found = these if found is None else found & these
            if not found:
                return set()
        return set(range(self._texts)) if found is None else found

    def _with(self, pattern: bytes) -> set[int]:
        vocabulary = self._vocabulary
        found: set[int] = set()
        at = vocabulary.find(pattern)
        if at < 0:
            return found
        where = self._ask()
        counted = word = 0
        while at >= 0:
            # The word's number is the line feeds before it; a pattern that brings its own stands on it.
            begin = at + 1 if pattern.startswith(b"\n") else at
            word += vocabulary.count(b"\n", counted, begin)
            counted = begin
            found.update(where.of(word - 1))
            if len(found) == self._most:
                break
            end = vocabulary.find(b"\n", begin)
            at = vocabulary.find(pattern, end)
        return found
