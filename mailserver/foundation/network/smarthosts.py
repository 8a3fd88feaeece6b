"""Relays of the settings: dialled, proven to be who they are, logged in to. For who sends, and for who only tries."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

from aiosmtplib import SMTP as Client
from aiosmtplib import SMTPAuthenticationError, SMTPException, SMTPHeloError

from mailserver.foundation.settings import OutboundRelay, Security, Settings, SettingsError
from mailserver.foundation.settings.relays import is_loopback

CONNECT_SECONDS = 30.0
QUIT_SECONDS = 2.0
REFUSALS = (530, 534, 535, 538)
"""The server wants another login, or one at all (RFC 4954 section 6): nothing that a message can help."""
MECHANISMS = ("plain", "login", "cram-md5")


class LoginRefused(SMTPException):
    """The relay does not take our login, or offers no way to say it."""


class NotProven(SMTPException):
    """No TLS with a certificate for the relay's name, where that is required."""


async def greet(client: Client) -> None:
    """EHLO, or HELO to whoever knows no other. Raises SMTPException, OSError."""
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


def source_for(settings: Settings, relay: OutboundRelay | None, address: str) -> str | None:
    """The address of this machine to dial an address from; empty: any; None: there is none of its family.

    What is on this machine is dialled from where its relay says, and else from anywhere.
    """
    own = relay.source if relay is not None else ()
    sources = own or (() if is_loopback(address) else settings.outbound.source)
    family = ip_address(address.partition("%")[0]).version
    fitting = [source for source in sources if ip_address(source).version == family]
    return fitting[0] if fitting else (None if sources else "")


async def client_for(settings: Settings, relay: OutboundRelay | None, address: str, port: int, source: str) -> Client:
    """A client that is not connected yet. Raises SMTPException, OSError."""
    if relay is not None and relay.security is Security.IMPLICIT:
        return await _implicit_client(settings, relay, address, source)
    return Client(
        hostname=address,
        port=port,
        local_hostname=_greeted_as(settings, source),
        source_address=(source, 0) if source else None,
        timeout=settings.outbound.timeout,
        start_tls=False,
    )


async def _implicit_client(settings: Settings, relay: OutboundRelay, address: str, source: str) -> Client:
    """It begins with TLS once it connects. aiosmtplib alone would want a certificate of the address."""
    context = await asyncio.to_thread(proving_context, relay.ca_file)
    connected = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connected.setblocking(False)
        if source:
            connected.bind((source, 0))
        async with asyncio.timeout(seconds_to_connect(settings)):
            await asyncio.get_running_loop().sock_connect(connected, (address, relay.port))
        return Client(
            hostname=relay.name,
            sock=connected,
            local_hostname=_greeted_as(settings, source),
            timeout=settings.outbound.timeout,
            use_tls=True,
            tls_context=context,
        )
    except BaseException:
        connected.close()
        raise


def seconds_to_connect(settings: Settings) -> float:
    return min(CONNECT_SECONDS, settings.outbound.timeout)


def _greeted_as(settings: Settings, source: str) -> str:
    """Our name to whom we dial from this address."""
    return settings.outbound.source_names.get(source) or settings.name


def proving_context(ca_file: str) -> ssl.SSLContext:
    """TLS that wants a certificate for the name that is dialled. Reads files. Raises NotProven."""
    try:
        return _context(ca_file, Path(ca_file).stat().st_mtime_ns if ca_file else 0)
    except (OSError, ssl.SSLError) as error:
        raise NotProven(f"{ca_file}: {error}") from None


@functools.lru_cache(maxsize=16)
def _context(ca_file: str, _written: int) -> ssl.SSLContext:
    """The system's authorities are some hundred: reading them takes longer than the handshake."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def enter(client: Client, settings: Settings, relay: OutboundRelay) -> None:
    """From the first greeting on: what the relay is to prove, then our login.

    Raises LoginRefused, NotProven, other SMTPException, OSError.
    """
    if relay.security is Security.REQUIRED:
        if not client.supports_extension("starttls"):
            raise NotProven("STARTTLS is not offered")
        context = await asyncio.to_thread(proving_context, relay.ca_file)
        try:
            await client.starttls(server_hostname=relay.name, tls_context=context, timeout=CONNECT_SECONDS)
        except (ssl.SSLError, SMTPException, OSError) as error:
            raise NotProven(str(error) or type(error).__name__) from None
        await greet(client)
    if relay.login:
        await _log_in(client, settings, relay)


async def _log_in(client: Client, settings: Settings, relay: OutboundRelay) -> None:
    """One mechanism is tried, once: servers lock accounts after several wrong passwords."""
    try:
        password = settings.secret(relay.password_file).decode()
    except (SettingsError, UnicodeDecodeError) as error:
        raise LoginRefused(str(error)) from None
    offered = [name for name in MECHANISMS if name in client.server_auth_methods]
    if not offered:
        raise LoginRefused("AUTH with PLAIN, LOGIN or CRAM-MD5 is not offered")
    say = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}[offered[0]]
    try:
        await say(relay.login, password)
    except SMTPAuthenticationError as error:
        said = f"{error.code} {' '.join(error.message.split())}"
        if 400 <= error.code < 500:
            raise SMTPException(said) from None
        raise LoginRefused(said) from None


@contextlib.asynccontextmanager
async def closing(client: Client) -> AsyncIterator[Client]:
    """The client, which says QUIT where nothing went wrong, and is closed in any case."""
    try:
        yield client
        with contextlib.suppress(SMTPException, OSError):
            await client.quit(timeout=QUIT_SECONDS)
    finally:
        client.close()
