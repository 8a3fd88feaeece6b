"""Collections of others over HTTP: found without an address, told truly, read, written, and gone when taken back."""

import datetime
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from caldav import DAVClient
from sqlalchemy import insert, update

from mailserver.model.identity import Population
from mailserver.model.rules import PRESETS, Denied
from mailserver.store.account import rules
from mailserver.store.agenda import agenda_grants, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.engine.transactions import Tx
from mailserver.store.record.audit import Origin
from mailserver.store.schema.people.entries import person
from tests.agenda.conftest import NAMESPACES, PASSWORD, Client, Door, contact, event

pytestmark = pytest.mark.parametrize("make_store", ["sqlite"], indirect=True)

ORIGIN = Origin("edupont", "web")
THERE = "/dav/mmartin/edupont~agenda/"
MULTIGET = (
    '<C:calendar-multiget xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><D:getetag/>'
    "<C:calendar-data/></D:prop><D:href>{}</D:href></C:calendar-multiget>"
)


@pytest.fixture
def marc(door: Door) -> Iterator[Client]:
    """With whom something is shared."""
    with door.client("mmartin") as made:
        yield made


def share(door: Door, client: Client, role: Role, name: str = "agenda") -> int:
    """Émilie shares one of hers with Marc; its id."""
    client.propfind("/dav/edupont/", "D:displayname")  # her first request gives her her collections
    emilie, marc = (door.logins.people[login].account_id for login in ("edupont", "mmartin"))
    held = door.store.read_now(agendas.find, emilie, name)
    assert held is not None
    door.store.write_now(agenda_grants.grant, emilie, held.id, marc, role, ORIGIN)
    return held.id


def take_back(door: Door, collection_id: int) -> None:
    emilie, marc = (door.logins.people[login].account_id for login in ("edupont", "mmartin"))
    door.store.write_now(agenda_grants.revoke, emilie, collection_id, marc, ORIGIN)


def names_in(element: ET.Element) -> set[str]:
    """Local names of the privileges of a set."""
    return {one.tag.partition("}")[2] for privilege in element for one in privilege}


def test_shared_collections_are_in_the_home(door: Door, client: Client, marc: Client) -> None:
    """RFC 4791 section 6.2.1: whoever lists the home finds them, with whose they are."""
    share(door, client, Role.READ)
    share(door, client, Role.WRITE, "contacts")
    wanted = ("D:displayname", "D:resourcetype", "D:owner", "D:sync-token", "CS:getctag")
    found = marc.propfind("/dav/mmartin/", *wanted, depth=1)
    assert set(found) == {
        "/dav/mmartin/",
        *(f"/dav/mmartin/{name}/" for name in ("agenda", "taches", "contacts", "edupont~agenda", "edupont~contacts")),
    }
    there = found[THERE]
    assert there["D:displayname"].text == "Agenda (edupont)"
    assert there["D:owner"].findtext("D:href", "", NAMESPACES) == "/dav/edupont/"
    assert there["D:resourcetype"].find("C:calendar", NAMESPACES) is not None
    assert found["/dav/mmartin/edupont~contacts/"]["D:resourcetype"].find("CR:addressbook", NAMESPACES) is not None
    mine = client.propfind("/dav/edupont/agenda/", *wanted)["/dav/edupont/agenda/"]
    for name in ("D:sync-token", "CS:getctag"):
        assert there[name].text == mine[name].text
    assert mine["D:displayname"].text == "Agenda"


@pytest.mark.parametrize(
    ("role", "privileges"),
    [
        (Role.TIMES, {"read", "read-free-busy"}),
        (Role.READ, {"read", "read-free-busy"}),
        (Role.WRITE, {"read", "read-free-busy", "write-content", "bind", "unbind"}),
    ],
)
def test_privileges_are_told_truly(door: Door, client: Client, marc: Client, role: Role, privileges: set[str]) -> None:
    """RFC 3744 section 5.4."""
    share(door, client, role)
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    name = "D:current-user-privilege-set"
    found = marc.propfind(THERE, name, depth=1)
    assert names_in(found[THERE][name]) == privileges
    assert names_in(found[f"{THERE}a.ics"][name]) & {"all", "write", "bind"} == set()
    own = names_in(marc.propfind("/dav/mmartin/agenda/", name)["/dav/mmartin/agenda/"][name])
    assert {"all", "write", "write-properties", "write-content"} <= own


