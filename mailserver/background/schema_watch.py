"""Stops a service whose database was upgraded, or taken back, under it so that it would misread its rows, or moved away
so that what it takes in would stay behind.

An upgrade that only adds lets programs of before go on. One that does not is refused while this machine serves; other
machines, and operators in a hurry, are met here. So is a host that was cut off while its database was moved.
"""

import asyncio
import os
import signal
from collections.abc import Callable

import structlog

from mailserver.model.errors import NewerSchema, OlderSchema
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep import opening

log = structlog.get_logger("schema")

PERIOD = 10.0


def stop_service() -> None:
    """Tell our supervisor to end."""
    os.kill(os.getppid(), signal.SIGTERM)


class SchemaWatch:
    """One worker's; each of them may find it."""

    def __init__(self, *, store: Store, stop: Callable[[], None] = stop_service) -> None:
        self._store = store
        self._stop = stop
        self._seen = ("", "")

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Ask once; the revisions we know are read only when the database has another than before."""
        if target := await self._store.read(opening.moved_under):
            log.critical("the service stops", why=f"its database was moved to {target}: correct [database] url")
            self._stop()
            return
        now = await self._store.read(migrate.current)
        if now == self._seen:
            return
        try:
            await asyncio.to_thread(migrate.check_served, self._store.url, *now)
        except (NewerSchema, OlderSchema) as error:
            log.critical("the service stops", why=str(error))
            self._stop()
            return
        self._seen = now
