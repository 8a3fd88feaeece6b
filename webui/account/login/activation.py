"""First connection: the proof (NUMEN and birth date, or one-time code), the password, then a recovery address.

Between the steps what was proven waits in the form, sealed for the browser: it is neither stored nor asked twice.
"""

from dataclasses import dataclass, field

from starlette.responses import Response

from mailserver.login.passwords import dates
from mailserver.login.passwords.provisional import Proof
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from webui.account.security.password import ChoosePage, choose_page
from webui.account.security.password_feedback import MAX_PASSWORD, explained
from webui.account.session.session_start import Wish, enter, suspended, wait_text, waiting_seconds
from webui.page import sealed_fields
from webui.page.context import BASES, COMPLETE, INTERFACE, Guest, Services

PURPOSE = "activation"
SECONDS = 20 * 60
"""How long a step may stay open."""
MAX_LOGIN = 320
MAX_PROOF = 64
MAX_DATE = 20
LAST_STEP = "/bienvenue"


@dataclass(frozen=True, slots=True)
class IdentityPage:
    """Step one: who, and the proof."""

    login: str = ""
    birth_date: str = ""
    fault: str = ""
    date_fault: str = ""


@dataclass(frozen=True, slots=True)
class BirthPage:
    """Still step one: the NUMEN was given, the birth date is missing."""

    sealed: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the person said in step one."""

    login: str
    proof: str = field(repr=False)
    birth_date: str = field(repr=False)
    interface: str

    def seal(self, services: Services, guest: Guest) -> str:
        values = (self.login, self.proof, self.birth_date, self.interface)
        return sealed_fields.seal(services, guest, PURPOSE, values, SECONDS)


def date_fault(guest: Guest, typed: str) -> str:
    """What is wrong with a birth date that means no day at all; it tells nothing of anybody."""
    try:
        understood = not typed or any(dates.meant(typed))
    except dates.TooMany:
        understood = True
    return "" if understood else guest._("Cette date n’a pas été comprise. Écrivez-la comme 31/03/1980.")


async def show_activation(services: Services, guest: Guest) -> Response:
    """GET /activation: step one; a letter's QR brings the identifier along, and the code behind `#`."""
    return services.pages.answer(guest, "account/login/activation.html", IdentityPage(guest.query("identifiant")[:64]))


async def activate(services: Services, guest: Guest) -> Response:
    """POST /activation: whichever step."""
    form = guest.form
    birth_date = form.text("naissance").strip()[:MAX_DATE]
    if not form.has("preuve_scellee"):
        login = form.text("identifiant").strip()[:MAX_LOGIN]
        proof = form.text("preuve").strip()[:MAX_PROOF]
        return await _prove(services, guest, _Claim(login, proof, birth_date, chosen_interface(guest)))
    sealed = form.text("preuve_scellee")
    values = sealed_fields.unseal(services, guest, PURPOSE, sealed)
    if values is None:
        return _too_late(services, guest)
    claim = _Claim(*map(str, values))
    if not form.has("nouveau"):
        return await _prove(services, guest, _Claim(claim.login, claim.proof, birth_date, claim.interface))
    return await _set_first_password(services, guest, claim, sealed)


async def begin(services: Services, guest: Guest, login: str, proof: Secret, interface: str) -> Response:
    """The proof was typed on the login page, in the place of the password."""
    return await _prove(services, guest, _Claim(login, proof.reveal()[:MAX_PROOF], "", interface))


async def _prove(services: Services, guest: Guest, claim: _Claim, again: str = "") -> Response:
    """On to the choice of a password, but only for who has proven everything. `again`: what was wrong with it."""
    try:
        principal, proven = await services.login.choosing.prove(
            claim.login, Secret(claim.proof), guest.peer, birth_date=claim.birth_date
        )
    except Refused as refusal:
        return await _refused(services, guest, claim, refusal)
    if proven is Proof.HALF:
        return services.pages.answer(guest, "account/login/birth.html", BirthPage(claim.seal(services, guest)))
    return await _choose(services, guest, principal, claim.seal(services, guest), again=again)


async def _refused(services: Services, guest: Guest, claim: _Claim, refusal: Refused) -> Response:
    """One sentence for every cause: it tells a stranger neither who exists nor who is active."""
    if refusal.reason is Reason.SUSPENDED:
        principal = await services.directory.find(claim.login)
        return await suspended(services, guest, principal.account_id if principal else 0)
    if refusal.reason is Reason.THROTTLED:
        seconds = waiting_seconds(refusal)
        page = IdentityPage(claim.login, claim.birth_date, wait_text(guest, seconds))
        response = services.pages.answer(guest, "account/login/activation.html", page, 429)
        response.headers["Retry-After"] = str(seconds)
        return response
    fault = guest._(
        "Ces renseignements ne permettent pas d’activer un compte. Il est peut-être déjà actif : connectez-vous, ou "
        "demandez un code au secrétariat de votre établissement."
    )
    page = IdentityPage(claim.login, claim.birth_date, fault, date_fault(guest, claim.birth_date))
    return services.pages.answer(guest, "account/login/activation.html", page, 403)


def _too_late(services: Services, guest: Guest) -> Response:
    page = IdentityPage(fault=guest._("La page est restée ouverte trop longtemps. Recommencez, s’il vous plaît."))
    return services.pages.answer(guest, "account/login/activation.html", page, 403)


async def _choose(
    services: Services, guest: Guest, principal: Principal, sealed: str, refusal: Refused | None = None, again: str = ""
) -> Response:
    fault = await explained(services, guest, guest.form.text("nouveau"), refusal) if refusal else ""
    page = ChoosePage.after(services, guest, principal, "/activation", sealed, refusal, fault, again)
    return choose_page(services, guest, page)


async def _set_first_password(services: Services, guest: Guest, claim: _Claim, sealed: str) -> Response:
    form = guest.form
    new, again = form.text("nouveau")[:MAX_PASSWORD], form.text("encore")[:MAX_PASSWORD]
    if new != again:
        return await _prove(services, guest, claim, guest._("Les deux mots de passe sont différents."))
    principal = await services.directory.find(claim.login)
    if principal is None:
        return _too_late(services, guest)
    try:
        principal = await services.login.choosing.activate(
            claim.login, Secret(claim.proof), Secret(new), guest.peer, birth_date=claim.birth_date
        )
    except Refused as refusal:
        if refusal.reason is Reason.WEAK_PASSWORD:
            return await _choose(services, guest, principal, sealed, refusal)
        return await _refused(services, guest, claim, refusal)
    return await enter(services, guest, principal, Wish(claim.interface, next=LAST_STEP))


def chosen_interface(guest: Guest) -> str:
    """The interface this browser used last."""
    chosen = guest.cookie(INTERFACE)
    return chosen if chosen in BASES else COMPLETE
