"""One event: its page, and how whatever is done to it finds, reads and writes it."""

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.responses import Response

from mailserver.calendars import editing, events, occurrences
from mailserver.calendars.editing import SCOPES
from mailserver.calendars.event_series import Series
from mailserver.calendars.events import Attendee, Draft
from mailserver.calendars.icalendar import zones
from mailserver.calendars.school import school_classes
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.outbound.submission.became import Became
from mailserver.store.agenda.agenda_changes import Step
from webui.agenda import event_items, views, words
from webui.agenda.calendars import class_colours
from webui.agenda.collections_shown import addresses_of
from webui.agenda.event_items import Desk, Found, home
from webui.page.context import SIMPLE, Services, Visit
from webui.page.rendering import redirect
from webui.page.words import durations
from webui.page.words.became import parameter

MAX_KEY = 20
MAX_AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class EventPage:
    """An event to read."""

    frame: object
    desk: Desk
    home: str
    view: str
    found: Found
    draft: Draft
    when: str
    zone: str
    recurrence: str
    reminder: str
    attendees: tuple[Attendee, ...]
    organizer: str
    own: bool
    invited: str
    """What the person has answered to an invitation that can be answered here; empty: there is none."""
    cancelled: bool
    recurs: bool
    school_class: str
    colour: str
    at_once: tuple[str, ...]
    """What else happens meanwhile: title and hours."""
    more_at_once: int
    back: str

    @property
    def answers(self) -> Mapping[str, int]:
        """How many of those invited answered what."""
        return Counter(one.status for one in self.attendees)


@dataclass(frozen=True, slots=True)
class AskPage:
    """A question before something is done: which occurrences; or which version of two."""

    frame: object
    desk: Desk
    home: str
    view: str
    found: Found
    title: str
    when: str
    recurs: bool
    fields: tuple[tuple[str, str], ...]
    """What is posted again."""
    action: str
    back: str


async def show_event(services: Services, visit: Visit) -> Response:
    """GET /agenda/evenement/{item}; with `fiche=1` what the page says, to be shown beside the grid."""
    place = await event_items.desk(services, visit)
    found = await event_items.find(services, visit, place, key_of(visit.query("le")))
    draft, shown, recurs = await read(visit, found)
    organizer = occurrences.organizer(shown)
    if found.hidden:
        draft = replace(draft, title=visit._("Occupé"))
    page = EventPage(
        place.frame,
        place,
        home(visit),
        view_of(visit, visit.query("vue")),
        found,
        draft,
        words.when(visit.language, draft),
        draft.zone if not draft.all_day and draft.zone != words.zone_of(visit).key else "",
        words.recurrence(visit.language, draft),
        "" if draft.reminder < 0 else durations.before(visit.language, draft.reminder),
        events.attendees(shown)[:500],
        organizer,
        not found.hidden and views.is_movable(visit, found.shelf, organizer),
        invited_as(services, visit, found, shown),
        occurrences.first_text(shown, "STATUS").upper() == "CANCELLED",
        recurs,
        *_class_of(visit, found, draft),
        *await _at_once(services, visit, place, found, draft),
        back_to(visit, view_of(visit, visit.query("vue")), draft.start.date()),
    )
    template = "agenda/panel.html" if visit.query("fiche") else "agenda/event.html"
    return services.pages.answer(visit, template, page)


def _class_of(visit: Visit, found: Found, draft: Draft) -> tuple[str, str]:
    """The class an event of one's own is about, and its colour."""
    name = "" if found.shelf.owner else school_classes.class_of(draft.title, draft.categories)
    return name, class_colours.shown(visit, name) if name else found.shelf.colour


async def _at_once(
    services: Services, visit: Visit, place: Desk, found: Found, draft: Draft
) -> tuple[tuple[str, ...], int]:
    """What else keeps the person busy during an event of some hours; the first ones, and how many more."""
    if draft.all_day or found.shelf.owner or draft.end - draft.start > occurrences.DAY:
        return (), 0
    zone = words.zone_of(visit)
    own = zones.known(draft.zone) or zone
    start, end = (moment.replace(tzinfo=own).astimezone(zone) for moment in (draft.start, draft.end))
    expansion, _missing = await event_items.occurrences(
        services, visit, place, start.date(), end.date() + occurrences.DAY
    )
    mine = {shelf.id for shelf in place.shelves if not shelf.owner}
    others = [
        one
        for one in expansion.occurrences
        if one.collection_id in mine
        and (one.collection_id, one.href) != (found.shelf.id, found.row.href)
        and not (one.all_day or one.free or one.cancelled)
        and one.start < end
        and one.end > start
    ]
    told = tuple(
        f"{one.title or visit._('(sans titre)')}, {words.hours(visit.language, one, one.start.date())}"
        for one in others[:MAX_AT_ONCE]
    )
    return told, max(0, len(others) - MAX_AT_ONCE)


