"""Connections to an LDAP server, each in a thread of its own (ldap3 blocks).

A thread keeps one connection bound as the service and uses it for one question after another. A
connection that died in between (idle too long, server restarted) is replaced once without anybody
noticing; a server that is out of reach is left alone for a moment, so that callers fail fast instead of
waiting in line for its time-out.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

import ldap3
import structlog
from ldap3.core.exceptions import (
    LDAPCertificateError,
    LDAPCommunicationError,
    LDAPException,
    LDAPResponseTimeoutError,
    LDAPStartTLSError,
)

from mailserver.foundation.network.peers import is_loopback
from mailserver.foundation.settings import LdapDirectory, SettingsError
from mailserver.model.errors import Temporary
from mailserver.texts.text import Text, Untranslated

T = TypeVar("T")

BROKEN = (LDAPCommunicationError, LDAPResponseTimeoutError, LDAPStartTLSError, LDAPCertificateError)
"""What a network or a server may do to us. Anything else that ldap3 raises is a defect of ours."""

log = structlog.get_logger("ldap")

QUIET = 2.0
"""Seconds a server that did not answer is left alone."""
MAX_WAITING = 1000
"""Questions in line; more are turned away with Temporary."""

SUCCESS, SIZE_LIMIT, NO_SUCH_OBJECT = 0, 4, 32
UNREACHABLE_CODES = frozenset({3, 8, 11, 13, 51, 52, 80})
"""Result codes that speak of the server's trouble or its set-up, not of the question."""


