"""A zone is what the text that names it says: never what another text, of whomever, calls by the same name."""

import datetime
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from icalendar.timezone import tzp

from mailserver.calendars import event_series, occurrences, transfer
from mailserver.calendars.icalendar import reading, zone_names
from mailserver.calendars.invited import invitations
from mailserver.store.agenda.agenda_items import Item

NAMES = ("Customized Time Zone", "Romance Standard Time", "Europe/Nowhere")
HOURS = (5, 1, -8, 0)


def calendar(name: str, hours: int, *, defined: bool = True, method: str = "") -> str:
    """An event at ten o'clock in a zone so many hours east of Greenwich."""
    offset = f"{'-' if hours < 0 else '+'}{abs(hours):02}00"
    zone = (
        f"BEGIN:VTIMEZONE\r\nTZID:{name}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:{offset}\r\n"
        f"TZOFFSETTO:{offset}\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    )
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{method}{zone if defined else ''}"
        f"BEGIN:VEVENT\r\nUID:u{hours}\r\nDTSTAMP:20261101T000000Z\r\nDTSTART;TZID={name}:20261201T100000\r\nDTEND;TZID={name}:20261201T110000\r\n"
        "ORGANIZER:mailto:o@x.fr\r\nATTENDEE:mailto:z@x.fr\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def stored(name: str, hours: int) -> datetime.datetime:
    """When the store says that it begins: what CalDAV filters and free-busy go by."""
    item = reading.read("a.ics", calendar(name, hours))
    return datetime.datetime.fromtimestamp(item.starts, datetime.UTC)


def invited(name: str, hours: int) -> datetime.datetime:
    """When an invitation says so."""
    found = invitations.read(calendar(name, hours, method="METHOD:REQUEST\r\n").encode())
    assert found is not None
    assert isinstance(found.start, datetime.datetime)
    return found.start


def shown(name: str, hours: int) -> datetime.datetime:
    """When an agenda's page shows it."""
    item = reading.read("a.ics", calendar(name, hours))
    row = Item(item.href, item.uid, item.etag, item.kind, item.component, item.starts, item.ends, 0, item.text)
    days = [datetime.datetime(2026, month, 1, tzinfo=datetime.UTC) for month in (11, 12)]
    days[1] += datetime.timedelta(days=9)
    (one,) = occurrences.spread([(1, row)], days[0], days[1], ZoneInfo("Europe/Paris")).occurrences
    return one.start


def imported(name: str, hours: int) -> datetime.datetime:
    """When a file says so."""
    (one,) = transfer.unpack(calendar(name, hours).encode()).events
    assert isinstance(one.start, datetime.datetime)
    return one.start


def edited(name: str, hours: int) -> datetime.datetime:
    """When what is about to be changed says so."""
    begins: datetime.datetime = event_series.Series(calendar(name, hours)).events[0]["DTSTART"].dt
    return begins


WAYS = (stored, invited, shown, imported, edited)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_each_text_defines_its_own_zones(way: Callable[[str, int], datetime.datetime], name: str) -> None:
    for hours in HOURS:
        expected = datetime.datetime(2026, 12, 1, 10, tzinfo=datetime.UTC) - datetime.timedelta(hours=hours)
        assert way(name, hours) == expected


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_zone_may_be_defined_behind_the_event(
    way: Callable[[str, int], datetime.datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 5545 section 3.6: components stand in any order."""
    before = calendar

    def turned(name: str, hours: int, method: str = "") -> str:
        text = before(name, hours, method=method)
        zone = text[text.index("BEGIN:VTIMEZONE") : text.index("BEGIN:VEVENT")]
        return text.replace(zone, "").replace("END:VCALENDAR", f"{zone}END:VCALENDAR")

    monkeypatch.setitem(globals(), "calendar", turned)
    for hours in HOURS:
        expected = datetime.datetime(2026, 12, 1, 10, tzinfo=datetime.UTC) - datetime.timedelta(hours=hours)
        assert way(NAMES[0], hours) == expected


def test_also_of_a_zone_that_the_database_has() -> None:
    """Who stores a zone of their own under the name of ours moves nobody else's events."""
    stored("Europe/Paris", -8)
    item = reading.read("a.ics", calendar("Europe/Paris", 1, defined=False))
    assert item.starts == datetime.datetime(2026, 12, 1, 9, tzinfo=datetime.UTC).timestamp()


def test_what_is_read_side_by_side_is_not_mixed_up() -> None:
    def often(hours: int) -> Iterator[datetime.datetime]:
        for _ in range(20):
            yield stored(NAMES[0], hours)
            yield invited(NAMES[0], hours)

    with ThreadPoolExecutor(len(HOURS)) as pool:
        for hours, found in zip(HOURS, pool.map(lambda hours: set(often(hours)), HOURS), strict=True):
            assert found == {datetime.datetime(2026, 12, 1, 10, tzinfo=datetime.UTC) - datetime.timedelta(hours=hours)}


@pytest.mark.parametrize("way", [invited, imported, edited], ids=lambda way: way.__name__)
def test_the_same_zone_is_worked_out_once(way: Callable[[str, int], datetime.datetime]) -> None:
    """Outlook's begin in 1601: two hundred invitations of it would take as many times a sixtieth of a second."""
    assert way(NAMES[0], 3).tzinfo is way(NAMES[0], 3).tzinfo
    assert way(NAMES[0], 3).tzinfo is not way(NAMES[0], 4).tzinfo


def test_names_that_strangers_make_up_are_not_remembered() -> None:
    for number in range(50):
        invited(f"Zone of stranger {number}", 1)
    assert tzp.timezone("Zone of stranger 7") is None


def test_calendars_are_read_in_one_place() -> None:
    """Whoever asks the library itself would hear what other texts say."""
    root = Path(zone_names.__file__).parents[3]
    sources = [path for folder in ("mailserver", "webui", "calendar") for path in (root / folder).rglob("*.py")]
    asking = [path.name for path in sources if "Calendar.from_ical(" in path.read_text()]
    assert asking == ["zone_names.py"]
