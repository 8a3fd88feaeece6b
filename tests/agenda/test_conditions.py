"""What requests are conditional on, and how far they reach (RFC 4918 sections 9.8, 10, RFC 6578 section 5)."""

from collections.abc import Callable

import pytest
from radicale.item import Item

from agenda import if_header
from agenda.collection import Collection
from mailserver.calendars.icalendar import reading
from mailserver.model.errors import BadSyntax, Refused
from mailserver.store.agenda import agenda_items, agendas
from tests.agenda.conftest import Client, Door, contact, event

only_sqlite = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)
AGENDA = "/dav/edupont/agenda/"
ITEM = f"{AGENDA}a.ics"


def put_beside(door: Door, name: str, href: str, text: str) -> None:
    """As another worker does it, while a request is answered here; no text: it is removed."""
    account_id = door.logins.people["edupont"].account_id
    held = door.store.read_now(agendas.find, account_id, name)
    assert held is not None
    if text:
        door.store.write_now(agenda_items.put, account_id, held.id, reading.read(href, text))
    else:
        door.store.write_now(agenda_items.remove, account_id, held.id, href)


def test_what_no_item_can_be_called_is_not_there(client: Client) -> None:
    """PostgreSQL holds no NUL; what asks for a name with one is the client's fault, and another name is found."""
    client.put_event(ITEM, event("a"))
    spaces = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"'
    hrefs = f"<D:href>{AGENDA}a%00b.ics</D:href><D:href>{ITEM}</D:href>"
    body = f"<C:calendar-multiget {spaces}><D:prop><D:getetag/></D:prop>{hrefs}</C:calendar-multiget>"
    answer = client.dav("REPORT", AGENDA, body)
    assert (answer.status_code, answer.text.count("404"), answer.text.count("<getetag>")) == (207, 1, 1)
    for header in (f'<{AGENDA}a%00b.ics> (["x"])', f'<{AGENDA}a%00b/c.ics> (Not ["x"])'):
        assert client.dav("DELETE", ITEM, If=header).status_code < 500
    token = f"{client.sync(AGENDA)[0]}:5:a%00b"
    body = f"<D:sync-collection {spaces}><D:sync-token>{token}</D:sync-token><D:prop><D:getetag/></D:prop>"
    assert client.dav("REPORT", AGENDA, f"{body}</D:sync-collection>").status_code < 500


@only_sqlite
def test_lists_of_states(client: Client, door: Door) -> None:
    """RFC 4918 section 10.4: entity tags, tokens, Not, other resources."""
    client.propfind("/dav/", "D:resourcetype")
    absent = client.put_event(ITEM, event("a"), If='(["x"])')
    assert absent.status_code == 412
    assert client.put_event(ITEM, event("a"), If='(Not ["x"])').status_code == 201
    etag = client.get(ITEM).headers["etag"]
    token = client.sync(AGENDA)[0]
    for header, status in (
        ('(["x"])', 412),
        (f'(["x"]) ([{etag}])', 204),
        ("(<opaquelocktoken:1>)", 412),
        (f"(<opaquelocktoken:1> [{etag}])", 412),
        (f"(Not <DAV:no-lock> [{etag}])", 204),
        (f"([W/{etag}])", 412),
        (f"<{AGENDA}> (<{token}>)", 204),
        (f"<{door.url}{AGENDA}> (<{token}>)", 204),
        (f"<{AGENDA}> (<{token}x>)", 412),
        (f'<{AGENDA}b.ics> (Not ["x"])', 204),
        (f'<{AGENDA}b.ics> (["x"])', 412),
        (f'<{AGENDA}b.ics> (["x"]) <{ITEM}> ([{etag}])', 204),
        (f"<{AGENDA}> (<{token}>) (Not <{token}>)", 204),
        (f"(<{token}>", 400),
        ("()", 400),
        ("x", 400),
        (f"([{etag}]) <{ITEM}>", 400),
        (f"([{etag}]) <{ITEM}> ([{etag}])", 400),
        ("(Not)", 400),
        ("(Not Not <x:y>)", 400),
        ("<http://[> (Not <x:y>)", 400),
        (f"<{AGENDA}%E9> (<x:y>)", 412),
    ):
        answer = client.put_event(ITEM, event("a"), If=header)
        assert answer.status_code == status, header
    assert client.dav("DELETE", ITEM, If='(["x"])').status_code == 412
    patch = '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="u:">1</x></D:prop></D:set></D:propertyupdate>'
    assert client.dav("PROPPATCH", AGENDA, patch, If=f"(<{token}>)").status_code == 207
    assert client.dav("PROPPATCH", AGENDA, patch, If=f"(<{token}>)").status_code == 412  # it has changed by that
    assert client.dav("DELETE", ITEM, If=f"([{etag}])").status_code == 204


