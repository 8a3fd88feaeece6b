"""Agendas and address books that people share: chosen by name, seen with whose they are, closed to everybody else."""

import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from mailserver.calendars.icalendar import reading
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_grants, agenda_items, agendas
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin
from tests.webui.house import PASSWORD, House, Visitor
from webui import granting
from webui.page.agenda_links import item_id

MONDAY = "2026-11-23"
EVENT = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20261101T000000Z\r\n"
    "DTSTART:20261123T080000Z\r\nDTEND:20261123T090000Z\r\nSUMMARY:{title}\r\nLOCATION:salle 204\r\n{more}"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{name}\r\nEMAIL:{uid}@exemple.org\r\nEND:VCARD\r\n"

_counter: list[int] = []


@dataclass(frozen=True, slots=True)
class Two:
    """Somebody who shares, and somebody with whom."""

    house: House
    owner: Principal
    other: Principal
    hers: Visitor
    his: Visitor
    agenda: int
    book: int

    def share(self, what: int, role: Role = Role.READ) -> None:
        origin = Origin(self.owner.login, "web")
        self.house.store.write_now(
            agenda_grants.grant, self.owner.account_id, what, self.other.account_id, role, origin
        )

    def take_back(self, what: int) -> None:
        origin = Origin(self.owner.login, "web")
        self.house.store.write_now(agenda_grants.revoke, self.owner.account_id, what, self.other.account_id, origin)

    def put(self, title: str, more: str = "") -> str:
        """An event of hers; its id in addresses."""
        item = reading.read(f"{title}.ics", EVENT.format(uid=title, title=title, more=more))
        self.house.store.write_now(agenda_items.put, self.owner.account_id, self.agenda, item)
        return item_id(self.agenda, item.href)

    def titles(self) -> set[str]:
        rows = self.house.store.read_now(
            agenda_items.between, self.owner.account_id, self.agenda, -(2**62), 2**62, "VEVENT"
        )
        return {found[1] for row in rows if (found := re.search(r"SUMMARY:([^\r\n]*)", row.text or ""))}

    def card(self, name: str) -> str:
        item = reading.read(f"{name}.vcf", CARD.format(uid=name, name=name))
        self.house.store.write_now(agenda_items.put, self.owner.account_id, self.book, item)
        return f"/contacts/fiche/{self.owner.login}~contacts/{name}.vcf"


@pytest.fixture
def two(house: House) -> Two:
    _counter.append(0)
    number = len(_counter)
    owner, other = house.person("Claire", f"Partage-{number}"), house.person("Hugo", f"Recoit-{number}")
    for one in (owner, other):
        house.store.write_now(agendas.provision, one.account_id)
    held = {one.name: one.id for one in house.store.read_now(agendas.listing, owner.account_id)}
    hers, his = house.visitor(), house.visitor()
    hers.log_in(owner.login, interface="complet")
    his.log_in(other.login, interface="complet")
    return Two(house, owner, other, hers, his, held["agenda"], held["contacts"])


def agenda_form(page: Visitor, agenda: int, **fields: Any) -> httpx.Response:
    page.get("/agenda/nouveau")
    form = {"complet": "1", "titre": "De Hugo", "debut_jour": MONDAY, "debut_heure": "10:00", "fin_jour": MONDAY}
    more = {"fin_heure": "11:00", "zone": "Europe/Paris", "visibilite": "PUBLIC", "rappel": "-1", "agenda": agenda}
    return page.post("/agenda/nouveau", {**form, **more, **fields})


# ---------------------------------------------------------------------- sharing


