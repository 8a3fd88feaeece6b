"""The checks of peers together, as a door asks them."""

import asyncio
import contextlib

from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.screening.blocklists import Blocklists
from mailserver.inbound.screening.greylisting import Greylist
from mailserver.inbound.screening.rates import PeerRates
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store


class PeerScreening:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, resolver: Resolver, clock: Clock) -> None:
        self.rates = PeerRates(settings=settings, store=store, clock=clock)
        self.greylist = Greylist(settings=settings, store=store, clock=clock)
        self.blocklists = Blocklists(settings=settings, resolver=resolver, clock=clock)
        self._work: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Share what is counted, and test the lists, in the background."""
        self._work = [asyncio.create_task(self.rates.run()), asyncio.create_task(self.blocklists.run())]

    async def close(self) -> None:
        """Stop, and share what was counted."""
        for task in self._work:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._work, return_exceptions=True)
        await self.rates.share()
