"""Domains whose servers take mail over TLS, so that it is noticed where they do no longer."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.outgoing.outbound_tls import tls_memory

MOST = 200_000
"""Rows; nobody else is remembered."""
REMEMBERED = 90 * DAY
"""After the last day with TLS."""
SWEPT = 1000


@dataclass(frozen=True, slots=True)
class Remembered:
    """On how many days a domain's servers took mail over TLS, and since when they do not; 0: they do."""

    days: int
    lost: int


_GET = Statement(
    select(tls_memory.c.days, tls_memory.c.lost).where(
        tls_memory.c.domain == bindparam("wanted"), tls_memory.c.last > bindparam("after")
    )
)
_AGAIN = Statement(
    update(tls_memory)
    .where(tls_memory.c.domain == bindparam("wanted"), tls_memory.c.last < bindparam("today"))
    .values(days=tls_memory.c.days + 1, last=bindparam("today"), lost=0)
)
_BACK = Statement(
    update(tls_memory).where(tls_memory.c.domain == bindparam("wanted"), tls_memory.c.lost > 0).values(lost=0)
)
_LOSE = Statement(
    update(tls_memory)
    .where(tls_memory.c.domain == bindparam("wanted"), tls_memory.c.lost == 0)
    .values(lost=bindparam("now"))
)


def get(tx: Tx, domain: str) -> Remembered | None:
    """What is remembered of a domain."""
    row = tx.one(_GET, wanted=domain, after=tx.now - REMEMBERED)
    return None if row is None else Remembered(*row)


def keep(tx: Tx, domain: str) -> None:
    """A domain's server took mail over TLS today."""
    today = tx.now // DAY * DAY
    if tx.run(_AGAIN, wanted=domain, today=today) or tx.run(_BACK, wanted=domain):
        return
    some = select(tls_memory.c.domain).limit(MOST).subquery()
    if tx.execute(select(func.count()).select_from(some)).scalar_one() < MOST:
        tx.insert_ignore(tls_memory, {"domain": domain, "days": 1, "last": today, "lost": 0})


def lose(tx: Tx, domain: str) -> None:
    """A domain's servers take no mail over TLS any more."""
    tx.run(_LOSE, wanted=domain, now=tx.now)


def forget(tx: Tx) -> int:
    """Forget domains that were not met for long, a bounded number of them; how many. Raises ClockJumped."""
    trusted_clock.check(tx)
    before = tx.now - REMEMBERED
    old = select(tls_memory.c.domain).where(tls_memory.c.last <= before).order_by(tls_memory.c.last).limit(SWEPT)
    gone = list(tx.execute(old).scalars())
    if gone:
        tx.execute(delete(tls_memory).where(tls_memory.c.domain.in_(gone), tls_memory.c.last <= before))
    return len(gone)
