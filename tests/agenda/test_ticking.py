"""Tasks that recur, ticked off date by date: what is left is what was there without the dates that are done."""

import datetime
from dataclasses import replace
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events  # type: ignore[import-untyped]

from mailserver.calendars import tasks

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)

MONDAYS = "DTSTART;TZID=Europe/Paris:20261102T080000\nDUE;TZID=Europe/Paris:20261102T180000\n"


def task(more: str, *others: str) -> str:
    """A series in Paris, and components of single dates of it."""
    parts = "".join(
        f"BEGIN:VTODO\nUID:t\nDTSTAMP:20260901T080000Z\nSUMMARY:Relever\n{part}END:VTODO\n" for part in (more, *others)
    )
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{parts}END:VCALENDAR\n".replace("\n", "\r\n")


def at(name: str, when: str) -> str:
    return f"{name};TZID=Europe/Paris:{when}\n"


def moved(when: str, to: str, parameters: str = "") -> str:
    """One date that stands elsewhere."""
    return (
        f"RECURRENCE-ID;TZID=Europe/Paris{parameters}:{when}T080000\n"
        + at("DTSTART", f"{to}T080000")
        + at("DUE", f"{to}T180000")
    )


SERIES = {
    "a date beside a weekly rule": task(MONDAYS + "RRULE:FREQ=WEEKLY\n" + at("RDATE", "20261105T080000")),
    "each second week": task(MONDAYS + "RRULE:FREQ=WEEKLY;INTERVAL=2\n" + at("RDATE", "20261110T100000")),
    "dates beside, counted": task(
        MONDAYS + "RRULE:FREQ=WEEKLY;COUNT=3\nRDATE:20261104T070000Z\n" + at("RDATE", "20261118T080000,20261126T080000")
    ),
    "dates beside, up to a day": task(
        MONDAYS + "RRULE:FREQ=WEEKLY;UNTIL=20261116T070000Z\n" + at("RDATE", "20261105T080000,20261203T080000")
    ),
    "dates alone": task(MONDAYS + at("RDATE", "20261105T080000,20261203T080000")),
    "days of a month": task(
        "DUE;VALUE=DATE:20261130\nRRULE:FREQ=MONTHLY;BYMONTHDAY=-1\nRDATE;VALUE=DATE:20261215,20261216\n"
    ),
    "one left out": task(
        MONDAYS + "RRULE:FREQ=WEEKLY\n" + at("RDATE", "20261105T080000") + at("EXDATE", "20261109T080000")
    ),
    "two rules": task(
        MONDAYS + "RRULE:FREQ=WEEKLY;INTERVAL=2\nRRULE:FREQ=MONTHLY;COUNT=3\n" + at("RDATE", "20261105T080000")
    ),
    "a date that was moved": task(MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261109", "20261111")),
    "a date that was moved behind others": task(MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261109", "20261127")),
    "a date that was moved before the first": task(MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261102", "20261028")),
    "a date and all that follow": task(
        MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261109", "20261110", ";RANGE=THISANDFUTURE")
    ),
}


def expanded(text: str) -> list[str]:
    """When the first ten dates are due that are open."""
    query = recurring_ical_events.of(icalendar.Calendar.from_ical(text), components=("VTODO",))
    dates = query.between((2026, 10, 1), (2027, 11, 1))
    return sorted(clock(one["DUE"].dt) for one in dates)[:10]


def clock(due: datetime.date) -> str:
    return f"{due.astimezone(PARIS):%Y-%m-%d %H}" if isinstance(due, datetime.datetime) else f"{due:%Y-%m-%d}"


@pytest.mark.parametrize("name", SERIES)
def test_what_is_left_after_each_tick(name: str) -> None:
    text = SERIES[name]
    whole = expanded(text)
    for number in range(1, min(7, len(whole))):
        text = tasks.tick(text, NOW, done=True)
        left = expanded(text)
        assert left[: 10 - number] == whole[number:], number
        shown = tasks.read(text, "Europe/Paris").due
        assert shown is not None
        assert f"{shown:%Y-%m-%d}" in left[0]
    if len(whole) < 7:
        assert "COMPLETED" not in text
        assert "STATUS:COMPLETED" in tasks.tick(text, NOW, done=True)


def put_off(text: str, later: datetime.timedelta) -> str:
    before = tasks.read(text, "Europe/Paris")
    assert before.due is not None
    return tasks.change(text, replace(before, due=before.due + later), NOW)


def test_an_hour_earlier_is_the_same_weekday() -> None:
    text = put_off(task(MONDAYS + "RRULE:FREQ=WEEKLY;BYDAY=MO\n"), datetime.timedelta(hours=-1))
    assert expanded(text)[:2] == ["2026-11-02 17", "2026-11-09 17"]
    assert "BYDAY=MO" in text


@pytest.mark.parametrize("parameters", ["", ";RANGE=THISANDFUTURE"])
def test_a_date_that_was_moved_is_put_off_with_the_series(parameters: str) -> None:
    text = task(MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261109", "20261111", parameters))
    whole = expanded(text)
    later = expanded(put_off(text, datetime.timedelta(days=1)))
    assert later == [f"{datetime.date.fromisoformat(one[:10]) + datetime.timedelta(days=1)} 18" for one in whole]


def test_what_is_written_of_a_date_that_was_moved_is_shown() -> None:
    text = tasks.tick(task(MONDAYS + "RRULE:FREQ=WEEKLY\n", moved("20261109", "20261111")), NOW, done=True)
    before = tasks.read(text, "Europe/Paris")
    assert before.due == datetime.datetime(2026, 11, 11, 18)
    renamed = tasks.read(tasks.change(text, replace(before, title="Rendre"), NOW), "Europe/Paris")
    assert (renamed.title, renamed.due) == ("Rendre", before.due)
