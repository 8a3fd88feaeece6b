"""Deliveries to one mailbox each, as most of them are: on PostgreSQL many of them are one statement, one transaction
and one sync of the disk, where each by itself is six journeys.

A message whose mailbox somebody else works on, whose content is stored already, or whose mailbox is gone is left out,
and is delivered by itself. Nothing in it waits for a mailbox. Where somebody else is just storing the same content it
waits for what becomes of that, but not for long (PATIENCE): then all of them are delivered by themselves, and only the
one waits.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Insert,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from mailserver.foundation.changes import Change
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine import news
from mailserver.store.engine.arrays import Numbers, Octets, Texts
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.messages.append import (
    BLOB_KEYS,
    CONTENT_KEYS,
    Placing,
    appearance,
    blob_row,
    content_row,
)
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.schema.mail.messages import blob, content, mailbox, message
from mailserver.store.schema.service.console import message_trace
from mailserver.texts.causes import NOTHING


class PlainDelivery(NamedTuple):
    """A message that is to be in one mailbox, unread, and on record."""

    prepared: Prepared
    account_id: int
    mailbox_id: int
    provenance: Provenance
    trace: Trace
    mailbox_name: str = ""
    """Of its account, where the number is not known; on SQLite alone."""


PATIENCE = "500ms"
"""For whoever stores the same octets now: all that are delivered together wait for it, with their mailboxes locked."""
_PLACED = ("door", "door_account", "through_list", "authentication", "impersonation")
_TRACED = ("name", "account_id", "sender", "recipients", "addressed", "message_key")
"""What differs from one to the other."""
_GIVEN = {
    "c": (content, CONTENT_KEYS),
    "b": (blob, BLOB_KEYS),
    "m": (message, _PLACED),
    "t": (message_trace, _TRACED),
}
"""By the letter before their names."""


def _kind(table: Table, name: str) -> TypeEngine[Any]:
    """Of what is given for a column."""
    found = table.c[name].type
    if isinstance(found, Integer):
        return BigInteger()
    return LargeBinary() if isinstance(found, LargeBinary) else Text()


_COLUMNS: dict[str, TypeEngine[Any]] = {
    "box": BigInteger(),
    "account": BigInteger(),
    **{f"{letter}_{name}": _kind(table, name) for letter, (table, names) in _GIVEN.items() for name in names},
}
_ARRAYS: dict[type[TypeEngine[Any]], Callable[[Iterator[Any]], Any]] = {
    BigInteger: Numbers,
    LargeBinary: Octets,
    Text: Texts,
}


def _values(deliveries: Sequence[PlainDelivery], now: int) -> dict[str, Any]:
    """What the statement is given."""
    rows = [_row(delivery, now) for delivery in deliveries]
    return {name: _ARRAYS[type(kind)](row[name] for row in rows) for name, kind in _COLUMNS.items()}


def _row(delivery: PlainDelivery, now: int) -> dict[str, Any]:
    prepared = delivery.prepared
    values = {
        "c": content_row(prepared),
        "b": blob_row(prepared),
        "m": appearance(Placing(0, prepared.size, provenance=delivery.provenance), now),
        "t": traces.row_of(delivery.trace, now),
    }
    row = {f"{letter}_{name}": values[letter][name] for letter, (_, names) in _GIVEN.items() for name in names}
    return {**row, "box": delivery.mailbox_id, "account": delivery.account_id}


def _of(given: Any, letter: str) -> list[ColumnElement[Any]]:
    """Columns of one table, each of its type."""
    table, names = _GIVEN[letter]
    found = []
    for name in names:
        kind, value = table.c[name].type, given.c[f"{letter}_{name}"]
        is_narrow = isinstance(kind, Integer) and not isinstance(kind, BigInteger)
        found.append(cast(value, kind) if is_narrow else value)
    return found


def _rows_given() -> CTE:
    """One a message, in order (`nth`)."""
    arrays = [bindparam(name, type_=postgresql.ARRAY(kind)) for name, kind in _COLUMNS.items()]
    names = [column(name, kind) for name, kind in _COLUMNS.items()]
    table = func.unnest(*arrays).table_valued(*names, with_ordinality="nth").render_derived()
    # Within the statement, which is its own transaction: it costs no journey, and holds for nothing else.
    patience = select(func.set_config("lock_timeout", PATIENCE, True).label("set")).cte("patience")
    return select(*table.c).join_from(table, patience, true()).cte("given")


def _free_mailboxes() -> CTE:
    """Those that nobody else has now: who has a mailbox may wait for what is written here, so nothing here waits for
    a mailbox."""
    return (
        select(mailbox.c.id, mailbox.c.account_id)
        .where(mailbox.c.id == func.any(bindparam("box", type_=postgresql.ARRAY(BigInteger()))))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("free")
    )


def _new_contents(given: CTE) -> CTE:
    """Contents that are stored for the first time, of messages whose mailbox is free."""
    free = _free_mailboxes()
    here = (free.c.id == given.c.box) & (free.c.account_id == given.c.account)
    return (
        postgresql.insert(content)
        .from_select(
            list(CONTENT_KEYS),
            select(*_of(given, "c")).join_from(given, free, here),
        )
        .on_conflict_do_nothing(index_elements=["hash"])
        .returning(content.c.id, content.c.hash)
        .cte("new")
    )


def _minted_numbers(placed: CTE) -> CTE:
    """The numbers before those of the messages in each mailbox, which counts them from now on."""
    counted = (
        select(
            placed.c.box,
            func.count().label("more"),
            cast(func.sum(placed.c.c_size), BigInteger).label("sizes"),
        )
        .group_by(placed.c.box)
        .cte("counted")
    )
    return (
        update(mailbox)
        .where(mailbox.c.id == counted.c.box)
        .values(
            uidnext=mailbox.c.uidnext + counted.c.more,
            modseq=mailbox.c.modseq + counted.c.more,
            messages=mailbox.c.messages + counted.c.more,
            unseen=mailbox.c.unseen + counted.c.more,
            octets=mailbox.c.octets + counted.c.sizes,
        )
        .returning(
            mailbox.c.id,
            (mailbox.c.uidnext - counted.c.more - 1).label("uid"),
            (mailbox.c.modseq - counted.c.more).label("modseq"),
        )
        .cte("minted")
    )


def _appearances(given: CTE, placed: CTE) -> Insert:
    """The messages in their mailboxes."""
    now = bindparam("now", type_=BigInteger)
    minted = _minted_numbers(placed)
    return insert(message).from_select(
        ["mailbox_id", "uid", "content_id", "modseq", "flags", "internal_date", "saved", "size", *_PLACED],
        select(
            placed.c.box,
            minted.c.uid + placed.c.turn,
            placed.c.id,
            minted.c.modseq + placed.c.turn,
            literal(0, BigInteger),
            now,
            now,
            given.c.c_size,
            *_of(given, "m"),
        )
        .join_from(placed, minted, minted.c.id == placed.c.box)
        .join(given, given.c.nth == placed.c.nth),
    )


def _steps(given: CTE, placed: CTE) -> Insert:
    """What goes on record of them."""
    now = bindparam("now", type_=BigInteger)
    return insert(message_trace).from_select(
        ["at", "event", "size", "detail", *_TRACED],
        select(now, literal(Step.RECEIVED.value), given.c.c_size, literal(""), *_of(given, "t")).join_from(
            placed, given, given.c.nth == placed.c.nth
        ),
    )


def _statement() -> Statement:
    """Everything that a delivery writes. What it answers: the places of those that were done, and their contents."""
    given = _rows_given()
    new = _new_contents(given)
    same = new.c.hash == given.c.c_hash
    filled = insert(blob).from_select(
        ["content_id", *BLOB_KEYS],
        select(new.c.id, *_of(given, "b")).join_from(new, given, same),
    )
    turn = func.row_number().over(partition_by=given.c.box, order_by=given.c.nth)
    placed = (
        select(given.c.nth, given.c.box, given.c.c_size, new.c.id, turn.label("turn"))
        .join_from(new, given, same)
        .cte("placed")
    )
    told = select(func.pg_notify(news.CHANNEL, bindparam("news", type_=Text))).scalar_subquery()
    written, traced = _appearances(given, placed), _steps(given, placed)
    answer = select(placed.c.nth, placed.c.id, told)
    return Statement(answer.add_cte(filled.cte("filled"), written.cte("written"), traced.cte("traced")))


_DELIVER = _statement()


def is_plain(trace: Trace, prepared: Prepared) -> bool:
    """Whether its step is what the statement writes: it came in, and there is no more to say of it."""
    return trace.step is Step.RECEIVED and trace.size == prepared.size and trace.detail is NOTHING


def deliver(tx: Tx, worker: int, deliveries: Sequence[PlainDelivery]) -> list[int]:
    """Store them, each for itself; their contents, 0 for those that are left out. On PostgreSQL, in no transaction.

    Messages that are the same octet by octet are not for it.
    """
    changes = [Change(delivery.account_id, delivery.mailbox_id) for delivery in deliveries]
    for change in changes:
        tx.changed(change.account_id, change.mailbox_id)
    told = news.payload(worker, list(dict.fromkeys(changes)))
    now = tx.now
    done = tx.all(_DELIVER, **_values(deliveries, now), now=now, news=told)
    contents = [0] * len(deliveries)
    for nth, content_id, _ in done:
        contents[nth - 1] = content_id
    return contents
