"""What one connection says: written piece by piece, compressed once the client asked for it (RFC 4978)."""

import asyncio
from collections.abc import Callable
from typing import Any

from twisted.internet import interfaces
from zope.interface import implementer  # type: ignore[import-untyped]

from imap.wire.deflate import Outflow

HELD = 16 * 1024
"""Octets from which no further ones are waited for: to copy them costs more than to write them apart."""
REST_SECONDS = 1
"""Without output until a compressor's memory is given back."""
DEFLATED_AT_ONCE = 256 * 1024
"""Octets compressed before the loop may turn: about a millisecond."""


@implementer(interfaces.IPushProducer)
class Writer:
    """The output of a connection. It is the transport's producer: so it hears when the buffer is full."""

    __slots__ = (
        "_drained",
        "_filled",
        "_flushing",
        "_held",
        "_held_octets",
        "_loop",
        "_outflow",
        "_resting",
        "_sent",
        "transport",
        "writable",
    )

    def __init__(self, transport: Any, filled: Callable[[], None], drained: Callable[[], None]) -> None:
        self.transport = transport
        """Twisted's: TCP, or TLS over it."""
        self.writable = asyncio.Event()
        """Set while the transport takes more."""
        self.writable.set()
        self._filled = filled
        self._drained = drained
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes] = []
        """What this step of the loop has said."""
        self._held_octets = 0
        self._flushing: asyncio.Handle | None = None
        self._outflow: Outflow | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._sent = 0.0
        """When something compressed was last written."""

    async def put(self, octets: bytes) -> None:
        """Write a piece of an answer; a long one is compressed bit by bit, so that the loop turns."""
        if self._outflow is None or len(octets) <= DEFLATED_AT_ONCE:
            self.write(octets)
            return
        for start in range(0, len(octets), DEFLATED_AT_ONCE):
            self.write(octets[start : start + DEFLATED_AT_ONCE])
            await asyncio.sleep(0)

    def write(self, octets: bytes) -> None:
        """Write whole pieces: nothing of them waits for more than the end of this step of the loop.

        What one step says leaves together. A write for each piece costs a call into the kernel, and wakes the peer once
        more than it takes.
        """
        self._held.append(octets)
        self._held_octets += len(octets)
        if self._held_octets >= HELD:
            self.flush()
        elif self._flushing is None:
            self._flushing = self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand what was written to the transport: before the connection changes, ends, or waits for the peer."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if not self._held:
            return
        octets = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._held_octets = 0
        if self._outflow is None:
            self.transport.write(octets)
        else:
            self.transport.write(self._outflow.pack(octets))
            self._rest_later()

    def finish(self, octets: bytes) -> None:
        """Write the last piece of a compressed stream, or one in clear."""
        self.flush()
        self.transport.write(octets if self._outflow is None else self._outflow.last(octets))

    def close(self) -> None:
        """The connection is gone."""
        self._held.clear()
        self.flush()
        if self._resting is not None:
            self._resting.cancel()

    # ------------------------------------------------------------------ compression

    @property
    def compressed(self) -> bool:
        return self._outflow is not None

    @property
    def resting(self) -> bool:
        """Compressed, and no compressor is held."""
        return self._outflow is not None and self._outflow.resting

    def start_deflate(self) -> None:
        """Compress what is said from now on."""
        self.flush()
        self._outflow = Outflow()

    def end_deflate(self) -> None:
        """What is said from now on is in clear again."""
        self._outflow = None

    def _rest_later(self) -> None:
        """A connection that sends nothing for a while gives the compressor's memory back."""
        self._sent = self._loop.time()
        if self._resting is None:
            self._resting = self._loop.call_later(REST_SECONDS, self._rest)

    def _rest(self) -> None:
        self._resting = None
        if self._outflow is None:
            return
        if self._loop.time() - self._sent < REST_SECONDS:
            self._resting = self._loop.call_later(REST_SECONDS, self._rest)
        else:
            self._outflow.rest()

    # ------------------------------------------------------------------ from the transport

    def pauseProducing(self) -> None:
        self.writable.clear()
        self._filled()

    def resumeProducing(self) -> None:
        self._drained()
        self.writable.set()

    def stopProducing(self) -> None:
        self.resumeProducing()
