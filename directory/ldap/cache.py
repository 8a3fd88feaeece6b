"""Answers of a directory kept for a short while, absence included."""

import asyncio
import collections
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_ENTRIES = 20_000
"""Answers kept. Names come from strangers (recipients of mail), so the oldest make room."""


class Cache(Generic[T]):
    """Answers by key. Questions asked at once for one key are asked of the directory once."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._answers: collections.OrderedDict[str, tuple[float, T]] = collections.OrderedDict()
        self._asked: dict[str, asyncio.Task[T]] = {}
        self._era = 0

    async def get(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer kept for this key, or a new one. What `ask` raises is raised and not kept."""
        kept = self._answers.get(key)
        if kept is not None and kept[0] > self._monotonic():
            return kept[1]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(key, ask))
            self._asked[key] = task
            task.add_done_callback(lambda done: self._answered(key, done))
        # Shielded: one impatient caller does not take the answer from the others.
        return await asyncio.shield(task)

    async def _ask(self, key: str, ask: Callable[[], Awaitable[T]]) -> T:
        era = self._era
        answer = await ask()
        if era == self._era and self._seconds > 0:
            self._answers[key] = (self._monotonic() + self._seconds, answer)
            self._answers.move_to_end(key)
            while len(self._answers) > MAX_ENTRIES:
                self._answers.popitem(last=False)
        return answer

    def _answered(self, key: str, task: asyncio.Task[T]) -> None:
        if self._asked.get(key) is task:
            del self._asked[key]
        if not task.cancelled():
            task.exception()  # seen here as well, for callers that went away

    def clear(self) -> None:
        """Forget everything; answers under way are given but not kept."""
        self._era += 1
        self._answers.clear()
        self._asked.clear()

    def __len__(self) -> int:
        return len(self._answers)
