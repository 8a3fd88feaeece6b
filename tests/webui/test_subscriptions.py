"""Agendas that people subscribe to: looked at first, shown at every door, refreshed, and nobody's to change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from mailserver.calendars.feeds import MAX_EVENTS, Feeds
from mailserver.calendars.own import own_events
from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_feeds, agenda_grants, agenda_items, agendas
from mailserver.store.agenda.agenda_feeds import Feed
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import erasure
from tests.smtp.elsewhere import Names
from tests.webui.house import PASSWORD, House, Visitor, opened
from tests.webui.test_invitations import invited, itip
from tests.webui.website import Website, page, world

HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//EDT//FR\r\nX-WR-CALNAME:Emploi du temps 4e B\r\n"
EVENT = (
    "BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:{now}\r\nLAST-MODIFIED:20261101T080000Z\r\nDTSTART:20261123T080000Z\r\n"
    "DTEND:20261123T090000Z\r\nSUMMARY:{title}\r\nLOCATION:salle 204\r\n"
    "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:x\r\nTRIGGER:-PT10M\r\nEND:VALARM\r\nEND:VEVENT\r\n"
)


def calendar(*titles: str, now: str = "20261120T000000Z") -> bytes:
    events = (EVENT.format(uid=title.replace(" ", "-"), title=title, now=now) for title in titles)
    return (HEAD + "".join(events) + "END:VCALENDAR\r\n").encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    made = Website(tmp_path_factory.mktemp("site"), ["edt.example.org"])
    yield made
    made.stop()


@pytest.fixture(scope="module")
def outside(site: Website) -> Iterator[SafeFetch]:
    names = Names()
    names.known["edt.example.org", "A"] = ["127.0.0.1"]
    names.known["dedans.example.org", "A"] = ["10.0.0.7"]
    yield world(names, site)
    names.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, outside: SafeFetch) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), sqlite_template, outside)
    yield made
    made.close()


@dataclass
class Reader:
    """Somebody who subscribes."""

    house: House
    site: Website
    person: Principal
    browser: Visitor

    def subscribe(self, path: str, name: str = "", scheme: str = "https", host: str = "edt.example.org") -> str:
        self.browser.get("/agenda/agendas")
        typed = f"{scheme}://{host}:{self.site.port}{path}"
        self.browser.post("/agenda/abonnements", {"adresse": typed, "titre": name})
        return self.browser.text

    def feed(self) -> Feed:
        (found,) = self.house.store.read_now(agenda_feeds.listing, self.person.account_id).values()
        return found

    def titles(self) -> set[str]:
        rows = self.house.store.read_now(
            agenda_items.between, self.person.account_id, self.feed().collection_id, -(2**62), 2**62
        )
        return {found[1] for row in rows if (found := re.search(r"SUMMARY:([^\r\n]*)", row.text or ""))}

    def held(self) -> agendas.Collection:
        found = self.house.store.read_now(agendas.by_id, self.person.account_id, self.feed().collection_id)
        assert found is not None
        return found

    def dav(self, method: str, path: str, body: str = "", **fields: str) -> httpx.Response:
        address = f"{self.house.url}/dav/{self.person.login}/{path}"
        return httpx.request(method, address, content=body, headers=fields, auth=(self.person.login, PASSWORD))


@pytest.fixture
def reader(house: House, site: Website, request: pytest.FixtureRequest) -> Reader:
    site.answers["/edt.ics"] = page(calendar("Maths", "Anglais"), "text/calendar")
    browser = house.visitor()
    person = house.person("Lectrice", re.sub(r"\W", "", request.node.name)[-40:])
    browser.log_in(person.login, interface="complet")
    return Reader(house, site, person, browser)


@pytest.fixture
def feeds(house: House, outside: SafeFetch) -> Feeds:
    """What refreshes them in the background."""
    return Feeds(store=house.store, outside=outside, clock=house.clock)


@pytest.mark.parametrize("scheme", ["https", "webcal"])
def test_what_is_there_is_shown_under_its_own_name_and_cannot_be_changed(reader: Reader, scheme: str) -> None:
    text = reader.subscribe("/edt.ics", scheme=scheme)
    assert "Abonnement enregistré." in text
    assert "Emploi du temps 4e B" in text
    assert "edt.example.org · 2" in " ".join(text.split())
    assert reader.titles() == {"Maths", "Anglais"}
    week = reader.browser.get("/agenda/semaine/2026-11-23").text
    assert "Maths" in week
    assert "lecture seule" in week
    (event,) = {link for link in reader.browser.links("/agenda/evenement/") if "TWF0aHM" in link}
    assert "par un abonnement" in reader.browser.get(event).text
    for act in ("modifier", "supprimer"):
        assert reader.browser.get(f"{event.partition('?')[0]}/{act}").status_code == 403
    form = reader.browser.get("/agenda/nouveau").text
    assert "Emploi du temps" not in form.partition('name="agenda"')[2].partition("</select>")[0]


def test_the_address_is_kept_off_the_list_and_never_asked_twice(reader: Reader) -> None:
    reader.site.answers["/prive-7f3a.ics"] = page(calendar("Secret"), "text/calendar")
    assert "prive-7f3a" not in reader.subscribe("/prive-7f3a.ics", "Mon emploi du temps")
    assert "Mon emploi du temps" in reader.browser.text
    again = reader.subscribe("/prive-7f3a.ics")
    assert "Cette adresse est déjà parmi vos abonnements." in again
    assert reader.browser.field("adresse").endswith("/prive-7f3a.ics")
    assert len(reader.house.store.read_now(agendas.listing, reader.person.account_id)) == 4


def test_an_event_that_nobody_can_read_does_not_spoil_the_others(reader: Reader) -> None:
    broken = b"BEGIN:VEVENT\r\nUID:x\r\nDTSTART:20261123T080000Z\r\nCREATED:hier\r\nSUMMARY:Casse\r\nEND:VEVENT\r\n"
    octets = calendar("Maths").replace(b"END:VCALENDAR", broken + b"END:VCALENDAR")
    reader.site.answers["/casse.ics"] = page(octets, "text/calendar")
    assert "Abonnement enregistré" in reader.subscribe("/casse.ics")
    assert reader.titles() == {"Maths"}


REFUSED = {
    "/nulle-part.ics": "Il n’y a rien à cette adresse",
    "/page.html": "pas d’agenda au format iCalendar",
    "/lent.ics": "ne répond pas",
    "/enorme.ics": "trop gros",
    "/trop.ics": "trop gros",
}


@pytest.mark.parametrize("path", REFUSED)
def test_what_cannot_be_had_is_said_beside_what_was_typed(reader: Reader, path: str, site: Website) -> None:
    site.answers["/page.html"] = page(b"<!doctype html><title>Connexion</title>", "text/html")
    site.answers["/lent.ics"] = b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n"
    site.answers["/enorme.ics"] = page(b"x" * (3 << 20), "text/calendar")
    site.answers["/trop.ics"] = page(calendar(*(f"cours {number}" for number in range(MAX_EVENTS + 1))))
    text = reader.subscribe(path, "Mon nom")
    assert REFUSED[path] in text
    assert reader.browser.page is not None
    assert reader.browser.page.status_code == 422
    assert (reader.browser.field("adresse")[-len(path) :], reader.browser.field("titre")) == (path, "Mon nom")
    assert reader.house.store.read_now(agenda_feeds.listing, reader.person.account_id) == {}


@pytest.mark.parametrize(
    ("scheme", "host", "said"),
    [
        ("http", "edt.example.org", "ne convient pas"),
        ("file", "", "ne convient pas"),
        ("https", "127.0.0.1", "internet public"),
        ("https", "localhost", "internet public"),
        ("https", "dedans.example.org", "internet public"),
    ],
)
def test_the_inside_is_not_reached(reader: Reader, scheme: str, host: str, said: str) -> None:
    before = reader.site.connections
    assert said in reader.subscribe("/edt.ics", scheme=scheme, host=host)
    assert reader.site.connections == before


def test_an_agenda_follows_what_is_published(reader: Reader, feeds: Feeds) -> None:
    """What came, changed and went; a new DTSTAMP alone is no change, and no alarm comes along."""
    reader.subscribe("/edt.ics")
    start = reader.held()
    house, clock = reader.house, reader.house.clock
    _refresh_all(house, feeds)
    assert reader.held().modseq == start.modseq  # nothing was due
    clock.ahead += 5 * 3600
    reader.site.answers["/edt.ics"] = page(calendar("Maths", "Anglais", now="20261127T120000Z"), "text/calendar")
    asked = len(reader.site.asked)
    _refresh_all(house, feeds)
    assert len(reader.site.asked) > asked
    texts = house.store.read_now(
        agenda_items.between, reader.person.account_id, reader.feed().collection_id, -(2**62), 2**62
    )
    assert [item for item in texts if "VALARM" in (item.text or "")] == []
    before = {item.href: item.etag for item in texts}
    clock.ahead += 5 * 3600
    reader.site.answers["/edt.ics"] = page(calendar("Maths", "Musique"), "text/calendar")
    token = (reader.feed().collection_id, reader.held().modseq)
    _refresh_all(house, feeds)
    assert reader.titles() == {"Maths", "Musique"}
    delta = house.store.read_now(agenda_items.since, reader.person.account_id, reader.held().name, *token)
    assert set(delta.hrefs) == {"Anglais.ics", "Musique.ics"}
    kept = house.store.read_now(agenda_items.stamps, reader.person.account_id, reader.feed().collection_id)
    assert {item.href: item.etag for item in kept}["Maths.ics"] == before["Maths.ics"]


def test_an_invitation_is_answered_in_ones_own_agenda(reader: Reader, marc: Principal) -> None:
    """A published agenda has the same event: what was accepted there was gone with the next refresh, or refused as
    somebody else's."""
    house, browser, person = reader.house, reader.browser, reader.person
    reader.site.answers["/conseil.ics"] = page(calendar("Conseil"), "text/calendar")
    reader.subscribe("/conseil.ics")
    octets = itip(marc.address, uid="Conseil", attendee=person.address)
    text = invited(house, browser, marc, person, octets)
    answer = browser.post(f"/s/message/{opened(text)}/invitation", {"faire": "oui"})
    assert "Réunion acceptée" in answer.text
    held = house.store.read_now(own_events.find, person.account_id, "Conseil")
    assert held is not None
    assert held.collection_id != reader.feed().collection_id
    assert "PARTSTAT=ACCEPTED" in held.text
    assert reader.titles() == {"Conseil"}


