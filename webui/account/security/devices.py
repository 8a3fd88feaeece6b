"""The page of devices: an app password for each program and phone, shown once, revoked alone."""

from dataclasses import dataclass, field

from starlette.responses import Response

from mailserver.foundation.network.peers import is_loopback
from mailserver.login.devices import MAX_NAME
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.notices.accounts.protection import Change
from mailserver.store.account.devices import MAX_DEVICES, Device, Scope
from webui.account.security import second_factor
from webui.account.security.overview import origin
from webui.account.security.password_feedback import MAX_PASSWORD
from webui.account.session.session_start import wait_text, waiting_seconds
from webui.installed.push import subscriptions
from webui.installed.push.subscriptions import Browsers
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.public.pages import AddressesPage, addresses


@dataclass(frozen=True, slots=True)
class ShownDevice:
    """An app password in words."""

    id: int
    name: str
    scopes: str
    used: str


@dataclass(frozen=True, slots=True)
class DevicesPage:
    """The devices, and the form for another one."""

    frame: MailShell
    devices: tuple[ShownDevice, ...]
    factor_on: bool
    scopes: tuple[tuple[str, str], ...]
    chosen: tuple[str, ...]
    name: str = ""
    fault: str = ""
    password_fault: str = ""
    code_fault: str = ""
    told: Browsers | None = None
    """Browsers that are told of news while they are closed."""


@dataclass(frozen=True, slots=True)
class MadePage:
    """A new app password, shown once, with the settings of programs."""

    frame: MailShell
    name: str
    password: str = field(repr=False)
    scopes: tuple[str, ...]
    at: AddressesPage


@dataclass(frozen=True, slots=True)
class _Faults:
    """What is not right in the form, and the status that says so."""

    fault: str = ""
    password: str = ""
    code: str = ""
    status: int = 422


async def show_devices(services: Services, visit: Visit) -> Response:
    """GET /compte/appareils."""
    return await _page(services, visit)


async def change(services: Services, visit: Visit) -> Response:
    """POST /compte/appareils: a new app password, or one that is revoked."""
    if visit.form.text("faire") != "revoquer":
        return await _make(services, visit)
    try:
        await services.login.devices.revoke(visit.account_id, visit.form.number("appareil"), origin(visit))
    except Refused as refusal:
        if refusal.reason is not Reason.NOT_FOUND:  # pressed twice
            raise
    return redirect(visit, "/compte/appareils", **done("revoque"))


async def _make(services: Services, visit: Visit) -> Response:
    form, _ = visit.form, visit._
    name = form.text("nom").strip()[:MAX_NAME]
    scopes = [scope for scope in Scope if scope.value in form.every("usage")]
    incomplete = _Faults(_("Donnez un nom et au moins un usage."))
    if not name or not scopes:  # before a code is used up
        return await _page(services, visit, incomplete)
    faults = await _prove(services, visit)
    if faults is not None:
        return await _page(services, visit, faults)
    try:
        made = await services.login.devices.make(visit.principal, name, scopes, origin(visit))
    except Refused as refusal:
        match refusal.reason:
            case Reason.AUTHENTICATION:
                return await _page(services, visit, _Faults(password=_wrong_password(visit)))
            case Reason.INVALID:
                return await _page(services, visit, incomplete)
            case Reason.LIMIT:
                fault = _("Vous avez déjà %(n)s mots de passe d’application : révoquez-en un.") % {"n": MAX_DEVICES}
                return await _page(services, visit, _Faults(fault))
            case _:
                raise
    await services.telling.changed(visit.principal, Change.APP_PASSWORD, origin(visit), made.device.name)
    page = MadePage(
        await surroundings(services, visit),
        made.device.name,
        made.password.reveal(),
        tuple(scope.value for scope in scopes),
        addresses(services.settings),
    )
    return services.pages.answer(visit, "account/security/device_made.html", page)


async def _prove(services: Services, visit: Visit) -> _Faults | None:
    """The present password, and a code where the second factor is on: an app password comes in without one ever after.
    What is not right, if something is not."""
    is_on = await services.login.factors.is_on(visit.account_id)
    answer = second_factor.posted_code(visit) if is_on else None
    secret = Secret(visit.form.text("actuel")[:MAX_PASSWORD])
    try:
        await services.login.prove_again(visit.principal, secret, answer, visit.peer)
    except Refused as refusal:
        match refusal.reason:
            case Reason.AUTHENTICATION:
                return _Faults(password=_wrong_password(visit))
            case Reason.INVALID:
                return _Faults(code=second_factor.wrong_code(visit))
            case Reason.THROTTLED:
                return _Faults(password=wait_text(visit, waiting_seconds(refusal)), status=429)
            case _:
                raise
    return None


def _wrong_password(visit: Visit) -> str:
    return visit._("Ce n’est pas votre mot de passe actuel.")


async def _page(services: Services, visit: Visit, faults: _Faults | None = None) -> Response:
    devices = await services.login.devices.listing(visit.account_id)
    form, shown = visit.form, faults or _Faults(status=200)
    page = DevicesPage(
        await surroundings(services, visit),
        tuple(_shown(visit, device) for device in devices),
        await services.login.factors.is_on(visit.account_id),
        tuple((scope.value, text) for scope, text in _words(visit).items()),
        form.every("usage") if form.has("faire") else tuple(scope.value for scope in Scope),
        form.text("nom")[:MAX_NAME],
        shown.fault,
        shown.password,
        shown.code,
        await subscriptions.listed(services, visit, "appareils"),
    )
    return services.pages.answer(visit, "account/security/devices.html", page, shown.status)


def _words(visit: Visit) -> dict[Scope, str]:
    _ = visit._
    return {
        Scope.MAIL: _("Lire les messages"),
        Scope.SEND: _("Envoyer des messages"),
        Scope.AGENDA: _("Agenda et contacts"),
    }


def _shown(visit: Visit, device: Device) -> ShownDevice:
    language, words = visit.language, _words(visit)
    scopes = ", ".join(text for scope, text in words.items() if scope in device.scopes)
    if device.last_used:
        peer = device.last_peer
        used = visit._("Créé le %(created)s. Dernier usage : %(used)s, adresse %(peer)s.") % {
            "created": language.plain_date(device.created),
            "used": language.long_date(device.last_used),
            "peer": peer if peer and not is_loopback(peer) else visit._("ce serveur"),
        }
    else:
        used = visit._("Créé le %(created)s. Jamais utilisé.") % {"created": language.plain_date(device.created)}
    return ShownDevice(device.id, device.name, scopes, used)
