"""Claims on identifiers and addresses: made once, never released, so that nothing is issued twice.

Issuing looks for a free name and takes it in the same unit. On SQLite there is one writer at a time; on
PostgreSQL issuers queue on an advisory lock, which also keeps two batches from deadlocking. The primary
key stands behind both.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import BigInteger, bindparam, func, insert, or_, select, update

from mailserver.errors import Reason, Refused
from mailserver.store.schema.people import claim
from mailserver.store.statements import Statement, Tx

ISSUING_LOCK = 0x69737375
FUNCTION = 0
"""Owner of a function's address: it may be given again, to another function."""

_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
_OWNER = Statement(select(claim.c.account_id).where(claim.c.name == bindparam("name")))
_EITHER = Statement(
    select(claim.c.name).where(or_(claim.c.name == bindparam("one"), claim.c.name == bindparam("other"))).limit(1)
)
_CLAIM = Statement(insert(claim), keys=("name", "account_id", "live", "since"))
_LIVE = Statement(
    select(claim.c.name)
    .where(claim.c.account_id == bindparam("account_id"), claim.c.live == 1)
    .order_by(claim.c.since, claim.c.name)
)


def lock(tx: Tx) -> None:
    """Keep other issuers out until this transaction ends."""
    if tx.dialect == "postgresql":
        tx.one(_LOCK, key=ISSUING_LOCK)


def owner(tx: Tx, name: str) -> int | None:
    """The account a folded name was ever issued to; None when it is free."""
    row = tx.one(_OWNER, name=name)
    return int(row[0]) if row is not None else None


def is_free(tx: Tx, *names: str) -> bool:
    """True when nobody ever had any of these names. Two cost as much as one: an identifier and its alias."""
    pairs = zip(names[::2], (*names[1::2], names[-1]), strict=False)
    return all(tx.one(_EITHER, one=one, other=other) is None for one, other in pairs)


def take(tx: Tx, account_id: int, names: Iterable[str]) -> None:
    """Claim free names for an account; the caller holds `lock` and has asked `is_free`."""
    now = tx.now
    tx.many(_CLAIM, [{"name": name, "account_id": account_id, "live": 1, "since": now} for name in names])


def take_for_function(tx: Tx, address: str) -> None:
    """Claim an address for a list. Raises Refused(CONFLICT) when a person has or had it."""
    lock(tx)
    had = owner(tx, address)
    if had not in (None, FUNCTION):
        raise Refused(Reason.CONFLICT, f"{address}: this address belongs or belonged to a person")
    if had is None:
        take(tx, FUNCTION, (address,))


def live_names(tx: Tx, account_id: int) -> list[str]:
    """Identifier and addresses that lead to an account today, oldest first."""
    return [row[0] for row in tx.all(_LIVE, account_id=account_id)]


def retire(tx: Tx, names: Sequence[str]) -> None:
    """Names that lead nowhere from now on; they stay claimed."""
    tx.execute(update(claim).where(claim.c.name.in_(names)).values(live=0))
