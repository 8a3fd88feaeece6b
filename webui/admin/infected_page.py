"""Messages in which a virus was found: deliver them after all, or throw them away."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Refused
from mailserver.store.queue import infected
from mailserver.store.queue.infected import Held
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = "/admin/virus"
PER_PAGE = 100
MAX_CHOSEN = 100
MAX_NAMED = 5
"""Addresses that a fault names."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message that is held."""

    held: Held
    recipients: str
    since: str
    until: str
    size: str


@dataclass(frozen=True, slots=True)
class InfectedPage:
    """A part of what is held; `looks`: a scanner is set."""

    top: Top
    lines: tuple[Line, ...]
    after: int
    looks: bool


@dataclass(frozen=True, slots=True)
class DecidePage:
    """Before messages are delivered after all, or thrown away."""

    top: Top
    lines: tuple[Line, ...]
    releases: bool
    fault: str


async def show_infected(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/virus."""
    found = await services.store.read(infected.waiting, positive(visit.query("apres")), PER_PAGE + 1)
    after = found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0
    lines = tuple(_line(visit, one) for one in found[:PER_PAGE])
    page = InfectedPage(top(visit, "virus", fault), lines, after, bool(services.settings.junk.clamd))
    return services.pages.answer(visit, "admin/infected.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/virus: the button says what; both ask first how many it touches."""
    chosen = visit.form.numbers("message", MAX_CHOSEN)
    what, _, confirmed = visit.form.text("faire").partition("-")
    if not chosen or what not in ("remettre", "supprimer"):
        return await show_infected(services, visit, visit._("Cochez au moins un message."))
    found = [one for one in [await services.store.read(infected.get, number) for number in chosen] if one is not None]
    fault = ""
    if confirmed and found:
        if visit.form.text("nombre").strip() == str(len(found)):
            return await _decide(services, visit, found, releases=what == "remettre")
        fault = visit._("Ce n’est pas ce nombre. Rien n’a été fait.")
    page = DecidePage(
        top(visit, "virus"), tuple(_line(visit, one) for one in found), releases=what == "remettre", fault=fault
    )
    return services.pages.answer(visit, "admin/infected_decide.html", page, 422 if fault else 200)


async def _decide(services: Services, visit: Visit, found: Sequence[Held], *, releases: bool) -> Response:
    """The act, message by message; those that nobody here can get stay where they are."""
    count = 0
    left: list[str] = []
    for one in found:
        try:
            if releases:
                left += (await services.infected.release(one.id, origin(visit))).left
            else:
                await services.infected.delete(one.id, origin(visit))
        except Refused:
            continue
        count += 1
    faults = []
    if count < len(found):
        faults.append(visit._("Certains messages n’ont pas pu l’être : déjà traités, ou plus aucun destinataire."))
    if left:
        who = ", ".join(left[:MAX_NAMED]) + (" …" if len(left) > MAX_NAMED else "")
        faults.append(visit._("Pas remis, et toujours retenus pour : %(who)s.") % {"who": who})
    if faults:
        return await show_infected(services, visit, " ".join(faults))
    return redirect(visit, PATH, **done("remis" if releases else "virus-supprime", count))


def _line(visit: Visit, one: Held) -> Line:
    shown = ", ".join(one.recipients[:5]) + (" …" if len(one.recipients) > 5 else "")
    return Line(one, shown, stamp(visit, one.held), stamp(visit, one.expires), visit.language.size(one.size))
