"""What one connection hears: octets, inflated once the client asked for it (RFC 4978), cut to events and lines.

Whoever works on them takes one at a time; meanwhile input waits here and, when there is much of it, in the kernel.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from imap.wire import framing
from imap.wire.deflate import Damaged, Inflow
from mailserver.model.errors import BadSyntax

PIPELINE_OCTETS = 64 * 1024
"""Input that may wait behind the running command; more stays in the kernel, and then with the peer."""


class Reader:
    """The input of a connection."""

    __slots__ = ("_damaged", "_framer", "_inflow", "_line", "_loop", "_reading", "_spoilt", "transport")

    def __init__(self, transport: Any, spoilt: Callable[[framing.Rejected], None], damaged: Callable[[], None]) -> None:
        """`spoilt` is told of lines that are none, `damaged` that what comes is not DEFLATE while a line is awaited."""
        self.transport = transport
        """Twisted's: TCP, or TLS over it."""
        self._framer = framing.Framer()
        self._inflow: Inflow | None = None
        self._line: asyncio.Future[bytes] | None = None
        self._reading = True
        self._loop = asyncio.get_running_loop()
        self._spoilt = spoilt
        self._damaged = damaged

    def limit(self, limits: framing.Limits) -> None:
        """What a command may have from now on."""
        self._framer.limits = limits

    def hear(self, data: bytes) -> None:
        """Take what arrived."""
        if self._inflow is None:
            self._framer.feed(data)
            self._offer_line()
        else:
            self._inflow.feed(data)
            self._inflate_line_soon()

    def hold_back(self) -> None:
        """Something runs that awaits nothing: when there is much to do behind it, read no more.

        Of compressed octets nobody knows how many they are: none are read beforehand.
        """
        if self._reading and (self._framer.buffered > PIPELINE_OCTETS or self._inflow is not None):
            self._reading = False
            self.transport.pauseProducing()

    def read_on(self) -> None:
        """Everything was dealt with: read again."""
        if not self._reading:
            self._reading = True
            self.transport.resumeProducing()

    def close(self) -> None:
        """The connection is gone: nothing is inflated any more."""
        self._inflow = self._line = None

    def drop(self) -> bytes:
        """Throw away everything unread; returns it."""
        return self._framer.drop()

    # ------------------------------------------------------------------ events and lines

    def next(self) -> framing.Event | None:
        """The next event, of what is inflated."""
        return self._framer.next()

    def decline(self) -> bool:
        """Give up the command whose literal the last event wants; False: it comes unasked (`Framer.decline`)."""
        return (self._inflow is None or not self._inflow.waiting) and self._framer.decline()

    @property
    def awaits_line(self) -> bool:
        """True while a command waits for a line."""
        return self._line is not None

    def line(self) -> "asyncio.Future[bytes]":
        """The next line of a dialogue within a command. Raises BadSyntax through the future."""
        waiter = self._line = self._loop.create_future()
        self._offer_line()
        self._inflate_line_soon()
        return waiter

    def _offer_line(self) -> None:
        waiter = self._line
        if waiter is None or (line := self._framer.line()) is None:
            return
        self._line = None
        if waiter.done():  # cancelled: nobody waits any more
            return
        if isinstance(line, framing.RawLine):
            waiter.set_result(line.octets)
        else:
            waiter.set_exception(BadSyntax(line.text))
            self._spoilt(line)

    # ------------------------------------------------------------------ compression (RFC 4978)

    @property
    def compressed(self) -> bool:
        return self._inflow is not None

    def start_deflate(self) -> None:
        """What was read before belongs to the compressed stream: the client may not say more in clear (section 3)."""
        early = self._framer.drop()
        self._inflow = Inflow()
        if early:
            self._inflow.feed(early)

    def end_deflate(self) -> bytes:
        """What was said in the layer that ends is thrown away; returns it. What stands behind it counts."""
        assert self._inflow is not None
        dropped = self._framer.drop()
        self._framer.feed(self._inflow.plain() if self._inflow.ended else b"")
        self._inflow = None
        return dropped

    @property
    def holds_more(self) -> bool:
        """There may be more to inflate, or the peer has ended the stream."""
        return self._inflow is not None and (self._inflow.waiting or self._inflow.ended)

    def inflate(self) -> bool:
        """Inflate the next portion of what waits; False when there is none. Raises Damaged.

        The loop is to turn before the next one: a bomb must not keep it.
        """
        inflow = self._inflow
        if inflow is None:
            return False
        if not inflow.waiting:
            if inflow.ended:
                raise Damaged
            return False
        self._framer.feed(inflow.take(PIPELINE_OCTETS))
        return True

    def _inflate_line_soon(self) -> None:
        if self._line is not None and self._inflow is not None:
            self._loop.call_soon(self._inflate_line)

    def _inflate_line(self) -> None:
        """`inflate` while a command waits for a line, a portion a turn of the loop."""
        if self._line is None or self._inflow is None:
            return
        try:
            more = self.inflate()
        except Damaged:
            self._damaged()
            return
        if not more:
            self.read_on()
            return
        self._offer_line()
        self._inflate_line_soon()
