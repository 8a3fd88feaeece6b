"""The portal: which interface, who; logging in and out; what happens when a session has ended."""

import re
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account import sessions
from mailserver.store.account.sessions import Session
from webui.account.login import activation
from webui.account.login.activation import MAX_LOGIN
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.security.second_factor import MAX_CODE
from webui.account.session import second_step_page, stash
from webui.account.session.second_step_page import SecondPage
from webui.account.session.session_start import YEAR, Wish, admit, enter, suspended, wait_text, waiting_seconds
from webui.http import headers
from webui.installed.push import browser
from webui.page import faults
from webui.page.context import (
    BASES,
    COMPLETE,
    INTERFACE,
    LANGUAGE,
    SESSION,
    SIMPLE,
    Guest,
    Services,
    Visit,
    drop_cookie,
    set_cookie,
)
from webui.page.dispatch import RESCUED
from webui.page.rendering import NOBODY, READER, redirect

_NEXT = re.compile(
    r"/(?:[sm]/|(?:compte|bienvenue|admin|secretariat|agenda|contacts|listes|archives|envois-en-nombre)(?![^/?]))"
    r"[A-Za-z0-9/?=&%._@+-]{0,300}"
)


@dataclass(frozen=True, slots=True)
class PortalPage:
    """The login form."""

    interface: str
    login: str = ""
    next: str = ""
    shared: bool = False
    fault: str = ""
    notice: str = ""
    notice_kind: str = "attention"
    rescued: str = ""
    """A text that could not be kept for its author: shown, so that it can be copied."""


# ---------------------------------------------------------------------- the form


async def show_portal(services: Services, guest: Guest) -> Response:
    """GET /: the portal; whoever is logged in goes on to their mail."""
    if not guest.request.url.query and (session := await _open_session(services, guest)):
        return redirect(guest, f"{BASES[session.interface]}/")
    return _portal(services, guest, PortalPage(_chosen(guest), next=_next(guest)))


async def show_complete(services: Services, guest: Guest) -> Response:
    """GET /login: the portal, the complete interface preselected."""
    return _portal(services, guest, PortalPage(COMPLETE, next=_next(guest)))


async def show_simple(services: Services, guest: Guest) -> Response:
    """GET /roundcube: the portal, the simplified interface preselected."""
    return _portal(services, guest, PortalPage(SIMPLE, next=_next(guest)))


def _portal(services: Services, guest: Guest, page: PortalPage, status: int = 200) -> Response:
    response = services.pages.answer(guest, "account/login/portal.html", page, status)
    response.headers[READER] = NOBODY
    if guest.query("lang") == guest.language.code:
        set_cookie(response, guest, LANGUAGE, guest.language.code, seconds=YEAR)
    return response


async def _open_session(services: Services, guest: Guest) -> Session | None:
    token = guest.cookie(SESSION)
    found = await services.store.read(sessions.find, services.keys.stored(token)) if token else None
    session = found[0] if found else None
    return session if session and session.current and session.state == State.ACTIVE else None


def _next(guest: Guest) -> str:
    """Where to go after the login: an address of ours, or nothing (open redirect)."""
    wanted = guest.form.text("suite") or guest.query("suite")
    return wanted if _NEXT.fullmatch(wanted) and "//" not in wanted else ""


# ---------------------------------------------------------------------- logging in


async def log_in(services: Services, guest: Guest) -> Response:
    """POST /connexion."""
    form = guest.form
    login, secret = (
        form.text("identifiant").strip()[:MAX_LOGIN],
        Secret(form.text("mot_de_passe")[:MAX_PASSWORD]),
    )
    interface = form.text("interface") if form.text("interface") in BASES else SIMPLE
    page = PortalPage(interface, login, _next(guest), form.has("partage"))
    try:
        principal = await services.login.login(login, secret, guest.peer, "web", guest.agent)
    except Refused as refusal:
        return await _refused(services, guest, page, secret, refusal)
    return await enter(services, guest, principal, Wish(interface, page.shared, page.next))


async def _refused(services: Services, guest: Guest, page: PortalPage, secret: Secret, refusal: Refused) -> Response:
    """The form again, or the page for an account that may not enter (its password was right)."""
    _ = guest._
    match refusal.reason:
        case Reason.SUSPENDED | Reason.CLOSED:
            principal = await services.directory.find(page.login)
            return await suspended(services, guest, principal.account_id if principal else 0)
        case Reason.NOT_ACTIVATED:
            return await activation.begin(services, guest, page.login, secret, page.interface)
        case Reason.THROTTLED:
            return throttled(services, guest, "account/login/portal.html", page, refusal)
        case _:
            fault = _("L’identifiant et le mot de passe ne correspondent pas. Vérifiez les majuscules, puis réessayez.")
    return _portal(services, guest, _with(page, fault), faults.STATUS[refusal.reason])


