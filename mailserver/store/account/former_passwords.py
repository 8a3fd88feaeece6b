"""Hashes of the passwords a person had lately, so that none comes back too soon."""

from sqlalchemy import bindparam, delete, insert, select

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.factors import former_password

_LATEST = Statement(
    select(former_password.c.hash)
    .where(former_password.c.account_id == bindparam("account_id"))
    .order_by(former_password.c.set_at.desc())
    .limit(bindparam("number"))
)
_NEWEST = Statement(
    select(former_password.c.set_at)
    .where(former_password.c.account_id == bindparam("account_id"))
    .order_by(former_password.c.set_at.desc())
    .limit(1)
)
_INSERT = Statement(insert(former_password), keys=("account_id", "set_at", "hash"))


def latest(tx: Tx, account_id: int, number: int) -> list[str]:
    """The newest hashes, the present password's first."""
    return [str(row[0]) for row in tx.all(_LATEST, account_id=account_id, number=number)]


def newest(tx: Tx, account_id: int) -> int:
    """When the newest one was kept; 0: there is none."""
    row = tx.one(_NEWEST, account_id=account_id)
    return int(row[0]) if row is not None else 0


def keep(tx: Tx, account_id: int, password_hash: str, number: int) -> None:
    """Add the password just set; only the newest `number` stay."""
    # Two within one second: the key is the account and the second.
    set_at = max(tx.now, newest(tx, account_id) + 1)
    tx.run(_INSERT, account_id=account_id, set_at=set_at, hash=password_hash)
    kept = (
        select(former_password.c.set_at)
        .where(former_password.c.account_id == account_id)
        .order_by(former_password.c.set_at.desc())
        .limit(number)
    )
    tx.execute(
        delete(former_password).where(
            former_password.c.account_id == account_id, former_password.c.set_at.not_in(kept.scalar_subquery())
        )
    )
