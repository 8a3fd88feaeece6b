"""Conditions of queries: which component, property, alarm, contact is meant (RFC 4791 9.7, RFC 6352 10.5)."""

import pytest

from tests.agenda.conftest import Client, contact, event
from tests.agenda.test_reports import AGENDA, SPACES, between, found, query

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
CONTACTS = "/dav/edupont/contacts/"
ALARM = "BEGIN:VALARM\nACTION:DISPLAY\nDESCRIPTION:x\nTRIGGER:{}\n{}END:VALARM\n"
ATTENDEES = (
    "ORGANIZER:mailto:chef@exemple.fr\nATTENDEE;PARTSTAT=ACCEPTED:mailto:lise@exemple.fr\n"
    "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:marc@exemple.fr\n"
)
MOVED = """BEGIN:VEVENT
UID:series
DTSTAMP:20260901T080000Z
RECURRENCE-ID:20260908T080000Z
DTSTART:20260920T080000Z
DTEND:20260920T090000Z
SUMMARY:Reporté
END:VEVENT
"""


def inside(conditions: str, component: str = "VEVENT") -> str:
    return f'<C:comp-filter name="{component}">{conditions}</C:comp-filter>'


def of(name: str, conditions: str = "") -> str:
    return f'<C:prop-filter name="{name}">{conditions}</C:prop-filter>'


def who(name: str, state: str) -> str:
    asked = f'<C:text-match>{name}</C:text-match><C:param-filter name="PARTSTAT"><C:text-match>{state}</C:text-match>'
    return inside(of("ATTENDEE", f"{asked}</C:param-filter>"))


def rings(start: str, end: str) -> str:
    return inside(inside(f'<C:time-range start="{start}" end="{end}"/>', "VALARM"))


def test_conditions_of_one_filter_are_of_one_thing(client: Client) -> None:
    """Attendees with their state, exceptions with their time, alarms of their event, zones."""
    texts = {
        "meeting": event("meeting", "Conseil", more=ATTENDEES),
        "alarmed": event("alarmed", "Examen", "20261002T080000Z", "20261002T090000Z")
        .replace("END:VEVENT", ALARM.format("-P1D", "").replace("\n", "\r\n") + "END:VEVENT")
        .replace(
            "END:VEVENT",
            ALARM.format("-PT10M", "REPEAT:3\nDURATION:PT2M\n").replace("\n", "\r\n") + "END:VEVENT",
        ),
        "series": event("series", "Cours", more="RRULE:FREQ=DAILY;COUNT=3\n").replace(
            "END:VCALENDAR", MOVED.replace("\n", "\r\n") + "END:VCALENDAR"
        ),
        "paris": event("paris", "Réunion")
        .replace("DTSTART:20260907T080000Z", "DTSTART;TZID=Europe/Paris:20260907T080000")
        .replace("DTEND:20260907T090000Z", "DTEND;TZID=Europe/Paris:20260907T090000"),
    }
    for name, text in texts.items():
        assert client.put_event(f"{AGENDA}{name}.ics", text).status_code == 201, name
    rest = {f"{name}.ics" for name in texts}
    reporte = of("SUMMARY", "<C:text-match>reporté</C:text-match>")
    september = '<C:time-range start="{}" end="{}"/>'
    for asked, names in (
        (who("lise", "ACCEPTED"), {"meeting.ics"}),
        (who("lise", "NEEDS-ACTION"), set()),  # RFC 4791 section 7.8.7
        (inside(inside("", "VALARM")), {"alarmed.ics"}),
        (inside(inside("<C:is-not-defined/>", "VALARM")), rest - {"alarmed.ics"}),
        (inside(inside(of("ACTION", "<C:text-match>DISPLAY</C:text-match>"), "VALARM")), {"alarmed.ics"}),
        (inside(inside(of("ACTION", "<C:text-match>EMAIL</C:text-match>"), "VALARM")), set()),
        (rings("20261001T080000Z", "20261001T080001Z"), {"alarmed.ics"}),  # start <= trigger < end
        (rings("20261001T075900Z", "20261001T080000Z"), set()),
        (rings("20261002T075550Z", "20261002T075610Z"), {"alarmed.ics"}),  # the third time
        (rings("20261002T075700Z", "20261002T090000Z"), set()),
        (inside(september.format("20260920T000000Z", "20260921T000000Z") + reporte), {"series.ics"}),
        (inside(september.format("20260907T000000Z", "20260908T000000Z") + reporte), set()),
        (inside(of("DTSTART", '<C:param-filter name="TZID"/>')), {"paris.ics"}),
        (inside("", "VTIMEZONE"), {"paris.ics"}),
        (inside(of("SUMMARY", '<C:text-match collation="i;octet">cours</C:text-match>')), set()),
        (inside(of("LOCATION", '<C:text-match negate-condition="yes">x</C:text-match>')), set()),
        (inside("<C:is-not-defined/>", "VTODO"), rest),
        (between("20260907T000000Z", "20260908T000000Z"), rest - {"alarmed.ics"}),
    ):
        assert found(query(client, asked)) == names, asked


