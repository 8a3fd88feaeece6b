"""SQLite: what was committed goes from its log into the database, so that nobody who commits does it meanwhile."""

import asyncio
import sqlite3
import threading
from typing import Any

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from mailserver.store.engine.engines import Backend, brief
from mailserver.store.engine.turns import Turns

log = structlog.get_logger("store")

BUSY_SECONDS = 0.1
QUIET_SECONDS = 0.5
FAILED_SECONDS = 5.0
"""Until the next look: when something was committed since the last one, when nothing was, and when it failed."""
LONG_LOG_PAGES = 1000
"""A log of so many is to be begun anew by whoever writes next. All of it must be in the database then, and while others
write that is so only in a turn of one's own."""


class Checkpoints:
    """One for a host. Without it whoever commits does so, once the log is long (`engines.SQLITE_LOG_PAGES`)."""

    def __init__(self, backend: Backend) -> None:
        assert backend.lock_file is not None, "of SQLite alone"
        self._backend = backend
        self._turns = Turns(backend.lock_file, gives_way=True)
        self._looking = threading.Lock()
        self._connection: Connection | None = None
        self._version = -1

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                came = await asyncio.to_thread(self._look)
                pause = BUSY_SECONDS if came else QUIET_SECONDS
            except (sqlite3.Error, DBAPIError) as error:
                log.warning("checkpoint failed", error=brief(error))
                pause = FAILED_SECONDS
            await asyncio.sleep(pause)

    def close(self) -> None:
        with self._looking:
            self._turns.close()
            if self._connection is not None:
                self._connection.close()

    def _look(self) -> bool:
        """Whether something came. Raises sqlite3.Error, DBAPIError."""
        with self._looking:
            if self._connection is None:
                self._connection = self._backend.engine.connect()
            driver: Any = self._connection.connection.driver_connection
            (version,) = driver.execute("PRAGMA data_version").fetchone()
            if version == self._version:
                return False
            is_kept, pages, done = _checkpoint(driver)
            if not is_kept and done == pages and pages > LONG_LOG_PAGES:
                with self._turns.taken():
                    _checkpoint(driver)
            self._version = version  # what failed is tried again
            return True


def _checkpoint(driver: Any) -> tuple[int, int, int]:
    """Whether somebody else was at it, pages of the log, and how many of them are in the database now. Waits for
    nobody, neither reader nor writer."""
    answer: tuple[int, int, int] = driver.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return answer
