"""The pages of mailings for their authors and for who may approve them; to everybody else one does not exist."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.mime import scan, unpack
from mailserver.model.errors import Reason, Refused
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Mailing, State
from mailserver.store.queue.mailings.mailing_counts import Readers
from webui.http.forms import positive
from webui.http.offload import computed
from webui.mailings.view import (
    WATCH_SECONDS,
    Acts,
    Shown,
    act,
    acts_of,
    fault_words,
    readers_total,
    shown,
)
from webui.page.administrators import acting
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings
from webui.reader.content.plain_text import readable

PER_PAGE = 30
TEXT = 20_000
"""Characters of the message that are shown to whoever decides."""


@dataclass(frozen=True, slots=True)
class MailingsPage:
    """Those of the reader, and those that wait for them."""

    frame: MailShell
    mine: tuple[Shown, ...]
    to_approve: tuple[Shown, ...]
    before: int


@dataclass(frozen=True, slots=True)
class MailingPage:
    """One of them."""

    frame: MailShell
    path: str
    one: Shown
    acts: Acts
    text: str
    readers: tuple[Readers, ...]
    have: int
    read: int
    watched: bool
    asks: bool = False
    """Whether it is really to be taken back."""
    fault: str = ""


async def lead(_services: Services, visit: Visit) -> Response:
    """GET /envois-en-nombre without an interface: to that of the session."""
    return redirect(visit, f"{visit.base}/envois-en-nombre")


async def show_mailings(services: Services, visit: Visit) -> Response:
    """GET /envois-en-nombre."""
    before = positive(visit.query("avant"))
    found = await services.store.read(mailings.of_account, visit.account_id, before, PER_PAGE + 1)
    waiting = [] if _is_elsewhere(services, visit) else await services.mailings.to_approve(visit.principal)
    page = MailingsPage(
        await surroundings(services, visit),
        tuple(await shown(services, visit, found[:PER_PAGE])),
        tuple(await shown(services, visit, waiting)),
        found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0,
    )
    return services.pages.answer(visit, "mailings/mailings.html", page)


async def show_mailing(services: Services, visit: Visit) -> Response:
    """GET /envois-en-nombre/{mailing}. Raises Refused(NOT_FOUND)."""
    return await _page(services, visit, await _found(services, visit))


async def change(services: Services, visit: Visit) -> Response:
    """POST /envois-en-nombre/{mailing}. Raises Refused(NOT_FOUND)."""
    one = await _found(services, visit)
    try:
        said = await act(services, visit, one, await acts_of(services, visit, one), visit.origin)
    except Refused as refusal:
        fault = fault_words(visit, refusal)
        return await _page(services, visit, await _found(services, visit), fault=fault)
    if said == "annuler":
        return await _page(services, visit, one, asks=True)
    return redirect(visit, f"{visit.base}/envois-en-nombre/{one.id}", **done(said))


async def _found(services: Services, visit: Visit) -> Mailing:
    """The mailing of the address. Raises Refused(NOT_FOUND) for whoever may not see it."""
    one = await services.store.read(mailings.get, int(visit.request.path_params["mailing"]))
    is_own = one.account_id == visit.account_id
    if not is_own and (_is_elsewhere(services, visit) or not await services.mailings.may_see(one, visit.principal)):
        raise Refused(Reason.NOT_FOUND)
    return one


def _is_elsewhere(services: Services, visit: Visit) -> bool:
    """An administrator who is where they do not act as one: they see their own mailings, and decide about none."""
    return acting(services, visit).role is not visit.principal.role


async def _page(services: Services, visit: Visit, one: Mailing, *, asks: bool = False, fault: str = "") -> Response:
    acts = await acts_of(services, visit, one)
    readers = tuple(await services.mailings.readers(one)) if acts.readers else ()
    have, read = readers_total(readers)
    is_moving = one.state is State.SENDING or (one.state is State.APPROVED and not one.due)
    watched = is_moving and visit.query("suivi") == "oui"
    path = f"{visit.base}/envois-en-nombre/{one.id}"
    (in_words,) = await shown(services, visit, [one])
    page = MailingPage(
        await surroundings(services, visit),
        path,
        in_words,
        acts,
        await _text(services, one),
        readers,
        have,
        read,
        watched,
        asks,
        fault,
    )
    answer = services.pages.answer(visit, "mailings/mailing.html", page, 422 if fault else 200)
    if watched:
        answer.headers["Refresh"] = f"{WATCH_SECONDS}; url={path}?suivi=oui"
    return answer


async def _text(services: Services, one: Mailing) -> str:
    """The beginning of what it says, while it is kept."""
    if not one.content_id:
        return ""
    octets = await services.mailings.octets(one)
    return await computed(len(octets), _readable, octets)


def _readable(octets: bytes) -> str:
    return readable(octets, unpack(scan(octets).parts))[:TEXT]
