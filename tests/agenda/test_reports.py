"""Queries: by time, by text, by name; free and busy times; occurrences."""

import xml.etree.ElementTree as ET

import httpx
import pytest

from tests.agenda.conftest import NAMESPACES, Client, contact, event, properties

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
AGENDA = "/dav/edupont/agenda/"
SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CR="urn:ietf:params:xml:ns:carddav"'


def query(client: Client, inner: str, path: str = AGENDA, data: str = "<D:getetag/>") -> httpx.Response:
    body = (
        f'<C:calendar-query {SPACES}><D:prop>{data}</D:prop><C:filter><C:comp-filter name="VCALENDAR">{inner}'
        "</C:comp-filter></C:filter></C:calendar-query>"
    )
    return client.dav("REPORT", path, body, Depth="1")


def found(response: httpx.Response) -> set[str]:
    assert response.status_code == 207, response.text
    return {href.rsplit("/", 1)[1] for href in properties(response)}


def between(start: str, end: str, component: str = "VEVENT") -> str:
    return f'<C:comp-filter name="{component}"><C:time-range start="{start}" end="{end}"/></C:comp-filter>'


@pytest.fixture
def filled(client: Client) -> Client:
    """A week of lessons: one alone, one weekly with an exception, a holiday, one long past."""
    weekly = "RRULE:FREQ=WEEKLY;UNTIL=20261218T080000Z\nEXDATE:20260914T080000Z\n"
    client.put_event(f"{AGENDA}alone.ics", event("alone", "Conseil de classe", "20260910T160000Z", "20260910T180000Z"))
    client.put_event(f"{AGENDA}weekly.ics", event("weekly", "Anglais 4e B", more=weekly))
    client.put_event(f"{AGENDA}past.ics", event("past", "Ancien", "20200101T080000Z", "20200101T090000Z"))
    holiday = event("holiday", "Vacances", more="TRANSP:TRANSPARENT\n")
    holiday = holiday.replace("DTSTART:20260907T080000Z", "DTSTART;VALUE=DATE:20261017")
    client.put_event(f"{AGENDA}holiday.ics", holiday.replace("DTEND:20260907T090000Z", "DTEND;VALUE=DATE:20261102"))
    return client


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [
        ("20260907T000000Z", "20260908T000000Z", {"weekly.ics"}),
        ("20260910T000000Z", "20260911T000000Z", {"alone.ics"}),
        ("20260914T000000Z", "20260915T000000Z", set()),  # EXDATE
        ("20261101T230000Z", "20261103T000000Z", {"holiday.ics", "weekly.ics"}),
        ("20271101T000000Z", "20281103T000000Z", set()),
        ("20190101T000000Z", "20300101T000000Z", {"alone.ics", "weekly.ics", "past.ics", "holiday.ics"}),
    ],
)
def test_time_range(filled: Client, start: str, end: str, names: set[str]) -> None:
    """RFC 4791 section 9.9, occurrences and not spans."""
    assert found(query(filled, between(start, end))) == names


def test_open_ranges(filled: Client) -> None:
    until = '<C:comp-filter name="VEVENT"><C:time-range end="20210101T000000Z"/></C:comp-filter>'
    since = '<C:comp-filter name="VEVENT"><C:time-range start="20261201T000000Z"/></C:comp-filter>'
    assert found(query(filled, until)) == {"past.ics"}
    assert found(query(filled, since)) == {"weekly.ics"}


def test_text_and_component(filled: Client) -> None:
    text = (
        '<C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY"><C:text-match>anglais</C:text-match>'
        "</C:prop-filter></C:comp-filter>"
    )
    assert found(query(filled, text)) == {"weekly.ics"}
    assert found(query(filled, '<C:comp-filter name="VTODO"/>')) == set()
    assert len(found(query(filled, ""))) == 4


def test_tasks(client: Client) -> None:
    for name, more in (("open", ""), ("done", "STATUS:COMPLETED\nCOMPLETED:20260908T080000Z\n")):
        task = event(name, name, more=more).replace("VEVENT", "VTODO").replace("DTEND", "DUE")
        assert client.put_event(f"/dav/edupont/taches/{name}.ics", task).status_code == 201
    undone = (
        '<C:comp-filter name="VTODO"><C:prop-filter name="COMPLETED"><C:is-not-defined/></C:prop-filter>'
        "</C:comp-filter>"
    )
    assert found(query(client, undone, "/dav/edupont/taches/")) == {"open.ics"}


