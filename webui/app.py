"""The ASGI application: which address leads to which handler, what measures it, what surrounds it."""

import time
from collections.abc import Awaitable, Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailserver import __version__
from mailserver.addressbook.books import AddressBooks
from mailserver.addressbook.browsing import Browsing
from mailserver.addressbook.suggestions import Suggestions
from mailserver.clock import Clock
from mailserver.deliver import Delivery
from mailserver.identity import Directory
from mailserver.login import Login
from mailserver.login.private import PrivateAddresses
from mailserver.login.recovery import Recovery
from mailserver.login.telling import Telling
from mailserver.moderation import Moderation
from mailserver.noticeboard import Noticeboard
from mailserver.outbox import Outbox
from mailserver.settings import Settings
from mailserver.sharing import Sharing
from mailserver.store.messages import Quota
from mailserver.store.transactions import Store
from mailserver.submit import Submission
from webui import (
    abroad,
    account,
    acting,
    activation,
    borrowing,
    clients,
    compose,
    contacts,
    departures,
    desk,
    devices,
    factor,
    faults,
    finding,
    folders,
    listing,
    moderating,
    owned,
    pages,
    personal,
    portal,
    preferences,
    private,
    recovery,
    renewing,
    secretariat,
    security,
    sending,
    shares,
    shortcuts,
    suggesting,
    tagging,
    uploading,
    welcome,
    writinghabits,
)
from webui.admin import routes as admin
from webui.agenda import routes as agenda
from webui.assets import Assets
from webui.doors import Doors, Endpoint
from webui.flux import Flux
from webui.folderfiles import MAX_BROUGHT, FolderFiles
from webui.gathering import Gathering
from webui.keys import Keys
from webui.language import languages
from webui.outside import Outside
from webui.reader import routes as reader
from webui.rendering import Pages, Site
from webui.takingaway import Takeaway
from webui.visit import Services

DAV_WELL_KNOWN = ("/.well-known/caldav", "/.well-known/carddav")
"""Discovery (RFC 6764 section 5)."""


class KeyConvertor(Convertor[int]):
    """A database key in an address: no more digits than a key has, so whatever matches can be asked for."""

    regex = "[0-9]{1,18}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("key", KeyConvertor())


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
    outside: Outside | None = None,
    registry: CollectorRegistry | None = None,
) -> "Front":
    """The whole web interface. `dav` serves `/dav/` and its discovery; `registry` is what `/metrics` shows.

    `outside` fetches what messages name; by default from the public internet.
    """
    keys = Keys(settings.secret("hmac"), clock)
    assets = Assets()
    spoken = languages(settings.web.timezone)
    site = Site(
        academy=settings.web.academy,
        domain=settings.domain,
        help_contact=settings.web.help_contact,
        icons=assets.icons,
        favicon=assets.url("icon.svg"),
        version=__version__,
    )

    board = Noticeboard(store=store, clock=clock, changes=store.changes)
    books = AddressBooks(store)
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
        telling=Telling(settings=settings, store=store, clock=clock, post=submission.post),
        submission=submission,
        clock=clock,
        keys=keys,
        assets=assets,
        languages=spoken,
        pages=Pages(site, spoken, keys, assets, board),
        moderation=Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock),
        board=board,
        sharing=Sharing(directory=directory, store=store, changes=store.changes, clock=clock, domain=settings.domain),
        outside=outside or Outside(),
        books=books,
        suggestions=Suggestions(settings=settings, store=store, directory=directory, books=books),
        outbox=Outbox(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            submission=submission,
            clock=clock,
        ),
        browsing=Browsing(store, directory, ours=settings.ldap is None, quota=Quota.of(settings.limits).octets),
    )
    registry = registry or CollectorRegistry()
    doors = Doors(services, portal.session_ended)
    flux = Flux(settings.limits.connections)
    starlette = Starlette(
        routes=_routes(services, doors, registry, flux),
        exception_handlers={HTTPException: _fault_page(services, doors)},
    )
    return Front(starlette, dav, registry, flux.stop, services.recovery.close)