def test_a_reader_reads_by_every_way_and_writes_by_none(door: Door, client: Client, marc: Client) -> None:
    share(door, client, Role.READ)
    put = client.put_event("/dav/edupont/agenda/a.ics", event("a", "Conseil de classe"))
    here = f"{THERE}a.ics"
    answer = marc.get(here)
    assert answer.status_code == 200
    assert "Conseil de classe" in answer.text
    assert answer.headers["etag"] == put.headers["etag"]
    for text in (marc.get(THERE).text, marc.dav("REPORT", THERE, MULTIGET.format(here)).text):
        assert "Conseil de classe" in text
    token, found = marc.sync(THERE)
    assert found == {here: 200}
    client.put_event("/dav/edupont/agenda/b.ics", event("b"))
    assert marc.sync(THERE, token)[1] == {f"{THERE}b.ics": 200}
    marc.put_event("/dav/mmartin/agenda/m.ics", event("m"))
    refused = [
        marc.put_event(here, event("a", "Changé")),
        marc.put_event(here, event("a", "Changé"), If_Match='"wrong"'),
        marc.put_event(f"{THERE}c.ics", event("c"), If_None_Match="*"),
        marc.put_event(THERE, event("c")),
        marc.dav("DELETE", here),
        marc.dav("DELETE", THERE),
        marc.dav("PROPPATCH", THERE, _renamed()),
        marc.dav("MOVE", here, Destination="/dav/mmartin/agenda/z.ics"),
        marc.dav("MOVE", "/dav/mmartin/agenda/m.ics", Destination=f"{THERE}m.ics"),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert marc.get("/dav/edupont/agenda/a.ics").status_code == 403  # the owner's own tree stays hers


def _renamed() -> str:
    return (
        '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><D:displayname>À moi</D:displayname></D:prop></D:set>'
        "</D:propertyupdate>"
    )


def test_a_writer_changes_items_under_their_etags(door: Door, client: Client, marc: Client) -> None:
    share(door, client, Role.WRITE)
    made = marc.put_event(f"{THERE}a.ics", event("a", "Conseil"), If_None_Match="*")
    assert made.status_code == 201
    assert client.get("/dav/edupont/agenda/a.ics").headers["etag"] == made.headers["etag"]
    assert marc.put_event(f"{THERE}a.ics", event("a"), If_None_Match="*").status_code == 412
    changed = client.put_event("/dav/edupont/agenda/a.ics", event("a", "Conseil déplacé"))
    stale = marc.put_event(f"{THERE}a.ics", event("a", "Trop tard"), If_Match=made.headers["etag"])
    assert stale.status_code == 412
    kept = marc.put_event(f"{THERE}a.ics", event("a", "À l’heure"), If_Match=changed.headers["etag"])
    assert kept.status_code in (201, 204)
    assert "À l’heure" in client.get("/dav/edupont/agenda/a.ics").text
    assert marc.put_event(f"{THERE}other.ics", event("a")).status_code == 409  # no-uid-conflict
    marc.put_event("/dav/mmartin/agenda/m.ics", event("m"))
    assert marc.dav("MOVE", "/dav/mmartin/agenda/m.ics", Destination=f"{THERE}m.ics").status_code == 201
    assert client.get("/dav/edupont/agenda/m.ics").status_code == 200
    assert marc.dav("DELETE", f"{THERE}m.ics").status_code == 204
    refused = [
        marc.dav("DELETE", THERE),
        marc.put_event(THERE, event("c")),
        marc.dav("PROPPATCH", THERE, _renamed()),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert marc.dav("MKCALENDAR", THERE).status_code in (403, 405, 409)
    assert client.propfind("/dav/edupont/agenda/", "D:displayname")["/dav/edupont/agenda/"]["D:displayname"].text == (
        "Agenda"
    )


def test_what_is_taken_back_is_not_found(door: Door, client: Client, marc: Client) -> None:
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    shared = share(door, client, Role.WRITE)
    token, _ = marc.sync(THERE)
    take_back(door, shared)
    for method in ("GET", "PROPFIND", "DELETE", "PROPPATCH"):
        for path in (THERE, f"{THERE}a.ics"):
            assert marc.dav(method, path).status_code == 404, (method, path)
    assert marc.sync_response(THERE, token).status_code == 404
    assert marc.put_event(f"{THERE}b.ics", event("b")).status_code == 409  # nothing to put it into: RFC 4918 9.7.1
    assert marc.dav("MKCALENDAR", THERE).status_code == 403
    assert THERE not in marc.propfind("/dav/mmartin/", "D:displayname", depth=1)
    assert client.get("/dav/edupont/agenda/a.ics").status_code == 200


def test_private_events_are_busy_times_for_others(door: Door, client: Client, marc: Client) -> None:
    share(door, client, Role.WRITE)
    secret = event("p", "Cardiologue", more="LOCATION:Hôpital\nCLASS:PRIVATE\n")
    client.put_event("/dav/edupont/agenda/p.ics", secret)
    here = f"{THERE}p.ics"
    query = (
        '<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:prop><C:calendar-data/>'
        '</D:prop><C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">{}</C:comp-filter>'
        "</C:comp-filter></C:filter></C:calendar-query>"
    )
    sought = '<C:prop-filter name="SUMMARY"><C:text-match>Cardio</C:text-match></C:prop-filter>'
    for answer in (
        marc.get(here),
        marc.get(THERE),
        marc.dav("REPORT", THERE, MULTIGET.format(here)),
        marc.dav("REPORT", THERE, query.format("")),
    ):
        assert "Cardiologue" not in answer.text
        assert "pital" not in answer.text
        assert "SUMMARY:Occupé" in answer.text
        assert "20260907T080000Z" in answer.text
    assert "BEGIN:VEVENT" not in marc.dav("REPORT", THERE, query.format(sought)).text
    etag = marc.get(here).headers["etag"]
    listed = marc.propfind(THERE, "D:getetag", depth=1)[here]["D:getetag"].text
    assert listed == etag != client.get("/dav/edupont/agenda/p.ics").headers["etag"]
    refused = [
        marc.put_event(here, event("p", "Changé"), If_Match=etag),
        marc.dav("DELETE", here),
        marc.dav("MOVE", here, Destination="/dav/mmartin/agenda/p.ics"),
        marc.put_event(f"{THERE}n.ics", event("n", more="CLASS:CONFIDENTIAL\n")),
    ]
    assert [one.status_code for one in refused] == [403] * len(refused)
    assert "Cardiologue" in client.get("/dav/edupont/agenda/p.ics").text


def test_a_class_of_blanks_takes_no_longer_to_read(door: Door, client: Client, marc: Client) -> None:
    """It took the square of their number while every other thread waited: minutes, in the agenda of whoever one shares
    with."""
    share(door, client, Role.WRITE)
    blank = event("b", "Vide", more=f"CLASS:{' ' * 60_000}\n")
    assert client.put_event("/dav/edupont/agenda/b.ics", blank).status_code == 201
    begun = time.process_time()
    assert "SUMMARY:Vide" in marc.get(f"{THERE}b.ics").text
    assert marc.put_event(f"{THERE}c.ics", blank.replace("UID:b", "UID:c")).status_code == 201
    assert time.process_time() - begun < 3


def test_times_alone_over_http(door: Door, client: Client, marc: Client) -> None:
    client.put_event("/dav/edupont/agenda/a.ics", event("a", "Conseil"))
    share(door, client, Role.TIMES)
    answer = marc.get(f"{THERE}a.ics")
    assert "SUMMARY:Occupé" in answer.text
    assert "Conseil" not in answer.text
    assert marc.put_event(f"{THERE}a.ics", event("a"), If_Match=answer.headers["etag"]).status_code == 403


def test_another_worker_knows_at_once(two_doors: tuple[Door, Door]) -> None:
    first, second = two_doors
    with first.client() as client, second.client("mmartin") as marc:
        client.put_event("/dav/edupont/agenda/a.ics", event("a"))
        assert marc.get(f"{THERE}a.ics").status_code == 404
        shared = share(first, client, Role.WRITE)
        assert marc.put_event(f"{THERE}b.ics", event("b")).status_code == 201
        take_back(first, shared)
        assert marc.get(f"{THERE}a.ics").status_code == 404


def test_names_with_the_sign_of_shares_cannot_be_made(door: Door, client: Client) -> None:
    """Else somebody's own collection could stand where another's will be."""
    assert client.dav("MKCALENDAR", "/dav/edupont/mmartin~agenda/").status_code == 403
    assert client.put_event("/dav/edupont/mmartin~agenda/", event("a")).status_code == 403


def test_caldav_finds_reads_and_writes(door: Door, client: Client) -> None:
    """The PyPI package caldav, from the root alone."""
    share(door, client, Role.WRITE)
    client.put_event("/dav/edupont/agenda/a.ics", event("a", "Conseil"))
    with cast(Any, DAVClient)(url=f"{door.url}/dav/", username="mmartin", password=PASSWORD) as other:
        shared = next(
            calendar for calendar in other.principal().calendars() if calendar.get_display_name() == "Agenda (edupont)"
        )
        start = datetime.datetime(2026, 9, 7, 0, 0, tzinfo=datetime.UTC)
        (found,) = shared.search(start=start, end=start + datetime.timedelta(days=1), event=True)
        assert found.icalendar_component["SUMMARY"] == "Conseil"
        known = shared.objects_by_sync_token(load_objects=True)
        shared.add_event(dtstart=start, dtend=start + datetime.timedelta(hours=1), uid="neu", summary="De Marc")
        updated, _ = known.sync()
        assert len(list(updated)) == 1
        found.delete()
    texts = client.get("/dav/edupont/agenda/").text
    assert "De Marc" in texts
    assert "Conseil" not in texts


CONFIG = """
[general]
status_path = "{folder}/status/"

[pair all]
a = "here"
b = "there"
collections = ["from b"]

[storage here]
type = "filesystem"
path = "{folder}/files/"
fileext = "{suffix}"

[storage there]
type = "{type}"
url = "{url}/dav/"
username = "mmartin"
password = "{password}"
"""


@pytest.mark.parametrize(("kind", "suffix", "name"), [("caldav", ".ics", "agenda"), ("carddav", ".vcf", "contacts")])
def test_vdirsyncer_discovers_what_is_shared(
    door: Door, client: Client, tmp_path: Path, kind: str, suffix: str, name: str
) -> None:
    """It is told the root, and nothing else; what it makes arrives at the owner's."""
    share(door, client, Role.WRITE, name)
    if kind == "caldav":
        client.put_event("/dav/edupont/agenda/a.ics", event("a", "Conseil"))
    else:
        client.dav("PUT", "/dav/edupont/contacts/a.vcf", contact("a", "Conseil"), Content_Type="text/vcard")
    folder = tmp_path / "device"
    folder.mkdir()
    fields = {"folder": folder, "suffix": suffix, "type": kind, "url": door.url, "password": PASSWORD}
    (folder / "config").write_text(CONFIG.format(**fields))

    def run(verb: str) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "vdirsyncer", "-c", str(folder / "config"), verb],
            input="y\n" * 10,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert result.returncode == 0, result.stdout + result.stderr

    run("discover")
    run("sync")
    here = folder / f"files/edupont~{name}"
    assert any("Conseil" in path.read_text() for path in here.glob(f"*{suffix}"))
    (here / f"neu{suffix}").write_text(event("neu", "De Marc") if kind == "caldav" else contact("neu", "De Marc"))
    run("sync")
    assert "De Marc" in client.get(f"/dav/edupont/{name}/").text


def enrol(tx: Tx, account_id: int, role: str) -> None:
    names = dict.fromkeys(("given_name", "surname", "address", "given_key", "surname_key", "name_key"), "x")
    row = {"account_id": account_id, "role": role, "created": tx.now, "modified": tx.now}
    tx.execute(insert(person).values(**names, **row))


def test_the_rules_between_populations_hold_for_what_was_shared_before(
    door: Door, client: Client, marc: Client
) -> None:
    """A later preset ends what a pupil shares with a pupil; one way lets the reader read and change nothing."""
    held = share(door, client, Role.WRITE)
    emilie, other = (door.logins.people[login].account_id for login in ("edupont", "mmartin"))
    for account_id in (emilie, other):
        door.store.write_now(enrol, account_id, "pupil")
    client.put_event("/dav/edupont/agenda/a.ics", event("a"))
    assert marc.put_event(f"{THERE}b.ics", event("b")).status_code == 201
    supervised = PRESETS["pupils-supervised"]
    door.store.write_now(rules.set_table, ORIGIN, "pupils-supervised", supervised)
    assert marc.get(f"{THERE}a.ics").status_code == 404
    assert marc.put_event(f"{THERE}c.ics", event("c")).status_code in (403, 404, 409)
    assert THERE not in marc.propfind("/dav/mmartin/", "D:displayname", depth=1)
    with pytest.raises(Denied):
        door.store.write_now(agenda_grants.grant, emilie, held, other, Role.READ, ORIGIN)
    door.store.write_now(_teach, other)
    door.store.write_now(rules.set_table, ORIGIN, "one way", frozenset({(Population.TEACHER, Population.PUPIL)}))
    assert marc.get(f"{THERE}a.ics").status_code == 200
    assert marc.put_event(f"{THERE}c.ics", event("c")).status_code == 403
    with pytest.raises(Denied):
        door.store.write_now(agenda_grants.grant, emilie, held, other, Role.WRITE, ORIGIN)


def _teach(tx: Tx, account_id: int) -> None:
    tx.execute(update(person).where(person.c.account_id == account_id).values(role="teacher"))
