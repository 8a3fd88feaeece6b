"""Hostile texts, XML and requests: refused early, cheaply, without a server error."""

import base64
import contextlib
import datetime
import select
import socket
import time
import tracemalloc
import xml.etree.ElementTree as ET

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenda import application, dav, documents, request_context
from mailserver.calendars import occurrences, transfer
from mailserver.calendars.icalendar import cleaning, reading
from mailserver.calendars.invited import invitations
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_items
from tests.agenda.conftest import PASSWORD, Client, Door, contact, event
from tests.waiting import PATIENCE, until

only_sqlite = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
AGENDA = "/dav/edupont/agenda"


def cleaned(text: str) -> str:
    return cleaning.clean(text.encode(), Budget())


# ---------------------------------------------------------------------- iCalendar


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO,TH;UNTIL=20270704T220000Z",
        "FREQ=DAILY",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
        "FREQ=MONTHLY;BYDAY=-1FR;BYSETPOS=-1",
        "FREQ=HOURLY;INTERVAL=8",
        "FREQ=DAILY;BYHOUR=8,12,18",
        "FREQ=WEEKLY;COUNT=30;WKST=MO",
        "freq=weekly",
    ],
)
def test_rules_of_real_life_pass(rule: str) -> None:
    assert f"RRULE:{rule}" in cleaned(event("a", more=f"RRULE:{rule}\n"))


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;UNTIL=20260908T000000Z",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=" + ",".join(map(str, range(60))),
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=SECONDLY;INTERVAL=999999999;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=DAILY;BYMONTH=13",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;FREQ=SECONDLY",
        "FREQ=NEVER",
        "COUNT=5",
        "RRULE:FREQ=SECONDLY",
        "FREQ\\=SECONDLY",
        "FREQ=WEEKLY;BYDAY=XX",
    ],
)
def test_rules_that_would_never_end(rule: str) -> None:
    """Endless recurrence: refused before dateutil walks it, in a fraction of a second."""
    start = time.thread_time()
    with pytest.raises(Refused) as refused:
        cleaned(event("a", more=f"RRULE:{rule}\n"))
    assert refused.value.reason is Reason.INVALID
    assert time.thread_time() - start < 5


OBSERVANCE = (
    "BEGIN:STANDARD\nDTSTART:{}1025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\n"
    "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\n{}END:STANDARD\n"
)
ZONE = "BEGIN:VTIMEZONE\nTZID:Z{}\n{}END:VTIMEZONE\n"
BOMBS = {
    "observances": ZONE.format(0, OBSERVANCE.format(1996, "") * 2000),
    "old observances": ZONE.format(0, OBSERVANCE.format(1601, "") * 20),
    "dates of a zone": ZONE.format(0, OBSERVANCE.format(1996, "RDATE:19970301T020000\n" * 5000)),
    "zones": "".join(ZONE.format(number, OBSERVANCE.format(1996, "")) for number in range(500)),
    "weekly changes": ZONE.format(0, OBSERVANCE.format(1996, "").replace("BYDAY=-1SU;BYMONTH=10", "BYDAY=SU")),
    "exceptions": "RRULE:FREQ=DAILY\nEXDATE:" + ",".join(["20270101T080000"] * 6000) + "\n",
    "dates": "RDATE:20270101T080000\n" * 6000,
    "alarms": "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1M\nEND:VALARM\n" * 12_000,
    "attendees": "ATTENDEE:mailto:a@exemple.fr\n" * 25_000,
}


def bomb(name: str) -> str:
    text = BOMBS[name].replace("\n", "\r\n")
    if text.startswith("BEGIN:VTIMEZONE"):
        whole = event("a").replace("DTSTART:", "DTSTART;TZID=Z0:").replace("Z\r\nDTEND", "\r\nDTEND")
        whole = whole.replace("DTEND:20260907T090000Z", "DTEND;TZID=Z0:20260907T090000")
        return whole.replace("BEGIN:VEVENT", f"{text}BEGIN:VEVENT")
    return event("a", more=text)


@pytest.mark.parametrize("name", BOMBS)
def test_one_event_costs_little_at_every_door(name: str) -> None:
    """2,000 changes of a zone took 14 s to put, and seconds for each page of the month."""
    text = bomb(name)
    begun = time.thread_time()
    with pytest.raises(Refused) as refused:
        reading.read("a.ics", text)
    assert refused.value.reason is Reason.INVALID
    with pytest.raises(Refused):
        transfer.unpack(text.encode())
    assert invitations.read(text.replace("VERSION:", "METHOD:REQUEST\r\nVERSION:").encode()) is None
    shown = page_of(text)
    assert (shown.occurrences, shown.unreadable) == ((), 1), "what an earlier version stored costs no page its time"
    assert time.thread_time() - begun < 3


