"""One event as a person sees and changes it: read from its component, written back without losing anything else.

Only what differs from what was shown is written, so properties, parameters and alarms this service knows nothing of
stay as their author's client made them.
"""

import datetime
from dataclasses import dataclass, replace
from typing import Any, Final

import icalendar

from mailserver.calendars import rules
from mailserver.calendars.icalendar.zones import known
from mailserver.calendars.occurrences import categories, ending, first_text
from mailserver.calendars.rules import Rule

PRODUCT = "-//mailserver//webui//FR"
PUBLIC, PRIVATE, CONFIDENTIAL = "PUBLIC", "PRIVATE", "CONFIDENTIAL"
VISIBILITIES: Final = (PUBLIC, PRIVATE, CONFIDENTIAL)
NO_REMINDER, OTHER_REMINDER = -1, -2
"""No alarm; an alarm, or several, that a form cannot show and that stay as they are."""
MAX_REMINDER = 4 * 7 * 24 * 60
"""Minutes before the start."""
FLOATING = ""
"""The zone of a time that is the same on every clock."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who was invited, and what they answered (RFC 5545 section 3.2.12)."""

    name: str
    address: str
    status: str


@dataclass(frozen=True, slots=True)
class Draft:
    """What a form shows of an event. Times are naive, on the clock of `zone`; an all-day `end` is the day after."""

    title: str
    start: datetime.datetime
    end: datetime.datetime
    all_day: bool = False
    zone: str = "Europe/Paris"
    place: str = ""
    description: str = ""
    rule: Rule | None = None
    custom: bool = False
    """It recurs by rules that a form cannot show; they stay as they are."""
    reminder: int = NO_REMINDER
    """Minutes before the start."""
    visibility: str = PUBLIC
    categories: tuple[str, ...] = ()

    @property
    def recurs(self) -> bool:
        return self.custom or self.rule is not None


def read(event: Any, master: Any, shown_in: str) -> Draft:
    """The draft of an occurrence; `master` carries the rules, `shown_in` is the zone for times in UTC."""
    first, last = event["DTSTART"].dt, ending(event)
    zone = zone_of(event, shown_in)
    rule = None
    recurs = master is not None and any(name in master for name in ("RRULE", "RDATE", "EXRULE"))
    if recurs and "RRULE" in master and not isinstance(master["RRULE"], list) and "RDATE" not in master:
        rule = rules.read(master["RRULE"], master["DTSTART"].dt)
    all_day = not isinstance(first, datetime.datetime)
    start, end = _clock(first, zone), _clock(last, zone)
    if all_day and end <= start:
        end = start + datetime.timedelta(days=1)
    visibility = (first_text(event, "CLASS") or PUBLIC).upper()
    return Draft(
        first_text(event, "SUMMARY"),
        start,
        max(start, end),
        all_day,
        zone,
        first_text(event, "LOCATION"),
        first_text(event, "DESCRIPTION"),
        rule,
        recurs and rule is None,
        _reminder(event),
        visibility if visibility in VISIBILITIES else PRIVATE,  # RFC 5545 section 3.8.1.3
        categories(event),
    )


def zone_of(event: Any, shown_in: str) -> str:
    """The zone a form shows an event in: its own; the reader's for UTC; FLOATING for none."""
    start = event["DTSTART"]
    if not isinstance(start.dt, datetime.datetime):
        return shown_in
    if start.dt.tzinfo is None:
        return FLOATING
    key = getattr(start.dt.tzinfo, "key", "") or str(start.params.get("TZID", ""))
    return shown_in if key in ("UTC", "") or known(key) is None else key


def attendees(event: Any) -> tuple[Attendee, ...]:
    """Who was invited."""
    values = event.get("ATTENDEE", [])
    return tuple(
        Attendee(
            str(one.params.get("CN", "")) if hasattr(one, "params") else "",
            str(one).removeprefix("mailto:").removeprefix("MAILTO:"),
            str(one.params.get("PARTSTAT", "NEEDS-ACTION")).upper() if hasattr(one, "params") else "",
        )
        for one in (values if isinstance(values, list) else [values])
    )


# ---------------------------------------------------------------------- writing


