"""Composition root: one worker's services and doors on one uvloop, wired by hand, started and stopped; and the indexer.

Twisted's `asyncioreactor`, aiosmtpd, uvicorn and the LDAP door share the loop; SQL runs in the store's
threads, Python-heavy work in the loop's two default threads.
"""

import asyncio
import contextlib
import gc
import importlib
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog
import uvloop

from mailserver.background.audit_sealing import AuditSealer
from mailserver.background.blob_gc import BlobCollector
from mailserver.background.certificate_renewal import CertificateRenewal
from mailserver.background.host_beat import HostBeat
from mailserver.background.housekeeping import Housekeeper
from mailserver.background.index_worker import Indexer
from mailserver.background.key_calendar import KeyCalendar
from mailserver.background.queue_sampling import QueueSampling
from mailserver.background.report_sending import ReportSender
from mailserver.background.schema_watch import SchemaWatch
from mailserver.background.upload_sweeping import UploadSweeper
from mailserver.calendars.feeds import Feeds
from mailserver.delivery import Delivery
from mailserver.delivery.infected import InfectedMail
from mailserver.delivery.moderation import Moderation
from mailserver.foundation import logs
from mailserver.foundation.changes import Changes
from mailserver.foundation.listeners import Sockets
from mailserver.foundation.metrics import catalogue, pools
from mailserver.foundation.peers import Peers
from mailserver.foundation.resolver import Resolver
from mailserver.foundation.safe_fetch import SafeFetch
from mailserver.foundation.served_certificates import Certificate
from mailserver.foundation.settings import Settings
from mailserver.foundation.tracing import TRACES
from mailserver.foundation.wakeups import Wakeup
from mailserver.junk.learning import Learner
from mailserver.login import Login
from mailserver.mailings.decisions import Mailings
from mailserver.mailings.sending import MailingSender
from mailserver.model.clock import Clock, SystemClock
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory
from mailserver.push.sender import PushSender
from mailserver.reports.reading import ReportReader
from mailserver.runtime.processes import LEAVE_SIGNAL, Life
from mailserver.sharing.viewers import Sharing
from mailserver.store.engine import news
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.submission.held import HeldSubmissions
from mailserver.submission.scheduled import ScheduledMail
from mailserver.submission.submit import Submission
from mailserver.withdrawal.service import Withdrawals
from mailserver.withdrawal.thanks import Thanks

if TYPE_CHECKING:
    from smtp.relay.queue_runner import Relay

log = structlog.get_logger("app")
Work = Callable[[], Awaitable[None]]

SWITCH_INTERVAL = 0.0005
"""Seconds a thread keeps the GIL: busy threads must not delay the loop (16 ms at p99 with this, 50 without)."""
HEAVY_THREADS = 2
"""Threads that run Python-heavy work beside the loop."""
DOORS = (
    "agenda.application",
    "directory.server",
    "imap.connection.door",
    "smtp.managesieve.server",
    "smtp.relay.queue_runner",
    "smtp.server",
    "webui.server",
)
DOOR_GRACE = 2.0
"""Seconds a door may take to end its open transactions."""
SETTLE_SECONDS = 1.0
"""Who has just come in may do what they came for."""
LOOK_SECONDS = 0.02
"""Between two looks whether they have ended."""


class Door(Protocol):
    """A protocol that listens."""

    @property
    def peers(self) -> Peers:
        """Who is connected."""

    def leave_ports(self) -> None:
        """Accept no more; who is there stays."""

    async def stop(self, grace: float) -> None:
        """Stop listening, let what is under way end within `grace` seconds, close the rest."""


@dataclass(frozen=True, slots=True)
class Services:
    """What the doors are built from."""

    settings: Settings
    clock: Clock
    changes: Changes
    store: Store
    directory: Directory
    login: Login
    delivery: Delivery
    submission: Submission
    certificate: Certificate