@only_sqlite
def test_a_put_of_many_observances_is_refused(client: Client) -> None:
    assert client.put_event(f"{AGENDA}/a.ics", bomb("observances")).status_code == 403
    assert client.get(f"{AGENDA}/a.ics").status_code == 404


def test_zones_of_real_life_pass() -> None:
    written_out = "".join(
        f"BEGIN:STANDARD\nDTSTART:{year}1025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\n"
        for year in range(1916, 2038)
    )
    outlook = OBSERVANCE.format(1601, "") + OBSERVANCE.format(1601, "").replace("STANDARD", "DAYLIGHT")
    for zone in (
        ZONE.format(0, written_out),
        ZONE.format(0, outlook),
        "".join(ZONE.format(n, outlook) for n in range(40)),
    ):
        text = event("a", more="").replace("BEGIN:VEVENT", zone.replace("\n", "\r\n") + "BEGIN:VEVENT")
        assert "VTIMEZONE" in cleaned(text)


def test_the_budget_is_looked_at_within_an_event() -> None:
    """A page ends in the middle of a series, with what it has."""

    class Short(Budget):
        left = 20

        def check(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise Refused(Reason.LIMIT, "used up")

    text = event("a", more="RRULE:FREQ=HOURLY;INTERVAL=2;UNTIL=20300101T000000Z\n")
    assert len(page_of(text).occurrences) > 100
    shown = page_of(text, Short())
    assert shown.cut
    assert 0 < len(shown.occurrences) < 20


def page_of(text: str, budget: Budget | None = None) -> occurrences.Expansion:
    """The month of an agenda that holds this text as it is."""
    row = agenda_items.Item("a.ics", "a", "e", "VCALENDAR", "VEVENT", 0, 2**40, 0, text)
    start, end = (datetime.datetime(2026, month, 1, tzinfo=datetime.UTC) for month in (9, 10))
    return occurrences.spread([(1, row)], start, end, datetime.UTC, budget)


@pytest.mark.parametrize(
    "disguise",
    [
        "R\n RULE:FREQ=SECONDLY\n",
        "RR\x00ULE:FREQ=SECONDLY\n",
        "RRU\n\n LE:FREQ=SECONDLY\n",
        "RRU\n \t\n LE:FREQ=SECONDLY\n",
        "item1.RRULE:FREQ=SECONDLY\n",
        'RRULE;X="a:b":FREQ=SECONDLY\n',
        "rrule;x=y:freq=secondly\n",
        "EXRULE:FREQ=SECONDLY\n",
    ],
)
def test_disguised_rules(disguise: str) -> None:
    """What is judged is what is parsed: folding, control characters, groups, case hide nothing."""
    try:
        text = cleaned(event("a", more=disguise))
    except (Refused, BadSyntax):
        return
    import vobject  # type: ignore[import-untyped]

    try:
        parsed = vobject.readOne(text, allowQP=True)
    except vobject.base.ParseError:
        return
    assert not hasattr(parsed.vevent, "rrule")


def test_old_birthdays_and_zones_pass() -> None:
    """Apple's birthdays without a year start in 1604, Outlook's zones in 1601."""
    birthday = event("a", start="16040229T000000Z", end="16040301T000000Z", more="RRULE:FREQ=YEARLY\n")
    assert "1604" in cleaned(birthday)
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Romance Standard Time\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\n"
        "TZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    text = f"BEGIN:VCALENDAR\n{zone}END:VCALENDAR\n"
    assert "Romance" in cleaned(text)
    with pytest.raises(Refused):
        cleaned(text.replace("YEARLY;BYDAY=-1SU;BYMONTH=10", "DAILY"))


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART:00010101T000000Z",
        "DTSTART:99991231T235959Z",
        "RDATE:20260901T000000Z,99990101T000000Z",
        "RDATE;VALUE=PERIOD:20260901T000000Z/99990101T000000Z",
        "RECURRENCE-ID;VALUE=DATE:00010101",
        "DURATION:P9999999D",
        "DURATION:PT999999999S",
        "TRIGGER:-P123456W",
    ],
)
def test_dates_out_of_all_time(lines: str) -> None:
    """What is stored can be added to and subtracted from without leaving the years Python knows."""
    with pytest.raises(Refused):
        cleaned(event("a", more=f"{lines}\n"))


