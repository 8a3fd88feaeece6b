"""What suites of conformance try and clients rarely do (RFC 4918, RFC 4791, RFC 6352)."""

import xml.etree.ElementTree as ET

import httpx
import pytest

from tests.agenda.conftest import NAMESPACES, Client, Door, contact, event
from tests.agenda.test_reports import SPACES

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
HOME = "/dav/edupont/"
AGENDA, CONTACTS = f"{HOME}agenda/", f"{HOME}contacts/"


def card(client: Client, path: str, text: str) -> "tuple[int, str]":
    answer = client.dav("PUT", path, text, Content_Type="text/vcard")
    return answer.status_code, answer.text


def condition(octets: bytes) -> "tuple[str, str]":
    """The precondition of an error by its name with its namespace, and the address in it."""
    inner = ET.fromstring(octets)[0]
    return inner.tag, inner.findtext("D:href", "", NAMESPACES)


def states(client: Client, path: str, hrefs: list[str]) -> dict[str, str]:
    """What a multiget says of each address: 200, or its status."""
    wanted = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    body = f"<C:calendar-multiget {SPACES}><D:prop><D:getetag/></D:prop>{wanted}</C:calendar-multiget>"
    answer = client.dav("REPORT", path, body)
    assert answer.status_code == 207
    return {
        one.findtext("D:href", "", NAMESPACES): one.findtext("D:status", "HTTP/1.1 200 OK", NAMESPACES)[9:12]
        for one in ET.fromstring(answer.content).iterfind("D:response", NAMESPACES)
    }