def test_what_fails_keeps_what_was_there_and_is_tried_less_and_less(reader: Reader, feeds: Feeds) -> None:
    reader.subscribe("/edt.ics")
    reader.site.answers["/edt.ics"] = page(b"<html>maintenance</html>", "text/html")
    waits = []
    for _ in range(8):
        reader.house.clock.ahead += reader.feed().due - reader.house.clock.now() + 1
        _refresh_all(reader.house, feeds)
        waits.append(round((reader.feed().due - reader.house.clock.now()) / 1800))
    assert waits == [1, 2, 4, 8, 16, 32, 48, 48]
    assert reader.titles() == {"Maths", "Anglais"}
    reader.browser.log_in(reader.person.login, interface="complet")  # days have passed
    assert "pas à jour" in reader.browser.get("/agenda/agendas").text
    number = reader.feed().collection_id
    assert "pas d’agenda au format iCalendar" in reader.browser.get(f"/agenda/agendas/{number}").text
    assert "Maths" in reader.browser.get("/agenda/semaine/2026-11-23").text
    reader.browser.get(f"/agenda/agendas/{number}")
    reader.browser.post(f"/agenda/agendas/{number}/actualiser", {})
    assert "Agenda actualisé." not in reader.browser.text
    reader.site.answers["/edt.ics"] = page(calendar("Latin"), "text/calendar")
    reader.browser.post(f"/agenda/agendas/{number}/actualiser", {})
    assert "Agenda actualisé." in reader.browser.text
    assert "pas d’agenda" not in reader.browser.text
    assert (reader.titles(), reader.feed().failures) == ({"Latin"}, 0)


