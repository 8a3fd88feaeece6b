"""STARTTLS with another server, at a level."""

import ssl

import aiosmtplib
from aiosmtplib import SMTPException

from mailserver.model.sending import tls_sessions
from mailserver.texts.causes import Cause
from smtp.relay.failures import described
from smtp.relay.tls import tlsa
from smtp.relay.tls.demand import Demand, Level
from smtp.relay.tls.tlsa import NoMatch

_DER = 2
"""`_ssl.ENCODING_DER`."""
HANDSHAKE_SECONDS = 30.0


_RESULTS = {
    **dict.fromkeys((9, 10), tls_sessions.EXPIRED),
    **dict.fromkeys((2, 18, 19, 20, 21), tls_sessions.NOT_TRUSTED),
    62: tls_sessions.OTHER_NAME,
}
"""By OpenSSL's X509_V_ERR_..."""


class TlsFailed(SMTPException):
    """There is no TLS of the level that was asked for; the text says why."""

    def __init__(self, why: Cause, result: str = tls_sessions.FAILED) -> None:
        """`result`: the same in the words of RFC 8460."""
        super().__init__(why)
        self.result = result


class Handshakes:
    """Makes TLS out of connections. One per relay; the trust is an argument for the tests."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self._any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._any.check_hostname = False
        self._any.verify_mode = ssl.CERT_NONE
        self._verifying = trust or ssl.create_default_context()
        # RFC 8461 section 4.1, RFC 6125 section 6.4.4: names stand in subjectAltName.
        self._verifying.hostname_checks_common_name = False

    async def encrypt(self, client: aiosmtplib.SMTP, name: str, demand: Demand, level: Level) -> None:
        """Raises TlsFailed."""
        if level is not Level.DANE:
            await self._start(client, name, self._verifying if level is Level.VERIFIED else self._any)
            return
        # OpenSSL's own DANE is out of Python's reach: the server proves the key of its certificate, whatever that says,
        # and what it says is looked at before anything else is sent. RFC 7672 section 8.1: SNI.
        await self._start(client, demand.names[0], self._any)
        try:
            tlsa.check(_chain(client), demand.records, demand.names)
        except NoMatch as error:
            raise TlsFailed(Cause("tlsa-unfit", server=name, said=str(error)), tls_sessions.TLSA_INVALID) from None

    async def _start(self, client: aiosmtplib.SMTP, name: str, context: ssl.SSLContext) -> None:
        try:
            await client.starttls(server_hostname=name, tls_context=context, timeout=HANDSHAKE_SECONDS)
        except ssl.SSLCertVerificationError as error:
            why = Cause("certificate-unfit", server=name, said=error.verify_message)
            raise TlsFailed(why, _RESULTS.get(error.verify_code, tls_sessions.FAILED)) from None
        except (SMTPException, OSError, ValueError) as error:  # ValueError: no name for SNI
            raise TlsFailed(described(error)) from None


def _chain(client: aiosmtplib.SMTP) -> list[bytes]:
    """The certificates that a server has shown, its own first."""
    secured = client.get_transport_info("ssl_object")
    if hasattr(secured, "get_unverified_chain"):  # from Python 3.13 on
        return list(secured.get_unverified_chain())
    return [one.public_bytes(_DER) for one in secured._sslobj.get_unverified_chain() or ()]
