"""Who enters the console: administrators with a second factor, from our networks, who proved themselves lately.

The same holds for what an administrator does in the secretariats' pages: there they see every school, withdraw
passwords, print codes and hand functional boxes over. Secretaries enter those pages with their session.

The proof is a cookie of its own beside the session's: sealed, bound to that session, for this site only. It ends after
`IDLE_SECONDS` without a page of the console, after `LONGEST_SECONDS` in any case, and with the session.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.administration import audit_access
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Role
from mailserver.store.record.audit import Origin
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.security.second_factor import MAX_CODE
from webui.account.session.session_start import wait_text, waiting_seconds
from webui.page.administrators import is_near
from webui.page.context import Services, Visit, set_cookie
from webui.page.dispatch import VisitHandler
from webui.page.rendering import redirect

IDLE_SECONDS = 15 * 60
LONGEST_SECONDS = 8 * 3600
FRESH_SECONDS = 5 * 60
"""Somebody who has just logged in has just proven both factors: they are not asked again (WCAG 3.3.7)."""
PROOF = "console"
WATCHING = "suivi"
"""The parameter of a page that comes anew by itself: nobody's activity, so it does not keep the proof fresh."""
CONFIRM = "/admin/confirmer"
DESK = "/secretariat"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; report-uri /csp-rapport"
)
"""No page of the console runs a script, loads a frame or asks another address for anything."""


@dataclass(frozen=True, slots=True)
class ConfirmPage:
    """The form that asks for password and code."""

    next: str
    idle: bool
    """Somebody was inside and did nothing for a while."""
    lost: bool
    """A form was posted too late: nothing was done."""
    minutes: int = IDLE_SECONDS // 60
    password_fault: str = ""
    code_fault: str = ""


async def guard(services: Services, visit: Visit) -> Response | None:
    """Asked before anything is read of a request. Raises Refused(NOT_FOUND) for whoever has no business here."""
    if visit.principal.role is not Role.ADMIN or not is_near(services.settings, visit.peer):
        raise Refused(Reason.NOT_FOUND)
    if not visit.session.factor_on:
        return dressed(services.pages.answer(visit, "admin/factor.html", None, 403))
    path = visit.request.url.path
    if path == CONFIRM or _proven(services, visit)[0]:
        return None
    if visit.request.method == "GET":
        query = visit.request.url.query
        suite = path + (f"?{query}" if query else "")
        idle = "1" if visit.cookie(PROOF) else ""
        return redirect(visit, CONFIRM, suite=suite if path != "/admin" else "", inactif=idle)
    page = ConfirmPage("", idle=True, lost=True)
    return dressed(services.pages.answer(visit, "admin/confirm.html", page, 401))


def console(handler: VisitHandler) -> VisitHandler:
    """A handler of the console: its answers have its policy, and keep the proof fresh."""

    proving = _proving(handler)

    async def inside(services: Services, visit: Visit) -> Response:
        return dressed(await proving(services, visit))

    return inside


async def guard_desk(services: Services, visit: Visit) -> Response | None:
    """The same for the secretariats' pages, asked of administrators alone. Raises Refused(NOT_FOUND)."""
    return await guard(services, visit) if visit.principal.role is Role.ADMIN else None


def desk(handler: VisitHandler) -> VisitHandler:
    """A handler of the secretariats' pages: an administrator's proof is kept fresh there, too."""
    proving = _proving(handler)

    async def inside(services: Services, visit: Visit) -> Response:
        return await (proving if visit.principal.role is Role.ADMIN else handler)(services, visit)

    return inside


def _proving(handler: VisitHandler) -> VisitHandler:
    """Whoever has just logged in is on record as having come in; each page keeps the proof fresh."""

    async def inside(services: Services, visit: Visit) -> Response:
        proven, is_new = _proven(services, visit)
        if is_new:
            await services.store.write(audit_access.record_entry, origin(visit), visit.account_id)
        response = await handler(services, visit)
        if proven and visit.query(WATCHING) != "oui":
            _give(services, visit, response, proven)
        return response

    return inside


