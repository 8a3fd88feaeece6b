"""Tasks (VTODO, RFC 5545 section 3.6.2) as a person sees and changes them: read, made, changed, ticked off.

A task that recurs is shown once, with the first of its dates that is still open. Ticked off, it begins with its next
date; after the last one it is done. What other clients wrote beside stays as it is.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import icalendar

from mailserver.calendars import events, rules, single_dates
from mailserver.calendars.icalendar import zones
from mailserver.calendars.occurrences import categories, first_text, line, moment
from mailserver.calendars.school.school_classes import class_of
from mailserver.calendars.task_series import Series, anchor, is_closed, like, put_off, recurs
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import Item

PAGE_SECONDS = 4.0
"""Of CPU for the tasks of one page."""
MAX_TASKS = 1000
"""On one page; further ones are left out and the page says so."""
MAX_LINK = 500
HIGH, NORMAL, LOW, NONE = 1, 5, 9, 0
"""PRIORITY as RFC 5545 section 3.8.1.9 groups it."""
PRIORITIES: Final = (NONE, HIGH, NORMAL, LOW)


@dataclass(frozen=True, slots=True)
class TaskDraft:
    """What a form shows of a task; `due` is naive, on the clock of `zone`."""

    title: str
    due: datetime.datetime | None = None
    all_day: bool = True
    zone: str = "Europe/Paris"
    description: str = ""
    priority: int = NONE
    link: str = ""
    """The web address of what it is about, a letter for example."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it is shown; `due` is aware, on the reader's clock."""

    collection_id: int
    href: str
    etag: str
    title: str
    due: datetime.datetime | None
    all_day: bool
    priority: int
    done: bool
    completed: datetime.datetime | None
    recurs: bool
    private: bool
    link: str
    school_class: str

    def late(self, now: datetime.datetime) -> bool:
        """True when it should have been done: a day is over when the next begins."""
        if self.done or self.due is None:
            return False
        return (self.due + datetime.timedelta(days=1) if self.all_day else self.due) <= now


@dataclass(frozen=True, slots=True)
class Listing:
    """What was found, and what was not."""

    tasks: tuple[Task, ...]
    cut: bool = False
    unreadable: int = 0


def listing(rows: Iterable[tuple[int, Item]], zone: datetime.tzinfo, budget: Budget | None = None) -> Listing:
    """The tasks of these items, the most urgent first. Computes: call it in a thread when there are many."""
    budget = budget or Budget(PAGE_SECONDS)
    found: list[Task] = []
    unreadable, cut = 0, False
    for collection_id, row in rows:
        if len(found) >= MAX_TASKS:
            cut = True
            break
        try:
            budget.check()
            found.append(_shown(collection_id, row, zone, budget))
        except Refused as refused:
            if refused.reason is Reason.LIMIT:
                cut = True
                break
            unreadable += 1
        except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
            unreadable += 1
    return Listing(tuple(sorted(found, key=_urgency)), cut, unreadable)


def _urgency(task: Task) -> tuple[bool, float, int, str]:
    due = task.due.timestamp() if task.due is not None else 0.0
    return (task.due is None, due, task.priority or NORMAL, task.title)


def _shown(collection_id: int, row: Item, zone: datetime.tzinfo, budget: Budget) -> Task:
    series = Series(row.text or "", budget)
    one = series.current()
    due = due_of(one)
    all_day = due is not None and not isinstance(due, datetime.datetime)
    completed = one["COMPLETED"].dt if "COMPLETED" in one else None
    title = title_of(one)
    return Task(
        collection_id,
        row.href,
        row.etag,
        title,
        moment(due, zone) if due is not None else None,
        all_day,
        _priority(one),
        is_closed(one),
        moment(completed, zone) if completed is not None else None,
        series.recurs,
        first_text(one, "CLASS").upper() not in ("", "PUBLIC"),
        first_text(one, "URL")[:MAX_LINK],
        class_of(title, categories(one)),
    )


def _priority(one: Any) -> int:
    """1, 5 or 9 for what RFC 5545 calls high, medium and low."""
    text = first_text(one, "PRIORITY").strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) == 1 else NONE
    return NONE if not number else HIGH if number < NORMAL else NORMAL if number == NORMAL else LOW


def due_of(one: Any) -> datetime.date | None:
    """When it has to be done: DUE, or DTSTART and DURATION."""
    if "DUE" in one:
        due: datetime.date = one["DUE"].dt
        return due
    if "DTSTART" not in one:
        return None
    start: datetime.date = one["DTSTART"].dt
    return start + one["DURATION"].dt if "DURATION" in one else start


# ---------------------------------------------------------------------- one task


def next_open(text: str, budget: Budget) -> Any:
    """The component that is shown, as long as it is open; None: it is done. Raises BadSyntax, ValueError, Refused."""
    one = Series(text, budget).current()
    return None if is_closed(one) else one


def title_of(one: Any) -> str:
    """What a task is called, on one line."""
    return line(first_text(one, "SUMMARY"))


