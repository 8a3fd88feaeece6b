"""A mailing in the web: shown before it leaves, approved by an owner of its list, followed, and taken back."""

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from mailserver.foundation.settings import Passwords
from mailserver.model.identity import Principal, Role
from mailserver.outbound.mailings.decisions import Mailings
from mailserver.outbound.mailings.sending import MailingSender
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.people import schools
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import mailings
from mailserver.store.web import webmail
from tests.webui.house import DOMAIN, House, Visitor, pressed_by_enter
from tests.webui.test_compose import send
from webui.page import administrators

LIST = f"tous@{DOMAIN}"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[House]:
    small = {"teachers": 2, "approval_above": 2, "per_day": 0}
    house = House(tmp_path_factory.mktemp("house"), sqlite_template, mailings=dict(small))
    yield house
    house.close()


@pytest.fixture(scope="module")
def people(house: House) -> list[Principal]:
    """Emma, who writes; Marc, who owns the list; Rose and Zoé, who are in it."""
    house.store.write_now(schools.upsert, [schools.Facts("0750001A", "Collège Colette", "CLG")])
    found = [house.person("Emma", "Dupont", uai="0750001A")]
    found += [house.person(*name) for name in (("Marc", "Leblanc"), ("Rose", "A"), ("Zoé", "B"))]
    house.store.write_now(lists.create, LIST, "Tous", "")
    house.store.write_now(lists.add_members, LIST, [one.address for one in found])
    house.store.write_now(lists.set_owners, LIST, [found[1].address])
    return found


def entered(house: House, person: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(person.login)
    return visitor


def work(house: House) -> None:
    """What the background does."""
    decides, withdrawals = _background(house)
    sender = MailingSender(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        mailings=decides,
        clock=house.clock,
    )
    house.run(sender.look())
    house.run(withdrawals.look())


def _background(house: House) -> tuple[Mailings, Withdrawals]:
    withdrawals = Withdrawals(settings=house.settings, store=house.store, clock=house.clock)
    decides = Mailings(
        settings=house.settings,
        store=house.store,
        directory=house.directory,
        delivery=house.delivery,
        withdrawals=withdrawals,
        clock=house.clock,
    )
    return decides, withdrawals


def handed_in(house: House, author: Visitor, subject: str) -> int:
    """The number of a mailing that was written and sent in the web."""
    author.get("/s/ecrire")
    text = send(author, a=LIST, objet=subject, texte="Bonjour à tous").text
    assert "C’est un envoi en nombre" in text
    assert "Emma Dupont" in text, "the first few are named"
    assert "4 ici" in text
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    page = author.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "quand-meme"})
    found = re.search(r"/s/envois-en-nombre/(\d+)", str(page.url))
    assert found
    assert "attend un accord" in page.text
    return int(found[1])


def approved(person: Visitor, path: str) -> httpx.Response:
    """What is shown is let pass."""
    found = re.search(r'name="version" value="(\w+)"', person.get(path).text)
    assert found
    return person.post(path, {"faire": "approuver", "version": found[1]})


def test_from_writing_to_taking_back(house: House, people: list[Principal]) -> None:
    emma, marc, rose, zoe = people
    author, owner, stranger = (entered(house, one) for one in (emma, marc, rose))
    number = handed_in(house, author, "Rentrée")
    path = f"/s/envois-en-nombre/{number}"
    assert stranger.get(path).status_code == 404
    assert "approuver" not in author.get(path).text
    listed = owner.get("/s/envois-en-nombre").text
    assert "Rentrée" in listed
    assert "Emma Dupont</bdi> (Collège Colette)" in " ".join(listed.split())
    shown = owner.get(path).text
    assert all(fact in shown for fact in ("Emma Dupont", emma.address, "Collège Colette")), "who asks, and from where"
    assert f">{emma.login}<" not in shown
    assert "Bonjour à tous" in owner.get(path).text, "who decides reads it first"
    old = owner.post(path, {"faire": "approuver", "version": "0" * 12})
    assert (old.status_code, "a changé depuis" in old.text) == (422, True)
    assert "va partir" in approved(owner, path).text
    work(house)
    text = author.get(path).text
    assert "envoyé" in text
    assert "4 sur 4 (100 %)" in text
    (content,) = _inbox(house, rose)
    shown = stranger.get(f"/s/message/{content}").text
    assert "Message annulé" not in shown
    assert "disparaissent des boîtes" in author.post(path, {"faire": "annuler"}).text
    assert "annulé, repris des boîtes" in author.post(path, {"faire": "annuler-oui"}).text
    work(house)
    assert house.subjects(zoe, "INBOX") == []
    assert house.subjects(rose, "INBOX") == ["Rentrée"]
    assert "Message annulé" in stranger.get(f"/s/message/{content}").text


def _inbox(house: House, person: Principal) -> list[int]:
    return [one.id for one in house.store.read_now(webmail.page, house.box(person, "INBOX"), 50).lines]