class Pool:
    """Runs questions over connections. Its threads end with `close`."""

    def __init__(self, settings: LdapDirectory, password: str) -> None:
        """Raises SettingsError when passwords would cross a network in the clear, or the URL is unusable."""
        self._settings = settings
        self._password = password
        self._tls = _checked(settings)
        self._threads = ThreadPoolExecutor(settings.pool, thread_name_prefix="ldap")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: set[ldap3.Connection] = set()
        self._waiting = 0
        self._quiet_until = 0.0

    async def run(self, ask: Callable[[ldap3.Connection], T]) -> T:
        """Ask over a connection bound as the service. Raises Temporary when the server is out of reach."""
        return await self._in_thread(self._ask, ask)

    async def verify(self, dn: str, password: str) -> bool:
        """True when a simple bind with this name and password succeeds."""
        return await self._in_thread(self._verify, dn, password)

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        if self._waiting >= MAX_WAITING:
            raise Temporary("The directory has too much to do")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        finally:
            self._waiting -= 1

    def submit(self, ask: Callable[[ldap3.Connection], T]) -> "Future[T]":
        """The same for a caller that has no loop and bounds what it submits; the future raises Temporary."""
        return self._threads.submit(self._ask, ask)

    def close(self) -> None:
        """End the threads and their connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            connections, self._open = self._open, set()
        for connection in connections:
            _discard(connection)

    # ------------------------------------------------------------------ in the threads

    def _ask(self, ask: Callable[[ldap3.Connection], T]) -> T:
        kept: ldap3.Connection | None = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return ask(kept)
            except BROKEN as error:
                log.info("directory connection replaced", error=type(error).__name__)
                self._drop(kept)
        try:
            fresh = self._connect(self._settings.bind_dn, self._password)
            self._local.connection = fresh
            with self._lock:
                self._open.add(fresh)
            return ask(fresh)
        except BROKEN as error:
            if getattr(self._local, "connection", None) is not None:
                self._drop(self._local.connection)
            raise self._out_of_reach(error) from error

    def _drop(self, connection: ldap3.Connection) -> None:
        self._local.connection = None
        with self._lock:
            self._open.discard(connection)
        _discard(connection)

    def _verify(self, dn: str, password: str) -> bool:
        # RFC 4513 section 5.1.2: an empty password binds as nobody and succeeds.
        if not dn or not password or not _is_utf8(password):
            return False
        connection = None
        try:
            connection = self._opened(dn, password)
            done, result, _, _ = connection.bind()
        except BROKEN as error:
            raise self._out_of_reach(error) from error
        finally:
            if connection is not None:
                _discard(connection)
        if result["result"] in UNREACHABLE_CODES:
            raise Temporary("The directory cannot check passwords now")
        return bool(done)

    def _connect(self, dn: str, password: str) -> ldap3.Connection:
        """A connection bound as the service (anonymously without a name)."""
        connection = self._opened(dn, password)
        if dn:
            done, result, _, _ = connection.bind()
            if not done:
                _discard(connection)
                log.error("directory refuses our own bind", result=result["description"], bind_dn=dn)
                raise Temporary("The directory refuses the service")
        return connection

    def _opened(self, dn: str, password: str) -> ldap3.Connection:
        if time.monotonic() < self._quiet_until:
            raise Temporary("The directory is out of reach")
        connection = ldap3.Connection(
            _server(self._settings, self._tls),
            user=dn or None,
            # As octets: ldap3 would fold compatibility characters of text, and refuse control characters.
            password=password.encode("utf-8") or None,  # type: ignore[arg-type]
            authentication=ldap3.SIMPLE if dn else ldap3.ANONYMOUS,
            client_strategy=ldap3.SAFE_SYNC,
            receive_timeout=self._settings.timeout,
            auto_referrals=False,
            check_names=False,
            return_empty_attributes=False,
        )
        try:
            connection.open(read_server_info=False)
            if self._settings.start_tls:
                connection.start_tls(read_server_info=False)
        except BaseException:
            _discard(connection)
            raise
        return connection

    def _out_of_reach(self, error: LDAPException) -> Temporary:
        self._quiet_until = time.monotonic() + QUIET
        log.warning("directory out of reach", error=type(error).__name__, url=self._settings.url)
        return Temporary("The directory is out of reach")


def check(result: Mapping[str, object]) -> None:
    """Raise Temporary for results that are about the server rather than the question."""
    if result["result"] in UNREACHABLE_CODES:
        raise Temporary(f"The directory answers: {result['description']}")


def _discard(connection: ldap3.Connection) -> None:
    try:
        connection.unbind()
    except (LDAPException, OSError):
        log.debug("connection was gone already")
    # ldap3 forgets the socket of a connection that was refused or cut.
    if connection.socket is not None:
        connection.socket.close()


class _Tls(ldap3.Tls):
    """ldap3 checks host names by rules of its own that know no IP addresses; Python's are stricter."""

    def __init__(self, ca_file: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = ssl.create_default_context(cafile=ca_file or None)

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(
            connection.socket, do_handshake_on_connect=do_handshake, server_hostname=connection.server.host
        )


def _checked(settings: LdapDirectory) -> _Tls:
    """Raise SettingsError for a section that cannot be used or would give passwords away."""
    parts = urlsplit(settings.url)
    if parts.scheme not in ("ldap", "ldaps", "ldapi"):
        raise SettingsError(
            Text("ldap.url : {url} : doit commencer par ldap://, ldaps:// ou ldapi://", url=settings.url)
        )
    if parts.scheme == "ldap" and not settings.start_tls and not _is_loopback(parts.hostname or ""):
        raise SettingsError(
            Text("ldap : des mots de passe passeraient en clair sur le réseau ; prenez ldaps:// ou start_tls = true")
        )
    try:
        tls = _Tls(settings.ca_file)
        _server(settings, tls)
    except OSError as error:
        raise SettingsError(Untranslated(f"ldap.ca_file: {settings.ca_file}: {error.strerror or error}")) from None
    except LDAPException as error:
        raise SettingsError(Untranslated(f"ldap.url: {settings.url}: {error}")) from None
    return tls


def _server(settings: LdapDirectory, tls: _Tls) -> ldap3.Server:
    """Made for each connection: a Server that failed once is shunned by ldap3 for seconds."""
    return ldap3.Server(settings.url, get_info=ldap3.NONE, tls=tls, connect_timeout=settings.timeout)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or is_loopback(host)
