"""When things happen: zones of those that name none, periods, changes of all that follows; parts of items."""

import re

import pytest

from tests.agenda.conftest import Client, event, properties
from tests.agenda.test_reports import AGENDA, SPACES, between, found, query

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
NOUMEA = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//FR
BEGIN:VTIMEZONE
TZID:{}
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+1100
TZOFFSETTO:+1100
END:STANDARD
END:VTIMEZONE
END:VCALENDAR
"""
LATER = """BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260901T080000Z
RECURRENCE-ID;RANGE=THISANDFUTURE:20260909T080000Z
DTSTART:20260909T140000Z
DTEND:20260909T170000Z
SUMMARY:Plus tard
END:VEVENT
"""


def put(client: Client, name: str, text: str) -> None:
    answer = client.put_event(f"{AGENDA}{name}.ics", text)
    assert answer.status_code == 201, answer.text


def with_exception(text: str, exception: str) -> str:
    return text.replace("END:VCALENDAR", exception.replace("\n", "\r\n") + "END:VCALENDAR")


def zoned(client: Client, filters: str, zone: str = "", data: str = "<D:getetag/>") -> "set[str]":
    named = f"<C:timezone>{zone}</C:timezone>" if zone else ""
    body = (
        f'<C:calendar-query {SPACES}><D:prop>{data}</D:prop><C:filter><C:comp-filter name="VCALENDAR">{filters}'
        f"</C:comp-filter></C:filter>{named}</C:calendar-query>"
    )
    return found(client.dav("REPORT", AGENDA, body, Depth="1"))


def times(client: Client, start: str, end: str, name: str, kind: str = "VEVENT") -> list[str]:
    """DTSTART (or DUE) of each occurrence, as `expand` says it."""
    data = f'<C:calendar-data><C:expand start="{start}" end="{end}"/></C:calendar-data>'
    held = properties(query(client, between(start, end, kind), data=data))
    text = held[f"{AGENDA}{name}.ics"]["C:calendar-data"].text or ""
    return re.findall(r"^(?:DTSTART|DTEND|DUE).*:(.*)$", text.replace("\r", ""), re.MULTILINE)


@pytest.mark.parametrize("tzid", ["Pacific/Noumea", "Chez nous"])
def test_times_without_a_zone_are_in_the_one_of_the_query_or_of_the_calendar(client: Client, tzid: str) -> None:
    """RFC 4791 sections 5.2.2, 7.3, 9.8."""
    put(client, "floating", event("floating", "Sport", "20260908T080000", "20260908T090000"))
    put(client, "weekly", event("weekly", "Sport", "20260901T080000", "20260901T090000", "RRULE:FREQ=WEEKLY\n"))
    day = event("day").replace("DTSTART:20260907T080000Z", "DTSTART;VALUE=DATE:20260908")
    put(client, "day", day.replace("DTEND:20260907T090000Z", "DTEND;VALUE=DATE:20260909"))
    zone = NOUMEA.format(tzid)
    here, there = between("20260908T080000Z", "20260908T083000Z"), between("20260907T210000Z", "20260907T213000Z")
    timed, whole = {"floating.ics", "weekly.ics"}, {"floating.ics", "weekly.ics", "day.ics"}
    assert (zoned(client, here), zoned(client, there)) == (whole, set())
    assert (zoned(client, here, zone), zoned(client, there, zone)) == ({"day.ics"}, whole)
    patch = (
        f"<D:propertyupdate {SPACES}><D:set><D:prop><C:calendar-timezone>{{}}</C:calendar-timezone></D:prop></D:set>"
        "</D:propertyupdate>"
    )
    assert "HTTP/1.1 200" in client.dav("PROPPATCH", AGENDA, patch.format(zone)).text
    assert (zoned(client, here), zoned(client, there)) == ({"day.ics"}, whole)
    assert zoned(client, here, NOUMEA.format("UTC").replace("+1100", "+0000")) == whole
    busy = f'<C:free-busy-query {SPACES}><C:time-range start="20260907T200000Z" end="20260907T230000Z"/>'
    answer = client.dav("REPORT", AGENDA, f"{busy}</C:free-busy-query>", Depth="1").text
    assert "20260907T200000Z/20260907T230000Z" in answer  # the whole day
    assert times(client, "20260907T210000Z", "20260907T213000Z", "floating") == ["20260908T080000", "20260908T090000"]
    for text in ("", "BEGIN:VCALENDAR", event("x")):
        refused = client.dav("PROPPATCH", AGENDA, patch.format(text)).text
        assert ("HTTP/1.1 403" in refused, "valid-calendar-data" in refused) == (True, True)
    assert timed <= zoned(client, there)


def test_a_zone_that_is_none(client: Client) -> None:
    body = f"<C:calendar-query {SPACES}><D:prop/><C:filter><C:comp-filter name='VCALENDAR'/></C:filter>"
    answer = client.dav("REPORT", AGENDA, f"{body}<C:timezone>x</C:timezone></C:calendar-query>", Depth="1")
    assert (answer.status_code, "valid-calendar-data" in answer.text) == (403, True)


@pytest.mark.parametrize("end", ["20260920T173000Z", "PT9H30M"])
def test_single_dates_that_say_their_end(client: Client, end: str) -> None:
    """RFC 5545 section 3.8.5.2: in queries, occurrences, free and busy times."""
    more = f"RDATE;VALUE=PERIOD:20260912T100000Z/PT30M,20260920T080000Z/{end}\n"
    put(client, "alone", event("alone", more=more))
    put(client, "both", event("both", more=f"RRULE:FREQ=DAILY;COUNT=2\n{more}"))
    names = {"alone.ics", "both.ics"}
    for start, until, expected in (
        ("20260920T170000Z", "20260920T180000Z", names),
        ("20260920T173000Z", "20260920T180000Z", set()),
        ("20260912T102900Z", "20260912T110000Z", names),
        ("20260912T103000Z", "20260912T110000Z", set()),
        ("20260907T083000Z", "20260907T084000Z", names),
        ("20260908T083000Z", "20260908T084000Z", {"both.ics"}),
    ):
        assert found(query(client, between(start, until))) == expected, start
    assert sorted(times(client, "20260901T000000Z", "20261001T000000Z", "alone")) == [
        *("20260907T080000Z", "20260907T090000Z", "20260912T100000Z", "20260912T103000Z"),
        *("20260920T080000Z", "20260920T173000Z"),
    ]
    busy = f'<C:free-busy-query {SPACES}><C:time-range start="20260912T000000Z" end="20260930T000000Z"/>'
    answer = client.dav("REPORT", AGENDA, f"{busy}</C:free-busy-query>", Depth="1").text
    assert "20260920T080000Z/20260920T173000Z" in answer.replace("\r\n ", "")
    assert client.get(f"{AGENDA}alone.ics").text == event("alone", more=more)


def test_a_change_of_this_and_all_that_follow(client: Client) -> None:
    """RFC 5545 section 3.2.13: later, and longer, from then on."""
    series = event("s", "Cours", more="RRULE:FREQ=DAILY;COUNT=5\nEXDATE:20260911T080000Z\n")
    put(client, "s", with_exception(series, LATER.format(uid="s")))
    for start, until, expected in (
        ("20260908T080000Z", "20260908T083000Z", True),
        ("20260908T140000Z", "20260908T150000Z", False),
        ("20260909T080000Z", "20260909T090000Z", False),
        ("20260909T163000Z", "20260909T170000Z", True),
        ("20260910T080000Z", "20260910T090000Z", False),
        ("20260910T163000Z", "20260910T170000Z", True),
        ("20260911T163000Z", "20260911T170000Z", False),  # left out
    ):
        assert bool(found(query(client, between(start, until)))) == expected, start
    later = '<C:prop-filter name="SUMMARY"><C:text-match>plus tard</C:text-match></C:prop-filter>'
    for day, expected in (("07", False), ("10", True)):
        asked = f'<C:time-range start="202609{day}T000000Z" end="202609{day}T230000Z"/>{later}'
        assert bool(found(query(client, f'<C:comp-filter name="VEVENT">{asked}</C:comp-filter>'))) == expected
    starts = [
        *("20260907T080000Z", "20260907T090000Z", "20260908T080000Z", "20260908T090000Z"),
        *("20260909T140000Z", "20260909T170000Z", "20260910T140000Z", "20260910T170000Z"),
    ]
    assert sorted(times(client, "20260907T000000Z", "20260911T000000Z", "s")) == starts
    data = '<C:calendar-data><C:expand start="20260907T000000Z" end="20260911T000000Z"/></C:calendar-data>'
    text = query(client, between("20260907T000000Z", "20260911T000000Z"), data=data).text
    names = re.findall(r"RECURRENCE-ID:(\S+)", text)
    assert sorted(names) == [f"202609{day}T080000Z" for day in ("07", "08", "09", "10")]
    assert ("RANGE" in text, text.count("Plus tard")) == (False, 2)
    busy = f'<C:free-busy-query {SPACES}><C:time-range start="20260910T000000Z" end="20260911T000000Z"/>'
    answer = client.dav("REPORT", AGENDA, f"{busy}</C:free-busy-query>", Depth="1").text
    assert "FREEBUSY;FBTYPE=BUSY:20260910T140000Z/20260910T170000Z" in answer


@pytest.mark.parametrize(
    ("since", "start", "more"),
    [("36000101T080000Z", "16000101T080000Z", ""), ("20260909T080000Z", "80800101T080000Z", "DURATION:P99999W\n")],
)
def test_a_change_that_moves_too_far_spoils_no_report(client: Client, since: str, start: str, more: str) -> None:
    """Two thousand years were walked for a day, or the calendar's last day was passed, and nothing was answered."""
    later = LATER.format(uid="s").replace("20260909T080000Z", since).replace("20260909T140000Z", start)
    later = re.sub("DTEND:.*\n", more, later)
    put(client, "s", with_exception(event("s", "Cours", more="RRULE:FREQ=DAILY\n"), later))
    put(client, "alone", event("alone", "Sport", "20990901T120000Z", "20990901T130000Z"))
    for begin, end, names in (
        ("20200101T000000Z", "20200102T000000Z", set()),
        ("20260910T080000Z", "20260910T083000Z", {"s.ics"}),
        ("20990901T120000Z", "20990901T123000Z", {"alone.ics"}),
    ):
        assert found(query(client, between(begin, end))) == names