def test_a_multiget_answers_each_address(client: Client, door: Door) -> None:
    """RFC 4791 section 7.9: also those that are nowhere near; found ones however they are written."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    client.put_event(f"{AGENDA}b c.ics", event("b"))
    client.put_event(f"{AGENDA}d+e@f.ics", event("d"))
    found = [f"{AGENDA}%61.ics", f"\n {AGENDA}b%20c.ics \n", f"{door.url}{AGENDA}d+e%40f.ics"]
    away = ["/elsewhere/x.ics", "http://elsewhere.example/x.ics", "a.ics", f"{CONTACTS}c.vcf"]
    for path in (AGENDA, HOME):
        assert states(client, path, found + away) == {
            **dict.fromkeys((f"{AGENDA}a.ics", f"{AGENDA}b%20c.ics", f"{AGENDA}d%2Be%40f.ics"), "200"),
            **dict.fromkeys(away, "404"),
        }


def test_which_object_has_the_uid(client: Client) -> None:
    """RFC 4791 section 5.3.2.1, RFC 6352 section 6.3.2.1: no-uid-conflict says where it is."""
    client.put_event(f"{AGENDA}a b.ics", event("a"))
    client.put_event(f"{AGENDA}c.ics", event("c"))
    client.dav("MKCALENDAR", f"{HOME}club/")
    client.put_event(f"{HOME}club/k.ics", event("a"))
    conflict = "{urn:ietf:params:xml:ns:caldav}no-uid-conflict"
    for method, path, headers, where in (
        ("PUT", f"{AGENDA}x.ics", {}, f"{AGENDA}a%20b.ics"),
        ("PUT", f"{AGENDA}c.ics", {}, f"{AGENDA}c.ics"),
        ("MOVE", f"{AGENDA}a%20b.ics", {"Destination": f"{HOME}club/x.ics"}, f"{HOME}club/k.ics"),
        ("COPY", f"{AGENDA}a%20b.ics", {"Destination": f"{HOME}club/x.ics"}, f"{HOME}club/k.ics"),
        ("MOVE", f"{AGENDA}c.ics", {"Destination": f"{HOME}club/k.ics"}, f"{HOME}club/k.ics"),
        ("COPY", f"{AGENDA}c.ics", {"Destination": f"{HOME}club/k.ics"}, f"{HOME}club/k.ics"),
    ):
        text = event("a") if method == "PUT" else ""
        answer = client.dav(method, path, text, Content_Type="text/calendar", **headers)
        assert (answer.status_code, condition(answer.content)) == (409, (conflict, where)), (method, path)
    assert card(client, f"{CONTACTS}c.vcf", contact("c"))[0] == 201
    answer = client.dav("PUT", f"{CONTACTS}d", contact("c"), Content_Type="text/vcard")
    assert condition(answer.content) == ("{urn:ietf:params:xml:ns:carddav}no-uid-conflict", f"{CONTACTS}c.vcf")


def test_errors_are_named_by_the_protocol_of_the_collection(client: Client) -> None:
    """RFC 4791 section 5.3.2.1, RFC 6352 section 6.3.2.1: whatever the object is called."""
    big = contact("big").replace("END:", f"NOTE:{'x' * 1_100_000}\r\nEND:")
    for path, text, kind, name in (
        (f"{CONTACTS}big.vcf", big, "text/vcard", "{urn:ietf:params:xml:ns:carddav}max-resource-size"),
        (f"{CONTACTS}a.ics", event("a"), "text/calendar", "{urn:ietf:params:xml:ns:carddav}supported-address-data"),
        (f"{AGENDA}c.vcf", contact("c"), "text/vcard", "{urn:ietf:params:xml:ns:caldav}supported-calendar-data"),
    ):
        answer = client.dav("PUT", path, text, Content_Type=kind)
        assert (answer.status_code, condition(answer.content)[0]) == (403, name)
    client.put_event(f"{AGENDA}a.ics", event("a"))
    for method in ("MOVE", "COPY"):
        answer = client.dav(method, f"{AGENDA}a.ics", Destination=f"{CONTACTS}a.ics")
        assert answer.status_code == 403
        assert condition(answer.content)[0] == "{urn:ietf:params:xml:ns:carddav}supported-address-data"


def test_dates_that_do_not_fit_together(client: Client) -> None:
    """RFC 4791 section 5.3.2.1: a precondition, not a request that makes no sense."""
    text = event("a", more="RRULE:FREQ=MONTHLY;BYDAY=1MO\n").replace(
        "DTEND:20260907T090000Z", "DTEND;VALUE=DATE:20260908"
    )
    for path in (f"{AGENDA}a.ics", f"{HOME}neu/"):
        answer = client.put_event(path, text)
        assert (answer.status_code, "valid-calendar-data" in answer.text) == (403, True)


def test_bounds_of_dates_and_of_repetitions_are_told_and_named(client: Client) -> None:
    """RFC 4791 sections 5.2.6 to 5.2.8: what is announced is taken, what lies beyond is refused for that."""
    names = ("C:min-date-time", "C:max-date-time", "C:max-instances")
    held = client.propfind(AGENDA, *names)[AGENDA]
    first, last, most = (str(held[name].text) for name in names)
    assert not client.propfind(CONTACTS, *names)[CONTACTS]

    def put(start: str, end: str, more: str = "") -> httpx.Response:
        return client.put_event(f"{AGENDA}a.ics", event("a", start=start, end=end, more=more))

    assert put(first, f"{first[:8]}T010000Z").status_code == 201
    assert put(f"{last[:8]}T220000Z", last).status_code == 204
    assert put("20260907T080000Z", "20260907T090000Z", f"RRULE:FREQ=DAILY;COUNT={most}\n").status_code == 204
    for rule in ("FREQ=HOURLY;INTERVAL=24;UNTIL=20290101T000000Z", "FREQ=DAILY;UNTIL=20590101T000000Z;BYMONTH=1,2,3"):
        assert put("20260907T080000Z", "20260907T090000Z", f"RRULE:{rule}\n").status_code == 204
    for start, end, more, name in (
        ("15991231T230000Z", "15991231T235959Z", "", "min-date-time"),
        ("90010101T000000Z", "90010101T010000Z", "", "max-date-time"),
        ("20260907T080000Z", "20260907T090000Z", f"RRULE:FREQ=DAILY;COUNT={int(most) + 1}\n", "max-instances"),
        ("20260907T080000Z", "20260907T090000Z", "RRULE:FREQ=HOURLY;COUNT=200000\n", "max-instances"),
        ("20260907T080000Z", "20260907T090000Z", "RRULE:FREQ=DAILY;UNTIL=20540701T080000Z\n", "max-instances"),
        ("20260907T080000Z", "20260907T090000Z", "RRULE:FREQ=HOURLY;UNTIL=20590101T000000Z\n", "max-instances"),
    ):
        answer = put(start, end, more)
        assert (answer.status_code, condition(answer.content)[0]) == (403, f"{{urn:ietf:params:xml:ns:caldav}}{name}")


def test_a_range_that_is_too_long_to_expand(client: Client) -> None:
    """RFC 4791 section 7.8: a limit of ours, not a request that makes no sense."""
    data = '<C:calendar-data><C:expand start="19700101T000000Z" end="20380101T000000Z"/></C:calendar-data>'
    body = f'<C:calendar-query {SPACES}><D:prop>{data}</D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter>'
    answer = client.dav("REPORT", AGENDA, f"{body}</C:calendar-query>", Depth="1")
    assert (answer.status_code, condition(answer.content)[0]) == (507, "{DAV:}number-of-matches-within-limits")


def test_nothing_but_collections_in_a_home(client: Client) -> None:
    """Of each event that was put there a calendar was made."""
    assert client.put_event(f"{HOME}a.ics", event("a")).status_code == 403
    assert client.dav("PROPFIND", f"{HOME}a.ics", Depth="0").status_code == 404
    assert client.put_event(f"{HOME}neu/", event("a")).status_code == 201  # a whole calendar


def test_a_whole_calendar_is_put_where_the_address_ends_with_a_slash(client: Client) -> None:
    """`curl -T event.ics …/agenda` left that one event of all."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    assert client.put_event(AGENDA.removesuffix("/"), event("b")).status_code == 403
    assert client.sync(AGENDA)[1] == {f"{AGENDA}a.ics": 200}


