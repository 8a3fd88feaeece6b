"""The page of what was removed for good: found, chosen, brought back, in both interfaces and without scripts."""

import html
import re

import pytest

from mailserver.foundation.settings import Settings
from mailserver.model.identity import Principal
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.mail import mailboxes
from mailserver.store.mail.deleted import removed_messages
from tests.webui.house import House, Visitor, mail

PAGE = "/s/recuperer"


@pytest.fixture
def home(house: House, rose: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(rose.login)
    return visitor


def thrown_away(house: House, visitor: Visitor, person: Principal, *subjects: str) -> None:
    """Delivered, put into the trash, and the trash emptied."""
    inbox, trash = (house.store.read_now(mailboxes.get, person.account_id, name).id for name in ("INBOX", "Trash"))
    for subject in subjects:
        content = house.deliver(person, mail(subject))
        visitor.get(f"/s/dossier/{inbox}")
        visitor.post(f"/s/dossier/{inbox}/agir", {"m": str(content), "faire": "supprimer", "retour": "page=1"})
    visitor.get(f"/s/dossier/{trash}/vider")
    assert "revenir en arrière" in visitor.text
    visitor.post(f"/s/dossier/{trash}/vider", {"faire": "effacer"})


def numbers(visitor: Visitor, address: str = PAGE) -> list[str]:
    return re.findall(r'name="m" value="(\d+)"', visitor.get(address).text)


def test_emptied_and_brought_back(house: House, rose: Principal, home: Visitor) -> None:
    assert "Aucun message supprimé" in home.get(PAGE).text
    thrown_away(house, home, rose, "Compte rendu", "Réunion", "Menu")
    for base in ("/s", "/m"):
        assert len(numbers(home, f"{base}/recuperer")) == 3
    trash = house.store.read_now(mailboxes.get, rose.account_id, "Trash").id
    assert f"{PAGE}" in home.get(f"/s/dossier/{trash}").text
    assert "Corbeille, reçu" in home.get(PAGE).text
    (one,) = numbers(home, f"{PAGE}?objet=reunion")
    answer = home.post(PAGE, {"m": one, "faire": "remettre"})
    assert answer.status_code == 200
    assert "1 message remis en place." in home.text
    assert house.subjects(rose, "Récupérés") == ["Réunion"]
    assert home.post(PAGE, {"m": one, "faire": "remettre"}).status_code == 409, "pressed twice"
    assert home.post(PAGE, {"faire": "remettre"}).status_code == 422
    home.get(f"{PAGE}?objet=e")
    assert "2 messages remis en place." in home.post(f"{PAGE}?objet=e", {"faire": "tout"}).text
    assert sorted(house.subjects(rose, "Récupérés")) == ["Compte rendu", "Menu", "Réunion"]
    assert numbers(home) == []


def test_a_message_of_others_is_nobody_elses(house: House, rose: Principal, home: Visitor, marc: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(marc.login)
    thrown_away(house, visitor, marc, "Le sien")
    (number,) = numbers(visitor)
    assert numbers(home) == []
    assert home.post(PAGE, {"m": number, "faire": "remettre"}).status_code == 409
    assert (house.subjects(marc, "INBOX"), len(numbers(visitor))) == ([], 1)


def test_no_room(house: House, rose: Principal, home: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    thrown_away(house, home, rose, "Un")
    settings: Settings = house.settings
    (number,) = numbers(home)
    monkeypatch.setitem(settings.limits.__dict__, "quota", 1)
    answer = home.post(PAGE, {"m": number, "faire": "remettre"})
    assert answer.status_code == 409
    assert "plus assez de place" in home.text
    assert len(numbers(home)) == 1


def test_what_was_removed_before_many_others(
    house: House, rose: Principal, home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removed_messages, "LOOKED", 1)
    thrown_away(house, home, rose, "Cherché", "Autre")
    assert numbers(home, f"{PAGE}?objet=cherche") == []
    assert "Aucun des derniers messages" in home.text
    (further,) = re.findall(r'href="([^"]*avant=[^"]*)"', home.text)
    assert len(numbers(home, html.unescape(further))) == 1
    home.get(f"{PAGE}?objet=cherche")
    assert "1 message remis en place." in home.post(f"{PAGE}?objet=cherche", {"faire": "tout"}).text


def test_odd_questions(house: House, rose: Principal, home: Visitor) -> None:
    thrown_away(house, home, rose, "Un")
    for query in ("recu=2026-13-45", "recu=0001-01-01", "recu=9999-12-31", "depuis=-3", "depuis=999999999999999999"):
        assert len(numbers(home, f"{PAGE}?{query}")) == 1, query
    assert numbers(home, f"{PAGE}?recu=2001-01-01") == []
    assert numbers(home, f"{PAGE}?avant=1") == []
    for odd in ("-", "x-3", "3", "999999999999999999-1", "1-999999999999999999", "1-1-1"):
        home.get(f"{PAGE}?avant={odd}")


def test_events_and_contacts(house: House, rose: Principal, home: Visitor) -> None:
    """On the same page, in both interfaces: shown, chosen, brought back."""
    store, account_id = house.store, rose.account_id
    assert "Événements, tâches et contacts supprimés" not in home.get(PAGE).text
    store.write_now(agendas.provision, account_id)
    held = store.read_now(agendas.find, account_id, "agenda")
    assert held is not None
    text = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261130T080000Z\r\nSUMMARY:<b>Conseil\r\nEND:VEVENT\r\n"
    store.write_now(
        agenda_items.put, account_id, held.id, NewItem("a.ics", "a", "e", "VCALENDAR", "VEVENT", 1, 2, text)
    )
    store.write_now(agenda_items.remove, account_id, held.id, "a.ics")
    for base, agenda in (("/s", "/s/agenda/"), ("/m", "/agenda/agendas")):
        assert f'href="{base}/recuperer"' in home.get(agenda).text
        shown = home.get(f"{base}/recuperer").text
        assert "Événement – <bdi>&lt;b&gt;Conseil</bdi>" in shown
        assert "30 novembre 2026" in shown
    (number,) = re.findall(r'name="e" value="(\d+)"', shown)
    home.get(PAGE)
    assert home.post(PAGE, {"faire": "elements"}).status_code == 422
    home.post(PAGE, {"e": number, "faire": "elements"})
    assert "1 élément remis en place." in home.text
    assert store.read_now(agenda_items.get, account_id, held.id, "a.ics") is not None
    assert home.post(PAGE, {"e": number, "faire": "elements"}).status_code == 409, "pressed twice"
