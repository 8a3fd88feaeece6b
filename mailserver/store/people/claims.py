"""Claims on identifiers and addresses: made once, never released, so that nothing is issued twice.

Issuing looks for a free name and takes it in the same unit. On SQLite there is one writer at a time; on
PostgreSQL issuers queue on an advisory lock, which also keeps two batches from deadlocking. The primary
key stands behind both.
"""

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import BigInteger, bindparam, delete, func, insert, or_, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.schema.people.entries import claim

ISSUING_LOCK = 0x69737375
IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""
FUNCTION = 0
"""Owner of a function's address: it may be given again, to another function."""
CONTACT = -1
"""Owner of a uid that names an entry of the address book: held while that entry stands, no longer."""

_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key", type_=BigInteger))))
_OWNER = Statement(select(claim.c.account_id).where(claim.c.name == bindparam("name")))
_EITHER = Statement(
    select(claim.c.name).where(or_(claim.c.name == bindparam("one"), claim.c.name == bindparam("other"))).limit(1)
)
_CLAIM = Statement(insert(claim), keys=("name", "account_id", "live", "since"))
_TAKEN = ManyStatement(select(claim.c.name, claim.c.account_id), claim.c.name)
_NUMBERED = Statement(
    select(claim.c.name, claim.c.account_id).where(claim.c.name >= bindparam("low"), claim.c.name < bindparam("high"))
)
"""The colon follows the digits: from `jmartin0` up to `jmartin:` are `jmartin1`, `jmartin27` and their addresses."""
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


def take_many(tx: Tx, names: Iterable[tuple[str, int]]) -> None:
    """Claim free names, each for an account; the caller holds `lock` and has asked `taken`."""
    now = tx.now
    tx.many(_CLAIM, [{"name": name, "account_id": owned, "live": 1, "since": now} for name, owned in names])


def take_or_revive(tx: Tx, account_id: int, address: str) -> None:
    """Claim an address that is free, or make one lead somewhere again that the account had before."""
    had = owner(tx, address)
    if had is None:
        take(tx, account_id, (address,))
    elif had == account_id:
        tx.execute(update(claim).where(claim.c.name == address).values(live=1))
    else:
        raise Refused(Reason.CONFLICT, f"{address}: this address is or was somebody's")


def taken(tx: Tx, names: Collection[str]) -> dict[str, int]:
    """Those of these names that were ever issued, and to whom."""
    return {name: int(owned) for name, owned in _TAKEN.rows(tx, list(names))}


def numbered(tx: Tx, base: str) -> dict[str, int]:
    """Every name ever issued that is `base` and a digit and whatever follows, and to whom."""
    return {name: int(owned) for name, owned in tx.all(_NUMBERED, low=f"{base}0", high=f"{base}:")}


def set_live(tx: Tx, names: Collection[str], live: bool) -> None:
    """Make names lead to their accounts, or nowhere."""
    wanted = list(names)
    for start in range(0, len(wanted), IN_LIST):
        part = wanted[start : start + IN_LIST]
        tx.execute(update(claim).where(claim.c.name.in_(part)).values(live=int(live)))


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


def unclaim(tx: Tx, account_id: int, names: Collection[str]) -> None:
    """Take back claims that this very unit made: nobody has seen them."""
    if names:
        tx.execute(delete(claim).where(claim.c.name.in_(names), claim.c.account_id == account_id))


def hold_for_contact(tx: Tx, login: str) -> None:
    """Keep a free identifier from being issued while an entry of the address book has its name."""
    values = {"name": login, "account_id": CONTACT, "live": 0, "since": tx.now}
    tx.insert_ignore(claim, values)


def release_contact(tx: Tx, login: str) -> None:
    """The entry is gone: the identifier may be issued."""
    tx.execute(delete(claim).where(claim.c.name == login, claim.c.account_id == CONTACT))
