"""The writer: its threads, and how units come to them and are answered."""

import asyncio
import contextlib
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from mailserver.foundation.changes import Change
from mailserver.foundation.metrics.pools import Load
from mailserver.model.errors import Temporary
from mailserver.store.engine.committing import Committing, Failed
from mailserver.store.engine.connections import Session, Sessions
from mailserver.store.engine.engines import Backend, has_ended
from mailserver.store.engine.turns import Turns
from mailserver.store.engine.unit import NOT_DONE, Together, Uncertain, Unit

log = structlog.get_logger("store")

GROUP_UNITS = 256
"""Units of one SQLite transaction; on PostgreSQL, which commits in parallel, each unit has its own, but those that are
done together (`Together`)."""
TOGETHER_UNITS = 32
"""Units of one statement of PostgreSQL."""
TOGETHER_RUNS = 3
"""Times a unit is tried together with others before it is run by itself."""
LINGER_SECONDS = 0.025
"""For which a unit waits for others that are coming; as soon as none is, it waits no longer. Seen with ten deliveries
at once: 3.0 ms of CPU a message with 5 ms, 2.55 with 10, 2.4 with 25."""
MAX_WAITING = 10_000
"""Units that may wait when the disk is slow; further ones are refused, so that memory has a bound."""


class _Gathering:
    """Units of one kind, that one thread does together: while it commits some, others gather."""

    __slots__ = ("is_called", "units")

    def __init__(self) -> None:
        self.units: deque[Unit] = deque()
        self.is_called = False
        """Whether a thread is at it, or called."""


