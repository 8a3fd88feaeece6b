"""Small questions of one kind that many sessions ask at about the same time: those that wait are one question.

Each is answered by what is committed when it was asked, or later: a question that is under way takes nobody up. So who
asks alone waits for nobody, and the more there are, the less each costs.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from mailserver.store.engine.statements import Tx

Answering = Callable[[Tx, Sequence[Any]], Sequence[Any]]
"""Answers many questions of a kind: a value, or an exception to be raised, for each."""

MOST = 128
"""Questions that are one."""


class ReadsTogether:
    """Of one kind of question, of one loop."""

    def __init__(
        self,
        answering: Answering,
        run: Callable[[Answering, Sequence[Any]], "asyncio.Future[Sequence[Any]]"],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`run` has it answered by a thread."""
        self.loop = loop
        self._answering = answering
        self._run = run
        self._waiting: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._is_asking = False

    def ask(self, question: Any) -> "asyncio.Future[Any]":
        """The answer, later; with what else is asked in this turn of the loop."""
        waiter: asyncio.Future[Any] = self.loop.create_future()
        self._waiting.append((question, waiter))
        if not self._is_asking:
            self._is_asking = True
            self.loop.call_soon(self._go_on)
        return waiter

    def _go_on(self) -> None:
        group: list[tuple[Any, asyncio.Future[Any]]] = []
        while self._waiting and len(group) < MOST:
            one = self._waiting.popleft()
            if not one[1].done():
                group.append(one)
        self._is_asking = bool(group)
        if not group:
            return
        try:
            asked = self._run(self._answering, [question for question, _ in group])
        except BaseException as error:  # noqa: BLE001 - told to all who wait: the threads have ended
            group += self._waiting
            self._waiting.clear()
            self._is_asking = False
            _tell(group, [error] * len(group))
            return
        asked.add_done_callback(lambda done: self._answered(group, done))

    def _answered(self, group: "list[tuple[Any, asyncio.Future[Any]]]", done: "asyncio.Future[Sequence[Any]]") -> None:
        self._go_on()
        failure = asyncio.CancelledError() if done.cancelled() else done.exception()
        _tell(group, [failure] * len(group) if failure is not None else done.result())


def _tell(group: "list[tuple[Any, asyncio.Future[Any]]]", answers: Sequence[Any]) -> None:
    for (_, waiter), answer in zip(group, answers, strict=True):
        if waiter.done():
            continue
        if isinstance(answer, asyncio.CancelledError):
            waiter.cancel()
        elif isinstance(answer, BaseException):
            waiter.set_exception(answer)
        else:
            waiter.set_result(answer)