def test_a_redirect_to_nowhere_is_a_failure_like_others(reader: Reader, feeds: Feeds) -> None:
    """A stranger's answer that names no address is noted once, and asked less and less."""
    reader.site.answers["/nulle-part"] = page(calendar("Ici"), "text/calendar")
    reader.subscribe("/nulle-part")
    reader.site.answers["/nulle-part"] = page(b"", status="302 x", more="Location: https://[\r\n")
    reader.house.clock.ahead += reader.feed().due - reader.house.clock.now() + 1
    _refresh_all(reader.house, feeds)
    assert (reader.feed().fault, reader.feed().failures) == ("unreachable", 1)
    assert reader.titles() == {"Ici"}


def test_clients_read_it_and_are_told_that_they_may_not_write(reader: Reader) -> None:
    reader.subscribe("/edt.ics")
    name = reader.held().name
    assert b"SUMMARY:Maths" in reader.dav("GET", f"{name}/Maths.ics").content
    ask = '<propfind xmlns="DAV:"><prop><current-user-privilege-set/><displayname/></prop></propfind>'
    told = reader.dav("PROPFIND", f"{name}/", ask, Depth="0").text
    assert "Emploi du temps 4e B" in told
    assert "<read />" in told or "<read/>" in told
    assert "write" not in told
    event = calendar("Intrus").decode()
    assert reader.dav("PUT", f"{name}/intrus.ics", event, **{"Content-Type": "text/calendar"}).status_code == 403
    assert reader.dav("DELETE", f"{name}/Maths.ics").status_code == 403
    assert reader.dav("DELETE", f"{name}/").status_code == 403
    target = {"Destination": f"{reader.house.url}/dav/{reader.person.login}/agenda/Maths.ics"}
    assert reader.dav("MOVE", f"{name}/Maths.ics", **target).status_code == 403
    assert reader.dav("MKCALENDAR", "~imite/").status_code == 403
    assert reader.titles() == {"Maths", "Anglais"}