def test_multiget(filled: Client) -> None:
    """RFC 4791 section 7.9: what is asked, a 404 for what is not there, nothing of elsewhere."""
    hrefs = "".join(
        f"<D:href>{href}</D:href>"
        for href in (
            f"{AGENDA}alone.ics",
            f"{AGENDA}none.ics",
            f"{AGENDA}alone.ics",
            "/elsewhere/x.ics",
            "%%%",
            "",
            "//[",
        )
    )
    body = f"<C:calendar-multiget {SPACES}><D:prop><D:getetag/><C:calendar-data/></D:prop>{hrefs}</C:calendar-multiget>"
    response = filled.dav("REPORT", AGENDA, body)
    assert response.status_code == 207
    answers = ET.fromstring(response.content).findall("D:response", NAMESPACES)
    states = {
        answer.findtext("D:href", "", NAMESPACES): answer.findtext("D:status", "", NAMESPACES) for answer in answers
    }
    absent = dict.fromkeys((f"{AGENDA}none.ics", "/elsewhere/x.ics", "%%%"), "HTTP/1.1 404 Not Found")
    assert states == {f"{AGENDA}alone.ics": "", **absent}
    assert "Conseil de classe" in response.text


def test_expand(filled: Client) -> None:
    expand = '<C:calendar-data><C:expand start="20260901T000000Z" end="20261001T000000Z"/></C:calendar-data>'
    response = query(filled, between("20260901T000000Z", "20261001T000000Z"), data=expand)
    assert response.text.count("RECURRENCE-ID") == 3  # 7, 21 and 28 September; the 14th is an exception
    assert "RRULE" not in response.text


LATER = """BEGIN:VEVENT
UID:s
DTSTAMP:20260901T080000Z
RECURRENCE-ID;TZID=Europe/Paris:20260908T100000
DTSTART;TZID=Europe/Paris:20260908T140000
DTEND;TZID=Europe/Paris:20260908T170000
SUMMARY:Long
END:VEVENT
"""


def test_each_occurrence_stands_for_itself(client: Client) -> None:
    """RFC 4791 section 9.6.5: in UTC, without rule and zone; single dates count, exceptions with their own length."""
    paris = event("s", "Cours", more="RRULE:FREQ=DAILY;COUNT=2\nRDATE;TZID=Europe/Paris:20260911T100000\n")
    for name, time in (("DTSTART", "20260907T080000Z"), ("DTEND", "20260907T090000Z")):
        hour = 10 if name == "DTSTART" else 11
        paris = paris.replace(f"{name}:{time}", f"{name};TZID=Europe/Paris:20260907T{hour}0000")
    texts = {
        "s": paris.replace("END:VCALENDAR", LATER.replace("\n", "\r\n") + "END:VCALENDAR"),
        "rdate": event("rdate", "Dates", more="RDATE:20260909T080000Z,20261109T080000Z\n"),
        "floating": event("f", "Sport", "20260908T080000", "20260908T090000", "RRULE:FREQ=WEEKLY;COUNT=3\n"),
        "alone": event("alone", "Seul")
        .replace("DTSTART:20260907T080000Z", "DTSTART;VALUE=DATE:20260910")
        .replace("DTEND:20260907T090000Z", "DTEND;VALUE=DATE:20260911"),
    }
    for name, text in texts.items():
        assert client.put_event(f"{AGENDA}{name}.ics", text).status_code == 201, name
    expand = (
        '<D:getetag/><C:calendar-data><C:expand start="20260901T000000Z" end="20261001T000000Z"/></C:calendar-data>'
    )
    response = query(client, between("20260901T000000Z", "20261001T000000Z"), data=expand)
    shown = {
        href.rsplit("/", 1)[1]: [
            (line.split(":")[0], line.split(":")[1])
            for line in (held["C:calendar-data"].text or "").splitlines()
            if line.startswith(("DTSTART", "DTEND", "RECURRENCE-ID"))
        ]
        for href, held in properties(response).items()
    }
    times = {
        name: sorted((key, value) for key, value in found if not key.startswith("RECURRENCE-ID"))
        for name, found in shown.items()
    }
    assert times == {
        "s.ics": [
            *(("DTEND", f"202609{day}T{hour}0000Z") for day, hour in (("07", "09"), ("08", "15"), ("11", "09"))),
            *(("DTSTART", f"202609{day}T{hour}0000Z") for day, hour in (("07", "08"), ("08", "12"), ("11", "08"))),
        ],
        "rdate.ics": [
            *(("DTEND", f"202609{day}T090000Z") for day in ("07", "09")),
            *(("DTSTART", f"202609{day}T080000Z") for day in ("07", "09")),
        ],
        "floating.ics": [
            *(("DTEND", f"202609{day}T090000") for day in ("08", "15", "22")),
            *(("DTSTART", f"202609{day}T080000") for day in ("08", "15", "22")),
        ],
        "alone.ics": [("DTEND;VALUE=DATE", "20260911"), ("DTSTART;VALUE=DATE", "20260910")],
    }
    assert ("RECURRENCE-ID", "20260908T080000Z") in shown["s.ics"]
    for word in ("RRULE", "RDATE", "VTIMEZONE", "TZID"):
        assert word not in response.text


