"""What is asked before a letter leaves: once, all of it, and by whom it concerns."""

import re
from html import unescape

import pytest

from mailserver.model.identity import Principal
from mailserver.store.people.mailing_lists import lists
from tests.webui.house import House, Visitor, mail
from tests.webui.test_compose import form, send

_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Odile", f"Prudente-{len(_counter)}")


@pytest.fixture(scope="module")
def zoe(house: House) -> Principal:
    return house.person("Zoé", "Reçoit")


def asked(text: str) -> list[str]:
    """The sentences of the page that asks; empty: the letter has left, or is put right first."""
    if 'id="verification"' not in text:
        return []
    return re.findall(r"<li data-champ=[^>]*>(.*?)</li>", text, re.DOTALL)


def test_everything_is_asked_at_once(house: House, person: Principal, browser: Visitor, zoe: Principal) -> None:
    """A page for four things, and its answer sends the letter."""
    many = ", ".join(f"p{number}@exemple.org" for number in range(60))
    browser.get("/s/ecrire")
    text = send(browser, a=f"{many}, paul@gmial.com", texte="Voir ci-joint.").text
    found = asked(text)
    words = ("d’objet", "pièce jointe", "61 destinataires verront", "part à 61", "paul@gmail.com")
    assert len(found) == len(words)
    assert all(word in one for word, one in zip(words, found, strict=True))
    draft = re.search(r'action="/s/ecrire/(\d+)/envoyer"', text)
    assert draft
    assert "Message envoyé" in browser.post(f"/s/ecrire/{draft[1]}/envoyer", {"faire": "quand-meme"}).text


def test_what_was_told_beside_a_fault_is_not_asked_again(
    house: House, person: Principal, browser: Visitor, zoe: Principal
) -> None:
    browser.get("/s/ecrire")
    text = send(browser, a="nulle@ac-exemple.fr", texte="Voir ci-joint.").text
    assert "Vérifiez aussi" in text
    assert browser.field("vus") == "subject,attachment"
    told = {"vus": browser.field("vus"), "faire": "envoyer"}
    # Something new is asked, alone.
    found = asked(browser.post("/s/ecrire", form(browser, **told, a="paul@gmial.com")).text)
    assert len(found) == 1
    assert "vouliez-vous dire paul@gmail.com" in found[0]
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, None, **told, a=zoe.login, texte="Voir ci-joint.").text


def test_whoever_is_added_afterwards_is_asked_about(house: House, person: Principal, browser: Visitor) -> None:
    """What was told of sixty people is not the answer for a hundred."""
    many = [f"p{number}@exemple.org" for number in range(100)]
    browser.get("/s/ecrire")
    send(browser, a=", ".join((*many[:60], "nulle@ac-exemple.fr")), objet="Sortie", texte="x")
    told = {"vus": browser.field("vus"), "faire": "envoyer"}
    found = asked(browser.post("/s/ecrire", form(browser, **told, a=", ".join(many))).text)
    assert len(found) == 2
    assert "100 destinataires verront" in found[0]
    browser.get("/s/ecrire")
    fields = form(browser, **told, a=", ".join(many[:60]), objet="Sortie", texte="x")
    assert "Message envoyé" in browser.post("/s/ecrire", fields).text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("paul@gmail.com", ""),
        ("paul@gmai.com", "paul@gmail.com"),
        ("paul@gmial.com", "paul@gmail.com"),
        ("paul@orange.com", ""),
        ("inconnu@exemple.org", ""),
        ("sophie.martn@exemple.org", "sophie.martin@exemple.org"),
        ("sophie.martin@exemple.org", ""),
        ("SOPHIE.MARTIN@exemple.org", ""),
        ("leb@exemple.org", ""),
        ("paul@ac-exemlpe.fr", "paul@ac-exemple.fr"),
    ],
)
def test_one_letter_off(house: House, person: Principal, browser: Visitor, typed: str, meant: str) -> None:
    """Beside the domains that most have, only of people one wrote to; never of a name of three letters."""
    browser.get("/s/ecrire")
    send(browser, a="sophie.martin@exemple.org, lea@exemple.org", objet="Avant", texte="x")
    browser.get("/s/ecrire")
    found = asked(send(browser, a=typed, objet="Essai", texte="x").text)
    assert len(found) == bool(meant)
    assert meant in "".join(found)


def test_a_large_list_is_counted(house: House, person: Principal, browser: Visitor) -> None:
    for size in (50, 51):
        members = [f"m{number}@exemple.org" for number in range(size)]
        address = f"parents-{size}-{person.login}@ac-exemple.fr"
        house.store.write_now(lists.create, address, "Parents", "")
        house.store.write_now(lists.add_members, address, members)
        browser.get("/s/ecrire")
        found = asked(send(browser, a=address, objet="Tous", texte="x").text)
        assert len(found) == (size > 50)
        assert all(f"toute la liste {address}" in one and "51 destinataires" in one for one in found)


def test_a_button_puts_a_mistyped_address_right(house: House, browser: Visitor) -> None:
    """The letter is shown again with the address that was meant: nothing leaves by that button."""
    before = len(house.outgoing())
    browser.get("/s/ecrire")
    send(browser, a="Paul <Paul@gmial.com>, xpaul@gmial.fr", objet="Sortie", texte="Bonjour")
    button = re.search(r'value="(remplacer:[^"]+)">\s*([^<]+?)\s*<', browser.text)
    draft = re.search(r'action="(/s/ecrire/\d+/envoyer)"', browser.text)
    assert button
    assert draft
    assert button[2] == "Écrire à paul@gmail.com"
    browser.post(draft[1], {"faire": unescape(button[1])})
    assert browser.field("a") == "Paul <paul@gmail.com>, xpaul@gmial.fr"
    assert len(house.outgoing()) == before
    said = send(browser, a="a@exemple.org", cc="b@exemple.org", faire="remplacer:a@exemple.org>c@exemple.org")
    assert 'id="lettre"' in said.text
    assert (browser.field("a"), browser.field("cc")) == ("c@exemple.org", "b@exemple.org")
    assert len(house.outgoing()) == before


def test_an_answer_to_very_many_is_asked_about(
    house: House, person: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(house.settings.guards.__dict__, "reply_all", 3)
    content = house.deliver(person, mail("Réunion"))
    many = ", ".join(f"p{number}@exemple.org" for number in range(4))
    browser.get(f"/s/ecrire?repondre={content}")
    found = asked(send(browser, a=many, objet="Re: Réunion", texte="Oui").text)
    assert len(found) == 1
    assert "part à 4 personnes, et pas à p0@exemple.org seulement" in found[0]
    draft = re.search(r'action="(/s/ecrire/\d+/envoyer)"', browser.text)
    assert draft
    browser.post(draft[1], {"faire": "seulement:p0@exemple.org"})
    assert browser.field("a") == "p0@exemple.org"
    monkeypatch.setitem(house.settings.guards.__dict__, "reply_all", 0)
    browser.get(f"/s/ecrire?repondre={content}")
    assert "Message envoyé" in send(browser, a=many, objet="Re: Réunion", texte="Oui").text
