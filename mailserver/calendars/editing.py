"""Changes of a stored event: this occurrence, the following ones, or all (RFC 5545 sections 3.8.4.4 and 3.8.5).

* **this**: a component of its own with RECURRENCE-ID; removed, an EXDATE.
* **following**: the series ends before (UNTIL) and another, with a UID of its own, begins here. What had been said
  of later occurrences (exceptions, dates left out) goes along.
* **all**: the series itself. When it moves, its exceptions move with it; those a new rule does not reach any more go.

Functions take and give texts; the caller stores them under the ETag it saw.
"""

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import icalendar

from mailserver.calendars import events, rules, single_dates
from mailserver.calendars.event_series import Series, earlier, on_clock, rules_of
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar import zones
from mailserver.calendars.occurrences import ending, same
from mailserver.model.errors import Reason, Refused

THIS, FOLLOWING, ALL = "cette", "suivantes", "toutes"
SCOPES: Final = (THIS, FOLLOWING, ALL)
_SECOND = datetime.timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Changed:
    """The new text of an item, None when nothing is left of it; and a series that was cut off it."""

    text: str | None
    following: str | None = None


def create(draft: Draft, uid: str, now: datetime.datetime) -> str:
    """A new event."""
    calendar: Any = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", events.PRODUCT)
    event: Any = icalendar.Event()
    event.add("UID", uid)
    event.add("CREATED", now)
    event.add("DTSTAMP", now)
    events.fill(event, None, draft)
    start = events.stamped(draft.start, draft)
    events.set_times(event, start, events.stamped(draft.end, draft))
    if draft.rule is not None:
        event.add("RRULE", rules.written(draft.rule, start))
    calendar.add_component(event)
    zones.complete(calendar)
    octets: bytes = calendar.to_ical()
    return octets.decode()


def draft(text: str, key: str, shown_in: str) -> Draft:
    """What a form shows of an occurrence. Raises Refused(NOT_FOUND)."""
    series = Series(text)
    return events.read(series.shown(key), series.master, shown_in)


def change(
    text: str, key: str, scope: str, after: Draft, shown_in: str, now: datetime.datetime, uid: Callable[[], str]
) -> Changed:
    """Make the occurrence, those after it too, or all, what the draft says. Raises Refused(NOT_FOUND | INVALID)."""
    series = Series(text)
    shown = series.shown(key)
    before = events.read(shown, series.master, shown_in)
    if before == after:
        return Changed(text)
    if not series.recurs or not key:
        _change_all(series, shown, before, after, now)
        return Changed(series.text())
    if scope == THIS or series.master is None:
        _change_one(series, key, before, after, now)
        return Changed(series.text())
    if scope == FOLLOWING and not series.begins_with(series.key(key)):
        later = _cut(series, series.key(key), uid(), now)
        start = later.master["DTSTART"].dt
        _change_all(later, later.override(start) or later.master, before, after, now)
        return Changed(series.text(), later.text())
    _change_all(series, shown, before, after, now)
    return Changed(series.text())


def erase(text: str, key: str, scope: str, now: datetime.datetime, *, organized: bool = True) -> Changed:
    """Take the occurrence, those after it too, or all away. Raises Refused(NOT_FOUND).

    Unless it is `organized` by whoever does so, it stays the version that its organizer sent: with a number of their
    own an attendee would take the next one for an old one (RFC 5545 section 3.8.7.4).
    """
    series = Series(text)
    shown = series.shown(key)
    if not series.recurs or not key or scope == ALL:
        return Changed(None)
    when = series.key(key)
    if series.master is None:
        series.drop(shown)
        return Changed(series.text() if series.events else None)
    if scope == FOLLOWING:
        if series.begins_with(when):
            return Changed(None)
        series.end(when)
    else:
        series.leave_out(when)
    if organized:
        events.touch(series.master, now)
    return Changed(series.text() if series.happens() else None)


def _change_one(series: Series, key: str, before: Draft, after: Draft, now: datetime.datetime) -> None:
    one = series.alone(key)
    events.fill(one, before, after)
    if _times(before) != _times(after):
        events.set_times(one, events.stamped(after.start, after), events.stamped(after.end, after))
    events.touch(one, now)


def _change_all(series: Series, shown: Any, before: Draft, after: Draft, now: datetime.datetime) -> None:
    """The series becomes what the draft says of one of its occurrences."""
    master = series.master if series.master is not None else shown
    others = [event for event in series.events if event is not master]
    was = {id(event): events.read(event, None, before.zone) for event in (master, *others)}
    first = was[id(master)]
    events.fill(master, before, after)
    for other in others:
        own = was[id(other)]
        same_words = replace(
            own,
            title=after.title if own.title == first.title else own.title,
            place=after.place if own.place == first.place else own.place,
            description=after.description if own.description == first.description else own.description,
        )
        events.fill(other, own, same_words)
    if _times(before) != _times(after):
        _move(series, master, before, after)
    if (before.rule, before.custom) != (after.rule, after.custom) and not after.custom:
        _new_rule(series, master, after)
    for event in series.events:
        events.touch(event, now)


