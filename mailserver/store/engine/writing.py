"""The writer: units, the groups they are committed in, and what becomes of both when something fails."""

import asyncio
import contextlib
import fcntl
import os
import queue
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog

from mailserver.foundation.changes import Change
from mailserver.foundation.metrics.pools import Load
from mailserver.model.errors import Temporary
from mailserver.store.engine import news
from mailserver.store.engine.connections import Session, Sessions
from mailserver.store.engine.engines import Backend, asks_again, brief, has_ended, translate
from mailserver.store.engine.statements import Tx

log = structlog.get_logger("store")

GROUP_UNITS = 256
"""Units of one SQLite transaction; on PostgreSQL, which commits in parallel, each unit has its own, but those that are
done together (`Together`)."""
TOGETHER_UNITS = 32
"""Units of one statement of PostgreSQL."""
TOGETHER_RUNS = 3
"""Times a unit is tried together with others before it is run by itself."""
MAX_WAITING = 10_000
"""Units that may wait when the disk is slow; further ones are refused, so that memory has a bound."""
RETRIES = 5
"""Times a unit that met a deadlock, a serialisation failure or a dead connection is run."""
FIRST_PAUSE = 0.005
"""Seconds before the second run, doubled for each further one and scattered, so that rivals part."""


Together = Callable[[Tx, int, Sequence[tuple[Any, ...]]], Sequence[Any]]
"""Does for many units at once, given the arguments of each, what their function does for one: on PostgreSQL, in one
statement, which is a transaction by itself. The number is that of the worker, which the statement has to name when it
announces what it changed (`news.payload`). It tells the result of each, or NOT_DONE."""
NOT_DONE = object()
"""Nothing was done for this unit: somebody else works on what it needs, or it is less simple than it looked."""
_TOGETHER = object()
"""Waits in the place of all units that are to be done together."""


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


class _Failed(Exception):
    """A whole transaction is gone."""

    def __init__(self, cause: BaseException, *, again: bool, uncertain: bool = False) -> None:
        super().__init__(brief(cause))
        self.again = again
        """Running it once more may help."""
        self.uncertain = uncertain
        """It may have been committed: running it again could do it twice."""

    def answer(self) -> Temporary:
        cause = self.__cause__
        if self.uncertain:
            return Uncertain("The database is out of reach")
        told = translate(cause) if cause is not None else None
        return told if isinstance(told, Temporary) else Temporary("The database is out of reach")


