"""MTA-STS policies of other domains, kept for as long as they say (RFC 8461 section 5.1)."""

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update

from mailserver.model.clock import DAY
from mailserver.model.sending.mta_sts import Mode, Policy
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.schema.outgoing.outbound_tls import sts_policy

MOST = 200_000
"""Rows; a policy that would be one more is heeded, and asked for again the next time."""
IN_USE = 7 * DAY
"""A policy by which nothing went for longer is not refreshed."""
SWEPT = 1000


@dataclass(frozen=True, slots=True)
class Stored:
    """A policy, the id of the record that announced it, and until when it holds."""

    record: str
    policy: Policy
    expires: int
    used: int


@dataclass(frozen=True, slots=True)
class Due:
    """A policy that is to be looked at."""

    domain: str
    checked: int


_GET = Statement(
    select(
        *(sts_policy.c.record, sts_policy.c.mode, sts_policy.c.exchangers),
        *(sts_policy.c.max_age, sts_policy.c.expires, sts_policy.c.used),
    ).where(sts_policy.c.domain == bindparam("wanted"))
)
_USE = Statement(
    update(sts_policy)
    .where(sts_policy.c.domain == bindparam("wanted"), sts_policy.c.used < bindparam("today"))
    .values(used=bindparam("today"))
)
_CHECK = Statement(
    update(sts_policy)
    .where(sts_policy.c.domain == bindparam("wanted"), sts_policy.c.checked == bindparam("seen"))
    .values(checked=bindparam("now"))
)


def get(tx: Tx, domain: str) -> Stored | None:
    """The policy of a domain, if one is kept and has not expired."""
    row = tx.one(_GET, wanted=domain)
    if row is None or row[4] <= tx.now:
        return None
    record, mode, exchangers, max_age, expires, used = row
    return Stored(record, Policy(Mode(mode), tuple(exchangers.split()), max_age), expires, used)


def keep(tx: Tx, domain: str, record: str, policy: Policy) -> None:
    """Keep a policy that was just fetched, in place of the one before."""
    values = {
        "record": record,
        "mode": policy.mode.value,
        "exchangers": " ".join(policy.exchangers),
        "max_age": policy.max_age,
        "expires": tx.now + policy.max_age,
        "checked": tx.now,
    }
    here = sts_policy.c.domain == domain
    if tx.execute(update(sts_policy).where(here).values(values)).rowcount:
        return
    some = select(sts_policy.c.domain).limit(MOST).subquery()
    if tx.execute(select(func.count()).select_from(some)).scalar_one() < MOST:
        tx.insert_ignore(sts_policy, {"domain": domain, **values, "used": tx.now // DAY * DAY})


def use(tx: Tx, domain: str) -> None:
    """A message goes by a policy today."""
    tx.run(_USE, wanted=domain, today=tx.now // DAY * DAY)


def due(tx: Tx, limit: int) -> list[Due]:
    """Policies in use that nobody has looked at for a day, those that wait longest first."""
    rows: list[Row] = [
        tuple(row)
        for row in tx.execute(
            select(sts_policy.c.domain, sts_policy.c.checked)
            .where(sts_policy.c.checked <= tx.now - DAY, sts_policy.c.used > tx.now - IN_USE)
            .order_by(sts_policy.c.checked)
            .limit(limit)
        )
    ]
    return [Due(domain, checked) for domain, checked in rows]


def check(tx: Tx, one: Due) -> bool:
    """Somebody looks at a policy now; False: another worker was faster."""
    return tx.run(_CHECK, wanted=one.domain, seen=one.checked, now=tx.now) > 0


def forget(tx: Tx) -> int:
    """Forget policies that have expired, a bounded number of them; how many. Raises ClockJumped."""
    trusted_clock.check(tx)
    old = select(sts_policy.c.domain).where(sts_policy.c.expires <= tx.now).order_by(sts_policy.c.expires).limit(SWEPT)
    gone = list(tx.execute(old).scalars())
    if gone:
        tx.execute(delete(sts_policy).where(sts_policy.c.domain.in_(gone), sts_policy.c.expires <= tx.now))
    return len(gone)
