"""This service with a queue that waits for a word."""

import asyncio
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from sqlalchemy import update

from mailserver.cli.shared import open_store
from mailserver.foundation.settings import FILE_NAME, load
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import spool
from mailserver.store.schema.outgoing.spool import queued_domain
from tests.bench.incoming.ours import HERE, Ours
from tests.bench.outgoing.destinations import SENDER, Domain, Letter

LIFETIME = 4 * 86400
OF_ONE_UNIT = 250


class OurQueue(Ours):
    """One instance."""

    signing_cpu = 0.0
    """Nothing is signed before the clock starts."""

    def __init__(self, folder: Path, checkout: Path = HERE, *, sign: bool = False) -> None:
        """`sign`: what leaves is signed, by the RSA key that `init` makes."""
        super().__init__(folder, checkout)
        self._sign = sign

    def prepare(self, ways: dict[Domain, str], some: Iterable[Letter]) -> None:
        """Make it, and fill the queue."""
        self.make()
        lines = [f'"{domain.name}" = "{way}"' for domain, way in ways.items()]
        sign = f"sign = {str(self._sign).lower()}"
        routes = "\n".join(("\n[outbound]", "retry = [300]", sign, "[outbound.routes]", *lines, ""))
        path = self.folder / FILE_NAME
        path.write_text(path.read_text() + routes)
        asyncio.run(self._with_store(_fill, some))

    def release(self) -> None:
        """Let the queue go."""
        asyncio.run(self._with_store(_release))

    async def _with_store(self, work, *of) -> None:  # type: ignore[no-untyped-def]
        async with open_store(load(self.folder)) as store:
            await work(store, *of)


async def _fill(store: Store, some: Iterable[Letter]) -> None:
    left = iter(some)
    while several := list(islice(left, OF_ONE_UNIT)):
        await store.write(_queue, store, several)


def _queue(tx: Tx, store: Store, some: Iterable[Letter]) -> None:
    for letter in some:
        content_id, _ = messages.store_content(tx, blobs.prepare(letter.octets, store.blobs))
        spool.enqueue(tx, content_id, SENDER, [letter.recipient], lifetime=LIFETIME)
    tx.execute(update(queued_domain).values(due=spool.HELD_UNTIL))


async def _release(store: Store) -> None:
    await store.write(spool.retry)
