"""How much mail an account may hold, in octets and in messages (RFC 9208 STORAGE and MESSAGE), and how much it does."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, true

from mailserver.foundation.settings import Limits
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import message_quota


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one account; 0: none. The setting's are what an account without its own has."""

    octets: int = 0
    messages: int = 0

    @classmethod
    def of(cls, limits: Limits) -> "Quota":
        """The setting's."""
        return cls(limits.quota, limits.quota_messages)


NO_QUOTA = Quota()

_OWN_LIMITS = (
    select(account.c.quota, message_quota.c.messages)
    .select_from(account.outerjoin(message_quota, message_quota.c.account_id == account.c.id))
    .where(account.c.id == bindparam("account"))
)
_OWN = Statement(_OWN_LIMITS)
_HELD = select(
    func.coalesce(func.sum(mailbox.c.octets), 0).label("octets"),
    func.coalesce(func.sum(mailbox.c.messages), 0).label("messages"),
).where(mailbox.c.account_id == bindparam("account"))


_USAGE = Statement(_HELD)


def _limits_and_usage() -> Statement:
    held = _HELD.subquery()
    return Statement(_OWN_LIMITS.add_columns(held.c.octets, held.c.messages).join(held, true()))


_BOTH = _limits_and_usage()
"""Where each statement is a journey to a server."""


def usage(tx: Tx, account_id: int) -> tuple[int, int]:
    """Octets and messages the account holds, over all its mailboxes."""
    row = tx.one(_USAGE, account=account_id)
    assert row is not None
    return int(row[0]), int(row[1])


def quota(tx: Tx, account_id: int, default: Quota) -> Quota:
    """What an account may hold: its own limits, else the setting's."""
    return _counting(tx.one(_OWN, account=account_id), default)


def _counting(row: Row | None, default: Quota) -> Quota:
    """The limits that count, of a row of an account's own."""
    if row is None:
        return default
    octets, count = row[:2]
    return Quota(default.octets if octets < 0 else octets, default.messages if count is None else count)


def _limits_and_held(tx: Tx, account_id: int, default: Quota) -> tuple[Quota, int, int]:
    """The limits of an account, and what it holds in octets and messages, unless nothing limits it."""
    if tx.dialect != "sqlite":
        row = tx.one(_BOTH, account=account_id)
        return (_counting(row, default), int(row[2]), int(row[3])) if row is not None else (default, 0, 0)
    limits = quota(tx, account_id, default)
    return (limits, *(usage(tx, account_id) if limits.octets or limits.messages else (0, 0)))


def check_quota(tx: Tx, account_id: int, default: Quota | None, octets: int, count: int = 0) -> None:
    """Raises Refused(OVER_QUOTA) when so much more would pass the account's limits; `default` None: nobody asks."""
    if default is None:
        return
    limits, used, held = _limits_and_held(tx, account_id, default)
    if limits.octets and used + octets > limits.octets:
        raise Refused(Reason.OVER_QUOTA, "Mailbox is full")
    if limits.messages and held + count > limits.messages:
        raise Refused(Reason.OVER_QUOTA, "Mailbox holds as many messages as it may")


def room(tx: Tx, account_id: int, default: Quota) -> int | None:
    """Octets that one more message may have; None: any number. Raises Refused(OVER_QUOTA) when none may come."""
    limits, used, held = _limits_and_held(tx, account_id, default)
    if (limits.octets and used >= limits.octets) or (limits.messages and held >= limits.messages):
        raise Refused(Reason.OVER_QUOTA, "Mailbox is full")
    return limits.octets - used if limits.octets else None


def set_message_quota(tx: Tx, account_id: int, count: int) -> None:
    """Messages an account may hold; 0: any number, -1: the setting's."""
    tx.execute(delete(message_quota).where(message_quota.c.account_id == account_id))
    if count >= 0:
        tx.insert_ignore(message_quota, {"account_id": account_id, "messages": count})
    moved(tx, account_id)
