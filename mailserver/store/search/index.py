"""The search index's rows: what is to be indexed, texts, segments, and the lease of the one that indexes.

Two steps, both far from any delivery. First every new content gets its folded texts, once for all who hold
it (`content.indexed`). Then an account with enough contents in no segment gets one more segment; small
segments are merged into larger ones, so an account with n contents has about log n of them. A search looks
at the segments of its account, and at the texts (or, failing them, the octets) of what is in no segment: the
index decides how fast an answer is, never which.

What costs CPU (`extract`, `assemble`) needs no transaction; a unit only moves rows and is over in milliseconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import structlog
from sqlalchemy import bindparam, delete, func, insert, not_, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.mime import Part, unpack
from mailserver.mime.body import folded_fields, text
from mailserver.model.errors import Damaged
from mailserver.store.engine import leases
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import blobs, collect
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.mail.search import UNINDEXED, search_account, search_lease, search_segment, search_text
from mailserver.store.search import vocabulary
from mailserver.store.search.vocabulary import MAX_TEXTS, Places, Reader, Segment, Words

log = structlog.get_logger("indexer")

BATCH = 256
"""Contents whose texts are made in one go."""
UNIT_TEXTS = 128
UNIT_OCTETS = 512 * 1024
"""Texts and their octets that one unit writes."""
SEGMENT_MINIMUM = 64
"""Contents without a segment that are worth one: fewer are read through in a millisecond or two."""
SEGMENT_TEXTS = 2048
"""Contents of a fresh segment: the more at once, the fewer merges."""
SEGMENT_OCTETS = 4 * 1024 * 1024
"""Compressed octets of the texts and vocabularies of one segment. Ordinary mail stays far below; what does not
compress is words that nobody else has, and each of their octets takes fifty while the segment is put together."""
TEXTS_READ = 128
"""At once, for a segment."""
COUNTED_ACCOUNTS = 500
"""Accounts whose counter one unit moves. A content of more accounts than that is a mailing: their searches
read its text, and one of their own messages will have it indexed."""
LEASE_SECONDS = 15

Field = Literal["header", "body"]
FIELDS: tuple[Field, ...] = ("header", "body")

collect.also_removes(search_text, search_text.c.content_id)


@dataclass(frozen=True, slots=True)
class Texts:
    """The folded texts of a content in UTF-8: header fields one a line between line feeds, and the body's words."""

    content_id: int
    header: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Packed:
    """The same as they are stored."""

    content_id: int
    header: bytes
    body: bytes


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


# ---------------------------------------------------------------------- the lease

_TAKE = Statement(
    update(search_lease)
    .where(
        search_lease.c.id == 1,
        or_(search_lease.c.worker == bindparam("me"), leases.is_over(search_lease.c.until)),
    )
    .values(worker=bindparam("me"), until=bindparam("end"))
)

_LEASED = Statement(
    select(search_lease.c.worker).where(
        search_lease.c.worker != bindparam("me"), not_(leases.is_over(search_lease.c.until))
    )
)


def take_lease(tx: Tx, worker: int) -> bool:
    """Make sure that this process (`Store.worker`) is the one that indexes, for a while from now."""
    times = leases.times(tx.now, LEASE_SECONDS)
    if tx.run(_TAKE, me=worker, **times):
        return True
    return bool(tx.insert_ignore(search_lease, {"id": 1, "worker": worker, "until": times["end"]}))


def release_lease(tx: Tx, worker: int) -> None:
    """Let another indexer work."""
    tx.execute(delete(search_lease).where(search_lease.c.worker == worker))


# ---------------------------------------------------------------------- texts

_PENDING = Statement(select(content.c.id).where(UNINDEXED).order_by(content.c.id).limit(bindparam("limit")))
_SOURCE = select(content.c.id, content.c.parts, blob.c.header, blob.c.octets, blob.c.file).join_from(
    content, blob, blob.c.content_id == content.c.id
)
_SOURCES = Statement(_SOURCE.where(UNINDEXED).order_by(content.c.id).limit(bindparam("limit")))


def is_elsewhere(tx: Tx, worker: int) -> bool:
    """Whether another host's indexer is at it."""
    return tx.one(_LEASED, me=worker, **leases.times(tx.now, LEASE_SECONDS)) is not None


def has_work(tx: Tx) -> bool:
    """True when contents wait for their texts, or an account for a segment."""
    return bool(tx.all(_PENDING, limit=1)) or bool(crowded(tx, 1))


def backlog(tx: Tx, most: int) -> int:
    """How many contents wait for their texts; no more than `most` are counted."""
    return len(tx.all(_PENDING, limit=most))


def waiting(tx: Tx, most: int) -> list[int]:
    """The contents that wait for their texts, oldest first, no more than `most`."""
    return [int(row[0]) for row in tx.all(_PENDING, limit=most)]


def pending(tx: Tx, limit: int) -> list[Row]:
    """The oldest contents without texts, as `extract` wants them."""
    return tx.all(_SOURCES, limit=limit)


def sources(tx: Tx, content_ids: Sequence[int]) -> list[Row]:
    """The same of these contents."""
    return [tuple(row) for row in tx.execute(_SOURCE.where(content.c.id.in_(content_ids)))]