def test_free_and_busy(filled: Client) -> None:
    body = (
        f"<C:free-busy-query {SPACES}>"
        '<C:time-range start="20260907T000000Z" end="20260912T000000Z"/></C:free-busy-query>'
    )
    response = filled.dav("REPORT", AGENDA, body, Depth="1")
    assert response.status_code == 200
    assert "FREEBUSY;FBTYPE=BUSY:20260907T080000Z/20260907T090000Z" in response.text
    assert "FREEBUSY;FBTYPE=BUSY:20260910T160000Z/20260910T180000Z" in response.text
    assert "Conseil" not in response.text
    assert response.text.count("UID:") == 1
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    backwards = body.replace("20260912", "20260901")
    assert filled.dav("REPORT", AGENDA, backwards, Depth="1").status_code == 400
    assert (
        query(filled, between("20260912T000000Z", "20260912T000000Z")).status_code == 403
    )  # RFC 4791 section 7.8: valid-filter


def test_address_book_query(client: Client) -> None:
    for uid, name in (("e", "Émilie Dupont"), ("m", "Marc Martin")):
        client.dav("PUT", f"/dav/edupont/contacts/{uid}.vcf", contact(uid, name), Content_Type="text/vcard")
    body = (
        f'<CR:addressbook-query {SPACES}><D:prop><CR:address-data/></D:prop><CR:filter><CR:prop-filter name="FN">'
        '<CR:text-match match-type="contains">émilie</CR:text-match></CR:prop-filter></CR:filter>'
        "</CR:addressbook-query>"
    )
    response = client.dav("REPORT", "/dav/edupont/contacts/", body, Depth="1")
    assert found(response) == {"e.vcf"}


def test_answers_are_compressed_when_asked(filled: Client) -> None:
    response = query(filled, "", data="<C:calendar-data/>")
    assert response.headers["content-encoding"] == "gzip"
    plain = filled.dav(
        "REPORT", AGENDA, f"<D:sync-collection {SPACES}><D:prop/></D:sync-collection>", Accept_Encoding=""
    )
    assert "content-encoding" not in plain.headers


