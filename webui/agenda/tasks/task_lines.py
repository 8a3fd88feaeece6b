"""Tasks as lists and days show them."""

import asyncio
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailserver.calendars import tasks
from mailserver.calendars.own import own_tasks
from mailserver.calendars.tasks import Listing, Task
from mailserver.model.errors import Refused
from mailserver.store.agenda import agenda_reach
from webui.agenda import words
from webui.agenda.calendars import class_colours
from webui.agenda.collections_shown import Shelf
from webui.agenda.event_items import MARGIN, Desk, home
from webui.page import task_making
from webui.page.agenda_links import item_id
from webui.page.agenda_turn import alone
from webui.page.context import Services, Visit

EVER = 2**62


@dataclass(frozen=True, slots=True)
class Line:
    """A task in a list, or on its day in the grid."""

    task: Task
    shelf: Shelf
    address: str
    due: str
    late: bool
    colour: str
    letter: int = 0
    """The message it is about."""

    @property
    def title(self) -> str:
        return self.task.title


async def look(
    services: Services, visit: Visit, shelves: Sequence[Shelf], start: int, end: int
) -> tuple[Listing, tuple[Shelf, ...]]:
    """The tasks of these lists whose time touches [start, end), and the lists that could not be read."""
    rows, missing = [], []
    async with alone(visit.account_id):
        for shelf in shelves:
            try:
                items = await services.store.read(
                    agenda_reach.between, visit.account_id, shelf.id, start, end, own_tasks.COMPONENT
                )
            except Refused:
                missing.append(shelf)
                continue
            rows += [(shelf.id, row) for row in items]
        return await asyncio.to_thread(tasks.listing, rows, words.zone_of(visit)), tuple(missing)


def line_of(services: Services, visit: Visit, place: Desk, task: Task) -> Line:
    """A task as it is shown."""
    shelf = place.shelf(task.collection_id)
    hidden = bool(shelf.owner) and task.private
    shown = replace(task, title=visit._("Occupé"), link="", school_class="") if hidden else task
    name = "" if shelf.owner else shown.school_class
    return Line(
        shown,
        shelf,
        f"{home(visit)}/taches/{item_id(task.collection_id, task.href)}",
        words.due(visit, task),
        task.late(words.now(visit)),
        class_colours.shown(visit, name) if name else shelf.colour,
        task_making.letter_of(services, shown.link),
    )


async def between(
    services: Services, visit: Visit, place: Desk, first: datetime.date, last: datetime.date
) -> list[Line]:
    """The tasks that are due on these days, of the lists that are shown; their own page tells what cannot be read."""
    shelves = [shelf for shelf in place.shelves if shelf.tasks and shelf.shown and not shelf.times_only]
    zone = words.zone_of(visit)
    start, end = (
        int(datetime.datetime.combine(day, datetime.time(), zone).timestamp())
        for day in (first, last + datetime.timedelta(days=1))
    )
    found, _missing = await look(services, visit, shelves, start - MARGIN, end + MARGIN)
    return [line_of(services, visit, place, task) for task in found.tasks]
