"""Private addresses through which a forgotten password is replaced, and the codes that are sent there.

Asking for a code touches neither the password nor `login_version`: the owner notices nothing until it is used.
"""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, insert, select, update

from mailserver.store.account.accounts.rows import note
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import pending_recovery


@dataclass(frozen=True, slots=True)
class Pending:
    """A private address that its owner has yet to confirm."""

    address: str
    code: bytes
    """Keyed hash of the code sent there."""
    expires: int


_SET_CODE = Statement(
    update(account)
    .where(account.c.id == bindparam("wanted"))
    .values(recovery_code=bindparam("hash"), recovery_expires=bindparam("until"))
)
_PENDING = Statement(
    select(pending_recovery.c.address, pending_recovery.c.code, pending_recovery.c.expires).where(
        pending_recovery.c.account_id == bindparam("account_id")
    )
)
_ADDRESS = Statement(select(account.c.recovery_address).where(account.c.id == bindparam("account_id")))


def set_code(tx: Tx, account_id: int, hashed: bytes, expires: int) -> None:
    """Keep the code of a forgotten password; the one before it is dead."""
    tx.run(_SET_CODE, wanted=account_id, hash=hashed, until=expires)


def address(tx: Tx, account_id: int) -> str:
    """The confirmed private address; empty when there is none."""
    row = tx.one(_ADDRESS, account_id=account_id)
    return str(row[0]) if row is not None else ""


def pending(tx: Tx, account_id: int) -> Pending | None:
    """The address that waits to be confirmed, while it may be."""
    row = tx.one(_PENDING, account_id=account_id)
    return Pending(*row) if row is not None and int(row[2]) > tx.now else None


def propose(tx: Tx, account_id: int, wanted: str, hashed: bytes, expires: int) -> None:
    """An address to be confirmed with the code sent there; the proposal before it is dead."""
    cancel(tx, account_id)
    tx.execute(
        insert(pending_recovery),
        {"account_id": account_id, "address": wanted, "code": hashed, "expires": expires},
    )


def cancel(tx: Tx, account_id: int) -> None:
    """Nothing waits to be confirmed."""
    tx.execute(delete(pending_recovery).where(pending_recovery.c.account_id == account_id))


def set_address(tx: Tx, account_id: int, wanted: str, *, own: bool = True) -> str:
    """Keep what the person decided, an address or none; the one before it. A code sent there opens nothing any more.

    From now on no export changes it, unless it was not their `own` decision.
    """
    before = address(tx, account_id)
    cancel(tx, account_id)
    values = {"recovery_address": wanted, "recovery_own": int(own), "recovery_code": None, "recovery_expires": 0}
    note(tx, account_id, values)
    return before
