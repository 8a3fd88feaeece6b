"""The index segments of an account: what a search asks of them, and how one more is made.

Small segments are merged into larger ones, so an account with n contents has about log n of them. What costs CPU
(`assemble`) needs no transaction; a unit only moves rows and is over in milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, delete, insert, select, update

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import blobs
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.mail.search import search_account, search_segment
from mailserver.store.search import vocabulary
from mailserver.store.search.content_texts import backlog, stored_texts
from mailserver.store.search.indexing_lease import take_lease
from mailserver.store.search.vocabulary import MAX_TEXTS, Places, Reader, Segment, Words

SEGMENT_MINIMUM = 64
"""Contents without a segment that are worth one: fewer are read through in a millisecond or two."""
NEGLECTED = 4 * SEGMENT_MINIMUM
"""An account with so many has not had its turn for long."""
SEGMENT_TEXTS = 2048
"""Contents of a fresh segment: the more at once, the fewer merges."""
SEGMENT_OCTETS = 4 * 1024 * 1024
"""Compressed octets of the texts and vocabularies of one segment. Ordinary mail stays far below; what does not
compress is words that nobody else has, and each of their octets takes fifty while the segment is put together."""
TEXTS_READ = 128
"""At once, for a segment."""

Field = Literal["header", "body"]
FIELDS: tuple[Field, ...] = ("header", "body")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one more segment of an account is made of."""

    account_id: int
    texts: tuple[Row, ...]
    """(content id, header frame, body frame)."""
    merged: tuple[tuple[int, Segment], ...]
    held: frozenset[int]
    """Every content the account holds."""
    left: int
    """Contents that will still be in no segment."""


@dataclass(frozen=True, slots=True)
class Documents:
    """The contents of a segment."""

    id: int
    docs: tuple[int, ...]
    """By number."""
    contents: frozenset[int]
    loose: frozenset[int]
    """Those that are in no vocabulary."""


def has_work(tx: Tx) -> bool:
    """True when contents wait for their texts, or an account for a segment."""
    return bool(backlog(tx, 1)) or bool(crowded(tx, 1))


_CROWDED = Statement(
    select(search_account.c.account_id)
    .where(search_account.c.waiting >= bindparam("least"))
    .order_by(search_account.c.waiting.desc())
    .limit(bindparam("limit"))
)
_MOST_WAITING = Statement(select(search_account.c.waiting).order_by(search_account.c.waiting.desc()).limit(1))
_HELD = Statement(
    select(message.c.content_id)
    .join(mailbox, mailbox.c.id == message.c.mailbox_id)
    .where(mailbox.c.account_id == bindparam("account"))
)
_SEGMENTS = Statement(
    select(search_segment.c.id)
    .where(search_segment.c.account_id == bindparam("account"))
    .order_by(search_segment.c.size.desc())
)
_DOCS = Statement(
    select(search_segment.c.docs, search_segment.c.loose).where(search_segment.c.id == bindparam("segment"))
)
_SEGMENT = Statement(
    select(
        search_segment.c.docs,
        search_segment.c.loose,
        search_segment.c.header_words,
        search_segment.c.header_postings,
        search_segment.c.body_words,
        search_segment.c.body_postings,
    ).where(search_segment.c.id == bindparam("segment"))
)


def _column(name: str) -> Statement:
    return Statement(select(search_segment.c[name]).where(search_segment.c.id == bindparam("segment")))


_WORDS = {"header": _column("header_words"), "body": _column("body_words")}
_POSTINGS = {"header": _column("header_postings"), "body": _column("body_postings")}
_INSERT_SEGMENT = Statement(
    insert(search_segment),
    keys=(
        "account_id",
        "size",
        "docs",
        "loose",
        "header_words",
        "header_postings",
        "body_words",
        "body_postings",
    ),
)


def crowded(tx: Tx, limit: int) -> list[int]:
    """Accounts with enough contents in no segment, the most first."""
    return [row[0] for row in tx.all(_CROWDED, limit=limit, least=SEGMENT_MINIMUM)]


def most_waiting(tx: Tx) -> int:
    """How many contents are in no segment, of the account that has most of them."""
    row = tx.one(_MOST_WAITING)
    return 0 if row is None else int(row[0])


def documents(tx: Tx, account_id: int) -> list[Documents]:
    """The segments of an account, the largest first. Segments never change, so they are remembered."""
    return [_documents(tx, row[0]) for row in tx.all(_SEGMENTS, account=account_id)]


def _documents(tx: Tx, segment_id: int) -> Documents:
    known: Documents | None = tx.memory.get(("documents", segment_id))
    if known is None:
        row = tx.one(_DOCS, segment=segment_id)
        assert row is not None
        docs = tuple(vocabulary.numbers("q", row[0]))
        loose = frozenset(docs[number] for number in vocabulary.numbers("H", row[1]))
        known = Documents(segment_id, docs, frozenset(docs), loose)
        tx.memory.put(("documents", segment_id), known, 100 * len(docs) + 1000)
    return known


