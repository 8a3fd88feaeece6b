"""Reports over persons, over addresses in properties, and what rights say (RFC 3744, RFC 3253 section 3.8)."""

import xml.etree.ElementTree as ET

import pytest

from tests.agenda.conftest import NAMESPACES, Client, event, properties

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
HOME, AGENDA = "/dav/edupont/", "/dav/edupont/agenda/"
SPACES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CR="urn:ietf:params:xml:ns:carddav"'


def search(client: Client, name: str, text: str, test: str = "allof", more: str = "") -> list[str]:
    body = (
        f'<D:principal-property-search {SPACES} test="{test}"><D:property-search><D:prop><{name}/></D:prop>'
        f"<D:match>{text}</D:match></D:property-search>{more}<D:prop><D:displayname/></D:prop>"
        "</D:principal-property-search>"
    )
    answer = client.dav("REPORT", "/dav/", body, Depth="0")
    assert answer.status_code == 207, answer.text
    return list(properties(answer))


def test_persons_are_found(client: Client) -> None:
    """RFC 3744 section 9.4: whoever asks, by name or address; of others there is nothing to be seen."""
    other = "<D:property-search><D:prop><D:displayname/></D:prop><D:match>martin</D:match></D:property-search>"
    assert search(client, "D:displayname", "dupont") == [HOME]
    assert search(client, "C:calendar-user-address-set", "mailto:EMILIE.") == [HOME]
    assert search(client, "D:displayname", "martin") == []
    assert search(client, "D:displayname", "dupont", more=other) == []
    assert search(client, "D:displayname", "dupont", "anyof", other) == [HOME]
    assert search(client, "D:never", "x") == []
    empty = f"<D:principal-property-search {SPACES}><D:prop/></D:principal-property-search>"
    assert client.dav("REPORT", "/dav/", empty).status_code == 400
    assert client.dav("REPORT", "/dav/", empty, Depth="1").status_code == 400


def test_what_persons_are_found_by(client: Client) -> None:
    answer = client.dav("REPORT", "/dav/", '<D:principal-search-property-set xmlns:D="DAV:"/>', Depth="0")
    assert answer.status_code == 200
    root = ET.fromstring(answer.content)
    found = [one.tag for one in root.iterfind("D:principal-search-property/D:prop/*", NAMESPACES)]
    assert found == ["{DAV:}displayname", "{urn:ietf:params:xml:ns:caldav}calendar-user-address-set"]


def test_oneself_and_what_is_ones_own(client: Client) -> None:
    """RFC 3744 sections 9.2, 9.3."""
    for path, inner, found in (
        ("/dav/", "<D:self/>", {HOME}),
        (AGENDA, "<D:self/>", set()),
        (HOME, "<D:principal-property><D:owner/></D:principal-property>", None),
    ):
        body = f"<D:principal-match {SPACES}>{inner}<D:prop><D:displayname/></D:prop></D:principal-match>"
        answer = set(properties(client.dav("REPORT", path, body, Depth="0")))
        assert answer == ({HOME, AGENDA, f"{HOME}taches/", f"{HOME}contacts/"} if found is None else found)
    body = f"<D:acl-principal-prop-set {SPACES}><D:prop><D:displayname/></D:prop></D:acl-principal-prop-set>"
    assert list(properties(client.dav("REPORT", AGENDA, body))) == [HOME]
    assert client.dav("REPORT", AGENDA, body, Depth="1").status_code == 400


def test_addresses_in_properties_are_followed(client: Client) -> None:
    """RFC 3253 section 3.8, as deep as is asked."""
    body = (
        f'<D:expand-property {SPACES}><D:property name="current-user-principal"><D:property name="displayname"/>'
        '<D:property name="calendar-home-set" namespace="urn:ietf:params:xml:ns:caldav">'
        '<D:property name="resourcetype"/>'
        '</D:property></D:property><D:property name="displayname"/><D:property name="never"/></D:expand-property>'
    )
    answer = client.dav("REPORT", AGENDA, body, Depth="0")
    root = ET.fromstring(answer.content)
    held = root.find("D:response/D:propstat/D:prop", NAMESPACES)
    assert held is not None
    assert held.findtext("D:displayname", "", NAMESPACES) == "Agenda"
    principal = held.find("D:current-user-principal/D:response", NAMESPACES)
    assert principal is not None
    assert principal.findtext("D:href", "", NAMESPACES) == HOME
    assert principal.findtext("D:propstat/D:prop/D:displayname", "", NAMESPACES) == "Emilie Dupont"
    inner = principal.find(
        "D:propstat/D:prop/C:calendar-home-set/D:response/D:propstat/D:prop/D:resourcetype", NAMESPACES
    )
    assert inner is not None
    assert client.dav("REPORT", AGENDA, body, Depth="1").status_code == 400
    deep = '<D:property name="owner">' * 8 + "</D:property>" * 8
    assert client.dav("REPORT", AGENDA, f"<D:expand-property {SPACES}>{deep}</D:expand-property>").status_code == 207
    for wrong in ('<D:property namespace="x:"/>', '<D:property name="x" namespace=""/>'):
        assert (
            client.dav("REPORT", AGENDA, f"<D:expand-property {SPACES}>{wrong}</D:expand-property>").status_code == 400
        )


