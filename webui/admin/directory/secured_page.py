"""An account that somebody else has got into: switched off at once, what left, taken back, or a false alarm undone."""

from dataclasses import dataclass

from starlette.responses import Response

from directory.people.lifecycle import Account
from mailserver.model.errors import Reason, Refused
from mailserver.outbound.withdrawal import hijacked
from mailserver.store.account import secured as secured_accounts
from mailserver.store.queue.traces import Step
from mailserver.store.upkeep.recent_sharing import Given
from mailserver.store.upkeep.securing import Secured
from webui.admin.access import origin
from webui.admin.console_page import Top, done, moment, stamp, top, words
from webui.admin.directory import person
from webui.admin.directory.people import service
from webui.admin.words.import_reasons import told
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = "/admin/comptes/{account:key}/piratage"
SHOWN = 5
"""Recipients that a line names."""
SHARED = 100
"""Lines of what was shared."""


@dataclass(frozen=True, slots=True)
class HereLine:
    """A message in mailboxes of this house."""

    subject: str
    mailboxes: int
    at: str


@dataclass(frozen=True, slots=True)
class LeftLine:
    """A step of a message on its way."""

    at: str
    what: str
    recipients: str


@dataclass(frozen=True, slots=True)
class ReceivedLine:
    """Something that others gave the account."""

    place: str
    giver: str
    at: str


@dataclass(frozen=True, slots=True)
class ActLine:
    """Something that the account did for others."""

    what: str
    detail: str
    at: str


@dataclass(frozen=True, slots=True)
class SecuredPage:
    """`since`: empty, it is not secured; `secured` and `code`: what was just done."""

    top: Top
    account_id: int
    name: str
    login: str
    since: str
    secured: Secured | None
    code: str
    shared: tuple[Given, ...]
    """What was shared in the last two days: before the account is secured what still is, then what was ended."""
    unshown: int
    """More of it."""
    received: tuple[ReceivedLine, ...]
    """What others gave it in the last two days, which it keeps."""
    acts: tuple[ActLine, ...]
    """What it did in the last two days that reaches others, which stays."""
    here: tuple[HereLine, ...]
    left: tuple[LeftLine, ...]
    more: bool


async def show_secured(services: Services, visit: Visit) -> Response:
    """GET /admin/comptes/{account}/piratage."""
    return await _page(services, visit, await person.find(services, visit))


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/comptes/{account}/piratage: the button says what."""
    account = await person.find(services, visit)
    principal = account.principal
    what = visit.form.text("faire")
    if principal.account_id == visit.account_id:
        return await person.show_person(services, visit, visit._("Cela ne se fait pas sur son propre compte."))
    path = f"/admin/comptes/{principal.account_id}/piratage"
    try:
        match what:
            case "securiser":
                if not visit.form.has("verifie"):
                    fault = visit._("Cochez que ce compte doit être fermé à tout le monde.")
                    return await _page(services, visit, account, fault=fault)
                return await _secure(services, visit, account)
            case "retirer":
                count = len(await services.hijacked.take_back(principal, origin(visit)))
                return redirect(visit, path, **done("retires", count))
            case "annuler":
                await services.hijacked.undo(principal, origin(visit))
                return redirect(visit, f"/admin/comptes/{principal.account_id}", **done("securite-annulee"))
            case _:
                raise Refused(Reason.INVALID)
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await _page(services, visit, account, fault=visit._("Ce compte n’est pas en sécurité."))
        return await _page(services, visit, account, fault=words(visit, refusal))


async def _secure(services: Services, visit: Visit, account: Account) -> Response:
    """The password first: nobody comes in again while the rest is switched off."""
    code = ""
    try:
        code = (await service(services, visit).reset(account.principal.login)).text
    except Refused as refusal:
        if refusal.reason is not Reason.READ_ONLY_DIRECTORY:
            raise
    secured = await services.hijacked.secure(account.principal, origin(visit))
    return await _page(services, visit, account, secured=secured, code=code)


async def _page(
    services: Services,
    visit: Visit,
    account: Account,
    *,
    fault: str = "",
    secured: Secured | None = None,
    code: str = "",
) -> Response:
    principal, _ = account.principal, visit._
    since = await services.store.read(secured_accounts.since, principal.account_id)
    found = await services.hijacked.left(principal)
    shared = secured.shared if secured is not None else await services.hijacked.shared(principal)
    received = await services.hijacked.received(principal)
    acts = await services.hijacked.acts(principal)
    names = {
        Step.SUBMITTED: _("Envoyé"),
        Step.SENT: _("Remis ailleurs"),
        Step.HELD: _("Retenu"),
        Step.FILTERED: _("Renvoyé par un filtre"),
    }
    page = SecuredPage(
        top(visit, "comptes", fault),
        principal.account_id,
        principal.name,
        principal.login,
        moment(visit, since) if since else "",
        secured,
        code,
        tuple(shared[:SHARED]),
        max(0, len(shared) - SHARED),
        tuple(ReceivedLine(one.place, one.giver, stamp(visit, one.at)) for one in received[:SHARED]),
        tuple(
            ActLine(person.action_words(visit, one.action), told(visit, one.detail), stamp(visit, one.at))
            for one in acts[:SHARED]
        ),
        tuple(HereLine(one.subject, one.mailboxes, stamp(visit, one.at)) for one in found.here),
        tuple(
            LeftLine(stamp(visit, one.at), names[one.step], _recipients(hijacked.reached(one), one.count))
            for one in found.steps
        ),
        found.more,
    )
    return services.pages.answer(visit, "admin/directory/secured.html", page, 422 if fault else 200)


def _recipients(named: tuple[str, ...], count: int) -> str:
    return ", ".join(named[:SHOWN]) + (f" … ({count})" if count > SHOWN else "")