def test_names_are_utf_8(client: Client) -> None:
    """Others all read alike, so that one was replaced or deleted for another (RFC 3986 section 2.5)."""
    assert client.put_event(f"{AGENDA}%C3%A9.ics", event("a")).status_code == 201
    assert client.put_event(f"{AGENDA}%E9.ics", event("b")).status_code == 400
    assert client.dav("DELETE", f"{AGENDA}%E9.ics").status_code == 400
    assert client.dav("MOVE", f"{AGENDA}%C3%A9.ics", Destination=f"{AGENDA}%E9.ics").status_code == 400


def test_the_privilege_that_is_missing_is_missed_where_it_is(client: Client) -> None:
    """RFC 3744 section 7.1.1: of a move, where it comes from or where it goes to."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    theirs = "/dav/mmartin/agenda/a.ics"
    for method, path, to, missing in (
        ("MOVE", f"{AGENDA}a.ics", theirs, (theirs, "bind")),
        ("COPY", f"{AGENDA}a.ics", theirs, (theirs, "bind")),
        ("MOVE", theirs, f"{AGENDA}b.ics", (theirs, "unbind")),
        ("COPY", theirs, f"{AGENDA}b.ics", (theirs, "read")),
        ("PUT", theirs, "", (theirs, "bind")),
    ):
        answer = client.dav(
            method, path, event("a"), Content_Type="text/calendar", **({"Destination": to} if to else {})
        )
        needed = ET.fromstring(answer.content).find("D:need-privileges/D:resource", NAMESPACES)
        assert (answer.status_code, needed is not None) == (403, True), (method, path)
        assert needed is not None
        privilege = needed.find("D:privilege", NAMESPACES)
        assert privilege is not None
        assert (needed.findtext("D:href", "", NAMESPACES), privilege[0].tag.partition("}")[2]) == missing


@pytest.mark.parametrize("name", ["?1.ics", "%2E", "%2e%2E", "%2F", ".?x"])
def test_a_name_that_was_not_encoded_is_not_all_that_is_beside_it(client: Client, name: str) -> None:
    """One event in place of a whole agenda, or the agenda gone: `?` and what follows it is no part of a path."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    assert client.put_event(f"{AGENDA}{name}", event("b")).status_code == 400
    assert client.dav("MOVE", f"{AGENDA}{name}", Destination=f"{HOME}b/").status_code == 400
    assert client.dav("DELETE", f"{AGENDA}{name}").status_code == 400
    assert client.sync(AGENDA)[1] == {f"{AGENDA}a.ics": 200}
    assert client.get(f"{AGENDA}a.ics?x=1").status_code == 200


