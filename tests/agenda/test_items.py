"""Events and contacts through the door: ETags, preconditions, UIDs, moves, whole collections."""

import concurrent.futures
from urllib.parse import quote, unquote

import pytest

from tests.agenda.conftest import Client, Door, contact, event

AGENDA = "/dav/edupont/agenda"


def test_life_of_an_event(client: Client) -> None:
    """RFC 4791 section 5.3.2: made only if new, replaced only if it is what the client saw."""
    made = client.put_event(f"{AGENDA}/a.ics", event("a"), If_None_Match="*")
    assert made.status_code == 201
    got = client.get(f"{AGENDA}/a.ics")
    assert got.headers["etag"] == made.headers["etag"]
    assert got.headers["content-type"].startswith("text/calendar")
    assert "SUMMARY:Cours" in got.text
    head = client.head(f"{AGENDA}/a.ics")
    assert (head.status_code, head.headers["etag"], head.content) == (200, made.headers["etag"], b"")
    assert client.put_event(f"{AGENDA}/a.ics", event("a"), If_None_Match="*").status_code == 412
    changed = client.put_event(f"{AGENDA}/a.ics", event("a", "Réunion"), If_Match=made.headers["etag"])
    assert changed.status_code == 204
    stale = client.put_event(f"{AGENDA}/a.ics", event("a", "Perdu"), If_Match=made.headers["etag"])
    assert stale.status_code == 412
    assert client.dav("DELETE", f"{AGENDA}/a.ics", If_Match=made.headers["etag"]).status_code == 412
    assert client.dav("DELETE", f"{AGENDA}/a.ics", If_Match=changed.headers["etag"]).status_code == 204
    assert client.get(f"{AGENDA}/a.ics").status_code == 404
    assert client.put_event(f"{AGENDA}/a.ics", event("a"), If_Match=changed.headers["etag"]).status_code == 412


def test_what_is_kept_is_no_message_to_anybody(client: Client) -> None:
    """RFC 4791 section 4.1: no METHOD, but in a file that is put whole; what a folded text says is no property."""
    text = event("a", more="DESCRIPTION:see\n METHOD:x\n")
    message = text.replace("VERSION:2.0\r\n", "VERSION:2.0\r\nMethod:REQUEST\r\n")
    refused = client.put_event(f"{AGENDA}/a.ics", message)
    assert (refused.status_code, "valid-calendar-object-resource" in refused.text) == (403, True)
    assert client.put_event(f"{AGENDA}/a.ics", text).status_code == 201
    assert "see\r\n METHOD:x" in client.get(f"{AGENDA}/a.ics").text
    assert client.put_event(f"{AGENDA}/", message).status_code == 201
    kept = client.get(f"{AGENDA}/a.ics").text
    assert "REQUEST" not in kept
    assert "DESCRIPTION:seeMETHOD:x" in kept


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("nothing", "valid-calendar-data"),
        ("", "valid-calendar-data"),
        (event("a").replace("END:VEVENT\r\n", ""), "valid-calendar-data"),
        (event("a").replace("UID:a\r\n", ""), "valid-calendar-object-resource"),
        (
            event("a").replace("END:VCALENDAR", "BEGIN:VEVENT\r\nUID:b\r\nEND:VEVENT\r\nEND:VCALENDAR"),
            "object-resource",
        ),
        (event("a").replace("END:VCALENDAR", "BEGIN:VTODO\r\nUID:a\r\nEND:VTODO\r\nEND:VCALENDAR"), "object-resource"),
        (event("a").replace("VEVENT", "VFREEBUSY"), "supported-calendar-component"),
    ],
)
def test_why_an_object_is_refused(client: Client, text: str, condition: str) -> None:
    """RFC 4791 section 5.3.2.1."""
    refused = client.put_event(f"{AGENDA}/a.ics", text)
    assert (refused.status_code, condition in refused.text) == (403, True), refused.text
    as_text = client.dav("PUT", f"{AGENDA}/a.ics", event("a"), Content_Type="text/plain")
    assert (as_text.status_code, "supported-calendar-data" in as_text.text) == (403, True)
    inside_out = "BEGIN:VEVENT\r\nBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\nUID:a\r\nEND:VEVENT\r\n"
    for path in (f"{AGENDA}/", "/dav/edupont/contacts/"):
        assert client.put_event(path, inside_out).status_code == 403
    by_curl = client.dav("PUT", f"{AGENDA}/", event("a"), Content_Type="application/x-www-form-urlencoded")
    assert by_curl.status_code == 201


