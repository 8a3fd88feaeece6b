"""A connection to another server: dialled, greeted, encrypted as is demanded (`smtp.relay.tls`)."""

import contextlib
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
from aiosmtplib import SMTPException, SMTPHeloError

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Outbound
from mailserver.texts.causes import Cause
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import Level
from smtp.relay.tls.handshake import Handshakes, TlsFailed, described

CONNECT_SECONDS = 30.0
QUIT_SECONDS = 2.0


class Dialler:
    """Opens connections. One per worker."""

    def __init__(self, name: str, outbound: Outbound, trust: ssl.SSLContext | None = None) -> None:
        self._name = name
        self._outbound = outbound
        self._handshakes = Handshakes(trust)

    @contextlib.asynccontextmanager
    async def connected(self, exchanger: Exchanger, level: Level) -> AsyncIterator[aiosmtplib.SMTP]:
        """A client that has been greeted, with TLS of a level where that is not CLEAR.

        Where no TLS is offered, and none is demanded, without. Raises TlsFailed, SMTPException, OSError.
        """
        client = aiosmtplib.SMTP(
            hostname=exchanger.address,
            port=exchanger.port,
            local_hostname=self._name,
            timeout=self._outbound.timeout,
            start_tls=False,
        )
        try:
            await client.connect(timeout=min(CONNECT_SECONDS, self._outbound.timeout))
            await _greet(client)
            reached = await self._encrypt(client, exchanger, level)
            catalogue.OUTBOUND_TLS.add(reached.name.lower())
            yield client
            with contextlib.suppress(SMTPException, OSError):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()

    async def _encrypt(self, client: aiosmtplib.SMTP, exchanger: Exchanger, level: Level) -> Level:
        """The level that was reached. Raises TlsFailed."""
        try:
            if level is Level.CLEAR or not client.supports_extension("starttls"):
                if exchanger.demand.least is not Level.CLEAR:
                    raise TlsFailed(Cause("no-starttls"))
                return Level.CLEAR
            await self._handshakes.encrypt(client, exchanger.name, exchanger.demand, level)
            await _greet(client)
        except TlsFailed:
            catalogue.OUTBOUND_TLS.add("failed")
            raise
        except (SMTPException, OSError) as error:
            catalogue.OUTBOUND_TLS.add("failed")
            raise TlsFailed(described(error)) from None
        return level


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()