def test_where_a_move_goes_however_it_is_written(client: Client, door: Door) -> None:
    """By another login of the person, whose addresses lead on; with the server's name in capitals."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    for destination in (
        "/dav/emilie.dupont@ac-exemple.fr/agenda/b.ics",
        f"{door.url}/dav/EDupont/agenda/c%20d.ics",
        f"HTTP://LOCALHOST:{door.port}{AGENDA}e.ics",
    ):
        path = next(iter(client.sync(AGENDA)[1]))
        host = f"{'localhost' if 'LOCALHOST' in destination else '127.0.0.1'}:{door.port}"
        answer = client.dav("MOVE", path, Destination=destination, Host=host)
        assert answer.status_code == 201, destination
        assert client.dav("MOVE", path, Destination="/dav/mmartin/agenda/x.ics").status_code == 403
    assert set(client.sync(AGENDA)[1]) == {f"{AGENDA}e.ics"}


def test_nothing_moves_onto_itself(client: Client) -> None:
    """RFC 4918 section 9.9.4."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    before = client.sync(AGENDA)[0]
    for destination in (f"{AGENDA}a.ics", f"{AGENDA}%61.ics"):
        assert client.dav("MOVE", f"{AGENDA}a.ics", Destination=destination).status_code == 403
    assert client.sync(AGENDA, before) == (before, {})


