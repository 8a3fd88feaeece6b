"""The questions to name servers that one message may cost: so many, for so long (RFC 7208 section 4.6.4)."""

import asyncio
import math
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from mailserver.foundation.network.resolver import Answer, LookupFailed, Resolver

SPF, KEYS, POLICIES, NAMES = 60, 60, 30, 5
"""Of one message: of its sender's domain, of 50 seals and 8 signatures, of its authors' domains, of its peer. Each has
its own, so that a stranger's maze takes nothing from the policy of the domain that he borrows."""
AT_ONCE = 8
"""Of them; the others wait."""
SECONDS = 10.0
"""For all of them: a server that hands over a message waits for our answer."""


T = TypeVar("T")


class OutOfTime(LookupFailed):
    """Too much is asked at once here: nothing is said about the name."""


class NotKept(Exception):
    """Memory does not tell: a name server has to be asked."""


class Lookups:
    """Asks for one check of one message."""

    def __init__(
        self, resolver: Resolver, now: float, most: int, *, urgent: bool = False, only_kept: bool = False
    ) -> None:
        """`now`: by the loop's clock. `only_kept`: what is not in memory raises NotKept, so that nothing waits."""
        self._urgent = urgent
        self._only_kept = only_kept
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._resolver = resolver
        self._end = now + SECONDS
        self._left = most
        self._until = math.inf

    @property
    def lasts(self) -> float:
        """For how many seconds every answer that was given is good; 0 where one is not kept, or something was not
        answered. Of answers as they were given: meanwhile others may have come."""
        return self._resolver.left(self._until) if self._until < math.inf else 0.0

    async def ask(self, name: str, kind: str) -> Answer:
        """Raises LookupFailed, also when this message has asked enough; NotKept."""
        until = 0.0
        try:
            answer = await self._answer(name, kind)
            until = self._resolver.until(name, kind)
        finally:
            self._until = min(self._until, until)
        return answer

    async def _answer(self, name: str, kind: str) -> Answer:
        if self._left <= 0:
            raise LookupFailed("too many questions")
        self._left -= 1
        kept = self._resolver.kept(name, kind)
        if kept is not None:
            return kept
        if self._only_kept:
            raise NotKept
        try:
            async with asyncio.timeout_at(self._end), self._turns:
                return await self._resolver.look_up(name, kind, urgent=self._urgent)
        except TimeoutError:
            raise OutOfTime("out of time") from None

    async def texts(self, name: str) -> list[bytes]:
        """TXT records, the strings of each joined. Raises LookupFailed."""
        return [one for one in (await self.ask(name, "TXT")).records if isinstance(one, bytes)]


async def together(work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What each comes to, begun at once; one alone needs no task."""
    if len(work) == 1:
        return [await work[0]]
    return list(await asyncio.gather(*work)) if work else []
