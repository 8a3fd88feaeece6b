"""Whose password is about to expire, and how many notices of it have gone out."""

from dataclasses import dataclass

from sqlalchemy import bindparam, select, update

from mailserver.model.identity import State
from mailserver.store.account.accounts import Renewal
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody who is to be told."""

    account_id: int
    renewal: Renewal
    recovery_address: str
    end: int = 0
    """The day that the notice names."""


_DUE = Statement(
    select(
        account.c.id, account.c.recovery_address, account.c.password_set, account.c.renewal_notice, account.c.renew_by
    )
    .where(
        account.c.renewal_notice == bindparam("sent"),
        account.c.password_set > 0,
        account.c.password_set <= bindparam("before"),
        account.c.renew_by <= bindparam("promised"),
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
    .values(renewal_notice=bindparam("count"), renew_by=bindparam("until"))
)


def due(tx: Tx, sent: int, before: int, promised: int, number: int, after: int = 0) -> list[Due]:
    """Active people who had `sent` notices, whose password was set by `before` and renewal promised by `promised`."""
    rows = tx.all(_DUE, sent=sent, before=before, promised=promised, after=after, number=number)
    return [Due(row[0], Renewal(*row[2:]), row[1]) for row in rows]


def noticed(tx: Tx, one: Due, count: int) -> bool:
    """Count a notice and keep the day it named; False when another housekeeper sent it, or there is a new password."""
    password = one.renewal.password_set
    return tx.run(_NOTICED, wanted=one.account_id, password=password, count=count, until=one.end) == 1
