"""The messages that wait for the owners of a list: all of them, and what an owner decides of one."""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Denied
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Held
from webui.compose.addressing.recipients import spoken
from webui.lists.owned import find
from webui.page.context import Guest, Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect
from webui.page.shell.mail_shell import MailShell, surroundings

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, with its times in words."""

    held: Held
    at: str
    until: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The messages that wait for an owner."""

    frame: MailShell
    entry: ListEntry
    rows: tuple[Waiting, ...]
    fault: str = ""


async def queue(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /liste/{address}/attente."""
    entry, _, _ = await find(services, visit)
    rows = await services.store.read(moderation_queue.waiting, [entry.address])
    page = QueuePage(await surroundings(services, visit), entry, tuple(_row(visit, row) for row in rows), fault)
    return services.pages.answer(visit, "lists/queue.html", page, 422 if fault else 200)


def _row(visit: Visit, one: Held) -> Waiting:
    return Waiting(one, visit.language.long_date(one.held), visit.language.long_date(one.expires))


async def decide(services: Services, visit: Visit) -> Response:
    """POST /liste/{address}/attente: accept or reject a message of this list."""
    entry, _, _ = await find(services, visit)
    number = visit.form.number("message")
    waiting = await services.store.read(moderation_queue.get, number)
    if waiting is None or waiting.list != entry.address:
        return await queue(services, visit, visit._("Quelqu’un a déjà décidé de ce message."))
    try:
        if visit.form.text("faire") == "accepter":
            await services.waiting.moderation.approve(number, visit.origin)
            what = "message-accepte"
        else:
            await services.waiting.moderation.reject(number, visit.origin, visit.form.text("motif")[:MAX_REASON])
            what = "message-refuse"
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await queue(services, visit, visit._("Quelqu’un a déjà décidé de ce message."))
        return await queue(services, visit, refusal_of(visit, refusal))
    return redirect(visit, f"{visit.base}/liste/{entry.address}/attente", **done(what))


def refusal_of(visit: Guest, refusal: Refused) -> str:
    """A rule's sentence in the reader's language; anything else in general words."""
    if isinstance(refusal, Denied):
        return spoken(visit, refusal)
    if refusal.reason is Reason.SUSPENDED:
        return visit._("L’auteur de ce message ne peut plus écrire : son compte est suspendu ou fermé.")
    return visit._("Cette liste n’a personne qui puisse recevoir ce message.")
