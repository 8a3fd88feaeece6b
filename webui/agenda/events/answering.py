"""An invitation answered from the agenda: the event says so, and its organizer is told; of a series that is about one
occurrence, or about all.

Only organizers of the academy are told from here: what a stranger's event names as its organizer may be anybody, and
the letter of an invitation shows who sent it.
"""

from collections.abc import Iterable

from starlette.responses import Response

from mailserver.calendars import editing
from mailserver.calendars.invited import invitations, invited_occurrences
from mailserver.calendars.invited.invitations import Answer
from mailserver.model.errors import BadSyntax, Reason, Refused
from webui.agenda import event_items
from webui.agenda.collections_shown import addresses_of
from webui.agenda.event_items import Found
from webui.agenda.events.event import answer, check_answerable, key_of, read
from webui.page.context import Services, Visit
from webui.reader.requests.invitations import CHOICES, tell


async def reply(services: Services, visit: Visit) -> Response:
    """POST /agenda/evenement/{item}/repondre: yes, perhaps or no; what is declined leaves the agenda."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.form.text("le")))
    draft, shown, recurs = await read(visit, found)
    check_answerable(services, visit, found, shown)
    if visit.form.text("etag") != found.row.etag:
        raise Refused(Reason.CONFLICT)
    chosen = CHOICES.get(visit.form.text("faire"))
    if chosen is None:
        raise BadSyntax("No such answer")
    one = recurs and bool(found.key) and _only_this(visit)
    asked = await event_items.computed(visit, invited_occurrences.alone, found.text, found.key) if one else found.text
    invitation = await event_items.computed(visit, invitations.stored, asked)
    if invitation is None:
        raise Refused(Reason.INVALID)
    text = await event_items.computed(visit, _answered, found, addresses_of(visit.principal), chosen, one=one)
    step = await event_items.computed(visit, event_items.step, found.shelf.id, found.row.href, found.row.etag, text)
    await event_items.store(services, visit, [step])
    letter = await tell(services, visit, invitation, chosen)
    return answer(visit, "repondu", "", draft.start.date(), letter)


def _only_this(visit: Visit) -> bool:
    """Whether one occurrence of a series is meant. Raises BadSyntax."""
    scope = visit.form.text("portee")
    if scope not in (editing.THIS, editing.ALL):
        raise BadSyntax("Unknown scope")
    return scope == editing.THIS


def _answered(found: Found, mine: Iterable[str], chosen: Answer, *, one: bool) -> str | None:
    """In a thread: what the agenda has of it now; None: nothing."""
    if one and chosen is Answer.NO:
        return invited_occurrences.without(found.text, found.key)
    if one:
        return invited_occurrences.marked(found.text, found.key, mine, chosen)
    return None if chosen is Answer.NO else invitations.marked(found.text, mine, chosen)
