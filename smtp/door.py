"""One worker's SMTP ports: who is connected, how many from where, how much they are sending; starting and stopping."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Protocol

from mailserver.settings import Limits
from smtp import replies

HELD_OCTETS = 512 * 1024 * 1024
"""Message octets in memory of all connections together; beyond it messages are deferred (memory exhaustion)."""

GOODBYE_SECONDS = 0.5
"""For the last words to peers whose messages came too slowly for a stop."""


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
        self._limits = limits
        self._servers: list[asyncio.Server] = []
        self._members: dict[Member, str] = {}
        self._peers: Counter[str] = Counter()
        self._empty = asyncio.Event()
        self._empty.set()
        self.stopping = False
        self.held = 0
        """Octets of messages under way."""

    def listens(self, servers: Iterable[asyncio.Server]) -> None:
        """Remember what to close."""
        self._servers.extend(servers)

    def enter(self, member: Member, address: str) -> bytes | None:
        """Admit a connection, or say why not. Whoever was asked in leaves through `leave`."""
        peer = "" if _is_loopback(address) else address
        refusal = None
        if self.stopping:
            refusal = replies.STOPPING
        elif len(self._members) >= self._limits.connections:
            refusal = replies.TOO_MANY_CONNECTIONS
        elif peer and self._peers[peer] >= self._limits.connections_per_peer:
            refusal = replies.TOO_MANY_FROM_PEER
        self._members[member] = peer
        if peer:
            self._peers[peer] += 1
        self._empty.clear()
        return refusal

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        peer = self._members.pop(member, "")
        if peer:
            self._peers[peer] -= 1
            if self._peers[peer] <= 0:
                del self._peers[peer]
        if not self._members:
            self._empty.set()

    async def stop(self, grace: float) -> None:
        """Stop listening, let commands and messages under way end, tell and close the rest after `grace` seconds."""
        self.stopping = True
        for server in self._servers:
            server.close()
        for member in list(self._members):
            member.end_soon()
        if not await self._is_empty(grace):
            for member in list(self._members):
                member.end_now()
            await self._is_empty(GOODBYE_SECONDS)
            for member in list(self._members):
                member.abort()

    async def _is_empty(self, seconds: float) -> bool:
        """True once everybody is gone, False after so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True


def _is_loopback(address: str) -> bool:
    """Limits per peer do not bind this machine; neither does a peer without an address (a Unix socket)."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return not address
