"""How a client finds its way: well-known addresses, principal, homes, the first collections."""

import xml.etree.ElementTree as ET

import httpx
import pytest

from tests.agenda.conftest import NAMESPACES, Client, Door, event

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)


@pytest.mark.parametrize("name", ["caldav", "carddav", "caldav/"])
def test_well_known_leads_to_the_root_without_login(door: Door, name: str) -> None:
    """RFC 6764 section 5."""
    with door.client(password="wrong") as client:
        for method in ("GET", "PROPFIND"):
            response = client.dav(method, f"/.well-known/{name}")
            assert (response.status_code, response.headers["location"]) == (301, "/dav/")


def test_from_the_root_to_the_collections(client: Client) -> None:
    """RFC 5397, RFC 4791 section 6.2.1, RFC 6352 section 7.1.1: principal, homes, collections."""
    root = client.propfind("/dav/", "D:current-user-principal")["/dav/"]
    principal = root["D:current-user-principal"].findtext("D:href", "", NAMESPACES)
    assert principal == "/dav/edupont/"
    names = ("C:calendar-home-set", "CR:addressbook-home-set", "C:calendar-user-address-set", "D:displayname")
    home = client.propfind(principal, *names)[principal]
    assert home["D:displayname"].text == "Emilie Dupont"
    assert home["C:calendar-home-set"].findtext("D:href", "", NAMESPACES) == principal
    assert home["CR:addressbook-home-set"].findtext("D:href", "", NAMESPACES) == principal
    addresses = [one.text for one in home["C:calendar-user-address-set"]]
    assert addresses == [principal, "mailto:emilie.dupont@ac-exemple.fr", "mailto:edupont@ac-exemple.fr"]
    found = client.propfind(principal, "D:displayname", "D:resourcetype", depth=1)
    assert {href: props["D:displayname"].text for href, props in found.items() if href != principal} == {
        "/dav/edupont/agenda/": "Agenda",
        "/dav/edupont/taches/": "Tâches",
        "/dav/edupont/contacts/": "Contacts",
    }


def test_root_lists_only_ones_own_home(client: Client) -> None:
    assert set(client.propfind("/dav/", "D:resourcetype", depth=1)) == {"/dav/", "/dav/edupont/"}


def test_what_is_promised(client: Client) -> None:
    """No class 2: there is no LOCK."""
    response = client.dav("OPTIONS", "/dav/")
    assert response.headers["dav"] == "1, 3, access-control, calendar-access, addressbook, extended-mkcol"
    propfind = client.dav("PROPFIND", "/dav/")
    assert propfind.headers["dav"] == response.headers["dav"]


METHODS = (
    "OPTIONS GET HEAD PUT PROPFIND PROPPATCH COPY REPORT ACL MKCOL MKCALENDAR LOCK UNLOCK POST TRACE PATCH MOVE DELETE"
)


@pytest.mark.parametrize(
    ("path", "makes"),
    [
        ("", False),
        ("edupont/", False),
        ("edupont/agenda/", False),
        ("edupont/agenda/a.ics", False),
        ("edupont/neu/", True),
        ("edupont/agenda/neu.ics", True),
        ("edupont/nothing/there.ics", True),
        ("mmartin/", False),
        ("mmartin/neu/", False),
        ("mmartin/agenda/a.ics", False),
    ],
)
def test_allow_is_one_list_and_true(client: Client, path: str, makes: bool) -> None:
    """RFC 9110 sections 10.2.1 and 15.5.6: what is listed is not refused as a method, what is refused is not listed."""
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    listed = client.dav("OPTIONS", f"/dav/{path}").headers["allow"]
    allowed = listed.split(", ")
    assert {"MKCOL", "MKCALENDAR"} & set(allowed) == ({"MKCOL", "MKCALENDAR"} if makes else set())
    for method in METHODS.split():
        answer = client.dav(method, f"/dav/{path}", Destination="/dav/edupont/agenda/x.ics")
        assert answer.status_code not in (500, 501), method
        if answer.status_code == 405:
            assert (method in allowed, answer.headers["allow"]) == (False, listed), method
        elif method not in allowed:  # these have a name of their own for it, or are refused for the place
            assert (method in ("MKCOL", "MKCALENDAR"), answer.status_code in (403, 409, 415)) == (True, True), method
        if answer.status_code == 201 and method in ("PUT", "MKCOL", "MKCALENDAR"):  # as it was before
            assert client.dav("DELETE", f"/dav/{path}").status_code == 204


def test_nobody_hears_of_methods_before_the_login(door: Door) -> None:
    assert httpx.request("LOCK", f"{door.url}/dav/edupont/agenda/").status_code == 401


def test_address_in_the_path_is_answered_with_the_identifier(door: Door) -> None:
    """Any other login of the person leads to the one tree there is."""
    with door.client("emilie.dupont@ac-exemple.fr") as client:
        for first in ("emilie.dupont@ac-exemple.fr", "EDUPONT@ac-exemple.fr", "EDupont"):
            response = client.dav("PROPFIND", f"/dav/{first}/agenda/un é.ics")
            assert response.status_code == 308
            assert response.headers["location"] == "/dav/edupont/agenda/un%20%C3%A9.ics"
        assert client.propfind("/dav/", "D:current-user-principal")


