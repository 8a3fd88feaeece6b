"""Connections to other servers that are kept for the next message.

A connection is used again only for a way that is the same in everything: the exchanger, with all that is demanded of
its TLS and the address it is dialled from, and the level of TLS.
"""

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass, field

import aiosmtplib
import structlog
from aiosmtplib import SMTPException

from mailserver.foundation.metrics import catalogue
from mailserver.model.clock import Clock
from smtp.relay.connecting import Dialler
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import Level

log = structlog.get_logger("relay")

IDLE_SECONDS = 5.0
"""A connection that nobody wants is closed: the other server has better uses for it."""
MAX_MESSAGES = 100
"""Over one connection: servers that count allow at least as many."""
MAX_SECONDS = 300.0
"""Of a connection's life."""
MAX_IDLE = 500
"""Connections of a relay that wait for a message; the one that has waited longest goes first."""

GOODBYE_SECONDS = 1.0
"""For all that wait when the service stops."""

Way = tuple[Exchanger, Level]
"""Whom to dial, with what is demanded of its TLS, and the level of TLS."""


@dataclass(slots=True, eq=False)
class Connection:
    """A server that has been greeted, and what it was used for."""

    way: Way
    client: aiosmtplib.SMTP
    began: float
    closing: contextlib.AsyncExitStack
    messages: int = 0
    in_transaction: bool = False
    """MAIL was said and nothing ended it: RSET is due."""
    retiring: asyncio.TimerHandle | None = field(default=None)

    @property
    def is_reused(self) -> bool:
        return self.messages > 0


class Pool:
    """Those of one relay."""

    def __init__(self, dialler: Dialler, clock: Clock) -> None:
        self._dialler = dialler
        self._clock = clock
        self._idle: dict[Way, deque[Connection]] = {}
        self._waiting: dict[Connection, None] = {}
        """All of them, the one that has waited longest first."""
        self._closing: set[asyncio.Task[None]] = set()

    async def take(self, way: Way) -> Connection:
        """One that waits, or a new one. Raises SMTPException, OSError, TlsFailed."""
        while found := self._idle.get(way):
            connection = found[-1]
            self._remove(connection)
            if connection.client.is_connected:
                catalogue.CONNECTIONS_USED.add("kept")
                return connection
            await self.close(connection)
        stack = contextlib.AsyncExitStack()
        client = await stack.enter_async_context(self._dialler.connected(*way))
        catalogue.CONNECTIONS_USED.add("dialled")
        return Connection(way, client, self._clock.monotonic(), stack)

    def put_back(self, connection: Connection) -> None:
        """Let it wait for the next message, if it is good for one."""
        age = self._clock.monotonic() - connection.began
        if not connection.client.is_connected or connection.messages >= MAX_MESSAGES or age >= MAX_SECONDS:
            self._close_soon(connection)
            return
        while len(self._waiting) >= MAX_IDLE:
            self._retire(next(iter(self._waiting)))
        self._idle.setdefault(connection.way, deque()).append(connection)
        self._waiting[connection] = None
        loop = asyncio.get_running_loop()
        connection.retiring = loop.call_later(IDLE_SECONDS, self._retire, connection)
        catalogue.CONNECTIONS_IDLE.set(len(self._waiting))

    def drop(self, connection: Connection) -> None:
        """Something went wrong with it: it ends without a word."""
        connection.client.close()
        self._close_soon(connection)

    async def close(self, connection: Connection) -> None:
        """Say goodbye, if it can be said."""
        try:
            await connection.closing.aclose()
        except (SMTPException, OSError) as error:
            log.info("no goodbye", host=connection.way[0].name, why=str(error))
        except Exception:
            log.exception("connection not closed", host=connection.way[0].name)

    async def empty(self) -> None:
        """Close all that wait, and see to the end of what is closing."""
        for connection in list(self._waiting):
            self._retire(connection)
        if self._closing:
            await asyncio.wait(list(self._closing), timeout=GOODBYE_SECONDS)

    def _retire(self, connection: Connection) -> None:
        self._remove(connection)
        self._close_soon(connection)

    def _remove(self, connection: Connection) -> None:
        if connection.retiring is not None:
            connection.retiring.cancel()
            connection.retiring = None
        self._waiting.pop(connection, None)
        alike = self._idle.get(connection.way)
        if alike is not None:
            with contextlib.suppress(ValueError):
                alike.remove(connection)
            if not alike:
                del self._idle[connection.way]
        catalogue.CONNECTIONS_IDLE.set(len(self._waiting))

    def _close_soon(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(self.close(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