def test_a_collation_that_nobody_knows_is_refused(client: Client) -> None:
    client.put_event(f"{AGENDA}a.ics", event("a"))
    refused = query(client, inside(of("SUMMARY", '<C:text-match collation="i;sol">c</C:text-match>')))
    assert (refused.status_code, "supported-collation" in refused.text) == (403, True)


def test_conditions_on_contacts(client: Client) -> None:
    cards = {
        "e": contact("e").replace("EMAIL:", "EMAIL;TYPE=WORK:").replace("END:", "item1.TEL:+33 1\r\nEND:"),
        "m": contact("m", "Marc Martin").replace("END:", "EMAIL;TYPE=HOME:marc@ailleurs.fr\r\nEND:"),
    }
    for uid, text in cards.items():
        assert client.dav("PUT", f"{CONTACTS}{uid}.vcf", text, Content_Type="text/vcard").status_code == 201

    def names(conditions: str, test: str = "anyof") -> set[str]:
        body = f'<CR:addressbook-query {SPACES}><D:prop><D:getetag/></D:prop><CR:filter test="{test}">{conditions}'
        return found(client.dav("REPORT", CONTACTS, f"{body}</CR:filter></CR:addressbook-query>", Depth="1"))

    def email(test: str, text: str, kind: str) -> str:
        return (
            f'<CR:prop-filter name="EMAIL" test="{test}"><CR:text-match match-type="ends-with">{text}</CR:text-match>'
            f'<CR:param-filter name="TYPE"><CR:text-match match-type="equals">{kind}</CR:text-match></CR:param-filter>'
            "</CR:prop-filter>"
        )

    assert names("") == {"e.vcf", "m.vcf"}
    assert names(email("allof", "@exemple.fr", "work")) == {"e.vcf"}
    assert names(email("allof", "@exemple.fr", "home")) == set()
    assert names(email("anyof", "@exemple.fr", "home")) == {"e.vcf", "m.vcf"}
    assert names('<CR:prop-filter name="item1.TEL"/>') == {"e.vcf"}
    assert names('<CR:prop-filter name="TEL"><CR:is-not-defined/></CR:prop-filter>') == {"m.vcf"}
    assert names('<CR:prop-filter name="TEL"/><CR:prop-filter name="FN"/>', "allof") == {"e.vcf"}