def reader(tx: Tx, segment: Documents, field: Field) -> Reader:
    """What searches one field of a segment. What it unpacks is remembered, each part for itself."""
    name = ("words", field, segment.id)
    words: bytes | None = tx.memory.get(name)
    if words is None:
        words = blobs.expand(_only(tx, _WORDS[field], segment))
        tx.memory.put(name, words, len(words))
    known = words
    return Reader(known, len(segment.docs), len(segment.loose), lambda: _places(tx, segment, field, known))


def _places(tx: Tx, segment: Documents, field: Field, words: bytes) -> Places:
    name = ("places", field, segment.id)
    known: Places | None = tx.memory.get(name)
    if known is None:
        known = vocabulary.places(_only(tx, _POSTINGS[field], segment), words)
        tx.memory.put(name, known, known.octets)
    return known


def _only(tx: Tx, statement: Statement, segment: Documents) -> bytes:
    row = tx.one(statement, segment=segment.id)
    assert row is not None
    return bytes(row[0])


def plan(tx: Tx, account_id: int) -> Plan:
    """What to put into the account's next segment: contents that are in none, and the segments no larger, as long as
    all of them do not take too much room at once."""
    held = {row[0] for row in tx.all(_HELD, account=account_id)}
    segments = documents(tx, account_id)
    missing = sorted(held.difference(*(segment.contents for segment in segments)))
    texts, seen = _fresh(tx, missing[:SEGMENT_TEXTS])
    size, octets = len(texts), sum(map(_octets, texts))
    merged: list[tuple[int, Segment]] = []
    for segment in reversed(segments):
        alive = len(segment.contents & held)
        if (alive <= size or alive < len(segment.docs) // 2) and size + alive <= MAX_TEXTS:
            found = _segment(tx, segment.id)
            more = len(found.header.vocabulary) + len(found.body.vocabulary)
            if octets + more <= SEGMENT_OCTETS:
                merged.append((segment.id, found))
                size, octets = size + alive, octets + more
    return Plan(account_id, tuple(texts), tuple(merged), frozenset(held), len(missing) - seen)


def _fresh(tx: Tx, content_ids: Sequence[int]) -> tuple[list[Row], int]:
    """The texts of as many of these contents as one segment may be made of, at least of one; of how many of them."""
    texts: list[Row] = []
    octets = 0
    for start in range(0, len(content_ids), TEXTS_READ):
        some = content_ids[start : start + TEXTS_READ]
        for row in sorted(stored_texts(tx, some)):
            octets += _octets(row)
            if texts and octets > SEGMENT_OCTETS:
                return texts, start + some.index(row[0])
            texts.append(row)
    return texts, len(content_ids)


def _octets(row: Row) -> int:
    _, header, body = row
    return len(header) + len(body)


def _segment(tx: Tx, segment_id: int) -> Segment:
    row = tx.one(_SEGMENT, segment=segment_id)
    assert row is not None
    docs, loose_numbers, *fields = row
    return Segment(
        tuple(vocabulary.numbers("q", docs)),
        frozenset(vocabulary.numbers("H", loose_numbers)),
        Words(fields[0], fields[1]),
        Words(fields[2], fields[3]),
    )


def assemble(planned: Plan) -> Segment | None:
    """The segment of a plan; None when nothing would be in it. Needs no transaction. Raises Damaged."""
    texts = [
        (content_id, blobs.expand(header).decode("utf-8"), blobs.expand(body).decode("utf-8"))
        for content_id, header, body in planned.texts
    ]
    fresh = vocabulary.build(texts)
    if not planned.merged:
        return fresh if fresh.docs else None
    return vocabulary.merge([*(segment for _, segment in planned.merged), fresh], set(planned.held))


def damaged_texts(planned: Plan) -> list[int]:
    """The contents of a plan whose texts cannot be read. Needs no transaction."""
    return [content_id for content_id, *frames in planned.texts if not all(map(blobs.is_whole, frames))]


def save_segment(tx: Tx, worker: int, planned: Plan, segment: Segment | None) -> bool:
    """Put a segment in the place of those it was merged from; False when another indexer has the lease."""
    if not take_lease(tx, worker):
        return False
    replaced = [segment_id for segment_id, _ in planned.merged]
    if replaced:
        tx.execute(delete(search_segment).where(search_segment.c.id.in_(replaced)))
    if segment is not None and segment.docs:
        tx.run(
            _INSERT_SEGMENT,
            account_id=planned.account_id,
            size=len(segment.docs),
            docs=vocabulary.octets("q", segment.docs),
            loose=vocabulary.octets("H", sorted(segment.loose)),
            header_words=segment.header.vocabulary,
            header_postings=segment.header.postings,
            body_words=segment.body.vocabulary,
            body_postings=segment.body.postings,
        )
    left = planned.left if planned.texts else 0
    tx.execute(update(search_account).where(search_account.c.account_id == planned.account_id).values(waiting=left))
    return True