def test_many_exceptions_to_a_dense_rule() -> None:
    base = event("a", start="19700101T080000Z", end="19700101T090000Z", more="RRULE:FREQ=DAILY\n")
    extra = "".join(
        f"BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260101T{n // 60:02}{n % 60:02}00Z\n"
        "DTSTART:20260101T080000Z\nEND:VEVENT\n"
        for n in range(400)
    )
    with pytest.raises(Refused):
        cleaned(base.replace("END:VCALENDAR", extra + "END:VCALENDAR"))


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN:VCALENDAR\n" * 20,
        "SUMMARY:nowhere\n",
        "BEGIN:VCALENDAR\n",
        "END:VCALENDAR\n",
        "BEGIN:VEVENT\nSUMMARY without value\nEND:VEVENT\n",
        "BEGIN:VEVENT\nX;" + "A=b;" * 2000 + ":x\nEND:VEVENT\n",
        'BEGIN:VEVENT\nX;A="' + "b" * 5000 + '":x\nEND:VEVENT\n',
    ],
)
def test_texts_without_shape(text: str) -> None:
    with pytest.raises((BadSyntax, Refused)):
        cleaned(text)


def test_quadratic_time_lines() -> None:
    """Radicale's repairs of TZID and PHOTO take quadratic time on these; they hold the GIL meanwhile."""
    for line in ("X:" + "TZID=" * 200_000, "X:" + "TZNAME:" * 150_000, "PHOTO" + ";ENCODING=b" * 90_000 + ":x"):
        start = time.thread_time()
        with pytest.raises((Refused, BadSyntax)):
            cleaned(f"BEGIN:VCARD\n{line}\nEND:VCARD\n")
        assert time.thread_time() - start < 2


def test_time_is_bounded_while_judging() -> None:
    spent = Budget(0)
    with pytest.raises(Refused) as refused:
        cleaning.clean(event("a").encode(), spent)
    assert refused.value.reason is Reason.LIMIT


def test_broken_folding_and_charsets() -> None:
    """Folding in the middle of a character, old charsets, quoted-printable contacts, a byte order mark."""
    folded = event("a", "é").encode().replace("é".encode(), b"\xc3\r\n \xa9")
    assert "SUMMARY:é" in cleaning.clean(folded, Budget())
    assert "SUMMARY:é" in cleaning.clean(event("a", "é").encode("iso-8859-1"), Budget())
    assert cleaning.clean(b"\xef\xbb\xbf" + event("a").encode(), Budget()).startswith("BEGIN")
    old = "BEGIN:VCARD\nVERSION:2.1\nNOTE;ENCODING=QUOTED-PRINTABLE:un=\ndeux\nEND:VCARD\n"
    assert "QUOTED-PRINTABLE:undeux" in cleaned(old)


def test_a_value_in_many_pieces_is_joined_once() -> None:
    """Each soft break used to copy all before it: half a minute for what a client may put."""
    pieces = 600_000
    old = "BEGIN:VCARD\nVERSION:2.1\nNOTE;ENCODING=QUOTED-PRINTABLE:" + "a=\n" * pieces + "b\nEND:VCARD\n"
    assert f"QUOTED-PRINTABLE:{'a' * pieces}b" in cleaned(old)
    open_ended = "BEGIN:VCARD\nEND:VCARD\nNOTE;ENCODING=QUOTED-PRINTABLE:a=\nb="
    with pytest.raises(BadSyntax):
        cleaned(open_ended)


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_octets(octets: bytes) -> None:
    """Either a text or one of our errors."""
    with_shape = b"BEGIN:VEVENT\n" + octets + b"\nEND:VEVENT\n"
    for candidate in (octets, with_shape):
        try:
            text = cleaning.clean(candidate, Budget())
        except (BadSyntax, Refused):
            continue
        assert cleaning.clean(text.encode(), Budget()) == text


PART = st.sampled_from(
    """FREQ=DAILY FREQ=WEEKLY FREQ=YEARLY FREQ=HOURLY FREQ=MINUTELY FREQ=MONTHLY INTERVAL=1 INTERVAL=7 INTERVAL=999999
    COUNT=3 COUNT=0 UNTIL=20301231 UNTIL=00010101 BYDAY=MO BYDAY=5MO BYDAY=-53SU BYMONTH=2 BYMONTHDAY=31
    BYYEARDAY=366 BYWEEKNO=53 BYSETPOS=-1 BYSETPOS=366 BYHOUR=25 BYHOUR=3 BYMINUTE=0,30 BYSECOND=1 BYEASTER=0
    WKST=SU X=1 =""".split()  # noqa: SIM905
)