@pytest.mark.parametrize("what", ["agenda", "book"])
def test_people_are_chosen_as_recipients_are(two: Two, what: str) -> None:
    """By name, identifier or address; whoever is let in is told, and can be let out again."""
    at = f"/agenda/agendas/{two.agenda}" if what == "agenda" else f"/contacts/carnets/{two.book}"
    number = two.agenda if what == "agenda" else two.book
    assert two.hers.get(f"{at}/partage").status_code == 200
    two.hers.post(f"{at}/partage", {"qui": two.other.name, "role": "write"})
    assert "Partage enregistré" in two.hers.text
    assert two.other.address in two.hers.text
    (grant,) = two.house.store.read_now(agenda_grants.grants, two.owner.account_id, number)
    assert (grant.account_id, grant.role) == (two.other.account_id, Role.WRITE)
    two.hers.post(f"{at}/partage", {"qui": f"{two.other.name} <{two.other.address}>", "role": "read"})
    (grant,) = two.house.store.read_now(agenda_grants.grants, two.owner.account_id, number)
    assert grant.role is Role.READ
    kind = "Un agenda" if what == "agenda" else "Un carnet d'adresses"
    told = [subject for subject in two.house.subjects(two.other, "INBOX") if subject.startswith(kind)]
    assert len(told) == 1  # once: another role is no news
    octets = two.house.octets(two.other, "INBOX")
    assert two.owner.address.encode() in octets
    two.hers.post(f"{at}/partage", {"retirer": two.other.account_id})
    assert "Partage retiré" in two.hers.text
    assert two.house.store.read_now(agenda_grants.grants, two.owner.account_id, number) == []
    details = [one.detail for one in two.house.store.read_now(audit.history, two.owner.account_id)]
    name = "agenda" if what == "agenda" else "contacts"
    login = two.other.login
    assert details[:3] == [f"/dav/ {name}: {login} {said}" for said in ("nothing", "read", "write")]


def test_who_is_not_one_person_is_asked_again(two: Two) -> None:
    at = f"/agenda/agendas/{two.agenda}/partage"
    twins = [two.house.person("Jumelle", f"Double{number}-{len(_counter)}") for number in ("a", "b")]
    two.hers.get(at)
    asked = two.hers.post(at, {"qui": f"Jumelle, {two.other.login}", "role": "write"})
    assert asked.status_code == 422
    for twin in twins:
        assert f'value="{twin.address}"' in asked.text
    assert two.house.store.read_now(agenda_grants.grants, two.owner.account_id, two.agenda) == []
    two.hers.post(at, {"qui": two.hers.field("qui"), "choix": twins[0].address, "role": "write"})
    held = two.house.store.read_now(agenda_grants.grants, two.owner.account_id, two.agenda)
    assert {one.account_id for one in held} == {twins[0].account_id, two.other.account_id}
    for typed in ("", "personne-de-ce-nom", "quelqu.un@ailleurs.example", two.owner.login, ", ".join(["x"] * 30)):
        assert two.hers.post(at, {"qui": typed, "role": "read"}).status_code == 422, typed
    assert two.hers.post(at, {"qui": two.other.login, "role": "manage"}).status_code == 422
    assert two.house.store.read_now(agenda_grants.grants, two.owner.account_id, two.agenda) == held


