"""The event loop's transports, shown to Twisted's protocols as the transports they expect.

Twisted's reactor on an asyncio loop learns that a socket is ready, reads it in Python, and asks for readiness again
for every write; uvloop does all of that in C. Seen: a NOOP costs 37 microseconds of CPU instead of 135. So the loop
listens, reads and writes, and a `Bridge` stands between it and a Twisted protocol, TLS among them.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import address, error, interfaces
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer  # type: ignore[import-untyped]

from mailserver.foundation.network.peers import Entry

BUFFERED = 128 * 1024
"""Octets of output that wait for the peer before the protocol is told to pause."""


class LoopClock:
    """What Twisted's TLS asks of a reactor: to be called after this step of the loop."""

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        """Call later, on the loop that runs now."""
        return asyncio.get_running_loop().call_later(delay, call, *args)


def tls_factory(context: Any, application: Factory | None) -> TLSMemoryBIOFactory:
    """Makes TLS over a `Bridge`, for the protocols of a factory."""
    factory = TLSMemoryBIOFactory(context, False, application, clock=LoopClock())  # type: ignore[arg-type]
    factory.noisy = False
    return factory


@implementer(interfaces.ITCPTransport, interfaces.ITLSTransport)
class Bridge(asyncio.Protocol):
    """One accepted connection: the protocol of asyncio's transport, the transport of Twisted's protocol.

    Octets that come in go to `protocol`: the application's, or TLS over it once that has begun.
    """

    disconnecting = False

    def __init__(self, factory: Factory, entry: Entry) -> None:
        self._factory = factory
        self._entry = entry
        self._transport: Any = None
        self._producer: Any = None
        self.protocol: Any = None

    # ------------------------------------------------------------------ from the loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.set_write_buffer_limits(BUFFERED)
        self.protocol = self._factory.buildProtocol(self._entry)  # type: ignore[arg-type]
        self.protocol.makeConnection(self)

    def data_received(self, data: bytes) -> None:
        self.protocol.dataReceived(data)

    def pause_writing(self) -> None:
        if self._producer is not None:
            self._producer.pauseProducing()

    def resume_writing(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._entry.leave()
        reason = error.ConnectionDone() if exc is None else error.ConnectionLost(str(exc))
        self.protocol.connectionLost(Failure(reason))  # type: ignore[no-untyped-call]

    # ------------------------------------------------------------------ ITCPTransport

    def write(self, data: bytes) -> None:
        """Send octets; after the end of the connection they are dropped, as Twisted's transports do."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        """Send several strings of octets."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close once everything is written."""
        self.disconnecting = True
        self._transport.close()

    def abortConnection(self) -> None:
        """Close now."""
        self.disconnecting = True
        self._transport.abort()

    def getPeer(self) -> Any:
        """The client's address."""
        return _address(self._transport.get_extra_info("peername"))

    def getHost(self) -> Any:
        """Our address."""
        return _address(self._transport.get_extra_info("sockname"))

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Send small answers at once instead of waiting for the peer's acknowledgement."""
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    # ------------------------------------------------------------------ producers (back-pressure)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Whom to tell when too much output waits; only streaming producers are known here."""
        assert streaming
        self._producer = producer

    def unregisterProducer(self) -> None:
        """Nobody produces any more."""
        self._producer = None

    def pauseProducing(self) -> None:
        """Read no more for now: what comes stays in the kernel, and then with the peer."""
        self._transport.pause_reading()

    def resumeProducing(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    # ------------------------------------------------------------------ ITLSTransport

    def startTLS(self, context: Any, normal: bool = True) -> None:
        """Put TLS between the loop and the protocol: from now on the protocol's transport is TLS over this one."""
        application, producer = self.protocol, self._producer
        self._producer = None
        factory = tls_factory(context, None)
        self.protocol = application.transport = factory.protocol(factory, application, False)
        self.protocol.makeConnection(self)
        if producer is not None:
            self.protocol.registerProducer(producer, True)


def _address(name: tuple[Any, ...]) -> Any:
    kind = address.IPv6Address if ":" in name[0] else address.IPv4Address
    return kind("TCP", name[0], name[1])
