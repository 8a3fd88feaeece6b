"""From a request to a handler: language, session, the posted form within bounds, origin, token, errors.

`Doors.guest` and `Doors.visit` wrap a handler into an endpoint. Nothing a handler raises leaves here as anything
but a page.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from mailserver.foundation.network.peers import identify_request
from mailserver.login.passwords import renewal
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.model.identity import State
from mailserver.store.account import bulletins, sessions
from mailserver.store.account.accounts import NEVER
from mailserver.store.account.bulletins import Kind
from mailserver.store.account.sessions import Session
from mailserver.store.web.webmail import visitors
from mailserver.texts.languages import LANGUAGES
from webui.http import forms
from webui.http.forms import Form
from webui.page import faults
from webui.page.context import COMPLETE, LANGUAGE, SESSION, SIMPLE, VISITOR, Guest, Services, Visit, cookie
from webui.page.faults import TooManyAtOnce
from webui.page.language import Language, negotiate
from webui.page.rendering import redirect

GuestHandler = Callable[[Services, Guest], Awaitable[Response]]
VisitHandler = Callable[[Services, Visit], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]
Guard = Callable[[Services, Visit], Awaitable[Response | None]]
"""Asked before a form is read: what is answered instead, None for going on."""
EndedHandler = Callable[[Services, Guest, Session | None], Awaitable[Response]]
"""What to answer when the session is over: the last argument is the session of who was suspended or closed."""

AnyGuest = TypeVar("AnyGuest", bound=Guest)

SLOW_SECONDS = 1.0
"""A form that arrives later than this after its head: the session is looked at again."""
SET_UP = ("/compte/double-authentification", "/deconnexion")
"""All that is open to somebody who needs a second factor and has none."""
RENEW = ("/compte/mot-de-passe", "/deconnexion")
"""All that is open to somebody whose password has expired."""
ALWAYS_OPEN = (
    *("/admin", "/etat", "/accessibilite", "/donnees-personnelles", "/mentions-legales", "/metrics"),
    *("/sante/vif", "/sante/pret", "/.well-known/mta-sts.txt", "/.well-known/acme-challenge/"),
    "/.well-known/security.txt",
)
"""What maintenance does not close."""
FOR_MONITORS = ("/metrics", "/sante/")
"""They tell that the store hangs, and wait for nothing of it beforehand."""
_WRITABLE = re.compile(r"/(?:connexion|deconnexion|session/|[sm]/(?:ecrire|envois/|dossier/\d+/exporter$))")
"""What may be posted while nothing else may be changed: coming, going, writing, sending; exports change nothing."""
RESCUED = "texte_rendu"
"""The only field of a form that belongs to nobody's session."""
MARK = "m_"
"""The form field that carries the anti-forgery mark."""


AT_ONCE = 100
"""Requests of one account under way in one worker, those whose form still arrives among them: a browser behind a proxy
that speaks HTTP/2 asks for a whole page of pictures at once."""


class _UnderWay:
    """Requests of each account, from when it is known until they are answered. (What streams is bounded by itself.)"""

    def __init__(self) -> None:
        self._count: Counter[int] = Counter()

    @contextlib.contextmanager
    def hold(self, account_id: int) -> Iterator[None]:
        """Raises TooManyAtOnce."""
        if self._count[account_id] >= AT_ONCE:
            raise TooManyAtOnce("too many requests of one account")
        self._count[account_id] += 1
        try:
            yield
        finally:
            self._count[account_id] -= 1
            if not self._count[account_id]:
                del self._count[account_id]


