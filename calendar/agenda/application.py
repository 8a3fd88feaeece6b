"""The ASGI application: who asks, how much they send, when it is their turn, and what they hear.

Everything that waits (login, body, turn, slow readers) waits on the event loop; a thread is taken only for the
computing in the middle. `a2wsgi` holds a thread for the whole exchange, so two slow uploads would stop
everybody: hence this bridge.
"""

import asyncio
import contextlib
import contextvars
import io
import logging
import time
import unicodedata
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import structlog
from radicale.log import logger as radicale_logger

from agenda.access import LOGIN_KEY, RETRY_SECONDS, Denied, Gate
from agenda.dav import MAX_BODY, MAX_ITEM_BODY, Dav
from agenda.documents import MAX_OCTETS as MAX_XML
from agenda.guarding import METHODS
from agenda.request_context import VISIT, RequestContext
from mailserver.foundation.large_answers import LARGE, Kept, LargeAnswers
from mailserver.foundation.network.peers import identify_request
from mailserver.foundation.settings import Settings
from mailserver.login import Login
from mailserver.model.budget import Budget
from mailserver.model.errors import Temporary
from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Store
from mailserver.texts.text import Text, both

log = structlog.get_logger("dav")

PREFIX: Final = "/dav"
WELL_KNOWN: Final = ("/.well-known/caldav", "/.well-known/carddav")
"""Discovery (RFC 6764 section 5): both lead to the root, which knows the principal."""
_UNREADABLE: Final = "\ufffd"
"""What stands for octets that are no UTF-8."""
_READING: Final = ("OPTIONS", "GET", "HEAD", "PROPFIND", "REPORT")
BODY_SECONDS = 120.0
"""For a whole body; the server bounds the wait for each piece (slow-body attack)."""
MAX_WAITING = 8
"""Requests of one person under way."""
MAX_REQUESTS = 200
"""Requests of everybody under way in this process."""
CHUNK = 256 * 1024
_OFF = 100
"""A log level above every other."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PASSED_ON: Final = {
    b"depth": "HTTP_DEPTH",
    b"if": "HTTP_IF",
    b"if-match": "HTTP_IF_MATCH",
    b"if-none-match": "HTTP_IF_NONE_MATCH",
    b"if-modified-since": "HTTP_IF_MODIFIED_SINCE",
    b"if-unmodified-since": "HTTP_IF_UNMODIFIED_SINCE",
    b"accept-encoding": "HTTP_ACCEPT_ENCODING",
}
"""What Radicale hears of the header; above all not X-Forwarded-*, X-Script-Name and the like, which it believes."""
_LISTS: Final = (b"if-match", b"if-none-match", b"accept-encoding")
"""Those that may stand in several lines, which together are one list (RFC 9110 section 5.3)."""
_BUSY = both(Text("Service occupé, réessayez dans un instant."), "\n")
_TOO_LARGE = both(Text("Contenu trop volumineux."), "\n")
_TOO_SLOW = both(Text("Envoi trop lent."), "\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(slots=True)
class _Turn:
    """One person's requests: they run one after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class _Gone(Exception):
    """The client left."""