def read(text: str, shown_in: str) -> TaskDraft:
    """What a form shows of a task. Raises BadSyntax, ValueError, Refused."""
    one = Series(text, Budget(PAGE_SECONDS)).current()
    due = due_of(one)
    all_day = not isinstance(due, datetime.datetime)
    zone = shown_in
    if isinstance(due, datetime.datetime) and due.tzinfo is not None:
        due = due.astimezone(zones.known(shown_in) or datetime.UTC)
    return TaskDraft(
        first_text(one, "SUMMARY"),
        rules.naive_of(due) if due is not None else None,
        all_day,
        zone,
        first_text(one, "DESCRIPTION"),
        _priority(one),
        first_text(one, "URL")[:MAX_LINK],
    )


def create(draft: TaskDraft, uid: str, now: datetime.datetime) -> str:
    """A new task."""
    calendar: Any = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", events.PRODUCT)
    task: Any = icalendar.Todo()
    task.add("UID", uid)
    task.add("CREATED", now)
    task.add("DTSTAMP", now)
    task.add("STATUS", "NEEDS-ACTION")
    _fill(task, TaskDraft(""), draft)
    if draft.link:
        task.add("URL", draft.link[:MAX_LINK])
    calendar.add_component(task)
    zones.complete(calendar)
    octets: bytes = calendar.to_ical()
    return octets.decode()


def change(text: str, after: TaskDraft, now: datetime.datetime) -> str:
    """The task as the draft says; one that recurs moves as a whole. Raises BadSyntax, ValueError, Refused(INVALID)."""
    series = Series(text, Budget(PAGE_SECONDS))
    before = read(text, after.zone)
    if before == replace(after, link=before.link):
        return text
    alone = series.exception(series.current()) if series.recurs else None
    if series.recurs and (before.due, before.all_day) != (after.due, after.all_day):
        _reschedule(series, before, after)
        after = replace(after, due=before.due, all_day=before.all_day)
    _fill(series.master, before, after)
    if alone is not None:
        _fill(alone, before, after)
    events.touch(series.master, now)
    return series.text()


def _reschedule(series: Series, before: TaskDraft, after: TaskDraft) -> None:
    """Move every date of a series. Raises Refused(INVALID) for what its rule cannot follow."""
    if before.due is None or after.due is None or before.all_day != after.all_day:
        raise Refused(Reason.INVALID, "A task that recurs keeps its kind of date")
    series.go_on(series.current())
    later, first = after.due - before.due, anchor(series.master)
    begins = rules.naive_of(first)
    days = ((begins + later).date() - begins.date()).days
    for recur in recurs(series.master):
        if not rules.turned(recur, days):
            raise Refused(Reason.INVALID, "The rule names days: it does not move so")

    def moved(when: datetime.date) -> datetime.date:
        return _moved(when, first, later)

    for recur in recurs(series.master):
        if "UNTIL" in recur:
            recur["UNTIL"] = [moved(recur["UNTIL"][0])]
    for name in ("EXDATE", "RDATE"):
        listed = single_dates.listed(series.master, name)
        single_dates.put(series.master, name, [single_dates.moved(one, moved) for one in listed])
    for part in series.parts:
        for name in ("DTSTART", "DUE"):
            if name in part:
                events.put(part, name, moved(part[name].dt))
        if "RECURRENCE-ID" in part:
            events.put_recurrence_id(part, moved(part["RECURRENCE-ID"].dt))


def tick(text: str, now: datetime.datetime, *, done: bool) -> str:
    """Done, or to be done again. One that recurs goes on to its next date. Raises BadSyntax, ValueError, Refused."""
    series = Series(text, Budget(PAGE_SECONDS))
    master = series.master
    following = series.following() if done and series.recurs else None
    if following is not None:
        series.go_on(following)
    else:
        for name in ("COMPLETED", "PERCENT-COMPLETE", "STATUS"):
            master.pop(name, None)
        master.add("STATUS", "COMPLETED" if done else "NEEDS-ACTION")
        if done:
            master.add("COMPLETED", now)
            master.add("PERCENT-COMPLETE", 100)
    events.touch(master, now)
    return series.text()


def _moved(when: datetime.date, start: datetime.date, later: datetime.timedelta) -> datetime.date:
    """What a series says in whichever zone, put off on the wall clock of its start."""
    moved = put_off(like(when, start), later)
    if not isinstance(when, datetime.datetime) or not isinstance(moved, datetime.datetime) or when.tzinfo is None:
        return moved
    return moved.astimezone(when.tzinfo)


def _fill(task: Any, before: TaskDraft, after: TaskDraft) -> None:
    """Write what differs."""
    for name, old, new in (
        ("SUMMARY", before.title, after.title),
        ("DESCRIPTION", before.description, after.description),
        ("PRIORITY", before.priority, after.priority),
    ):
        if old != new:
            events.put(task, name, new or "")
    if (before.due, before.all_day) == (after.due, after.all_day):
        return
    due = None
    if after.due is not None:
        due = after.due.date() if after.all_day else after.due.replace(tzinfo=zones.known(after.zone))
    if "DTSTART" in task and not _is_before(task["DTSTART"].dt, due):
        task.pop("DTSTART")
    task.pop("DURATION", None)
    events.put(task, "DUE", due)


def _is_before(start: datetime.date, due: datetime.date | None) -> bool:
    """True when both are of one kind, and a task may begin then (RFC 5545 section 3.8.2.3)."""
    if due is None or isinstance(start, datetime.datetime) != isinstance(due, datetime.datetime):
        return False
    return rules.naive_of(like(start, due)) < rules.naive_of(due)
