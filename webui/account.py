"""First connection, a new password: the person chooses, the server judges.

Activation has two steps: the proof (NUMEN or one-time code), then the password. Between the two the proof waits in
the form, sealed under the browser's own cookie: it is neither stored nor asked twice.
"""

import base64
import binascii
import json
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.errors import BadSyntax, Reason, Refused
from mailserver.identity import Principal
from mailserver.login.policy import Weakness
from mailserver.sasl import Secret
from mailserver.store import mailboxes, sessions
from webui.entrance import Wish, enter, suspended, wait_text, waiting_seconds
from webui.frame import Frame, done, surround
from webui.rendering import redirect
from webui.visit import BASES, COMPLETE, INTERFACE, SESSION, VISITOR, Guest, Services, Visit, set_cookie

MAX_PASSWORD = 200
MAX_PROOF = 64
MAX_SEALED_PROOF = 2000
PROOF_SECONDS = 20 * 60
"""How long the second step may stay open."""


@dataclass(frozen=True, slots=True)
class IdentityPage:
    """Step one: who, and the proof."""

    login: str = ""
    birth_date: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the password, and whether the last attempt broke it."""

    code: str
    text: str
    broken: bool


@dataclass(frozen=True, slots=True)
class ChoosePage:
    """Step two: the new password."""

    name: str
    login: str
    address: str
    sealed: str
    rules: tuple[Rule, ...]
    fault: str = ""
    again_fault: str = ""


@dataclass(frozen=True, slots=True)
class PasswordPage:
    """A new password for somebody who is logged in."""

    frame: Frame
    name: str
    login: str
    rules: tuple[Rule, ...]
    read_only: bool
    old_fault: str = ""
    fault: str = ""
    again_fault: str = ""


@dataclass(frozen=True, slots=True)
class _Proof:
    """What the first step established."""

    login: str
    proof: str
    birth_date: str
    interface: str
    until: int


# ---------------------------------------------------------------------- activation


async def show_activation(services: Services, guest: Guest) -> Response:
    """GET /activation: step one; a letter's QR brings the identifier along, and the code behind `#`."""
    return services.pages.answer(guest, "portal/activation.html", IdentityPage(guest.query("identifiant")[:64]))


async def show_reset(services: Services, guest: Guest) -> Response:
    """GET /initialiser: who gives a one-time code, and what to do with it."""
    return services.pages.answer(guest, "portal/reset.html")


async def activate(services: Services, guest: Guest) -> Response:
    """POST /activation: either step."""
    if guest.form.has("preuve_scellee"):
        return await _set_first_password(services, guest)
    form = guest.form
    login, birth_date = form.text("identifiant").strip()[:320], form.text("naissance").strip()[:20]
    proof = Secret(form.text("preuve").strip()[:MAX_PROOF])
    try:
        await services.login.login(login, proof, guest.peer, "web")
    except Refused as refusal:
        if refusal.reason is Reason.NOT_ACTIVATED:
            return await choose(services, guest, login, proof, _interface(guest), birth_date)
        return _identity_refused(services, guest, IdentityPage(login, birth_date), refusal)
    return _identity_refused(services, guest, IdentityPage(login, birth_date), Refused(Reason.AUTHENTICATION))


