"""Files of strangers: whatever is in them, they are taken apart or refused, never anything else."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.calendars import transfer
from mailserver.model.errors import BadSyntax, Refused

LINES = (
    *("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "X-WR-CALNAME:a", "BEGIN:VTIMEZONE", "TZID:Europe/Paris"),
    *("BEGIN:STANDARD", "DTSTART:19701025T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "END:STANDARD"),
    *("END:VTIMEZONE", "BEGIN:VEVENT", "UID:u1", "DTSTAMP:20261101T000000Z", "LAST-MODIFIED:20261101T080000Z"),
    *("DTSTART;TZID=Europe/Paris:20261123T080000", "DTEND;TZID=Europe/Paris:20261123T090000"),
    *("RRULE:FREQ=WEEKLY;COUNT=5", "EXDATE;TZID=Europe/Paris:20261130T080000", "SUMMARY:x", "CATEGORIES:a,b"),
    *("BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:-PT10M", "END:VALARM", "END:VEVENT", "END:VCALENDAR"),
)
VALUES = ("", "0", "bad", "00010101", "99999999T999999Z", "-P1D", "FREQ=SECONDLY", "FREQ=YEARLY;INTERVAL=99999999999")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.sampled_from((None, *VALUES, *LINES))), max_size=4),
    st.integers(0, 200),
)
def test_whatever_a_file_holds(changes: list[tuple[int, str | None]], place: int) -> None:
    """Lines gone, moved, with other values; an octet of somewhere else."""
    lines = list(LINES)
    for number, other in changes:
        name = lines[number].partition(":")[0]
        lines[number] = "" if other is None else other if other in LINES else f"{name}:{other}"
    octets = bytearray("\r\n".join(line for line in lines if line).encode())
    octets[place % len(octets)] ^= 0x80 if place % 3 == 0 else 0
    with contextlib.suppress(BadSyntax, Refused):
        parcel = transfer.unpack(bytes(octets))
        assert all(event.item.component == "VEVENT" for event in parcel.events)


@pytest.mark.parametrize("name", ["Vacances, zone A ; 2026", "a\\b", "\u00c9l\u00e8ves " * 30])
def test_an_agendas_name_is_written_and_read_as_text(name: str) -> None:
    """RFC 5545 section 3.8.8.2: without another type a value is text, whose commas are escaped."""
    written = transfer.pack(name, [])
    assert all(len(line) <= 75 and line.decode() is not None for line in written.split(b"\r\n"))
    if "," in name:
        assert b"X-WR-CALNAME:Vacances\\, zone A \\; 2026\r\n" in written
    assert transfer.unpack(written).name == name.strip()
