"""The instance's signing keys: made, taken in from their file, opened for whoever signs.

A row of the store says where each is in its calendar, and holds its private half, sealed under the instance's secret:
so every host signs with the same keys from the same moment, a rotation asks nobody to copy files between hosts, and a
backup or a move that has the rows and `secrets/` has the keys. What `init` made, `secrets/dkim-SELECTOR.pem` or its
variable, is taken in when the first message leaves.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from mailserver.certificates.sealed import SIGNING, Seal
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.submission.signatures.dkim import Algorithm, Signer, new_key, record, revoked_record
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import DkimKey, State

log = structlog.get_logger("dkim")

WAIT = DAY
"""Seconds between a key's publication and its first signature, unless an operator wants it at once: every name server
of the zone has it by then."""
PUBLISHED_AFTER = 7 * DAY
"""Seconds for which a retired key stays published once nothing that it signed can wait here any more: others queue,
and verify late."""
REMEMBERED = 5.0
"""Seconds that keys are used for before the store is asked again."""
MAX_KEYS = 200
"""Rows of an instance, those that were removed included."""


class NoKey(Exception):
    """Nothing can be signed now; the text says why, for the log."""


class SigningKeys:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._until = 0.0
        self._signers: tuple[Signer, ...] = ()
        self._turn = asyncio.Lock()

    async def signers(self) -> tuple[Signer, ...]:
        """Those that sign now. Raises NoKey, Temporary."""
        async with self._turn:
            if not self._signers or self._clock.monotonic() >= self._until:
                self._signers = ()
                self._signers = await self._load()
                self._until = self._clock.monotonic() + REMEMBERED
            return self._signers

    async def _load(self) -> tuple[Signer, ...]:
        found = await self.take_in()
        active = [one for one in found if one.state is State.ACTIVE]
        if not active:
            raise NoKey("no key signs")
        return await asyncio.to_thread(opened, self._settings, active)

    async def take_in(self) -> list[DkimKey]:
        """Every key, once the one that stands in a file has its row. Raises Temporary.

        The first one signs at once, as it always did; one that an operator put there later is published first.
        """
        found = await self._store.read(dkim_keys.every)
        selector = self._settings.dkim_selector
        if any(one.selector == selector for one in found):
            return found
        try:
            key = await asyncio.to_thread(of_file, self._settings)
        except (SettingsError, ValueError) as error:
            if not found:
                log.error("no key signs", why=str(error))
            return found
        await self._store.write(_take_in, key)
        log.info("key taken in", selector=selector)
        return await self._store.read(dkim_keys.every)


def opened(settings: Settings, keys: Sequence[DkimKey]) -> tuple[Signer, ...]:
    """What signs with these keys. Raises NoKey: one of them cannot be opened."""
    try:
        seal = Seal(settings, SIGNING)
    except SettingsError as error:
        raise NoKey(str(error)) from None
    signers = []
    for one in keys:
        pem = seal.open(one.private)
        if pem is None:
            raise NoKey(f"the key {one.selector} was sealed under another secret")
        signers.append(Signer(one.selector, pem, is_checked=True))  # what opens is what was sealed
    return tuple(sorted(signers, key=lambda one: one.algorithm is not Algorithm.RSA))


def of_file(settings: Settings) -> DkimKey:
    """The key of `dkim_selector`. Raises SettingsError, ValueError."""
    pem = settings.secret(f"dkim-{settings.dkim_selector}.pem")
    signer = Signer(settings.dkim_selector, pem)
    sealed = Seal(settings, SIGNING).close(pem)
    return DkimKey(settings.dkim_selector, signer.algorithm.value, signer.public, sealed, wait=WAIT)


def _take_in(tx: Tx, key: DkimKey) -> None:
    first = not dkim_keys.every(tx)
    moment = tx.now if first else 0
    dkim_keys.add(tx, replace(key, created=tx.now, seen=moment, signs=moment))


def fresh(settings: Settings, algorithm: Algorithm, wait: int) -> DkimKey:
    """A new key without a selector yet. Takes a tenth of a second. Raises SettingsError."""
    pem = new_key(algorithm)
    sealed = Seal(settings, SIGNING).close(pem)
    return DkimKey("", algorithm.value, Signer("new", pem).public, sealed, wait=wait)


def keep(tx: Tx, key: DkimKey, reserved: str) -> DkimKey:
    """A fresh key gets its selector, never used before nor `reserved`, and is to be published.

    Raises Refused(LIMIT | CONFLICT: one of its kind is to be published already).
    """
    known = dkim_keys.every(tx)
    if len(known) >= MAX_KEYS:
        raise Refused(Reason.LIMIT, "too many keys")
    for one in known:
        if one.algorithm == key.algorithm and one.state in (State.NEW, State.WAITING):
            raise Refused(Reason.CONFLICT, one.selector)
    taken = {one.selector for one in known} | {reserved}
    kind = "rsa" if key.algorithm == Algorithm.RSA.value else "ed"
    day = time.strftime(f"{kind}%Y%m%d", time.gmtime(tx.now))
    names = (day, *(f"{day}-{number}" for number in range(2, MAX_KEYS + 3)))
    named = replace(key, selector=next(name for name in names if name not in taken), created=tx.now)
    dkim_keys.add(tx, named)
    return named


def record_of(key: DkimKey) -> str:
    """What to publish of a key, as it stands."""
    if key.state is State.REVOKED:
        return revoked_record()
    return record(Algorithm(key.algorithm), key.public)


def publication_ends(key: DkimKey, lifetime: int) -> int:
    """When a retired key need not be published any more; `lifetime`: of a message in our queue."""
    return key.retired + lifetime + PUBLISHED_AFTER
