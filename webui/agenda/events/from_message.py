"""Events that a message brings as a file, put into an agenda from the page that shows them."""

from starlette.responses import Response

from mailserver.calendars import transfer as files
from mailserver.calendars.transfer import MAX_FILE
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_reach
from webui.agenda import event_items
from webui.agenda.calendars import transfer
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect
from webui.reader import attachments
from webui.reader.content import preview_kinds


async def take(services: Services, visit: Visit) -> Response:
    """POST /message/{id}/apercu/{number}/agenda: what the chosen agenda has not yet. Raises Refused(NOT_FOUND)."""
    octets, back = await attachments.content_of(services, visit, preview_kinds.EVENTS)
    desk = await event_items.desk(services, visit)
    shelf = desk.shelf(positive(visit.form.text("ou")))
    if not shelf.events or shelf.read_only:
        raise Refused(Reason.READ_ONLY)
    try:
        if len(octets) > MAX_FILE:
            raise Refused(Reason.TOO_BIG)
        parcel = await event_items.computed(visit, files.unpack, octets)
        stored = await services.store.read(agenda_reach.stamps, visit.account_id, shelf.id)
        count = await transfer.put(services, visit, shelf, parcel, {item.uid: item for item in stored})
    except (BadSyntax, Refused) as error:
        full = isinstance(error, Refused) and error.reason is Reason.LIMIT
        return redirect(visit, back, dit="plein" if full else "refus", _at="annonce")
    return redirect(visit, back, dit="agenda" if count else "deja-agenda", n=count, _at="annonce")