def build(settings: Settings) -> Services:
    """Every service of one worker, over the instance's store. Opens nothing until it is used."""
    clock = SystemClock()
    changes = Changes()
    database = settings.database
    store = Store(
        settings.database_url,
        settings.data,
        clock,
        changes,
        readers=database.readers,
        writers=database.writers,
        blobs=folder_of(settings),
    )
    directory = make_directory(settings, store, clock)
    login = Login(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    delivery = Delivery(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    submission = Submission(
        settings=settings, store=store, directory=directory, delivery=delivery, clock=clock, changes=changes
    )
    certificate = Certificate(settings.certificate, settings.private_key)
    return Services(settings, clock, changes, store, directory, login, delivery, submission, certificate)


def make_directory(settings: Settings, store: Store, clock: Clock) -> Directory:
    """The adapter the settings ask for: the embedded directory, or an LDAP server."""
    if settings.ldap is None:
        from directory.people.embedded import EmbeddedDirectory

        return EmbeddedDirectory(settings=settings, store=store, clock=clock)
    from directory.ldap import LdapDirectory

    return LdapDirectory(settings=settings, store=store, clock=clock)


def run_indexer(life: Life) -> None:
    """The whole life of the process that keeps the search index up; it is ready at once."""
    logs.configure(life.settings.log, life.settings.directory, life.settings.name)
    asyncio.run(_index(life))


async def _index(life: Life) -> None:
    stopping = _until_told()
    _reload_when_told(life, lambda: None)
    settings, clock, changes = life.settings, SystemClock(), Changes()
    store = Store(settings.database_url, settings.data, clock, changes, readers=1, writers=1, blobs=folder_of(settings))
    TRACES.open(settings.tracing, settings.name)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, TRACES.close)
        stack.push_async_callback(asyncio.to_thread, store.close)
        await stack.enter_async_context(_news(store, changes, life.wakeup))
        await stack.enter_async_context(_task("heartbeat", life.heartbeat.run))
        await stack.enter_async_context(_task("gauges", partial(pools.watch, store.loads)))
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
        beat = HostBeat(settings=settings, store=store, workers=len(life.wakeup.others))
        stack.push_async_callback(beat.leave)
        await stack.enter_async_context(_task("host", beat.run))
        _say_ready(life)
        await stopping.wait()


def run_worker(life: Life) -> None:
    """One worker's whole life, in its own process; it is ready once every door listens."""
    logs.configure(life.settings.log, life.settings.directory, life.settings.name)
    sys.setswitchinterval(SWITCH_INTERVAL)
    raise_file_limit()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    from twisted.internet import asyncioreactor

    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    try:
        loop.run_until_complete(_serve(life))
    finally:
        loop.close()


async def _serve(life: Life) -> None:
    loop = asyncio.get_running_loop()
    heavy = ThreadPoolExecutor(HEAVY_THREADS, thread_name_prefix="heavy")
    loop.set_default_executor(heavy)
    stopping, leaving = _until_told(), _until_told(LEAVE_SIGNAL)
    from twisted.internet import reactor

    reactor.startRunning(installSignalHandlers=False)
    TRACES.open(life.settings.tracing, life.settings.name)
    services = build(life.settings)
    _reload_when_told(life, services.certificate.reload)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.to_thread, TRACES.close)
        stack.push_async_callback(asyncio.to_thread, services.store.close)
        stack.push_async_callback(asyncio.to_thread, services.directory.close)
        await stack.enter_async_context(_news(services.store, services.changes, life.wakeup))
        await stack.enter_async_context(_task("heartbeat", life.heartbeat.run))
        loads = partial(_loads, services.store, heavy)
        await stack.enter_async_context(_task("gauges", partial(pools.watch, loads)))
        relay = make_relay(services)
        for name, work in _background(services, relay).items():
            await stack.enter_async_context(_task(name, work))
        await services.login.scram.open()
        doors = await start_doors(services, life.sockets)
        _say_ready(life)
        await _until_end(doors, relay, stopping, leaving, services.settings)
        log.info("stopping")
        await asyncio.gather(*(door.stop(DOOR_GRACE) for door in doors))


def _loads(store: Store, heavy: ThreadPoolExecutor) -> Mapping[str, pools.Load]:
    return store.loads() | {"heavy": pools.load_of(heavy)}


async def _until_end(
    doors: Sequence[Door], relay: "Relay", stopping: asyncio.Event, leaving: asyncio.Event, settings: Settings
) -> None:
    """Serve until told to stop at once; or until others accept, and then until the last client has ended and what was
    being sent has its answer, at most `[limits] drain_seconds`."""
    told = {asyncio.ensure_future(event.wait()) for event in (stopping, leaving)}
    await asyncio.wait(told, return_when=asyncio.FIRST_COMPLETED)
    for task in told:
        task.cancel()
    for door in doors:
        door.leave_ports()
    if leaving.is_set():
        seconds = settings.limits.drain_seconds
        log.info("clients may end", connections=sum(door.peers.count for door in doors), seconds=seconds)
        relay.leave()

        def is_over() -> bool:
            return stopping.is_set() or not (relay.is_busy or any(door.peers.count for door in doors))

        await _look_until(is_over, seconds)
    await _look_until(lambda: not any(door.peers.has_young(SETTLE_SECONDS) for door in doors), SETTLE_SECONDS)