def dressed(response: Response) -> Response:
    """With the console's own headers."""
    response.headers["Referrer-Policy"] = "same-origin"
    if response.headers.get("content-type", "").startswith("text/html"):
        response.headers["Content-Security-Policy"] = POLICY
    return response


def origin(visit: Visit) -> Origin:
    """Whose name stands in the record."""
    return Origin(visit.principal.login, "console", visit.peer)


# ---------------------------------------------------------------------- proving


async def ask(services: Services, visit: Visit) -> Response:
    """GET /admin/confirmer."""
    page = ConfirmPage(_next(visit.query("suite")), idle=visit.query("inactif") == "1", lost=False)
    return services.pages.answer(visit, "admin/confirm.html", page)


async def prove(services: Services, visit: Visit) -> Response:
    """POST /admin/confirmer: the password and a code, both."""
    wanted = _next(visit.form.text("suite"))
    password = Secret(visit.form.text("actuel")[:MAX_PASSWORD])
    code = Secret(visit.form.text("code").strip()[:MAX_CODE])
    try:
        await services.login.prove_again(visit.principal, password, code, visit.peer)
    except Refused as refusal:
        return _refused(services, visit, wanted, refusal)
    await services.store.write(audit_access.record_entry, origin(visit), visit.account_id)
    response = redirect(visit, wanted or "/admin")
    _give(services, visit, response, int(visit.now))
    return response


def _refused(services: Services, visit: Visit, wanted: str, refusal: Refused) -> Response:
    password_fault = code_fault = ""
    status = 422
    match refusal.reason:
        case Reason.AUTHENTICATION:
            password_fault = visit._("Ce n’est pas votre mot de passe actuel.")
        case Reason.INVALID:
            code_fault = visit._("Ce code n’est pas le bon, ou il a déjà servi. Attendez le suivant, puis réessayez.")
        case Reason.THROTTLED:
            password_fault, status = wait_text(visit, waiting_seconds(refusal)), 429
        case _:
            raise refusal
    page = ConfirmPage(wanted, idle=False, lost=False, password_fault=password_fault, code_fault=code_fault)
    return services.pages.answer(visit, "admin/confirm.html", page, status)


async def leave(services: Services, visit: Visit) -> Response:
    """POST /admin/quitter: out of the console, not out of the mail."""
    response = redirect(visit, f"{visit.base}/")
    set_cookie(response, visit, PROOF, "", seconds=0, strict=True)
    return response


def _next(text: str) -> str:
    """A page of the console or of the secretariats to go on to; nothing else."""
    known = text.startswith(("/admin/", f"{DESK}/", f"{DESK}?")) or text == DESK
    return text if known and "//" not in text and "\\" not in text and text.isprintable() else ""


# ---------------------------------------------------------------------- the proof


def _proven(services: Services, visit: Visit) -> tuple[int, bool]:
    """When this session proved both factors, if that still holds, else 0; True: it did so by logging in just now."""
    now, created = int(visit.now), visit.session.created
    try:
        octets = services.keys.unseal(_bound(visit), base64.urlsafe_b64decode(visit.cookie(PROOF)))
    except (binascii.Error, ValueError):
        octets = None
    if octets is None:  # no proof yet, or that of an earlier session
        return (created, True) if now - created < FRESH_SECONDS else (0, False)
    proven, seen = json.loads(octets)
    holds = now - seen < IDLE_SECONDS and now - proven < LONGEST_SECONDS
    return (int(proven) if holds else 0), False


def _give(services: Services, visit: Visit, response: Response, proven: int) -> None:
    octets = json.dumps([proven, int(visit.now)]).encode()
    sealed = base64.urlsafe_b64encode(services.keys.seal(_bound(visit), octets)).decode("ascii")
    set_cookie(response, visit, PROOF, sealed, strict=True)


def _bound(visit: Visit) -> str:
    return f"console {visit.session.token_hash.hex()}"
