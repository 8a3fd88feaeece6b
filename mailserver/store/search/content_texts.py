"""The folded texts of contents, made once for all who hold them: which are wanted, how they are made, their rows.

What costs CPU (`extract`, `pack`) needs no transaction; a unit only moves rows and is over in milliseconds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import bindparam, func, insert, null, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.mime import Part, unpack
from mailserver.mime.body import folded_fields, text
from mailserver.model.errors import Damaged
from mailserver.store.engine.statements import ManyStatement, Row, Statement, Tx
from mailserver.store.mail import blobs, collect
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.mail.search import UNINDEXED, search_account, search_text
from mailserver.store.search.indexing_lease import take_lease

log = structlog.get_logger("indexer")

BATCH = 256
"""Contents whose texts are made in one go."""
UNIT_TEXTS = 128
UNIT_OCTETS = 512 * 1024
"""Texts and their octets that one unit writes."""
COUNTED_ACCOUNTS = 500
"""Accounts whose counter one unit moves. A content of more accounts than that is a mailing: their searches
read its text, and one of their own messages will have it indexed."""

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


_PENDING = Statement(select(content.c.id).where(UNINDEXED).order_by(content.c.id).limit(bindparam("limit")))
_SOURCE = select(content.c.id, content.c.parts, blob.c.header, blob.c.octets, blob.c.file).join_from(
    content, blob, blob.c.content_id == content.c.id
)
_SOURCES = Statement(_SOURCE.where(UNINDEXED).order_by(content.c.id).limit(bindparam("limit")))


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
