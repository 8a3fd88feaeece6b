"""Messages that wait since their author sent too much: let them leave, or do not send them; who sends most."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Refused
from mailserver.model.rules.sentences import exceeded
from mailserver.model.sending_limits import LONGEST, Course, Judged, Mark
from mailserver.notices import sending
from mailserver.store.queue import held_submissions, sent_counts
from mailserver.store.queue.held_submissions import Held
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PATH = sending.PAGE
PER_PAGE = 100
MAX_CHOSEN = 100
MOST = 10
"""Accounts that are shown as those that send most."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message that waits."""

    held: Held
    recipients: str
    why: str
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Sender:
    """An account that sends much."""

    account_id: int
    login: str
    recipients: int
    failures: int


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A part of what waits."""

    top: Top
    lines: tuple[Line, ...]
    after: int
    senders: tuple[Sender, ...]
    limits: bool


@dataclass(frozen=True, slots=True)
class DecidePage:
    """Before messages leave after all, or do not."""

    top: Top
    lines: tuple[Line, ...]
    releases: bool
    fault: str


async def show_held(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/envois-retenus."""
    found = await services.store.read(held_submissions.waiting, positive(visit.query("apres")), PER_PAGE + 1)
    since = int(services.clock.now()) - LONGEST
    senders = tuple(Sender(*one) for one in await services.store.read(sent_counts.busiest, since, MOST))
    after = found[PER_PAGE - 1].id if len(found) > PER_PAGE else 0
    lines = tuple(_line(visit, one) for one in found[:PER_PAGE])
    page = HeldPage(top(visit, "retenus", fault), lines, after, senders, services.settings.sending.limits)
    return services.pages.answer(visit, "admin/held_submissions.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/envois-retenus: the button says what; both ask first how many it touches."""
    chosen = visit.form.numbers("message", MAX_CHOSEN)
    what, _, confirmed = visit.form.text("faire").partition("-")
    if not chosen or what not in ("envoyer", "supprimer"):
        return await show_held(services, visit, visit._("Cochez au moins un message."))
    found = [one for one in [await services.store.read(held_submissions.get, number) for number in chosen] if one]
    fault = ""
    if confirmed and found:
        if visit.form.text("nombre").strip() == str(len(found)):
            return await _decide(services, visit, found, releases=what == "envoyer")
        fault = visit._("Ce n’est pas ce nombre. Rien n’a été fait.")
    lines = tuple(_line(visit, one) for one in found)
    page = DecidePage(top(visit, "retenus"), lines, releases=what == "envoyer", fault=fault)
    return services.pages.answer(visit, "admin/held_submissions_decide.html", page, 422 if fault else 200)


async def _decide(services: Services, visit: Visit, found: Sequence[Held], *, releases: bool) -> Response:
    """The act; those that cannot leave stay where they are."""
    if not releases:
        count = await services.held_submissions.drop([one.id for one in found], origin(visit))
        return redirect(visit, PATH, **done("envoi-supprime", count))
    count = 0
    for one in found:
        try:
            await services.held_submissions.release(one.id, origin(visit))
        except Refused:
            continue
        count += 1
    if count < len(found):
        fault = visit._(
            "Certains messages n’ont pas pu partir : déjà traités, auteur suspendu, ou plus aucun destinataire."
        )
        return await show_held(services, visit, fault)
    return redirect(visit, PATH, **done("envoi-parti", count))


def _line(visit: Visit, one: Held) -> Line:
    addresses = [target.address for target in one.targets]
    shown = ", ".join(addresses[:3])
    if len(addresses) > 3:
        left = len(addresses) - 3
        shown += " " + visit.language.texts.ngettext("et %(n)s autre", "et %(n)s autres", left) % {"n": left}
    judged = Judged(Course.HOLD, one.what, Mark(one.seconds, one.mark, one.mark), one.counted)
    why = visit.language.say(exceeded(judged, one.mark))
    return Line(one, shown, why, stamp(visit, one.held), stamp(visit, one.expires))
