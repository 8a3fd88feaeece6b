"""Binding as `cn=admin`: one secret for the whole directory, so its guesses are counted for all workers.

As with people (`login.attempts.throttle`): after some wrong guesses each further one doubles the wait, per peer address
and for all strangers together; a peer from which the administrator came within the month is counted apart,
so that strangers cannot keep the administrator out. The secret is compared in constant time.
"""

import asyncio
import hashlib
import hmac
from dataclasses import dataclass

import structlog

from mailserver.foundation.settings import Limits
from mailserver.login.attempts import throttle
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import login_failures
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin

log = structlog.get_logger("ldap")

ACTOR = "cn=admin"
"""How the administrator's acts are signed in the audit."""
SERVICE = "ldap"
NUMBER = -1
"""Stands for the administrator where peers are remembered by account: no account has it."""
FAILURE_DELAY = 0.5
"""Seconds that a wrong password costs its connection."""
RECORDED_SECONDS = 60.0
"""Successes of one peer within this time leave one row: applications bind for every question."""
MAX_RECORDED = 1000


@dataclass(frozen=True, slots=True)
class _Facts:
    """Under which keys guesses from this peer are counted, and how long it must wait."""

    keys: tuple[tuple[str, int, int], ...]
    """Key, wrong guesses that cost nothing, longest wait."""
    blocked_until: int
    slips: bool
    """Wrong guesses stand against the first key: the right password wipes them out."""


class Administrator:
    """Proves the administrator's secret. One per door."""

    def __init__(self, secret: Secret, store: Store, limits: Limits) -> None:
        # Of one length, whatever the password's: the comparison then takes one time.
        self._expected = _digest(secret)
        self._store = store
        self._limits = limits
        self._recorded: dict[str, float] = {}
        self._turn = asyncio.Lock()

    async def prove(self, secret: Secret, peer: str) -> None:
        """Raises Refused(AUTHENTICATION | THROTTLED)."""
        name = throttle.peer_name(peer)
        # One attempt at a time: a burst of guesses meets the count of the one before.
        async with self._turn:
            facts = await self._store.read(_look, name, self._limits)
            waiting = facts.blocked_until - int(self._store.clock.now())
            if waiting > 0:
                log.info("administrator throttled", peer=peer, seconds=waiting)
                raise Refused(Reason.THROTTLED, f"too many attempts, wait {waiting} seconds")
            right = hmac.compare_digest(_digest(secret), self._expected)
            if right:
                await self._succeeded(name, facts)
            else:
                await self._store.write(_failed, name, facts, self._limits)
        if not right:
            log.warning("administrator refused", peer=peer)
            await asyncio.sleep(FAILURE_DELAY)
            raise Refused(Reason.AUTHENTICATION)

    async def _succeeded(self, name: str, facts: _Facts) -> None:
        now = self._store.clock.monotonic()
        recent = now - self._recorded.get(name, -RECORDED_SECONDS) < RECORDED_SECONDS
        if recent and not facts.slips:
            return
        await self._store.write(_succeeded, name, facts)
        if len(self._recorded) >= MAX_RECORDED:
            self._recorded.clear()
        self._recorded[name] = now


def _digest(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()


def _look(tx: Tx, peer: str, limits: Limits) -> _Facts:
    """`peer` is empty for loopback, which has no count of its own besides the familiar one's."""
    limit, window = limits.login_failures, limits.login_window
    familiar = login_failures.is_familiar(tx, NUMBER, peer)
    keys = [(f"administrator from {peer}" if familiar else "administrator", limit, window)]
    keys += [(key, limit * times, throttle.PEER_WAIT) for key, times in throttle.peer_keys(peer).items()]
    known = login_failures.get(tx, [key for key, _, _ in keys])
    blocked_until = max((guesses.blocked_until for guesses in known.values()), default=0)
    return _Facts(tuple(keys), blocked_until, keys[0][0] in known)


def _failed(tx: Tx, peer: str, facts: _Facts, limits: Limits) -> None:
    for key, limit, longest in facts.keys:
        waiting = throttle.wait(login_failures.count(tx, key, limits.login_window), limit, longest)
        if waiting:
            login_failures.block(tx, key, waiting)
    audit.record(tx, Origin(ACTOR, SERVICE, peer), Action.LOGIN_FAILED, 0)


def _succeeded(tx: Tx, peer: str, facts: _Facts) -> None:
    login_failures.forget(tx, facts.keys[0][0])
    login_failures.meet(tx, NUMBER, peer)
    audit.record(tx, Origin(ACTOR, SERVICE, peer), Action.LOGIN, 0)
