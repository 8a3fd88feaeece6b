"""A unit: one function that runs in a transaction of the writer, and whoever waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from mailserver.foundation.changes import Change
from mailserver.model.errors import Temporary
from mailserver.store.engine.statements import Tx

Together = Callable[[Tx, int, Sequence[tuple[Any, ...]]], Sequence[Any]]
"""Does for many units at once, given the arguments of each, what their function does for one: on PostgreSQL in one
statement, which is a transaction by itself, on SQLite in that of the group. The number is that of the worker, which the
statement has to name when it announces what it changed (`news.payload`). It tells the result of each, or NOT_DONE."""
NOT_DONE = object()
"""Nothing was done for this unit: somebody else works on what it needs, or it is less simple than it looked."""


class Uncertain(Temporary):
    """The connection broke while COMMIT was under way: the unit may have been committed or not."""


@dataclass(slots=True, eq=False)
class Unit:
    """One function to run in a transaction, and whoever waits for it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    loop: asyncio.AbstractEventLoop | None
    waiter: "asyncio.Future[Any] | Future[Any]"
    result: Any = None
    error: BaseException | None = None
    changes: tuple[Change, ...] = ()
    took: float = 0.0
    """Seconds for which it held the writer, with the commit that it was part of."""
    together: Together | None = None
    """How several of its kind are done at once, where that is possible."""
    runs: int = 0
    """How often that was tried."""

    def fail(self, error: BaseException, *, uncertain: bool = False) -> None:
        """Nothing of it survives; `uncertain`: or all of it, so whoever watches is told to look."""
        self.result, self.error = None, error
        if not uncertain:
            self.changes = ()

    def settle(self) -> None:
        """Answer; on the loop's thread for asyncio waiters."""
        if self.waiter.done():  # cancelled meanwhile: the unit is committed all the same
            return
        if self.error is not None:
            self.waiter.set_exception(self.error)
        else:
            self.waiter.set_result(self.result)
