"""Archives of lists hold so many octets: past that the oldest messages go."""

from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.posts import archived_posts

OVERLAP = 3600
"""Seconds that are looked at twice: a message has the time at which its unit began."""


class ArchiveSizes:
    """One per worker. Lists that kept nothing since the last look are not measured."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings, self._store, self._clock = settings, store, clock
        self._since = self._most = 0

    async def keep(self) -> int:
        """Let go of what is too much; how many of one list at most, PRUNED where there may be more."""
        now, most, removed = int(self._clock.now()), self._settings.lists.archive_size, 0
        since = self._since if most == self._most else 0
        for address in await self._store.read(archived_posts.grown, since):
            if await self._store.read(archived_posts.octets, address) > most:
                removed = max(removed, await self._store.write(archived_posts.shorten, address, most))
        if removed < archived_posts.PRUNED:
            self._since, self._most = now - OVERLAP, most
        return removed
