"""Properties that clients set: kept as they were sent, all of a request or none (RFC 4918 section 9.2, RFC 5689)."""

import xml.etree.ElementTree as ET

import pytest

from tests.agenda.conftest import NAMESPACES, Client
from tests.agenda.test_reports import SPACES

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
AGENDA = "/dav/edupont/agenda/"
LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def patch(client: Client, acts: str, path: str = AGENDA, attributes: str = "") -> dict[str, str]:
    """The status of each property by its local name."""
    body = f'<D:propertyupdate {SPACES} xmlns:X="urn:x" {attributes}>{acts}</D:propertyupdate>'
    answer = client.dav("PROPPATCH", path, body)
    assert answer.status_code == 207, answer.text
    return states(answer.content)


def states(octets: bytes) -> dict[str, str]:
    return {
        one.tag.partition("}")[2]: state.findtext("D:status", "", NAMESPACES).split()[1]
        for state in ET.fromstring(octets).iterfind(".//D:propstat", NAMESPACES)
        for one in state.iterfind("D:prop/*", NAMESPACES)
    }


def put(*properties: str) -> str:
    return f"<D:set><D:prop>{''.join(properties)}</D:prop></D:set>"


def held(client: Client, name: str, path: str = AGENDA) -> ET.Element | None:
    body = f'<D:propfind xmlns:D="DAV:" xmlns:X="urn:x"><D:prop><{name}/></D:prop></D:propfind>'
    answer = client.dav("PROPFIND", path, body, Depth="0")
    found = ET.fromstring(answer.content).find("D:response/D:propstat", NAMESPACES)
    assert found is not None
    return found.find("D:prop", NAMESPACES)[0] if " 200 " in found.findtext("D:status", "", NAMESPACES) else None  # type: ignore[index]


def test_values_are_kept_as_xml(client: Client) -> None:
    """RFC 4918 section 4.3: elements, attributes, names, mixed content."""
    sent = '<X:a k="v">un <Y:b xmlns:Y="urn:y" Y:l="1"><D:c/>deux</Y:b> trois<X:d/></X:a>'
    assert patch(client, put(sent, "<X:t>plain</X:t>", "<X:e/>")) == {"a": "200", "t": "200", "e": "200"}
    kept = held(client, "X:a")
    wanted = ET.fromstring(sent.replace("<X:a", '<X:a xmlns:X="urn:x" xmlns:D="DAV:"', 1))
    assert kept is not None
    assert ET.canonicalize(ET.tostring(kept, "unicode"), rewrite_prefixes=True) == ET.canonicalize(
        ET.tostring(wanted, "unicode"), rewrite_prefixes=True
    )
    for name, text in (("X:t", "plain"), ("X:e", None)):
        shown = held(client, name)
        assert shown is not None
        assert shown.text == text
    names = client.dav("PROPFIND", AGENDA, '<D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>', Depth="0").text
    assert "urn:x" in names
    assert "un " not in names
    every = client.dav("PROPFIND", AGENDA, '<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>', Depth="0").text
    assert "deux" in every


@pytest.mark.parametrize("place", ["on it", "around", "root"])
def test_languages_are_kept(client: Client, place: str) -> None:
    said = ' xml:lang="fr"'
    name = f"<D:displayname{said if place == 'on it' else ''}>Agenda de classe</D:displayname>"
    acts = f"<D:set><D:prop{said if place == 'around' else ''}>{name}</D:prop></D:set>"
    assert patch(client, acts, attributes=said if place == "root" else "") == {"displayname": "200"}
    shown = held(client, "D:displayname")
    assert shown is not None
    assert (shown.text, shown.get(LANGUAGE)) == ("Agenda de classe", "fr")
    patch(client, put("<D:displayname>Other</D:displayname>"))
    shown = held(client, "D:displayname")
    assert shown is not None
    assert (shown.text, shown.get(LANGUAGE)) == ("Other", None)


def test_the_order_of_a_request_counts(client: Client) -> None:
    remove = "<D:remove><D:prop><X:a/></D:prop></D:remove>"
    patch(client, put("<X:a><X:b/></X:a>") + remove)
    assert held(client, "X:a") is None
    patch(client, remove + put("<X:a>1</X:a>"))
    assert held(client, "X:a") is not None
    assert patch(client, remove + "<D:remove><D:prop><X:never/></D:prop></D:remove>") == {"a": "200", "never": "200"}
    assert held(client, "X:a") is None