@pytest.mark.parametrize("header", ["(" * 5000, '(["x"])' * 101, "([" + '"' + "x" * 9000 + '"])', "<a:b>" * 900])
def test_headers_that_nobody_sends(header: str) -> None:
    with pytest.raises(BadSyntax):
        if_header.parse(header)


@only_sqlite
@pytest.mark.parametrize("header", ["([{etag}])", f"<{ITEM}> ([{{etag}}])"])
def test_what_the_header_was_judged_by_is_what_is_changed(
    client: Client, door: Door, monkeypatch: pytest.MonkeyPatch, header: str
) -> None:
    """Somebody else is quicker, between the one and the other."""
    etag, judge = client.put_event(ITEM, event("a")).headers["etag"], if_header.holds

    def holds(lists: list[if_header.Conditions], state: Callable[[str], if_header.State]) -> bool:
        held = judge(lists, state)
        monkeypatch.undo()
        put_beside(door, "agenda", "a.ics", event("a", "Autre"))
        return held

    monkeypatch.setattr(if_header, "holds", holds)
    assert client.put_event(ITEM, event("a", "Perdu"), If=header.format(etag=etag)).status_code == 412
    assert "Autre" in client.get(ITEM).text


@only_sqlite
def test_what_may_not_be_replaced_never_is(client: Client, door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often something else comes and goes where the copy is to be."""
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    client.put_event(ITEM, event("a"))
    upload, there = Collection.upload, "/dav/edupont/club/b.ics"

    def crossed(self: Collection, href: str, item: Item) -> object:
        put_beside(door, "club", href, event("autre"))
        try:
            return upload(self, href, item)
        except Refused:
            put_beside(door, "club", href, "")
            raise

    monkeypatch.setattr(Collection, "upload", crossed)
    assert client.dav("COPY", ITEM, Destination=there, Overwrite="F").status_code == 412
    assert client.dav("COPY", ITEM, Destination=there).status_code == 201


@only_sqlite
def test_copies(client: Client, door: Door) -> None:
    """RFC 4918 section 9.8: an object with its UID stands once in a collection."""
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    client.put_event(ITEM, event("a", "Théâtre"))
    text = client.get(ITEM).text
    there = "/dav/edupont/club/b.ics"
    for headers, status in (
        ({"Destination": f"{door.url}{there}"}, 201),
        ({"Destination": there, "Overwrite": "F"}, 412),
        ({"Destination": there, "Overwrite": "f"}, 412),
        ({"Destination": there, "Overwrite": "x"}, 400),
        ({"Destination": there}, 204),
        ({"Destination": there, "If-Match": '"x"'}, 412),
        ({"Destination": f"{AGENDA}c.ics"}, 409),
        ({"Destination": "/dav/edupont/club/c.ics"}, 409),
        ({"Destination": ITEM}, 403),
        ({"Destination": "/dav/edupont/contacts/a.vcf"}, 403),
        ({"Destination": "/dav/edupont/club/"}, 403),
        ({"Destination": "/dav/edupont/none/a.ics"}, 409),
        ({"Destination": "/dav/mmartin/agenda/a.ics"}, 403),
        ({"Destination": "http://elsewhere.example/dav/edupont/club/x.ics"}, 502),
        ({"Destination": there, "Depth": "1"}, 400),
        ({"Destination": "/dav/edupont/club/%00.ics"}, 400),
        ({"Destination": "/dav/edupont/club/%C2%85.ics"}, 400),
        ({}, 400),
    ):
        answer = client.dav("COPY", ITEM, **headers)
        assert answer.status_code == status, headers
        if status == 409 and "none" not in headers["Destination"]:
            assert "no-uid-conflict" in answer.text
    assert (client.get(there).text, client.get(ITEM).text) == (text, text)
    assert client.dav("COPY", f"{AGENDA}no.ics", Destination=there).status_code == 404
    assert client.dav("COPY", AGENDA, Destination="/dav/edupont/neu/").status_code == 403


@only_sqlite
def test_a_calendar_moves_with_all_that_is_in_it(client: Client) -> None:
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    client.put_event("/dav/edupont/club/a.ics", event("a"))
    token = client.sync("/dav/edupont/club/")[0]
    for destination, headers, status in (
        (AGENDA, {}, 403),
        (AGENDA, {"Overwrite": "F"}, 412),
        ("/dav/mmartin/club/", {}, 403),
        ("/dav/edupont/club/in/", {}, 403),
        ("/dav/edupont/mmartin~club/", {}, 403),
        ("/dav/edupont/neu/", {"Depth": "0"}, 400),
        ("/dav/edupont/n%0Aeu/", {}, 400),
        ("/dav/edupont/neu/", {}, 201),
    ):
        answer = client.dav("MOVE", "/dav/edupont/club/", Destination=destination, **headers)
        assert answer.status_code == status, (destination, headers)
    assert client.dav("PROPFIND", "/dav/edupont/club/", Depth="0").status_code == 404
    assert client.sync("/dav/edupont/neu/", token) == (token, {})
    assert client.get("/dav/edupont/neu/a.ics").status_code == 200


@only_sqlite
def test_dates_of_changes(client: Client) -> None:
    """RFC 9110 sections 13.1.3, 13.1.4: where no tags are named."""
    client.put_event(ITEM, event("a"))
    got = client.get(ITEM)
    changed, etag = got.headers["last-modified"], got.headers["etag"]
    before, after = "Mon, 01 Sep 2025 08:00:00 GMT", "Mon, 01 Sep 2036 08:00:00 GMT"
    for method, headers, status in (
        ("GET", {"If_Modified_Since": changed}, 304),
        ("GET", {"If_Modified_Since": after}, 304),
        ("GET", {"If_Modified_Since": before}, 200),
        ("GET", {"If_Modified_Since": "yesterday"}, 200),
        ("GET", {"If_Modified_Since": after, "If_None_Match": '"x"'}, 200),
        ("PUT", {"If_Unmodified_Since": before}, 412),
        ("PUT", {"If_Unmodified_Since": changed}, 204),
        ("PUT", {"If_Unmodified_Since": before, "If_Match": etag}, 204),
    ):
        answer = client.dav(method, ITEM, event("a") if method == "PUT" else "", **headers)
        assert answer.status_code == status, (method, headers)


@only_sqlite
def test_moves_are_conditional_too(client: Client) -> None:
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    etag = client.put_event(ITEM, event("a")).headers["etag"]
    there = {"Destination": "/dav/edupont/club/a.ics"}
    assert client.dav("MOVE", ITEM, If_Match='"x"', **there).status_code == 412
    assert client.dav("MOVE", ITEM, If_None_Match="*", **there).status_code == 412
    assert client.dav("MOVE", ITEM, If='(["x"])', **there).status_code == 412
    assert client.dav("MOVE", ITEM, If_Match=f'"x", {etag}', **there).status_code == 201


@only_sqlite
def test_collections_have_tags_too(client: Client) -> None:
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    tag = client.propfind("/dav/edupont/club/", "D:getetag")["/dav/edupont/club/"]["D:getetag"].text or ""
    assert client.dav("DELETE", "/dav/edupont/club/", If_Match='"x"').status_code == 412
    assert client.dav("DELETE", "/dav/edupont/club/", If_Match=f'"x", {tag}').status_code == 204


@only_sqlite
def test_how_deep(client: Client) -> None:
    """RFC 4918 sections 9.1, 9.6.1, 10.2."""
    client.put_event(ITEM, event("a"))
    client.dav("PUT", "/dav/edupont/contacts/c.vcf", contact("c"), Content_Type="text/vcard")
    body = '<D:propfind xmlns:D="DAV:"><D:prop><D:getetag/></D:prop></D:propfind>'

    def count(path: str, **headers: str) -> int:
        answer = client.dav("PROPFIND", path, body, **headers)
        assert answer.status_code == 207
        return answer.text.count("<response>")

    everything = [("/dav/", [1, 2, 7]), ("/dav/edupont/", [1, 4, 6]), (AGENDA, [1, 2, 2]), (ITEM, [1, 1, 1])]
    for path, counts in everything:
        assert [count(path, Depth="0"), count(path, Depth="1"), count(path)] == counts
        if path != ITEM:
            refused = client.dav("PROPFIND", path, body, Depth="Infinity")
            assert (refused.status_code, "propfind-finite-depth" in refused.text) == (403, True)
    for depth in ("2", "x", "1,noroot"):
        assert client.dav("PROPFIND", AGENDA, body, Depth=depth).status_code == 400
    assert client.dav("DELETE", AGENDA, Depth="0").status_code == 400
    assert client.dav("DELETE", AGENDA, Depth="infinity").status_code == 204


@only_sqlite
def test_unknown_elements_are_passed_over(client: Client) -> None:
    """RFC 4918 section 17."""
    body = '<D:propfind xmlns:D="DAV:"><x xmlns="u:"/><D:prop><D:resourcetype/></D:prop></D:propfind>'
    assert "calendar" in client.dav("PROPFIND", AGENDA, body, Depth="0").text
    for wrong in ("<D:propfind xmlns:D='DAV:'><x xmlns='u:'/></D:propfind>", "<x xmlns='u:'><y/></x>"):
        assert client.dav("PROPFIND", AGENDA, wrong, Depth="0").status_code == 400
