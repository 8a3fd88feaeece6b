"""The ASGI application: what surrounds and measures it. Addresses are in `routes`, services in `composition`."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from http import HTTPStatus
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailserver.delivery import Delivery
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.foundation.tracing import NOTHING, TRACES
from mailserver.login import Login
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.outbound.submission.submit import Submission
from mailserver.store.engine.transactions import Store
from webui.account.login import portal
from webui.app import routes
from webui.app.composition import services_of
from webui.mail.event_stream import EventStream
from webui.page import faults
from webui.page.context import Services
from webui.page.dispatch import Doors

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
    services = services_of(
        settings=settings,
        store=store,
        clock=clock,
        directory=directory,
        login=login,
        delivery=delivery,
        submission=submission,
        outside=outside or SafeFetch(names=settings.dns),
    )
    doors = Doors(services, portal.session_ended)
    flux = EventStream(settings.limits)
    starlette = Starlette(
        routes=routes.everything(services, doors, flux),
        exception_handlers={HTTPException: _fault_page(services, doors)},
    )
    for router in _routers(starlette.router):
        router.redirect_slashes = False  # It would write the Host it was sent into the address.

    async def close(grace: float) -> None:
        services.pictures.close()
        services.filters.applying.close()
        await services.recovery.close(grace)

    return Front(starlette, dav, flux.stop, close)


def _fault_page(services: Services, doors: Doors) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Addresses and methods that lead nowhere get a page, too."""

    async def answer(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        meant = _with_or_without_slash(request) if status == HTTPStatus.NOT_FOUND else ""
        if meant:
            return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": meant})
        response = faults.fault(services, doors.caller(request), status)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers["Allow"] = ", ".join(_methods(request))
        return response

    return answer


def _with_or_without_slash(request: Request) -> str:
    """The address that was meant, where a slash at its end is all that is wrong: on this host, however it is called."""
    path = request.scope["path"]
    other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
    if not other or other.startswith("//") or any(_leading(request, path)) or not any(_leading(request, other)):
        return ""
    query = request.scope["query_string"].decode("latin-1")
    return quote(other) + (f"?{query}" if query else "")


def _methods(request: Request) -> list[str]:
    """What an address takes (RFC 9110 section 15.5.6): a route may stand for each."""
    found = _leading(request, request.scope["path"])
    return sorted({method for route in found for method in route.methods or ()})


def _leading(request: Request, path: str) -> Iterator[Route]:
    """The routes that an address leads to, whatever is asked of it."""
    root = request.scope.get("app_root_path", request.scope.get("root_path", ""))
    return _matching(request.app.routes, {**request.scope, "path": path, "root_path": root})


def _matching(routes: Sequence[BaseRoute], scope: Scope) -> Iterator[Route]:
    for route in routes:
        match, inner = route.matches(scope)
        if match is Match.NONE:
            continue
        if isinstance(route, Mount):
            yield from _matching(route.routes, {**scope, **inner})
        elif isinstance(route, Route):
            yield route


def _routers(router: Router) -> Iterator[Router]:
    """This one, and those that are mounted in it."""
    yield router
    for route in router.routes:
        if isinstance(route, Mount) and isinstance(route.app, Router):
            yield from _routers(route.app)


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