def test_a_zone_is_what_its_text_says_whoever_else_calls_one_so(client: Client) -> None:
    put(client, "floating", event("floating", "Sport", "20260908T080000", "20260908T090000"))
    here = between("20260908T080000Z", "20260908T083000Z")
    zone = NOUMEA.format("Comme la leur")
    assert zoned(client, here, zone) == set()
    assert zoned(client, here, zone.replace("+1100", "+0000")) == {"floating.ics"}
    body = f"<C:calendar-query {SPACES}><D:prop/><C:filter/><C:timezone>{{}}</C:timezone></C:calendar-query>"
    long = zone.replace("BEGIN:STANDARD", f"X-A:{'a' * 70_000}\nBEGIN:STANDARD")
    refused = client.dav("REPORT", AGENDA, body.format(long), Depth="1")
    assert (refused.status_code, "valid-calendar-data" in refused.text) == (403, True)


def test_only_some_occurrences_of_a_series_are_known(client: Client) -> None:
    """RFC 4791 section 4.1: who is invited to two of them has these alone."""
    one = LATER.format(uid="i").replace(";RANGE=THISANDFUTURE", "")
    text = with_exception(event("i").replace("\r\n", "\n").split("BEGIN:VEVENT")[0] + "END:VCALENDAR\n", "")
    both = one + one.replace("20260909", "20260916")
    put(client, "i", text.replace("END:VCALENDAR", both + "END:VCALENDAR").replace("\n", "\r\n"))
    assert found(query(client, between("20260916T150000Z", "20260916T160000Z"))) == {"i.ics"}
    assert found(query(client, between("20260912T150000Z", "20260912T160000Z"))) == set()