def _routes(services: Services, doors: Doors, registry: CollectorRegistry, flux: Flux) -> Sequence[BaseRoute]:
    guest = doors.guest
    takeaway, files, gathering = Takeaway(), FolderFiles(), Gathering()
    return [
        Route("/", guest(portal.show)),
        Route("/login", guest(portal.show_complete)),
        Route("/roundcube", guest(portal.show_simple)),
        Route("/connexion", guest(portal.log_in), methods=["POST"]),
        Route("/connexion", guest(portal.show), methods=["GET"]),
        Route("/connexion/code", guest(portal.second_step), methods=["POST"]),
        Route("/connexion/code", guest(portal.show), methods=["GET"]),
        Route("/session/etat", guest(renewing.state), methods=["GET"]),
        Route("/session/renouveler", doors.ended(renewing.renew), methods=["POST"]),
        Route("/deconnexion", doors.visit(portal.log_out), methods=["POST"]),
        Route("/activation", guest(activation.show), methods=["GET"]),
        Route("/activation", guest(activation.activate), methods=["POST"]),
        Route("/initialiser", guest(recovery.show), methods=["GET"]),
        Route("/initialiser", guest(recovery.ask), methods=["POST"]),
        Route("/identifiant", guest(recovery.show_forgotten), methods=["GET"]),
        Route("/identifiant", guest(recovery.ask_identifier), methods=["POST"]),
        Route("/initialiser/code", guest(recovery.show_code), methods=["GET"]),
        Route("/initialiser/code", guest(recovery.use_code), methods=["POST"]),
        Route("/compte", doors.visit(security.show)),
        Route("/compte/double-authentification", doors.visit(factor.show), methods=["GET"]),
        Route("/compte/double-authentification", doors.visit(factor.change), methods=["POST"]),
        Route("/compte/appareils", doors.visit(devices.show), methods=["GET"]),
        Route("/compte/appareils", doors.visit(devices.change), methods=["POST"]),
        Route("/compte/sessions", doors.visit(security.show_sessions), methods=["GET"]),
        Route("/compte/sessions", doors.visit(security.close_sessions), methods=["POST"]),
        Route("/compte/mot-de-passe", doors.visit(account.show_password), methods=["GET"]),
        Route("/compte/mot-de-passe", doors.visit(account.change_password), methods=["POST"]),
        Route("/compte/secours", doors.visit(private.show), methods=["GET"]),
        Route("/compte/secours", doors.visit(private.change), methods=["POST"]),
        Route("/compte/export", doors.visit(takeaway.show), methods=["GET"]),
        Route("/compte/export", doors.visit(takeaway.fetch), methods=["POST"]),
        Route("/bienvenue", doors.visit(welcome.show), methods=["GET"]),
        Route("/bienvenue", doors.visit(welcome.accept), methods=["POST"]),
        Route("/bienvenue/informations", doors.visit(welcome.take)),
        *admin.routes(doors),
        Route("/secretariat", doors.visit(secretariat.show)),
        Route("/secretariat/lettres", doors.visit(secretariat.print_letters), methods=["POST"]),
        Route("/secretariat/code/{account:key}", doors.visit(secretariat.ask_renewal), methods=["GET"]),
        Route("/secretariat/code/{account:key}", doors.visit(secretariat.renew), methods=["POST"]),
        Route("/secretariat/journal", doors.visit(secretariat.show_log)),
        Route("/secretariat/boites", doors.visit(desk.boxes), methods=["GET"]),
        Route("/secretariat/boites", doors.visit(desk.hand_over), methods=["POST"]),
        Route("/secretariat/mouvements", doors.visit(desk.moves)),
        Route("/moderation/{key}", guest(moderating.show), methods=["GET"]),
        Route("/moderation/{key}", guest(moderating.decide), methods=["POST"]),
        Route("/aide", guest(pages.help_page)),
        Route("/accessibilite", guest(pages.fixed("portal/accessibility.html"))),
        Route("/donnees-personnelles", guest(pages.fixed("portal/privacy.html"))),
        Route("/mentions-legales", guest(pages.fixed("portal/legal.html"))),
        Route("/etat", guest(pages.state)),
        Route("/metrics", guest(pages.metrics(registry))),
        Route("/csp-rapport", pages.Reports(services).__call__, methods=["POST"]),
        Route("/favicon.ico", _moved(services.assets.url("icon.svg"))),
        Route("/.well-known/change-password", _moved("/compte/mot-de-passe")),
        *reader.shared(doors.visit),
        *clients.routes(services),
        Route("/static/dist/{file}", services.assets.serve),
        *contacts.routes(doors),
        Route("/listes", doors.visit(personal.lead)),
        *agenda.everything(doors),
        Route("/m/raccourcis", doors.visit(shortcuts.show), methods=["GET"]),
        Route("/m/raccourcis", doors.visit(shortcuts.save), methods=["POST"]),
        Route("/flux", doors.visit(flux.listen)),
        Route("/flux/etat", doors.visit(flux.state)),
        Mount("/s", routes=_mail(doors, files, gathering)),
        Mount("/m", routes=_mail(doors, files, gathering)),
    ]


