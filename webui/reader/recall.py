"""Taking back a message that one has just sent, from mailboxes here where nobody has read it."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.web.webmail import Stored
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.flash import MOST
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import SENT, MailShell, surround
from webui.page.words import plain
from webui.reader import message_parts


@dataclass(frozen=True, slots=True)
class RecallPage:
    """Asks first, and says afterwards what became of it."""

    frame: MailShell
    message: Stored
    subject: str
    minutes: int
    is_open: bool
    result: str = ""
    fault: str = ""


async def is_open(services: Services, visit: Visit, found: Stored) -> bool:
    """Whether a message may be taken back: it is in the person's own Sent, and was sent or let pass a moment ago, or
    waits for the owners of a list."""
    if found.box.special_use != SENT or found.box.account_id != visit.account_id:
        return False
    return await services.recall.is_open(visit.principal, found.id, found.date)


async def ask(services: Services, visit: Visit) -> Response:
    """GET /message/{id}/rappeler."""
    found, _ = await message_parts.load(services, visit, upto=0)
    return await _mailing(services, visit, found) or await _page(services, visit, found)


async def take_back(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/rappeler."""
    found, _ = await message_parts.load(services, visit, upto=0)
    if as_mailing := await _mailing(services, visit, found):
        return as_mailing
    if not await is_open(services, visit, found):
        return await _page(services, visit, found, visit._("Il est trop tard pour rappeler ce message."))
    try:
        done = await services.recall.take_back(visit.principal, found.id, visit.origin)
    except Refused as refusal:
        if refusal.reason is not Reason.CANNOT:
            raise
        return await _page(services, visit, found, visit._("Personne dans l’académie n’a ce message."))
    address = f"{visit.base}/message/{found.id}/rappeler"
    return redirect(visit, address, d=found.box.id, retires=done.taken, sur=done.people, listes=done.lists)


async def _mailing(services: Services, visit: Visit, found: Stored) -> Response | None:
    """To the page of the mailing that it is: there nobody else gets it from now on, however many have it already."""
    number = await services.recall.mailing_of(visit.principal, found.id)
    return redirect(visit, f"{visit.base}/envois-en-nombre/{number}") if number else None


async def _page(services: Services, visit: Visit, found: Stored, fault: str = "") -> Response:
    page = RecallPage(
        surround(visit, found.boxes, found.box.id),
        found,
        plain.line(found.subject),
        services.settings.guards.recall_minutes,
        await is_open(services, visit, found),
        _result(visit),
        fault,
    )
    return services.pages.answer(visit, "reader/recall.html", page, 422 if fault else 200)


def _result(visit: Visit) -> str:
    """What the address says became of it; nobody is named."""
    people = min(positive(visit.query("sur")), MOST)
    taken = min(positive(visit.query("retires")), people)
    lists = _of_lists(visit)
    if not people:
        return lists
    text = visit.language.texts.ngettext(
        "Message rappelé : %(taken)s destinataire sur %(people)s ne l’a plus.",
        "Message rappelé : %(taken)s destinataires sur %(people)s ne l’ont plus.",
        taken,
    )
    said = text % {"taken": visit.language.number(taken), "people": visit.language.number(people)}
    return f"{said} {lists}".rstrip()


def _of_lists(visit: Visit) -> str:
    count = min(positive(visit.query("listes")), MOST)
    text = visit.language.texts.ngettext(
        "Message rappelé : %(n)s liste ne le garde plus, ni dans ses archives ni pour ses propriétaires.",
        "Message rappelé : %(n)s listes ne le gardent plus, ni dans leurs archives ni pour leurs propriétaires.",
        count,
    )
    return text % {"n": visit.language.number(count)} if count else ""
