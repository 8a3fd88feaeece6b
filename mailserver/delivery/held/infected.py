"""What IT decides about messages in which a virus was found: they go to their recipients after all, or away.

A released message is delivered as if it had just come in, unscanned: who may write to whom is asked again, and what was
found out about its sender still holds. It stays held for recipients who cannot get it now. Nobody else hears of what is
deleted: its recipients were told when it was held.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from mailserver.delivery.checks.virus_check import MAX_TOLD
from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import Envelope, Part, Recipient
from mailserver.delivery.units import deliver_parts, tell_infected
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.notices.mail import viruses
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import spool
from mailserver.store.queue.held import infected
from mailserver.store.queue.held.infected import Held
from mailserver.store.queue.spool import Options
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("junk")

PERIOD = 60.0
NOBODY = Origin("service", "internal")


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a message that was let go."""

    accounts: int
    """People here who got it."""
    left: Mapping[str, Refused]
    """Recipients who could not get it, and why: it is held for them."""


class InfectedMail:
    """Decides. Whoever calls has made sure that it is IT."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs

    async def run(self) -> None:
        """Tell recipients who were too many at once, and let go of what was held long enough, in the background."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.tell()
            await self.expire()

    async def release(self, held_id: int, origin: Origin) -> Released:
        """Deliver a message after all, to those recipients who can get it now.

        Raises Refused(NOT_FOUND | NO_SUCH_RECIPIENT | OVER_QUOTA | SUSPENDED | LOOP), Denied, Temporary.
        """
        held = await self._held(held_id)
        sender = self._delivery.outsider(held.reverse_path)
        recipients: list[Recipient] = []
        left: dict[str, Refused] = {}
        for address in held.recipients:
            try:
                recipients.append(await self._delivery.resolve(address, held.size, sender))
            except Refused as error:
                left[address] = error
                log.info("not released to a recipient", held=held_id, why=error.reason.value)
        if not recipients:
            raise next(iter(left.values()))
        octets = await self._store.read(spool.octets, held.content_id, self._folder)
        came = Provenance.stored(held.door, 0, 0, held.authentication)
        path, results = held.reverse_path, came.results
        envelope = Envelope(path, tuple(recipients), sender, held.name, came.door, results=results, viruses=5)
        envelope = replace(envelope, require_tls=bool(held.require_tls), found=held.found)
        parts = await self._delivery.parts(envelope, octets, Options(name=held.name))
        await self._commit("released", held, parts, origin, tuple(left))
        return Released(len({account for part in parts if not part.only_if_held for account in part.accounts}), left)

    async def delete(self, held_id: int, origin: Origin) -> None:
        """Throw a message away. Raises Refused(NOT_FOUND), Temporary."""
        await self._commit("deleted", await self._held(held_id), [], origin)

    async def tell(self) -> int:
        """Tell recipients who have not been told yet, so many in one unit; how many units."""
        count = 0
        while batch := await self._store.read(infected.partly_told):
            for held in batch:
                with contextlib.suppress(Refused):  # the other worker was faster
                    await self._tell(held)
                    count += 1
        return count

    async def _tell(self, held: Held) -> None:
        """Raises Refused(CONFLICT), Temporary."""
        end = held.untold + MAX_TOLD
        recipients: list[Recipient] = []
        for address in held.recipients[held.untold : end]:
            with contextlib.suppress(Refused):  # gone meanwhile
                recipients.append(await self._delivery.resolve(address))
        notices = await self._delivery.viruses.notices(recipients, viruses.Infected(held.virus, held.expires))
        lifetime = self._settings.outbound.lifetime
        untold = end if end < len(held.recipients) else -1
        async with self._delivery.discarding(*(part.prepared for part in notices)):
            unused = await self._store.write(tell_infected, held, untold, notices, lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("told of an infected message", held=held.id, recipients=len(recipients))

    async def expire(self) -> int:
        """Let go of what was held long enough; how many. Nothing while the clock is in doubt."""
        count = 0
        if not await self._upkeep.may_go_on():
            return count
        while batch := await self._store.read(infected.expired):
            for held in batch:
                try:
                    await self._commit("expired", held, [], NOBODY)
                except Refused:
                    continue  # the other worker was faster
                count += 1
        return count

    async def _held(self, held_id: int) -> Held:
        found = await self._store.read(infected.get, held_id)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "this message is held no more: somebody has decided already")
        return found

    async def _commit(
        self, what: str, held: Held, parts: list[Part], origin: Origin, left: tuple[str, ...] = ()
    ) -> None:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused = await self._store.write(decide_unit, held, parts, origin, lifetime, what, left)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("infected message", held=held.id, id=held.name, what=what, left=len(left))


def decide_unit(
    tx: Tx, held: Held, parts: list[Part], origin: Origin, lifetime: int, what: str, left: tuple[str, ...]
) -> list[str]:
    """A message is held no more, but for those who are `left`, and whoever is to get it does: both or neither."""
    if left:
        infected.keep_for(tx, held, left)
        what = "released-in-part"
    else:
        infected.take(tx, held.id)
    unused = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    detail = Cause("infected-message", number=held.id, name=held.name, virus=held.virus, verdict=(what,))
    audit.record(tx, origin, Action.INFECTED_DECIDED, 0, detail)
    return unused