def _mail(doors: Doors, files: FolderFiles, gathering: Gathering) -> Sequence[BaseRoute]:
    """The mail of either interface."""
    visit = doors.visit
    return [
        *contacts.routes(doors),
        Route("/", visit(listing.show)),
        Route("/dossier/{box:key}", visit(listing.show)),
        Route("/dossier/{box:key}/emporter", visit(gathering.fetch), methods=["POST"]),
        Route("/dossier/{box:key}/agir", visit(acting.act), methods=["POST"]),
        Route("/dossier/{box:key}/vider", visit(acting.ask_empty), methods=["GET"]),
        Route("/dossier/{box:key}/vider", visit(acting.empty), methods=["POST"]),
        Route("/dossier/{box:key}/modifier", visit(folders.one), methods=["GET"]),
        Route("/dossier/{box:key}/modifier", visit(folders.change), methods=["POST"]),
        Route("/dossier/{box:key}/partage", visit(shares.show), methods=["GET"]),
        Route("/dossier/{box:key}/partage", visit(shares.change), methods=["POST"]),
        Route("/dossier/{box:key}/exporter", visit(files.export), methods=["POST"]),
        Route("/dossier/{box:key}/importer", visit(files.bring, room=MAX_BROUGHT), methods=["POST"]),
        Route("/dossiers", visit(folders.show), methods=["GET"]),
        Route("/dossiers", visit(folders.create), methods=["POST"]),
        Route("/listes", visit(personal.show), methods=["GET"]),
        Route("/listes", visit(personal.create, files=True), methods=["POST"]),
        Route("/listes/recues", visit(personal.received)),
        Route("/listes/{list:key}", visit(personal.one), methods=["GET"]),
        Route("/listes/{list:key}", visit(personal.change, files=True), methods=["POST"]),
        Route("/liste", visit(owned.begin), methods=["GET"]),
        Route("/liste", visit(owned.create, files=True), methods=["POST"]),
        Route("/liste/{address}", visit(owned.show), methods=["GET"]),
        Route("/liste/{address}", visit(owned.change, files=True), methods=["POST"]),
        Route("/liste/{address}/attente", visit(owned.queue), methods=["GET"]),
        Route("/liste/{address}/attente", visit(owned.decide), methods=["POST"]),
        Route("/annuler", visit(acting.last_acts), methods=["GET"]),
        Route("/annuler", visit(acting.undo), methods=["POST"]),
        *reader.mail(visit),
        *abroad.routes(visit),
        Route("/ecrire", visit(compose.write), methods=["GET"]),
        Route("/ecrire", visit(compose.post, files=True), methods=["POST"]),
        Route("/ecrire/{draft:key}", visit(compose.edit), methods=["GET"]),
        Route("/ecrire/{draft:key}/envoyer", visit(sending.confirm), methods=["POST"]),
        Route("/ecrire/{draft:key}/depuis", visit(borrowing.show), methods=["GET"]),
        Route("/ecrire/{draft:key}/depuis", visit(borrowing.take), methods=["POST"]),
        Route("/ecrire/{draft:key}/image", visit(uploading.picture)),
        Route("/ecrire/garder", visit(uploading.save), methods=["POST"]),
        Route("/ecrire/piece", visit(uploading.add, files=True), methods=["POST"]),
        Route("/destinataires", visit(suggesting.find)),
        Route("/envois", visit(departures.show), methods=["GET"]),
        Route("/envois/{number:key}", visit(departures.change), methods=["POST"]),
        Route("/envois/{number:key}/etat", visit(departures.state)),
        Route("/reglages/ecriture", visit(writinghabits.show), methods=["GET"]),
        Route("/reglages/ecriture", visit(writinghabits.save), methods=["POST"]),
        Route("/recherche", visit(finding.show)),
        Route("/recherche/garder", visit(finding.keep), methods=["POST"]),
        Route("/reglages", visit(preferences.show), methods=["GET"]),
        Route("/reglages/etiquettes", visit(tagging.show), methods=["GET"]),
        Route("/reglages/etiquettes", visit(tagging.save), methods=["POST"]),
        Route("/reglages/logiciels", visit(clients.show)),
        Route("/reglages/logiciels/profil", visit(clients.profile)),
        Route("/reglages/{section}", visit(preferences.show), methods=["GET"]),
        Route("/reglages/{section}", visit(preferences.save), methods=["POST"]),
    ]


def _fault_page(services: Services, doors: Doors) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Addresses and methods that lead nowhere get a page, too."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return faults.fault(services, doors.caller(request), status)

    return answer


def _moved(address: str) -> Endpoint:
    """What is asked for under a name that others agreed on, and lies elsewhere here."""

    async def answer(_request: Request) -> Response:
        return Response(status_code=302, headers={"Location": address})

    return answer


class Front:
    """The first thing a request meets: agendas go their own way, everything is counted and timed.

    A measure names no address and no person.
    """

    def __init__(
        self,
        pages: Starlette,
        dav: ASGIApp | None,
        registry: CollectorRegistry,
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
        self._answers = Counter("webui_answers", "Answers by door and status", ["door", "status"], registry=registry)
        self._seconds = Histogram(
            "webui_seconds",
            "Time from request to the end of the answer",
            ["door"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=registry,
        )

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
        begun = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._answers.labels(door, str(message["status"])).inc()
            await send(message)

        try:
            await app(scope, receive, counting)
        finally:
            self._seconds.labels(door).observe(time.perf_counter() - begun)


def _is_dav(path: str) -> bool:
    return path == "/dav" or path.startswith("/dav/") or path.rstrip("/") in DAV_WELL_KNOWN
