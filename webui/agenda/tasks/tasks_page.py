"""Tasks: the lists of what is late, to be done and done; and what is done to one of them."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.calendars import tasks
from mailserver.calendars.own import own_tasks
from mailserver.calendars.tasks import PRIORITIES, Task, TaskDraft
from mailserver.model.errors import BadSyntax, Reason, Refused
from webui.agenda import event_items, words
from webui.agenda.event_items import Desk, Found, home
from webui.agenda.form_values import MAX_DESCRIPTION, MAX_TITLE, moment_of
from webui.agenda.tasks import task_lines
from webui.agenda.tasks.task_lines import Line
from webui.agenda.tasks.task_lists import sorted_out
from webui.page import task_making
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

VIEW = "taches"
DONE_SHOWN = 50


@dataclass(frozen=True, slots=True)
class TaskPage:
    """One task to read and to change."""

    frame: object
    desk: Desk
    home: str
    view: str
    found: Found
    task: Task
    draft: TaskDraft
    fields: dict[str, str]
    letter: int
    fault: str
    own: bool
    back: str


async def show_tasks(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /agenda/taches."""
    place = await event_items.desk(services, visit)
    shelves = [shelf for shelf in place.shelves if shelf.tasks and not shelf.times_only]
    looked = await task_lines.look(services, visit, shelves, -task_lines.EVER, task_lines.EVER)
    lines = [task_lines.line_of(services, visit, place, task) for task in looked[0].tasks]
    finished = sorted((line for line in lines if line.task.done), key=_completion, reverse=True)
    page = sorted_out(visit, place, VIEW, looked, lines, finished[:DONE_SHOWN])
    if fault:
        page = replace(page, title=visit.form.text("titre"), due=visit.form.text("jour"), fault=fault)
    return services.pages.answer(visit, "agenda/tasks.html", page, 422 if fault else 200)


def _completion(line: Line) -> float:
    return line.task.completed.timestamp() if line.task.completed is not None else 0.0


# ---------------------------------------------------------------------- what is done


async def create(services: Services, visit: Visit) -> Response:
    """POST /agenda/taches: a title, and a day if there is one; `lettre`: the message it is about."""
    draft, fault = _typed(visit, TaskDraft("", zone=words.zone_of(visit).key))
    if fault:
        return await show_tasks(services, visit, fault)
    letter = visit.form.number("lettre")
    if letter:
        draft = replace(draft, link=task_making.address_of(services, letter))
    try:
        await task_making.make(services, visit, draft)
    except Refused as refused:
        if refused.reason is not Reason.LIMIT:
            raise
        return await show_tasks(services, visit, visit._("Cette liste est pleine."))
    return _done(visit, "tache-creee")


async def show_task(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /agenda/taches/{item}."""
    place, found, task, draft = await _open(services, visit)
    fields = {
        "titre": draft.title,
        "jour": f"{draft.due:%Y-%m-%d}" if draft.due else "",
        "heure": f"{draft.due:%H:%M}" if draft.due and not draft.all_day else "",
        "description": draft.description,
        "priorite": str(draft.priority),
    }
    if fault:
        fields |= {name: visit.form.text(name) for name in fields}
    page = TaskPage(
        place.frame, place, home(visit), VIEW, found, task, draft, fields,
        task_making.letter_of(services, draft.link), fault, not found.closed, f"{home(visit)}/taches",
    )  # fmt: skip
    return services.pages.answer(visit, "agenda/task.html", page, 422 if fault else 200)


async def save(services: Services, visit: Visit) -> Response:
    """POST /agenda/taches/{item}: changed, ticked off or back, or deleted, under the ETag that was seen."""
    _place, found, _task, before = await _open(services, visit)
    if found.closed:
        raise Refused(Reason.READ_ONLY)
    if visit.form.text("etag") != found.row.etag:
        if not visit.form.has("complet") or visit.form.text("faire") == "supprimer":
            raise Refused(Reason.CONFLICT)
        fault = visit._("Cette tâche a été modifiée ailleurs entre-temps. Relisez, puis enregistrez de nouveau.")
        return await show_task(services, visit, fault)
    match visit.form.text("faire"):
        case "supprimer":
            return await _write(services, visit, found, None, "tache-supprimee")
        case "cocher" | "rouvrir" | "garder" as act:
            text, fault = found.text, ""
            if act == "garder" or visit.form.has("complet"):  # what was typed beside the other buttons, too
                text, fault = await _changed(visit, found.text, before)
            if fault:
                return await show_task(services, visit, fault)
            if act == "garder":
                return await _write(services, visit, found, text, "tache-modifiee")
            done = act == "cocher"
            text = await event_items.computed(visit, tasks.tick, text, event_items.moment(visit), done=done)
            return await _write(services, visit, found, text, "tache-faite" if done else "tache-rouverte")
    raise BadSyntax("No such action")


async def _changed(visit: Visit, text: str, before: TaskDraft) -> tuple[str, str]:
    """The task as it was typed, and what is wrong with that."""
    after, fault = _typed(visit, before)
    if fault:
        return text, fault
    try:
        return await event_items.computed(visit, tasks.change, text, after, event_items.moment(visit)), ""
    except Refused:
        return text, visit._("Cette tâche se répète : sa date ne peut pas être changée ainsi.")


async def _open(services: Services, visit: Visit) -> tuple[Desk, Found, Task, TaskDraft]:
    """The task the address names. Raises Refused(NOT_FOUND | INVALID)."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, "", component=own_tasks.COMPONENT)
    if found.hidden:
        raise Refused(Reason.NOT_FOUND)
    zone = words.zone_of(visit)
    seen = await event_items.computed(visit, tasks.listing, [(found.shelf.id, found.row)], zone)
    if not seen.tasks:
        raise Refused(Reason.INVALID, "This task cannot be read")
    draft = await event_items.computed(visit, tasks.read, found.text, zone.key)
    return place, found, seen.tasks[0], draft


async def _write(services: Services, visit: Visit, found: Found, text: str | None, what: str) -> Response:
    step = await event_items.computed(visit, event_items.step, found.shelf.id, found.row.href, found.row.etag, text)
    return _done(visit, what, await event_items.store(services, visit, [step]))


def _done(visit: Visit, what: str, token: str = "") -> Response:
    place = "a-rendre" if visit.form.text("liste") == "a-rendre" else "taches"
    return redirect(visit, f"{home(visit)}/{place}", agenda=what, retour=token, _at="annonce")


def _typed(visit: Visit, before: TaskDraft) -> tuple[TaskDraft, str]:
    """The draft that was typed, and what is wrong with it. Fields that a shorter form lacks stay as they were."""
    form, _ = visit.form, visit._
    title = " ".join(form.text("titre").split())
    if not title or len(title) > MAX_TITLE:
        return before, _("Donnez un titre, de 200 caractères au plus.")
    all_day = not form.text("heure")
    due = moment_of(form, all_day=all_day)
    if due is None and (form.text("jour") or form.text("heure")):
        return before, _("Donnez un jour, et une heure si elle compte.")
    made = replace(before, title=title, due=due, all_day=all_day or due is None)
    if form.has("complet"):
        priority = form.number("priorite")
        made = replace(
            made,
            description=form.text("description").replace("\r\n", "\n").strip()[:MAX_DESCRIPTION],
            priority=priority if priority in PRIORITIES else before.priority,
        )
    return made, ""