def test_a_home_is_asked_for_all_that_is_in_it(filled: Client) -> None:
    """RFC 4791 sections 7.8 to 7.10: what the scope of a report reaches."""
    filled.dav("MKCALENDAR", "/dav/edupont/club/")
    filled.put_event("/dav/edupont/club/b.ics", event("b", "Club", "20260910T170000Z", "20260910T190000Z"))
    filled.dav("PUT", "/dav/edupont/contacts/c.vcf", contact("c"), Content_Type="text/vcard")
    assert found(query(filled, between("20260910T000000Z", "20260911T000000Z"), "/dav/edupont/")) == {
        "alone.ics",
        "b.ics",
    }
    hrefs = "".join(
        f"<D:href>/dav/edupont/{name}</D:href>"
        for name in ("agenda/alone.ics", "club/b.ics", "club/x.ics", "contacts/c.vcf")
    )
    body = f"<C:calendar-multiget {SPACES}><D:prop><D:getetag/></D:prop>{hrefs}</C:calendar-multiget>"
    answers = ET.fromstring(filled.dav("REPORT", "/dav/edupont/", body).content).findall("D:response", NAMESPACES)
    states = [
        (one.findtext("D:href", "", NAMESPACES), one.findtext("D:status", "", NAMESPACES)[9:12]) for one in answers
    ]
    assert sorted(states) == [
        ("/dav/edupont/agenda/alone.ics", ""),
        ("/dav/edupont/club/b.ics", ""),
        ("/dav/edupont/club/x.ics", "404"),
        ("/dav/edupont/contacts/c.vcf", "404"),
    ]
    busy = f'<C:free-busy-query {SPACES}><C:time-range start="20260910T000000Z" end="20260911T000000Z"/>'
    text = filled.dav("REPORT", "/dav/edupont/", f"{busy}</C:free-busy-query>", Depth="infinity").text
    assert "FREEBUSY;FBTYPE=BUSY:20260910T160000Z/20260910T190000Z" in text
    contacts = filled.dav("REPORT", "/dav/edupont/contacts/", f"{busy}</C:free-busy-query>")
    assert (contacts.status_code, "supported-report" in contacts.text) == (403, True)


def test_what_is_cancelled_keeps_nobody_busy(client: Client) -> None:
    client.put_event(f"{AGENDA}a.ics", event("a", more="STATUS:CANCELLED\n"))
    client.put_event(f"{AGENDA}b.ics", event("b", more="STATUS:TENTATIVE\n"))
    busy = f'<C:free-busy-query {SPACES}><C:time-range start="20260907T000000Z" end="20260908T000000Z"/>'
    text = client.dav("REPORT", AGENDA, f"{busy}</C:free-busy-query>", Depth="1").text
    assert [line for line in text.splitlines() if "FBTYPE" in line] == [
        "FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260907T080000Z/20260907T090000Z"
    ]


def test_any_property_of_an_item_can_be_asked_for(filled: Client) -> None:
    data = "<D:getetag/><D:resourcetype/><D:getcontentlength/><D:owner/><D:never/>"
    answer = query(filled, between("20260910T000000Z", "20260911T000000Z"), data=data)
    held = properties(answer)[f"{AGENDA}alone.ics"]
    assert set(held) == {"D:getetag", "D:resourcetype", "D:getcontentlength", "D:owner"}
    root = ET.fromstring(answer.content)
    assert len(root.findall("D:response/D:propstat", NAMESPACES)) == 2
    inner = "<D:allprop/><C:filter><C:comp-filter name='VCALENDAR'/></C:filter>"
    body = f"<C:calendar-query {SPACES}>{inner}</C:calendar-query>"
    assert "D:getlastmodified" in properties(filled.dav("REPORT", AGENDA, body, Depth="1"))[f"{AGENDA}alone.ics"]
    assert found(filled.dav("REPORT", AGENDA, body, Depth="0")) == set()


@pytest.mark.parametrize(
    "inner",
    [
        '<C:comp-filter name="VALARM"/>',
        '<C:comp-filter name="VEVENT"><C:comp-filter name="VEVENT"/></C:comp-filter>',
        '<C:comp-filter name="VTIMEZONE"><C:time-range start="20260901T000000Z"/></C:comp-filter>',
        '<C:comp-filter name="VEVENT"><C:prop-filter name="SUMMARY"><C:time-range end="20260901T000000Z"/>'
        "</C:prop-filter></C:comp-filter>",
        '<C:comp-filter name="VEVENT"><C:nothing/></C:comp-filter>',
    ],
)
def test_filters_that_make_no_sense(filled: Client, inner: str) -> None:
    """RFC 4791 section 7.8: the precondition valid-filter."""
    refused = query(filled, inner)
    assert (refused.status_code, "valid-filter" in refused.text) == (403, True)
    body = f"<C:calendar-query {SPACES}><D:prop/><C:filter><C:comp-filter name='VEVENT'/></C:filter></C:calendar-query>"
    assert "valid-filter" in filled.dav("REPORT", AGENDA, body, Depth="1").text
