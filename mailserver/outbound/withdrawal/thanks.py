"""`Thanks`: people hear what became of their reports, once for each campaign, when IT has decided."""

import asyncio

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices import house
from mailserver.notices.mail import phishing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.withdrawal import reports
from mailserver.store.withdrawal.reports import Report, State

log = structlog.get_logger("withdrawal")

PERIOD = 5.0


class Thanks:
    """One per worker; two that meet thank once."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, delivery: Delivery, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._outbound = settings.outbound
        self._folder = store.blobs
        self._house = house.house_of(settings)

    async def run(self) -> None:
        """Tell, in the background, whoever does not know yet."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.tell()

    async def tell(self) -> int:
        """Tell everybody who does not know yet; how many notices. Nothing while the clock is in doubt."""
        count = 0
        while (batch := await self._store.read(reports.untold)) and await self._upkeep.may_go_on():
            for one in batch:
                count += await self._tell(one)
        return count

    async def _tell(self, one: Report) -> bool:
        parts = await self._notice(one)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            told, unused = await self._store.write(_tell, one, parts, self._outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        return told and bool(parts)

    async def _notice(self, one: Report) -> list[Part]:
        """Nothing where the reporter can no longer read it."""
        principal = await self._directory.by_account(one.account_id)
        if principal is None:
            return []
        try:
            recipient = await self._delivery.resolve(principal.address)
        except Refused as refusal:
            log.info("reporter cannot be told", account=one.account_id, why=refusal.reason.value)
            return []
        octets = phishing.thanks(
            await house.house_for(self._store, self._house, one.account_id),
            Correspondent(principal.name, principal.address),
            one.at,
            withdrawn=one.state is State.WITHDRAWN,
            token=self._clock.token(12),
            now=self._clock.now(),
        )
        prepared = await self._delivery.prepare(return_path("") + octets)
        service = Provenance(Door.SERVICE)
        return [Part(prepared, "", recipient.accounts, recipient.remote, provenance=service)]


def _tell(tx: Tx, one: Report, parts: list[Part], lifetime: int) -> tuple[bool, list[str]]:
    """The reporter knows, and has the notice: both or neither."""
    if not reports.tell(tx, one):
        return False, [part.prepared.file for part in parts if part.prepared.file is not None]
    return True, deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
