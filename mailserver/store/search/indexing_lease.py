"""Which process keeps the search index up: one of all hosts, for as long as it says so again and again."""

from sqlalchemy import bindparam, delete, not_, or_, select, update

from mailserver.store.engine import leases
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.search import search_lease

LEASE_SECONDS = 15

_TAKE = Statement(
    update(search_lease)
    .where(
        search_lease.c.id == 1,
        or_(search_lease.c.worker == bindparam("me"), leases.is_over(search_lease.c.until)),
    )
    .values(worker=bindparam("me"), until=bindparam("end"))
)

_LEASED = Statement(
    select(search_lease.c.worker).where(
        search_lease.c.worker != bindparam("me"), not_(leases.is_over(search_lease.c.until))
    )
)


def take_lease(tx: Tx, worker: int) -> bool:
    """Make sure that this process (`Store.worker`) is the one that indexes, for a while from now."""
    times = leases.times(tx.now, LEASE_SECONDS)
    if tx.run(_TAKE, me=worker, **times):
        return True
    return bool(tx.insert_ignore(search_lease, {"id": 1, "worker": worker, "until": times["end"]}))


def release_lease(tx: Tx, worker: int) -> None:
    """Let another indexer work."""
    tx.execute(delete(search_lease).where(search_lease.c.worker == worker))


def is_elsewhere(tx: Tx, worker: int) -> bool:
    """Whether another host's indexer is at it."""
    return tx.one(_LEASED, me=worker, **leases.times(tx.now, LEASE_SECONDS)) is not None
