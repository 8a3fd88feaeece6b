"""Messages made ready for the store, and the files of those that it did not take after all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from mailserver.model.errors import Refused, Temporary
from mailserver.store.engine.transactions import Uncertain
from mailserver.store.mail import blobs
from mailserver.store.octets.files import BlobFolder


class MessageFiles:
    """Of one folder of blobs."""

    def __init__(self, folder: BlobFolder) -> None:
        self._folder = folder

    async def prepare(self, octets: bytes) -> blobs.Prepared:
        """Scan and compress a message, off the loop when that takes long. Raises Temporary."""
        if blobs.prepares_quickly(octets):
            return blobs.prepare(octets, self._folder)
        return await asyncio.to_thread(blobs.prepare, octets, self._folder)

    @contextlib.asynccontextmanager
    async def discarding(self, *prepared: blobs.Prepared | None) -> AsyncIterator[None]:
        """Remove the files of messages whose unit certainly failed: a full disk must not fill up with leavings.

        After any other end (the caller is gone, the outcome unknown) the collector finds out.
        """
        try:
            yield
        except Uncertain:
            raise
        except (Refused, Temporary):
            await self.remove(one.file for one in prepared if one is not None and one.file is not None)
            raise

    async def remove(self, names: Iterable[str]) -> None:
        """Files that nothing names."""
        for name in names:
            await asyncio.to_thread(blobs.remove_file, self._folder, name)
