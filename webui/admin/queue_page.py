"""The outgoing queue: what waits, try again, keep, throw away."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from mailserver.store.queue import spool, waiting
from mailserver.store.queue.spool import Entry
from mailserver.store.queue.waiting import State
from mailserver.submission import queue_admin
from webui.admin.access import origin
from webui.admin.console_page import Top, done, stamp, top
from webui.admin.words.import_reasons import told
from webui.http.forms import positive
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

PER_PAGE = 100
MAX_CHOSEN = 250


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the queue."""

    entry: Entry
    recipients: str
    queued: str
    due: str
    size: str
    answer: str


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A part of the queue."""

    top: Top
    state: State
    name: str
    lines: tuple[Line, ...]
    after: int


@dataclass(frozen=True, slots=True)
class DropPage:
    """Before rows are thrown away."""

    top: Top
    lines: tuple[Line, ...]
    count: int
    fault: str


async def show_queue(services: Services, visit: Visit, fault: str = "") -> Response:
    """GET /admin/file."""
    name = visit.query("nom").strip()[:40]
    if name:
        rows = await services.store.read(spool.find, name)
        entries, after = await services.store.read(spool.entries, rows), 0
    else:
        entries = await services.store.read(spool.show, PER_PAGE + 1, positive(visit.query("apres")))
        after = entries[PER_PAGE - 1].id if len(entries) > PER_PAGE else 0
    state = await services.store.read(waiting.state)
    lines = tuple(_line(visit, entry) for entry in entries[:PER_PAGE])
    page = QueuePage(top(visit, "file", fault), state, name, lines, after)
    return services.pages.answer(visit, "admin/queue.html", page, 422 if fault else 200)


async def act(services: Services, visit: Visit) -> Response:
    """POST /admin/file: the button says what; throwing away asks first."""
    form = visit.form
    chosen = form.numbers("envoi", MAX_CHOSEN)
    what = form.text("faire")
    if what == "tout":
        count = await services.store.write(queue_admin.retry, origin(visit))
        return redirect(visit, "/admin/file", **done("relance", count))
    if not chosen:
        return await show_queue(services, visit, visit._("Cochez au moins un envoi."))
    match what:
        case "relancer":
            count = await services.store.write(queue_admin.retry, origin(visit), chosen)
            return redirect(visit, "/admin/file", **done("relance", count))
        case "retenir":
            count = await services.store.write(queue_admin.hold, origin(visit), chosen)
            return redirect(visit, "/admin/file", **done("retenu", count))
        case _:
            return await _drop(services, visit, chosen, confirmed=what == "confirmer")


async def _drop(services: Services, visit: Visit, chosen: Sequence[int], *, confirmed: bool) -> Response:
    """The page that shows how many and asks to type it; then the act."""
    entries = await services.store.read(spool.entries, chosen)
    fault = ""
    if confirmed:
        if visit.form.text("nombre").strip() == str(len(entries)) and entries:
            count = await services.store.write(queue_admin.drop, origin(visit), [entry.id for entry in entries])
            return redirect(visit, "/admin/file", **done("jete", count))
        fault = visit._("Ce n’est pas ce nombre. Rien n’a été jeté.")
    lines = tuple(_line(visit, entry) for entry in entries)
    page = DropPage(top(visit, "file"), lines, len(lines), fault)
    return services.pages.answer(visit, "admin/queue_drop.html", page, 422 if fault else 200)


def _line(visit: Visit, entry: Entry) -> Line:
    _ = visit._
    if entry.error.name == spool.HELD.name:
        due = _("retenu")
    elif entry.error.name == spool.BRAKED.name:
        due = _("retenu par le frein")
    elif entry.sending:
        due = _("en cours d’envoi")
    else:
        due = stamp(visit, entry.due)
    shown = ", ".join(entry.recipients[:5]) + (" …" if len(entry.recipients) > 5 else "")
    kept = entry.error.name in (spool.HELD.name, spool.BRAKED.name)
    return Line(
        entry,
        shown,
        stamp(visit, entry.created),
        due,
        visit.language.size(entry.size),
        "" if kept else told(visit, entry.error),
    )
