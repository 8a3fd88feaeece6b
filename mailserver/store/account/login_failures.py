"""Wrong guesses, counted by key (an account, a peer address) for all workers; and the peers an account knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, delete, func, or_, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import familiar_peer, guess

FAMILIAR_SECONDS = 30 * 86400
"""A peer from which an account logged in this recently is not a stranger to it."""
KEPT_SECONDS = 86400
"""Counts older than this mean nothing any more."""


@dataclass(frozen=True, slots=True)
class LoginFailures:
    """What is known of one key."""

    failures: int
    last: int
    blocked_until: int


_GET = Statement(
    select(guess.c.failures, guess.c.last, guess.c.blocked_until).where(guess.c.key == bindparam("wanted"))
)
_COUNT = Statement(
    update(guess)
    .where(guess.c.key == bindparam("wanted"))
    .values(
        failures=case((guess.c.last < bindparam("cutoff"), 1), else_=guess.c.failures + 1),
        last=bindparam("now"),
    )
    .returning(guess.c.failures)
)
_BLOCK = Statement(update(guess).where(guess.c.key == bindparam("wanted")).values(blocked_until=bindparam("until")))
_FORGET = Statement(delete(guess).where(guess.c.key == bindparam("wanted")))
_SWEEP = Statement(delete(guess).where(guess.c.last < bindparam("cutoff")))
_FAMILIAR = Statement(
    select(familiar_peer.c.last).where(
        familiar_peer.c.account_id == bindparam("account_id"), familiar_peer.c.peer == bindparam("peer")
    )
)
_SEEN = Statement(
    update(familiar_peer)
    .where(familiar_peer.c.account_id == bindparam("owner"), familiar_peer.c.peer == bindparam("from_peer"))
    .values(last=bindparam("now"))
)
_ESTRANGE = Statement(
    delete(familiar_peer).where(
        familiar_peer.c.account_id == bindparam("account_id"), familiar_peer.c.last < bindparam("cutoff")
    )
)


def get(tx: Tx, keys: Sequence[str]) -> dict[str, LoginFailures]:
    """What is known of each key; nothing for keys without wrong guesses."""
    found = {}
    for key in keys:
        row = tx.one(_GET, wanted=key)
        if row is not None:
            found[key] = LoginFailures(*row)
    return found


def count(tx: Tx, key: str, window: int) -> int:
    """Count one more wrong guess; how many there are, each within `window` seconds of the one before."""
    now = tx.now
    tx.run(_SWEEP, cutoff=now - KEPT_SECONDS)
    tx.insert_ignore(guess, {"key": key, "failures": 0, "last": now, "blocked_until": 0})
    row = tx.one(_COUNT, wanted=key, cutoff=now - window, now=now)
    return int(row[0]) if row is not None else 1


def block(tx: Tx, key: str, seconds: int) -> None:
    """Refuse this key for a while."""
    tx.run(_BLOCK, wanted=key, until=tx.now + seconds)


def forget(tx: Tx, key: str) -> None:
    """The right password came: the wrong ones before it were slips."""
    tx.run(_FORGET, wanted=key)


def blocked_until(tx: Tx, keys: Sequence[str]) -> int:
    """Until when any of these keys is refused, or what was counted apart from peers that its account knows; 0: none."""
    latest = 0
    for key in keys:
        here = or_(guess.c.key == key, guess.c.key.startswith(f"{key} from ", autoescape=True))
        found = tx.execute(select(func.max(guess.c.blocked_until)).where(here)).scalar()
        latest = max(latest, int(found or 0))
    return latest


def forget_all(tx: Tx, keys: Sequence[str]) -> int:
    """Forget each key, and what was counted apart from peers that its account knows; how many rows."""
    removed = 0
    for key in keys:
        here = or_(guess.c.key == key, guess.c.key.startswith(f"{key} from ", autoescape=True))
        removed += tx.execute(delete(guess).where(here)).rowcount
    return removed


def is_familiar(tx: Tx, account_id: int, peer: str) -> bool:
    """True when the account logged in from this peer within the last month."""
    row = tx.one(_FAMILIAR, account_id=account_id, peer=peer)
    return row is not None and int(row[0]) > tx.now - FAMILIAR_SECONDS


def meet(tx: Tx, account_id: int, peer: str) -> None:
    """Remember that the account logged in from this peer; peers not seen for a month are forgotten."""
    now = tx.now
    if tx.run(_SEEN, owner=account_id, from_peer=peer, now=now):
        return
    tx.insert_ignore(familiar_peer, {"account_id": account_id, "peer": peer, "last": now})
    tx.run(_ESTRANGE, account_id=account_id, cutoff=now - FAMILIAR_SECONDS)