TASK = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//FR
BEGIN:VTODO
UID:{uid}
DTSTAMP:20260901T080000Z
SUMMARY:Copies
DTSTART:20260907T080000Z
{ends}
{alarm}END:VTODO
END:VCALENDAR
"""


@pytest.mark.parametrize("ends", ["DUE:20260911T080000Z", "DURATION:P4D"])
def test_alarms_of_tasks_are_before_their_beginning_or_their_end(client: Client, ends: str) -> None:
    """Not before both: which one is said by the alarm (RFC 5545 section 3.8.6.3)."""
    end = ALARM.format("-PT15M", "").replace("TRIGGER:", "TRIGGER;RELATED=END:")
    for name, alarm in (("start", ALARM.format("-PT15M", "")), ("end", end)):
        text = TASK.format(uid=name, ends=ends, alarm=alarm).replace("\n", "\r\n")
        assert client.put_event(f"/dav/edupont/taches/{name}.ics", text).status_code == 201
    for start, until, names in (
        ("20260907T074500Z", "20260907T074501Z", {"start.ics"}),
        ("20260911T074500Z", "20260911T074501Z", {"end.ics"}),
        ("20260907T070000Z", "20260907T090000Z", {"start.ics"}),
        ("20260911T070000Z", "20260911T090000Z", {"end.ics"}),
    ):
        asked = inside(inside(f'<C:time-range start="{start}" end="{until}"/>', "VALARM"), "VTODO")
        assert found(query(client, asked, "/dav/edupont/taches/")) == names, start


MOMENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//FR
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260901T080000Z
SUMMARY:Sonnerie
DTSTART{start}
{more}{alarm}END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("name", "start", "more", "rings_at"),
    [
        ("instant", ":20260907T080000Z", "", "20260907T074500Z"),
        ("nul", ":20260907T080000Z", "DURATION:PT0S\n", "20260907T074500Z"),
        ("serie", ":20260906T080000Z", "RRULE:FREQ=DAILY;COUNT=2\n", "20260907T074500Z"),
        ("jour", ";VALUE=DATE:20260906", "", "20260906T234500Z"),
        ("heure", ":20260907T080000Z", "DTEND:20260907T090000Z\n", "20260907T084500Z"),
    ],
)
def test_what_has_no_end_ends_as_it_begins(client: Client, name: str, start: str, more: str, rings_at: str) -> None:
    """RFC 5545 section 3.6.1: an alarm before the end of an event without one is before its beginning."""
    alarm = ALARM.format("-PT15M", "").replace("TRIGGER:", "TRIGGER;RELATED=END:")
    text = MOMENT.format(uid=name, start=start, more=more, alarm=alarm).replace("\n", "\r\n")
    assert client.put_event(f"{AGENDA}{name}.ics", text).status_code == 201
    before = f"{rings_at[:-3]}00Z"
    second_before = {"074500": "074459", "234500": "234459", "084500": "084459"}[rings_at[9:15]]
    for begin, end, names in (
        (rings_at, f"{rings_at[:-3]}01Z", {f"{name}.ics"}),
        (f"{rings_at[:9]}{second_before}Z", before, set()),
        (f"{rings_at[:-3]}01Z", f"{rings_at[:-3]}02Z", set()),
    ):
        assert found(query(client, rings(begin, end))) == names, begin


def test_case_is_folded_as_each_protocol_folds_it(client: Client) -> None:
    """RFC 4791 section 7.5: letters of ASCII alone by default; RFC 6352 section 8.3.1: all letters."""
    client.put_event(f"{AGENDA}a.ics", event("a", "École BUISSONNIÈRE"))
    client.dav("PUT", f"{CONTACTS}e.vcf", contact("e", "Émilie Dupont"), Content_Type="text/vcard")
    for text, collation, met in (
        ("cole buissonni", "", True),
        ("école", "", False),
        ("École", "i;ascii-casemap", True),
        ("école", "i;ascii-casemap", False),
        ("école buissonnière", "i;unicode-casemap", True),
        ("buisson", "i;octet", False),
    ):
        said = f' collation="{collation}"' if collation else ""
        asked = inside(of("SUMMARY", f"<C:text-match{said}>{text}</C:text-match>"))
        assert bool(found(query(client, asked))) == met, (text, collation)
    body = (
        f'<CR:addressbook-query {SPACES}><D:prop><D:getetag/></D:prop><CR:filter><CR:prop-filter name="FN">'
        "<CR:text-match>émilie</CR:text-match></CR:prop-filter></CR:filter></CR:addressbook-query>"
    )
    assert found(client.dav("REPORT", CONTACTS, body, Depth="1")) == {"e.vcf"}