async def second_step(services: Services, guest: Guest) -> Response:
    """POST /connexion/code: the code of the second factor, or a recovery code."""
    form = guest.form
    sealed = form.text("etape")
    halfway = await second_step_page.halfway(services, guest, sealed)
    if halfway is None:
        notice = guest._("La page est restée ouverte trop longtemps. Recommencez, s’il vous plaît.")
        return _portal(services, guest, PortalPage(_chosen(guest), notice=notice), 403)
    code, spare = form.text("code").strip(), form.text("secours").strip()
    try:
        answer = Secret((code or spare)[:MAX_CODE])
        proven = await services.login.second_step(halfway.principal, answer, guest.peer, guest.agent)
    except Refused as refusal:
        return _wrong_code(services, guest, SecondPage(sealed, spare=bool(spare and not code)), refusal)
    wish = halfway.wish
    if proven.by_recovery_code:
        wish = replace(wish, next=f"/compte?fait=secours&n={proven.codes_left}#annonce")
    return await admit(services, guest, halfway.principal, wish)


def _wrong_code(services: Services, guest: Guest, page: SecondPage, refusal: Refused) -> Response:
    if refusal.reason is Reason.THROTTLED:
        seconds = waiting_seconds(refusal)
        response = second_step_page.show_second_step(
            services, guest, replace(page, fault=wait_text(guest, seconds)), 429
        )
        response.headers["Retry-After"] = str(seconds)
        return response
    fault = guest._("Ce code n’est pas le bon, ou il a déjà servi. Attendez le suivant, puis réessayez.")
    return second_step_page.show_second_step(services, guest, replace(page, fault=fault), faults.STATUS[refusal.reason])


def _chosen(guest: Guest) -> str:
    chosen = guest.cookie(INTERFACE)
    return chosen if chosen in BASES else COMPLETE


def _with(page: PortalPage, fault: str) -> PortalPage:
    return PortalPage(page.interface, page.login, page.next, page.shared, fault)


def throttled(services: Services, guest: Guest, template: str, page: PortalPage, refusal: Refused) -> Response:
    """The form with the time to wait, said in minutes."""
    seconds = waiting_seconds(refusal)
    response = services.pages.answer(guest, template, _with(page, wait_text(guest, seconds)), 429)
    response.headers["Retry-After"] = str(seconds)
    return response


# ---------------------------------------------------------------------- logging out


async def log_out(services: Services, visit: Visit) -> Response:
    """POST /deconnexion."""
    await services.store.write(sessions.close, visit.session.token_hash)
    await browser.left(services, visit)
    page = PortalPage(
        visit.interface,
        notice=visit._("Vous êtes déconnecté. Sur un ordinateur partagé, fermez aussi le navigateur."),
        notice_kind="bon",
    )
    fresh = services.keys.new_token()
    guest = Guest(
        request=visit.request,
        language=visit.language,
        owner=b"visitor\0" + fresh.encode(),
        new_visitor=fresh,
        now=visit.now,
    )
    response = _portal(services, guest, page)
    drop_cookie(response, guest, SESSION)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


async def session_ended(services: Services, guest: Guest, stopped: Session | None) -> Response:
    """What a request without a session gets: never a bare refusal of something that was written.

    `stopped`: the session of a person who has been suspended, or whose account was closed, meanwhile.
    """
    token = rescued = ""
    if stash.is_letter(guest):
        token = await stash.park(services, guest)
        rescued = "" if token else guest.form.text("texte")
    rescued = rescued or guest.form.text(RESCUED)
    if stopped is not None:
        response = await suspended(services, guest, stopped.account_id, kept_text=bool(token))
    elif guest.fragment or guest.request.url.path.startswith("/flux"):
        return Response("Log in again", 401, headers.page(guest.secure), media_type="text/plain")
    elif guest.request.method != "POST":
        query = guest.request.url.query
        path = guest.request.url.path + (f"?{query}" if query else "")
        return redirect(guest, "/", suite=path if _NEXT.fullmatch(path) and path not in ("/s/", "/m/") else "")
    elif guest.request.url.path == "/deconnexion":
        return redirect(guest, "/")
    else:
        response = _log_in_again(services, guest, bool(token), rescued)
    if token:
        stash.give(response, guest, token)
    return response


def _log_in_again(services: Services, guest: Guest, kept: bool, rescued: str) -> Response:
    _ = guest._
    if kept:
        notice = _(
            "Votre session est terminée. Votre texte est conservé 30 minutes : reconnectez-vous pour le retrouver."
        )
    elif rescued:
        notice = _("Votre session est terminée. Rien n’a été envoyé.")
    else:
        notice = _("Votre session est terminée. Rien n’a été fait : reconnectez-vous et recommencez.")
    interface = COMPLETE if guest.request.url.path.startswith("/m/") else SIMPLE
    return _portal(services, guest, PortalPage(interface, notice=notice, rescued=rescued), 401)
