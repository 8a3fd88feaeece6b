"""Second factors of people: the sealed secret of their code generator, and the printed codes that stand in for it.

Nothing here knows a key: secrets come sealed, codes as keyed hashes (`mailserver.login.factors`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.factors import one_time_password, recovery_code


@dataclass(frozen=True, slots=True)
class Factor:
    """What is kept of a person's code generator."""

    sealed: str
    confirmed: int
    """When the first code proved that it works; 0: it is being set up and counts for nothing."""
    last_counter: int
    """The newest time step whose code was taken."""


_GET = Statement(
    select(one_time_password.c.sealed, one_time_password.c.confirmed, one_time_password.c.last_counter).where(
        one_time_password.c.account_id == bindparam("account_id")
    )
)
_IS_ON = Statement(
    select(one_time_password.c.confirmed).where(
        one_time_password.c.account_id == bindparam("account_id"), one_time_password.c.confirmed > 0
    )
)
_TAKE = Statement(
    update(one_time_password)
    .where(
        one_time_password.c.account_id == bindparam("owner"),
        one_time_password.c.confirmed > 0,
        one_time_password.c.last_counter < bindparam("counter"),
    )
    .values(last_counter=bindparam("counter"))
)
_TAKE_CODE = Statement(
    update(recovery_code)
    .where(
        recovery_code.c.hash == bindparam("wanted"),
        recovery_code.c.account_id == bindparam("owner"),
        recovery_code.c.used == 0,
    )
    .values(used=bindparam("now"))
)


def get(tx: Tx, account_id: int) -> Factor | None:
    """A person's code generator, in use or being set up."""
    row = tx.one(_GET, account_id=account_id)
    return Factor(*row) if row is not None else None


def is_on(tx: Tx, account_id: int) -> bool:
    """True when logging in to the web takes a code."""
    return tx.one(_IS_ON, account_id=account_id) is not None


def begin(tx: Tx, account_id: int, sealed: str) -> bool:
    """Keep a secret that its owner has yet to confirm; False when a confirmed one is in use."""
    tx.execute(
        delete(one_time_password).where(
            one_time_password.c.account_id == account_id, one_time_password.c.confirmed == 0
        )
    )
    return tx.insert_ignore(one_time_password, {"account_id": account_id, "sealed": sealed}) == 1


def confirm(tx: Tx, account_id: int, sealed: str, counter: int) -> bool:
    """From now on codes count; the one that proved it is taken. False when that secret is not the one waiting."""
    clause = (
        update(one_time_password)
        .where(
            one_time_password.c.account_id == account_id,
            one_time_password.c.sealed == sealed,
            one_time_password.c.confirmed == 0,
        )
        .values(confirmed=tx.now, last_counter=counter)
    )
    return tx.execute(clause).rowcount == 1


def take(tx: Tx, account_id: int, counter: int) -> bool:
    """Take the code of a time step; False when it, or a later one, was taken already (RFC 6238 section 5.2)."""
    return tx.run(_TAKE, owner=account_id, counter=counter) == 1


def remove(tx: Tx, account_id: int) -> bool:
    """Neither codes nor recovery codes any more; False when there was no factor in use."""
    was_on = is_on(tx, account_id)
    tx.execute(delete(one_time_password).where(one_time_password.c.account_id == account_id))
    tx.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    return was_on


# ---------------------------------------------------------------------- recovery codes


def set_codes(tx: Tx, account_id: int, hashes: Sequence[bytes]) -> None:
    """A new set of recovery codes; the one before it is dead."""
    tx.execute(delete(recovery_code).where(recovery_code.c.account_id == account_id))
    tx.execute(insert(recovery_code), [{"hash": hashed, "account_id": account_id} for hashed in hashes])


def take_code(tx: Tx, account_id: int, hashed: bytes) -> bool:
    """Use a recovery code up; False when it is not this person's or was used."""
    return tx.run(_TAKE_CODE, owner=account_id, wanted=hashed, now=tx.now) == 1


def codes_left(tx: Tx, account_id: int) -> int:
    """How many recovery codes can still be used."""
    mine = (recovery_code.c.account_id == account_id) & (recovery_code.c.used == 0)
    return int(tx.execute(select(func.count()).select_from(recovery_code).where(mine)).scalar() or 0)