def test_what_is_announced_is_there(client: Client) -> None:
    """Every report of `supported-report-set` is answered; rights, collations and kinds of data are said."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    names = (
        *("D:supported-report-set", "D:supported-privilege-set", "D:acl", "D:acl-restrictions", "D:inherited-acl-set"),
        *(
            "D:owner",
            "D:principal-collection-set",
            "D:current-user-privilege-set",
            "D:supportedlock",
            "D:lockdiscovery",
        ),
        *("C:supported-collation-set", "C:supported-calendar-data", "C:supported-calendar-component-set"),
    )
    held = client.propfind(AGENDA, *names)[AGENDA]
    assert set(held) == set(names)
    collations = [one.text for one in held["C:supported-collation-set"]]
    assert collations == ["i;ascii-casemap", "i;octet", "i;unicode-casemap"]
    book = client.propfind(
        "/dav/edupont/contacts/", "CR:supported-address-data", "CR:supported-collation-set", "CR:max-resource-size"
    )
    versions = [one.get("version") for one in book["/dav/edupont/contacts/"]["CR:supported-address-data"]]
    assert (sorted(map(str, versions)), len(book["/dav/edupont/contacts/"])) == (["3.0", "4.0"], 3)
    for report in held["D:supported-report-set"].iterfind("D:supported-report/D:report/*", NAMESPACES):
        space, _, name = report.tag[1:].partition("}")
        inner = "" if name == "principal-search-property-set" else '<D:property name="owner" xmlns:D="DAV:"/>'
        if name == "free-busy-query":
            inner = f'<time-range xmlns="{space}" start="20260901T000000Z" end="20260902T000000Z"/>'
        if name == "principal-property-search":
            inner = '<property-search xmlns="DAV:"><prop><displayname/></prop><match>x</match></property-search>'
        answer = client.dav("REPORT", AGENDA, f'<{name} xmlns="{space}">{inner}</{name}>')
        assert answer.status_code in (200, 207), (name, answer.text)
    unknown = client.dav("REPORT", AGENDA, '<never xmlns="x:"><y/></never>')
    assert (unknown.status_code, "supported-report" in unknown.text) == (403, True)


def test_which_right_is_missing(client: Client) -> None:
    """RFC 3744 section 7.1.1."""
    for method, path, right in (
        ("PUT", "/dav/mmartin/agenda/a.ics", "bind"),
        ("DELETE", "/dav/mmartin/agenda/", "unbind"),
        ("PROPFIND", "/dav/mmartin/", "read"),
    ):
        answer = client.dav(
            method, path, event("a") if method == "PUT" else "", Depth="0" if method == "PROPFIND" else ""
        )
        assert answer.status_code == 403
        resource = ET.fromstring(answer.content).find("D:need-privileges/D:resource", NAMESPACES)
        assert resource is not None
        assert resource.findtext("D:href", "", NAMESPACES) == path
        assert resource.find(f"D:privilege/D:{right}", NAMESPACES) is not None


def test_rights_are_told_and_protected(client: Client) -> None:
    """RFC 3744 sections 5, 8: of items, too."""
    client.put_event(f"{AGENDA}a.ics", event("a"))
    names = ("D:acl", "D:supported-privilege-set", "D:acl-restrictions", "D:inherited-acl-set", "D:owner", "D:getetag")
    for path in (HOME, AGENDA, f"{AGENDA}a.ics"):
        held = client.propfind(path, *names)[path]
        assert set(held) == set(names) - ({"D:getetag"} if path == HOME else set()), path
        entry = held["D:acl"].find("D:ace", NAMESPACES)
        assert entry is not None
        assert entry.find("D:principal/D:property/D:owner", NAMESPACES) is not None
        assert entry.find("D:protected", NAMESPACES) is not None
        assert len(list(held["D:supported-privilege-set"].iter("{DAV:}privilege"))) == 10
    mine = client.propfind(AGENDA, "D:current-user-privilege-set")[AGENDA]["D:current-user-privilege-set"]
    rights = {one.tag.partition("}")[2] for one in mine.iterfind("D:privilege/*", NAMESPACES)}
    assert {"all", "read", "write", "write-content", "write-properties", "bind", "unbind", "read-free-busy"} <= rights
    wanted = (
        '<D:acl xmlns:D="DAV:"><D:ace><D:principal><D:href>/dav/mmartin/</D:href></D:principal><D:grant><D:privilege>'
        "<D:read/></D:privilege></D:grant></D:ace></D:acl>"
    )
    refused = client.dav("ACL", AGENDA, wanted)
    assert (refused.status_code, "no-protected-ace-conflict" in refused.text) == (403, True)
    assert client.dav("ACL", AGENDA, '<D:acl xmlns:D="DAV:"/>').status_code == 200
    assert client.dav("ACL", AGENDA).status_code == 400
    assert client.dav("ACL", "/dav/mmartin/agenda/", wanted).status_code == 403
    assert client.dav("ACL", f"{AGENDA}none.ics", wanted).status_code == 404