async def _look_until(is_so: Callable[[], bool], seconds: float) -> None:
    """At most so long: connections end in many places, and nobody waits for them but here."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not is_so() and loop.time() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)


def load_doors() -> None:
    """Import what the doors need, once for all workers that are forked afterwards.

    They share the memory of the code, and one that replaces a dead one serves in a fraction of the time.
    """
    for name in DOORS:
        importlib.import_module(name)


async def start_doors(services: Services, sockets: Sockets) -> list[Door]:
    """Open every door on its sockets."""
    import agenda.application
    import directory.server
    import imap.connection.door
    import smtp.managesieve.server
    import smtp.server
    import webui.server

    settings, store, changes = services.settings, services.store, services.changes
    dav = agenda.application.create(settings=settings, store=store, login=services.login)
    return [
        await smtp.server.start(
            settings=settings,
            store=store,
            changes=changes,
            directory=services.directory,
            login=services.login,
            delivery=services.delivery,
            submission=services.submission,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await imap.connection.door.start(
            settings=settings,
            store=store,
            changes=changes,
            login=services.login,
            directory=services.directory,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await smtp.managesieve.server.start(
            settings=settings, store=store, login=services.login, certificate=services.certificate, sockets=sockets
        ),
        await directory.server.start(
            settings=settings,
            store=store,
            directory=services.directory,
            login=services.login,
            certificate=services.certificate,
            sockets=sockets,
        ),
        await webui.server.start(
            settings=settings,
            store=store,
            changes=changes,
            clock=services.clock,
            directory=services.directory,
            login=services.login,
            delivery=services.delivery,
            submission=services.submission,
            dav=dav,
            certificate=services.certificate,
            sockets=sockets,
        ),
    ]


def make_relay(services: Services) -> "Relay":
    """What empties the outgoing queue."""
    from smtp.relay.queue_runner import Relay

    settings, store, clock = services.settings, services.store, services.clock
    return Relay(settings=settings, store=store, delivery=services.delivery, clock=clock, changes=services.changes)


def _background(services: Services, relay: "Relay") -> dict[str, Work]:
    """Work that no client waits for; workers share it by leases in the store, or do no harm when two do the same."""
    scram = {"scram": services.login.scram.run} if services.settings.login.scram else {}
    leaving = {"relay": relay.run, "sts_policies": relay.keep_policies}
    return _work_on_mail(services) | leaving | _upkeep(services) | _work_outside(services) | scram


def _work_on_mail(services: Services) -> dict[str, Work]:
    """What mail waits for: other servers, a moment, somebody's decision."""
    settings, store, clock = services.settings, services.store, services.clock
    delivery, directory, changes = services.delivery, services.directory, services.changes
    sharing = Sharing(directory=directory, store=store, changes=changes, clock=clock, domain=settings.domain)
    outbox = ScheduledMail(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        submission=services.submission,
        sharing=sharing,
        clock=clock,
    )
    moderation = Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    held = HeldSubmissions(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    withdrawals = Withdrawals(settings=settings, store=store, clock=clock)
    decides = Mailings(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        withdrawals=withdrawals,
        clock=clock,
    )
    sender = MailingSender(
        settings=settings, store=store, directory=directory, delivery=delivery, mailings=decides, clock=clock
    )
    thanks = Thanks(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
    return {
        "scheduled": outbox.run,
        "moderation": moderation.run,
        "infected": InfectedMail(settings=settings, store=store, delivery=delivery, clock=clock).run,
        "held_submissions": held.run,
        "unconfirmed": services.submission.confirmation.run,
        "mailings": sender.run,
        "withdrawal": withdrawals.run,
        "report_thanks": thanks.run,
    }


def _upkeep(services: Services) -> dict[str, Work]:
    """What the store needs, and what the calendar asks for."""
    settings, store, clock = services.settings, services.store, services.clock
    housekeeper = Housekeeper(
        settings=settings,
        store=store,
        directory=services.directory,
        delivery=services.delivery,
        submission=services.submission,
        clock=clock,
        changes=services.changes,
    )
    return {
        "blob_gc": BlobCollector(
            store=store, clock=clock, folder=store.blobs, settings=settings.storage, limits=settings.limits
        ).run,
        "queue_sampling": QueueSampling(store=store, clock=clock).run,
        "housekeeping": housekeeper.run,
        "schema_watch": SchemaWatch(store=store).run,
        "audit_sealing": AuditSealer(settings=settings, store=store, clock=clock, changes=services.changes).run,
    }


def _work_outside(services: Services) -> dict[str, Work]:
    """What asks or tells others, besides mail."""
    settings, store, clock = services.settings, services.store, services.clock
    push = PushSender(settings=settings, store=store, outside=SafeFetch(), clock=clock, changes=services.changes)
    reports = ReportSender(
        settings=settings,
        store=store,
        delivery=services.delivery,
        submission=services.submission,
        resolver=Resolver(settings.dns),
        clock=clock,
    )
    feeds = Feeds(store=store, outside=SafeFetch(), clock=clock)
    return {
        "push": push.run,
        "reports": reports.run,
        "feeds": feeds.run,
        "certificates": CertificateRenewal(settings=settings, store=store, clock=clock).run,
        "dkim_keys": KeyCalendar(settings=settings, store=store, resolver=Resolver(settings.dns), clock=clock).run,
    }


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
