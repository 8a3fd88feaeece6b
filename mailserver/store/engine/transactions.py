"""The store: functions run over transactions, reads in a pool of threads, writes through the writer."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast
from weakref import WeakValueDictionary

from mailserver.foundation.changes import Change, Changes
from mailserver.foundation.host_processes import relays_beside
from mailserver.foundation.metrics.pools import Load, load_of
from mailserver.foundation.settings import Database
from mailserver.foundation.tracing import TRACES
from mailserver.model.clock import Clock
from mailserver.store.engine import engines
from mailserver.store.engine.connections import Session, Sessions
from mailserver.store.engine.fast_reads import Nearness
from mailserver.store.engine.reads_together import ReadsTogether
from mailserver.store.engine.statements import MoreAsked, Statement, Tx
from mailserver.store.engine.unit import NOT_DONE, Together, Uncertain, Unit
from mailserver.store.engine.writing import Writer
from mailserver.store.octets.files import BlobFolder

__all__ = ["NOT_DONE", "Statement", "Store", "Tx", "Uncertain"]

K = TypeVar("K")
P = ParamSpec("P")
T = TypeVar("T")


SLOW_READERS = 2
"""Threads for reads that take long: more would only share the interpreter."""
OTHER_THREADS = 4
"""That read in the store now and then, and are not its own: filters, exports, the address book."""

RELAY_CONNECTIONS = 2 + 2 + 2 + 1
"""Of a relay, whose threads are fewer: two that read, two that write, two that do anything else, and who listens."""


def connections_of(database: Database, workers: int) -> int:
    """To a PostgreSQL server, at most, of a host with so many workers: one a thread, and one that listens for news."""
    worker = database.readers + database.writers + SLOW_READERS + OTHER_THREADS + 1
    indexer = 2 + SLOW_READERS + OTHER_THREADS + 1
    return workers * worker + relays_beside(workers) * RELAY_CONNECTIONS + indexer


class Store:
    """Runs functions over transactions. One per process; threads are its own."""

    def __init__(
        self,
        url: str,
        data: Path,
        clock: Clock,
        changes: Changes,
        *,
        readers: int = 4,
        writers: int = 4,
        read_only: bool = False,
        blobs: BlobFolder | None = None,
        gives_way: bool = False,
    ) -> None:
        """Connect lazily: the schema is there already (`opening`). `read_only`: changes nothing, not even a file.
        `blobs`: where large messages lie, if not with the data. `gives_way`: of a process that serves nobody,
        and lets those that serve write first (SQLite).

        Raises OSError: `data` is unwritable.
        """
        self.url = url
        self.data = data
        self.blobs = blobs or data / "blobs"
        """Where large messages lie."""
        self.clock = clock
        self.changes = changes
        self.backend = (
            engines.connect_reading(url)
            if read_only
            else engines.connect(url, data, readers + writers + SLOW_READERS + OTHER_THREADS, syncs=not gives_way)
        )
        self.worker = int.from_bytes(clock.token(7), "big")
        """Marks our own news."""
        self._sessions = Sessions(self.backend, clock)
        if self.backend.is_shared:
            changes.subscribe("lost", 0, self._sessions.memory.clear)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._slow_readers = ThreadPoolExecutor(SLOW_READERS, thread_name_prefix="store-slow")
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """Who reads slowly, or waits for it, by account."""
        self._together: dict[Callable[..., Any], ReadsTogether] = {}
        self._near = Nearness(local=self.backend.dialect == "sqlite")
        self._writer = Writer(self.backend, self._sessions, self.worker, self._publish, writers, gives_way=gives_way)

    # ------------------------------------------------------------------ reading

    async def read(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(tx, …)` on one snapshot in a reader thread. Raises Temporary: the database is out of reach."""
        loop = asyncio.get_running_loop()
        if not TRACES.is_on:
            return await loop.run_in_executor(self._readers, lambda: self.read_now(function, *args, **kwargs))
        with TRACES.span("sql.read", unit=_name(function)):
            return await loop.run_in_executor(self._readers, lambda: self.read_now(function, *args, **kwargs))

    async def read_slow(
        self, account_id: int, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for what may take seconds (a search, an order), asked by this account.

        Other threads do it, SLOW_READERS at once and one for each account, so that neither what is quick nor the
        searches of others wait for somebody's thousand keys. Whoever goes away while it runs counts until it ends.
        Raises Temporary.
        """
        return await self._run_slowly(account_id, lambda: self.read_now(function, *args, **kwargs))

    async def read_slow_brief(
        self, account_id: int, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read_slow` as `read_brief`: for a function whose first statement is quick, and often the only one."""
        return await self._run_slowly(account_id, lambda: self.read_brief_now(function, *args, **kwargs))

    async def _run_slowly(self, account_id: int, run: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        turn = self._turns.get(account_id) or asyncio.Lock()
        self._turns[account_id] = turn
        await turn.acquire()
        try:
            running = self._slow_readers.submit(run)
        except BaseException:
            turn.release()
            raise
        running.add_done_callback(lambda _: _tell(loop, turn.release))
        return await asyncio.wrap_future(running)

    async def read_inline(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for a function that takes a fraction of a millisecond when the pages are in memory: a few small rows.

        On SQLite it runs at once, in the calling thread: two switches between threads cost more than the read. Once
        one was slow, because the disk had to be asked, readers' threads do it for a while. Raises Temporary.
        """
        if not self.near:
            return await self.read(function, *args, **kwargs)
        return self.read_inline_now(function, *args, **kwargs)

    async def read_apart(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read_inline` for a function whose statements need not agree: each sees what is committed when it runs.

        PostgreSQL is spared a BEGIN and a ROLLBACK, two journeys of three. The function may run twice. Raises
        Temporary.
        """
        if self.near:
            return self.read_inline_now(function, *args, **kwargs)
        loop = asyncio.get_running_loop()
        with TRACES.span("sql.read", unit=_name(function)) if TRACES.is_on else nullcontext():
            return await loop.run_in_executor(self._readers, lambda: self.read_apart_now(function, *args, **kwargs))

    async def read_together(
        self, answering: Callable[[Tx, Sequence[K]], Sequence[T | BaseException]], question: K
    ) -> T:
        """`read_apart` for a small question that many ask: on PostgreSQL those that wait are one statement. `answering`
        returns, for each question, a value or what is to be raised. Raises that, and Temporary."""
        if not self.backend.is_shared:
            answer = (await self.read_inline(answering, [question]))[0]
            if isinstance(answer, BaseException):
                raise answer
            return answer
        with TRACES.span("sql.read", unit=_name(answering)) if TRACES.is_on else nullcontext():
            return cast("T", await self._asking(answering).ask(question))

    def _asking(self, answering: Callable[[Tx, Sequence[Any]], Sequence[Any]]) -> ReadsTogether:
        loop, known = asyncio.get_running_loop(), self._together.get(answering)
        if known is None or known.loop is not loop:
            known = self._together[answering] = ReadsTogether(
                answering,
                lambda answering, asked: loop.run_in_executor(
                    self._readers, lambda: self.read_apart_now(answering, asked)
                ),
                loop,
            )
        return known

    def read_apart_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the calling thread (never the event loop's)."""
        if not self.backend.is_shared:
            return self.read_now(function, *args, **kwargs)
        session = self._sessions.current()
        return self._outside(session, session.tx, function, *args, **kwargs)

    async def read_brief(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read` for a function that mostly asks one statement, and then needs no transaction: PostgreSQL is spared two
        journeys of three. If it asks another one it is run again, on one snapshot. Raises Temporary."""
        loop = asyncio.get_running_loop()
        with TRACES.span("sql.read", unit=_name(function)) if TRACES.is_on else nullcontext():
            return await loop.run_in_executor(self._readers, lambda: self.read_brief_now(function, *args, **kwargs))

    def read_brief_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the calling thread (never the event loop's)."""
        if self.backend.is_shared:
            session = self._sessions.current()
            session.brief.begin()
            with suppress(MoreAsked):
                return self._outside(session, session.brief, function, *args, **kwargs)
        return self.read_now(function, *args, **kwargs)

    def _outside(
        self,
        session: Session,
        tx: Tx,
        function: Callable[Concatenate[Tx, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run it in no transaction; where the connection has ended, in one of another connection."""
        try:
            return function(tx, *args, **kwargs)
        except Exception as error:
            if engines.has_ended(session.driver, self.backend.dialect):
                self._sessions.forget(session)
                return self.read_now(function, *args, **kwargs)
            told = engines.translate(error)
            if told is error:
                raise
            raise told from error

    @property
    def near(self) -> bool:
        """True while `read_inline` runs at once: then the loop may call `read_inline_now`, which never waits for a
        thread.
        """
        return self._near.ready()

    def read_inline_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`read_inline`, when the store is `near`."""
        with self._near:
            return self.read_now(function, *args, **kwargs)

    def read_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same in the calling thread (never the event loop's)."""
        session = self._sessions.begin(self.backend.begin_read)
        try:
            return function(session.tx, *args, **kwargs)
        except Exception as error:
            told = engines.translate(error)
            if told is error:
                raise
            raise told from error
        finally:
            self._sessions.rollback(session)

    # ------------------------------------------------------------------ writing

    async def write(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function(tx, …)` as one unit; returns after the commit is on disk.

        Cancelling the caller does not undo a unit that was already taken. Raises what the function raises;
        Temporary when the database is out of reach or full: nothing was kept (but see `Uncertain`).
        """
        if not TRACES.is_on:
            return await self.begin(function, *args, **kwargs)
        with TRACES.span("sql.write", unit=_name(function)):
            return await self.begin(function, *args, **kwargs)

    async def write_together(
        self, together: Together | None, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`write` for a unit of which many come at once: `together` does those that wait at once, for what it can;
        `function` does the others. It waits for those that are `coming`, for a moment. No keywords."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with TRACES.span("sql.write", unit=_name(function)) if TRACES.is_on else nullcontext():
            self._submit(function, args, kwargs, waiter, together, lingers=True)
            return await waiter

    def coming(self) -> "Coming":
        """Somebody is about to `write_together`: those who do so meanwhile wait for them, for a moment."""
        return Coming(self._writer, asyncio.get_running_loop())

    def begin(
        self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """`write`, to be awaited later. Where the store `keeps_order`, units run in the order in which they begin."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(function, args, kwargs, waiter)
        return waiter

    def begin_together(
        self, together: Together | None, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """`write_together`, to be awaited later; it waits for nobody who is coming. No keywords."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._submit(function, args, kwargs, waiter, together)
        return waiter

    async def write_timed(
        self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, float]:
        """`write`, and for how many seconds the unit held the writer, its commit included: what waits for its turn, or
        for its answer to be read, is not counted. For who makes the next unit as large as that allows."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        unit = self._submit(function, args, kwargs, waiter)
        if not TRACES.is_on:
            return await waiter, unit.took
        with TRACES.span("sql.write", unit=_name(function)):
            return await waiter, unit.took

    async def write_standing(
        self, seconds: float, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> tuple[T, float]:
        """`write_timed`, during which the loop stands still, for so many seconds at most: for a process that serves
        nobody.

        One writer runs at a time (SQLite), and each of its statements waits for the interpreter while the loop is busy;
        so all others wait for the writer less long. Where several commit at once nobody stands still.
        """
        if not self.keeps_order:
            return await self.write_timed(function, *args, **kwargs)
        waiter: Future[T] = Future()
        unit = Unit(function, args, kwargs, None, waiter)
        self._writer.submit_now(unit)
        wait((waiter,), seconds)
        # Nobody cancels it under the writer's thread, which is about to answer.
        return await asyncio.shield(asyncio.wrap_future(waiter)), unit.took

    def _submit(
        self,
        function: Callable[..., T],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        waiter: "asyncio.Future[T]",
        together: Together | None = None,
        *,
        lingers: bool = False,
    ) -> Unit:
        loop = waiter.get_loop()
        unit = Unit(function, args, kwargs, loop, waiter, together=together)
        self._writer.submit_soon(unit, loop, lingers=lingers)
        return unit

    @property
    def keeps_order(self) -> bool:
        """True when one writer runs all units of this process (SQLite), false when several do."""
        return self.backend.dialect == "sqlite"

    def write_now(self, function: Callable[Concatenate[Tx, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, blocking the calling thread (never the event loop's)."""
        waiter: Future[T] = Future()
        self._writer.submit(Unit(function, args, kwargs, None, waiter))
        return waiter.result()

    def _publish(self, changes: Sequence[Change]) -> None:
        self.changes.committed()
        self.changes.publish_soon(changes)

    def loads(self) -> dict[str, Load]:
        """How busy its threads are, each of which holds a connection."""
        return {
            "read": load_of(self._readers),
            "slow": load_of(self._slow_readers),
            "write": self._writer.load,
        }

    def close(self) -> None:
        """Write what waits, then stop the threads and close the connections."""
        self._writer.close()
        self._readers.shutdown(wait=True)
        self._slow_readers.shutdown(wait=True)
        self._sessions.close()
        self.backend.engine.dispose()


class Coming:
    """Somebody who is about to begin a unit."""

    __slots__ = ("_loop", "_writer")

    def __init__(self, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        self._writer: Writer | None = writer
        self._loop = loop
        writer.expect()

    def over(self) -> None:
        """They do so now, or never. Any number of times."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.met(self._loop)


def _name(function: Callable[..., object]) -> str:
    inner = getattr(function, "func", function)  # of a partial
    return str(getattr(inner, "__qualname__", type(inner).__qualname__))


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
    """Do this in the loop's thread, unless the loop has ended."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what)