@given(
    st.lists(PART, min_size=1, max_size=6),
    st.sampled_from(["20260907T080000Z", "20240229T000000Z", "00010101T000000Z"]),
)
@settings(max_examples=80, deadline=None)
def test_rules_that_pass_are_walked_quickly(parts: list[str], start: str) -> None:
    """Whatever passes, Radicale finds its span of time in a second."""
    import radicale.item

    try:
        text = cleaned(event("a", start=start, end=start, more=f"RRULE:{';'.join(parts)}\n"))
    except (Refused, BadSyntax):
        return
    began = time.thread_time()
    try:
        items = radicale.item.read_components(text)
        radicale.item.check_and_sanitize_items(items, 10_000, tag="VCALENDAR")
        radicale.item.Item(collection_path="x", vobject_item=items[0]).prepare()
    except Exception:
        pass
    assert time.thread_time() - began < 3


# ---------------------------------------------------------------------- XML


@pytest.mark.parametrize(
    "body",
    [
        "<a",
        "<D:propfind xmlns:D='DAV:'/>",
        "<propfind><prop/></propfind>",
        "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><D:propfind xmlns:D='DAV:'><D:prop>&a;</D:prop></D:propfind>",
        "<?xml version='1.0' encoding='nonsense'?><D:propfind xmlns:D='DAV:'><D:prop/></D:propfind>",
        "\x00",
        "<D:x xmlns:D='DAV:'>" * 40 + "</D:x>" * 40,
        "<D:x xmlns:D='DAV:'>" + "<D:y/>" * 30_000 + "</D:x>",
    ],
)
def test_xml_that_is_refused(body: str) -> None:
    with pytest.raises((BadSyntax, Refused)):
        documents.parse(body.encode(), 2026)


def test_xml_that_is_too_long() -> None:
    with pytest.raises(Refused) as refused:
        documents.parse(b"<a>" + b" " * documents.MAX_OCTETS, 2026)
    assert refused.value.reason is Reason.TOO_BIG


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("time-range", "98000101T000000Z", "99990101T000000Z"),
        ("expand", "20260101T000000Z", "20960101T000000Z"),
        ("expand", "20260101T000000Z", ""),
        ("time-range", "yesterday", ""),
        ("limit-freebusy-set", "20260101", "20270101"),
    ],
)
def test_ranges_nobody_asks_for(name: str, start: str, end: str) -> None:
    """A range far ahead would walk every endless rule until there."""
    body = f'<C:x xmlns:C="urn:ietf:params:xml:ns:caldav"><C:{name} start="{start}" end="{end}"/></C:x>'
    with pytest.raises((BadSyntax, Refused)):
        documents.parse(body.encode(), 2026)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_octets_as_xml(octets: bytes) -> None:
    with contextlib.suppress(BadSyntax, Refused):
        documents.parse(octets, 2026)


NAMES = st.sampled_from(
    """D:propfind D:prop D:allprop D:propname D:propertyupdate D:set D:remove D:resourcetype D:displayname D:getetag
    D:sync-collection D:sync-token D:sync-level D:href D:mkcol D:collection D:limit D:expand-property
    C:calendar-query C:calendar-multiget C:free-busy-query C:filter C:comp-filter C:prop-filter C:param-filter
    C:time-range C:text-match C:is-not-defined C:calendar-data C:expand C:comp C:mkcalendar
    C:supported-calendar-component-set C:calendar CR:addressbook-query CR:addressbook-multiget CR:filter
    CR:prop-filter CR:address-data CR:addressbook X:unknown""".split()  # noqa: SIM905
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["name", "start", "end", "test", "match-type", "collation", "negate-condition"]),
    st.sampled_from(["VCALENDAR", "VEVENT", "SUMMARY", "20260901T000000Z", "anyof", "yes", "", "x", "VALARM"]),
    max_size=3,
)
SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CR="urn:ietf:params:xml:ns:carddav" xmlns:X="x:"'


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    name, attributes = draw(NAMES), draw(ATTRIBUTES)
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    inner = "".join(draw(st.lists(elements(depth + 1), max_size=3))) if depth < 4 else ""
    text = draw(st.sampled_from(["", "x", "/dav/edupont/agenda/a.ics", "urn:mailserver:sync:1:1"]))
    return f"<{name}{written}{'' if depth else ' ' + SPACES}>{text}{inner}</{name}>"


