"""Files in and out of an agenda: export, and import after a look at what would come."""

import asyncio
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.calendars import transfer
from mailserver.calendars.transfer import MAX_FILE, Incoming, Parcel
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_changes, agenda_reach
from mailserver.store.agenda.agenda_changes import Step
from mailserver.store.agenda.agenda_items import Item
from webui.agenda import event_items, words
from webui.agenda.calendars import manage
from webui.agenda.collections_shown import Shelf
from webui.agenda.event_items import Desk, home
from webui.http import headers
from webui.page import large_files
from webui.page.agenda_turn import alone
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

SHOWN = 200
"""Events of a file that the preview names."""
REPLACE = "remplacer"
AT_ONCE = 200
"""Events stored in one unit: nobody waits long for another's import."""


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the file, and what becomes of it."""

    incoming: Incoming
    day: str
    known: bool
    same: bool


@dataclass(frozen=True, slots=True)
class ImportPage:
    """What a file would bring."""

    frame: object
    desk: Desk
    home: str
    view: str
    shelf: Shelf
    lines: tuple[Line, ...]
    total: int
    fresh: int
    known: int
    same: int
    other: int
    refused: int
    text: str
    """The file, posted again by the confirmation."""


async def export(services: Services, visit: Visit) -> Response:
    """GET /agenda/agendas/{shelf}/exporter: every event as one .ics file."""
    place = await event_items.desk(services, visit)
    shelf = place.shelf(int(visit.request.path_params["shelf"]))
    fields = headers.download(visit.secure, "text/calendar", f"{shelf.name}.ics")
    fields["Content-Type"] = "text/calendar; charset=utf-8"
    async with alone(visit.account_id):
        rows = await services.store.read(agenda_reach.between, visit.account_id, shelf.id, -(2**62), 2**62)
        octets = await asyncio.to_thread(transfer.pack, shelf.name, rows)
        return await large_files.send(services, visit, octets, fields)


async def preview(services: Services, visit: Visit) -> Response:
    """POST /agenda/agendas/{shelf}/importer: what the file holds; nothing is stored. Then the same, confirmed."""
    place = await event_items.desk(services, visit)
    shelf = place.shelf(int(visit.request.path_params["shelf"]))
    octets = await _octets(visit)
    try:
        if visit.form.oversize or len(octets) > MAX_FILE:
            raise Refused(Reason.TOO_BIG)
        parcel = await event_items.computed(visit, transfer.unpack, octets)
    except (BadSyntax, Refused) as error:
        return await manage.one(services, visit, import_fault=_fault(visit, error))
    if not shelf.events or shelf.read_only:
        raise Refused(Reason.READ_ONLY)
    stored = await services.store.read(agenda_reach.stamps, visit.account_id, shelf.id)
    here = {item.uid: item for item in stored}
    if visit.form.text("faire") == "importer":
        return await _store(services, visit, shelf, parcel, here)
    lines = [_line(visit, event, here) for event in parcel.events]
    page = ImportPage(
        place.frame,
        place,
        home(visit),
        "",
        shelf,
        tuple(lines[:SHOWN]),
        len(lines),
        sum(not line.known for line in lines),
        sum(line.known and not line.same for line in lines),
        sum(line.same for line in lines),
        parcel.other,
        parcel.refused,
        parcel.text,
    )
    if not lines:
        return await manage.one(services, visit, import_fault=visit._("Ce fichier ne contient aucun événement."))
    return services.pages.answer(visit, "agenda/import.html", page)


async def _octets(visit: Visit) -> bytes:
    if visit.form.files:
        return await visit.form.files[0].read(MAX_FILE + 1)
    return visit.form.text("contenu").encode()


def _line(visit: Visit, incoming: Incoming, here: dict[str, Item]) -> Line:
    known = here.get(incoming.item.uid)
    day = words.long_day(visit.language, incoming.start)
    return Line(incoming, day, known is not None, known is not None and known.etag == incoming.item.etag)


async def _store(services: Services, visit: Visit, shelf: Shelf, parcel: Parcel, here: dict[str, Item]) -> Response:
    try:
        count = await put(services, visit, shelf, parcel, here, replace=visit.form.text("doublons") == REPLACE)
    except Refused as refused:
        return await manage.one(services, visit, import_fault=_fault(visit, refused))
    return redirect(visit, f"{home(visit)}/agendas", agenda="importe", n=count, _at="annonce")


async def put(
    services: Services, visit: Visit, shelf: Shelf, parcel: Parcel, here: dict[str, Item], *, replace: bool = False
) -> int:
    """Store what an agenda lacks of a file, with `replace` what is different there, too; how many. Raises Refused."""
    steps: list[Step] = []
    for event in parcel.events:
        known = here.get(event.item.uid)
        if known is None:
            steps.append(Step(shelf.id, event.item.href, None, event.item))
        elif replace and known.etag != event.item.etag:
            item = transfer.named(event.item, known.href)
            steps.append(Step(shelf.id, known.href, known.etag, item))
    for at in range(0, len(steps), AT_ONCE):
        await services.store.write(agenda_changes.apply, visit.account_id, steps[at : at + AT_ONCE])
    return len(steps)


def _fault(visit: Visit, error: Exception) -> str:
    _ = visit._
    if isinstance(error, BadSyntax):
        return _("Ce fichier n’est pas un agenda au format iCalendar (.ics).")
    assert isinstance(error, Refused)
    texts = {
        Reason.TOO_BIG: _("Ce fichier est trop gros : 1,9 Mo au plus."),
        Reason.LIMIT: _("L’agenda est plein : une partie seulement a été importée."),
        Reason.INVALID: _("Ce fichier contient des dates ou des répétitions qui ne peuvent pas être gardées."),
        Reason.FORBIDDEN: _("Dans l’agenda de quelqu’un d’autre, un événement ne peut pas être privé."),
        Reason.CONFLICT: _("L’agenda a changé pendant l’import. Recommencez : ce qui est déjà là sera reconnu."),
    }
    return texts.get(error.reason, _("Ce fichier ne peut pas être importé."))
