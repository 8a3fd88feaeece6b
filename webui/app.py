"""The ASGI application: what it is made of, what measures it, what surrounds it. Its addresses are in `routes`."""

import time
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailserver import __version__
from mailserver.accounts.removed_items import RemovedItems
from mailserver.accounts.removed_mail import RemovedMail
from mailserver.addressbook.books import AddressBooks
from mailserver.addressbook.browsing import Browsing
from mailserver.addressbook.pictures import Pictures
from mailserver.addressbook.suggestions import Suggestions
from mailserver.calendars.feeds import Feeds
from mailserver.calendars.quiet_hours import QuietHours
from mailserver.delivery import Delivery
from mailserver.delivery.forwarding import Forwards
from mailserver.delivery.infected import InfectedMail
from mailserver.delivery.moderation import Moderation
from mailserver.filters.absences import Absences
from mailserver.filters.applying import Applying
from mailserver.filters.documents import Documents
from mailserver.filters.scripts import Scripts
from mailserver.filters.trials import AbsenceTrials
from mailserver.foundation.large_answers import LargeAnswers
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.foundation.tracing import NOTHING, TRACES
from mailserver.health.figures import Watched
from mailserver.health.service_state import Health
from mailserver.login import Login
from mailserver.login.recovery import Recovery
from mailserver.login.recovery_address import PrivateAddresses
from mailserver.login.security_notices import SecurityNotices
from mailserver.mailings.decisions import Mailings
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices.announcements import Announcements
from mailserver.previews.service import Previews
from mailserver.sharing.viewers import Sharing
from mailserver.store.engine.transactions import Store
from mailserver.store.mail.messages import Quota
from mailserver.submission.confirmed import UnconfirmedMail
from mailserver.submission.held import HeldSubmissions
from mailserver.submission.scheduled import ScheduledMail
from mailserver.submission.submit import Submission
from mailserver.withdrawal.hijacked import HijackedAccounts
from mailserver.withdrawal.recall import Recall
from mailserver.withdrawal.service import Withdrawals
from webui import routes
from webui.account.login import portal
from webui.http.assets import Assets
from webui.http.keys import Keys
from webui.mail.event_stream import EventStream
from webui.page import faults
from webui.page.context import Services
from webui.page.dispatch import Doors
from webui.page.language import languages
from webui.page.rendering import Pages, Site

METHODS = frozenset(
    (
        *("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"),
        *("PROPFIND", "PROPPATCH", "REPORT", "MKCALENDAR", "MKCOL", "MOVE"),
    )
)
"""Those that traces name."""
DAV_WELL_KNOWN = ("/.well-known/caldav", "/.well-known/carddav")
"""Discovery (RFC 6764 section 5)."""