@only_sqlite
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    body=elements(),
    method=st.sampled_from(["PROPFIND", "PROPPATCH", "REPORT", "MKCALENDAR", "MKCOL"]),
    path=st.sampled_from(
        ["/", "/edupont/", "/edupont/agenda/", "/edupont/agenda/a.ics", "/edupont/contacts/", "/edupont/neu/"]
    ),
    depth=st.sampled_from(["0", "1", "infinity", "x"]),
)
def test_any_document_gets_a_clear_answer(client: Client, body: str, method: str, path: str, depth: str) -> None:
    """Any tree of known elements to any method: never a server error."""
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    response = client.dav(method, f"/dav{path}", body, Depth=depth)
    assert response.status_code in (200, 201, 207, 400, 403, 404, 405, 409, 415, 507), (response.status_code, body)


TIMES = st.sampled_from(
    """DTSTART:20260907T080000Z DTSTART;TZID=Europe/Paris:20260907T080000 DTSTART;VALUE=DATE:20260907
    DTSTART:20260907T080000 DTSTART;TZID=Nowhere:20260907T080000 DTSTART:16000101T000000Z""".split()  # noqa: SIM905
)
LINES = st.sampled_from(
    """DTEND:20260907T090000Z DTEND;VALUE=DATE:20260908 DTEND:19000101T000000 DURATION:PT1H DURATION:-PT1H
    DURATION:PT0S RRULE:FREQ=DAILY RRULE:FREQ=WEEKLY;COUNT=3 RRULE:FREQ=DAILY;UNTIL=20270101T000000Z
    RRULE:FREQ=MONTHLY;BYDAY=1MO EXRULE:FREQ=DAILY;COUNT=2 EXDATE:20260908T080000Z EXDATE;VALUE=DATE:20260908
    RDATE:20260910T080000Z RDATE;VALUE=PERIOD:20260908T080000Z/PT1H RECURRENCE-ID:20260908T080000Z
    RECURRENCE-ID;VALUE=DATE:20260908 ATTENDEE;CN="a:b":mailto:x@y CATEGORIES:a,b TRANSP:TRANSPARENT
    STATUS:CANCELLED STATUS:x PRIORITY:x GEO:1;2 SUMMARY;ENCODING=QUOTED-PRINTABLE:=E9
    ATTACH;ENCODING=BASE64;VALUE=BINARY:!! COMPLETED:20260909T000000Z""".split()  # noqa: SIM905
)
PATTERNS = (
    '<C:time-range start="20260901T000000Z" end="20261001T000000Z"/>',
    '<C:time-range start="21200901T000000Z"/>',
    '<C:comp-filter name="VALARM"><C:time-range start="20260901T000000Z" end="20261001T000000Z"/></C:comp-filter>',
)
WHEN_LATE = '<C:time-range start="20910901T000000Z" end="20910901T000001Z"/>'
EXPAND = '<C:calendar-data><C:expand start="20260901T000000Z" end="20261001T000000Z"/></C:calendar-data>'


@only_sqlite
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    start=TIMES,
    lines=st.lists(LINES, max_size=4),
    exception=st.lists(LINES, max_size=2),
    alarm=st.sampled_from(["", "-PT15M", "20260908T080000Z", "bad"]),
)
def test_what_was_stored_spoils_no_report(
    client: Client, start: str, lines: list[str], exception: list[str], alarm: str
) -> None:
    """An object is refused when it is put, or every later report over its collection is answered."""
    first = "\n".join(["BEGIN:VEVENT\nUID:a", start, *lines])
    if alarm:
        first += f"\nBEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:{alarm}\nEND:VALARM"
    second = "\n".join(["BEGIN:VEVENT\nUID:a", start, "RECURRENCE-ID:20260909T080000Z", *exception, "END:VEVENT\n"])
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{first}\nEND:VEVENT\n{second if exception else ''}END:VCALENDAR\n"
    client.dav("DELETE", f"{AGENDA}/odd.ics")
    stored = client.put_event(f"{AGENDA}/odd.ics", text).status_code
    assert stored in (201, 403), text
    for pattern in PATTERNS:
        for data in ("<C:calendar-data/>", EXPAND):
            query = (
                f"<C:calendar-query {SPACES}><D:prop>{data}</D:prop><C:filter><C:comp-filter name='VCALENDAR'>"
                f"<C:comp-filter name='VEVENT'>{pattern}</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
            )
            assert client.dav("REPORT", f"{AGENDA}/", query).status_code == 207, text
    busy = f"<C:free-busy-query {SPACES}>{PATTERNS[0]}</C:free-busy-query>"
    assert client.dav("REPORT", f"{AGENDA}/", busy).status_code == 200, text


