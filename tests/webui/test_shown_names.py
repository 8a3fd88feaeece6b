"""Pages and letters call a person by the display name that the directory gives them."""

import pytest

from mailserver.model.identity import PersonChange, Principal
from tests.webui.house import House, Visitor
from tests.webui.test_compose import send


@pytest.fixture(scope="module")
def marie(house: House) -> Principal:
    made = house.person("Marie", "Petit")
    return house.run(house.directory.change(made.account_id, PersonChange(display_name="Mme Petit-Durand, dir.")))


@pytest.fixture
def browser(house: House, marie: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(marie.login)
    return made


def test_a_letter_is_from_the_display_name(house: House, marie: Principal, emma: Principal, browser: Visitor) -> None:
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, a=emma.login, objet="Bonjour", texte="x").text
    assert f'From: "Mme Petit-Durand, dir." <{marie.address}>\r\n'.encode() in house.octets(emma, "INBOX")


@pytest.mark.parametrize("words", ["petit-durand", "marie petit"])
def test_the_address_book_shows_and_finds_it(house: House, marie: Principal, emma: Principal, words: str) -> None:
    visitor = house.visitor()
    visitor.log_in(emma.login)
    text = visitor.get(f"/s/contacts/annuaire?q={words}").text
    assert "Mme Petit-Durand, dir." in text
    assert marie.address in text