def test_browser_is_told_what_the_address_is_for(client: Client) -> None:
    response = client.get("/dav/")
    assert response.status_code == 200
    assert "CalDAV" in response.text
    for path in ("/dav/.web", "/dav/.mobileconfig", "/dav/.sharing", "/dav/.web/index.html"):
        assert client.get(path).status_code == 404


def test_calendar_is_made_described_and_deleted(client: Client) -> None:
    """RFC 4791 section 5.3.1, RFC 5689, RFC 4918 section 9.2."""
    body = (
        '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
        "<D:displayname>Club théâtre</D:displayname></D:prop></D:set></C:mkcalendar>"
    )
    assert client.dav("MKCALENDAR", "/dav/edupont/club/", body).status_code == 201
    assert client.dav("MKCALENDAR", "/dav/edupont/club/", body).status_code == 409
    token = client.sync("/dav/edupont/club/")[0]
    patch = (
        '<D:propertyupdate xmlns:D="DAV:" xmlns:X="http://exemple.fr/"><D:set><D:prop>'
        "<D:displayname>Chorale</D:displayname><X:salle>B 12</X:salle></D:prop></D:set></D:propertyupdate>"
    )
    described = client.dav("PROPPATCH", "/dav/edupont/club/", patch)
    assert (described.status_code, "2" in described.headers["dav"].split(", ")) == (207, False)  # no locks
    found = client.propfind("/dav/edupont/club/", "D:displayname", "CS:getctag")["/dav/edupont/club/"]
    assert found["D:displayname"].text == "Chorale"
    assert client.dav("DELETE", "/dav/edupont/club/").status_code == 204
    assert client.dav("PROPFIND", "/dav/edupont/club/").status_code == 404
    client.dav("MKCALENDAR", "/dav/edupont/club/", body)
    assert client.sync_response("/dav/edupont/club/", token).status_code == 403


def test_address_book_by_extended_mkcol(client: Client) -> None:
    body = (
        '<D:mkcol xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><D:set><D:prop><D:resourcetype>'
        "<D:collection/><CR:addressbook/></D:resourcetype></D:prop></D:set></D:mkcol>"
    )
    assert client.dav("MKCOL", "/dav/edupont/parents/", body).status_code == 201
    plain = client.dav("MKCOL", "/dav/edupont/dossier/")
    assert plain.status_code == 403  # a folder that is neither calendar nor address book


def test_home_and_root_are_not_for_changing(client: Client) -> None:
    patch = (
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set>'
        "</D:propertyupdate>"
    )
    for path in ("/dav/", "/dav/edupont/"):
        assert client.dav("DELETE", path).status_code == 403
        refused = client.dav("PROPPATCH", path, patch)
        assert (refused.status_code, "200 OK" in refused.text) == (403 if path == "/dav/" else 207, False)
    assert client.dav("MKCALENDAR", "/dav/edupont/agenda/sous/").status_code == 403


def test_what_is_not_a_clients_to_set_is_refused_with_all_beside_it(client: Client) -> None:
    """RFC 4918 section 9.2: everything is set, or nothing; RFC 3253 section 3.12 names the reason."""
    for act in ("set", "remove"):
        patch = (
            '<D:propertyupdate xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
            f"<D:displayname>x</D:displayname></D:prop></D:set><D:{act}><D:prop><D:getetag/>"
            f"<C:supported-calendar-component-set/></D:prop></D:{act}></D:propertyupdate>"
        )
        answer = client.dav("PROPPATCH", "/dav/edupont/agenda/", patch)
        assert answer.status_code == 207
        states = {
            state.findtext("D:status", "", NAMESPACES)[9:12]: {
                one.tag for one in state.iterfind("D:prop/*", NAMESPACES)
            }
            for state in ET.fromstring(answer.content).iterfind("D:response/D:propstat", NAMESPACES)
        }
        kinds = "{urn:ietf:params:xml:ns:caldav}supported-calendar-component-set"
        assert states == {"403": {"{DAV:}getetag", kinds}, "424": {"{DAV:}displayname"}}
        assert "cannot-modify-protected-property" in answer.text
    now = client.propfind("/dav/edupont/agenda/", "D:displayname")["/dav/edupont/agenda/"]
    assert now["D:displayname"].text == "Agenda"
    assert client.dav("PROPPATCH", "/dav/edupont/nulle-part/", patch).status_code == 404
    assert "200 OK" not in client.dav("PROPPATCH", "/dav/edupont/", patch).text


def test_kind_of_a_collection_does_not_change(client: Client) -> None:
    patch = (
        '<D:propertyupdate xmlns:D="DAV:" xmlns:CR="urn:ietf:params:xml:ns:carddav"><D:set><D:prop>'
        "<D:resourcetype><CR:addressbook/></D:resourcetype></D:prop></D:set></D:propertyupdate>"
    )
    answer = client.dav("PROPPATCH", "/dav/edupont/agenda/", patch)
    assert (answer.status_code, "cannot-modify-protected-property" in answer.text) == (207, True)
    assert "HTTP/1.1 403" in answer.text
