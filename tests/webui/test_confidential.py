"""What a letter gives away is asked in the web before it leaves; what mail programs sent is decided there."""

import datetime
import re
from html import unescape

import pytest

from mailserver.mime import scan, unpack
from mailserver.model.identity import Principal
from mailserver.policy.dlp import checker
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import outbox
from mailserver.store.queue.held import unconfirmed
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from tests.webui.house import PASSWORD, House, Visitor, mail
from tests.webui.test_compose import send
from tests.webui.test_send_checks import asked

NIR = "1 85 05 78 006 084 91"
PATH = "/s/envois/a-confirmer"
OUTSIDE = "parent@exemple.org"
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Agathe", f"Discrète-{len(_counter)}")


@pytest.fixture
def browser(house: House, person: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(person.login)
    return made


def answer(browser: Visitor) -> dict[str, str]:
    """The form of the page that asks."""
    fields = re.findall(r'<input type="hidden" name="([^"]+)"\s+value="([^"]*)"', browser.text)
    return {name: unescape(value) for name, value in fields if name != "m_"} | {"faire": "quand-meme"}


def write(browser: Visitor, text: str, to: str = OUTSIDE, **more: str) -> list[str]:
    """What is asked about a letter."""
    browser.get("/s/ecrire")
    return asked(send(browser, None, a=to, objet="Dossier", texte=text, **more).text)


def details(house: House, person: Principal) -> list[str]:
    rows = house.store.read_now(audit.find, audit.Wanted(person.account_id, Action.LETTER_CONFIRMED), 9)
    return [str(row.detail) for row in rows]


def verdicts(house: House, person: Principal) -> list[str]:
    return [detail.rpartition(": ")[2] for detail in details(house, person)]


def test_it_is_asked_masked_and_leaves_when_confirmed(house: House, person: Principal, browser: Visitor) -> None:
    before = len(house.outgoing())
    found = write(browser, f"Le NIR : {NIR}. Mon mot de passe : {PASSWORD}")
    assert len(found) == 2
    assert re.search(r"votre mot de passe\s: ••••••••", found[0])
    assert "1850•••••••••91" in found[1]
    assert len(house.outgoing()) == before
    assert house.subjects(person, "Drafts") == ["Dossier"]
    form = answer(browser)
    path = f"/s/ecrire/{form['brouillon']}/envoyer"
    changed = {**form, "texte": form["texte"] + "\nFR76 3000 6000 0112 3456 7890 189"}
    assert len(asked(browser.post(path, changed).text)) == 3, "another number is another question"
    assert len(asked(browser.post(path, {**form, "confies": ""}).text)) == 2, "who was not asked did not confirm"
    assert "Message envoyé" in browser.post(path, {**answer(browser), "texte": form["texte"]}).text
    assert [to for to, _ in house.outgoing()[before:]] == [OUTSIDE]
    assert house.subjects(person, "Sent") == ["Dossier"]
    assert verdicts(house, person) == ["confirmed"]


def test_words_that_could_not_be_compared_with_the_password_are_asked_about_with_what_was_found(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checker, "MAX_TRIES", 0)
    before = len(house.outgoing())
    found = write(browser, f"Le NIR : {NIR}. Mon mot de passe : {PASSWORD}")
    assert len(found) == 2
    assert re.search(r"des mots qui n’ont pas pu être comparés à votre mot de passe\s: 1\.", found[0])
    assert PASSWORD not in found[0]
    form = answer(browser)
    path = f"/s/ecrire/{form['brouillon']}/envoyer"
    changed = {**form, "texte": form["texte"].replace(PASSWORD, "Encre-Verte#2026")}
    assert len(asked(browser.post(path, changed).text)) == 2, "another word is another question"
    assert "Message envoyé" in browser.post(path, form).text
    assert len(house.outgoing()) == before + 1
    octets = mail("Dossier", f"Agathe <{person.address}>", f"NIR {NIR}\nMot de passe : {PASSWORD}\n", OUTSIDE)
    assert house.run(house.submission.submit(person, person.address, (OUTSIDE,), octets)).asks
    (one,) = house.store.read_now(unconfirmed.listing, person.account_id)
    assert re.search(r"comparés à votre mot de passe\s: 1\.", browser.get(f"{PATH}/{one.id}").text)
    assert [detail for detail in details(house, person) if "uncompared" in detail]


def test_colleagues_are_told_everything(house: House, emma: Principal, browser: Visitor) -> None:
    assert write(browser, f"Le NIR : {NIR}", emma.address) == []


def test_a_planned_letter_is_asked_about_when_it_is_written(house: House, person: Principal, browser: Visitor) -> None:
    tomorrow = datetime.datetime.fromtimestamp(house.clock.now() + 86400, datetime.UTC)
    when = tomorrow.strftime("%Y-%m-%dT%H:%M")
    assert len(write(browser, NIR, faire="planifier", quand=when)) == 1
    form = answer(browser)
    assert "Envoi programmé" in browser.post(f"/s/ecrire/{form['brouillon']}/envoyer", form).text
    assert verdicts(house, person) == ["confirmed"]


@pytest.mark.parametrize("apart", ["", "on"])
def test_a_list_that_has_somebody_outside_by_then_makes_it_a_draft_again(
    house: House, person: Principal, browser: Visitor, apart: str
) -> None:
    """Nobody was asked when the letter stayed in the academy; what is to leave now is asked about when it is sent."""
    noe = house.person("Noé", f"Membre-{len(_counter)}")
    team = made_list(house, noe)
    tomorrow = datetime.datetime.fromtimestamp(house.clock.now() + 86400, datetime.UTC)
    options = {"separes": "on"} if apart else {}
    when = tomorrow.strftime("%Y-%m-%dT%H:%M")
    write(browser, NIR, f"{noe.address}, {team}", faire="planifier", quand=when, **options)
    assert "Envoi programmé" in browser.text
    house.store.write_now(lists.add_members, team, [OUTSIDE])
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    house.clock.ahead += 86460
    house.run(house.outbox().round())
    assert not [octets for _, octets in house.outgoing() if person.address.encode() in octets]
    assert house.subjects(noe, "INBOX") == [], "nobody has it twice in the end"
    assert house.subjects(person, "Drafts") == ["Dossier"]
    notice = house.octets(person, "INBOX")
    assert "numéro de sécurité sociale" in unpack(scan(notice).parts).text(notice)
    browser.log_in(person.login)
    browser.get(f"/s/ecrire/{waiting.draft_id}")
    assert len(asked(send(browser).text)) == 1


def test_what_is_sent_before_its_time_and_has_to_be_asked_about_is_not_said_to_have_left(
    house: House, person: Principal, emma: Principal, browser: Visitor
) -> None:
    team = made_list(house, emma)
    octets = mail("Plus tard", f"Agathe <{person.address}>", f"NIR {NIR}\n", team)
    due = int(house.clock.now()) + 3600
    house.run(house.submission.submit(person, person.address, (team,), octets, due=due, keeps=True))
    house.store.write_now(lists.add_members, team, [OUTSIDE])
    (waiting,) = house.store.read_now(outbox.listing, person.account_id)
    browser.get("/s/envois")
    text = browser.post(f"/s/envois/{waiting.id}", {"faire": "maintenant"}).text
    assert "Message envoyé" not in text
    assert "Plus tard" in text
    assert "numéro de sécurité sociale" in text


def made_list(house: House, member: Principal) -> str:
    """A list with one member of the academy."""
    address = f"equipe-{len(_counter)}-{len(house.store.read_now(lists.listing))}@ac-exemple.fr"
    house.store.write_now(lists.create, address, "Équipe", "")
    house.store.write_now(lists.add_members, address, [member.address])
    return address


@pytest.mark.parametrize("interface", ["s", "m"])
def test_what_a_mail_program_sent_is_decided_here(
    house: House, person: Principal, browser: Visitor, interface: str
) -> None:
    path = PATH.replace("/s/", f"/{interface}/")
    octets = mail("Élève <b>", f"Agathe <{person.address}>", f"NIR {NIR}\n", OUTSIDE)
    before = len(house.outgoing())
    for _ in range(2):
        outcome = house.run(house.submission.submit(person, person.address, (OUTSIDE,), octets))
        assert outcome.asks
    assert "/envois/a-confirmer" in browser.get(f"/{interface}/envois").text
    text = browser.get(path).text
    assert "Élève &lt;b&gt;" in text
    assert OUTSIDE in text
    assert "numéro de sécurité sociale" in text
    first, second = (one.id for one in house.store.read_now(unconfirmed.listing, person.account_id))
    assert "1850•••••••••91" in browser.get(f"{path}/{first}").text
    browser.post(f"{path}/{first}", {"faire": "envoyer"})
    assert "Message envoyé" in browser.text
    assert len(house.outgoing()) == before + 1
    browser.get(path)
    browser.post(f"{path}/{second}", {"faire": "renoncer"})
    assert "ne partira pas" in browser.text
    assert "Aucun message n’attend votre accord" in browser.text
    assert len(house.outgoing()) == before + 1
    assert verdicts(house, person) == ["dropped", "confirmed", "asked", "asked"]
    browser.post(f"{path}/{second}", {"faire": "envoyer"}, page=browser.get(f"/{interface}/ecrire").text)
    assert "n’attend plus" in browser.text


def test_nobody_else_sees_it(house: House, person: Principal, emma: Principal) -> None:
    octets = mail("Secret", f"Agathe <{person.address}>", f"NIR {NIR}\n", OUTSIDE)
    house.run(house.submission.submit(person, person.address, (OUTSIDE,), octets))
    (one,) = house.store.read_now(unconfirmed.listing, person.account_id)
    other = house.visitor()
    other.log_in(emma.login)
    assert "Secret" not in other.get(f"{PATH}/{one.id}").text
    other.post(f"{PATH}/{one.id}", {"faire": "envoyer"}, page=other.get("/s/ecrire").text)
    assert house.store.read_now(unconfirmed.listing, person.account_id) == [one]
    assert "Secret" not in other.get(PATH).text


def test_what_is_passed_on_as_it_is_waits_too(house: House, person: Principal, browser: Visitor) -> None:
    content = house.deliver(person, mail("Fiche", body=f"NIR {NIR}\n"))
    browser.get(f"/s/message/{content}/rediriger")
    text = browser.post(f"/s/message/{content}/rediriger", {"a": OUTSIDE}).text
    assert "Envois à confirmer" in text
    assert "Fiche" in text
    (one,) = house.store.read_now(unconfirmed.listing, person.account_id)
    browser.post(f"{PATH}/{one.id}", {"faire": "envoyer"})
    to, octets = house.outgoing()[-1]
    assert to == OUTSIDE
    assert b"Resent-From:" in octets
