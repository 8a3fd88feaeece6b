"""An event is moved, deleted, and put back: what is done without its form, and the questions asked before."""

from dataclasses import replace

from starlette.responses import Response

from mailserver.calendars import editing, events, occurrences
from mailserver.calendars.editing import SCOPES
from mailserver.calendars.events import Draft
from mailserver.model.errors import BadSyntax, Reason, Refused
from webui.agenda import event_items, views, words
from webui.agenda.event_items import Found, home
from webui.agenda.events.event import AskPage, answer, back_to, check_own, key_of, read, scope_of, view_of, write
from webui.agenda.tasks import tasks_page
from webui.page.context import Services, Visit
from webui.page.rendering import redirect

MAX_MINUTES = 366 * 24 * 60


async def move(services: Services, visit: Visit) -> Response:
    """POST /agenda/evenement/{item}/deplacer: later or longer by minutes, or a copy of it there (`copie`); asks which
    occurrences if several."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.form.text("le")))
    before, shown, recurs = await read(visit, found)
    check_own(visit, found, shown)
    after = events.moved(before, _signed(visit, "minutes"), _signed(visit, "duree"))
    if visit.form.text("copie"):
        return await _copy(services, visit, found, after)
    if recurs and found.key and visit.form.text("portee") not in SCOPES:
        names = ("le", "etag", "minutes", "duree", "vue")
        fields = tuple((name, visit.form.text(name)) for name in names)
        page = AskPage(
            place.frame, place, home(visit), view_of(visit, visit.form.text("vue")), found, before.title,
            words.when(visit.language, after), True, fields, "deplacer", back_to(visit, "", before.start.date()),
        )  # fmt: skip
        return services.pages.answer(visit, "agenda/move.html", page)
    if visit.form.text("etag") != found.row.etag:
        raise Refused(Reason.CONFLICT)
    scope = scope_of(visit, found, recurs)
    token = await write(services, visit, found, found.shelf.id, scope, after)
    return answer(visit, "deplace", token, after.start.date())


async def _copy(services: Services, visit: Visit, found: Found, after: Draft) -> Response:
    """Another event like this one, there; it happens once, and nobody is invited to it."""
    if found.hidden:
        raise Refused(Reason.READ_ONLY)
    uid = services.clock.token(16).hex()
    made = replace(after, rule=None, custom=False, reminder=max(after.reminder, events.NO_REMINDER))
    text = await event_items.computed(visit, editing.create, made, uid, event_items.moment(visit))
    step = await event_items.computed(visit, event_items.step, found.shelf.id, f"{uid}.ics", None, text)
    token = await event_items.store(services, visit, [step])
    return answer(visit, "copie", token, after.start.date())


async def ask_erase(services: Services, visit: Visit) -> Response:
    """GET /agenda/evenement/{item}/supprimer."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.query("le")))
    draft, _shown, recurs = await read(visit, found)
    if found.closed:
        raise Refused(Reason.READ_ONLY)
    view = view_of(visit, visit.query("vue"))
    fields = (("le", found.key), ("etag", found.row.etag), ("vue", view))
    page = AskPage(
        place.frame, place, home(visit), view, found, draft.title, words.when(visit.language, draft),
        recurs and bool(found.key), fields, "supprimer", back_to(visit, view, draft.start.date()),
    )  # fmt: skip
    return services.pages.answer(visit, "agenda/erase.html", page)


async def erase(services: Services, visit: Visit) -> Response:
    """POST /agenda/evenement/{item}/supprimer."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.form.text("le")))
    if found.closed:
        raise Refused(Reason.READ_ONLY)
    if visit.form.text("etag") != found.row.etag:
        raise Refused(Reason.CONFLICT)
    draft, shown, recurs = await read(visit, found)
    scope = scope_of(visit, found, recurs)
    organized = views.is_movable(visit, found.shelf, occurrences.organizer(shown))
    changed = await event_items.computed(
        visit, editing.erase, found.text, found.key, scope, event_items.moment(visit), organized=organized
    )
    step = await event_items.computed(
        visit, event_items.step, found.shelf.id, found.row.href, found.row.etag, changed.text
    )
    token = await event_items.store(services, visit, [step])
    return answer(visit, "supprime", token, draft.start.date())


async def undo(services: Services, visit: Visit) -> Response:
    """POST /agenda/annuler."""
    done = await event_items.take_back(services, visit, visit.form.text("jeton"))
    day = visit.form.text("jour")
    if visit.form.text("vue") == tasks_page.VIEW:
        return redirect(visit, f"{home(visit)}/taches", agenda="repris" if done else "tard", _at="annonce")
    return answer(visit, "repris" if done else "tard", "", views.day_of(day) or words.today(visit))


def _signed(visit: Visit, name: str) -> int:
    text = visit.form.text(name) or "0"
    number = text.removeprefix("-")
    if not number.isascii() or not number.isdigit() or len(number) > 6 or int(number) > MAX_MINUTES:
        raise BadSyntax("Not a number of minutes")
    return -int(number) if text.startswith("-") else int(number)