def test_lists_of_entity_tags(client: Client) -> None:
    """RFC 9110 section 13.1: several tags, weak ones, `*`; a look that shows nothing new; what is not there is 404."""
    path = f"{AGENDA}/a.ics"
    tag = client.put_event(path, event("a"), If_None_Match='"old", "older"').headers["etag"]
    for method, conditions, status in (
        ("GET", {"If_None_Match": tag}, 304),
        ("GET", {"If_None_Match": f'"x", W/{tag}'}, 304),
        ("HEAD", {"If_None_Match": "*"}, 304),
        ("GET", {"If_None_Match": '"x"'}, 200),
        ("GET", {"If_Match": '"x"'}, 412),
        ("PUT", {"If_None_Match": f'"x", {tag}'}, 412),
        ("PUT", {"If_Match": f"W/{tag}"}, 412),
        ("PUT", {"If_Match": f'"x",{tag}'}, 204),
        ("DELETE", {"If_Match": '"x", "y"'}, 412),
        ("DELETE", {"If_None_Match": tag}, 412),
        ("DELETE", {"If_Match": f'"x", {tag}'}, 204),
        ("DELETE", {"If_Match": tag}, 404),
        ("GET", {"If_None_Match": "*"}, 404),
        ("PUT", {"If_Match": "*"}, 412),
    ):
        body = event("a") if method == "PUT" else ""
        answer = client.dav(method, path, body, Content_Type="text/calendar", **conditions)
        assert answer.status_code == status, (method, conditions)
        if status == 304:
            assert (answer.headers["etag"], "content-length" in answer.headers) == (tag, False)
        if method == "PUT" and status == 204:
            assert "content-length" not in answer.headers  # RFC 9110 section 8.6


def test_acknowledged_means_another_worker_sees_it(two_doors: tuple[Door, Door]) -> None:
    first, second = two_doors
    with first.client() as here, second.client() as there:
        for number in range(5):
            etag = here.put_event(f"{AGENDA}/a.ics", event("a", f"n° {number}")).headers["etag"]
            assert there.get(f"{AGENDA}/a.ics").headers["etag"] == etag


def test_one_of_many_that_saw_the_same_wins(two_doors: tuple[Door, Door]) -> None:
    """Twelve replacements of one ETag over two workers: one 204, the others 412, and what stays is the winner's."""
    with two_doors[0].client() as client:
        etag = client.put_event(f"{AGENDA}/a.ics", event("a")).headers["etag"]

    def replace(number: int) -> tuple[int, str]:
        with two_doors[number % 2].client() as own:
            text = event("a", f"version {number}")
            return own.put_event(f"{AGENDA}/a.ics", text, If_Match=etag).status_code, f"version {number}"

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(replace, range(12)))
    assert sorted(status for status, _ in outcomes) == [204] + [412] * 11
    winner = next(text for status, text in outcomes if status == 204)
    with two_doors[1].client() as client:
        assert winner in client.get(f"{AGENDA}/a.ics").text


def test_unconditional_writers_all_succeed(two_doors: tuple[Door, Door]) -> None:
    """Without a precondition nobody hears 412: the request runs again on what is there by then."""

    def put(number: int) -> int:
        with two_doors[number % 2].client() as own:
            return own.put_event(f"{AGENDA}/a.ics", event("a", f"version {number}")).status_code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(put, range(12))) <= {201, 204}