async def read(visit: Visit, found: Found) -> tuple[Draft, "Mapping[str, object]", bool]:
    """The draft of an occurrence, its component, and whether there are others. Raises Refused(INVALID)."""
    return await event_items.computed(visit, _read, found.text, found.key, words.zone_of(visit).key)


def _read(text: str, key: str, zone: str) -> tuple[Draft, "Mapping[str, object]", bool]:
    """In a thread."""
    try:
        series = Series(text)
        shown = series.shown(key)
        return events.read(shown, series.master, zone), shown, series.recurs
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError) as error:
        raise Refused(Reason.INVALID, "This event cannot be read") from error


async def write(services: Services, visit: Visit, found: Found, target: int, scope: str, after: Draft) -> str:
    """Change occurrences, in the agenda `target`; what undoes it, empty when nothing had to change.

    Raises Refused(CONFLICT | INVALID | LIMIT | TOO_BIG).
    """
    changed = await event_items.computed(
        visit,
        editing.change,
        found.text,
        found.key,
        scope,
        after,
        words.zone_of(visit).key,
        event_items.moment(visit),
        lambda: services.clock.token(16).hex(),
    )
    steps = await event_items.computed(visit, _steps, found, target, changed)
    return await event_items.store(services, visit, steps) if steps else ""


def _steps(found: Found, target: int, changed: editing.Changed) -> list[Step]:
    """In a thread: what a change writes. A series that is cut off gets a name of its own beside the first."""
    steps = []
    if target != found.shelf.id:
        steps.append(event_items.step(found.shelf.id, found.row.href, found.row.etag, None))
        steps.append(event_items.step(target, found.row.href, None, changed.text))
    elif changed.text != found.text:
        steps.append(event_items.step(found.shelf.id, found.row.href, found.row.etag, changed.text))
    if changed.following is not None:
        uid = str(Series(changed.following).master["UID"])
        steps.append(event_items.step(target, f"{uid}.ics", None, changed.following))
    return steps


def check_own(visit: Visit, found: Found, shown: "Mapping[str, object]") -> None:
    """Raises Refused(READ_ONLY) for an event that somebody else organizes, or keeps from the person."""
    if found.hidden or not views.is_movable(visit, found.shelf, occurrences.organizer(shown)):
        raise Refused(Reason.READ_ONLY)


def invited_as(services: Services, visit: Visit, found: Found, shown: "Mapping[str, object]") -> str:
    """What the person has answered to whoever of the academy invited them; empty where nothing can be answered."""
    organizer = occurrences.organizer(shown).casefold()
    mine = {address.casefold() for address in addresses_of(visit.principal)}
    if found.closed or found.shelf.owner or organizer in mine:
        return ""
    if organizer.rpartition("@")[2] not in services.settings.domains:
        return ""
    return next((one.status for one in events.attendees(shown)[:500] if one.address.casefold() in mine), "")


def check_answerable(services: Services, visit: Visit, found: Found, shown: "Mapping[str, object]") -> None:
    """Raises Refused(FORBIDDEN) for what is no invitation of the academy's to the person."""
    if not invited_as(services, visit, found, shown):
        raise Refused(Reason.FORBIDDEN)


def scope_of(visit: Visit, found: Found, recurs: bool) -> str:
    """Which occurrences are meant: those that were chosen, where there are several."""
    if not (recurs and found.key):
        return editing.ALL
    scope = visit.form.text("portee")
    if scope not in SCOPES:
        raise BadSyntax("Unknown scope")
    return scope


def key_of(text: str) -> str:
    return text if len(text) <= MAX_KEY and text.isascii() and text.isalnum() else ""


def view_of(visit: Visit, asked: str) -> str:
    return asked if asked in views.VIEWS else visit.preferences.agenda_view


def back_to(visit: Visit, view: str, day: datetime.date) -> str:
    """The page an event is on."""
    return f"{home(visit)}/{day}" if visit.interface == SIMPLE else f"{home(visit)}/{view_of(visit, view)}/{day}"


def answer(visit: Visit, what: str, token: str, day: datetime.date, letter: Became = Became.LEFT) -> Response:
    said = {"agenda": what, "retour": token} | parameter(letter)
    return redirect(visit, back_to(visit, visit.form.text("vue"), day), **said, _at="annonce")
