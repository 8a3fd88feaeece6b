"""A queued message for servers that take seven bits alone, made once one of them is met."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.mime.writing.downgrade import downgrade

Signs = Callable[[bytes], Awaitable[bytes]]


class SevenBit:
    """Of one attempt. What leaves is signed anew: a signature over eight bits does not hold for it."""

    def __init__(self, octets: bytes, turn: asyncio.Semaphore, sign: Signs | None = None) -> None:
        """`octets` are without the signature that `sign` puts on top. `turn`: of a relay's attempts; the threads for
        such work are few, and people wait for the others."""
        self._turn = turn
        self._octets = octets
        self._sign = sign

    async def octets(self) -> bytes | None:
        """None: there is no such message, or somebody else has signed it. Raises what `sign` raises."""
        async with self._turn:
            made = await asyncio.to_thread(downgrade, self._octets)
        return await self._sign(made) if made is not None and self._sign is not None else made


@dataclass(frozen=True, slots=True)
class Message:
    """What a transfer sends: as it is, or where that cannot be, in seven bits."""

    octets: bytes
    seven_bit: SevenBit