def create(
    *,
    settings: Settings,
    store: Store,
    clock: Clock,
    directory: Directory,
    login: Login,
    delivery: Delivery,
    submission: Submission,
    dav: ASGIApp | None = None,
    outside: SafeFetch | None = None,
) -> "Front":
    """The whole web interface. `dav` serves `/dav/` and its discovery.

    `outside` fetches what messages name and people subscribe to; by default from the public internet.
    """
    keys = Keys(settings.secret("hmac"), clock)
    outside = outside or SafeFetch()
    assets = Assets()
    spoken = languages(settings.web.timezone)
    board = Announcements(store=store, clock=clock, changes=store.changes)
    books = AddressBooks(store)
    sharing = Sharing(directory=directory, store=store, changes=store.changes, clock=clock, domain=settings.domain)
    documents = Documents(settings=settings, store=store)
    health = Health(settings=settings, store=store, directory=directory, clock=clock)
    withdrawals = Withdrawals(settings=settings, store=store, clock=clock)
    services = Services(
        settings=settings,
        store=store,
        directory=directory,
        delivery=delivery,
        login=login,
        recovery=Recovery(
            settings=settings, store=store, directory=directory, login=login, clock=clock, post=submission.post
        ),
        private=PrivateAddresses(settings=settings, store=store, clock=clock, post=submission.post),
        telling=SecurityNotices(settings=settings, store=store, clock=clock, post=submission.post),
        submission=submission,
        clock=clock,
        keys=keys,
        assets=assets,
        languages=spoken,
        pages=Pages(_site(settings, assets), spoken, keys, assets, board),
        moderation=Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock),
        infected=InfectedMail(settings=settings, store=store, delivery=delivery, clock=clock),
        held_submissions=HeldSubmissions(
            settings=settings, store=store, directory=directory, delivery=delivery, clock=clock
        ),
        unconfirmed=UnconfirmedMail(
            settings=settings, store=store, delivery=delivery, submission=submission, clock=clock
        ),
        quiet=QuietHours(settings=settings, store=store, clock=clock, changes=store.changes),
        withdrawals=withdrawals,
        recall=Recall(settings=settings, store=store),
        hijacked=HijackedAccounts(store=store, withdrawals=withdrawals, clock=clock),
        mailings=Mailings(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            withdrawals=withdrawals,
            clock=clock,
        ),
        board=board,
        health=health,
        watched=Watched(settings=settings, store=store, health=health, clock=clock),
        sharing=sharing,
        outside=outside,
        feeds=Feeds(store=store, outside=outside, clock=clock),
        books=books,
        suggestions=Suggestions(settings=settings, store=store, directory=directory, books=books),
        outbox=ScheduledMail(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            submission=submission,
            sharing=sharing,
            clock=clock,
        ),
        large=LargeAnswers(),
        previews=Previews(),
        rules=documents,
        forwards=Forwards(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            clock=clock,
            post=submission.post,
        ),
        absences=Absences(settings=settings, store=store, clock=clock, documents=documents),
        trials=AbsenceTrials(settings=settings, store=store, clock=clock, post=submission.post),
        removed=RemovedMail(settings=settings, store=store),
        removed_items=RemovedItems(settings=settings, store=store),
        scripts=Scripts(settings=settings, store=store),
        applying=Applying(settings=settings, store=store, clock=clock),
        pictures=Pictures(),
        browsing=Browsing(store, directory, ours=settings.ldap is None, quota=Quota.of(settings.limits).octets),
    )
    doors = Doors(services, portal.session_ended)
    flux = EventStream(settings.limits)
    starlette = Starlette(
        routes=routes.everything(services, doors, flux),
        exception_handlers={HTTPException: _fault_page(services, doors)},
    )

    async def close(grace: float) -> None:
        services.pictures.close()
        services.applying.close()
        await services.recovery.close(grace)

    return Front(starlette, dav, flux.stop, close)


def _site(settings: Settings, assets: Assets) -> Site:
    """What every page says of the instance."""
    return Site(
        web=settings.web,
        push=settings.push,
        domain=settings.domain,
        host=urlsplit(settings.public_url).hostname or settings.name,
        icons=assets.icons,
        favicon=assets.url("icon.svg"),
        version=__version__,
    )


def _fault_page(services: Services, doors: Doors) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Addresses and methods that lead nowhere get a page, too."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return faults.fault(services, doors.caller(request), status)

    return answer


class Front:
    """The first thing a request meets: agendas go their own way, everything is counted and timed.

    A measure names no address and no person.
    """

    def __init__(
        self,
        pages: Starlette,
        dav: ASGIApp | None,
        hush: Callable[[], None],
        close: Callable[[float], Awaitable[None]],
    ) -> None:
        """`hush` ends answers that would go on for ever; `close` what goes on behind the answers: it is told for how
        many seconds it may."""
        self.hush = hush
        self.close = close
        self._pages = pages
        self._routes = pages.routes
        self._dav = dav

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """Every address of ours."""
        return self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._pages(scope, receive, send)
            return
        app: ASGIApp = self._pages
        door = "news" if scope["path"] == "/flux" else "pages"
        if self._dav is not None and _is_dav(scope["path"]):
            # Radicale's application: passwords, errors and all are its own.
            app, door = self._dav, "dav"
        begun, span = time.perf_counter(), NOTHING
        method = scope["method"] if scope["method"] in METHODS else "other"

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                catalogue.WEB_ANSWERS.add(door, str(message["status"]))
                span.set(status=int(message["status"]))
            await send(message)

        try:
            with TRACES.span("dav.request" if door == "dav" else "web.request", method=method, door=door) as span:
                await app(scope, receive, counting)
        finally:
            catalogue.WEB_SECONDS.observe(time.perf_counter() - begun, door)


def _is_dav(path: str) -> bool:
    return path == "/dav" or path.startswith("/dav/") or path.rstrip("/") in DAV_WELL_KNOWN