def test_exceptions_of_a_range(client: Client) -> None:
    """RFC 4791 section 9.6.6: those that lie there, or would have, and what changes all that follow."""
    exceptions = (
        "".join(
            LATER.format(uid="s").replace(";RANGE=THISANDFUTURE", "").replace("20260909T08", f"202609{day}T08")
            for day in ("08", "09", "10")
        )
        .replace("20260909T14", "20260920T14", 1)
        .replace("20260909T17", "20260920T17", 1)
    )
    put(client, "s", with_exception(event("s", "Cours", more="RRULE:FREQ=DAILY;COUNT=8\n"), exceptions))

    def kept(start: str, end: str) -> list[str]:
        data = f'<C:calendar-data><C:limit-recurrence-set start="{start}" end="{end}"/></C:calendar-data>'
        text = query(client, between("20260901T000000Z", "20261001T000000Z"), data=data).text
        assert "RRULE:FREQ=DAILY;COUNT=8" in text
        return re.findall(r"RECURRENCE-ID:202609(\d\d)", text)

    assert kept("20260901T000000Z", "20261001T000000Z") == ["08", "09", "10"]
    assert kept("20260908T000000Z", "20260908T230000Z") == ["08"]  # where it would have been
    assert kept("20260920T000000Z", "20260921T000000Z") == ["08"]  # where it is
    assert kept("20260901T000000Z", "20260902T000000Z") == []
    bad = query(
        client, "", data='<C:calendar-data><C:limit-recurrence-set start="20260901T000000Z"/></C:calendar-data>'
    )
    assert bad.status_code == 400