def test_all_or_nothing(client: Client) -> None:
    zone = "<C:calendar-timezone>none</C:calendar-timezone>"
    assert patch(client, put("<X:a>1</X:a>", zone, "<D:getetag/>")) == {
        "a": "424",
        "calendar-timezone": "403",
        "getetag": "403",
    }
    assert held(client, "X:a") is None
    assert patch(client, put(f"<X:a>{'x' * 70_000}</X:a>", "<X:b/>")) == {"a": "507", "b": "507"}
    assert held(client, "X:b") is None
    client.put_event(
        f"{AGENDA}a.ics",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:a\r\n"
        "DTSTAMP:20260901T080000Z\r\nDTSTART:20260907T080000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    )
    assert patch(client, put("<X:a>1</X:a>"), f"{AGENDA}a.ics") == {"a": "403"}
    assert client.dav("PROPPATCH", AGENDA, f"<D:propertyupdate {SPACES}><D:set/></D:propertyupdate>").status_code == 400


def test_collections_are_made_with_all_their_properties_or_not(client: Client) -> None:
    """RFC 4791 section 5.3.1, RFC 5689 section 3."""
    kinds = '<C:supported-calendar-component-set><C:comp name="{}"/></C:supported-calendar-component-set>'
    make = '<C:mkcalendar {} xmlns:X="urn:x">{}</C:mkcalendar>'
    for properties, condition in (
        ((kinds.format("VFREEBUSY"), "<D:displayname>x</D:displayname>"), "supported-calendar-component"),
        (("<C:calendar-timezone>x</C:calendar-timezone>", "<D:displayname>x</D:displayname>"), "valid-calendar-data"),
        (("<D:getetag>x</D:getetag>", "<D:displayname>x</D:displayname>"), "cannot-modify-protected-property"),
    ):
        answer = client.dav("MKCALENDAR", "/dav/edupont/neu/", make.format(SPACES, put(*properties)))
        assert (answer.status_code, condition in answer.text) == (403, True)
        assert ET.fromstring(answer.content).tag.endswith("caldav}mkcalendar-response")
        assert sorted(states(answer.content).values()) == ["403", "424"]
        assert client.dav("PROPFIND", "/dav/edupont/neu/", Depth="0").status_code == 404
    body = make.format(SPACES, put(kinds.format("VTODO"), "<X:a><X:b/></X:a>", "<D:displayname>Neu</D:displayname>"))
    assert client.dav("MKCALENDAR", "/dav/edupont/neu/", body).status_code == 201
    shown = held(client, "X:a", "/dav/edupont/neu/")
    assert shown is not None
    assert len(shown) == 1
    kept = client.propfind("/dav/edupont/neu/", "C:supported-calendar-component-set", "D:displayname")
    components = kept["/dav/edupont/neu/"]["C:supported-calendar-component-set"]
    assert [one.get("name") for one in components] == ["VTODO"]

    column = f"<D:mkcol {SPACES}>{put('<D:resourcetype><D:collection/><C:nothing/></D:resourcetype>')}</D:mkcol>"
    answer = client.dav("MKCOL", "/dav/edupont/x/", column)
    assert (answer.status_code, "valid-resourcetype" in answer.text) == (403, True)
    assert ET.fromstring(answer.content).tag == "{DAV:}mkcol-response"
    again = client.dav("MKCOL", "/dav/edupont/neu/", column.replace("C:nothing", "C:calendar"))
    assert (again.status_code, "MKCOL" in again.headers["allow"]) == (405, False)
    for content_type, octets in (("text/plain", "x"), ("text/xml", f"<D:propfind {SPACES}><D:allprop/></D:propfind>")):
        assert client.dav("MKCOL", "/dav/edupont/x/", octets, Content_Type=content_type).status_code == 415
    for path, status in (("/dav/edupont/agenda/in/", 403), ("/dav/edupont/no/in/", 409), ("/dav/mmartin/in/", 403)):
        assert client.dav("MKCALENDAR", path).status_code == status