def fill(event: Any, before: Draft | None, after: Draft) -> None:
    """Write what differs from `before` (None: everything), but neither times nor rules."""
    for name, old, new in (
        ("SUMMARY", before and before.title, after.title),
        ("LOCATION", before and before.place, after.place),
        ("DESCRIPTION", before and before.description, after.description),
    ):
        if old != new:
            put(event, name, new)
    if before is not None and before.description != after.description:
        for name in ("X-ALT-DESC", "STYLED-DESCRIPTION"):  # the same text as HTML, which would now say something else
            event.pop(name, None)
    if before is None or before.visibility != after.visibility:
        put(event, "CLASS", "" if after.visibility == PUBLIC else after.visibility)
    if before is None or before.categories != after.categories:
        put(event, "CATEGORIES", list(after.categories))
    if (before is None or before.reminder != after.reminder) and after.reminder != OTHER_REMINDER:
        _remind(event, after)


def put(event: Any, name: str, value: Any) -> None:
    """Set a property, or take it away when the value is empty."""
    event.pop(name, None)
    if value not in ("", [], None):
        event.add(name, value)


def put_recurrence_id(event: Any, when: datetime.date) -> None:
    """Let the component of a date name another one; what it says of those that follow (RANGE) stays."""
    of_which = event["RECURRENCE-ID"].params.get("RANGE")
    event.pop("RECURRENCE-ID")
    event.add("RECURRENCE-ID", when, {"RANGE": of_which} if of_which else None)


def set_times(event: Any, start: datetime.date, end: datetime.date) -> None:
    """Both times; DTEND stands for a DURATION that was there."""
    for name in ("DTSTART", "DTEND", "DURATION"):
        event.pop(name, None)
    event.add("DTSTART", start)
    event.add("DTEND", end)


def touch(event: Any, now: datetime.datetime) -> None:
    """The event is another one from now on (RFC 5545 sections 3.8.7.2 to 3.8.7.4)."""
    put(event, "DTSTAMP", now)
    put(event, "LAST-MODIFIED", now)
    sequence = event.get("SEQUENCE", 0)
    event.pop("SEQUENCE", None)
    event.add("SEQUENCE", int(sequence) + 1)


def stamped(clock: datetime.datetime, draft: Draft) -> datetime.date:
    """A naive time as the draft's kind of value: a date, a floating time, a time in its zone."""
    if draft.all_day:
        return clock.date()
    zone = known(draft.zone) if draft.zone != FLOATING else None
    return clock.replace(tzinfo=datetime.UTC if draft.zone == "UTC" else zone)


def moved(draft: Draft, minutes: int, length: int) -> Draft:
    """The draft put off by minutes and made longer by `length` minutes, but never shorter than a day or 5 minutes."""
    later, longer = datetime.timedelta(minutes=minutes), datetime.timedelta(minutes=length)
    least = datetime.timedelta(days=1) if draft.all_day else datetime.timedelta(minutes=5)
    start = draft.start + later
    return replace(draft, start=start, end=max(draft.end + later + longer, start + least))


def _clock(when: datetime.date, zone: str) -> datetime.datetime:
    """A date or time on the naive clock of a zone."""
    if isinstance(when, datetime.datetime) and when.tzinfo is not None:
        when = when.astimezone(known(zone) or datetime.UTC)
    return rules.naive_of(when)


def _reminder(event: Any) -> int:
    alarms = event.walk("VALARM")
    if not alarms:
        return NO_REMINDER
    trigger = alarms[0].get("TRIGGER")
    value = getattr(trigger, "dt", None)
    if len(alarms) > 1 or not isinstance(value, datetime.timedelta):
        return OTHER_REMINDER
    if str(trigger.params.get("RELATED", "START")).upper() != "START" or "REPEAT" in alarms[0]:
        return OTHER_REMINDER
    minutes = -value.total_seconds() / 60
    return int(minutes) if minutes == int(minutes) and 0 <= minutes <= MAX_REMINDER else OTHER_REMINDER


def _remind(event: Any, draft: Draft) -> None:
    """The alarm that a form shows, with its sound or whatever it does, at another time; or a new one."""
    alarms = event.walk("VALARM")
    shown = alarms[0] if _reminder(event) >= 0 else None
    event.subcomponents = [part for part in event.subcomponents if part.name != "VALARM" or part is shown]
    if draft.reminder == NO_REMINDER:
        event.subcomponents = [part for part in event.subcomponents if part is not shown]
        return
    if shown is None:
        shown = icalendar.Alarm()
        shown.add("ACTION", "DISPLAY")
        shown.add("DESCRIPTION", draft.title or "-")
        event.add_component(shown)
    shown.pop("ACKNOWLEDGED", None)  # by whoever saw it ring at the time before (RFC 9074 section 6.1)
    put(shown, "TRIGGER", -datetime.timedelta(minutes=draft.reminder))
