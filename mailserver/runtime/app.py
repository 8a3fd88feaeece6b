"""One worker's life on one uvloop, a relay's and the indexer's: services, doors and background work started and
stopped.

Twisted's `asyncioreactor`, aiosmtpd, uvicorn and the LDAP door share the loop; SQL runs in the store's
threads, Python-heavy work in the loop's two default threads.
"""

import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog
import uvloop

from mailserver.background.host_beat import HostBeat
from mailserver.background.index_worker import Indexer
from mailserver.background.upload_sweeping import UploadSweeper
from mailserver.foundation.changes import Changes
from mailserver.foundation.host_processes import step_back
from mailserver.foundation.metrics import catalogue, pools
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.foundation.structured_logs import logs
from mailserver.foundation.tracing import TRACES
from mailserver.foundation.wakeups import Wakeup
from mailserver.inbound.junk.learning import Learner
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Temporary
from mailserver.reports.reading import ReportReader
from mailserver.runtime import background_work, composition, doors
from mailserver.runtime.background_work import Work
from mailserver.runtime.composition import Ground
from mailserver.runtime.doors import Door
from mailserver.runtime.processes import LEAVE_SIGNAL, Life
from mailserver.store.engine import news
from mailserver.store.engine.checkpoints import Checkpoints
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of

log = structlog.get_logger("app")

SWITCH_INTERVAL = 0.0005
"""Seconds a thread keeps the GIL: busy threads must not delay the loop (16 ms at p99 with this, 50 without)."""
HEAVY_THREADS = 2
"""Threads that run Python-heavy work beside the loop."""
RELAY_NICENESS = 5
"""Whoever is served goes before mail that leaves, where both want a processor."""
DOOR_GRACE = 2.0
"""Seconds a door may take to end its open transactions."""
SETTLE_SECONDS = 1.0
"""Who has just come in may do what they came for."""
LOOK_SECONDS = 0.02
"""Between two looks whether they have ended."""


def run_indexer(life: Life) -> None:
    """The whole life of the process that keeps the search index up; it is ready at once."""
    logs.configure(life.settings.log, life.settings.directory, life.settings.name)
    asyncio.run(_index(life))


async def _index(life: Life) -> None:
    stopping = _until_told()
    _reload_when_told(life, lambda: None)
    settings, clock, changes = life.settings, SystemClock(), Changes()
    store = Store(
        settings.database_url,
        settings.data,
        clock,
        changes,
        readers=1,
        writers=1,
        blobs=folder_of(settings),
        gives_way=True,
    )
    TRACES.open(settings.tracing, settings.name)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, TRACES.close)
        stack.push_async_callback(asyncio.to_thread, store.close)
        await stack.enter_async_context(_news(store, changes, life.wakeup))
        await stack.enter_async_context(_task("heartbeat", life.heartbeat.run))
        await stack.enter_async_context(_task("gauges", partial(pools.watch, store.loads)))
        if not store.backend.is_shared:
            checkpoints = Checkpoints(store.backend)
            stack.push_async_callback(asyncio.to_thread, checkpoints.close)
            await stack.enter_async_context(_task("checkpoints", checkpoints.run))
        await stack.enter_async_context(_task("indexer", Indexer(store=store, clock=clock, changes=changes).run))
        await stack.enter_async_context(
            _task("learner", Learner(settings=settings.junk, store=store, changes=changes).run)
        )
        resolver = Resolver(settings.dns)
        stack.push_async_callback(resolver.close)
        reader = ReportReader(settings=settings, store=store, changes=changes, resolver=resolver, clock=clock)
        await stack.enter_async_context(_task("reports", reader.run))
        await stack.enter_async_context(
            _task("uploads", UploadSweeper(settings=settings, store=store, clock=clock).run)
        )
        beat = HostBeat(settings=settings, store=store, workers=life.workers)
        stack.push_async_callback(beat.leave)
        await stack.enter_async_context(_task("host", beat.run))
        _say_ready(life)
        await stopping.wait()


def run_worker(life: Life) -> None:
    """One worker's whole life, in its own process; it is ready once every door listens."""
    loop = _new_loop(life)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    _run(loop, _serve(life))


def run_relay(life: Life) -> None:
    """The whole life of a process that empties the outgoing queue; it is ready at once.

    Of its own, so that a full queue holds up nobody who is served: workers wait for a processor, which the system gives
    them first, and not for an event loop.
    """
    _run(_new_loop(life), _relay(life))


def _new_loop(life: Life) -> asyncio.AbstractEventLoop:
    logs.configure(life.settings.log, life.settings.directory, life.settings.name)
    sys.setswitchinterval(SWITCH_INTERVAL)
    raise_file_limit()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, None]) -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


