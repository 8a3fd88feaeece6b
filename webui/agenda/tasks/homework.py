"""What is to be handed in: letters that are followed until a day, as tasks that lead to them, by date, to be ticked."""

import datetime

from starlette.responses import Response

from mailserver.calendars.tasks import Listing, TaskDraft
from mailserver.model.errors import Reason, Refused
from mailserver.store.web import webmail
from webui.agenda import event_items, words
from webui.agenda.collections_shown import Shelf
from webui.agenda.event_items import Desk, home
from webui.agenda.form_values import MAX_TITLE
from webui.agenda.tasks import task_lines
from webui.agenda.tasks.task_lists import sorted_out
from webui.page import task_making
from webui.page.context import Services, Visit
from webui.page.flash import done
from webui.page.rendering import redirect

VIEW = "a-rendre"
DONE_SHOWN = 20
EARLIEST, LATEST = datetime.date(1970, 1, 1), datetime.date(2099, 12, 31)


async def show_homework(services: Services, visit: Visit) -> Response:
    """GET /agenda/a-rendre."""
    place = await event_items.desk(services, visit)
    looked = await _look(services, visit, place)
    tasks = looked[0].tasks
    lines = [line for task in tasks if (line := task_lines.line_of(services, visit, place, task)).letter]
    finished = [line for line in lines if line.task.done][-DONE_SHOWN:]
    page = sorted_out(visit, place, VIEW, looked, lines, reversed(finished))
    return services.pages.answer(visit, "agenda/homework.html", page)


async def add_homework(services: Services, visit: Visit) -> Response:
    """POST /agenda/a-rendre: the letter `m` is followed, and to be handed in on `jour`. Raises Refused(NOT_FOUND)."""
    letter, box = visit.form.number("m"), visit.form.number("d")
    stored = await services.store.read(webmail.stored, visit.account_id, letter, box)
    day = _day(visit.form.text("jour"))
    back = f"{visit.base}/message/{letter}?d={stored.box.id}"
    if day is None:
        return redirect(visit, back, **done("quel-jour"))
    await services.store.write(webmail.flag, visit.account_id, stored.box.id, [letter], "+", ("\\Flagged",))
    place = await event_items.desk(services, visit)
    found, _missing = await _look(services, visit, place)
    link = task_making.address_of(services, letter)
    if any(task.link == link and not task.done for task in found.tasks):
        return redirect(visit, f"{home(visit)}/{VIEW}", agenda="deja-a-rendre", _at="annonce")
    draft = TaskDraft(
        _title(stored.subject) or visit._("(sans objet)"),
        due=datetime.datetime.combine(day, datetime.time()),
        zone=words.zone_of(visit).key,
        link=link,
    )
    try:
        await task_making.make(services, visit, draft)
    except Refused as refusal:
        if refusal.reason is not Reason.LIMIT:
            raise
        return redirect(visit, back, **done("a-rendre-plein"))
    return redirect(visit, back, **done("a-rendre"))


def _title(subject: str) -> str:
    """A subject on one line, without what no calendar may hold."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in subject).split())[:MAX_TITLE]


async def _look(services: Services, visit: Visit, place: Desk) -> tuple[Listing, tuple[Shelf, ...]]:
    shelves = [shelf for shelf in place.shelves if shelf.tasks and not shelf.owner]
    return await task_lines.look(services, visit, shelves, -task_lines.EVER, task_lines.EVER)


def _day(text: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST <= day <= LATEST else None
