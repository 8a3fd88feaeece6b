"""Whose mail is sent on, and where to: every address in a filter that runs, and those that are asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.filters.documents import NAME
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import forward_targets, forwards
from mailserver.store.account.forward_targets import ANYWHERE, SentOn
from mailserver.store.account.forwards import Forwarding
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.admin.directory import people
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = "/admin/transferts"
PER_PAGE = 100
MAX_FOUND = 200
"""Accounts whose forwards a search shows."""
MAX_ASKED = 50


@dataclass(frozen=True, slots=True)
class Line:
    """An address that mail is sent on to, or that is asked."""

    number: int
    """0: it is asked; there is nothing to stop."""
    account_id: int
    name: str
    address: str
    by: str
    """What sends it on."""
    state: str


@dataclass(frozen=True, slots=True)
class ForwardsPage:
    """A part of them."""

    top: Top
    query: str
    lines: tuple[Line, ...]
    asked: tuple[Line, ...]
    after: int


async def show_forwards(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/transferts."""
    query, after = visit.query("q").strip()[:200], positive(visit.query("apres"))
    accounts: Sequence[int] = ()
    if query:
        accounts = [one.account_id for one in (await people.search(services, visit, query))[:MAX_FOUND]]
    found = await services.store.read(forward_targets.listing, after, PER_PAGE + 1, query, accounts)
    asked = [] if query or after else await services.store.read(forwards.waiting, MAX_ASKED)
    page = ForwardsPage(
        top(visit, "transferts", fault),
        query,
        tuple([await _line(services, visit, one) for one in found[:PER_PAGE]]),
        tuple([await _asked(services, visit, one) for one in asked]),
        found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0,
    )
    return services.pages.answer(visit, "admin/mail/forwards.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/transferts: stop one; its owner is told."""
    try:
        await services.filters.forwards.switch_off(visit.form.number("transfert"), origin(visit))
    except Refused as refusal:
        if refusal.reason not in (Reason.NOT_FOUND, Reason.CONFLICT):
            raise
        return await show_forwards(services, visit, visit._("Ce transfert n’est plus là : rien n’a été changé."))
    return redirect(visit, PATH, **done("transfert"))


async def _line(services: Services, visit: Visit, one: SentOn) -> Line:
    _ = visit._
    by = _("la page Transfert") if one.script == NAME else _("le script « %(name)s »") % {"name": one.script}
    state = _("en service") if one.active else _("si le script en service l’appelle")
    address = _("des adresses qu’un script choisit") if one.address == ANYWHERE else one.address
    return Line(one.id, one.account_id, await _name(services, one.account_id), address, by, state)


async def _asked(services: Services, visit: Visit, one: Forwarding) -> Line:
    state = visit._("sans réponse depuis le %(day)s") % {"day": stamp(visit, one.since)}
    return Line(0, one.account_id, await _name(services, one.account_id), one.address, "", state)


async def _name(services: Services, account_id: int) -> str:
    """Whose it is, as far as the directory knows."""
    person = await services.directory.by_account(account_id)
    return person.name if person is not None else str(account_id)