class Writer:
    """Threads that commit units: one for SQLite, several for PostgreSQL."""

    def __init__(
        self,
        backend: Backend,
        sessions: Sessions,
        worker: int,
        publish: Callable[[Sequence[Change]], None],
        threads: int,
        *,
        gives_way: bool = False,
    ) -> None:
        """`gives_way`: it serves nobody who waits, so it lets the writers of other processes go first (SQLite)."""
        self._backend = backend
        self._sessions = sessions
        self._worker = worker
        self._publish = publish
        self._waiting: queue.SimpleQueue[Unit | _Gathering | None] = queue.SimpleQueue()
        """Units, in the place of those that gather their gathering, and for each thread a last None."""
        self._gatherings: dict[Together, _Gathering] = {}
        self._begun: deque[Unit] = deque()
        """In this turn of their loop, or lingering."""
        self._coming = 0
        """Units that are about to begin."""
        self._lingers: asyncio.TimerHandle | None = None
        self._submitting = threading.Lock()
        self._closed = False
        self._at_work: set[int] = set()
        """Threads that commit something."""
        self._turns: Turns | None = None
        if backend.lock_file is not None:
            self._turns = Turns(backend.lock_file, gives_way=gives_way)
            threads = 1
        self._committing = Committing(backend, sessions, worker, self._turns.is_wanted if self._turns else _never)
        self._group_limit = GROUP_UNITS if self._turns else 1
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
            if self._count() >= MAX_WAITING:
                raise Temporary("Too much work waits for the disk")
            if unit.together is None or not self._backend.is_shared:
                self._waiting.put(unit)
                return
            gathering = self._gatherings.get(unit.together)
            if gathering is None:
                gathering = self._gatherings[unit.together] = _Gathering()
            gathering.units.append(unit)
            if not gathering.is_called:
                gathering.is_called = True
                self._waiting.put(gathering)

    def submit_soon(self, unit: Unit, loop: asyncio.AbstractEventLoop, *, lingers: bool = False) -> None:
        """`submit`, once the loop has turned: what others begin in the same turn is committed with it, which takes a
        third of the time for each. `unit` fails where `submit` would raise.

        `lingers`: it may wait for those that are coming, LINGER_SECONDS at most.
        """
        self._begun.append(unit)
        if not (lingers and self._coming):
            loop.call_soon(self._linger_no_more)
        elif self._lingers is None:
            self._lingers = loop.call_later(LINGER_SECONDS, self._linger_no_more)

    def expect(self) -> None:
        """Somebody is about to begin a unit that others may wait for; `met` ends that. On the loop's thread."""
        self._coming += 1

    def met(self, loop: asyncio.AbstractEventLoop) -> None:
        """They begin it now, or never."""
        self._coming -= 1
        if not self._coming and self._begun:
            loop.call_soon(self._linger_no_more)

    def _linger_no_more(self) -> None:
        lingers, self._lingers = self._lingers, None
        if lingers is not None:
            lingers.cancel()
        self._submit_begun()

    def submit_now(self, unit: Unit) -> None:
        """`submit`, together with what others have begun in this turn of the loop."""
        self._submit_begun()
        self.submit(unit)

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
        if self._turns is not None:
            self._turns.close()

    # ------------------------------------------------------------------ one thread's life

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            self._at_work.add(threading.get_ident())
            if isinstance(first, Unit):
                self._run_units([first])
            else:
                self._run_gathered(first)
            self._at_work.discard(threading.get_ident())

    def _run_units(self, units: list[Unit]) -> None:
        """They, and what waits behind them where that is committed together, in as many turns as that takes."""
        while units:
            group, left = units, []
            try:
                with self._turns.taken() if self._turns else contextlib.nullcontext():
                    group = self._take(units)
                    if group:
                        left = self._committing.run(group)
                self._sync([unit for unit in group if unit.error is None and unit not in left])
            except Exception as error:  # a defect of ours; the thread must live on, and nobody wait for ever
                log.exception("the writer failed")
                for unit in group:
                    unit.fail(error)
            self._answer([unit for unit in group if unit not in left])
            units = left

    def _sync(self, done: list[Unit]) -> None:
        """Nobody is answered before it is on disk: where COMMIT left that to us, it is done when others write again.

        Whoever builds on it meanwhile commits behind it in the same log, so nothing of theirs can outlive it.
        """
        if self._backend.unsynced is None or not done:
            return
        try:
            with open(self._backend.unsynced, "rb") as log_file:
                os.fdatasync(log_file.fileno())
        except OSError as error:
            log.error("commits could not be synced", units=len(done), error=str(error))
            for unit in done:
                unit.fail(Uncertain("The disk does not take what was written"), uncertain=True)

    @property
    def load(self) -> Load:
        """How busy it is."""
        return Load(len(self._threads), len(self._at_work), self._count())

    def _count(self) -> int:
        """Units that wait."""
        return self._waiting.qsize() + sum([len(one.units) for one in tuple(self._gatherings.values())])

    def _take(self, first: list[Unit]) -> list[Unit]:
        """These units and what waits behind them, up to the size of a group, without units that nobody waits for
        any more.

        Only a thread that is alone takes more than one, so what it sees waiting is there to be had.
        """
        group = list(first)
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

    def _run_gathered(self, gathering: _Gathering) -> None:
        while group := self._gathered(gathering):
            self._run_together(gathering, group)
            with self._submitting:
                if gathering.units and not self._closed:
                    self._waiting.put(gathering)  # behind what waits by itself
                    return

    def _gathered(self, gathering: _Gathering) -> list[Unit]:
        """Units that wait; none: the next one calls a thread again."""
        group: list[Unit] = []
        with self._submitting:
            while gathering.units and len(group) < TOGETHER_UNITS:
                unit = gathering.units.popleft()
                if not unit.waiter.cancelled():
                    group.append(unit)
            gathering.is_called = bool(group)
        return group

    def _run_together(self, gathering: _Gathering, group: list[Unit]) -> None:
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
            gathering.units.extendleft(unit for unit in reversed(left) if unit.runs < TOGETHER_RUNS)
            # Others do them, whoever they wait for; once it closes, nobody else may be there.
            given = [] if self._closed else alone
            for unit in given:
                self._waiting.put(unit)
        if not given:
            for unit in alone:
                self._run_units([unit])

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
        failure = Failed(error, again=not uncertain, uncertain=uncertain)
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


def _never() -> bool:
    return False


def _settle_all(units: list[Unit]) -> None:
    for unit in units:
        unit.settle()
