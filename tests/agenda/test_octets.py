"""What is stored is what was sent, or no entity tag says so (RFC 4791 section 5.3.4, RFC 6352 section 6.3.2.3)."""

import pytest

from tests.agenda.conftest import Client, contact, event

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
AGENDA, CONTACTS = "/dav/edupont/agenda/", "/dav/edupont/contacts/"
DISORDERED = (
    event("a").replace("SUMMARY:Cours\r\n", "").replace("UID:a", "SUMMARY:Cours é\r\n ternel\r\nX-MINE:1\r\nUID:a")
)
ZONED = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//FR
BEGIN:VTIMEZONE
TZID:Ailleurs
BEGIN:STANDARD
TZOFFSETTO:+0100
TZOFFSETFROM:+0100
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:z
DTSTART;TZID=Ailleurs:20260907T080000
DTSTAMP:20260901T080000Z
RRULE:FREQ=DAILY;COUNT=3
EXDATE;TZID=Ailleurs:20260908T080000
DURATION:PT1H
BEGIN:VALARM
TRIGGER:-PT5M
ACTION:DISPLAY
DESCRIPTION:x
END:VALARM
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("text", [DISORDERED, ZONED, ZONED.replace("\n", "\r\n"), event("a")])
def test_a_strong_tag_means_the_same_octets(client: Client, text: str) -> None:
    made = client.put_event(f"{AGENDA}a.ics", text)
    assert made.status_code == 201
    got = client.get(f"{AGENDA}a.ics")
    assert got.content == text.encode()
    assert got.headers["etag"] == made.headers["etag"]
    assert client.get(AGENDA).text.count("BEGIN:VEVENT") == 1
    again = client.put_event(f"{AGENDA}a.ics", text.replace("Cours", "Autre"), If_Match=made.headers["etag"])
    assert again.status_code == 204


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_contacts_too(client: Client, version: str) -> None:
    text = contact("c").replace("VERSION:3.0\r\nUID:c", f"VERSION:{version}\r\nX-A:1\r\nUID:c")
    made = client.dav("PUT", f"{CONTACTS}c.vcf", text, Content_Type="text/vcard")
    got = client.get(f"{CONTACTS}c.vcf")
    assert (got.content, got.headers["etag"]) == (text.encode(), made.headers["etag"])


@pytest.mark.parametrize(
    "octets",
    [
        event("a", "Été").encode("iso-8859-1"),
        event("a").replace("SUMMARY:Cours", "SUMMARY:Co\x07urs").encode(),
        event("a", more="EXDATE;VALUE=DATE:20260907\nRRULE:FREQ=DAILY;COUNT=3\n").encode(),
        event("a", more="BEG\n IN:VALARM\nACTION:AUDIO\nTRIGGER:-PT5M\nEND:VALARM\n").encode(),
        event("a").replace("BEGIN:VCALENDAR", "BEGIN:VCAL\r\n ENDAR").encode(),
    ],
    ids=["charset", "control", "mended", "folded beginning", "folded name"],
)
def test_what_had_to_be_mended_has_no_tag_yet(client: Client, octets: bytes) -> None:
    made = client.request("PUT", f"{AGENDA}a.ics", content=octets, headers={"Content-Type": "text/calendar"})
    assert (made.status_code, "etag" in made.headers) == (201, False)
    got = client.get(f"{AGENDA}a.ics")
    assert got.content != octets
    client.put_event(f"{AGENDA}b.ics", event("b"))
    whole = client.get(AGENDA).text  # made by lines: one that hides where components end would spoil it
    assert [whole.count(f"\r\n{mark}:VEVENT\r\n") for mark in ("BEGIN", "END")] == [2, 2]
    assert client.propfind(f"{AGENDA}a.ics", "D:getetag")[f"{AGENDA}a.ics"]["D:getetag"].text == got.headers["etag"]


def test_a_whole_calendar_has_no_tag_of_one_item(client: Client) -> None:
    made = client.put_event(AGENDA, event("a"), If_Match="*")
    assert (made.status_code, "etag" in made.headers) == (201, False)
