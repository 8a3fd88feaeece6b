"""J’initialise mon mot de passe: the questions, the code, a new password.

Every question has the same answer, given before anything is looked at (`mailserver.login.recovery`).
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.login.recovery import Question
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from webui.account.login.activation import MAX_DATE, MAX_LOGIN, MAX_PROOF, SECONDS, chosen_interface, date_fault
from webui.account.security.password import ChoosePage, choose_page
from webui.account.security.password_feedback import MAX_PASSWORD, explained
from webui.account.session.session_start import Wish, enter, suspended, wait_text, waiting_seconds
from webui.page import sealed_fields
from webui.page.context import Guest, Services

PURPOSE = "recovery"
CODE_PATH = "/initialiser/code"


@dataclass(frozen=True, slots=True)
class AskPage:
    """The questions."""

    read_only: bool
    """The directory belongs to somebody else: its owner gives passwords."""
    login: str = ""
    fault: str = ""
    birth_date: str = ""
    date_fault: str = ""


@dataclass(frozen=True, slots=True)
class IdentifierPage:
    """Two questions; afterwards the one answer."""

    asked: bool = False
    fault: str = ""
    birth_date: str = ""
    date_fault: str = ""


@dataclass(frozen=True, slots=True)
class CodePage:
    """The code, after any question whatever."""

    asked: bool
    minutes: int
    login: str = ""
    fault: str = ""


async def show_recovery(services: Services, guest: Guest) -> Response:
    """GET /initialiser."""
    return services.pages.answer(guest, "account/login/reset.html", AskPage(services.directory.read_only))


async def ask(services: Services, guest: Guest) -> Response:
    """POST /initialiser: always the same page."""
    form = guest.form
    login = form.text("identifiant").strip()[:MAX_LOGIN]
    birth_date = form.text("naissance").strip()[:MAX_DATE]
    if wrong := date_fault(guest, birth_date):
        asking = AskPage(services.directory.read_only, login, birth_date=birth_date, date_fault=wrong)
        return services.pages.answer(guest, "account/login/reset.html", asking, 422)
    question = Question(login or "-", birth_date, Secret(form.text("numero").strip()[:MAX_PROOF]))
    try:
        await services.recovery.ask(question, guest.peer)
    except Refused as refusal:
        # The peer's own pace: it says nothing of any account.
        seconds = waiting_seconds(refusal)
        page = AskPage(services.directory.read_only, login, wait_text(guest, seconds), birth_date)
        response = services.pages.answer(guest, "account/login/reset.html", page, 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    return _code_page(services, guest, login, asked=True)


async def show_forgotten(services: Services, guest: Guest) -> Response:
    """GET /identifiant: for whoever has forgotten their identifier."""
    return services.pages.answer(guest, "account/login/identifier.html", IdentifierPage())


async def ask_identifier(services: Services, guest: Guest) -> Response:
    """POST /identifiant: always the same page, whoever exists."""
    form = guest.form
    birth_date, number = form.text("naissance").strip()[:MAX_DATE], form.text("numero").strip()[:MAX_PROOF]
    if wrong := date_fault(guest, birth_date):
        asking = IdentifierPage(birth_date=birth_date, date_fault=wrong)
        return services.pages.answer(guest, "account/login/identifier.html", asking, 422)
    try:
        await services.recovery.ask(Question("", birth_date, Secret(number)), guest.peer)
    except Refused as refusal:
        seconds = waiting_seconds(refusal)
        page = IdentifierPage(fault=wait_text(guest, seconds), birth_date=birth_date)
        response = services.pages.answer(guest, "account/login/identifier.html", page, 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    return services.pages.answer(guest, "account/login/identifier.html", IdentifierPage(asked=True))


async def show_code(services: Services, guest: Guest) -> Response:
    """GET /initialiser/code: for whoever comes back with a code."""
    return _code_page(services, guest)


def _code_page(
    services: Services, guest: Guest, login: str = "", fault: str = "", status: int = 200, *, asked: bool = False
) -> Response:
    page = CodePage(asked, services.settings.accounts.recovery_minutes, login, fault)
    return services.pages.answer(guest, "account/login/reset_code.html", page, status)


async def use_code(services: Services, guest: Guest) -> Response:
    """POST /initialiser/code: the code, then the new password."""
    form = guest.form
    if not form.has("preuve_scellee"):
        login, code = form.text("identifiant").strip()[:MAX_LOGIN], form.text("code").strip()[:MAX_PROOF]
        try:
            principal = await services.recovery.prove(login, Secret(code), guest.peer)
        except Refused as refusal:
            return await _refused(services, guest, login, refusal)
        sealed = sealed_fields.seal(services, guest, PURPOSE, (login, code), SECONDS)
        return await _choose(services, guest, principal, sealed)
    sealed = form.text("preuve_scellee")
    values = sealed_fields.unseal(services, guest, PURPOSE, sealed)
    principal_now = await services.directory.find(str(values[0])) if values else None
    if values is None or principal_now is None:
        fault = guest._("La page est restée ouverte trop longtemps. Recommencez, s’il vous plaît.")
        return _code_page(services, guest, fault=fault, status=403)
    return await _set_password(services, guest, principal_now, str(values[0]), Secret(str(values[1])), sealed)


async def _set_password(
    services: Services, guest: Guest, principal: Principal, login: str, code: Secret, sealed: str
) -> Response:
    form = guest.form
    new, again = form.text("nouveau")[:MAX_PASSWORD], form.text("encore")[:MAX_PASSWORD]
    if new != again:
        return await _choose(
            services, guest, principal, sealed, again=guest._("Les deux mots de passe sont différents.")
        )
    try:
        principal = await services.recovery.recover(login, code, Secret(new), guest.peer)
    except Refused as refusal:
        if refusal.reason is Reason.WEAK_PASSWORD:
            return await _choose(services, guest, principal, sealed, refusal)
        return await _refused(services, guest, login, refusal)
    return await enter(services, guest, principal, Wish(chosen_interface(guest)))


async def _choose(
    services: Services, guest: Guest, principal: Principal, sealed: str, refusal: Refused | None = None, again: str = ""
) -> Response:
    fault = await explained(services, guest, guest.form.text("nouveau"), refusal) if refusal else ""
    page = ChoosePage.after(services, guest, principal, CODE_PATH, sealed, refusal, fault, again)
    return choose_page(services, guest, page)


async def _refused(services: Services, guest: Guest, login: str, refusal: Refused) -> Response:
    """One sentence for a wrong code, an old one, and an account that is not there."""
    if refusal.reason is Reason.SUSPENDED:
        principal = await services.directory.find(login)
        return await suspended(services, guest, principal.account_id if principal else 0)
    if refusal.reason is Reason.THROTTLED:
        seconds = waiting_seconds(refusal)
        response = _code_page(services, guest, login, wait_text(guest, seconds), 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    fault = guest._("Ce code n’est pas bon, ou il ne l’est plus. Vérifiez l’identifiant, ou demandez un autre code.")
    return _code_page(services, guest, login, fault, 403)