def _move(series: Series, master: Any, before: Draft, after: Draft) -> None:
    """Put the series off, with everything that names one of its times."""
    later = after.start - before.start
    length = own_length = lasting(master)  # whatever the occurrence that was shown has of its own
    if before.all_day != after.all_day or before.end - before.start != after.end - after.start:
        length = after.end - after.start
    zone = events.zone_of(master, before.zone)

    def shifted(when: datetime.date) -> datetime.date:
        if isinstance(when, datetime.datetime) and when.tzinfo is not None:
            when = when.astimezone(zones.known(zone) or datetime.UTC)
        return events.stamped(rules.naive_of(when) + later, after)

    days = ((after.start.date() - before.start.date()).days) if later else 0
    same_rule = before.rule == after.rule and before.custom == after.custom
    rule = rules.read(master["RRULE"], master["DTSTART"].dt) if before.rule is not None else None
    if same_rule and "RRULE" in master and days:
        recurs = master["RRULE"] if isinstance(master["RRULE"], list) else [master["RRULE"]]
        if not all(rules.turned(recur, days) for recur in recurs):
            raise Refused(Reason.INVALID, "The rule names days: it does not move so")
    for other in (event for event in series.events if event is not master):
        when, own = other["RECURRENCE-ID"].dt, other["DTSTART"].dt
        if own == when or before.all_day != after.all_day:
            start = shifted(when)
            lasts = length if lasting(other) == own_length or before.all_day != after.all_day else lasting(other)
            events.set_times(other, start, events.stamped(rules.naive_of(start) + lasts, after))
        events.put_recurrence_id(other, shifted(when))
    for name in ("EXDATE", "RDATE"):
        listed = single_dates.listed(master, name)
        single_dates.put(master, name, [single_dates.moved(one, shifted) for one in listed])
    start = shifted(master["DTSTART"].dt)
    events.set_times(master, start, events.stamped(rules.naive_of(start) + length, after))
    if same_rule and rule is not None and rule.until is not None:
        turned = tuple((day + days) % 7 for day in rule.days)
        until = rule.until + datetime.timedelta(days=days)
        events.put(master, "RRULE", rules.written(replace(rule, days=turned, until=until), start))
    elif same_rule:
        for recur in rules_of(master):
            if "UNTIL" in recur:
                recur["UNTIL"] = [_until(recur["UNTIL"][0], shifted, days, start)]


def _until(
    until: datetime.date, shifted: Callable[[datetime.date], datetime.date], days: int, start: datetime.date
) -> datetime.date:
    """The end of a rule that a form cannot show, moved along: the last occurrence would lie behind it."""
    if not isinstance(until, datetime.datetime):
        return rules.last_moment(until + datetime.timedelta(days=days), start)
    moved = shifted(until)
    return moved.astimezone(datetime.UTC) if isinstance(moved, datetime.datetime) and moved.tzinfo else moved


def _new_rule(series: Series, master: Any, after: Draft) -> None:
    """Another rule, or none: what was said of occurrences it does not give any more is forgotten."""
    for name in ("RRULE", "EXRULE", "RDATE"):
        master.pop(name, None)
    others = [event for event in series.events if event is not master]
    left_out = single_dates.begins(master, "EXDATE")
    master.pop("EXDATE", None)
    start = master["DTSTART"].dt
    times: set[datetime.datetime] = set()
    if after.rule is not None:
        recur = rules.written(after.rule, start)
        master.add("RRULE", recur)
        named = [on_clock(when, start) for when in (*left_out, *(other["RECURRENCE-ID"].dt for other in others))]
        times = set(rules.walked(recur, start, max(named))) if named else set()
    for when in left_out:
        if on_clock(when, start) in times:
            master.add("EXDATE", when)
    for other in others:
        if on_clock(other["RECURRENCE-ID"].dt, start) not in times:
            series.drop(other)


def _cut(series: Series, when: datetime.date, uid: str, now: datetime.datetime) -> Series:
    """End the series before that occurrence and begin another there, which is returned."""
    later = Series(series.text())
    master = later.master
    start, length = _resumed(master, when)
    for recur in rules_of(master):
        if "COUNT" in recur:
            passed = len(rules.walked(recur, master["DTSTART"].dt, rules.naive_of(when) - _SECOND))
            recur["COUNT"] = [max(1, int(recur["COUNT"][0]) - passed)]
    for name in ("EXDATE", "RDATE"):
        listed = [one for one in single_dates.listed(master, name) if not earlier(single_dates.begin(one), when)]
        single_dates.put(
            master, name, [one for one in listed if name == "EXDATE" or not same(single_dates.begin(one), start)]
        )
    for other in [event for event in later.events if event is not master]:
        if earlier(other["RECURRENCE-ID"].dt, when):
            later.drop(other)
    end = start + length if isinstance(start, datetime.datetime) else (rules.naive_of(start) + length).date()
    events.set_times(master, start, end)
    for event in later.events:
        events.put(event, "UID", uid)
    series.end(when)
    events.touch(series.master, now)
    return later


def _resumed(master: Any, when: datetime.date) -> tuple[datetime.date, datetime.timedelta]:
    """Where the series goes on from that occurrence on, and how long one lasts: what a rule says of weekdays and the
    like counts from its start, so a date that stands beside the rule is none. Without a rule that goes on, the
    occurrence itself, and the rules are taken away."""
    first = master["DTSTART"].dt
    found = [one for recur in rules_of(master) if (one := rules.first_from(recur, first, rules.naive_of(when)))]
    if found:
        naive = min(found)
        start = naive.replace(tzinfo=when.tzinfo) if isinstance(when, datetime.datetime) else naive.date()
        return start, lasting(master)
    master.pop("RRULE", None)
    lengths = [
        single_dates.length(one) for one in single_dates.listed(master, "RDATE") if same(single_dates.begin(one), when)
    ]
    return when, next((one for one in lengths if one is not None), lasting(master))


def lasting(event: Any) -> datetime.timedelta:
    """How long an event lasts; on its clock, where that is one."""
    first: datetime.date = event["DTSTART"].dt
    last = ending(event)
    if isinstance(first, datetime.datetime) and isinstance(last, datetime.datetime) and first.tzinfo and last.tzinfo:
        return last - first
    return rules.naive_of(last) - rules.naive_of(first)


def _times(draft: Draft) -> tuple[object, ...]:
    return (draft.start, draft.end, draft.all_day, None if draft.all_day else draft.zone)
