"""What IT decides about messages in which a virus was found: they go to their recipients after all, or away.

A released message is delivered as if it had just come in, unscanned: who may write to whom is asked again. Nobody else
hears of what is deleted: its recipients were told when it was held.
"""

import asyncio

import structlog

from mailserver.delivery import Delivery, Envelope, Part, deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import infected, spool
from mailserver.store.queue.infected import Held
from mailserver.store.queue.spool import Options
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("junk")

PERIOD = 60.0
NOBODY = Origin("service", "internal")


class InfectedMail:
    """Decides. Whoever calls has made sure that it is IT."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._upkeep = TrustedClock(store, clock)
        self._folder = settings.data / "blobs"

    async def run(self) -> None:
        """Let go, in the background, of what was held long enough."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.expire()

    async def release(self, held_id: int, origin: Origin) -> int:
        """Deliver a message after all; how many people here got it.

        Raises Refused(NOT_FOUND | NO_SUCH_RECIPIENT | LOOP), Denied, Temporary.
        """
        held = await self._held(held_id)
        sender = self._delivery.outsider(held.reverse_path)
        recipients, refusal = [], Refused(Reason.NO_SUCH_RECIPIENT, "No such recipient here")
        for address in held.recipients:
            try:
                recipients.append(await self._delivery.resolve(address, sender=sender))
            except Refused as error:
                refusal = error
                log.info("not released to a recipient", held=held_id, why=error.reason.value)
        if not recipients:
            raise refusal
        octets = await self._store.read(spool.octets, held.content_id, self._folder)
        door = Provenance.stored(held.door, 0, 0, 0).door
        envelope = Envelope(held.reverse_path, tuple(recipients), sender, held.name, door)
        parts = await self._delivery.parts(envelope, octets, Options(name=held.name))
        await self._commit("released", held, parts, origin)
        return len({account for part in parts if not part.only_if_held for account in part.accounts})

    async def delete(self, held_id: int, origin: Origin) -> None:
        """Throw a message away. Raises Refused(NOT_FOUND), Temporary."""
        await self._commit("deleted", await self._held(held_id), [], origin)

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

    async def _commit(self, what: str, held: Held, parts: list[Part], origin: Origin) -> None:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused = await self._store.write(decide_unit, held, parts, origin, lifetime, what)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("infected message", held=held.id, id=held.name, what=what)


def decide_unit(tx: Tx, held: Held, parts: list[Part], origin: Origin, lifetime: int, what: str) -> list[str]:
    """A message is held no more, and whoever is to get it does: both or neither."""
    infected.take(tx, held.id)
    unused = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    detail = Cause("infected-message", number=held.id, name=held.name, virus=held.virus, verdict=(what,))
    audit.record(tx, origin, Action.INFECTED_DECIDED, 0, detail)
    return unused
