"""Columns of a mailbox's messages, whole: what sorting and threading read of every message."""

from array import array
from collections.abc import Sequence
from itertools import compress
from typing import Any

from sqlalchemy import ColumnElement, Integer, LargeBinary, bindparam, case, func, literal, select

from mailserver.store.engine.column_concat import in_order, numbers, numbers_of, split, texts_of
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.messages.reading import COLUMNS, fetch, fetch_uids, source
from mailserver.store.schema.mail.messages import message

Values = list[Sequence[Any]]
"""Column by column."""

FEW = 32
"""Messages that are read sooner row by row."""
LIGHT = 16
"""Messages that may be read at once, however much of them is asked."""
HEAVY = 8 * 1024 * 1024
"""Octets of columns that are too much to be read at once."""
LONG = 32 * 1024
"""Octets of a value that is not joined."""
PART = 64
"""Messages that are read row by row before it is looked how much they are."""
_BINARY = frozenset({"hash", "header", "octets"})
"""Columns whose octets may be any."""

_statements: dict[tuple[str, ...], Statement] = {}


def fetch_columns(
    tx: Tx, account_id: int, mailbox_id: int, columns: Sequence[str], low: int, high: int
) -> "tuple[array[int], Values]":
    """The UIDs low..high that are there, ascending, and these columns (of `message` and `content`) beside them.

    Raises Refused(NO_SUCH_MAILBOX).
    """
    mailboxes.check(tx, account_id, mailbox_id)
    if tx.dialect == "sqlite":
        found = _joined(tx, mailbox_id, tuple(columns), low, high)
        if found is not None:
            return found
    rows = fetch(tx, account_id, mailbox_id, ("uid", *columns), low, high)
    uids, *values = zip(*rows, strict=True) if rows else ((),) * (1 + len(columns))
    return array("I", uids), list(values)


def fetch_columns_of(
    tx: Tx, account_id: int, mailbox_id: int, columns: Sequence[str], uids: Sequence[int], *, complete: bool = False
) -> "tuple[Sequence[int], Values] | None":
    """The same of messages with these ascending UIDs, dense or sparse.

    None when that is too much to be read at once, which it never is of LIGHT messages: what is rendered of one takes a
    kilobyte as a rule and a megabyte at worst. `complete`: None, too, when a value is none.
    """
    few = len(uids) < FEW or len(uids) * 2 < uids[-1] - uids[0]
    if tx.dialect != "sqlite" or few or not _BINARY.isdisjoint(columns):
        return _from_rows(tx, account_id, mailbox_id, columns, uids)
    mailboxes.check(tx, account_id, mailbox_id)
    found = _joined(tx, mailbox_id, tuple(columns), uids[0], uids[-1])
    if found is None:
        return None if complete else _from_rows(tx, account_id, mailbox_id, columns, uids)
    there, values = found
    if len(there) == len(uids) or len(there) == 0:
        return there, values
    wanted = set(uids)
    chosen = [uid in wanted for uid in there]
    return array("I", compress(there, chosen)), [list(compress(column, chosen)) for column in values]


def fetch_some(
    tx: Tx, account_id: int, mailbox_id: int, names: Sequence[str], uids: Sequence[int], step: int
) -> tuple[list[Row], Sequence[int], int]:
    """Rows of the first of these messages, the UIDs that were looked for, and the octets in them: all of them, unless
    HEAVY was exceeded on the way, about which it is asked after each `step` messages.

    Raises Refused(NO_SUCH_MAILBOX).
    """
    rows: list[Row] = []
    held = 0
    for start in range(0, len(uids), step):
        read = fetch_uids(tx, account_id, mailbox_id, names, uids[start : start + step])
        held += sum([len(value) for row in read for value in row if isinstance(value, bytes)])
        rows += read
        if held > HEAVY:
            return rows, uids[: start + step], held
    return rows, uids, held


def _from_rows(
    tx: Tx, account_id: int, mailbox_id: int, columns: Sequence[str], uids: Sequence[int]
) -> "tuple[Sequence[int], Values] | None":
    rows, _, held = fetch_some(tx, account_id, mailbox_id, ("uid", *columns), uids, PART)
    if held > HEAVY and len(uids) > LIGHT:
        return None
    found, *values = zip(*rows, strict=True) if rows else ((),) * (1 + len(columns))
    return found, list(values)


def _joined(
    tx: Tx, mailbox_id: int, columns: tuple[str, ...], low: int, high: int
) -> "tuple[array[int], Values] | None":
    """The same of texts that SQLite joins; None if a value is none, or LONG, or has what stands between values."""
    bounds = {"box": mailbox_id, "low": low, "high": high}
    row = tx.one(_statement(columns), **bounds)
    assert row is not None
    count, lacking, *texts = row
    if not count:
        return array("I"), [()] * len(columns)
    if lacking:
        return None
    uids = range(low, high + 1) if count == high - low + 1 else _numbers(tx.one(_statement(("uid",)), **bounds))
    values: Values = []
    for name, text in zip(columns, texts, strict=True):
        made = numbers(text) if isinstance(COLUMNS[name].type, Integer) else split(text, count)
        if made is None:
            return None
        values.append(made)
    return array("I", uids), values


def _numbers(row: Row | None) -> list[int]:
    return numbers(row[-1]) if row is not None else []


def _statement(columns: tuple[str, ...]) -> Statement:
    """One compiled statement per set of columns, as in `reading`."""
    known = _statements.get(columns)
    if known is None:
        rows = (
            select(*[_short(COLUMNS[name]).label(f"column{place}") for place, name in enumerate(columns)])
            .select_from(source(columns))
            .where(
                message.c.mailbox_id == bindparam("box"),
                message.c.uid.between(bindparam("low"), bindparam("high")),
            )
            .order_by(message.c.uid)
        )
        found = in_order(rows).subquery()
        joined = [numbers_of(column) if isinstance(column.type, Integer) else texts_of(column) for column in found.c]
        lacking = sum((func.count() - func.count(column) for column in found.c if _is_octets(column)), literal(0))
        known = _statements[columns] = Statement(select(func.count(), lacking, *joined).select_from(found))
    return known


def _is_octets(column: ColumnElement[Any]) -> bool:
    return isinstance(column.type, LargeBinary)


def _short(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column, its LONG octets left out; whether octets are LONG is known without reading them."""
    return case((func.length(column) <= LONG, column)) if _is_octets(column) else column
