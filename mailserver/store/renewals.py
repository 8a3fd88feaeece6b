"""Whose password is about to expire, and how many notices of it have gone out."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from mailserver.identity import State
from mailserver.store.schema.accounts import account
from mailserver.store.statements import Statement, Tx


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody who is to be told."""

    account_id: int
    password_set: int
    recovery_address: str


_DUE = Statement(
    select(account.c.id, account.c.password_set, account.c.recovery_address)
    .where(
        account.c.renewal_notice == bindparam("sent"),
        account.c.password_set > bindparam("since"),
        account.c.password_set <= bindparam("before"),
        account.c.state == State.ACTIVE.value,
        account.c.id > bindparam("after"),
    )
    .order_by(account.c.id)
    .limit(bindparam("number"))
)
_NOTICED = Statement(
    update(account)
    .where(
        account.c.id == bindparam("wanted"),
        account.c.password_set == bindparam("password"),
        account.c.renewal_notice < bindparam("count"),
    )
    .values(renewal_notice=bindparam("count"))
)


def due(tx: Tx, sent: int, since: int, before: int, number: int, after: int = 0) -> list[Due]:
    """Active people who had `sent` notices and whose password was set after `since` and not after `before`, by id."""
    rows = tx.all(_DUE, sent=sent, since=max(0, since), before=before, after=after, number=number)
    return [Due(*row) for row in rows]


def noticed(tx: Tx, one: Due, count: int) -> bool:
    """Count a notice; False when another caretaker sent it, or there is a new password."""
    return tx.run(_NOTICED, wanted=one.account_id, password=one.password_set, count=count) == 1