async def _serve(life: Life) -> None:
    stopping, leaving = _until_told(), _until_told(LEAVE_SIGNAL)
    from twisted.internet import reactor

    reactor.startRunning(installSignalHandlers=False)
    services = composition.build(life.settings)
    _reload_when_told(life, services.certificate.reload)
    async with _working(life, services, background_work.of(services)):
        await services.login.scram.open()
        opened = await doors.start(services, life.sockets)
        _say_ready(life)
        await _until_end(opened, stopping, leaving, services.settings)
        log.info("stopping")
        await asyncio.gather(*(door.stop(DOOR_GRACE) for door in opened))


async def _relay(life: Life) -> None:
    stopping, leaving = _until_told(), _until_told(LEAVE_SIGNAL)
    services = composition.build_for_relay(life.settings)
    # Of this thread, and of those that begin later: not the writer's, for which everybody waits.
    step_back(RELAY_NICENESS)
    _reload_when_told(life, lambda: None)
    relay = doors.make_relay(services)
    async with _working(life, services, background_work.of_relay(relay)):
        _say_ready(life)
        await _any(stopping, leaving)
        if leaving.is_set():
            relay.leave()
            seconds = services.settings.limits.drain_seconds
            await _look_until(lambda: stopping.is_set() or not relay.is_busy, seconds)


@contextlib.asynccontextmanager
async def _working(life: Life, services: Ground, works: Mapping[str, Work]) -> AsyncIterator[None]:
    """With these works beside, and what every process has; in the end everything is closed."""
    heavy = ThreadPoolExecutor(HEAVY_THREADS, thread_name_prefix="heavy")
    asyncio.get_running_loop().set_default_executor(heavy)
    TRACES.open(life.settings.tracing, life.settings.name)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, TRACES.close)
        stack.push_async_callback(asyncio.to_thread, services.store.close)
        stack.push_async_callback(asyncio.to_thread, services.directory.close)
        await stack.enter_async_context(_news(services.store, services.changes, life.wakeup))
        await stack.enter_async_context(_task("heartbeat", life.heartbeat.run))
        loads = partial(_loads, services.store, heavy)
        await stack.enter_async_context(_task("gauges", partial(pools.watch, loads)))
        for name, work in works.items():
            await stack.enter_async_context(_task(name, work))
        yield


def _loads(store: Store, heavy: ThreadPoolExecutor) -> Mapping[str, pools.Load]:
    return store.loads() | {"heavy": pools.load_of(heavy)}


async def _any(*events: asyncio.Event) -> None:
    told = {asyncio.ensure_future(event.wait()) for event in events}
    await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
    for task in told:
        task.cancel()


async def _until_end(
    doors: Sequence[Door], stopping: asyncio.Event, leaving: asyncio.Event, settings: Settings
) -> None:
    """Serve until told to stop at once; or until others accept, and then until the last client has ended, at most
    `[limits] drain_seconds`."""
    await _any(stopping, leaving)
    for door in doors:
        door.leave_ports()
    if leaving.is_set():
        seconds = settings.limits.drain_seconds
        log.info("clients may end", connections=sum(door.peers.count for door in doors), seconds=seconds)
        await _look_until(lambda: stopping.is_set() or not any(door.peers.count for door in doors), seconds)
    await _look_until(lambda: not any(door.peers.has_young(SETTLE_SECONDS) for door in doors), SETTLE_SECONDS)


async def _look_until(is_so: Callable[[], bool], seconds: float) -> None:
    """At most so long: connections end in many places, and nobody waits for them but here."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not is_so() and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)


def _until_told(number: signal.Signals = signal.SIGTERM) -> asyncio.Event:
    """Set when the supervisor ends us."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(number, told.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
    return told


def _reload_when_told(life: Life, renew_certificate: Callable[[], object]) -> None:
    """Take over at SIGHUP what can be, also at one that came meanwhile: the supervisor had it blocked."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, life.reload.follow, renew_certificate)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])


def _say_ready(life: Life) -> None:
    if life.ready >= 0:
        os.write(life.ready, b".")


def _news(store: Store, changes: Changes, wakeup: Wakeup):  # type: ignore[no-untyped-def]
    """Keep hearing of other processes' commits, and telling them of ours."""
    carrier = news.carrier(store.backend, store.worker, changes, wakeup)
    changes.attach(asyncio.get_running_loop(), carrier.generation, carrier.catch_up, carrier.ring)
    return _task("news", carrier.run)


@contextlib.asynccontextmanager
async def _task(name: str, work: Work):  # type: ignore[no-untyped-def]
    """Keep background work running; a failure is logged with its stack and the work starts again."""

    async def keep() -> None:
        while True:
            try:
                await work()
            except Temporary as error:
                log.warning("background work waits", work=name, why=str(error))
            except Exception:
                catalogue.JOB_FAILURES.add()
                log.exception("background work failed, starts again", work=name)
            await asyncio.sleep(1)

    task = asyncio.create_task(keep(), name=name)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def raise_file_limit() -> None:
    """As many open files as the system lets us have: one per idle connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