def test_only_one_of_two_makes_it_new(two_doors: tuple[Door, Door]) -> None:
    def put(number: int) -> int:
        with two_doors[number % 2].client() as own:
            text = event("a", f"version {number}")
            return own.put_event(f"{AGENDA}/a.ics", text, If_None_Match="*").status_code

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(put, range(8))) == [201] + [412] * 7


def test_uid_conflict(client: Client) -> None:
    """RFC 4791 section 5.3.2.1: no-uid-conflict, under another name and under the same."""
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    for path, uid in (("b.ics", "a"), ("a.ics", "other")):
        response = client.put_event(f"{AGENDA}/{path}", event(uid))
        assert response.status_code == 409
        assert "no-uid-conflict" in response.text


def test_collections_take_what_they_say(client: Client) -> None:
    """Events in the agenda, tasks in the task list, contacts in the address book."""
    task = event("t").replace("VEVENT", "VTODO").replace("DTEND", "DUE")
    assert client.put_event("/dav/edupont/taches/t.ics", task).status_code == 201
    for path, text in (("agenda/t.ics", task), ("taches/a.ics", event("a"))):
        response = client.put_event(f"/dav/edupont/{path}", text)
        assert response.status_code == 403
        assert "supported-calendar-component" in response.text
    card = client.dav("PUT", "/dav/edupont/contacts/c.vcf", contact("c"), Content_Type="text/vcard")
    assert card.status_code == 201
    assert "Émilie Dupont" in client.get("/dav/edupont/contacts/c.vcf").text
    assert client.dav("PUT", f"{AGENDA}/c.vcf", contact("c"), Content_Type="text/vcard").status_code in (400, 403)
    assert client.put_event("/dav/edupont/contacts/a.ics", event("a")).status_code in (400, 403)


@pytest.mark.parametrize("name", ["réunion é.ics", "a:b@c.ics", "50% *?.ics", "émoji 🎭.ics", "a'\".ics"])
def test_names_of_items(client: Client, name: str) -> None:
    path = f"{AGENDA}/{quote(name)}"
    assert client.put_event(path, event("a")).status_code == 201
    assert client.get(path).status_code == 200
    assert f"{AGENDA}/{name}" in {unquote(href) for href in client.sync(f"{AGENDA}/")[1]}
    assert client.dav("DELETE", path).status_code == 204


def test_move(client: Client, door: Door) -> None:
    """RFC 4918 section 9.9: also over another item, unless Overwrite says F; the default is T."""
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    client.put_event(f"{AGENDA}/a.ics", event("a", "Théâtre"))
    token = client.sync(f"{AGENDA}/")[0]
    moved = client.dav("MOVE", f"{AGENDA}/a.ics", Destination=f"{door.url}/dav/edupont/club/b%20b.ics")
    assert moved.status_code == 201
    assert "Théâtre" in client.get("/dav/edupont/club/b%20b.ics").text
    assert client.sync(f"{AGENDA}/", token)[1] == {f"{AGENDA}/a.ics": 404}
    client.put_event("/dav/edupont/club/c.ics", event("c"))
    kept = client.dav("MOVE", "/dav/edupont/club/c.ics", Destination=f"{AGENDA}/c.ics", Overwrite="F")
    assert kept.status_code == 201
    client.put_event("/dav/edupont/club/c.ics", event("c", "Autre"))
    refused = client.dav("MOVE", "/dav/edupont/club/c.ics", Destination=f"{AGENDA}/c.ics", Overwrite="F")
    assert refused.status_code == 412
    assert client.dav("MOVE", "/dav/edupont/club/c.ics", Destination=f"{AGENDA}/c.ics").status_code == 204
    assert "Autre" in client.get(f"{AGENDA}/c.ics").text