class Doors:
    """Makes endpoints of handlers."""

    def __init__(self, services: Services, ended: EndedHandler) -> None:
        self._services = services
        self._ended = ended
        self._spool = forms.Spool()
        self._memory = forms.Memory()
        self._under_way = _UnderWay()

    def guest(self, handler: GuestHandler) -> Endpoint:
        """An endpoint for anybody."""

        async def endpoint(request: Request) -> Response:
            guest = self.caller(request)
            try:
                if (stopped := await self._stopped(guest)) is not None:
                    return stopped
                if request.method != "POST":
                    return await handler(self._services, guest)
                with self._memory.hold(forms.GUEST) as held:
                    guest = await self._with_form(guest, held, 0, forms.MAX_GUEST_OCTETS)
                    return await handler(self._services, guest)
            except Exception as error:  # noqa: BLE001 - the one place where a handler's errors become pages
                return faults.answer(self._services, guest, error)

        return endpoint

    def keyed(self, handler: GuestHandler) -> Endpoint:
        """An endpoint whose address is the proof: programs elsewhere post to it (RFC 8058), without a mark of ours and
        whatever their origin. Its handler does what whoever has the address may do, and nothing for a browser's
        cookies."""

        async def endpoint(request: Request) -> Response:
            guest = self.caller(request)
            try:
                if (stopped := await self._stopped(guest)) is not None:
                    return stopped
                with self._memory.hold(forms.GUEST) as held:
                    form = await forms.read(request, held, max_plain_octets=forms.MAX_GUEST_OCTETS, keep=False)
                    return await handler(self._services, replace(guest, form=form))
            except Exception as error:  # noqa: BLE001 - the one place where a handler's errors become pages
                return faults.answer(self._services, guest, error)

        return endpoint

    def visit(
        self, handler: VisitHandler, *, files: bool = False, room: int = 0, guard: Guard | None = None
    ) -> Endpoint:
        """An endpoint for a logged-in person; `files`: its form may carry attachments, or `room` octets of files."""
        room = self._services.attachment_octets if files else room

        async def endpoint(request: Request) -> Response:
            guest = self.caller(request)
            try:
                if (stopped := await self._stopped(guest)) is not None:
                    return stopped
                began = self._services.clock.monotonic()
                visit, why = await self._visit(request, guest)
                if visit is None:
                    if request.method != "POST":
                        return await self._leave(guest, why)
                    with self._memory.hold(forms.GUEST) as held:
                        guest = await self._ended_form(guest, held, room)
                        return await self._leave(guest, why)
                if (elsewhere := _detour(visit)) is not None:
                    # A pane does not show the other page: the script asks for the whole one, which leads there.
                    return Response(status_code=401) if visit.fragment else redirect(guest, elsewhere)
                with self._under_way.hold(visit.account_id):
                    if guard is not None and (instead := await guard(self._services, visit)) is not None:
                        return instead
                    if request.method != "POST":
                        return await handler(self._services, visit)
                    return await self._posted(handler, guest, visit, guard, room, began)
            except Exception as error:  # noqa: BLE001 - the one place where a handler's errors become pages
                return faults.answer(self._services, guest, error)

        return endpoint

    async def _posted(
        self, handler: VisitHandler, guest: Guest, visit: Visit, guard: Guard | None, room: int, began: float
    ) -> Response:
        """Read the form, within what one account and all may send at once, and answer it."""
        account_id = visit.account_id
        with (
            self._spool.hold(visit.request, account_id, room) as arriving,
            self._memory.hold(account_id, arriving) as held,
        ):
            visit = await self._with_form(visit, held, room)
            if self._services.clock.monotonic() - began > SLOW_SECONDS:
                return await self._late(handler, guest, visit, guard)
            try:
                return await handler(self._services, visit)
            finally:
                await visit.form.close()

    def ended(self, handler: GuestHandler) -> Endpoint:
        """An endpoint for the page of a session that may have ended: its form was written by us for that session."""

        async def endpoint(request: Request) -> Response:
            guest = self.caller(request)
            try:
                token_hash = self._services.keys.stored(guest.cookie(SESSION))
                guest = replace(guest, owner=session_owner(token_hash))
                with self._memory.hold(forms.GUEST) as held:
                    guest = await self._with_form(guest, held, 0, forms.MAX_GUEST_OCTETS)
                    return await handler(self._services, guest)
            except Exception as error:  # noqa: BLE001 - the one place where a handler's errors become pages
                return faults.answer(self._services, guest, error)

        return endpoint

    async def _late(self, handler: VisitHandler, guest: Guest, before: Visit, guard: Guard | None) -> Response:
        """A form that took its time, perhaps on purpose: whose session ended meanwhile does nothing any more."""
        guest = replace(guest, now=self._services.clock.now())
        visit, why = await self._visit(guest.request, guest)
        if visit is None:
            return await self._leave(replace(guest, form=before.form), why)
        try:
            if (elsewhere := _detour(visit)) is not None:
                return redirect(guest, elsewhere)
            if guard is not None and (instead := await guard(self._services, visit)) is not None:
                return instead
            return await handler(self._services, replace(visit, form=before.form))
        finally:
            await before.form.close()

    async def _stopped(self, guest: Guest) -> Response | None:
        """The page of maintenance, where it stops this request; what was written is shown to be copied."""
        board, request = self._services.board, guest.request
        if request.url.path.startswith(FOR_MONITORS):
            return None
        await board.refresh()
        why = board.maintenance(guest.now)
        if why is None or request.url.path.startswith(ALWAYS_OPEN) or _leads_to_the_console(request):
            return None
        if why.kind is Kind.READ_ONLY and (request.method != "POST" or _WRITABLE.match(request.url.path)):
            return None
        if request.method == "POST":
            check_origin(request)
            # Whatever was sent, and however much of it: the page is what its sender has to be told.
            with contextlib.suppress(BadSyntax, Refused, Temporary), self._memory.hold(forms.GUEST) as held:
                form = await forms.read(request, held, self._services.attachment_octets, keep=False)
                return faults.maintenance(self._services, replace(guest, form=form), why)
        return faults.maintenance(self._services, guest, why)

    async def _leave(self, guest: Guest, why: Session | None) -> Response:
        """What is answered when the session is over."""
        try:
            return await self._ended(self._services, guest, why)
        finally:
            await guest.form.close()

    # ------------------------------------------------------------------ who asks

    def caller(self, request: Request) -> Guest:
        """Whoever asks, as somebody who is not logged in."""
        services = self._services
        visitor = cookie(request, VISITOR)
        fresh = "" if visitor else services.keys.new_token()
        return Guest(
            request=request,
            language=self._language(request, ""),
            owner=b"visitor\0" + (visitor or fresh).encode("utf-8", "replace"),
            new_visitor=fresh,
            now=services.clock.now(),
        )

    def _language(self, request: Request, preferred: str) -> Language:
        """The person's setting, the address, the cookie, the browser, French: whichever comes first."""
        asked = request.query_params.get("lang", "")
        for code in (asked, preferred, cookie(request, LANGUAGE)):
            if code in LANGUAGES:
                return self._services.languages[code]
        return self._services.languages[negotiate(request.headers.get("accept-language", ""))]

    async def _visit(self, request: Request, guest: Guest) -> tuple[Visit | None, Session | None]:
        """The person's visit; or None, and the session when its owner has been suspended, or the account closed."""
        services = self._services
        token = guest.cookie(SESSION)
        if not token:
            return None, None
        token_hash = services.keys.stored(token)
        found = await services.store.read(visitors.find, token_hash)
        if found is None:
            return None, None
        session, preferences, saved, planned, script = found
        if session.state in (State.SUSPENDED, State.CLOSED):
            return None, session
        if not session.current or session.state != State.ACTIVE:
            return None, None
        principal = await services.directory.by_account(session.account_id)
        if principal is None:
            return None, None
        if not identify_request(request.scope, session.account_id):
            raise Temporary("too many connections of one account")
        # A page that listens for news by itself is nobody's activity: a forgotten tab does not keep a session open.
        listens = request.url.path.startswith("/flux")
        if not listens and sessions.wants_touch(session, services.clock.now()):
            await services.store.write(sessions.touch, session)
        passwords, now = services.settings.passwords, services.clock.now()
        known = NEVER if services.directory.read_only else session.renewal
        must_renew = renewal.is_expired(passwords, known, now)
        is_soon = must_renew or renewal.days_left(passwords, known, now) is not None
        path = request.url.path
        announced = services.board.announcements(guest.now)
        closed = await services.store.read(bulletins.closed, session.account_id) if announced else {}
        absence = await services.filters.absences.standing(session.account_id, script) if script else None
        interface = (
            COMPLETE if path.startswith(("/m/", "/agenda")) else SIMPLE if path.startswith("/s/") else session.interface
        )
        return (
            Visit(
                request=request,
                language=self._language(request, preferences.language).in_zone(preferences.zone),
                owner=session_owner(token_hash),
                now=guest.now,
                session=session,
                principal=principal,
                preferences=preferences,
                interface=interface,
                closed=closed,
                searches=saved,
                planned=planned,
                quiet=(await services.quiet.of(principal.uai, preferences)).holds(guest.now),
                absence=absence,
                must_set_up=not session.factor_on and services.login.factors.required(principal),
                renew_before=renewal.expires_at(passwords, known) if is_soon else 0,
                must_renew=must_renew,
            ),
            None,
        )

    # ------------------------------------------------------------------ what is posted

    async def _with_form(
        self, guest: AnyGuest, held: forms.Held, room: int, plain: int = forms.MAX_PLAIN_OCTETS
    ) -> AnyGuest:
        """The same with its form. Raises Refused(FORBIDDEN) when it was not written by us for this browser."""
        check_origin(guest.request)
        form = await forms.read(guest.request, held, room, max_plain_octets=plain)
        if not self._services.keys.is_mark(form.text(MARK), guest.owner):
            await form.close()
            raise Refused(Reason.FORBIDDEN)
        return replace(guest, form=form)

    async def _ended_form(self, guest: Guest, held: forms.Held, room: int) -> Guest:
        """What was posted after the session had ended: without its files, which anybody might send.

        A form we did not write for that session keeps nothing but its text, which its sender may copy.
        """
        check_origin(guest.request)
        token_hash = self._services.keys.stored(guest.cookie(SESSION))
        form = await forms.read(guest.request, held, room, keep=False)
        if self._services.keys.is_mark(form.text(MARK), session_owner(token_hash)):
            return replace(guest, form=form)
        return replace(guest, form=Form({RESCUED: (form.text("texte"),)}))