class Writer:
    """Threads that commit units: one for SQLite, several for PostgreSQL."""

    def __init__(
        self,
        backend: Backend,
        sessions: Sessions,
        worker: int,
        publish: Callable[[Sequence[Change]], None],
        threads: int,
    ) -> None:
        self._backend = backend
        self._sessions = sessions
        self._worker = worker
        self._publish = publish
        self._waiting: queue.SimpleQueue[Unit | object | None] = queue.SimpleQueue()
        """Units, and for each thread a last None."""
        self._together: deque[Unit] = deque()
        """Units that one thread does together: while it commits some, others gather."""
        self._gathers = False
        """Whether such a thread is at it, or called."""
        self._begun: deque[Unit] = deque()
        """In this turn of their loop."""
        self._submitting = threading.Lock()
        self._closed = False
        self._at_work: set[int] = set()
        """Threads that commit something."""
        self._lock: int | None = None
        if backend.lock_file is not None:
            self._lock = os.open(backend.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            threads = 1
        self._group_limit = GROUP_UNITS if self._lock is not None else 1
        self._threads = [
            threading.Thread(target=self._run, name=f"store-write-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, unit: Unit) -> None:
        """Queue a unit. Raises Temporary when closed or when too many wait."""
        with self._submitting:
            if self._closed:
                raise Temporary("The service is stopping")
            if self._waiting.qsize() + len(self._together) >= MAX_WAITING:
                raise Temporary("Too much work waits for the disk")
            if unit.together is None or not self._backend.is_shared:
                self._waiting.put(unit)
                return
            self._together.append(unit)
            if not self._gathers:
                self._gathers = True
                self._waiting.put(_TOGETHER)

    def submit_soon(self, unit: Unit, loop: asyncio.AbstractEventLoop) -> None:
        """`submit`, once the loop has turned: what others begin in the same turn is committed with it, which takes a
        third of the time for each. `unit` fails where `submit` would raise."""
        self._begun.append(unit)
        loop.call_soon(self._submit_begun)

    def _submit_begun(self) -> None:
        while True:
            try:
                unit = self._begun.popleft()
            except IndexError:
                return
            try:
                self.submit(unit)
            except Temporary as error:
                unit.fail(error)
                self._answer([unit])

    def close(self) -> None:
        """Write what waits, then end the threads."""
        self._submit_begun()
        with self._submitting:
            self._closed = True
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # ------------------------------------------------------------------ one thread's life

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._at_work.add(threading.get_ident())
            if isinstance(first, Unit):
                self._run_first(first)
            else:
                self._run_gathered()
            self._at_work.discard(threading.get_ident())

    def _run_first(self, first: Unit) -> None:
        """It, and what waits behind it where that is committed together."""
        group = [first]
        try:
            with self._turn():
                group = self._take(first)
                if group:
                    self._run_group(group)
        except Exception as error:  # a defect of ours; the thread must live on, and nobody wait for ever
            log.exception("the writer failed")
            for unit in group:
                unit.fail(error)
        self._answer(group)

    @property
    def load(self) -> Load:
        """How busy it is."""
        return Load(len(self._threads), len(self._at_work), self._waiting.qsize() + len(self._together))

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """SQLite: writers of several processes queue here, or they starve each other in BEGIN IMMEDIATE."""
        if self._lock is None:
            yield
            return
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _take(self, first: Unit) -> list[Unit]:
        """This unit and what waits behind it, up to the size of a group, without units that nobody waits for any more.

        Only a thread that is alone takes more than one, so what it sees waiting is there to be had.
        """
        group = [first]
        while len(group) < self._group_limit and self._waiting.qsize():
            unit = self._waiting.get()
            if not isinstance(unit, Unit):
                self._waiting.put(unit)
                break
            group.append(unit)
        return [unit for unit in group if not unit.waiter.cancelled()]

    def _answer(self, group: list[Unit]) -> None:
        """Publish and settle every waiter, with one wake-up per loop."""
        changes = tuple(dict.fromkeys(change for unit in group for change in unit.changes))
        if changes:
            # Before the answers: whoever is answered finds its own news published already.
            self._publish(changes)
        by_loop: dict[asyncio.AbstractEventLoop, list[Unit]] = {}
        for unit in group:
            if unit.loop is None:
                unit.settle()
            else:
                by_loop.setdefault(unit.loop, []).append(unit)
        for loop, units in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens
                loop.call_soon_threadsafe(_settle_all, units)

    # ------------------------------------------------------------------ units that are done together

    def _run_gathered(self) -> None:
        while group := self._gathered():
            self._run_together(group)
            with self._submitting:
                if self._together and not self._closed:
                    self._waiting.put(_TOGETHER)  # behind what waits by itself
                    return

    def _gathered(self) -> list[Unit]:
        """Units of one kind that wait; none: the next one calls a thread again."""
        group: list[Unit] = []
        with self._submitting:
            while self._together and len(group) < TOGETHER_UNITS:
                if group and self._together[0].together is not group[0].together:
                    break
                unit = self._together.popleft()
                if not unit.waiter.cancelled():
                    group.append(unit)
            self._gathers = bool(group)
        return group

    def _run_together(self, group: list[Unit]) -> None:
        """What is not done with the others is tried again with the next ones, then by itself."""
        try:
            left = self._done_together(group)
        except Exception as error:  # a defect of ours, as above
            log.exception("the writer failed")
            for unit in group:
                unit.fail(error)
            left = []
        self._answer([unit for unit in group if unit not in left])
        for unit in left:
            unit.runs += 1
        alone = [unit for unit in left if unit.runs >= TOGETHER_RUNS]
        with self._submitting:
            self._together.extendleft(unit for unit in reversed(left) if unit.runs < TOGETHER_RUNS)
            # Others do them, whoever they wait for; once it closes, nobody else may be there.
            given = [] if self._closed else alone
            for unit in given:
                self._waiting.put(unit)
        if not given:
            for unit in alone:
                self._run_first(unit)

    def _done_together(self, group: list[Unit]) -> list[Unit]:
        """Those that were not."""
        together = group[0].together
        assert together is not None
        begun = time.perf_counter()
        try:
            session = self._sessions.ready()
        except Temporary as error:
            for unit in group:
                unit.fail(error)
            return []
        try:
            results = together(session.tx, self._worker, [unit.args for unit in group])
        except Exception as error:  # noqa: BLE001 - of the driver, and told to those who wait
            return self._failed_together(group, session, error)
        changes = session.tx.take_changes()
        took = time.perf_counter() - begun
        for unit, result in zip(group, results, strict=True):
            unit.result, unit.error, unit.took = result, None, took
        done = [unit for unit in group if unit.result is not NOT_DONE]
        if done:
            done[0].changes = changes
        return [unit for unit in group if unit.result is NOT_DONE]

    def _failed_together(self, group: list[Unit], session: Session, error: Exception) -> list[Unit]:
        """Those that are to be run by themselves: all of them, unless they may have been committed."""
        changes = session.tx.take_changes()
        uncertain = has_ended(session.driver, self._backend.dialect)
        failure = _Failed(error, again=not uncertain, uncertain=uncertain)
        failure.__cause__ = error
        log.warning("units failed together", units=len(group), error=str(failure), uncertain=uncertain)
        for unit in group:
            unit.runs = TOGETHER_RUNS
            unit.fail(failure.answer(), uncertain=uncertain)
        if not uncertain:
            return group
        self._sessions.forget(session)
        group[0].changes = changes
        return []

    # ------------------------------------------------------------------ transactions

    def _run_group(self, group: list[Unit]) -> None:
        if len(group) > 1:
            try:
                self._commit(group)
                return
            except Temporary as error:  # could not even begin: no unit of it would fare better
                log.warning("group could not begin", units=len(group), error=str(error))
                for unit in group:
                    unit.fail(error)
                return
            except _Failed as failure:
                log.warning("group failed, its units run one by one", units=len(group), error=str(failure))
        for unit in group:
            self._run_alone(unit)

    def _run_alone(self, unit: Unit) -> None:
        for attempt in range(RETRIES):
            try:
                self._commit([unit])
                return
            except Temporary as error:  # could not even begin
                unit.fail(error)
                return
            except _Failed as failure:
                log.warning("unit failed with its transaction", attempt=attempt + 1, error=str(failure))
                unit.fail(failure.answer(), uncertain=failure.uncertain)
                if not failure.again:
                    return
                time.sleep(FIRST_PAUSE * 2**attempt * (0.5 + random.random()))  # noqa: S311 - no secret

    def _commit(self, group: list[Unit]) -> None:
        """One transaction, with a savepoint a unit where there are several.

        Raises _Failed when nothing of it survives, Temporary when it could not begin.
        """
        session = self._sessions.begin(self._backend.begin_write)
        committing = False
        try:
            for unit in group:
                self._run_unit(session, unit, savepoint=len(group) > 1)
            if len(group) == 1 and group[0].error is not None:
                self._sessions.rollback(session)
                return
            begun = time.perf_counter()
            touched = tuple(dict.fromkeys(change for unit in group for change in unit.changes))
            if touched and not self._backend.is_shared:
                news.record(session.tx, self._worker, touched)
            committing = True
            if touched and self._backend.is_shared:
                session.cursor.execute(news.announcing(self._worker, touched) + "COMMIT", prepare=False)
            else:
                session.cursor.execute("COMMIT")
            committed = time.perf_counter() - begun
            for unit in group:
                unit.took += committed
        except Exception as cause:
            ended = has_ended(session.driver, self._backend.dialect)
            self._sessions.rollback(session)
            if isinstance(cause, _Failed):
                raise
            uncertain = committing and ended
            again = not uncertain and (ended or asks_again(cause))
            raise _Failed(cause, again=again, uncertain=uncertain) from cause

    def _run_unit(self, session: Session, unit: Unit, *, savepoint: bool) -> None:
        """Run one unit; what it raises is its own error unless the whole transaction went with it."""
        cursor, begun = session.cursor, time.perf_counter()
        if savepoint:
            cursor.execute("SAVEPOINT unit")
        try:
            unit.result = unit.function(session.tx, *unit.args, **unit.kwargs)
            unit.error = None
        except Exception as error:
            session.tx.take_changes()
            ended = has_ended(session.driver, self._backend.dialect)
            again = ended or asks_again(error)
            if again or (self._lock is not None and not session.driver.in_transaction):
                raise _Failed(error, again=again) from error
            unit.fail(translate(error))
            if savepoint:
                cursor.execute("ROLLBACK TO SAVEPOINT unit")
        if savepoint:
            cursor.execute("RELEASE SAVEPOINT unit")
        unit.changes = session.tx.take_changes()
        unit.took = time.perf_counter() - begun


def _settle_all(units: list[Unit]) -> None:
    for unit in units:
        unit.settle()
