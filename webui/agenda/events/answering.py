"""An invitation answered from the agenda: the event says so, and its organizer is told.

Only organizers of the academy are told from here: what a stranger's event names as its organizer may be anybody, and
the letter of an invitation shows who sent it.
"""

from starlette.responses import Response

from mailserver.calendars import invitations
from mailserver.calendars.invitations import Answer
from mailserver.model.errors import BadSyntax, Reason, Refused
from webui.agenda import event_items
from webui.agenda.collections_shown import addresses_of
from webui.agenda.events.event import answer, check_answerable, key_of, read
from webui.page.context import Services, Visit
from webui.reader.requests.invitations import CHOICES, tell


async def reply(services: Services, visit: Visit) -> Response:
    """POST /agenda/evenement/{item}/repondre: yes, perhaps or no; what is declined leaves the agenda."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.form.text("le")))
    draft, shown, _recurs = await read(visit, found)
    check_answerable(services, visit, found, shown)
    if visit.form.text("etag") != found.row.etag:
        raise Refused(Reason.CONFLICT)
    chosen = CHOICES.get(visit.form.text("faire"))
    if chosen is None:
        raise BadSyntax("No such answer")
    invitation = await event_items.computed(visit, invitations.stored, found.text)
    if invitation is None:
        raise Refused(Reason.INVALID)
    text = None
    if chosen is not Answer.NO:
        mine = addresses_of(visit.principal)
        text = await event_items.computed(visit, invitations.marked, found.text, mine, chosen)
    step = await event_items.computed(visit, event_items.step, found.shelf.id, found.row.href, found.row.etag, text)
    await event_items.store(services, visit, [step])
    letter = await tell(services, visit, invitation, chosen)
    return answer(visit, "repondu", "", draft.start.date(), letter)