def extract(folder: BlobFolder, source: Row, *, header: bool = True) -> Texts:
    """The folded texts of a content, the header's only if wanted. Needs no transaction."""
    content_id, parts, head_frame, octets, file = source
    root = unpack(parts)
    # Of a body alone only the offsets matter.
    head = _read(content_id, blobs.expand, head_frame) if header else bytes(root.body)
    size = _text_end(root) - len(head)
    body = _read(content_id, blobs.read_start, folder, octets, file, size) if size > 0 else b""
    whole = head + body
    words = text.fold(text.body_text(whole, root))
    return Texts(content_id, folded_fields.lines(head) if header else b"", words.encode("utf-8", "replace"))


def _read(content_id: int, read: Callable[..., bytes], *args: Any) -> bytes:
    """What is left of a message that is damaged: nothing, so that the others are still indexed."""
    try:
        return read(*args)
    except Damaged as error:
        log.error("message is damaged: its text is not indexed", content=content_id, why=error.fault)
        return b""


def _text_end(root: Part) -> int:
    """Where the last part with text ends: attachments behind it need not be read."""
    return max(
        (part.end for part in root.walk(into_messages=True) if part.type.startswith(("text/", "message/"))),
        default=0,
    )


def pack(texts: Texts) -> Packed:
    """Compress texts for their row. Needs no transaction."""
    return Packed(texts.content_id, blobs.compress(texts.header), blobs.compress(texts.body))


def units(texts: Sequence[Packed]) -> Iterator[list[Packed]]:
    """Divide texts into what one unit may write."""
    unit: list[Packed] = []
    octets = 0
    for packed in texts:
        size = len(packed.header) + len(packed.body)
        if unit and (len(unit) >= UNIT_TEXTS or octets + size > UNIT_OCTETS):
            yield unit
            unit, octets = [], 0
        unit.append(packed)
        octets += size
    if unit:
        yield unit


_INSERT_TEXT = Statement(insert(search_text), keys=("content_id", "header", "body"))
_THERE = ManyStatement(select(content.c.id).where(UNINDEXED).with_for_update(key_share=True), content.c.id)
_HOLDERS = ManyStatement(
    select(mailbox.c.account_id, func.count())
    .select_from(message.join(mailbox, mailbox.c.id == message.c.mailbox_id))
    .group_by(mailbox.c.account_id)
    .limit(bindparam("most")),
    message.c.content_id,
)


def _waiting(maker: Callable[..., Any]) -> Statement:
    row = maker(search_account)
    more = search_account.c.waiting + row.excluded.waiting
    clause = row.on_conflict_do_update(index_elements=["account_id"], set_={"waiting": more})
    return Statement(clause, keys=("account_id", "waiting"))


_WAIT = {"sqlite": _waiting(sqlite.insert), "postgresql": _waiting(postgresql.insert)}


def save_texts(tx: Tx, worker: int, texts: Sequence[Packed]) -> bool:
    """Store texts and count them for whoever holds the contents; False when another indexer has the lease."""
    if not take_lease(tx, worker):
        return False
    ids = [packed.content_id for packed in texts]
    alive = {row[0] for row in _THERE.rows(tx, ids)}
    rows = [packed for packed in texts if packed.content_id in alive]
    tx.many(_INSERT_TEXT, [{"content_id": row.content_id, "header": row.header, "body": row.body} for row in rows])
    if rows:
        tx.execute(update(content).where(content.c.id.in_([row.content_id for row in rows])).values(indexed=1))
    counts = _HOLDERS.rows(tx, list(alive), most=COUNTED_ACCOUNTS)
    if counts:
        tx.many(_WAIT[tx.dialect], [{"account_id": account, "waiting": count} for account, count in sorted(counts)])
    return True


def stored_texts(tx: Tx, content_ids: Sequence[int], *, header: bool = True) -> list[Row]:
    """(content id, header frame or None, body frame) of those that have texts."""
    columns: list[Any] = [search_text.c.content_id, search_text.c.header if header else null(), search_text.c.body]
    return [tuple(row) for row in tx.execute(select(*columns).where(search_text.c.content_id.in_(content_ids)))]


_KEPT_FIELDS = ManyStatement(select(content.c.id, content.c.search_fields), content.c.id)


def kept_fields(tx: Tx, content_ids: Sequence[int]) -> list[Row]:
    """(content id, lines of `folded_fields.KEPT` or None) of these contents."""
    return _KEPT_FIELDS.rows(tx, content_ids)


def headers(tx: Tx, content_ids: Sequence[int]) -> list[Row]:
    """(content id, frame of the header as it was sent)."""
    found = select(blob.c.content_id, blob.c.header).where(blob.c.content_id.in_(content_ids))
    return [tuple(row) for row in tx.execute(found)]


# ---------------------------------------------------------------------- segments

_CROWDED = Statement(
    select(search_account.c.account_id)
    .where(search_account.c.waiting >= bindparam("least"))
    .order_by(search_account.c.waiting.desc())
    .limit(bindparam("limit"))
)
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
    """The segment of a plan; None when nothing would be in it. Needs no transaction."""
    texts = [
        (content_id, blobs.expand(header).decode("utf-8"), blobs.expand(body).decode("utf-8"))
        for content_id, header, body in planned.texts
    ]
    fresh = vocabulary.build(texts)
    if not planned.merged:
        return fresh if fresh.docs else None
    return vocabulary.merge([*(segment for _, segment in planned.merged), fresh], set(planned.held))


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
