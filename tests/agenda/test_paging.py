"""Answers in pieces: as many matches as a client wants, and how it goes on (RFC 6578 section 3.6, RFC 6352 8.6.2)."""

import xml.etree.ElementTree as ET

import pytest

from tests.agenda.conftest import NAMESPACES, Client, contact, event
from tests.agenda.test_reports import SPACES

AGENDA, CONTACTS = "/dav/edupont/agenda/", "/dav/edupont/contacts/"


def piece(client: Client, token: str = "", most: int = 2, level: str = "1") -> tuple[str, dict[str, int]]:
    """The next token, and the status of each address."""
    limit = f"<D:limit><D:nresults>{most}</D:nresults></D:limit>" if most else ""
    body = (
        f"<D:sync-collection {SPACES}><D:sync-token>{token}</D:sync-token><D:sync-level>{level}</D:sync-level>"
        f"{limit}<D:prop><D:getetag/></D:prop></D:sync-collection>"
    )
    answer = client.dav("REPORT", AGENDA, body)
    assert answer.status_code == 207, answer.text
    root = ET.fromstring(answer.content)
    found = {
        one.findtext("D:href", "", NAMESPACES).rsplit("/", 1)[1]: int(
            (one.findtext("D:status", "", NAMESPACES) or "HTTP/1.1 200 OK").split()[1]
        )
        for one in root.iterfind("D:response", NAMESPACES)
    }
    more = root.find("D:response/D:error/D:number-of-matches-within-limits", NAMESPACES) is not None
    assert more == (found.get("") == 507)
    return root.findtext("D:sync-token", "", NAMESPACES), found


def all_pieces(client: Client, token: str = "") -> tuple[str, list[dict[str, int]]]:
    pieces = []
    while True:
        token, found = piece(client, token)
        more = found.pop("", 0)
        assert len(found) == 2 if more else len(found) <= 2
        pieces.append(found)
        if not more:
            return token, pieces


def test_a_collection_comes_in_pieces(client: Client) -> None:
    """Of what one PUT has put at once too; what changes meanwhile comes again, what goes is told."""
    inner = "".join(
        f"BEGIN:VEVENT\r\nUID:u{n} é\r\nDTSTAMP:20260901T080000Z\r\nDTSTART:202609{n:02}T080000Z\r\nEND:VEVENT\r\n"
        for n in range(1, 6)
    )
    client.put_event(AGENDA, f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//\r\n{inner}END:VCALENDAR\r\n")
    token, pieces = all_pieces(client)
    names = [name for found in pieces for name in found]
    assert (len(pieces), len(names), len(set(names))) == (3, 5, 5)
    assert client.sync(AGENDA)[0] == token
    assert client.sync(AGENDA, token) == piece(client, token) == (token, {})

    first, found = piece(client)
    gone, changed = (name for name in found if name)
    client.dav("DELETE", f"{AGENDA}{gone}")
    uid = next(line for line in client.get(f"{AGENDA}{changed}").text.splitlines() if line.startswith("UID:"))[4:]
    client.put_event(f"{AGENDA}{changed}", event(uid, "Autre"))
    _, pieces = all_pieces(client, first)
    rest = {name: status for found in pieces for name, status in found.items()}
    assert rest == {**dict.fromkeys(set(names) - {gone}, 200), gone: 404}
    _, whole = piece(client, first, most=0)  # a client may change its mind
    assert whole == rest


def test_changes_come_in_pieces(client: Client) -> None:
    token, _ = client.sync(AGENDA)
    for name in "abcde":
        client.put_event(f"{AGENDA}{name}.ics", event(name))
    client.dav("DELETE", f"{AGENDA}a.ics")
    end, pieces = all_pieces(client, token)
    assert pieces == [{"b.ics": 200, "c.ics": 200}, {"d.ics": 200, "e.ics": 200}, {"a.ics": 404}]
    assert client.sync(AGENDA, token)[0] == end
    assert piece(client, end) == (end, {}), "what changed last is not told again"
    assert piece(client, token, most=100)[1] == {name: status for found in pieces for name, status in found.items()}


@pytest.mark.parametrize("most", ["0", "-1", "x", "", "9" * 40])
def test_what_is_no_number(client: Client, most: str) -> None:
    body = f"<D:sync-collection {SPACES}><D:sync-token/><D:limit><D:nresults>{most}</D:nresults></D:limit><D:prop/>"
    assert client.dav("REPORT", AGENDA, f"{body}</D:sync-collection>").status_code == 400


@pytest.mark.parametrize("rest", [":0:x", ":999999:x", ":1:", ":1:x:y%zz"])
def test_positions_that_nobody_gave(client: Client, rest: str) -> None:
    client.put_event(f"{AGENDA}a.ics", event("a"))
    token, _ = client.sync(AGENDA)
    answer = client.sync_response(AGENDA, token.rsplit(":", 1)[0] + ":999999" + rest)
    assert (answer.status_code, "valid-sync-token" in answer.text) == (403, True)
    assert client.sync_response(AGENDA, token + rest).status_code in (207, 403)


def test_contacts_come_no_more_than_are_wanted(client: Client) -> None:
    for name in "abc":
        client.dav("PUT", f"{CONTACTS}{name}.vcf", contact(name), Content_Type="text/vcard")

    def asked(most: int, path: str = CONTACTS) -> ET.Element:
        body = (
            f"<CR:addressbook-query {SPACES}><D:prop><D:getetag/></D:prop><CR:filter><CR:prop-filter name='FN'/>"
            f"</CR:filter><CR:limit><CR:nresults>{most}</CR:nresults></CR:limit></CR:addressbook-query>"
        )
        return ET.fromstring(client.dav("REPORT", path, body, Depth="1").content)

    for most, more in ((2, True), (3, False), (5, False)):
        root = asked(most)
        states = [one.findtext("D:status", "", NAMESPACES) for one in root.iterfind("D:response", NAMESPACES)]
        assert len([one for one in states if not one]) == min(most, 3)
        assert [one for one in states if one] == (["HTTP/1.1 507 Insufficient Storage"] if more else [])
        assert (root.find("D:response/D:error/D:number-of-matches-within-limits", NAMESPACES) is not None) == more
    book = "<D:resourcetype><D:collection/><CR:addressbook/></D:resourcetype>"
    body = f"<D:mkcol {SPACES}><D:set><D:prop>{book}</D:prop></D:set></D:mkcol>"
    assert client.dav("MKCOL", "/dav/edupont/autres/", body).status_code == 201
    client.dav("PUT", "/dav/edupont/autres/d.vcf", contact("d"), Content_Type="text/vcard")
    of_home = asked(3, "/dav/edupont/").findall("D:response", NAMESPACES)
    assert [one.findtext("D:status", "", NAMESPACES)[9:12] for one in of_home] == ["", "", "", "507"]