class Agenda:
    """The ASGI application to mount at `/dav` and at both WELL_KNOWN paths."""

    def __init__(self, settings: Settings, store: Store, login: Login) -> None:
        self._gate = Gate(settings, login)
        self._dav = Dav(store, store.clock, settings.domain)
        self._turns: dict[int, _Turn] = {}
        self._requests = 0
        self._large = LargeAnswers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("The agendas speak HTTP only")
        started = time.monotonic()
        account_id = 0
        kept: Kept | None = None
        try:
            try:
                early = _before_login(scope)
                if early is not None:
                    answer = early
                else:
                    principal = await self._enter(scope)
                    account_id = principal.account_id
                    if not identify_request(scope, account_id):
                        raise Denied(503, _BUSY, (("Retry-After", str(RETRY_SECONDS)),))
                    answer = await self._serve(scope, receive, principal)
                    if len(answer.body) >= LARGE:
                        # A slow reader holds a piece of it in memory, not a whole collection.
                        kept = await self._large.keep_octets(account_id, answer.body)
                        answer = replace(answer, body=b"")
            except Denied as denied:
                answer = _plain(denied.status, denied.text, denied.headers)
            except Temporary as error:
                answer = _plain(503, str(error), (("Retry-After", str(RETRY_SECONDS)),))
        except _Gone:
            return
        log.info(
            "request",
            method=scope["method"],
            account=account_id,
            status=answer.status,
            octets=kept.octets if kept is not None else len(answer.body),
            ms=round((time.monotonic() - started) * 1000),
        )
        try:
            await _send(answer, kept, scope["method"] == "HEAD", send)
        finally:
            if kept is not None:
                kept.close()

    async def _enter(self, scope: Scope) -> Principal:
        peer = scope["client"][0] if scope.get("client") else ""
        return await self._gate.enter(_header(scope, b"authorization"), peer, scope.get("scheme") == "https")

    async def _serve(self, scope: Scope, receive: Receive, principal: Principal) -> Answer:
        path = scope["path"].removeprefix(PREFIX) or "/"
        elsewhere = _canonical(path, principal)
        if elsewhere is not None:
            return _plain(308, "", (("Location", elsewhere),))
        async with self._turn(principal.account_id) as turn:
            if scope["method"] not in METHODS:
                return await asyncio.to_thread(self._refused, path, principal)
            body = await _read(receive, scope, _bound(scope["method"], path))
            environ = _environ(scope, path, body, principal)
            async with turn.lock:
                loop = asyncio.get_running_loop()
                # In a context of its own: what one request sets there (zones), no other finds.
                compute = contextvars.copy_context().run
                return await loop.run_in_executor(None, compute, self._compute, environ, principal)

    @contextlib.asynccontextmanager
    async def _turn(self, account_id: int) -> AsyncIterator[_Turn]:
        """Count a request in, so that neither one person nor everybody can pile them up."""
        turn = self._turns.setdefault(account_id, _Turn())
        if turn.waiting >= MAX_WAITING or self._requests >= MAX_REQUESTS:
            raise Denied(503, _BUSY, (("Retry-After", "5"),))
        turn.waiting += 1
        self._requests += 1
        try:
            yield turn
        finally:
            turn.waiting -= 1
            self._requests -= 1
            if not turn.waiting:
                del self._turns[account_id]

    def _refused(self, path: str, principal: Principal) -> Answer:
        """In a thread: what is allowed instead of the method that was asked for."""
        VISIT.set(RequestContext(principal, Budget()))
        return _plain(405, "", (("Allow", self._dav.allowed(path)),))

    def _compute(self, environ: dict[str, Any], principal: Principal) -> Answer:
        """In a thread: Radicale's answer, whole."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
            started.append((status, headers))

        VISIT.set(RequestContext(principal, Budget()))
        body = b"".join(self._dav(environ, start_response))
        status, headers = started[0]
        return Answer(int(status.split(" ", 1)[0]), tuple(headers), body)


def create(*, settings: Settings, store: Store, login: Login) -> Agenda:
    """The agendas over a store; mount the result at PREFIX and WELL_KNOWN."""
    # Radicale's log quotes requests, and its errors their content; vobject writes what it cannot read to the
    # root of all logs.
    radicale_logger.setLevel(_OFF)
    logging.getLogger().addFilter(_is_not_of_vobject)
    return Agenda(settings, store, login)


def _is_not_of_vobject(record: logging.LogRecord) -> bool:
    return "vobject" not in record.pathname


def _before_login(scope: Scope) -> Answer | None:
    """What needs no person."""
    if scope["path"].rstrip("/") in WELL_KNOWN:
        return _plain(301, "", (("Location", f"{PREFIX}/"), ("Cache-Control", "max-age=86400")))
    if scope["path"] != PREFIX and not scope["path"].startswith(f"{PREFIX}/"):
        return _plain(404, "")
    if scope["method"] not in _READING and _is_ambiguous(scope):
        return _plain(400, "The address may mean more than it should\n")
    return None


def _is_ambiguous(scope: Scope) -> bool:
    """Whether an address may be that of an object whose name was not encoded, and reads as that of its collection:
    all of it would be replaced or deleted. Names that are no UTF-8 read as each other.
    """
    path = scope["path"]
    parts = path.split("/")
    dotted = "." in parts or ".." in parts or parts[-2:] == ["", ""]
    return dotted or bool(scope.get("query_string")) or _UNREADABLE in path


def _canonical(path: str, principal: Principal) -> str | None:
    """Where the person's own tree is, when the path names it by another of their logins."""
    first, slash, rest = path.removeprefix("/").partition("/")
    if first == principal.login or not first:
        return None
    if first.casefold() == principal.login or principal.owns(first):
        return f"{PREFIX}/{quote(principal.login)}{slash}{quote(rest)}"
    return None


