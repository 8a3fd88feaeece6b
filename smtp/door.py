"""One worker's SMTP ports: who is connected, how much they are sending; starting and stopping."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Protocol

from mailserver.foundation.network.listeners import Listener
from mailserver.foundation.network.peers import Peers
from mailserver.foundation.settings import Limits

HELD_OCTETS = 512 * 1024 * 1024
"""Message octets in memory of all connections together; beyond it messages are deferred (memory exhaustion)."""
SHARES = 4
"""One peer, or one account, holds a part in so many of them at most: whoever fills theirs keeps nobody else out."""
SMALL_OCTETS = 64 * 1024
"""Of each message that are never too much: most mail is taken however much others send."""

MOST_WAITING = 500
"""Peers of one worker that wait for such an answer; who would be one more is told to go."""

GOODBYE_SECONDS = 0.5
"""For the last words to peers whose messages came too slowly for a stop, and for TLS to end."""


class Member(Protocol):
    """A connection, as the door sees it."""

    def end_soon(self) -> None:
        """End after the command under way."""

    def end_now(self) -> None:
        """End now; who is in the middle of a message is told that it was not taken."""

    def abort(self) -> None:
        """Cut the connection without a word."""


class Door:
    """The open ports of one worker."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.peers = Peers(limits)
        self.waiting = 0
        """Peers that wait for the answer about a recipient who is not here."""
        self._listeners: list[Listener] = []
        self._members: set[Member] = set()
        self._closing: set[Member] = set()
        """Who is told goodbye, and has yet to end TLS or to read it."""
        self._empty = asyncio.Event()
        self._empty.set()
        self._ended = asyncio.Event()
        self._ended.set()
        self._last: list[Callable[[], Awaitable[None]]] = []
        self.stopping = False
        self.held = 0
        """Octets of messages under way."""
        self._shares: Counter[str] = Counter()
        """Those of each payer."""

    def listens(self, listener: Listener) -> None:
        """Remember what to close."""
        self._listeners.append(listener)

    def ends_with(self, close: Callable[[], Awaitable[None]]) -> None:
        """Remember what to do when everybody is gone."""
        self._last.append(close)

    def enter(self, member: Member) -> None:
        """A connection begins, which leaves through `leave`."""
        self._members.add(member)
        self._empty.clear()

    def leave(self, member: Member, *, closing: bool) -> None:
        """The conversation is over; `closing`: its connection ends with `gone`."""
        if closing:
            self._closing.add(member)
            self._ended.clear()
        self._members.discard(member)
        if not self._members:
            self._empty.set()

    def gone(self, member: Member) -> None:
        """The connection has ended."""
        self._closing.discard(member)
        if not self._closing:
            self._ended.set()

    def hold(self, payer: str, octets: int) -> None:
        """So many octets more, or less, are in memory of a payer (`Entry.payer`)."""
        self.held += octets
        self._shares[payer] += octets
        if not self._shares[payer]:
            del self._shares[payer]

    def is_full(self, payer: str, octets: int) -> bool:
        """Whether all hold too much, or this payer does, of whose octets so many are one message: one alone may be as
        large as messages are."""
        share = self._shares[payer] if payer else 0
        return self.held > HELD_OCTETS or (share > HELD_OCTETS // SHARES and share > octets)

    def leave_ports(self) -> None:
        """Let nobody else in."""
        for listener in self._listeners:
            listener.leave()

    async def stop(self, grace: float) -> None:
        """Stop listening, let commands and messages under way end, tell and close the rest after `grace` seconds."""
        self.stopping = True
        for listener in self._listeners:
            listener.close()
        for member in list(self._members):
            member.end_soon()
        if not await _is_set(self._empty, grace):
            for member in list(self._members):
                member.end_now()
            await _is_set(self._empty, GOODBYE_SECONDS)
        await _is_set(self._ended, GOODBYE_SECONDS)
        for member in [*self._members, *self._closing]:
            member.abort()
        for close in self._last:
            await close()


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    """True once it is, False after so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
