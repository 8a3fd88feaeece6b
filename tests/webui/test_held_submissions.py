"""The console's page of messages that wait: what is held, let go, dropped; what each asks first; who sends most."""

import re
from pathlib import Path

import pytest

from mailserver.foundation.settings import SendingMarks
from mailserver.model.identity import Population, Principal
from mailserver.model.sending.sending_limits import What
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.queue import sent_counts
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Submitted
from mailserver.store.queue.spool import Options, Target
from tests.webui.house import House, Visitor, mail
from tests.webui.secondstep import Phone
from tests.webui.test_admin import entered, opened
from tests.webui.test_compose import send

PATH = "/admin/envois-retenus"


@pytest.fixture(scope="module")
def console(house: House, administrator: Principal, phone: Phone) -> Visitor:
    return entered(house, administrator, phone)


def hold(tx: Tx, author: Principal, subject: str, *to: str) -> int:
    content_id, _ = messages.store_content(tx, blobs.prepare(mail(subject), Path()))
    one = Submitted(
        account_id=author.account_id,
        population=Population.TEACHER,
        reverse_path=author.address,
        targets=tuple(map(Target, to)),
        options=Options(name="A1", account_id=author.account_id, population="teacher"),
        resent=False,
        what=What.RECIPIENTS,
        counted=601,
        mark=500,
        seconds=60,
        expires=tx.now + 86400,
    )
    held_submissions.hold(tx, content_id, one)
    sent_counts.add(tx, author.account_id, 601)
    return held_submissions.waiting(tx)[-1].id


def inbox(house: House, person: Principal) -> int:
    return house.store.read_now(mailboxes.get, person.account_id, "INBOX").messages


def test_held_messages(house: House, console: Visitor, phone: Phone, emma: Principal) -> None:
    assert "Aucun envoi n’est retenu" in opened(console, house, phone, PATH)
    paul = house.person("Paul", "Retenu")
    numbers = [house.store.write_now(hold, paul, f"Sortie {n}<b>", emma.address) for n in range(3)]
    numbers.append(house.store.write_now(hold, paul, "Perdue", "personne@ac-exemple.fr"))
    text = opened(console, house, phone, PATH)
    assert "Sortie 0&lt;b&gt;" in text
    assert re.search(r"601 destinataires en une minute, pour 500 permis", text)
    assert re.search(rf"{paul.login}</a>.*?2404", text, re.DOTALL), "who sends most"
    assert [int(number) for number in re.findall(r'name="message"\s+value="(\d+)"', text)] == numbers
    assert "Cochez au moins un message" in console.post(PATH, {"faire": "envoyer"}).text
    before = inbox(house, emma)
    assert "partiront tout de suite" in console.post(PATH, {"faire": "envoyer", "message": numbers[:2]}).text
    assert console.post(PATH, {"faire": "envoyer-oui", "message": numbers[:2], "nombre": "1"}).status_code == 422
    assert inbox(house, emma) == before
    console.post(PATH, {"faire": "envoyer-oui", "message": numbers[:2], "nombre": "2"})
    assert "2 messages sont partis" in console.text
    assert inbox(house, emma) == before + 2
    lost = console.post(PATH, {"faire": "envoyer-oui", "message": numbers[3:], "nombre": "1"})
    assert (lost.status_code, "plus aucun destinataire" in lost.text) == (422, True)
    assert "ne se reprend pas" in console.post(PATH, {"faire": "supprimer", "message": numbers[2:]}).text
    console.post(PATH, {"faire": "supprimer-oui", "message": numbers[2:], "nombre": "2"})
    assert "2 messages ne partiront pas" in console.text
    assert house.store.read_now(held_submissions.waiting) == []
    assert inbox(house, paul) == 1, "told once of both"
    assert "n’attendent plus" in console.post(PATH, {"faire": "supprimer", "message": numbers[:1]}).text


def test_its_author_is_told_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    author = house.person("Paula", "Presse")
    visitor = house.visitor()
    visitor.log_in(author.login)
    for marks, waits in (((9, 9), False), ((1, 9), True)):
        monkeypatch.setitem(house.settings.sending.__dict__, "teachers", SendingMarks(minute=marks))
        visitor.get("/s/ecrire")
        send(visitor, a="edupont,", objet="Sortie", texte="Bonjour")
        assert ("attend l’accord" in visitor.text) is waits
        assert ("Message envoyé" in visitor.text) is not waits


def test_whoever_is_no_administrator_sees_nothing(house: House, emma: Principal) -> None:
    visitor = house.visitor()
    visitor.log_in(emma.login)
    assert visitor.get(PATH).status_code in (403, 404)
