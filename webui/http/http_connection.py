"""One HTTP/1.1 connection with bounds: uvicorn's protocol, which by itself has none.

uvicorn bounds neither the size of a request's header, nor the time it may take to arrive, nor what frames a chunked
body: trailer fields, chunk extensions, leading zeros (RFC 9112 sections 7.1.1 and 7.1.2). It collects trailer fields
among those of the header, which would let a body speak for its header; here they are counted and thrown away
(RFC 9110 section 6.5.1). A body that goes on after its answer is refused, and whoever stops reading is cut: an export
under way is one of few, a stream as well.
"""

import asyncio
import contextlib
import math
import re
from http import HTTPStatus
from typing import Any, ClassVar, Literal

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailserver.foundation.network.peers import ENTRY, UNKNOWN, Entry
from mailserver.foundation.settings import Limits, Proxy
from webui.http import forwarded
from webui.http.turns import CUT

log = structlog.get_logger("webui")

MAX_HEADER = 64 * 1024
"""Octets of a request's line and header fields; and of all that frames its body, trailer fields included."""
MAX_FIELDS = 200
"""Header fields of a request; and its trailer fields."""
CHUNK_FRAME = 32
"""Octets that frame a chunk without being counted: its size in hexadecimal, the ends of two lines."""
PIECE, HEADER_PIECE = 16 * 1024, 4 * 1024
"""Octets of a body, and of headers, that are parsed before the bounds are looked at."""
HEADER_SECONDS = 15.0
"""From the first octet (or the connection) until the header is complete."""
IDLE_BODY_SECONDS = 60.0
"""Between two pieces of a request's body."""
STALL_SECONDS = 60.0
"""A peer that does not take what we hold for it (some ten kilobytes) in this time is cut."""
IGNORED_FACTOR = 4
"""Times the largest message that a body may go on for once its answer is out, then the connection ends: a browser reads
the answer only once it has sent all."""
COMPLAINT_SECONDS = 60.0
REFUSAL_SECONDS = 1.0
"""From a refusal to the end of the connection: the peer may read why. What it sends meanwhile is thrown away."""


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with bounds on header, framing, time, on who does not read and on what follows an answer."""

    limits: ClassVar[Limits] = Limits()
    proxy: ClassVar[Proxy] = Proxy()
    """Both those of the moment."""
    complained: ClassVar[float] = -math.inf
    """When a proxy that does not speak as expected was named in the log last."""

    def __init__(self, entry: Entry, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limit_concurrency = self.limits.connections
        self._entry = entry
        self._header_octets = 0
        self._in_header = True
        self._fields = 0
        """Of the header, then of the trailer."""
        self._spare = 0
        """Octets that may still frame the body under way."""
        self._ignored = 0
        self._unread = b""
        """Behind requests that wait for their turn: each costs a hundred times the octets it was sent with."""
        self._refused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        port = self.client[1] if self.client else 0
        self.client = (self._entry.peer, port)  # IPv4 never as IPv6
        self._watch(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._flowing()
        self._entry.leave()
        super().connection_lost(exc)

    # ------------------------------------------------------------------ octets in

    def data_received(self, data: bytes) -> None:
        self._unread = self._unread + data if self._unread else data
        self._parse()

    def _parse(self) -> None:
        """Parse piece by piece: what the loop read at once may be a quarter of a megabyte."""
        data, start = self._unread, 0
        self._unread = b""
        while start < len(data) and not self._refused and not self.transport.is_closing():
            if self.pipeline:
                self._unread = data[start:]
                self.flow.pause_reading()
                return
            end = start + (HEADER_PIECE if self._in_header else PIECE)
            self._take(data[start:end])
            start = end

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._unread:
            if self.pipeline:
                self.flow.pause_reading()
            else:
                self.loop.call_soon(self._parse)

    def _take(self, piece: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:
            if self._in_header:
                if self._deadline is None:
                    self._watch(HEADER_SECONDS)
            else:
                self._ignored += len(piece)
                if self._ignored > IGNORED_FACTOR * self.limits.message_size:
                    self.transport.abort()
                    return
        if self._in_header:
            self._header_octets += len(piece)
        else:
            self._spare -= len(piece)
        super().data_received(piece)
        over = self._header_octets > MAX_HEADER if self._in_header else self._spare < 0
        if not self._refused and (over or self._fields > MAX_FIELDS):
            self._refuse()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][ENTRY] = self._entry
        self.scope["state"][CUT] = self.transport.abort
        self._in_header = True
        self._header_octets = self._fields = 0
        self._ignored = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also called for trailer fields."""
        self._fields += 1
        if self._in_header:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._fields > MAX_FIELDS:
            self._refuse()
        elif not self._names_host() or b"#" in self.url:
            # What follows "#" is no part of a request, and was the name of something whose folder it would now be about
            # (RFC 9112 section 3.2).
            self._refuse(_BAD_REQUEST)
        if self._refused:
            return
        self._in_header = False
        self._fields = 0
        self._spare = MAX_HEADER
        self._watch(IDLE_BODY_SECONDS)
        if self._entry.is_proxy and self.proxy.web != "protocol":
            self._believe_proxy(self.proxy.web)
        super().on_headers_complete()

    def _names_host(self) -> bool:
        """One Host, and a name in it: two could mean one to us and the other to a proxy (RFC 9112 section 3.2)."""
        hosts = [value for name, value in self.headers if name == b"host"]
        if not hosts:
            return self.parser.get_http_version() in ("0.9", "1.0")
        return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None

    def _believe_proxy(self, form: Literal["forwarded", "x-forwarded"]) -> None:
        """The request's peer is whom the proxy names. The connection belongs to the proxy, which may send requests of
        many people over it: it counts for none of their accounts."""
        peer = forwarded.client_of(self.headers, form, self.proxy.networks)
        if peer == UNKNOWN:
            self._complain(form)
        self.scope["client"] = (peer, 0)
        self.scope["scheme"] = forwarded.scheme_of(self.headers, form) or self.scope["scheme"]
        del self.scope["state"][ENTRY]

    def _complain(self, form: str) -> None:
        """Where the setting and the proxy do not agree, everybody is nobody: limits and networks of the house fail."""
        now = self.loop.time()
        if now >= BoundedProtocol.complained + COMPLAINT_SECONDS:
            BoundedProtocol.complained = now
            log.warning("a proxy does not say for whom it speaks", proxy=self._entry.peer, expected=form)

    def _unsupported_upgrade_warning(self) -> None:
        """Whoever asks for another protocol is answered in this one (RFC 9110 section 7.8): no matter for the log."""

    def on_chunk_header(self) -> None:
        self._spare = min(MAX_HEADER, self._spare + CHUNK_FRAME)

    def on_body(self, body: bytes) -> None:
        if self._refused:
            return
        self._spare = min(MAX_HEADER, self._spare + len(body))
        self._watch(IDLE_BODY_SECONDS)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._refused:
            return
        self._unwatch()
        self._in_header = True
        self._header_octets = self._fields = 0
        super().on_message_complete()

    def _refuse(self, answer: bytes | None = None) -> None:
        """Answer 431 (RFC 6585 section 5), or this, unless an answer is under way, read no more, and end."""
        self._refused = True
        self._unwatch()
        if answer is None:
            log.warning("request framing over its bounds", peer=self._entry.peer)
        cycle = self.cycle
        is_busy = cycle is not None and not cycle.response_complete
        if is_busy and (self._in_header or cycle.response_started):
            self.transport.abort()
            return
        if is_busy:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.write(answer or _REFUSAL)
        with contextlib.suppress(OSError, RuntimeError, NotImplementedError):
            self.transport.pause_reading()
            if self.transport.can_write_eof():
                self.transport.write_eof()
        self.loop.call_later(REFUSAL_SECONDS, self.transport.abort)

    # ------------------------------------------------------------------ octets out

    def pause_writing(self) -> None:
        super().pause_writing()
        self._flowing()
        self._stalled = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._flowing()
        super().resume_writing()

    def _flowing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # ------------------------------------------------------------------ time

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        """A body that is not read because we are busy is not the peer's fault: reading was paused by us."""
        self._deadline = None
        if self.flow is not None and self.flow.read_paused and not self._in_header:
            self._watch(IDLE_BODY_SECONDS)
        else:
            self.transport.abort()


def _refusal(status: HTTPStatus) -> bytes:
    text = f"{status.phrase}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + text


_REFUSAL = _refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
_BAD_REQUEST = _refusal(HTTPStatus.BAD_REQUEST)
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
"""`uri-host [ ":" port ]` (RFC 9110 section 7.2), roughly; none where the address has none."""
