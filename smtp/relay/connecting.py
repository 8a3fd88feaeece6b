"""A connection to another server: dialled, greeted, encrypted.

TLS is taken where it is offered, whoever answers (RFC 7435); where it fails the attempt goes on in the clear.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator

import aiosmtplib
from aiosmtplib import SMTPException, SMTPHeloError

from mailserver.foundation.settings import Outbound
from mailserver.texts.causes import Cause, plain
from smtp.relay.routing import Exchanger

CONNECT_SECONDS = 30.0
QUIT_SECONDS = 2.0


class TlsFailed(Exception):
    """STARTTLS was offered and did not work."""


class Dialler:
    """Opens connections. One per worker."""

    def __init__(self, name: str, outbound: Outbound) -> None:
        self._name = name
        self._outbound = outbound
        # Opportunistic: whoever can read the wire can also remove the offer, so a certificate proves nothing here.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls.check_hostname = False
        self._tls.verify_mode = ssl.CERT_NONE

    @contextlib.asynccontextmanager
    async def connected(self, exchanger: Exchanger, *, encrypt: bool) -> AsyncIterator[aiosmtplib.SMTP]:
        """A client that has been greeted. Raises SMTPException, OSError, TlsFailed."""
        client = aiosmtplib.SMTP(
            hostname=exchanger.address,
            port=exchanger.port,
            local_hostname=self._name,
            timeout=self._outbound.timeout,
            start_tls=False,
            tls_context=self._tls,
        )
        try:
            await client.connect(timeout=min(CONNECT_SECONDS, self._outbound.timeout))
            await _greet(client)
            if encrypt and client.supports_extension("starttls"):
                await self._encrypt(client, exchanger.name)
            yield client
            with contextlib.suppress(SMTPException, OSError):
                await client.quit(timeout=QUIT_SECONDS)
        finally:
            client.close()

    async def _encrypt(self, client: aiosmtplib.SMTP, name: str) -> None:
        try:
            await client.starttls(server_hostname=name, timeout=CONNECT_SECONDS)
            await _greet(client)
        except (SMTPException, OSError) as error:
            raise TlsFailed(describe(error)) from None


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


def describe(error: Exception) -> Cause:
    """One line about what went wrong."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return plain(f"{error.code} {' '.join(error.message.split())}")
    return plain(str(error) or type(error).__name__)
