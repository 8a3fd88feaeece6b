"""Tasks in three lists, as a page of the agenda: late, to be done, done."""

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailserver.calendars.tasks import Listing
from webui.agenda import words
from webui.agenda.collections_shown import Shelf
from webui.agenda.event_items import Desk, home
from webui.agenda.flash_texts import announcement
from webui.agenda.tasks.task_lines import Line
from webui.page.context import Visit


@dataclass(frozen=True, slots=True)
class TaskLists:
    """The tasks, the next first, and what stands around them."""

    frame: object
    desk: Desk
    home: str
    view: str
    late: tuple[Line, ...]
    todo: tuple[Line, ...]
    finished: tuple[Line, ...]
    cut: bool
    unreadable: int
    missing: tuple[Shelf, ...]
    done: str
    undo: str
    day: datetime.date
    title: str = ""
    due: str = ""
    fault: str = ""
    """What was typed for a new one and refused, and why."""


def sorted_out(
    visit: Visit,
    place: Desk,
    view: str,
    looked: tuple[Listing, tuple[Shelf, ...]],
    lines: Sequence[Line],
    finished: Iterable[Line],
) -> TaskLists:
    """The page of these lines; `finished` are those of them that are done and still shown."""
    found, missing = looked
    opened = [line for line in lines if not line.task.done]
    return TaskLists(
        place.frame,
        place,
        home(visit),
        view,
        tuple(line for line in opened if line.late),
        tuple(line for line in opened if not line.late),
        tuple(finished),
        found.cut,
        found.unreadable,
        missing,
        announcement(visit),
        visit.query("retour"),
        words.today(visit),
    )
