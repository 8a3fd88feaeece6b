"""The form of an event: a new one, one that is changed, and what is said when somebody else was faster."""

from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.calendars import editing, events
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar import zones
from mailserver.model.errors import Reason, Refused
from webui.agenda import event_items, form_values, words
from webui.agenda.event_items import Desk, Found, home
from webui.agenda.events.event import AskPage, answer, back_to, check_own, key_of, read, scope_of, view_of, write
from webui.agenda.form_values import Typed
from webui.page.context import Services, Visit
from webui.page.words import durations


@dataclass(frozen=True, slots=True)
class FormPage:
    """An event to make or to change."""

    frame: object
    desk: Desk
    home: str
    view: str
    found: Found | None
    typed: Typed
    recurs: bool
    custom: bool
    other_reminder: bool
    scope: str
    etag: str
    zones: tuple[str, ...]
    weekdays: tuple[str, ...]
    reminders: tuple[tuple[int, str], ...]
    ordinal: str
    fault: str
    back: str


async def begin(services: Services, visit: Visit) -> Response:
    """GET /agenda/nouveau; `copie` names an event that it is to be like."""
    place = await event_items.desk(services, visit)
    made, agenda = form_values.fresh(visit), visit.query("agenda")
    if visit.query("copie"):
        found = await event_items.find(services, visit, place, key_of(visit.query("le")), visit.query("copie"))
        if found.hidden:
            raise Refused(Reason.READ_ONLY)
        made, _shown, _recurs = await read(visit, found)
        made = replace(made, rule=None, custom=False, reminder=max(made.reminder, events.NO_REMINDER))
        agenda = str(found.shelf.id)
    return await _form(services, visit, place, None, form_values.shown(made, _first(place, agenda)), made)


def _first(place: Desk, asked: str) -> int:
    ids = [shelf.id for shelf in place.writable]
    if not ids:
        raise Refused(Reason.NOT_FOUND, "No agenda to write in")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 18 and int(asked) in ids else ids[0]


async def create(services: Services, visit: Visit) -> Response:
    """POST /agenda/nouveau."""
    place = await event_items.desk(services, visit)
    zone = words.zone_of(visit).key
    made, faults = form_values.draft(visit, replace(form_values.fresh(visit), zone=zone))
    shelf_id = visit.form.number("agenda")
    if shelf_id not in [shelf.id for shelf in place.writable]:
        faults["agenda"] = visit._("Choisissez un agenda de la liste.")
    if faults:
        return await _form(services, visit, place, None, form_values.again(visit.form, faults), made, status=422)
    uid = services.clock.token(16).hex()
    try:
        text = await event_items.computed(visit, editing.create, made, uid, event_items.moment(visit))
        step = await event_items.computed(visit, event_items.step, shelf_id, f"{uid}.ics", None, text)
        token = await event_items.store(services, visit, [step])
    except Refused as refused:
        fault = _fault(visit, refused)
        return await _form(
            services, visit, place, None, form_values.again(visit.form, {}), made, fault=fault, status=422
        )
    return answer(visit, "cree", token, made.start.date())


