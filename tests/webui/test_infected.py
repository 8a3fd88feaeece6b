"""The console's page of infected messages: what is held, delivered after all, thrown away; what each asks first."""

import re
from pathlib import Path

import pytest

from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.queue.held import infected
from mailserver.store.queue.held.infected import Infected
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from tests.webui.house import House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened

PATH = "/admin/virus"


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def hold(tx: Tx, subject: str, *recipients: str) -> int:
    content_id, _ = messages.store_content(tx, blobs.prepare(mail(subject), Path()))
    infected.hold(tx, content_id, Infected("A1", "Eicar<b>", "a@ailleurs.fr", recipients, int(Door.SMTP), tx.now + 99))
    return infected.waiting(tx)[-1].id


def inbox(house: House, person: Principal) -> int:
    return house.store.read_now(mailboxes.get, person.account_id, "INBOX").messages


def test_infected_messages(house: House, console: Visitor, phone: Phone, emma: Principal) -> None:
    assert "Aucun antivirus" in opened(console, house, phone, PATH)
    numbers = [house.store.write_now(hold, f"Facture {number}", emma.address) for number in range(3)]
    numbers.append(house.store.write_now(hold, "Perdue", "personne@ac-exemple.fr"))
    text = opened(console, house, phone, PATH)
    assert "Eicar&lt;b&gt;" in text
    assert [int(number) for number in re.findall(r'name="message"\s+value="(\d+)"', text)] == numbers
    assert "Cochez au moins un message" in console.post(PATH, {"faire": "supprimer"}).text
    assert console.post(PATH, {"faire": "supprimer", "message": numbers[:1]}).status_code == 200
    assert console.post(PATH, {"faire": "supprimer-oui", "message": numbers[:1], "nombre": "2"}).status_code == 422
    console.post(PATH, {"faire": "supprimer-oui", "message": numbers[:1], "nombre": "1"})
    assert "1 message supprimé" in console.text
    before = inbox(house, emma)
    assert "seulement pour une fausse alerte" in console.post(PATH, {"faire": "remettre", "message": numbers[1:3]}).text
    console.post(PATH, {"faire": "remettre-oui", "message": numbers[1:3], "nombre": "2"})
    assert "2 messages remis" in console.text
    assert inbox(house, emma) == before + 2
    lost = console.post(PATH, {"faire": "remettre-oui", "message": numbers[3:], "nombre": "1"})
    assert (lost.status_code, "plus aucun destinataire" in lost.text) == (422, True)
    assert [one.id for one in house.store.read_now(infected.waiting)] == numbers[3:]
    numbers.append(house.store.write_now(hold, "A deux", emma.address, "personne@ac-exemple.fr"))
    partly = console.post(PATH, {"faire": "remettre-oui", "message": numbers[4:], "nombre": "1"})
    assert partly.status_code == 422
    assert re.search(r"toujours retenus pour\s: personne@ac-exemple\.fr\.", partly.text)
    assert inbox(house, emma) == before + 3
    assert [one.recipients for one in house.store.read_now(infected.waiting)] == [("personne@ac-exemple.fr",)] * 2
    assert "ne sont plus retenus" in console.post(PATH, {"faire": "supprimer", "message": numbers[:1]}).text
    rows = house.store.read_now(audit.find, Wanted(action=Action.INFECTED_DECIDED), 9)
    assert [str(row.detail).rpartition(": ")[2] for row in rows] == [
        "released-in-part",
        "released",
        "released",
        "deleted",
    ]


def test_whoever_is_no_administrator_sees_nothing(house: House, emma: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(emma.login)
    assert visitor.get(PATH).status_code in (403, 404)
