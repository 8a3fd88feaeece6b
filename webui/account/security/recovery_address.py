"""The recovery address: set, confirmed, removed by its owner; also the last step of an activation, which can wait."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.login.recovery_address import PrivateAddresses
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.session.session_start import wait_text, waiting_seconds
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

PATH = "/compte/secours"
MAX_ADDRESS = 320
MAX_CODE = 64


@dataclass(frozen=True, slots=True)
class AddressPage:
    """The address that is confirmed, the one that waits, and the forms."""

    frame: MailShell
    current: str
    pending: str
    minutes: int
    step: bool
    """The last step of the activation: it may be postponed."""
    typed: str = ""
    address_fault: str = ""
    password_fault: str = ""
    code_fault: str = ""

    @property
    def fault(self) -> str:
        return self.address_fault or self.password_fault or self.code_fault


@dataclass(frozen=True, slots=True)
class _Faults:
    """What was wrong with what was posted."""

    address: str = ""
    password: str = ""
    code: str = ""
    status: int = 422


NO_FAULT = _Faults(status=200)


async def show_recovery_address(services: Services, visit: Visit) -> Response:
    """GET /compte/secours."""
    return await _page(services, visit)


async def _page(services: Services, visit: Visit, faults: _Faults = NO_FAULT) -> Response:
    current, pending = await services.private.current(visit.principal)
    page = AddressPage(
        await surroundings(services, visit),
        current,
        pending.address if pending is not None else "",
        services.settings.accounts.recovery_minutes,
        bool(visit.query("etape") or visit.form.text("etape")),
        visit.form.text("adresse")[:MAX_ADDRESS] if faults.status != 200 else "",
        faults.address,
        faults.password,
        faults.code,
    )
    return services.pages.answer(visit, "account/security/private.html", page, faults.status)


async def change(services: Services, visit: Visit) -> Response:
    """POST /compte/secours: the button says what."""
    try:
        match visit.form.text("faire"):
            case "confirmer":
                await _confirm(services.private, visit)
                return _away(visit, "secours-bon")
            case "retirer":
                await _prove(services, visit)
                await services.private.remove(visit.principal, visit.peer)
                return redirect(visit, PATH, **done("secours-retire"))
            case _:
                await _prove(services, visit)
                await services.private.propose(visit.principal, visit.form.text("adresse")[: MAX_ADDRESS + 1])
    except _Wrong as wrong:
        return await _page(services, visit, wrong.faults)
    except Refused as refusal:
        return await _page(services, visit, _address_faults(visit, refusal))
    step = "?etape=1" if visit.form.text("etape") else ""
    return redirect(visit, PATH + step, **done("secours-envoye"))


class _Wrong(Exception):
    """The password or the code is not right."""

    def __init__(self, faults: _Faults) -> None:
        super().__init__()
        self.faults = faults


async def _prove(services: Services, visit: Visit) -> None:
    """The password is asked again before the address moves. Raises _Wrong."""
    secret = Secret(visit.form.text("actuel")[:MAX_PASSWORD])
    try:
        await services.login.prove_again(visit.principal, secret, None, visit.peer)
    except Refused as refusal:
        if refusal.reason is Reason.THROTTLED:
            text = wait_text(visit, waiting_seconds(refusal))
            raise _Wrong(_Faults(password=text, status=429)) from None
        raise _Wrong(_Faults(password=visit._("Ce n’est pas votre mot de passe actuel."))) from None


async def _confirm(addresses: PrivateAddresses, visit: Visit) -> None:
    """Raises _Wrong."""
    code = Secret(visit.form.text("code").strip()[:MAX_CODE])
    try:
        await addresses.confirm(visit.principal, code, visit.peer)
    except Refused as refusal:
        match refusal.reason:
            case Reason.THROTTLED:
                raise _Wrong(_Faults(code=wait_text(visit, waiting_seconds(refusal)), status=429)) from None
            case Reason.NOT_FOUND:
                text = visit._("Ce code n’est plus valable. Donnez l’adresse une nouvelle fois.")
            case _:
                text = visit._("Ce n’est pas le code du dernier message envoyé à cette adresse.")
        raise _Wrong(_Faults(code=text)) from None


def _address_faults(visit: Visit, refusal: Refused) -> _Faults:
    match refusal.reason:
        case Reason.FORBIDDEN:
            text = visit._("Choisissez une adresse extérieure : celle-ci ne s’ouvre qu’avec le mot de passe oublié.")
        case Reason.LIMIT:
            return _Faults(address=visit._("Trop de codes ont été demandés. Réessayez dans une heure."), status=429)
        case Reason.INVALID:
            text = visit._("Ce n’est pas une adresse de courriel complète, par exemple : prenom@exemple.org")
        case _:
            raise refusal
    return _Faults(address=text)


def _away(visit: Visit, what: str) -> Response:
    """After the activation on to its end, otherwise the page again."""
    if visit.form.text("etape"):
        return redirect(visit, "/bienvenue", **done(what))
    return redirect(visit, PATH, **done(what))
