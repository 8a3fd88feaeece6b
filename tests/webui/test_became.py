"""What pages say of the letters that they send along: that they left, what they wait for, that they did not leave."""

import re

import pytest

from mailserver.foundation.settings import SendingMarks
from mailserver.model.identity import Principal
from mailserver.store.queue import outbox
from mailserver.store.queue.held import held_submissions, unconfirmed
from tests.webui.house import House, Visitor, mail, opened, shown
from tests.webui.test_agenda_views import DAY, put
from tests.webui.test_invitations import itip
from tests.webui.test_reader import ASKS, choose

NIR = "1 85 05 78 006 084 91"
FRIEND = "awa.diallo@exemple.org"
CONFIRM = '<a href="/s/envois/a-confirmer">'
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Tessa", f"Vérité-{len(_counter)}")


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login)
    return made


@pytest.fixture
def much(house: House, person: Principal, emma: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person has sent as much as leaves without IT."""
    house.run(house.submission.submit(person, person.address, (emma.address,), mail("Un", person.address)))
    monkeypatch.setitem(house.settings.sending.__dict__, "teachers", SendingMarks(minute=(1, 9)))


def announced(browser: Visitor) -> str:
    """What the page says was done, with the link beside it."""
    found = re.search(r'<p id="annonce-texte">(.*?)</p>\s*</div>\s*(<a [^>]*>)?', browser.text, re.DOTALL)
    assert found, browser.text
    return found.group(1) + (found.group(2) or "")


def asked(house: House, person: Principal) -> list[str]:
    return [one.subject for one in house.store.read_now(unconfirmed.listing, person.account_id)]


def held(house: House, person: Principal) -> list[str]:
    return [one.subject for one in house.store.read_now(held_submissions.of_account, person.account_id)]


def invitation(house: House, browser: Visitor, person: Principal, uid: str, title: str) -> str:
    octets = itip(FRIEND, uid=uid, attendee=person.address).replace(b"SUMMARY:Conseil", f"SUMMARY:{title}".encode())
    return f"/s/message/{opened(shown(house, browser, person, octets))}/invitation"


@pytest.mark.parametrize(
    ("form", "done"),
    [
        ({"faire": "oui"}, "Réunion acceptée et inscrite"),
        ({"faire": "non"}, "Réunion refusée."),
        ({"faire": "horaire", "jour": "2026-12-02", "debut": "15:30", "fin": "16:30"}, "inscrite comme incertaine"),
    ],
)
def test_an_answer_that_gives_something_away_waits_and_is_said_to(
    house: House, person: Principal, browser: Visitor, form: dict[str, str], done: str
) -> None:
    before = len(house.outgoing())
    browser.post(invitation(house, browser, person, f"w{len(_counter)}@x", f"Dossier {NIR}"), form)
    said = announced(browser)
    assert done in said
    assert "attend votre confirmation" in said
    assert CONFIRM in said
    assert "envoyée" not in said
    assert len(house.outgoing()) == before
    assert len(asked(house, person)) == 1


@pytest.mark.usefixtures("much")
def test_an_answer_waits_for_it(house: House, person: Principal, browser: Visitor) -> None:
    browser.post(invitation(house, browser, person, "w9@x", "Conseil"), {"faire": "oui"})
    assert "attend l’accord du service informatique" in announced(browser)
    assert held(house, person) == ["Accepté : Conseil"]


@pytest.mark.usefixtures("much")
def test_who_has_sent_too_much_is_told(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(house.settings.sending.__dict__, "teachers", SendingMarks(minute=(1, 1)))
    browser.post(invitation(house, browser, person, "w8@x", "Conseil"), {"faire": "non"})
    assert "votre compte a trop envoyé" in announced(browser)
    content = opened(shown(house, browser, person, mail("Accusé", more=ASKS.format(who=FRIEND))))
    browser.post(f"/s/message/{content}/accuse", {"faire": "envoyer"})
    assert "n’a pas pu partir" in announced(browser)
    assert "demande un accusé de lecture" in browser.text, "it may be tried again"


@pytest.mark.usefixtures("much")
def test_an_answer_from_the_agenda_waits(house: House, person: Principal, marc: Principal) -> None:
    asks = f"ORGANIZER:mailto:{marc.address}\r\nATTENDEE;PARTSTAT=NEEDS-ACTION;RSVP=TRUE:mailto:{person.address}\r\n"
    put(house, person, "Conseil", "17:00-18:00", asks)
    visitor = house.visitor()
    visitor.log_in(person.login, interface="complet")
    visitor.get(f"/agenda/jour/{DAY}")
    (ours,) = (link.replace("&amp;", "&") for link in visitor.links("/evenement/"))
    visitor.get(ours)
    visitor.post(f"{ours.partition('?')[0]}/repondre", {"faire": "oui", "etag": visitor.field("etag")})
    assert "Votre réponse est notée" in announced(visitor)
    assert "attend l’accord du service informatique" in announced(visitor)
    assert held(house, person) == ["Accepté : Conseil"]


def test_a_receipt_that_gives_something_away_waits(house: House, person: Principal, browser: Visitor) -> None:
    octets = mail(f"Dossier {NIR}", more=ASKS.format(who=FRIEND))
    content = opened(shown(house, browser, person, octets))
    browser.post(f"/s/message/{content}/accuse", {"faire": "envoyer"})
    assert "L’accusé de lecture attend votre confirmation" in announced(browser)
    choose(house, person, receipts="toujours")
    text = shown(house, browser, person, mail(f"Autre {NIR}", more=ASKS.format(who=FRIEND)))
    assert "L’accusé de lecture attend votre confirmation" in text
    assert CONFIRM in text
    assert "selon vos réglages" not in text
    assert sorted(asked(house, person)) == [f"Lu : Autre {NIR}", f"Lu : Dossier {NIR}"]


@pytest.mark.usefixtures("much")
def test_leaving_a_list_and_passing_on_wait_for_it(house: House, person: Principal, browser: Visitor) -> None:
    octets = mail("Lettre", more="List-Unsubscribe: <mailto:quitter@liste.example>\r\n")
    content = opened(shown(house, browser, person, octets))
    browser.post(f"/s/message/{content}/desabonner", {})
    assert "La demande de désabonnement attend l’accord" in announced(browser)
    browser.post(f"/s/message/{content}/rediriger", {"a": FRIEND})
    assert "Le message redirigé attend l’accord" in announced(browser)
    assert held(house, person) == ["unsubscribe", "Lettre"]


def test_a_report_whose_copy_waits_says_so(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(house.settings.web.__dict__, "phishing", "cert@ailleurs.example")
    content = opened(shown(house, browser, person, mail("Compte", sender="x <x@evil.test>", body=f"NIR {NIR}\n")))
    browser.post(f"/s/message/{content}/hameconnage", {})
    assert "Merci" in announced(browser)
    assert "attend votre confirmation" in announced(browser)
    assert asked(house, person) == ["[hameçonnage] Compte"]


def test_a_confirmed_letter_that_waits_on_is_not_said_to_have_left(
    house: House, person: Principal, browser: Visitor
) -> None:
    octets = mail("Plus tard", f"Tessa <{person.address}>", f"NIR {NIR}\n", FRIEND)
    due = int(house.clock.now()) + 3600
    house.run(house.submission.submit(person, person.address, (FRIEND,), octets, due=due, keeps=True))
    (waiting,) = house.store.read_now(unconfirmed.listing, person.account_id)
    browser.get("/s/envois/a-confirmer")
    browser.post(f"/s/envois/a-confirmer/{waiting.id}", {"faire": "envoyer"})
    assert "Envoi programmé" in browser.text
    assert "Message envoyé" not in browser.text


@pytest.mark.usefixtures("much")
def test_a_planned_letter_sent_now_may_wait_for_it(
    house: House, person: Principal, browser: Visitor, emma: Principal
) -> None:
    due = int(house.clock.now()) + 3600
    octets = mail("Plus tard", f"Tessa <{person.address}>", "Bonjour\n", emma.address)
    house.run(house.submission.submit(person, person.address, (emma.address,), octets, due=due, keeps=True))
    browser.get("/s/envois")
    (path,) = set(re.findall(r'action="(/s/envois/\d+)"', browser.text))
    browser.post(path, {"faire": "maintenant"})
    assert "attend l’accord du service informatique" in browser.text
    assert "Message envoyé" not in browser.text


def test_a_letter_that_left_by_another_worker_and_waits_for_it_is_not_said_to_be_sent(
    house: House, person: Principal, browser: Visitor, emma: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page asks that shows a departure, when it is over."""
    house.run(house.submission.submit(person, person.address, (emma.address,), mail("Un", person.address)))
    monkeypatch.setitem(house.settings.sending.__dict__, "teachers", SendingMarks(hour=(1, 9)))
    octets = mail("Bientôt", f"Tessa <{person.address}>", "Bonjour\n", emma.address)
    due = int(house.clock.now()) + 60
    house.run(house.submission.submit(person, person.address, (emma.address,), octets, due=due, keeps=True))
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    path = f"/s/envois/{waiting.id}/etat?fait=part"
    assert browser.get(path).json()["etat"] == "attend"
    house.clock.ahead += 61
    house.run(house.outbox().round())
    told = browser.get(path).json()
    assert told["etat"] == "parti"
    assert "attend l’accord du service informatique" in told["texte"]
