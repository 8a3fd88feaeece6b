"""When one's own events and tasks ask to be reminded of: their alarms that show something (RFC 5545 section 3.6.6).

Alarms by mail are for whoever wrote them to send; those that repeat ring once.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from mailserver.calendars import tasks
from mailserver.calendars.occurrences import Occurrence, components, first_text, moment, shown
from mailserver.calendars.own import own_events, own_tasks
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import Item
from mailserver.store.engine.statements import Tx

AHEAD = datetime.timedelta(days=8)
"""How long before an event, or what is due, its alarms are looked for; a form offers a week."""
MAX_REMINDERS = 200
PAGE_SECONDS = 2.0
"""Of CPU for one look."""
_SHOWN: Final = ("", "DISPLAY", "AUDIO")


@dataclass(frozen=True, slots=True)
class Reminder:
    """An alarm of an event, or of a task: then `event` stands for the moment when it is due."""

    at: datetime.datetime
    event: Occurrence
    is_task: bool = False


def rows(tx: Tx, account_id: int, start: datetime.datetime, end: datetime.datetime) -> list[tuple[int, Item]]:
    """What may ring in [start, end)."""
    found = [
        row
        for component in ("VEVENT", own_tasks.COMPONENT)
        for row in own_events.around(tx, account_id, start - AHEAD, end + AHEAD, component)
    ]
    return [(collection_id, item) for collection_id, item in found if _has_alarms(item)]


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
        if not _has_alarms(row):
            continue
        try:
            of = _of_task if row.component == own_tasks.COMPONENT else _of_event
            for one in of(collection_id, row, start, end, zone, budget):
                found.setdefault((one.event.href, one.event.key, one.at), one)
        except Refused as refused:
            if refused.reason is Reason.LIMIT:
                break
        except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
            continue
        if len(found) >= MAX_REMINDERS:
            break
    return tuple(sorted(found.values(), key=lambda one: one.at)[:MAX_REMINDERS])


def _has_alarms(row: Item) -> bool:
    return "BEGIN:VALARM" in (row.text or "")


def _of_event(
    collection_id: int,
    row: Item,
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget,
) -> Iterator[Reminder]:
    for event, recurs in components(row.text or "", start - AHEAD, end + AHEAD, budget):
        made = shown(collection_id, row, event, zone, recurs=recurs)
        if not made.cancelled:
            for at in _rings(event, made.start, made.end, zone):
                if start <= at < end:
                    yield Reminder(at, made)


def _of_task(
    collection_id: int,
    row: Item,
    start: datetime.datetime,
    end: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget,
) -> Iterator[Reminder]:
    """Of a task that recurs, of the date that is shown; what is done rings no more."""
    budget.check()
    task = tasks.next_open(row.text or "", budget)
    if task is None:
        return
    due = tasks.due_of(task)
    begins = moment(task["DTSTART"].dt, zone) if "DTSTART" in task else None
    ends = moment(due, zone) if due is not None else None
    for at in _rings(task, begins or ends, ends, zone):
        if start <= at < end:
            all_day = due is not None and not isinstance(due, datetime.datetime)
            shown_at = ends or at
            made = Occurrence(collection_id, row.href, "", tasks.title_of(task), "", shown_at, shown_at, all_day)
            yield Reminder(at, made, is_task=True)


def _rings(
    component: Any, start: datetime.datetime | None, end: datetime.datetime | None, zone: datetime.tzinfo
) -> Iterator[datetime.datetime]:
    """When the alarms of a component ring that show something."""
    for alarm in component.walk("VALARM"):
        at = _moment(alarm, start, end, zone)
        if at is not None and first_text(alarm, "ACTION").upper() in _SHOWN:
            yield at


def _moment(
    alarm: Any, start: datetime.datetime | None, end: datetime.datetime | None, zone: datetime.tzinfo
) -> datetime.datetime | None:
    """When an alarm rings; None when it was dismissed (RFC 9074 section 6.1), or never."""
    if "TRIGGER" not in alarm:
        return None
    trigger = alarm["TRIGGER"]
    if isinstance(trigger.dt, datetime.timedelta):
        base = end if str(trigger.params.get("RELATED", "START")).upper() == "END" else start
        if base is None:
            return None
        at = (base.astimezone(datetime.UTC) + trigger.dt).astimezone(zone)  # hours, not those of a clock
    else:
        at = moment(trigger.dt, zone)
    known = alarm.get("ACKNOWLEDGED")
    return None if known is not None and moment(known.dt, zone) >= at else at