async def edit(services: Services, visit: Visit) -> Response:
    """GET /agenda/evenement/{item}/modifier."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.query("le")))
    draft, shown, recurs = await read(visit, found)
    check_own(visit, found, shown)
    return await _form(services, visit, place, found, form_values.shown(draft, found.shelf.id), draft, recurs=recurs)


async def save(services: Services, visit: Visit) -> Response:
    """POST /agenda/evenement/{item}/modifier."""
    place = await event_items.desk(services, visit)
    try:
        found = await event_items.find(services, visit, place, key_of(visit.form.text("le")))
    except Refused:
        return await _gone(services, visit, place)
    before, shown, recurs = await read(visit, found)
    check_own(visit, found, shown)
    made, faults = form_values.draft(visit, before)
    scope = scope_of(visit, found, recurs)
    target = visit.form.number("agenda") or found.shelf.id
    if target not in [shelf.id for shelf in place.writable]:
        faults["agenda"] = visit._("Choisissez un agenda de la liste.")
    elif target != found.shelf.id and scope != editing.ALL:
        faults["agenda"] = visit._("Un événement répété change d’agenda tout entier : choisissez « toutes ».")
    if scope == editing.THIS and (made.rule, made.custom) != (before.rule, before.custom):
        faults["repeter"] = visit._(
            "Une seule occurrence ne se répète pas : choisissez « les suivantes » ou « toutes »."
        )
    again = form_values.again(visit.form, faults)
    if faults:
        return await _form(services, visit, place, found, again, before, recurs=recurs, status=422)
    if visit.form.text("etag") != found.row.etag:
        return await _conflict(services, visit, place, found, before)
    try:
        token = await write(services, visit, found, target, scope, made)
    except Refused as refused:
        if refused.reason is Reason.CONFLICT:
            return await _conflict(services, visit, place, found, before)
        fault = _fault(visit, refused)
        return await _form(services, visit, place, found, again, before, recurs=recurs, fault=fault, status=422)
    return answer(visit, "modifie", token, made.start.date())


async def _form(
    services: Services,
    visit: Visit,
    place: Desk,
    found: Found | None,
    shown: Typed,
    draft: Draft,
    *,
    recurs: bool = False,
    fault: str = "",
    status: int = 200,
) -> Response:
    language = visit.language
    offered = dict.fromkeys((words.zone_of(visit).key, draft.zone, *zones.OFFERED))
    minutes = dict.fromkeys((*form_values.REMINDERS, *([draft.reminder] if draft.reminder >= 0 else [])))
    weekday = words.weekday(language, draft.start.weekday())
    number = form_values.ordinal(draft.start.date())
    view = view_of(visit, visit.form.text("vue") or visit.query("vue"))
    page = FormPage(
        place.frame,
        place,
        home(visit),
        view,
        found,
        shown,
        recurs and found is not None and bool(found.key),
        draft.custom,
        draft.reminder == events.OTHER_REMINDER,
        visit.form.text("portee") or editing.THIS,
        visit.form.text("etag") or (found.row.etag if found is not None else ""),
        tuple(zone for zone in offered if zone),
        tuple(words.weekday(language, number) for number in range(7)),
        tuple((value, durations.before(language, value)) for value in sorted(minutes)),
        f"{words.ordinal(language, number)} {weekday}",
        fault,
        back_to(visit, view, draft.start.date()),
    )
    return services.pages.answer(visit, "agenda/form.html", page, status)


async def _conflict(services: Services, visit: Visit, place: Desk, found: Found, now: Draft) -> Response:
    """409: another client changed the event while it was edited here. Both versions are shown."""
    fresh = await event_items.find(services, visit, place, found.key)
    fields = tuple(
        (name, value)
        for name, values in visit.form.fields.items()
        for value in values[:7]
        if name not in ("etag", "m_")
    )
    page = AskPage(
        place.frame, place, home(visit), view_of(visit, visit.form.text("vue")), fresh, now.title,
        words.when(visit.language, now), False, fields, "modifier", back_to(visit, "", now.start.date()),
    )  # fmt: skip
    return services.pages.answer(visit, "agenda/conflict.html", page, 409)


async def _gone(services: Services, visit: Visit, place: Desk) -> Response:
    """409: the event was deleted while it was edited here; what was typed can become a new one."""
    made, _faults = form_values.draft(visit, form_values.fresh(visit))
    fault = visit._("Cet événement a été supprimé entre-temps. Enregistrez pour en faire un nouveau.")
    shown = form_values.again(visit.form, {})
    return await _form(services, visit, place, None, shown, made, fault=fault, status=409)


def _fault(visit: Visit, refused: Refused) -> str:
    _ = visit._
    texts = {
        Reason.LIMIT: _("Cet agenda est plein."),
        Reason.TOO_BIG: _("Cet événement est trop volumineux."),
        Reason.INVALID: _(
            "Ces dates ne vont pas ensemble. Si la répétition nomme des jours, changez-les aussi, "
            "ou ne déplacez que cette occurrence."
        ),
        Reason.CONFLICT: _("Cet événement existe déjà dans l’agenda choisi."),
        Reason.FORBIDDEN: _("Dans l’agenda de quelqu’un d’autre, un événement ne peut pas être privé."),
    }
    if refused.reason not in texts:
        raise refused
    return texts[refused.reason]
