"""Seals the audit in the background, soon after its rows were written, and removes what is older than kept.

Any worker may do it: a unit of the store takes what is unsealed, one at a time. The end of the chain goes to a file
beside the database, and from time to time to the log, which lives elsewhere: whoever cuts rows off at the end would
have to cut there too. Rows that are missed stay missed: the file then keeps what it says until an operator has seen it.
"""

import asyncio
from pathlib import Path

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.record import sealing
from mailserver.store.record.sealing import Break, Head
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("audit")

PERIOD = 1.0
"""Seconds between two looks for work; a store where nothing was committed is not asked."""
PAUSE = 0.02
"""Seconds between two units of a long way: others write meanwhile."""
TOLD_SECONDS = 3600.0
TRIM_SECONDS = 3600.0
WITNESS = "audit-end"
"""Name of the file in DIR/data that says where the chain ended, as this machine saw it."""


def witness(settings: Settings) -> Head | None:
    """The chain's end as this machine last saw it; None when it saw none."""
    try:
        link, seal = (settings.data / WITNESS).read_text("ascii").split()
        return Head(int(link), bytes.fromhex(seal))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("the file that says where the audit ended cannot be read", why=str(error))
        return None


def _keep(file: Path, head: Head) -> None:
    """In one step: whoever reads the file meets the one before or this one."""
    fresh = file.with_suffix(f".{head.link}")
    fresh.write_text(f"{head.link} {head.seal.hex()}\n", "ascii")
    fresh.replace(file)


async def verify(settings: Settings, store: Store) -> tuple[Head, Break | None, bool]:
    """Walk the whole chain: where it ends, where it is broken if it is, and whether newer rows wait for their seal.

    Raises Temporary.
    """
    key = sealing.chain_key(settings.secret("hmac"))
    # Asked first: where nothing waited, all of it stands in the chain that is walked after.
    waiting = await store.read(sealing.has_unsealed)
    at, fault = await store.read(sealing.begin, key)
    while fault is None:
        further, fault = await store.read(sealing.check, key, at)
        if further is None:
            break
        at = further
    return at, fault or await store.read(_cut, witness(settings)), waiting


def _cut(tx: Tx, seen: Head | None) -> Break | None:
    """Rows that this machine saw at the end of the chain, and that are not there any more."""
    if seen is None or sealing.holds(tx, seen):
        return None
    return Break(seen.link, 0, Cause("rows-cut", link=seen.link, file=f"data/{WITNESS}"))


class AuditSealer:
    """One per worker; two that meet do each other's work."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, changes: Changes) -> None:
        self._key = sealing.chain_key(settings.secret("hmac"))
        self._settings = settings
        self._file = settings.data / WITNESS
        self._store = store
        self._clock = clock
        self._changes = changes
        self._told = -TOLD_SECONDS
        self._trimmed = -TRIM_SECONDS
        self._upkeep = TrustedClock(store, clock)

    async def run(self) -> None:
        """Seal and trim until cancelled."""
        done = -1
        while True:
            now = self._changes.generation()
            if now != done:
                await self.seal()
                done = now if self._changes.generation() == now else -1
            if self._clock.monotonic() - self._trimmed >= TRIM_SECONDS:
                self._trimmed = self._clock.monotonic()
                await self.trim()
            await asyncio.sleep(PERIOD)

    async def seal(self) -> int:
        """Seal everything that waits; how many rows."""
        total = 0
        seen = witness(self._settings)
        is_whole = seen is None or await self._store.read(sealing.holds, seen)
        while await self._store.read(sealing.has_unsealed):
            count, head = await self._store.write(sealing.seal, self._key)
            total += count
            if is_whole and count:
                await asyncio.to_thread(_keep, self._file, head)
            if count and self._clock.monotonic() - self._told >= TOLD_SECONDS:
                self._told = self._clock.monotonic()
                log.info("audit sealed", link=head.link, seal=head.seal.hex())
                if not is_whole and seen is not None:
                    log.error("rows of the audit were cut off", link=seen.link, seal=seen.seal.hex())
            await asyncio.sleep(PAUSE)
        return total

    async def trim(self) -> int:
        """Remove rows beyond the retention, unless the clock is in doubt; how many."""
        total = 0
        if not await self._upkeep.may_go_on():
            return total
        before = int(self._clock.now()) - self._settings.audit.retention_days * DAY
        while True:
            count, fault = await self._store.write(sealing.trim, self._key, before)
            if fault is not None:
                log.error("the audit was tampered with; nothing is removed", link=fault.link, why=fault.why)
            if not count:
                break
            total += count
            await asyncio.sleep(PAUSE)
        if total:
            log.info("old audit rows removed", count=total)
        return total
