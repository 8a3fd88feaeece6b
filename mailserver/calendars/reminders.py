"""When events of one's own ask to be reminded of: their alarms that show something (RFC 5545 section 3.6.6).

Alarms by mail are for whoever wrote them to send; those that repeat ring once.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mailserver.calendars.occurrences import Occurrence, components, first_text, moment, shown
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import Item

AHEAD = datetime.timedelta(days=8)
"""How long before an event its alarms are looked for; a form offers a week."""
MAX_REMINDERS = 200
PAGE_SECONDS = 2.0
"""Of CPU for one look."""
_SHOWN: Final = ("", "DISPLAY", "AUDIO")


@dataclass(frozen=True, slots=True)
class Reminder:
    """An alarm of an event."""

    at: datetime.datetime
    event: Occurrence


def due(
    rows: Iterable[tuple[int, Item]],
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget | None = None,
) -> tuple[Reminder, ...]:
    """The alarms of these items that ring in [start, end), the earliest first; what cannot be read rings not.

    Computes: call it in a thread.
    """
    budget = budget or Budget(PAGE_SECONDS)
    found: dict[tuple[str, str, datetime.datetime], Reminder] = {}
    for collection_id, row in rows:
        if "BEGIN:VALARM" not in (row.text or ""):
            continue
        try:
            for one in _of(collection_id, row, start, end, zone, budget):
                found.setdefault((one.event.href, one.event.key, one.at), one)
        except Refused as refused:
            if refused.reason is Reason.LIMIT:
                break
        except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
            continue
        if len(found) >= MAX_REMINDERS:
            break
    return tuple(sorted(found.values(), key=lambda one: one.at)[:MAX_REMINDERS])


def _of(
    collection_id: int,
    row: Item,
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget,
) -> Iterator[Reminder]:
    for event, recurs in components(row.text or "", start - AHEAD, end + AHEAD, budget):
        made = shown(collection_id, row, event, zone, recurs=recurs)
        if made.cancelled:
            continue
        for alarm in event.walk("VALARM"):
            at = _moment(alarm, made, zone)
            if at is not None and start <= at < end and first_text(alarm, "ACTION").upper() in _SHOWN:
                yield Reminder(at, made)


def _moment(alarm: Any, event: Occurrence, zone: datetime.tzinfo) -> datetime.datetime | None:
    """When an alarm rings; None when it was dismissed (RFC 9074 section 6.1), or never."""
    if "TRIGGER" not in alarm:
        return None
    trigger = alarm["TRIGGER"]
    if isinstance(trigger.dt, datetime.timedelta):
        ends = str(trigger.params.get("RELATED", "START")).upper() == "END"
        base = (event.end if ends else event.start).astimezone(datetime.UTC)  # hours, not those of a clock
        at = (base + trigger.dt).astimezone(zone)
    else:
        at = moment(trigger.dt, zone)
    known = alarm.get("ACKNOWLEDGED")
    return None if known is not None and moment(known.dt, zone) >= at else at