def test_notices_are_bounded(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody fills a mailbox in the service's name by giving and taking back."""
    monkeypatch.setattr(granting, "TOLD_A_DAY", 2)
    at = f"/agenda/agendas/{two.agenda}/partage"
    two.hers.get(at)
    for _ in range(4):
        two.hers.post(at, {"qui": two.other.login, "role": "read"})
        two.hers.post(at, {"retirer": two.other.account_id})
    assert len([subject for subject in two.house.subjects(two.other, "INBOX") if subject.startswith("Un agenda")]) == 1


def test_suggestions_for_sharing_are_persons(two: Two) -> None:
    two.card("dehors")
    every = two.hers.get("/m/destinataires?q=dehors").json()["resultats"]
    persons = two.hers.get("/m/destinataires?gens=1&q=dehors").json()["resultats"]
    assert (len(every), len(persons)) == (1, 0)
    found = two.hers.get(f"/m/destinataires?gens=1&q={two.other.login}").json()["resultats"]
    assert [one["adresse"] for one in found] == [two.other.address]


# ---------------------------------------------------------------------- agendas


def test_a_reader_sees_whose_it_is_and_no_buttons(two: Two) -> None:
    event = two.put("Conseil")
    two.share(two.agenda)
    two.his.get("/agenda/agendas")
    assert "Partagés avec moi" in two.his.text
    assert f"agenda de {two.owner.name}" in two.his.text
    two.his.get(f"/agenda/semaine/{MONDAY}")
    (address,) = two.his.links("/evenement/")
    assert "lecture seule" in two.his.text
    two.his.get(address)
    assert "Conseil" in two.his.text
    assert f"{two.owner.name} partage cet agenda avec vous" in two.his.text
    assert two.his.links("/modifier|/supprimer") == []
    for path in ("modifier", "supprimer"):
        assert two.his.get(f"/agenda/evenement/{event}/{path}").status_code == 403
    etag = two.house.store.read_now(agenda_items.stamps, two.owner.account_id, two.agenda)[0].etag
    for path, form in (
        ("modifier", {"titre": "À moi", "debut_jour": MONDAY, "fin_jour": MONDAY, "agenda": two.agenda}),
        ("deplacer", {"minutes": "60"}),
        ("supprimer", {}),
    ):
        two.his.get("/agenda/agendas")
        assert two.his.post(f"/agenda/evenement/{event}/{path}", {**form, "etag": etag}).status_code == 403, path
    assert agenda_form(two.his, two.agenda).status_code == 422
    two.his.get("/agenda/nouveau")
    assert not re.search(rf"\({re.escape(two.owner.name)}\)\s*</option>", two.his.text)
    assert two.titles() == {"Conseil"}


def test_a_writer_makes_changes_and_takes_back(two: Two) -> None:
    event = two.put("Conseil")
    two.share(two.agenda, Role.WRITE)
    two.his.get("/agenda/nouveau")
    assert re.search(rf"Agenda \({re.escape(two.owner.name)}\)\s*</option>", two.his.text)
    assert agenda_form(two.his, two.agenda).status_code == 200
    assert two.titles() == {"Conseil", "De Hugo"}
    two.his.post("/agenda/annuler", {"jeton": two.his.field("jeton"), "jour": MONDAY, "vue": ""})
    assert two.titles() == {"Conseil"}
    two.his.get(f"/agenda/evenement/{event}/modifier")
    fields = {name: two.his.field(name) for name in ("etag", "debut_jour", "debut_heure", "fin_jour", "fin_heure")}
    form = {**fields, "complet": "1", "titre": "Conseil élargi", "zone": "Europe/Paris", "agenda": two.agenda}
    assert two.his.post(f"/agenda/evenement/{event}/modifier", form).status_code == 200
    assert two.titles() == {"Conseil élargi"}
    refused = agenda_form(two.his, two.agenda, visibilite="PRIVATE")
    assert refused.status_code == 422
    assert "ne peut pas être privé" in refused.text
    two.take_back(two.agenda)
    assert two.his.get(f"/agenda/evenement/{event}").status_code == 404
    assert agenda_form(two.his, two.agenda).status_code == 422
    assert two.titles() == {"Conseil élargi"}


def test_private_events_are_busy_for_others(two: Two) -> None:
    event = two.put("Cardiologue", "CLASS:PRIVATE\r\n")
    two.share(two.agenda, Role.WRITE)
    for path in (f"semaine/{MONDAY}", f"liste/{MONDAY}", f"mois/{MONDAY}", f"evenement/{event}"):
        two.his.get(f"/agenda/{path}")
        assert "Occupé" in two.his.text, path
        assert "Cardiologue" not in two.his.text.replace(event, ""), path
        assert "salle 204" not in two.his.text, path
    assert two.his.links("/modifier|/supprimer") == []
    assert "Cardiologue" not in two.his.get(f"/agenda/liste/{MONDAY}?q=cardio").text.replace(event, "")
    assert "SUMMARY:Cardiologue" not in two.his.get(f"/agenda/agendas/{two.agenda}/exporter").text
    for path in ("modifier", "supprimer"):
        assert two.his.get(f"/agenda/evenement/{event}/{path}").status_code == 403
        assert two.his.post(f"/agenda/evenement/{event}/{path}", {"etag": "x"}, two.hers.get("/agenda/agendas").text)
    assert "Busy" in two.his.get(f"/agenda/liste/{MONDAY}?lang=en").text
    assert "Cardiologue" in two.hers.get(f"/agenda/semaine/{MONDAY}").text


def test_times_alone_are_busy_for_others(two: Two) -> None:
    event = two.put("Conseil")
    at = f"/agenda/agendas/{two.agenda}/partage"
    two.hers.get(at)
    two.hers.post(at, {"qui": two.other.login, "role": "times"})
    assert "horaires seuls" in two.hers.text
    for path in (f"semaine/{MONDAY}", f"liste/{MONDAY}", f"evenement/{event}"):
        two.his.get(f"/agenda/{path}")
        assert "Occupé" in two.his.text, path
        assert "Conseil" not in two.his.text.replace(event, ""), path
    assert f"{two.owner.name} ne partage que les horaires" in two.his.text
    assert two.his.get(f"/agenda/evenement/{event}/modifier").status_code == 403
    at = f"/contacts/carnets/{two.book}/partage"
    two.hers.get(at)
    assert two.hers.post(at, {"qui": two.other.login, "role": "times"}).status_code == 422


def test_a_writer_changes_what_the_owner_organizes(two: Two) -> None:
    """And nothing that somebody else invited the owner to."""
    hers = two.put("Sienne", f"ORGANIZER:mailto:{two.owner.address}\r\n")
    foreign = two.put("Ailleurs", "ORGANIZER:mailto:chef@exemple.org\r\n")
    two.share(two.agenda, Role.WRITE)
    assert two.his.get(f"/agenda/evenement/{hers}/modifier").status_code == 200
    assert two.his.get(f"/agenda/evenement/{foreign}/modifier").status_code == 403


def test_the_simplified_interface_lists_and_makes(two: Two) -> None:
    two.put("Conseil")
    two.share(two.agenda, Role.WRITE)
    simple = two.house.visitor()
    simple.log_in(two.other.login)
    simple.get(f"/s/agenda/{MONDAY}")
    assert "Conseil" in simple.text
    assert f"agenda de {two.owner.name}" in simple.text
    simple.get("/s/agenda/nouveau")
    form = {"titre": "Du simple", "debut_jour": MONDAY, "debut_heure": "10:00", "fin_jour": MONDAY}
    simple.post("/s/agenda/nouveau", {**form, "fin_heure": "11:00", "agenda": two.agenda})
    assert two.titles() == {"Conseil", "Du simple"}


def test_colour_and_display_are_ones_own(two: Two) -> None:
    two.put("Conseil")
    two.share(two.agenda)
    two.his.get(f"/agenda/agendas/{two.agenda}")
    two.his.post(f"/agenda/agendas/{two.agenda}", {"faire": "garder", "couleur": "rose", "nom": "À moi"})
    two.his.get("/agenda/agendas")
    assert "lettre-agenda rose" in two.his.text
    assert "À moi" not in two.his.text
    two.hers.get("/agenda/agendas")
    assert "lettre-agenda rose" not in two.hers.text
    assert "partagé avec 1 personne" in two.hers.text
    shown = [shelf for shelf in re.findall(r'name="montrer"\s+value="(\d+)"', two.his.text) if int(shelf) != two.agenda]
    two.his.post("/agenda/affichage", {"choix": "1", "montrer": shown, "retour": f"/agenda/semaine/{MONDAY}"})
    assert "Conseil" not in two.his.text
    two.his.get(f"/agenda/agendas/{two.agenda}")
    two.his.post(f"/agenda/agendas/{two.agenda}", {"faire": "supprimer", "confirme": "Agenda"})
    assert two.titles() == {"Conseil"}
    two.his.post(f"/agenda/agendas/{two.agenda}", {"faire": "quitter"})
    assert "n’est plus parmi les vôtres" in two.his.text
    assert two.house.store.read_now(agenda_grants.grants, two.owner.account_id, two.agenda) == []


# ---------------------------------------------------------------------- contacts


def test_contacts_of_a_shared_book_are_read_and_suggested(two: Two) -> None:
    card = two.card("Zazie")
    two.share(two.book)
    two.his.get("/contacts")
    assert "Zazie" in two.his.text
    assert f"({two.owner.name})" in two.his.text
    two.his.get(card)
    assert "lecture seule" in two.his.text
    assert two.his.links("/modifier") == []
    assert 'value="supprimer"' not in two.his.text
    assert two.his.get(f"{card}/modifier").status_code == 403
    for path, form in (
        (card, {"faire": "supprimer", "confirme": "1", "etag": "x"}),
        (f"{card}/modifier", {"given": "Autre", "etag": "x"}),
    ):
        two.his.get("/contacts/carnets")
        assert two.his.post(path, form).status_code in (403, 409), path
    two.his.get("/contacts/nouveau")
    two.his.post("/contacts/nouveau", {"given": "Chez", "family": "Moi", "carnet": f"{two.owner.login}~contacts"})
    assert two.house.store.read_now(agendas.held, two.owner.account_id)[0] == 1
    found = two.his.get("/m/destinataires?q=zazie").json()["resultats"]
    assert [one["adresse"] for one in found] == ["Zazie@exemple.org"]
    two.his.get("/contacts/doublons")
    assert "Zazie" not in two.his.text
    two.take_back(two.book)
    assert two.his.get(card).status_code == 404
    assert "Zazie" not in two.his.get("/contacts").text


def test_a_writer_of_a_shared_book_makes_and_deletes_cards(two: Two) -> None:
    card = two.card("Zazie")
    two.share(two.book, Role.WRITE)
    name = f"{two.owner.login}~contacts"
    two.his.get("/contacts/nouveau")
    two.his.post("/contacts/nouveau", {"given": "Neuf", "family": "Contact", "carnet": name})
    assert f"Contacts ({two.owner.name})" in two.his.text
    two.his.get(card)
    etag = re.search(r'name="etag"\s+value="([^"]+)"', two.his.text)
    assert etag
    two.his.post(card, {"faire": "supprimer", "confirme": "1", "etag": etag.group(1)})
    stamps = two.house.store.read_now(agenda_items.stamps, two.owner.account_id, two.book)
    assert len(stamps) == 1
    for deed in ({"faire": "renommer", "titre": "À moi"}, {"faire": "supprimer", "confirme": "1", "version": "1"}):
        two.his.get("/contacts/carnets")
        assert two.his.post("/contacts/carnets", {"carnet": name, **deed}).status_code == 404
    two.his.get("/contacts/carnets")
    two.his.post("/contacts/carnets", {"faire": "quitter", "numero": two.book})
    assert "n’est plus parmi les vôtres" in two.his.text
    assert name not in two.his.text


def test_a_client_and_the_page_see_one_shared_agenda(two: Two) -> None:
    """What the page makes in a shared agenda a client of its owner reads, and one of whoever it is shared with."""
    two.share(two.agenda, Role.WRITE)
    agenda_form(two.his, two.agenda)
    for person, path in ((two.owner, "agenda"), (two.other, f"{two.owner.login}~agenda")):
        answer = httpx.get(f"{two.house.url}/dav/{person.login}/{path}/", auth=(person.login, PASSWORD))
        assert "SUMMARY:De Hugo" in answer.text, path