def test_it_is_renamed_coloured_hidden_and_ended_and_shared_with_nobody(reader: Reader) -> None:
    reader.subscribe("/edt.ics")
    feed, other = reader.feed(), reader.house.person("Autre", "Personne")
    at = f"/agenda/agendas/{feed.collection_id}"
    assert reader.browser.get(f"{at}/partage").status_code == 404
    with pytest.raises(Refused):
        reader.house.store.write_now(
            agenda_grants.grant,
            feed.account_id,
            feed.collection_id,
            other.account_id,
            Role.READ,
            Origin("x", "web"),
        )
    reader.browser.get(at)
    reader.browser.post(at, {"nom": "EDT", "couleur": "rouge", "faire": "garder"})
    assert "EDT" in reader.browser.text
    assert reader.titles() == {"Maths", "Anglais"}
    reader.browser.get(at)
    reader.browser.post(at, {"faire": "desabonner"})
    assert "L’abonnement est terminé." in reader.browser.text
    assert reader.house.store.read_now(agenda_feeds.listing, feed.account_id) == {}
    assert reader.house.store.read_now(agendas.by_id, feed.account_id, feed.collection_id) is None


def test_another_account_reaches_none_of_it(reader: Reader) -> None:
    reader.subscribe("/edt.ics")
    number = reader.feed().collection_id
    stranger = reader.house.visitor()
    stranger.log_in(reader.house.person("Autre", "Curieux").login, interface="complet")
    assert stranger.get(f"/agenda/agendas/{number}").status_code == 404
    stranger.get("/agenda/agendas")
    asked = len(reader.site.asked)
    assert stranger.post(f"/agenda/agendas/{number}/actualiser", {}).status_code == 404
    assert len(reader.site.asked) == asked


def test_there_is_an_end_to_it(reader: Reader) -> None:
    for number in range(agenda_feeds.MAX_FEEDS):
        reader.site.answers[f"/{number}.ics"] = page(calendar(f"cours {number}"), "text/calendar")
        assert "Abonnement enregistré" in reader.subscribe(f"/{number}.ics")
    assert "20 abonnements au plus" in reader.subscribe("/edt.ics").replace("\xa0", " ")


def test_accounts_out_of_use_are_not_fetched_for_and_take_it_with_them(reader: Reader, feeds: Feeds) -> None:
    reader.site.answers["/en-conge.ics"] = page(calendar("Maths"), "text/calendar")
    reader.subscribe("/en-conge.ics")
    house, account = reader.house, reader.person.account_id
    house.store.write_now(accounts.suspend, account, "essai", True)
    house.clock.ahead += 6 * 3600
    _refresh_all(house, feeds)
    assert sum(b"/en-conge.ics" in one for one in reader.site.asked) == 1
    while house.store.write_now(erasure.step, account):
        pass
    assert house.store.read_now(agenda_feeds.listing, account) == {}


def _refresh_all(house: House, feeds: Feeds) -> None:
    house.run(feeds.round())