def test_parts_of_items(client: Client) -> None:
    """RFC 4791 sections 9.6.1 to 9.6.4, RFC 6352 section 10.4."""
    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-PT5M\nEND:VALARM\n"
    put(client, "a", event("a", "Un titre", more=f"LOCATION:B 12\n{alarm}"))

    def lines(data: str) -> list[str]:
        held = properties(query(client, "", data=f"<C:calendar-data>{data}</C:calendar-data>"))
        return (held[f"{AGENDA}a.ics"]["C:calendar-data"].text or "").split()

    event_part = '<C:comp name="VEVENT"><C:prop name="SUMMARY"/><C:prop name="location" novalue="yes"/></C:comp>'
    asked = f'<C:comp name="VCALENDAR"><C:prop name="VERSION"/>{event_part}</C:comp>'
    assert lines(asked) == [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "SUMMARY:Un", "titre", "LOCATION:"),
        *("END:VEVENT", "END:VCALENDAR"),
    ] or lines(asked) == [
        *("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "LOCATION:", "SUMMARY:Un", "titre"),
        *("END:VEVENT", "END:VCALENDAR"),
    ]
    every = lines(
        '<C:comp name="VCALENDAR"><C:allprop/><C:comp name="VEVENT"><C:prop name="UID"/><C:allcomp/></C:comp></C:comp>'
    )
    assert {"UID:a", "BEGIN:VALARM", "TRIGGER:-PT5M", "PRODID:-//essai//FR"} <= set(every)
    assert "LOCATION:B" not in every


def test_kinds_of_data_that_nobody_writes(client: Client) -> None:
    for attributes in ('content-type="application/calendar+json"', 'version="3.0"'):
        answer = query(client, "", data=f"<C:calendar-data {attributes}/>")
        assert (answer.status_code, "supported-calendar-data" in answer.text) == (403, True)


def test_tasks_are_expanded_too(client: Client) -> None:
    task = event("t", more="RRULE:FREQ=DAILY;COUNT=3\n").replace("VEVENT", "VTODO").replace("DTEND", "DUE")
    assert client.put_event("/dav/edupont/taches/t.ics", task).status_code == 201
    data = '<C:calendar-data><C:expand start="20260908T000000Z" end="20260910T000000Z"/></C:calendar-data>'
    asked = between("20260908T000000Z", "20260910T000000Z", "VTODO")
    text = query(client, asked, "/dav/edupont/taches/", data).text
    assert (text.count("BEGIN:VTODO"), "RRULE" in text) == (2, False)
    assert "DUE:20260909T090000Z" in text