def test_reports_of_objects_and_properties_of_their_kind_alone(client: Client) -> None:
    """RFC 4791 section 7, RFC 6352 section 8: announced wherever they are answered; RFC 4791 section 5.2.3."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    card(client, f"{CONTACTS}c", contact("c"))
    for path, depth, href, there, absent in (
        (f"{AGENDA}a.ics", 0, f"{AGENDA}a.ics", {"calendar-query", "calendar-multiget"}, {"sync-collection"}),
        (AGENDA, 1, f"{AGENDA}a.ics", {"calendar-query", "calendar-multiget"}, {"free-busy-query"}),
        (f"{CONTACTS}c", 0, f"{CONTACTS}c", {"addressbook-query", "addressbook-multiget"}, {"calendar-query"}),
        (HOME, 0, HOME, {"calendar-query", "addressbook-multiget", "free-busy-query"}, {"sync-collection"}),
        ("/dav/", 0, "/dav/", {"principal-match"}, {"calendar-query"}),
    ):
        known = client.propfind(path, "D:supported-report-set", depth=depth)[href]["D:supported-report-set"]
        names = {one.tag.partition("}")[2] for one in known.iterfind("D:supported-report/D:report/*", NAMESPACES)}
        assert (there <= names, absent & names) == (True, set()), path
    limited = ("C:supported-calendar-component-set", "C:max-resource-size", "D:displayname")
    assert set(client.propfind(CONTACTS, *limited)[CONTACTS]) == {"D:displayname"}
    assert set(client.propfind(AGENDA, *limited)[AGENDA]) == set(limited)


def test_a_response_says_something(client: Client) -> None:
    """RFC 4918 section 14.24: a status or a propstat, also where no property was asked for."""
    for path in ("/dav/", HOME, AGENDA):
        answer = client.dav("PROPFIND", path, '<D:propfind xmlns:D="DAV:"><D:prop/></D:propfind>', Depth="1")
        for one in ET.fromstring(answer.content).iterfind("D:response", NAMESPACES):
            assert one.findtext("D:propstat/D:status", "", NAMESPACES) == "HTTP/1.1 200 OK"
    search = (
        f"<D:principal-property-search {SPACES}><D:property-search><D:prop><D:displayname/></D:prop>"
        "<D:match>Emilie</D:match></D:property-search><D:prop/></D:principal-property-search>"
    )
    found = ET.fromstring(client.dav("REPORT", "/dav/", search).content)
    assert found.findtext("D:response/D:propstat/D:status", "", NAMESPACES) == "HTTP/1.1 200 OK"


def test_a_collection_is_named_with_its_slash(client: Client) -> None:
    """RFC 4918 section 5.2."""
    patch = f"<D:propertyupdate {SPACES}><D:set><D:prop><D:displayname>N</D:displayname></D:prop></D:set>"
    answer = client.dav("PROPPATCH", AGENDA.removesuffix("/"), f"{patch}</D:propertyupdate>")
    assert ET.fromstring(answer.content).findtext("D:response/D:href", "", NAMESPACES) == AGENDA


def test_a_calendar_without_a_name_has_that_of_its_address(client: Client) -> None:
    client.dav("MKCALENDAR", f"{HOME}club/")
    assert client.propfind(f"{HOME}club/", "D:displayname")[f"{HOME}club/"]["D:displayname"].text == "club"


def test_properties_of_a_home_are_refused_one_by_one(client: Client) -> None:
    """A client that sets one goes on; the home keeps what the directory says (RFC 4918 section 9.2)."""
    patch = f"<D:propertyupdate {SPACES}><D:set><D:prop><D:displayname>N</D:displayname></D:prop></D:set>"
    answer = client.dav("PROPPATCH", HOME, f"{patch}</D:propertyupdate>")
    assert (answer.status_code, "HTTP/1.1 403" in answer.text) == (207, True)
    assert client.propfind(HOME, "D:displayname")[HOME]["D:displayname"].text == "Emilie Dupont"
    assert client.dav("PROPPATCH", "/dav/", f"{patch}</D:propertyupdate>").status_code == 403


def test_tags_in_several_lines_are_one_list(client: Client) -> None:
    """RFC 9110 section 5.3."""
    tag = client.put_event(f"{AGENDA}a.ics", event("a")).headers["etag"]
    kind = ("Content-Type", "text/calendar")
    for name, status in (("If-Match", 204), ("If-None-Match", 412)):
        headers = [kind, (name, '"x"'), (name, tag)]
        answer = client.request("PUT", f"{AGENDA}a.ics", content=event("a").encode(), headers=headers)
        assert answer.status_code == status


def test_making_is_not_kept_in_caches(client: Client) -> None:
    """RFC 4791 section 5.3.1, RFC 5689 section 3."""
    answer = client.dav("MKCALENDAR", f"{HOME}club/")
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-cache")


@pytest.mark.parametrize(("space", "path"), [("C", AGENDA), ("CR", CONTACTS)])
def test_a_query_is_judged_before_anything_is_there(client: Client, space: str, path: str) -> None:
    """RFC 4791 section 7.8, RFC 6352 section 8.6: what is refused does not depend on what is stored."""

    def asked(match: str) -> "tuple[int, str]":
        inner = (
            f'<{space}:prop-filter name="UID"><{space}:text-match {match}>x</{space}:text-match></{space}:prop-filter>'
        )
        if space == "C":
            inner = (
                f'<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{inner}</C:comp-filter></C:comp-filter>'
            )
        kind = "C:calendar-query" if space == "C" else "CR:addressbook-query"
        body = f"<{kind} {SPACES}><D:prop><D:getetag/></D:prop><{space}:filter>{inner}</{space}:filter></{kind}>"
        answer = client.dav("REPORT", path, body, Depth="1")
        return answer.status_code, condition(answer.content)[0].partition("}")[2] if answer.status_code == 403 else ""

    assert asked("") == (207, "")
    assert asked('collation="i;sol"') == (403, "supported-collation")
    if space == "CR":
        assert asked('match-type="sounds-like"') == (403, "supported-filter")
