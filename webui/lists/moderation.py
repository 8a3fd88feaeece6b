"""The page behind the link in an owner's mail: one message that waits, to accept or to reject without logging in.

The link is the proof: one owner was sent it, who must still be one (`mailserver.delivery.held.moderation`). Looking
changes nothing (programs follow links); deciding is a form. It shows what the mail showed and the first lines, never
the message whole.
"""

from dataclasses import dataclass

from starlette.responses import Response

from mailserver.model.errors import Reason, Refused
from mailserver.store.queue.held.moderation_queue import Held
from mailserver.store.record.audit import Origin
from webui.lists.waiting_messages import MAX_REASON, refusal_of
from webui.page.context import Guest, Services

KEY_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ModerationPage:
    """A message that waits, or what became of it."""

    key: str
    held: Held | None
    at: str = ""
    until: str = ""
    outcome: str = ""
    fault: str = ""


async def show_held_message(services: Services, guest: Guest, fault: str = "") -> Response:
    """GET /moderation/{key}."""
    key = str(guest.request.path_params["key"])[:KEY_LENGTH]
    try:
        waiting = (await services.waiting.moderation.find(key)).held
    except Refused:
        outcome = guest._(
            "Ce lien n’ouvre plus rien : quelqu’un a déjà décidé, ou il n’est plus à vous. Les propriétaires voient ce "
            "qui attend dans « Mes listes »."
        )
        page = ModerationPage(key, None, outcome=outcome)
        return services.pages.answer(guest, "lists/moderation.html", page, 404)
    at, until = guest.language.long_date(waiting.held), guest.language.long_date(waiting.expires)
    page = ModerationPage(key, waiting, at, until, fault=fault)
    return services.pages.answer(guest, "lists/moderation.html", page, 422 if fault else 200)


async def decide(services: Services, guest: Guest) -> Response:
    """POST /moderation/{key}."""
    key = str(guest.request.path_params["key"])[:KEY_LENGTH]
    try:
        link = await services.waiting.moderation.find(key)
        waiting, origin = link.held, Origin(link.owner, "link", guest.peer)
        if guest.form.text("faire") == "accepter":
            await services.waiting.moderation.approve(waiting.id, origin)
            outcome = guest._("Le message est envoyé à la liste.")
        else:
            await services.waiting.moderation.reject(waiting.id, origin, guest.form.text("motif")[:MAX_REASON])
            outcome = guest._("Le message est refusé.")
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return await show_held_message(services, guest)
        return await show_held_message(services, guest, refusal_of(guest, refusal))
    return services.pages.answer(guest, "lists/moderation.html", ModerationPage(key, None, outcome=outcome))