def _identity_refused(services: Services, guest: Guest, page: IdentityPage, refusal: Refused) -> Response:
    """One sentence for every cause: it tells a stranger neither who exists nor who is active."""
    if refusal.reason is Reason.THROTTLED:
        seconds = waiting_seconds(refusal)
        page = IdentityPage(page.login, page.birth_date, wait_text(guest, seconds))
        response = services.pages.answer(guest, "portal/activation.html", page, 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    fault = guest._(
        "Ces renseignements ne permettent pas d’activer un compte. Il est peut-être déjà actif : connectez-vous, ou "
        "demandez un code au secrétariat de votre établissement."
    )
    page = IdentityPage(page.login, page.birth_date, fault)
    return services.pages.answer(guest, "portal/activation.html", page, 403)


async def choose(
    services: Services, guest: Guest, login: str, proof: Secret, interface: str, birth_date: str = ""
) -> Response:
    """Step two, after a right proof: on the activation page or on the login page."""
    principal = await services.directory.find(login)
    if principal is None:
        raise Refused(Reason.AUTHENTICATION)
    until = int(guest.now) + PROOF_SECONDS
    sealed = _seal(services, guest, _Proof(login, proof.reveal(), birth_date, interface, until))
    return _choose_page(services, guest, principal, sealed)


def _choose_page(
    services: Services,
    guest: Guest,
    principal: Principal,
    sealed: str,
    refusal: Refused | None = None,
    again_fault: str = "",
) -> Response:
    fault = guest._("Ce mot de passe ne respecte pas toutes les règles.") if refusal else ""
    page = ChoosePage(
        principal.name,
        principal.login,
        principal.address,
        sealed,
        rules(guest, refusal),
        fault,
        again_fault,
    )
    status = 422 if refusal or again_fault else 200
    return services.pages.answer(guest, "portal/choose.html", page, status)


async def _set_first_password(services: Services, guest: Guest) -> Response:
    form = guest.form
    sealed = form.text("preuve_scellee")[:MAX_SEALED_PROOF]
    proof = _unseal(services, guest, sealed)
    principal = await services.directory.find(proof.login) if proof else None
    if proof is None or principal is None or proof.until < guest.now:
        page = IdentityPage(fault=guest._("La page est restée ouverte trop longtemps. Recommencez, s’il vous plaît."))
        return services.pages.answer(guest, "portal/activation.html", page, 403)
    new, again = form.text("nouveau")[:MAX_PASSWORD], form.text("encore")[:MAX_PASSWORD]
    if new != again:
        fault = guest._("Les deux mots de passe sont différents.")
        return _choose_page(services, guest, principal, sealed, again_fault=fault)
    try:
        principal = await services.login.activate(
            proof.login, Secret(proof.proof), Secret(new), guest.peer, "web", proof.birth_date
        )
    except Refused as refusal:
        if refusal.reason is Reason.WEAK_PASSWORD:
            return _choose_page(services, guest, principal, sealed, refusal)
        if refusal.reason is Reason.SUSPENDED:
            return await suspended(services, guest, principal.account_id)
        return _identity_refused(services, guest, IdentityPage(proof.login), refusal)
    return await enter(services, guest, principal, Wish(proof.interface))


def _seal(services: Services, guest: Guest, proof: _Proof) -> str:
    octets = json.dumps([proof.login, proof.proof, proof.birth_date, proof.interface, proof.until]).encode()
    return base64.urlsafe_b64encode(services.keys.seal(_browser(guest), octets)).decode()


def _unseal(services: Services, guest: Guest, sealed: str) -> _Proof | None:
    try:
        octets = services.keys.unseal(_browser(guest), base64.urlsafe_b64decode(sealed))
    except (binascii.Error, ValueError):
        raise BadSyntax("Not a sealed value") from None
    return _Proof(*json.loads(octets)) if octets else None


def _browser(guest: Guest) -> str:
    """What only this browser has."""
    return "proof " + (guest.new_visitor or guest.cookie(VISITOR)[:100])


def _interface(guest: Guest) -> str:
    chosen = guest.cookie(INTERFACE)
    return chosen if chosen in BASES else COMPLETE


# ---------------------------------------------------------------------- a new password


async def show_password(services: Services, visit: Visit) -> Response:
    """GET /compte/mot-de-passe."""
    return await _password_page(services, visit)


async def _password_page(
    services: Services,
    visit: Visit,
    refusal: Refused | None = None,
    old_fault: str = "",
    again_fault: str = "",
    status: int = 200,
) -> Response:
    boxes = await services.store.read(mailboxes.listing, visit.account_id)
    page = PasswordPage(
        surround(visit, boxes),
        visit.principal.name,
        visit.principal.login,
        rules(visit, refusal),
        services.directory.read_only,
        old_fault,
        visit._("Ce mot de passe ne respecte pas toutes les règles.") if refusal else "",
        again_fault,
    )
    return services.pages.answer(visit, "mail/password.html", page, status)


async def change_password(services: Services, visit: Visit) -> Response:
    """POST /compte/mot-de-passe: the old one is asked again, other sessions end."""
    form = visit.form
    new, again = form.text("nouveau")[:MAX_PASSWORD], form.text("encore")[:MAX_PASSWORD]
    if new != again:
        fault = visit._("Les deux mots de passe sont différents.")
        return await _password_page(services, visit, again_fault=fault, status=422)
    old = Secret(form.text("actuel")[:MAX_PASSWORD])
    try:
        principal = await services.login.change_password(visit.principal, old, Secret(new), visit.peer, "web")
    except Refused as refusal:
        match refusal.reason:
            case Reason.WEAK_PASSWORD:
                return await _password_page(services, visit, refusal, status=422)
            case Reason.AUTHENTICATION:
                return await _password_page(
                    services, visit, old_fault=visit._("Ce n’est pas votre mot de passe actuel."), status=422
                )
            case Reason.THROTTLED:
                text = wait_text(visit, waiting_seconds(refusal))
                return await _password_page(services, visit, old_fault=text, status=429)
            case _:
                raise
    await services.store.write(sessions.close_all, visit.account_id)
    token = services.keys.new_token()
    await services.store.write(
        sessions.open_session,
        services.keys.stored(token),
        principal.account_id,
        principal.login_version,
        visit.session.lifetime,
        visit.session.interface,
        visit.peer,
        visit.request.headers.get("user-agent", ""),
    )
    response = redirect(visit, f"{BASES[visit.session.interface]}/reglages", **done("motdepasse"))
    set_cookie(response, visit, SESSION, token)
    return response


# ---------------------------------------------------------------------- words


def rules(guest: Guest, refusal: Refused | None) -> tuple[Rule, ...]:
    """The rules of a password, those that the refused one broke marked."""
    _ = guest._
    said = refusal.text.split("\n") if refusal else []
    broken = {weakness for weakness in Weakness if weakness.value in said}
    texts = (
        ("longueur", Weakness.TOO_SHORT, _("Au moins 8 caractères (12 ou plus conseillés)")),
        ("minuscule", Weakness.NO_LOWER, _("Une lettre minuscule")),
        ("majuscule", Weakness.NO_UPPER, _("Une lettre majuscule")),
        ("chiffre", Weakness.NO_DIGIT, _("Un chiffre")),
        ("special", Weakness.NO_SPECIAL, _("Un caractère spécial, par exemple ! ? - _ €")),
        ("personnel", Weakness.OWN, _("Ni votre nom, ni votre date de naissance, ni votre NUMEN")),
        ("dictionnaire", Weakness.WORD, _("Pas un mot du dictionnaire (vérifié par le serveur)")),
    )
    return tuple(Rule(code, text, weakness in broken) for code, weakness, text in texts)
