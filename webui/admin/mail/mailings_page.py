"""Mailings in the console: all of them, and one with its progress and what may be done about it; no message."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Refused
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Mailing, State
from mailserver.store.queue.mailings.mailing_counts import Readers
from webui.admin.access import origin
from webui.admin.console_page import Top, done, top
from webui.http.forms import positive
from webui.mailings.view import WATCH_SECONDS, Acts, Shown, act, acts_of, fault_words, readers_total, shown
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = "/admin/envois-en-nombre"
TAB = "nombre"
PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class MailingsPage:
    """A part of them, the newest first."""

    top: Top
    lines: tuple[Shown, ...]
    before: int
    waiting: int


@dataclass(frozen=True, slots=True)
class MailingPage:
    """One of them."""

    top: Top
    path: str
    one: Shown
    acts: Acts
    readers: tuple[Readers, ...]
    have: int
    read: int
    moving: bool
    watched: bool
    asks: bool = False


async def show_mailings(services: Services, visit: Visit) -> Response:
    """GET /admin/envois-en-nombre."""
    found = await services.store.read(mailings.listing, positive(visit.query("avant")), PER_PAGE + 1)
    page = MailingsPage(
        top(visit, TAB),
        tuple(await shown(services, visit, found[:PER_PAGE])),
        found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0,
        await services.store.read(mailings.waiting),
    )
    return services.pages.answer(visit, "admin/mail/mailings.html", page)


async def show_mailing(services: Services, visit: Visit) -> Response:
    """GET /admin/envois-en-nombre/{mailing}. Raises Refused(NOT_FOUND)."""
    return await _page(services, visit, await _found(services, visit))


async def change(services: Services, visit: Visit) -> Response:
    """POST /admin/envois-en-nombre/{mailing}. Raises Refused(NOT_FOUND)."""
    one = await _found(services, visit)
    try:
        said = await act(services, visit, one, await acts_of(services, visit, one), origin(visit))
    except Refused as refusal:
        return await _page(services, visit, await _found(services, visit), fault=fault_words(visit, refusal))
    if said == "annuler":
        return await _page(services, visit, one, asks=True)
    return redirect(visit, f"{PATH}/{one.id}", **done(said))


async def _found(services: Services, visit: Visit) -> Mailing:
    return await services.store.read(mailings.get, int(visit.request.path_params["mailing"]))


async def _page(services: Services, visit: Visit, one: Mailing, *, asks: bool = False, fault: str = "") -> Response:
    acts = await acts_of(services, visit, one)
    readers = tuple(await services.mailings.readers(one)) if acts.readers else ()
    have, read = readers_total(readers)
    moving = one.state is State.SENDING or (one.state is State.APPROVED and not one.due)
    watched = moving and visit.query("suivi") == "oui"
    path = f"{PATH}/{one.id}"
    (in_words,) = await shown(services, visit, [one])
    page = MailingPage(
        top(visit, TAB, fault),
        path,
        in_words,
        acts,
        readers,
        have,
        read,
        moving,
        watched,
        asks,
    )
    answer = services.pages.answer(visit, "admin/mail/mailing.html", page, 422 if fault else 200)
    if watched:
        answer.headers["Refresh"] = f"{WATCH_SECONDS}; url={path}?suivi=oui"
    return answer