@pytest.mark.parametrize(
    ("destination", "status"),
    [
        ("http://elsewhere.example/dav/edupont/agenda/b.ics", 502),
        ("/dav/edupont/agenda/b.ics?x", 400),
        ("/dav/edupont/agenda/a%3Bb.ics", 400),
        ("http://[", 400),
        ("/dav/edupont/none/b.ics", 409),
        ("/dav/edupont/contacts/b.vcf", 403),
        ("/dav/edupont/agenda/", 403),
        ("", 400),
        ("/elsewhere", 403),
    ],
)
def test_move_to_nowhere(client: Client, destination: str, status: int) -> None:
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    assert client.dav("MOVE", f"{AGENDA}/a.ics", Destination=destination).status_code == status
    assert client.get(f"{AGENDA}/a.ics").status_code == 200


def test_move_of_a_uid_that_is_there(client: Client) -> None:
    client.dav("MKCALENDAR", "/dav/edupont/club/")
    client.put_event(f"{AGENDA}/a.ics", event("a"))
    client.put_event("/dav/edupont/club/z.ics", event("a"))
    response = client.dav("MOVE", f"{AGENDA}/a.ics", Destination="/dav/edupont/club/b.ics")
    assert response.status_code == 409
    assert "no-uid-conflict" in response.text


def test_whole_calendar_put_and_got(client: Client) -> None:
    """An exported file is put over a collection: every event becomes an item, what is equal keeps its ETag."""
    inner = "".join(
        f"BEGIN:VEVENT\r\nUID:u{n}\r\nDTSTAMP:20260901T080000Z\r\nDTSTART:202609{n:02}T080000Z\r\nSUMMARY:n {n}\r\n"
        "END:VEVENT\r\n"
        for n in range(1, 6)
    )
    whole = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//\r\n{inner}END:VCALENDAR\r\n"
    assert client.put_event(f"{AGENDA}/", whole).status_code == 201
    token, found = client.sync(f"{AGENDA}/")
    assert set(found) == {f"{AGENDA}/u{n}.ics" for n in range(1, 6)}
    changed = whole.replace("n 3", "neuf").replace("UID:u5", "UID:u6")
    assert client.put_event(f"{AGENDA}/", changed).status_code == 201
    assert client.sync(f"{AGENDA}/", token)[1] == {
        f"{AGENDA}/u3.ics": 200,
        f"{AGENDA}/u5.ics": 404,
        f"{AGENDA}/u6.ics": 200,
    }
    got = client.get(f"{AGENDA}/").text
    assert got.count("BEGIN:VEVENT") == 5
    assert "X-WR-CALNAME;VALUE=TEXT:Agenda" in got  # the collection keeps its own properties


def test_whole_address_book(client: Client) -> None:
    cards = contact("c1") + contact("c/2", "Marc Martin")
    response = client.dav("PUT", "/dav/edupont/contacts/", cards, Content_Type="text/vcard")
    assert response.status_code == 201
    assert client.get("/dav/edupont/contacts/").text.count("BEGIN:VCARD") == 2
    assert client.dav("PUT", "/dav/edupont/agenda/", cards, Content_Type="text/vcard").status_code in (403, 409, 412)


def test_listing_reads_texts_only_when_asked(client: Client) -> None:
    """A listing with lengths of more items than one batch of texts."""
    for number in range(230):
        client.put_event(f"{AGENDA}/{number:03}.ics", event(f"u{number}", f"Cours {number}"))
    found = client.propfind(f"{AGENDA}/", "D:getcontentlength", "D:getetag", "D:getcontenttype", depth=1)
    lengths = [int(props["D:getcontentlength"].text or 0) for href, props in found.items() if href.endswith(".ics")]
    assert len(lengths) == 230
    assert min(lengths) > 100
    assert found[f"{AGENDA}/000.ics"]["D:getcontenttype"].text == "text/calendar;charset=utf-8;component=VEVENT"
