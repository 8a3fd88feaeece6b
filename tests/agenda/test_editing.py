"""Changes of series on the objects themselves: kinds of time, exceptions, rules, and zones that others can read."""

import datetime
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events  # type: ignore[import-untyped]

from mailserver.calendars import editing, occurrences, rules, tasks
from mailserver.calendars.editing import ALL, FOLLOWING, THIS, Changed
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar import reading, zones
from mailserver.calendars.rules import Rule
from mailserver.model.errors import Refused
from mailserver.store.agenda.agenda_items import Item
from mailserver.store.engine.memory import Memory

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime.datetime(2026, 11, 1, 12, tzinfo=datetime.UTC)
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//autre//FR
BEGIN:VEVENT
UID:serie
DTSTAMP:20260901T080000Z
DTSTART{start}
{more}SUMMARY:Cours
END:VEVENT
{others}END:VCALENDAR
"""


def series(start: str, more: str, others: str = "") -> str:
    text = EVENT.format(start=start, more=more, others=others).replace("\n", "\r\n")
    return reading.read("a.ics", text).text


def when(text: str | None) -> list[str]:
    """Every occurrence until March, on the clock of Paris; the text must be one a client could have put."""
    assert text is not None
    item = reading.read("a.ics", text)
    row = Item(item.href, item.uid, item.etag, item.kind, item.component, item.starts, item.ends, 0, item.text)
    begin, end = (datetime.datetime(year, month, 1, tzinfo=PARIS) for year, month in ((2026, 9), (2027, 3)))
    expansion = occurrences.spread([(1, row)], begin, end, PARIS)
    assert not expansion.unreadable
    return [f"{occurrence.start:%m-%d %H:%M}" for occurrence in expansion.occurrences]


def change(text: str, key: str, scope: str, **fields: Any) -> Changed:
    before = editing.draft(text, key, "Europe/Paris")
    return editing.change(text, key, scope, replace(before, **fields), "Europe/Paris", NOW, lambda: "suite")


KINDS = {
    "zone": (";TZID=Europe/Paris:20261102T083000", "20261116T083000", "11-02 08:30", "UNTIL=20261116T072959Z"),
    "utc": (":20261102T073000Z", "20261116T073000Z", "11-02 08:30", "UNTIL=20261116T072959Z"),
    "floating": (":20261102T083000", "20261116T083000", "11-02 08:30", "UNTIL=20261116T082959"),
    "date": (";VALUE=DATE:20261102", "20261116", "11-02 00:00", "UNTIL=20261115"),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_cutting_a_series_keeps_its_kind_of_time(kind: str) -> None:
    """UNTIL is of the kind of DTSTART (RFC 5545 section 3.3.10)."""
    start, key, first, until = KINDS[kind]
    text = series(start, "RRULE:FREQ=WEEKLY;COUNT=5\n")
    assert when(text)[0] == first
    changed = change(text, key, FOLLOWING, title="Autre cours")
    assert changed.text is not None
    assert changed.following is not None
    assert until in changed.text
    assert f"DTSTART{start.partition(':')[0]}" in changed.following
    assert [day[:5] for day in when(changed.text) + when(changed.following)] == [
        "11-02", "11-09", "11-16", "11-23", "11-30",
    ]  # fmt: skip
    assert "COUNT=3" in changed.following
    assert "UID:suite" in changed.following
    erased = editing.erase(text, key, THIS, NOW)
    assert [day[:5] for day in when(erased.text)] == ["11-02", "11-09", "11-23", "11-30"]


def test_what_was_said_of_later_occurrences_goes_along() -> None:
    override = (
        "BEGIN:VEVENT\nUID:serie\nDTSTAMP:20260901T080000Z\nRECURRENCE-ID;TZID=Europe/Paris:{day}T083000\n"
        "DTSTART;TZID=Europe/Paris:{day}T140000\nDURATION:PT1H\nSUMMARY:Sortie\nEND:VEVENT\n"
    )
    text = series(
        ";TZID=Europe/Paris:20261102T083000",
        "DURATION:PT1H\nRRULE:FREQ=WEEKLY;UNTIL=20261231T000000Z\n"
        "EXDATE;TZID=Europe/Paris:20261109T083000,20261130T083000\nRDATE;TZID=Europe/Paris:20261202T083000\n",
        override.format(day="20261116") + override.format(day="20261207"),
    )
    changed = change(text, "20261123T083000", FOLLOWING, place="CDI")
    assert when(changed.text) == ["11-02 08:30", "11-16 14:00"]
    assert when(changed.following)[:3] == ["11-23 08:30", "12-02 08:30", "12-07 14:00"]
    assert "20261130" in str(changed.following)
    moved = change(
        text,
        "20261123T083000",
        ALL,
        start=datetime.datetime(2026, 11, 23, 9),
        end=datetime.datetime(2026, 11, 23, 10),
    )
    assert when(moved.text)[:4] == ["11-02 09:00", "11-16 14:00", "11-23 09:00", "12-02 09:00"]


PERIODS = (
    "DURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=4\nRDATE;TZID=Europe/Paris;VALUE=PERIOD:20261104T083000/20261104T113000,"
    "20261112T083000/PT3H\nRDATE;TZID=Europe/Paris:20261120T083000\nEXDATE;TZID=Europe/Paris:20261109T083000\n"
)


def lasts(text: str | None) -> list[str]:
    """Every occurrence until March with its hours."""
    assert text is not None
    item = reading.read("a.ics", text)
    row = Item(item.href, item.uid, item.etag, item.kind, item.component, item.starts, item.ends, 0, item.text)
    begin, end = (datetime.datetime(year, month, 1, tzinfo=PARIS) for year, month in ((2026, 9), (2027, 3)))
    found = occurrences.spread([(1, row)], begin, end, PARIS).occurrences
    return [f"{one.start:%m-%d %H}-{one.end:%H}" for one in found]


def test_occurrences_that_say_their_end_keep_it() -> None:
    """RDATE with periods (RFC 5545 section 3.8.5.2), when the series moves, is cut, and is cut at one of them."""
    text = series(";TZID=Europe/Paris:20261102T083000", PERIODS)
    assert lasts(text) == ["11-02 08-09", "11-04 08-11", "11-12 08-11", "11-16 08-09", "11-20 08-09", "11-23 08-09"]
    at = datetime.datetime(2026, 11, 12, 9, 30)
    moved = change(text, "20261112T083000", ALL, start=at, end=at + datetime.timedelta(hours=3))
    assert lasts(moved.text) == [
        "11-02 09-10", "11-04 09-12", "11-12 09-12", "11-16 09-10", "11-20 09-10", "11-23 09-10",
    ]  # fmt: skip
    longer = change(text, "20261102T083000", ALL, end=datetime.datetime(2026, 11, 2, 10, 30))
    assert lasts(longer.text)[:3] == ["11-02 08-10", "11-04 08-11", "11-12 08-11"]
    cut = change(text, "20261104T083000", FOLLOWING, title="Suite")
    assert lasts(cut.text) == ["11-02 08-09"]
    # The rule stays one of Mondays.
    assert lasts(cut.following) == ["11-04 08-11", "11-12 08-11", "11-16 08-09", "11-20 08-09", "11-23 08-09"]
    alone = series(";TZID=Europe/Paris:20261102T083000", PERIODS.replace("COUNT=4", "COUNT=1"))
    cut = change(alone, "20261112T083000", FOLLOWING, title="Suite")
    assert lasts(cut.following) == ["11-12 08-11", "11-20 08-11"]


@pytest.mark.parametrize("kind", ["utc", "floating", "zone"])
def test_periods_are_written_in_the_kind_of_time_that_they_have(kind: str) -> None:
    begin, last = {"utc": ("T073000Z", "T103000Z")}.get(kind, ("T083000", "T113000"))
    zone = ";TZID=Europe/Paris" if kind == "zone" else ""
    text = series(
        KINDS[kind][0], f"RRULE:FREQ=WEEKLY;COUNT=4\nRDATE{zone};VALUE=PERIOD:20261118{begin}/20261118{last}\n"
    )
    changed = change(text, "20261109" + begin, FOLLOWING, title="Suite")
    assert f"RDATE{zone};VALUE=PERIOD:20261118{begin}/20261118{last}" in str(changed.following).replace("\r\n ", "")


TASK = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:t\r\nDTSTAMP:20260901T080000Z\r\n"
    "DUE;TZID=Europe/Paris:20261102T180000\r\nRRULE:FREQ=WEEKLY;UNTIL=20261123T170000Z\r\n"
    "EXDATE;TZID=Europe/Paris:20261109T180000\r\nRDATE;TZID=Europe/Paris:20261119T180000\r\n"
    "SUMMARY:Relever les copies\r\nX-MINE:1\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
)


def test_a_task_that_moves_takes_its_dates_along() -> None:
    """What is left out stays left out, a date beside the rule comes along, and the last one is not lost."""
    before = tasks.read(TASK, "Europe/Paris")
    assert before.due is not None
    text = tasks.change(TASK, replace(before, due=before.due + datetime.timedelta(days=1)), NOW)
    assert "X-MINE:1" in text
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text), components=("VTODO",))
    days = [f"{one['DUE'].dt.astimezone(PARIS):%m-%d %H}" for one in found.between((2026, 11, 1), (2026, 12, 20))]
    assert sorted(days) == ["11-03 18", "11-17 18", "11-20 18", "11-24 18"]


def test_an_exception_keeps_its_length_when_the_series_moves() -> None:
    longer = (
        "BEGIN:VEVENT\nUID:serie\nDTSTAMP:20260901T080000Z\nRECURRENCE-ID;TZID=Europe/Paris:20261109T083000\n"
        "DTSTART;TZID=Europe/Paris:20261109T083000\nDURATION:PT3H\nX-SALLE:B12\nSUMMARY:Examen\nEND:VEVENT\n"
    )
    text = series(";TZID=Europe/Paris:20261102T083000", "DURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\n", longer)
    at = datetime.datetime(2026, 11, 2, 9, 30)
    moved = change(text, "20261102T083000", ALL, start=at, end=at + datetime.timedelta(hours=1))
    assert lasts(moved.text) == ["11-02 09-10", "11-09 09-12", "11-16 09-10"]
    assert "X-SALLE:B12" in str(moved.text)
    at = datetime.datetime(2026, 11, 9, 9, 30)
    moved = change(text, "20261109T083000", ALL, start=at, end=at + datetime.timedelta(hours=3))
    assert lasts(moved.text) == ["11-02 09-10", "11-09 09-12", "11-16 09-10"]


def test_another_time_for_a_reminder_leaves_what_it_does() -> None:
    alarm = (
        "BEGIN:VALARM\nACTION:AUDIO\nTRIGGER:-PT15M\nATTACH;VALUE=URI:Basso\nX-WR-ALARMUID:abc\n"
        "ACKNOWLEDGED:20261101T070000Z\nEND:VALARM\n"
    )
    text = series(":20261102T083000", f"DURATION:PT1H\n{alarm}")
    changed = str(change(text, "", ALL, reminder=30).text)
    assert "TRIGGER:-PT30M" in changed
    assert "Basso" in changed
    assert "X-WR-ALARMUID:abc" in changed
    assert "ACKNOWLEDGED" not in changed
    assert "VALARM" not in str(change(text, "", ALL, reminder=-1).text)


def test_a_new_rule_forgets_exceptions_it_does_not_reach() -> None:
    text = series(
        ";TZID=Europe/Paris:20261102T083000",
        "DURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=20\nEXDATE;TZID=Europe/Paris:20261103T083000,20261109T083000\n",
    )
    changed = change(text, "20261102T083000", ALL, rule=Rule("WEEKLY", days=(0,), count=4))
    assert when(changed.text) == ["11-02 08:30", "11-16 08:30", "11-23 08:30"]
    assert "20261103" not in str(changed.text)
    single = change(text, "20261102T083000", ALL, rule=None)
    assert when(single.text) == ["11-02 08:30"]


def test_nothing_is_left_of_a_series_whose_days_all_went() -> None:
    text: str | None = series(":20261102T073000Z", "RRULE:FREQ=DAILY;COUNT=3\n")
    for day in ("02", "03", "04"):
        assert text is not None
        text = editing.erase(text, f"202611{day}T073000Z", THIS, NOW).text
    assert text is None
    assert editing.erase(series(":20261102T073000Z", ""), "", ALL, NOW).text is None


def test_several_weekdays_do_not_move_together() -> None:
    """Nobody could tell whether the others are meant: the form asks for the days."""
    text = series(";TZID=Europe/Paris:20261102T083000", "DURATION:PT1H\nRRULE:FREQ=WEEKLY;BYDAY=MO,TH\n")
    later = {"start": datetime.datetime(2026, 11, 6, 8, 30), "end": datetime.datetime(2026, 11, 6, 9, 30)}
    with pytest.raises(Refused):
        change(text, "20261105T083000", ALL, **later)
    assert when(change(text, "20261105T083000", THIS, **later).text)[:3] == [
        "11-02 08:30",
        "11-06 08:30",
        "11-09 08:30",
    ]


def test_an_invitation_to_one_occurrence_alone() -> None:
    """An object may hold exceptions only (RFC 4791 section 4.1)."""
    text = series(":20261116T073000Z", "RECURRENCE-ID:20261116T073000Z\nDURATION:PT1H\n")
    assert when(change(text, "20261116T073000Z", ALL, title="Oui").text) == ["11-16 08:30"]
    assert editing.erase(text, "20261116T073000Z", THIS, NOW).text is None


@pytest.mark.parametrize("key", ["20261103T083000", "20261102", "x", "99999999T999999"])
def test_occurrences_that_do_not_exist(key: str) -> None:
    text = series(";TZID=Europe/Paris:20261102T083000", "DURATION:PT1H\nRRULE:FREQ=WEEKLY\n")
    with pytest.raises(Refused):
        editing.draft(text, key, "Europe/Paris")


def test_rules_come_back_as_they_were_written() -> None:
    start = datetime.datetime(2026, 11, 10, 8, tzinfo=PARIS)
    for rule in (
        Rule("DAILY", 3, count=4),
        Rule("WEEKLY", 2, (1, 3), until=datetime.date(2027, 7, 2)),
        Rule("MONTHLY"),
        Rule("MONTHLY", ordinal=2),
        Rule("YEARLY", until=datetime.date(2030, 1, 1)),
    ):
        assert rules.read(rules.written(rule, start), start) == rule
    for text in (
        "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1",
        "FREQ=YEARLY;BYWEEKNO=3",
        "FREQ=HOURLY",
        "FREQ=MONTHLY;BYDAY=MO",
    ):
        assert rules.read(icalendar.vRecur.from_ical(text), start) is None


@pytest.mark.parametrize("name", zones.OFFERED)
def test_zones_say_what_the_zone_database_says(name: str) -> None:
    """A reader that has never heard of the zone computes the same offsets from its component."""
    text = zones.component(name)
    if name == "UTC":
        assert text == ""
        return
    renamed: Any = icalendar.Timezone.from_ical(text.replace(f"TZID:{name}", "TZID:/inconnu"))
    own, zone = renamed.to_tz(lookup_tzid=False), ZoneInfo(name)
    day = datetime.datetime(2024, 1, 1, 12)
    while day.year < 2031:
        assert day.replace(tzinfo=own).utcoffset() == day.replace(tzinfo=zone).utcoffset(), day
        day += datetime.timedelta(days=3)


def test_a_new_event_carries_its_zone() -> None:
    draft = Draft("Cours", datetime.datetime(2026, 11, 2, 8), datetime.datetime(2026, 11, 2, 9), zone="Indian/Reunion")
    text = editing.create(draft, "a", NOW)
    assert "TZID:Indian/Reunion" in text
    assert when(text) == ["11-02 05:00"]


def test_what_is_remembered_of_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what they take, not by their number: a megabyte that a client may put is a hundred once it is parsed."""
    monkeypatch.setattr(occurrences, "SERIES", Memory(2_000_000))
    text = series(":20261102T080000", "")
    for number in range(40):
        assert when(text.replace("SUMMARY:Cours", f"SUMMARY:Cours {number}"))
    held = occurrences.SERIES.octets
    assert 0 < held <= 2_000_000
    assert when(text.replace("SUMMARY:Cours", f"SUMMARY:Cours\r\nCATEGORIES:{'a,' * 10_000}b"))
    assert held == occurrences.SERIES.octets


def test_a_change_of_all_that_follow_stays_one_when_the_series_moves() -> None:
    longer = (
        "BEGIN:VEVENT\nUID:serie\nDTSTAMP:20260901T080000Z\n"
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Paris:20261109T083000\n"
        "DTSTART;TZID=Europe/Paris:20261109T083000\nDURATION:PT3H\nSUMMARY:Examen\nEND:VEVENT\n"
    )
    text = series(";TZID=Europe/Paris:20261102T083000", "DURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=3\n", longer)
    at = datetime.datetime(2026, 11, 2, 9, 30)
    moved = change(text, "20261102T083000", ALL, start=at, end=at + datetime.timedelta(hours=1))
    assert lasts(moved.text) == ["11-02 09-10", "11-09 09-12", "11-16 09-12"]