def test_a_series_that_ends_before_it_starts_costs_no_page() -> None:
    """A century of occurrences is not computed for the month that is looked at."""
    text = event("a", start="20260907T080000Z", end="19000101T000000", more="RRULE:FREQ=DAILY\n")
    row = agenda_items.Item("a.ics", "a", "e", "VCALENDAR", "VEVENT", 0, 1, 0, text)
    start = datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC)
    found = occurrences.spread([(1, row)], start, start + datetime.timedelta(days=30), datetime.UTC, Budget(2))
    assert (len(found.occurrences), found.cut, found.unreadable) == (24, False, 0)


# ---------------------------------------------------------------------- requests


@only_sqlite
def test_items_that_are_too_big(client: Client) -> None:
    """max-resource-size for an item, 413 for a body nobody would read."""
    photo = "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(b"x" * 900_000).decode() + "\r\n"
    card = contact("c").replace("END:", photo + "END:")
    response = client.dav("PUT", "/dav/edupont/contacts/c.vcf", card, Content_Type="text/vcard", If_None_Match="*")
    assert (response.status_code, "max-resource-size" in response.text) == (403, True)  # not 412: nobody changed it
    size = client.propfind("/dav/edupont/agenda/", "C:max-resource-size")["/dav/edupont/agenda/"]
    assert size["C:max-resource-size"].text == str(agenda_items.MAX_ITEM_OCTETS)
    photo = "PHOTO;ENCODING=b;TYPE=JPEG:" + base64.b64encode(b"x" * 300_000).decode() + "\r\n"
    smaller = contact("d").replace("END:", photo + "END:")
    assert client.dav("PUT", "/dav/edupont/contacts/d.vcf", smaller, Content_Type="text/vcard").status_code == 201
    assert client.put_event(f"{AGENDA}/a.ics", "x" * (dav.MAX_ITEM_BODY + 1)).status_code == 413
    assert client.put_event("/dav/edupont/new/", "x" * (dav.MAX_BODY + 1)).status_code == 413
    assert client.dav("PROPFIND", AGENDA, "x" * (documents.MAX_OCTETS + 1)).status_code == 413


@only_sqlite
def test_body_without_a_length(door: Door) -> None:
    """Chunked bodies are counted as they come."""

    def pieces() -> "object":
        for _ in range(40):
            yield b"x" * 100_000

    with door.client() as client:
        response = client.request("PUT", f"{AGENDA}/a.ics", content=pieces())  # type: ignore[arg-type]
        assert response.status_code == 413
        text = event("a").encode()
        made = client.request("PUT", f"{AGENDA}/a.ics", content=iter([text[:50], text[50:]]))
        assert made.status_code == 201


@only_sqlite
def test_full_collection(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda_items, "MAX_ITEMS", 2)
    for name in ("a", "b"):
        assert client.put_event(f"{AGENDA}/{name}.ics", event(name)).status_code == 201
    assert client.put_event(f"{AGENDA}/c.ics", event("c")).status_code == 507


