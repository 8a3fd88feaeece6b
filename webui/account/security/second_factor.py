"""The page of the second factor: set it up with a QR code, print recovery codes, switch it off."""

from dataclasses import dataclass, field

import segno
from starlette.responses import Response

from mailserver.login.factors import Setup
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.notices.accounts.protection import Change
from webui.account.security.overview import codes_text, origin
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.session.session_start import renew, wait_text, waiting_seconds
from webui.page import sealed_fields
from webui.page.context import SESSION, Services, Visit, set_cookie
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

PURPOSE = "factor set-up"
SECONDS = 20 * 60
FRESH_SECONDS = 900
"""Somebody who must set a factor up has just typed the password: it is not asked again (WCAG 3.3.7)."""
MAX_CODE = 40
QR_SCALE = 5


@dataclass(frozen=True, slots=True)
class FactorPage:
    """Whether a factor is on, and the forms to change that."""

    frame: MailShell | None
    required: bool
    since: str
    codes_text: str
    asks_password: bool
    password_fault: str = ""
    code_fault: str = ""


@dataclass(frozen=True, slots=True)
class SetupPage:
    """The secret as a drawing and in letters, and the form for its first code."""

    frame: MailShell | None
    drawing: str = field(repr=False)
    secret: str = field(repr=False)
    sealed: str
    code_fault: str = ""


@dataclass(frozen=True, slots=True)
class CodesPage:
    """New recovery codes, shown once."""

    frame: MailShell | None
    codes: tuple[str, ...] = field(repr=False)
    date: str
    fresh: bool
    """The factor has just been switched on."""


async def show_second_factor(services: Services, visit: Visit) -> Response:
    """GET /compte/double-authentification."""
    return await _page(services, visit)


async def change(services: Services, visit: Visit) -> Response:
    """POST /compte/double-authentification: the button says what."""
    match visit.form.text("faire"):
        case "commencer":
            return await _begin(services, visit)
        case "confirmer":
            return await _confirm(services, visit)
        case "codes":
            return await _new_codes(services, visit)
        case "arreter":
            return await _switch_off(services, visit)
        case _:
            raise Refused(Reason.INVALID)


async def _begin(services: Services, visit: Visit) -> Response:
    if _asks_password(visit):
        refusal = await _prove(services, visit, None)
        if refusal is not None:
            return await _page(services, visit, refusal)
    setup = await services.login.factors.begin(visit.principal)
    return await _setup_page(services, visit, setup)


async def _confirm(services: Services, visit: Visit) -> Response:
    """Only who was shown the secret may go on: the form carries the proof of the step before."""
    if sealed_fields.unseal(services, visit, PURPOSE, visit.form.text("etape")) != [visit.account_id]:
        return redirect(visit, "/compte/double-authentification")
    try:
        codes = await services.login.factors.confirm(visit.principal, posted_code(visit), origin(visit))
    except Refused as refusal:
        setup = await services.login.factors.waiting(visit.principal)
        if refusal.reason is not Reason.AUTHENTICATION or setup is None:
            return redirect(visit, "/compte/double-authentification")
        fault = visit._("Ce n’est pas le code affiché. Vérifiez que le téléphone est à l’heure, puis réessayez.")
        return await _setup_page(services, visit, setup, fault)
    await services.telling.changed(visit.principal, Change.FACTOR_ON, origin(visit))
    visit, token = await renew(services, visit)
    response = await _codes_page(services, visit, codes, fresh=True)
    set_cookie(response, visit, SESSION, token)
    return response


async def _new_codes(services: Services, visit: Visit) -> Response:
    refusal = await _prove(services, visit, posted_code(visit))
    if refusal is not None:
        return await _page(services, visit, refusal)
    codes = await services.login.factors.new_codes(visit.principal, origin(visit))
    await services.telling.changed(visit.principal, Change.RECOVERY_CODES, origin(visit))
    return await _codes_page(services, visit, codes, fresh=False)


async def _switch_off(services: Services, visit: Visit) -> Response:
    refusal = await _prove(services, visit, posted_code(visit))
    if refusal is not None:
        return await _page(services, visit, refusal)
    if await services.login.factors.remove(visit.account_id, origin(visit)):
        await services.telling.changed(visit.principal, Change.FACTOR_OFF, origin(visit))
    if services.login.factors.required(visit.principal):
        return redirect(visit, "/compte/double-authentification")
    return redirect(visit, "/compte", **done("simple"))


# ---------------------------------------------------------------------- proofs


def _asks_password(visit: Visit) -> bool:
    return not (visit.must_set_up and visit.now - visit.session.created < FRESH_SECONDS)


def posted_code(visit: Visit) -> Secret:
    """What was given for a code of the phone or of the printed ones."""
    return Secret(visit.form.text("code").strip()[:MAX_CODE])


def wrong_code(visit: Visit) -> str:
    return visit._("Ce code n’est pas le bon, ou il a déjà servi. Attendez le suivant, puis réessayez.")


async def _prove(services: Services, visit: Visit, answer: Secret | None) -> Refused | None:
    """The present password, and the code where one is wanted; why not, if they are not right."""
    password = Secret(visit.form.text("actuel")[:MAX_PASSWORD])
    try:
        await services.login.prove_again(visit.principal, password, answer, visit.peer)
    except Refused as refusal:
        if refusal.reason not in (Reason.AUTHENTICATION, Reason.THROTTLED, Reason.INVALID):
            raise
        return refusal
    return None


# ---------------------------------------------------------------------- pages


async def _frame(services: Services, visit: Visit) -> MailShell | None:
    """Nothing of the mailbox is shown to who has to set a factor up first."""
    return None if visit.must_set_up else await surroundings(services, visit)


async def _page(services: Services, visit: Visit, refusal: Refused | None = None) -> Response:
    state = await services.login.factors.state(visit.principal)
    password_fault = code_fault = ""
    status = 422
    match refusal.reason if refusal else None:
        case None:
            status = 200
        case Reason.INVALID:
            code_fault = wrong_code(visit)
        case Reason.THROTTLED if refusal:
            password_fault, status = wait_text(visit, waiting_seconds(refusal)), 429
        case _:
            password_fault = visit._("Ce n’est pas votre mot de passe actuel.")
    page = FactorPage(
        await _frame(services, visit),
        state.required,
        visit.language.plain_date(state.since) if state.is_on else "",
        codes_text(visit, state.codes_left),
        _asks_password(visit),
        password_fault,
        code_fault,
    )
    return services.pages.answer(visit, "account/security/factor.html", page, status)


async def _setup_page(services: Services, visit: Visit, setup: Setup, fault: str = "") -> Response:
    page = SetupPage(
        await _frame(services, visit),
        drawing(setup.uri),
        setup.secret,
        sealed_fields.seal(services, visit, PURPOSE, [visit.account_id], SECONDS),
        fault,
    )
    return services.pages.answer(visit, "account/security/factor_setup.html", page, 422 if fault else 200)


async def _codes_page(services: Services, visit: Visit, codes: tuple[str, ...], *, fresh: bool) -> Response:
    page = CodesPage(await surroundings(services, visit), codes, visit.language.plain_date(visit.now), fresh)
    return services.pages.answer(visit, "account/security/factor_codes.html", page)


def drawing(text: str) -> str:
    """A QR code as inline SVG: no picture to load, so the strict policy needs no exception."""
    code = segno.make(text, error="m", micro=False)
    return str(code.svg_inline(scale=QR_SCALE, border=4, light="#fff", svgclass=None, lineclass=None, omitsize=True))
