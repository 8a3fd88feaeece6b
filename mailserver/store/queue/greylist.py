"""Senders whom nobody knows, who were asked to come again, and those of them who did (RFC 6647).

A row is of a peer's network, the domain of a reverse-path and ours, as one hash: nobody reads here who wrote to whom.
"""

import hashlib

from sqlalchemy import bindparam, delete, func, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.service.screening import greylisted

MOST = 200_000
"""Rows; whoever would need one more is not asked to come again."""
SWEPT = 2000
LASTING = 3600
"""Seconds by which a row has to last longer before it is written again."""

_GET = Statement(
    select(greylisted.c.first, greylisted.c.passed, greylisted.c.expires).where(greylisted.c.key == bindparam("wanted"))
)
_BEGIN = Statement(
    update(greylisted)
    .where(greylisted.c.key == bindparam("wanted"), greylisted.c.expires <= bindparam("now"))
    .values(first=bindparam("since"), passed=0, expires=bindparam("until"))
)
_PASS = Statement(
    update(greylisted).where(greylisted.c.key == bindparam("wanted")).values(passed=1, expires=bindparam("until"))
)


def key_of(network: str, sender: str, recipient: str) -> bytes:
    """The key of a triplet: a peer's network and two domains."""
    return hashlib.sha256("\0".join((network, sender, recipient)).encode("utf-8", "surrogatepass")).digest()


def has_passed(tx: Tx, key: bytes, retention: int) -> bool:
    """Whether this sender has come again, and that holds for long enough that nothing is to be written."""
    row = tx.one(_GET, wanted=key)
    return row is not None and bool(row[1]) and row[2] > tx.now + retention - LASTING


def ask(tx: Tx, key: bytes, delay: int, window: int, retention: int) -> int:
    """Seconds for which a sender has to wait before it comes again; 0: it has come again, and passes from now on."""
    now = tx.now
    row = tx.one(_GET, wanted=key)
    if row is None:
        tx.insert_ignore(greylisted, {"key": key, "first": now, "passed": 0, "expires": now + window})
        row = tx.one(_GET, wanted=key)
    if row is None or row[2] <= now:
        tx.run(_BEGIN, wanted=key, now=now, since=now, until=now + window)
        return delay
    first, passed, _ = row
    if not passed and now < first + delay:
        return int(first + delay - now)
    tx.run(_PASS, wanted=key, until=now + retention)
    return 0


def is_full(tx: Tx) -> bool:
    """Whether there is no room for another row."""
    some = select(greylisted.c.key).limit(MOST).subquery()
    return bool(tx.execute(select(func.count()).select_from(some)).scalar_one() >= MOST)


def sweep(tx: Tx) -> int:
    """Remove a bounded number of what is over; how many."""
    over = select(greylisted.c.key).where(greylisted.c.expires <= tx.now).order_by(greylisted.c.expires).limit(SWEPT)
    keys = [row.key for row in tx.execute(over)]
    for key in keys:
        tx.execute(delete(greylisted).where(greylisted.c.key == key, greylisted.c.expires <= tx.now))
    return len(keys)
