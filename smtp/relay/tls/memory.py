"""Whether the servers of a domain have taken mail over TLS before: then it does not leave in the clear at once.

Opportunistic TLS ends where somebody on the way removes the offer (RFC 3207 section 6). A domain whose servers took
mail over TLS on several days and do not any more is waited for: a fault there is mended meanwhile, somebody on the way
is noticed. What happens after that is the operator's to say (`[outbound] tls_lost`).
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Outbound
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import tls_memory
from mailserver.store.queue.outbound.tls_memory import Remembered
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import Level
from smtp.relay.tls.recent import Recent

log = structlog.get_logger("relay")

NEEDED_DAYS = 3
"""Days with TLS after which its lack is no accident."""
KNOWN_SECONDS = 60.0


class TlsMemory:
    """Remembers for one relay; what is remembered is shared by all."""

    def __init__(self, outbound: Outbound, store: Store, clock: Clock) -> None:
        self._outbound = outbound
        self._store = store
        self._clock = clock
        self._known: Recent[str, Remembered | None] = Recent(clock)
        self._noted: Recent[str, int] = Recent(clock)
        """The day on which a domain's TLS was last written down."""

    async def demanded(self, domain: str, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """The servers of a domain: none in the clear while its TLS is waited for. Raises Temporary."""
        if not self._outbound.tls_lost_hours or all(one.demand.least is not Level.CLEAR for one in exchangers):
            return list(exchangers)
        if not self._is_waited_for(await self._remembered(domain)):
            return list(exchangers)
        return [_encrypted(one) if one.demand.least is Level.CLEAR else one for one in exchangers]

    async def _remembered(self, domain: str) -> Remembered | None:
        known = self._known.get(domain)
        if known is not None:
            return known[0]
        found = await self._store.read(tls_memory.get, domain)
        self._known.put(domain, found, KNOWN_SECONDS)
        return found

    def _is_waited_for(self, found: Remembered | None) -> bool:
        if found is None or found.days < NEEDED_DAYS:
            return False
        over = found.lost and self._clock.now() >= found.lost + 3600 * self._outbound.tls_lost_hours
        return not over or self._outbound.tls_lost == "wait"

    async def note(self, domain: str, exchanger: Exchanger) -> None:
        """A server of a domain takes mail over TLS. Once a day it is written down."""
        today = int(self._clock.now()) // DAY * DAY
        known = self._known.get(domain)
        is_back = known is not None and known[0] is not None and known[0].lost
        if not exchanger.is_of_domain or (self._noted.get(domain) == (today,) and not is_back):
            return
        with contextlib.suppress(Temporary):
            await self._store.write(tls_memory.keep, domain)
            self._noted.put(domain, today, DAY)
            self._known.drop(domain)

    async def lose(self, domain: str, exchanger: Exchanger) -> None:
        """A server of a domain that is remembered takes no mail over TLS any more."""
        if not exchanger.demand.is_remembered:
            return
        catalogue.TLS_LOST.add()
        log.warning("server had TLS before, and has none now: its mail waits", domain=domain, host=exchanger.name)
        with contextlib.suppress(Temporary):
            await self._store.write(tls_memory.lose, domain)
            self._known.drop(domain)


def _encrypted(exchanger: Exchanger) -> Exchanger:
    return replace(exchanger, demand=replace(exchanger.demand, least=Level.ENCRYPTED, is_remembered=True))