def test_it_is_planned_refused_and_what_is_over_cannot_be_done(house: House, people: list[Principal]) -> None:
    author, owner = entered(house, people[0]), entered(house, people[1])
    number = handed_in(house, author, "Plus tard")
    path = f"/s/envois-en-nombre/{number}"
    soon = datetime.datetime.fromtimestamp(house.clock.now() + 86400).strftime("%Y-%m-%dT%H:%M")
    assert "Heure de départ enregistrée" in author.post(path, {"faire": "programmer", "quand": soon}).text
    assert author.post(path, {"faire": "programmer", "quand": "hier"}).status_code == 422
    assert author.post(path, {"faire": "approuver"}).status_code == 422, "nobody approves their own"
    assert "refusé" in owner.post(path, {"faire": "refuser", "motif": "Pas maintenant"}).text
    assert "Pas maintenant" in author.get(path).text
    assert owner.post(path, {"faire": "approuver"}).status_code == 422
    assert house.store.read_now(mailings.get, number).state is mailings.State.REFUSED


def test_enter_behind_the_reason_of_a_refusal_refuses(house: House, people: list[Principal]) -> None:
    """Not: lets it leave to everybody."""
    author, owner = entered(house, people[0]), entered(house, people[1])
    path = f"/s/envois-en-nombre/{handed_in(house, author, 'Par erreur')}"
    assert pressed_by_enter(owner.get(path).text, "motif") == "refuser"
    assert "refusé" in owner.post(path, {"faire": "refuser", "motif": "par erreur"}).text


def test_who_may_resume_what_somebody_else_has_stopped(house: House, people: list[Principal]) -> None:
    author, owner = entered(house, people[0]), entered(house, people[1])
    number = handed_in(house, author, "Deux fois")
    path = f"/s/envois-en-nombre/{number}"
    approved(owner, path)
    assert "arrêté" in author.post(path, {"faire": "arreter"}).text
    assert owner.post(path, {"faire": "reprendre"}).status_code == 422, "its author does not want it sent"
    assert "va partir" in author.post(path, {"faire": "reprendre"}).text
    owner.post(path, {"faire": "arreter"})
    assert author.post(path, {"faire": "reprendre"}).status_code == 422
    assert "va partir" in owner.post(path, {"faire": "reprendre"}).text
    owner.post(path, {"faire": "arreter"})
    work(house)
    assert house.store.read_now(mailings.get, number).state is mailings.State.STOPPED


def test_an_administrator_elsewhere_decides_about_no_mailing(
    house: House, people: list[Principal], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = handed_in(house, entered(house, people[0]), "Assemblée du personnel")
    house.settings.adopt(house.settings.model_copy(update={"passwords": Passwords(second_factor=())}))
    visitor, path = entered(house, house.person("Ada", "Ailleurs", Role.ADMIN)), f"/s/envois-en-nombre/{number}"
    assert visitor.get(path).status_code == 200
    page, version = visitor.text, visitor.field("version")
    monkeypatch.setattr(administrators, "is_near", lambda _settings, _peer: False)
    assert visitor.get(path).status_code == 404
    assert visitor.post(path, {"faire": "approuver", "version": version}, page).status_code == 404
    assert house.store.read_now(mailings.get, number).state is mailings.State.WAITING
    assert "Assemblée du personnel" not in visitor.get("/s/envois-en-nombre").text
    assert entered(house, people[1]).get(path).status_code == 200, "the owner of its list"


def test_by_night_an_hour_that_suits_is_offered(house: House, people: list[Principal]) -> None:
    author = entered(house, people[0])
    number = handed_in(house, author, "De nuit")
    path = f"/s/envois-en-nombre/{number}"
    zone = ZoneInfo(house.settings.web.timezone)
    night = datetime.datetime.fromtimestamp(house.clock.now(), zone) + datetime.timedelta(days=2)
    night = night.replace(hour=23, minute=15)
    author.post(path, {"faire": "programmer", "quand": night.strftime("%Y-%m-%dT%H:%M")})
    assert "Attendre" in author.get(path).text
    assert "Attendre" not in author.post(path, {"faire": "attendre"}).text
    due = datetime.datetime.fromtimestamp(house.store.read_now(mailings.get, number).due, zone)
    assert (due.hour, due.minute) == (6, 0)
    assert due.date() > night.date()
    assert due.weekday() < 5


def test_its_copy_in_sent_leads_to_where_it_is_taken_back(house: House, people: list[Principal]) -> None:
    author = entered(house, people[0])
    number = handed_in(house, author, "Rappel")
    (kept,) = [
        one.id
        for one in house.store.read_now(webmail.page, house.box(people[0], "Sent"), 50).lines
        if one.subject == "Rappel"
    ]
    asked = author.get(f"/s/message/{kept}/rappeler")
    assert str(asked.url).endswith(f"/s/envois-en-nombre/{number}")
    assert str(author.post(f"/s/message/{kept}/rappeler", {}).url).endswith(f"/s/envois-en-nombre/{number}")
    assert house.store.read_now(mailings.get, number).state is mailings.State.WAITING
    assert "annulé" in author.post(f"/s/envois-en-nombre/{number}", {"faire": "annuler"}).text
