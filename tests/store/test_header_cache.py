"""What is found in the kept lines of headers is what a look at each of them finds."""

from array import array
from itertools import pairwise

import pytest
from sqlalchemy import update

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.mail.messages import content
from mailserver.store.search import content_texts, header_cache
from mailserver.store.search.header_cache import KeptLines
from tests.store.test_messages import fill

LINES = [
    b"\nfrom: anne <anne@x>\nsubject: subject: re\nmessage-id: <1@x>\n",
    b"\nfrom: re <re@x>\nsubject: \nmessage-id: <re@x>\n",
    b"",
    b"\n",
    b"\nsubject: from: re\n",
    b"\nto: subject: re\n",
    b"",
    b"\nfrom: from\nsubject: ree\n",
    b"\nfrom: e\nto: ree\n",
    b"\nsubject: ject: re\n",
]
TEXTS = [
    b"",
    b"re",
    b"e",
    b"from",
    b": ",
    b"ject: re",
    b"subject: re",
    b"x",
    b" ",
    b"<",
    b">",
    b"zz",
    b"\n",
    b"@x>\n",
    b"\n\0\n",
]


def test_found_as_line_by_line() -> None:
    """Texts that stand in other fields, in names, across the ends of lines and of contents."""
    docs = array("q", range(100, 100 + len(LINES)))
    kept = KeptLines(docs, b"\0".join(LINES), frozenset())
    for name in (b"from", b"to", b"subject", b"message-id", b"cc"):
        start = b"%b: " % name
        for text in TEXTS:
            expected = [
                content_id
                for content_id, lines in zip(docs, LINES, strict=True)
                if any(line.startswith(start) and text in line[len(start) :] for line in lines.split(b"\n"))
            ]
            assert list(kept.find(text, b"\n" + start)) == expected, (name, text)


def test_read_and_remembered(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Contents with lines, without them, with an octet that stands between contents; in a row and with gaps."""
    monkeypatch.setattr(header_cache, "FEW", 2)
    monkeypatch.setattr(header_cache, "PORTION", 4)
    monkeypatch.setattr(header_cache, "REMEMBERED", 5)
    fill(store, edupont, 14)
    ids = store.read_now(lambda tx: sorted(tx.execute(content.select().with_only_columns(content.c.id)).scalars()))
    odd = {ids[1]: None, ids[6]: None, ids[7]: b"", ids[9]: b"\nsubject: a\0b\nfrom: a\n"}
    for content_id, lines in odd.items():
        store.write_now(Tx.execute, update(content).where(content.c.id == content_id).values(search_fields=lines))
    stored = dict(store.read_now(content_texts.kept_fields, ids))
    assert sum(map(bool, stored.values())) == 11

    def look(wanted: list[int]) -> int:
        """How many parts there are."""
        parts = store.read_now(header_cache.lines_of, edupont, set(wanted))
        read: dict[int, bytes] = {}
        for part in parts:
            read.update(zip(part.docs, part.packed.split(b"\0"), strict=True))
            assert part.without == {content_id for content_id in part.docs if not read[content_id]}
        assert set(read) >= set(wanted)
        assert all(lines == (stored[content_id] or b"") for content_id, lines in read.items() if content_id != ids[9])
        assert read.get(ids[9], b"") == b""  # as if nothing was kept
        return len(parts)

    assert look([]) == 0
    assert look(ids[:2]) == 1
    # Few more than that are not remembered, but where the database is a server.
    parts = 2 if store.backend.dialect == "sqlite" else 1
    assert look(ids[2:7]) == parts
    assert look(ids[::2]) == 2
    assert look(ids[::2]) == 2
    assert look(ids[:1]) == 1
    assert look(ids) == 4
    assert look(ids[5:]) == 4
    assert all(
        one < other
        for part in store.read_now(header_cache.lines_of, edupont, set(ids))
        for one, other in pairwise(part.docs)
    )


def test_a_server_is_asked_for_what_came_since(store: Store, edupont: int) -> None:
    fill(store, edupont, 6)
    ids = store.read_now(lambda tx: sorted(tx.execute(content.select().with_only_columns(content.c.id)).scalars()))

    def look(wanted: list[int]) -> dict[int, bytes]:
        read: dict[int, bytes] = {}
        for part in store.read_now(header_cache.lines_of, edupont, set(wanted)):
            read.update(zip(part.docs, part.packed.split(b"\0"), strict=True))
        return read

    before = look(ids[:4])
    store.write_now(Tx.execute, update(content).values(search_fields=b"\nsubject: other\n"))
    known = before if store.backend.is_shared else dict.fromkeys(ids[:4], b"\nsubject: other\n")
    assert look(ids) == known | dict.fromkeys(ids[4:], b"\nsubject: other\n")
    assert look(ids[:1]).keys() >= {ids[0]}