def _detour(visit: Visit) -> str | None:
    """Where somebody is led who has to do something else first."""
    path = visit.request.url.path
    if visit.must_renew:
        # What was being written when the password expired is not lost: it still goes where it was sent.
        finishing = visit.request.method == "POST" and visit.session.created < visit.renew_before
        if path.startswith(RENEW):
            return None
        if not finishing:
            return RENEW[0]
    return SET_UP[0] if visit.must_set_up and not path.startswith(SET_UP) else None


def _leads_to_the_console(request: Request) -> bool:
    """Logging in, on the way to where maintenance is ended."""
    path = request.url.path
    return path.startswith("/connexion") or (path == "/" and request.query_params.get("suite", "").startswith("/admin"))


def session_owner(token_hash: bytes) -> bytes:
    """Whom the marks of a session's forms are made for."""
    return b"session\0" + token_hash


def check_origin(request: Request) -> None:
    """A second guard against forgery across sites, beside the mark in the form.

    Browsers say where a POST comes from; one that comes from elsewhere is refused whatever it carries. Our own
    pages send no referrer, which makes their Origin `null`: then Sec-Fetch-Site alone speaks. Raises
    Refused(FORBIDDEN).
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin", "")
    if site not in ("same-origin", "none"):
        raise Refused(Reason.FORBIDDEN)
    if origin not in ("", "null") and origin.partition("://")[2] != request.headers.get("host", ""):
        raise Refused(Reason.FORBIDDEN)