def _bound(method: str, path: str) -> int:
    """Octets a body may have."""
    if method != "PUT":
        return MAX_XML
    return MAX_ITEM_BODY if path.strip("/").count("/") >= 2 else MAX_BODY


async def _read(receive: Receive, scope: Scope, bound: int) -> bytes:
    """The whole body. Raises Denied(413 | 408), _Gone."""
    length = _header(scope, b"content-length")
    if length.isdigit() and int(length) > bound:
        raise Denied(413, _TOO_LARGE)
    pieces: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Gone
                piece = message.get("body", b"")
                size += len(piece)
                if size > bound:
                    raise Denied(413, _TOO_LARGE)
                pieces.append(piece)
                more = message.get("more_body", False)
    except TimeoutError:
        raise Denied(408, _TOO_SLOW) from None
    return b"".join(pieces)


def _environ(scope: Scope, path: str, body: bytes, principal: Principal) -> dict[str, Any]:
    """What Radicale hears of the request (PEP 3333), made from a list of what it may hear."""
    secure = scope.get("scheme") == "https"
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": PREFIX,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if secure else "80",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "CONTENT_LENGTH": str(len(body)),
        # Without a charset: it would name any of Python's codecs.
        "CONTENT_TYPE": _header(scope, b"content-type").split(";")[0].strip().lower(),
        "HTTP_OVERWRITE": _overwrite(scope),
        "HTTP_DESTINATION": _destination(scope, principal),
        LOGIN_KEY: principal.login,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, key in _PASSED_ON.items():
        value = _listed(scope, name) if name in _LISTS else _header(scope, name)
        if value:
            environ[key] = value
    return environ


def _overwrite(scope: Scope) -> str:
    """Whether what is there may be replaced: yes by default (RFC 4918 section 10.6)."""
    value = _header(scope, b"overwrite").strip().upper() or "T"
    if value not in ("T", "F"):
        raise Denied(400, "Overwrite is T or F")
    return value


def _destination(scope: Scope, principal: Principal) -> str:
    """The path a COPY or MOVE goes to, in the person's own tree by whichever of their logins; another server's is
    refused (RFC 4918 section 9.9.4).
    """
    value = _header(scope, b"destination")
    if not value:
        if scope["method"] in ("COPY", "MOVE"):
            raise Denied(400, "Destination is missing")
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise Denied(400, "Malformed Destination") from None
    if parts.netloc and _server(parts.netloc, parts.scheme) != _server(_header(scope, b"host"), parts.scheme):
        raise Denied(502, "The destination is on another server")
    if parts.query or parts.fragment or any(sign in parts.path.lower() for sign in (";", "%3b", "%3f", "%23")):
        raise Denied(400, "Unusable Destination")  # Radicale would cut the name there
    if any(unicodedata.category(sign)[0] == "C" or sign == _UNREADABLE for sign in unquote(parts.path)):
        raise Denied(400, "Unusable Destination")  # as it refuses them in the address of a request
    return _canonical(unquote(parts.path).removeprefix(PREFIX), principal) or parts.path


def _server(said: str, scheme: str) -> str:
    """A server as it is compared: letters and the usual port do not count (RFC 9110 section 4.2.3)."""
    return said.lower().removesuffix(":443" if scheme.lower() == "https" else ":80")


def _header(scope: Scope, wanted: bytes) -> str:
    """The first field of this name, in latin-1 as HTTP has it."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for name, value in headers if name == wanted), "")


def _listed(scope: Scope, wanted: bytes) -> str:
    """All fields of this name as one."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return ", ".join(value.decode("latin-1") for name, value in headers if name == wanted)


def _plain(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, (("Content-Type", "text/plain; charset=utf-8"), *headers), text.encode())


async def _send(answer: Answer, kept: Kept | None, head: bool, send: Send) -> None:
    """Piece by piece, so that a slow reader holds no more than it has not read; a large body is in `kept`."""
    fields = {name.lower(): value for name, value in answer.headers}
    if not head and answer.status not in (204, 304):  # RFC 9110 section 8.6
        fields["content-length"] = str(kept.octets if kept is not None else len(answer.body))
    fields.update({"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"})
    fields.setdefault("cache-control", "no-store")
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if kept is not None and not head:
        async for piece in kept.pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    body = b"" if head else answer.body
    for start in range(0, len(body), CHUNK):
        await send({"type": "http.response.body", "body": body[start : start + CHUNK], "more_body": True})
    await send({"type": "http.response.body", "body": b""})
