"""Mail from outside is looked through for viruses; what has one is kept for IT, and its recipients are told."""

from collections.abc import Sequence
from dataclasses import replace

import structlog

from mailserver.delivery.envelope import Delivered, Envelope, Memory, Part, Recipient, received
from mailserver.delivery.message_files import MessageFiles
from mailserver.delivery.units import hold_infected
from mailserver.foundation.settings import Settings
from mailserver.inbound.junk.clamd import Clamd
from mailserver.inbound.junk.patience import Away, Unscanned
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Temporary
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices import house
from mailserver.notices.mail import viruses
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.held.infected import Infected

log = structlog.get_logger("deliver")

MAX_TOLD = 50
"""Recipients of an infected message who are told in one unit."""


class VirusCheck:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, files: MessageFiles) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._files = files
        self._clamd = Clamd(settings.junk, clock)
        self._house = house.house_of(settings)

    async def virus_in(self, octets: bytes) -> str | None:
        """The name of a virus in a message; empty: none was found; None: nobody looked. Raises Temporary."""
        try:
            return await self._clamd.scan(octets)
        except Unscanned as unscanned:
            # Neither taken, whatever the setting says of a scanner that is away, nor lost: its sender keeps it.
            raise Temporary("This message could not be scanned for viruses: try again later") from unscanned
        except Away as away:
            if self._settings.junk.scanner_away == "refuse":
                raise Temporary("The virus scanner is away: try again later") from away
            return None

    async def hold(self, envelope: Envelope, octets: bytes, virus: str) -> Delivered:
        """Keep a message for IT, and tell its recipients in the same unit, of very many the first: the others are told
        in the background (`delivery.held.infected`). Raises Temporary."""
        prepared = await self._files.prepare(octets)
        expires = int(self._clock.now()) + self._settings.junk.virus_days * DAY
        addresses = tuple(one.address for one in envelope.recipients)
        door, results = int(envelope.door), envelope.results
        untold = MAX_TOLD if len(addresses) > MAX_TOLD else -1
        held = Infected(envelope.name, virus, envelope.reverse_path, addresses, door, expires, results, untold)
        held = replace(held, require_tls=envelope.require_tls, found=envelope.found)
        trace = received(envelope, len(octets), prepared)
        notices = await self.notices(envelope.recipients[:MAX_TOLD], viruses.Infected(virus, expires))
        async with self._files.discarding(prepared, *(part.prepared for part in notices)):
            unused = await self._store.write(
                hold_infected, prepared, held, notices, self._settings.outbound.lifetime, trace
            )
        await self._files.remove(unused)
        log.warning("virus", id=envelope.name, virus=virus, recipients=len(addresses))
        return Delivered(0, 0, junk=True)

    async def notices(self, recipients: Sequence[Recipient], what: viruses.Infected) -> list[Part]:
        """What recipients are told, once a day: each in their language, and the members of a list together."""
        told: list[Part] = []
        known: set[int] = set()
        for one in recipients:
            accounts = tuple(account for account in dict.fromkeys(one.accounts) if account not in known)
            if not accounts:
                continue
            known.update(accounts)
            alone = accounts[0] if len(accounts) == 1 else 0
            speaking = await house.house_for(self._store, self._house, alone) if alone else self._house
            octets = viruses.held(speaking, what, one.address, token=self._clock.token(12), now=self._clock.now())
            prepared = await self._files.prepare(return_path("") + octets)
            key = filter_memory.key_of("infected", "" if alone else one.address)
            once = Memory(accounts[0], Kind.INFECTED, key, int(self._clock.now()) + DAY)
            told.append(Part(prepared, "", accounts, provenance=Provenance(Door.SERVICE), once=once))
        return told