@only_sqlite
def test_request_that_computes_too_long(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    monkeypatch.setattr(application, "Budget", lambda: Budget(0))
    query = (
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop/><C:filter>'
        '<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY"><C:text-match>x'
        "</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    assert client.dav("REPORT", f"{AGENDA}/", query).status_code == 507


@only_sqlite
@pytest.mark.parametrize("pattern", [WHEN_LATE, f'<C:comp-filter name="VALARM">{WHEN_LATE}</C:comp-filter>'])
def test_each_condition_on_time_looks_at_the_budget_as_it_walks(
    client: Client, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """A hundred conditions walked one hourly series a hundred times, a second each, before anybody looked."""

    class Short(Budget):
        __slots__ = ("left",)

        def __init__(self) -> None:
            super().__init__()
            self.left = 1000

        def check(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise Refused(Reason.LIMIT)

    alarm = "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:-PT15M\nEND:VALARM\n"
    text = event("a", "H", "20900101T080000Z", "20900101T081000Z", f"RRULE:FREQ=HOURLY\n{alarm}")
    assert client.put_event(f"{AGENDA}/a.ics", text).status_code == 201
    monkeypatch.setattr(application, "Budget", Short)
    query = (
        f"<C:calendar-query {SPACES}><D:prop/><C:filter><C:comp-filter name='VCALENDAR'><C:comp-filter name='VEVENT'>"
        f"<C:prop-filter name='SUMMARY'/>{pattern}</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"
    )
    assert client.dav("REPORT", f"{AGENDA}/", query).status_code == 507


@only_sqlite
def test_occurrences_of_a_long_text_are_bounded_by_their_octets(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has the whole description: a megabyte, daily, for five years was two gigabytes of answer."""
    text = event("a", more="DESCRIPTION:" + "x" * 2000 + "\nRRULE:FREQ=DAILY\n")
    assert client.put_event(f"{AGENDA}/a.ics", text).status_code == 201
    query = (
        f"<C:calendar-query {SPACES}><D:prop>{EXPAND}</D:prop><C:filter><C:comp-filter name='VCALENDAR'/></C:filter>"
        "</C:calendar-query>"
    )
    assert client.dav("REPORT", f"{AGENDA}/", query).status_code == 207
    monkeypatch.setattr(request_context, "MAX_EXPANDED", 20_000)
    assert client.dav("REPORT", f"{AGENDA}/", query).status_code == 507


PROPFIND = '<D:propfind xmlns:D="DAV:" xmlns:X="urn:x"><D:prop>{}</D:prop></D:propfind>'
QUERIES = {
    "calendar-query": (
        f"{AGENDA}/",
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/></D:prop>'
        '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{}</C:comp-filter></C:comp-filter>'
        "</C:filter></C:calendar-query>",
        '<C:prop-filter name="SUMMARY"><C:text-match>Cours</C:text-match></C:prop-filter>',
        "urn:ietf:params:xml:ns:caldav",
    ),
    "addressbook-query": (
        "/dav/edupont/contacts/",
        '<C:addressbook-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:prop><D:getetag/></D:prop>'
        '<C:filter test="anyof">{}</C:filter></C:addressbook-query>',
        '<C:prop-filter name="FN"><C:param-filter name="TYPE"><C:text-match>x</C:text-match></C:param-filter>'
        "</C:prop-filter>",
        "urn:ietf:params:xml:ns:carddav",
    ),
}


def fill(client: Client, count: int) -> None:
    head, tail = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//essai//FR\r\n", "END:VCALENDAR\r\n"
    events = [event(f"e{number}").removeprefix(head).removesuffix(tail) for number in range(count)]
    assert client.put_event(f"{AGENDA}/", head + "".join(events) + tail).status_code == 201


@only_sqlite
def test_thousands_of_properties_and_conditions(client: Client) -> None:
    """20,000 properties of 150 events cost 15 s and 335 MB; 2,000 conditions likewise."""
    fill(client, 150)
    begun = time.process_time()
    names = "".join(f"<X:p{number}/>" for number in range(20_000))
    patch = (
        f'<D:propertyupdate xmlns:D="DAV:" xmlns:X="urn:x"><D:set><D:prop>{names}</D:prop></D:set></D:propertyupdate>'
    )
    sync = (
        '<D:sync-collection xmlns:D="DAV:" xmlns:X="urn:x"><D:sync-token/><D:sync-level>1</D:sync-level>'
        f"<D:prop>{names}</D:prop></D:sync-collection>"
    )
    assert client.dav("PROPFIND", f"{AGENDA}/", PROPFIND.format(names), Depth="1").status_code == 413
    assert client.dav("PROPPATCH", f"{AGENDA}/", patch).status_code == 413
    assert client.dav("REPORT", f"{AGENDA}/", sync).status_code == 413
    for path, query, condition, space in QUERIES.values():
        assert client.dav("REPORT", path, query.format(condition * 10)).status_code == 207
        refused = client.dav("REPORT", path, query.format(condition * 2000))
        assert refused.status_code == 403
        assert f"{{{space}}}supported-filter" in [one.tag for one in ET.fromstring(refused.text).iter()]
    assert time.process_time() - begun < 5


@only_sqlite
def test_a_property_named_often_is_answered_once(client: Client) -> None:
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    many = client.dav("PROPFIND", f"{AGENDA}/", PROPFIND.format("<D:getetag/>" * 900), Depth="1")
    assert many.status_code == 207
    assert many.text.count("getetag") == client.dav(
        "PROPFIND", f"{AGENDA}/", PROPFIND.format("<D:getetag/>"), Depth="1"
    ).text.count("getetag")


@only_sqlite
@pytest.mark.parametrize("method", ["PROPFIND", "calendar-query", "sync-collection", "multiget"])
def test_properties_of_all_items_together_are_bounded(
    client: Client, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(request_context, "MAX_WORK", 100)
    fill(client, 20)
    hrefs = "".join(f"<D:href>{AGENDA}/e{number}.ics</D:href>" for number in range(20))

    def ask(properties: int) -> httpx.Response:
        names = "".join(f"<X:p{number}/>" for number in range(properties))
        spaces = 'xmlns:D="DAV:" xmlns:X="urn:x" xmlns:C="urn:ietf:params:xml:ns:caldav"'
        prop = f"<D:prop>{names}</D:prop>"
        if method == "PROPFIND":
            return client.dav("PROPFIND", f"{AGENDA}/", PROPFIND.format(names), Depth="1")
        bodies = {
            "calendar-query": f'{prop}<C:filter><C:comp-filter name="VCALENDAR"/></C:filter>',
            "sync-collection": f"<D:sync-token/><D:sync-level>1</D:sync-level>{prop}",
            "multiget": prop + hrefs,
        }
        space = "D" if method == "sync-collection" else "C"
        name = f"{space}:{'calendar-multiget' if method == 'multiget' else method}"
        return client.dav("REPORT", f"{AGENDA}/", f"<{name} {spaces}>{bodies[method]}</{name}>")

    assert ask(2).status_code == 207
    refused = ask(8)
    assert refused.status_code == 507
    assert "number-of-matches-within-limits" in refused.text


@only_sqlite
def test_slow_bodies_hold_no_thread(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many uploads that stop half-way; somebody else is served meanwhile; in the end they are told off."""
    monkeypatch.setattr(application, "BODY_SECONDS", 60.0)
    credentials = base64.b64encode(f"edupont:{PASSWORD}".encode()).decode()
    head = (
        f"PUT {AGENDA}/a.ics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {credentials}\r\nContent-Length: 1000\r\n\r\n"
    )
    slow: list[socket.socket] = []

    def begin() -> None:
        slow.append(socket.create_connection(("127.0.0.1", door.port)))
        slow[-1].sendall(head.encode() + b"BEGIN")

    try:
        for _ in range(application.MAX_WAITING):
            begin()
        with door.client("mmartin") as client:
            assert client.propfind("/dav/", "D:current-user-principal")
            assert select.select(slow, [], [], 0)[0] == [], "none of them has been answered yet"
        with door.client() as client:

            def has_enough() -> bool:
                """One more that stops: an earlier one may have been refused for a look that was still under way."""
                begin()
                return client.dav("PROPFIND", "/dav/").status_code == 503

            until(has_enough)  # one person cannot pile up requests
    finally:
        for sock in slow:
            sock.close()
    monkeypatch.setattr(application, "BODY_SECONDS", 0.5)
    until(lambda: _told_off(door, head))
    with door.client() as client:
        assert client.dav("PROPFIND", "/dav/").status_code == 207


def _told_off(door: Door, head: str) -> bool:
    """Stop half-way; whether that is what the answer is about, and not that others of ours still wait."""
    with socket.create_connection(("127.0.0.1", door.port), timeout=PATIENCE) as sock:
        sock.sendall(head.encode() + b"BEGIN")
        answer = sock.recv(100)
    assert b" 408 " in answer or b" 503 " in answer
    return b" 408 " in answer


@only_sqlite
def test_charset_names_no_codec(client: Client) -> None:
    text = event("a", "é")
    for charset in ("unicode_escape", "rot13", "utf-7", "nonsense"):
        response = client.dav("PUT", f"{AGENDA}/a.ics", text, Content_Type=f"text/calendar; charset={charset}")
        assert response.status_code in (201, 204)
    assert "SUMMARY:é" in client.get(f"{AGENDA}/a.ics").text


@only_sqlite
@pytest.mark.parametrize(
    "path",
    [
        "/dav/edupont/agenda/../../mmartin/agenda/",
        "/dav//edupont//agenda//",
        "/dav/edupont/agenda/a/b/c.ics",
        "/dav/%00",
    ],
)
def test_strange_paths(client: Client, path: str) -> None:
    for method in ("GET", "PROPFIND", "PUT", "DELETE"):
        assert client.dav(method, path).status_code in (207, 200, 204, 400, 403, 404, 409)


def test_a_calendar_is_exported_in_the_memory_of_its_text() -> None:
    """What is parsed of `CATEGORIES:a,a,a,…` takes a hundred times its octets: of a full agenda, gigabytes."""
    flood = f"CATEGORIES:{'a,' * 30_000}b\r\n"
    rows = [
        agenda_items.Item(f"{number}.ics", str(number), "", "", "", 0, 0, 0, event(str(number), more=flood))
        for number in range(6)
    ]
    tracemalloc.start()
    try:
        octets = transfer.pack("Cours", rows)
        assert tracemalloc.get_traced_memory()[1] < 24_000_000, "all of them parsed at once take twice that"
    finally:
        tracemalloc.stop()
    assert octets.startswith(b"BEGIN:VCALENDAR\r\n")
    assert octets.endswith(b"END:VEVENT\r\nEND:VCALENDAR\r\n")
    assert octets.count(b"BEGIN:VEVENT") == 6
