"""What was read before its sender took it back stays and is marked with a keyword; an undoing takes the mark off again.

Both go through the appearances of some contents in the order of a key, a batch a unit.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, func, literal, select, tuple_, update

from mailserver.model.errors import Refused
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import messages
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT, SEEN
from mailserver.store.schema.mail.messages import keyword, mailbox, message
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.finding import meant
from mailserver.store.withdrawal.rows import LEASE_SECONDS, State
from mailserver.store.withdrawal.taking import lock_boxes

MARK = "$Cancelled"
"""It protects nobody: pages say it by columns."""
Key = tuple[int, int, int]
"""Content, mailbox and UID of an appearance."""
BEGINNING: Key = (0, 0, 0)

_IN_ORDER = (message.c.content_id, message.c.mailbox_id, message.c.uid)
_OWNED = select(*_IN_ORDER, mailbox.c.account_id).join_from(message, mailbox, mailbox.c.id == message.c.mailbox_id)
_IS_READ = message.c.flags.op("&")(SEEN) != 0
_IS_SET = message.c.flags.op(">>")(keyword.c.bit + FIRST_KEYWORD_BIT).op("&")(1) == 1
_MARKED = _OWNED.join(keyword, keyword.c.mailbox_id == message.c.mailbox_id).where(
    func.lower(keyword.c.name) == MARK.lower(), _IS_SET
)


def mark_read(
    tx: Tx, most: int, number: int, worker: int, content_ids: Sequence[int], after: Key
) -> tuple[Key, int] | None:
    """Mark up to so many appearances that were read and stay, after one of them; the last, and how many were looked at.
    None: it is no longer about that.

    Raises Refused(NOT_FOUND).
    """
    act = rows.locked(tx, number)
    if act.state is not State.TAKING or not act.spares_read:
        return None
    is_meant = meant(tx, content_ids, act.likeness.came, only_alike=False)
    found = _following(tx, _OWNED.where(_IS_READ, is_meant), after, most)
    marked = _change(tx, found, "+")
    _go_on(tx, number, worker, marked=withdrawal.c.marked + marked)
    return _last(found, after), len(found)


def unmark(
    tx: Tx, most: int, number: int, worker: int, content_ids: Sequence[int], after: Key
) -> tuple[Key, int] | None:
    """Take the mark off up to so many appearances of an act that is undone, whether they are still read or not; as
    `mark_read`.

    Raises Refused(NOT_FOUND).
    """
    act = rows.locked(tx, number)
    if act.state is not State.RESTORING or not act.spares_read:
        return None
    is_meant = meant(tx, content_ids, act.likeness.came, only_alike=False)
    found = _following(tx, _MARKED.where(is_meant), after, most)
    _change(tx, found, "-")
    _go_on(tx, number, worker)
    return _last(found, after), len(found)


def _following(tx: Tx, wanted: Select[Any], after: Key, most: int) -> Sequence[Any]:
    rest = tuple_(*_IN_ORDER) > tuple_(*(literal(part, BigInteger) for part in after))
    found = tx.execute(wanted.where(rest).order_by(*_IN_ORDER).limit(most)).all()
    lock_boxes(tx, {row.mailbox_id for row in found})
    return found


def _change(tx: Tx, found: Sequence[Any], mode: str) -> int:
    """How many were changed."""
    count = 0
    for row in found:
        # A mailbox that has no room for one more keyword keeps the message as it is.
        with contextlib.suppress(Refused):
            changed, _, _ = messages.store_flags(tx, row.account_id, row.mailbox_id, [row.uid], mode, (MARK,))
            count += changed > 0
    return count


def _last(found: Sequence[Any], after: Key) -> Key:
    return (found[-1].content_id, found[-1].mailbox_id, found[-1].uid) if found else after


def _go_on(tx: Tx, number: int, worker: int, **counted: ColumnElement[int]) -> None:
    """Count, and stay the one who is at it."""
    values = {**counted, "worker": worker, "leased": tx.now + LEASE_SECONDS}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
