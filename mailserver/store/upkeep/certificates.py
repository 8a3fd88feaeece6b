"""Certificates by ACME: the one that was obtained, who is at it, and what an authority is answered meanwhile.

Obtaining takes minutes and is nobody's unit: whoever begins takes a lease with a number, and what comes of it is kept
only while that number is the last one. Somebody who was frozen meanwhile changes nothing. Hosts take turns by the
database's clock, and a moment that only a wrong clock can have set keeps nobody waiting.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update

from mailserver.model.clock import DAY
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.service.certificates import acme_certificate, acme_challenge

TOLD_AHEAD = 14 * DAY
"""Before a certificate's end, from when on administrators are told."""
TOLD_OFTEN = 3 * DAY
"""Before its end, from when on they are told each day; until then as often as this."""
PAUSE = DAY
"""After a certificate, until another one is asked for unless an operator does: authorities issue a few a week, and a
clock that jumped would ask again and again."""
MOST_WAIT = 2 * DAY
"""Longer than any wait here."""

_ANSWER = Statement(
    select(acme_challenge.c.answer).where(
        acme_challenge.c.token == bindparam("asked"), acme_challenge.c.expires > bindparam("now")
    )
)


@dataclass(frozen=True, slots=True)
class Obtained:
    """The certificate, and how it goes with the next one."""

    number: int = 0
    """0: none was obtained yet."""
    chain: str = ""
    key: bytes | None = None
    next_key: bytes | None = None
    renew: int = 0
    asked: int = 0
    due: int = 0
    failures: int = 0
    failed: int = 0
    fault: str = ""
    detail: str = ""
    told: int = 0
    lease: int = 0
    until: int = 0


_COLUMNS = [acme_certificate.c[name] for name in Obtained.__dataclass_fields__]


def get(tx: Tx) -> Obtained:
    """How it stands."""
    row = tx.execute(select(*_COLUMNS).where(acme_certificate.c.id == 1)).first()
    return Obtained() if row is None else Obtained(*row)


# ---------------------------------------------------------------------- who is at it


def take_lease(tx: Tx, seconds: int, *, due_only: bool) -> int:
    """Be the one who obtains a certificate, for so long; the number of the lease, 0 while somebody else is.

    `due_only`: nor before the next attempt's time.
    """
    tx.insert_ignore(acme_certificate, {"id": 1})
    found, now = get(tx), tx.now
    if waits(found.until, now) or (due_only and waits(found.due, now)):
        return 0
    taken = {"lease": found.lease + 1, "until": now + seconds}
    same = acme_certificate.c.lease == found.lease
    done = tx.execute(update(acme_certificate).where(acme_certificate.c.id == 1, same).values(**taken))
    return taken["lease"] if done.rowcount else 0


def waits(moment: float, now: float) -> bool:
    """Whether this moment is still to come."""
    return now < moment <= now + MOST_WAIT


def prolong(tx: Tx, lease: int, seconds: int) -> bool:
    """Go on for so long from now; False: another one has begun."""
    return _change(tx, lease, until=tx.now + seconds)


def release(tx: Tx, lease: int) -> None:
    """Let others in, with nothing done."""
    _change(tx, lease, until=0)


def _change(tx: Tx, lease: int, **values: object) -> bool:
    mine = update(acme_certificate).where(acme_certificate.c.id == 1, acme_certificate.c.lease == lease)
    return bool(tx.execute(mine.values(**values)).rowcount)


# ---------------------------------------------------------------------- what came of it


def keep(tx: Tx, lease: int, *, chain: str, key: bytes, next_key: bytes | None, renew: int) -> bool:
    """A certificate was obtained; False: another one has begun meanwhile, and this one is forgotten."""
    now = tx.now
    return _change(
        tx,
        lease,
        number=acme_certificate.c.number + 1,
        chain=chain,
        key=key,
        next_key=next_key,
        renew=renew,
        asked=now,
        due=now + PAUSE,
        failures=0,
        failed=0,
        fault="",
        detail="",
        told=0,
        until=0,
    )


def fail(tx: Tx, lease: int, fault: str, detail: str, pause: int) -> bool:
    """None was obtained; no further attempt for so many seconds."""
    failures, now = acme_certificate.c.failures + 1, tx.now
    return _change(tx, lease, failures=failures, failed=now, fault=fault, detail=detail, due=now + pause, until=0)


def plan(tx: Tx, lease: int, renew: int, earlier: int = 0) -> bool:
    """The authority said when it wants to renew (RFC 9773). `earlier`: by so many seconds it counts as asked before
    now."""
    return _change(tx, lease, renew=renew, asked=tx.now - earlier, until=0)


def keep_next_key(tx: Tx, number: int, next_key: bytes | None) -> bool:
    """The key of the next certificate, made ahead so that its DANE record can be published; None: it keeps its key."""
    tx.insert_ignore(acme_certificate, {"id": 1})
    same = acme_certificate.c.number == number, acme_certificate.c.until <= tx.now
    other = acme_certificate.c.next_key.is_(None) if next_key else acme_certificate.c.next_key.is_not(None)
    mine = update(acme_certificate).where(acme_certificate.c.id == 1, *same, other)
    return bool(tx.execute(mine.values(next_key=next_key)).rowcount)


# ---------------------------------------------------------------------- what administrators are told


def is_to_be_told(found: Obtained, ends: float, now: float) -> bool:
    """Whether administrators are to be told (again) that a certificate ends soon."""
    left = ends - now
    if left > TOLD_AHEAD:
        return False
    return abs(now - found.told) >= (DAY if left <= TOLD_OFTEN else TOLD_OFTEN)


def told(tx: Tx, ends: float) -> bool:
    """Administrators are told now; False: another worker did it."""
    tx.insert_ignore(acme_certificate, {"id": 1})
    found = get(tx)
    if not is_to_be_told(found, ends, tx.now):
        return False
    same = acme_certificate.c.id == 1, acme_certificate.c.told == found.told
    return bool(tx.execute(update(acme_certificate).where(*same).values(told=tx.now)).rowcount)


# ---------------------------------------------------------------------- challenges


def publish(tx: Tx, answers: Mapping[str, str], seconds: int) -> None:
    """Answer these tokens for a while, from every worker; forget old ones."""
    tx.execute(delete(acme_challenge).where(acme_challenge.c.expires <= tx.now))
    withdraw(tx, answers)
    for token, answer in answers.items():
        tx.insert_ignore(acme_challenge, {"token": token, "answer": answer, "expires": tx.now + seconds})


def withdraw(tx: Tx, answers: Mapping[str, str]) -> None:
    """Answer these no more."""
    tx.execute(delete(acme_challenge).where(acme_challenge.c.token.in_(list(answers))))


def answer(tx: Tx, token: str) -> str | None:
    """What to answer to a token; None: nobody asked us for it."""
    row = tx.one(_ANSWER, asked=token, now=tx.now)
    return None if row is None else str(row[0])
