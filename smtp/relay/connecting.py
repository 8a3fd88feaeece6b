"""A connection to another server: dialled, greeted, encrypted as is demanded (`smtp.relay.tls`); to a relay of the
settings logged in."""

import contextlib
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
from aiosmtplib import SMTPException

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import smarthosts
from mailserver.foundation.settings import Settings
from mailserver.model.sending import tls_sessions
from mailserver.texts.causes import Cause
from smtp.relay.failures import described
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import Level
from smtp.relay.tls.handshake import Handshakes, TlsFailed


class Dialler:
    """Opens connections. One per relay."""

    def __init__(self, settings: Settings, trust: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._handshakes = Handshakes(trust)

    @contextlib.asynccontextmanager
    async def connected(self, exchanger: Exchanger, level: Level) -> AsyncIterator[aiosmtplib.SMTP]:
        """A client that has been greeted, with TLS of a level where that is not CLEAR.

        Where no TLS is offered, and none is demanded, without. Raises TlsFailed, SMTPException, OSError.
        """
        relay = exchanger.relay
        client = await smarthosts.client_for(self._settings, relay, exchanger.address, exchanger.port, exchanger.source)
        async with smarthosts.closing(client):
            await client.connect(timeout=smarthosts.seconds_to_connect(self._settings))
            await smarthosts.greet(client)
            reached = Level.VERIFIED
            if not exchanger.proves_itself:
                reached = await self._encrypt(client, exchanger, level)
            if relay is not None:
                await smarthosts.enter(client, self._settings, relay)
            catalogue.OUTBOUND_TLS.add(reached.name.lower())
            yield client

    async def _encrypt(self, client: aiosmtplib.SMTP, exchanger: Exchanger, level: Level) -> Level:
        """The level that was reached. Raises TlsFailed."""
        try:
            if level is Level.CLEAR or not client.supports_extension("starttls"):
                if exchanger.demand.least is not Level.CLEAR:
                    why = Cause("tls-lost" if exchanger.demand.is_remembered else "no-starttls")
                    raise TlsFailed(why, tls_sessions.NO_STARTTLS)
                return Level.CLEAR
            await self._handshakes.encrypt(client, exchanger.name, exchanger.demand, level)
            await smarthosts.greet(client)
        except TlsFailed:
            catalogue.OUTBOUND_TLS.add("failed")
            raise
        except (SMTPException, OSError) as error:
            catalogue.OUTBOUND_TLS.add("failed")
            raise TlsFailed(described(error)) from None
        return level
