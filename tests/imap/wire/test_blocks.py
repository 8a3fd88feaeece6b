"""Blocks of FETCH lines say what the lines one by one say."""

from array import array
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from imap.session.fetch_cache import ASKED, LARGEST, LIMIT, FetchCache
from imap.wire.fetch import blocks, fetch_lines
from imap.wire.fetch.fetch_items import Attribute, Section
from imap.wire.flags import ANSWERED, SEEN, FlagNames

NAMES = FlagNames(("$Forwarded", "projet"))

BODY = Section(peek=True)
HEADER = Section(label=b"BODY[HEADER.FIELDS (X%Y)]", peek=True)


def test_what_stands_around_what_changes() -> None:
    asked = (Attribute.UID, Attribute.FLAGS, Attribute.RFC822_SIZE, Attribute.MODSEQ)
    block = blocks.make(asked, array("I", [7, 9]), [[7, 9], [100, 2000]], (BODY,), [[b"a\0%d", b""]])
    assert blocks.lines(block, [1, 3], [SEEN, ANSWERED | 1 << 6], [5, 6], NAMES) == (
        b"* 1 FETCH (UID 7 FLAGS (\\Seen) RFC822.SIZE 100 MODSEQ (5) BODY[] {4}\r\na\0%d)\r\n"
        b"* 3 FETCH (UID 9 FLAGS (\\Answered projet) RFC822.SIZE 2000 MODSEQ (6) BODY[] {0}\r\n)\r\n"
    )
    assert blocks.lines(block, [1, 3], [0, 0], [8, 8], NAMES, uid_only=True).startswith(
        b"* 7 UIDFETCH (UID 7 FLAGS () RFC822.SIZE 100 MODSEQ (8) BODY[]"
    )


def test_nobody() -> None:
    block = blocks.make((Attribute.FLAGS, Attribute.ENVELOPE), array("I"), [()])
    assert blocks.lines(block, [], [], [], NAMES) == b""


_VALUES: dict[Attribute, st.SearchStrategy[Any]] = {
    Attribute.UID: st.integers(1, 2**32 - 1),
    Attribute.FLAGS: st.sampled_from([0, SEEN, SEEN | ANSWERED, 1 << 5, 1 << 63]),
    Attribute.MODSEQ: st.integers(1, 2**63 - 1),
    Attribute.INTERNALDATE: st.integers(0, 2**32),
    Attribute.RFC822_SIZE: st.integers(0, 2**40),
    Attribute.ENVELOPE: st.binary(max_size=20),
}


@given(st.data(), st.lists(st.sampled_from(list(_VALUES)), unique=True), st.booleans())
def test_as_one_by_one(data: st.DataObject, asked: list[Attribute], uid_only: bool) -> None:
    count = data.draw(st.integers(0, 5))
    columns = {value: [data.draw(_VALUES[value]) for _ in range(count)] for value in _VALUES}
    sections = data.draw(st.lists(st.sampled_from([BODY, HEADER]), unique=True, min_size=not asked))
    contents = [[data.draw(st.binary(max_size=9)) for _ in sections] for _ in range(count)]
    lasting = [columns[one] for one in asked if one not in blocks.DYNAMIC]
    aside = [[row[place] for row in contents] for place in range(len(sections))]
    block = blocks.make(asked, array("I", columns[Attribute.UID]), lasting, sections, aside)
    numbers = range(1, count + 1)
    found = blocks.lines(block, numbers, columns[Attribute.FLAGS], columns[Attribute.MODSEQ], NAMES, uid_only=uid_only)
    flags, modseqs = columns[Attribute.FLAGS], columns[Attribute.MODSEQ]
    assert found == blocks.lines(block.joined(), numbers, flags, modseqs, NAMES, uid_only=uid_only)
    named = columns[Attribute.UID] if uid_only else numbers
    single = [
        cast(bytes, piece)
        for place in range(count)
        for piece in fetch_lines.with_sections(
            asked,
            (named[place], *(columns[one][place] for one in asked)),
            list(zip(sections, contents[place], strict=True)),
            NAMES,
            uid_only=uid_only,
        )
    ]
    assert found == b"".join(single)


def _block(uid: int, octets: int = 10) -> blocks.Block:
    return blocks.make((), array("I", [uid]), [], (BODY,), [[b"x" * octets]])


def test_what_is_asked_once_is_not_kept() -> None:
    kept = FetchCache()
    kept.offer("q", _block(1))
    assert kept.find("q", array("I", [1])) is None
    kept.offer("q", _block(1))
    assert kept.find("q", array("I", [1, 2])) is not None
    assert kept.find("q", array("I", [2])) is None
    assert kept.find("other", array("I", [1])) is None


def test_the_memory_is_bounded() -> None:
    kept = FetchCache()
    for number in range(40):
        for _ in range(2):
            kept.offer(number, _block(number + 1, LIMIT // 16))
    assert kept.octets <= LIMIT
    assert kept.find(0, array("I", [1])) is None
    assert kept.find(39, array("I", [40])) is not None
    for _ in range(2):
        kept.offer("large", _block(1, LARGEST))
    assert kept.find("large", array("I", [1])) is None
    for number in range(2 * ASKED):
        kept.offer(("once", number), _block(1))
    assert kept.find(39, array("I", [40])) is not None
