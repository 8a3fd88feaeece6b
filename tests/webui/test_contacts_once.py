"""Somebody stands once among the contacts, however many books and the directory know them."""

import re
from urllib.parse import quote

import pytest

from mailserver.model.identity import Principal
from tests.webui.house import House, Visitor
from tests.webui.test_contacts_suggestions import put_card


@pytest.fixture
def colleague(house: House) -> Principal:
    return house.person("Karim", "Partage")


@pytest.fixture
def reader(house: House, rose: Principal, colleague: Principal) -> Visitor:
    """Rose, who sees Karim's book beside her own; both have a card of one person, and Karim of another."""
    put_card(house, rose, "r1", "UID:r1\nFN:Marc Ami\nN:Ami;Marc;;;\nEMAIL:Marc.Ami@exemple.org")
    put_card(house, colleague, "k1", "UID:k1\nFN:M. Ami\nN:Ami;M.;;;\nEMAIL:marc.ami@exemple.org")
    put_card(house, colleague, "k2", "UID:k2\nFN:Zoé Loin\nN:Loin;Zoé;;;\nEMAIL:zoe@exemple.org")
    owner = house.visitor()
    owner.log_in(colleague.login)
    owner.get("/s/contacts/carnets")
    (share,) = owner.links(r"/s/contacts/carnets/\d+/partage")
    owner.get(share)
    owner.post(share, {"qui": rose.address, "role": "read"})
    made = house.visitor()
    made.log_in(rose.login)
    return made


def names(page: str) -> list[str]:
    return re.findall(r"<b>([^<]+)</b>", re.findall(r'<ul class="gens">.*?</ul>', page, re.DOTALL)[0])


def test_one_line_for_one_person_says_where_the_cards_are(reader: Visitor) -> None:
    page = reader.get("/s/contacts").text
    assert names(page) == ["Marc Ami", "Zoé Loin"]
    assert "2 contacts" in page
    assert re.search(r"aussi\s*: M. Ami", page)
    assert len(re.findall(r'class="etiquette">[^<]*Karim Partage', page)) == 2
    assert names(reader.get("/s/contacts?q=m.+ami").text) == ["Marc Ami"], "the other card's words count, too"
    card = reader.get(reader.links(r"/s/contacts/fiche/")[0]).text
    assert re.search(r"Aussi dans\s*:.*?Karim Partage\)[^<]*\(M\. Ami\)", card, re.DOTALL)


def test_cards_of_one_book_stay_apart(house: House, rose: Principal) -> None:
    for number in (1, 2):
        put_card(
            house, rose, f"t{number}", f"UID:t{number}\nFN:Tim {number}\nN:;Tim {number};;;\nEMAIL:tim@exemple.org"
        )
    visitor = house.visitor()
    visitor.log_in(rose.login)
    assert names(visitor.get("/s/contacts").text) == ["Tim 1", "Tim 2"]


def test_a_card_leads_to_the_directory_as_far_as_one_sees_it(house: House, rose: Principal, emma: Principal) -> None:
    put_card(house, rose, "e1", f"UID:e1\nFN:Emma D\nN:D;Emma;;;\nEMAIL:{emma.address}")
    visitor = house.visitor()
    visitor.log_in(rose.login)
    visitor.get("/s/contacts")
    page = visitor.get(visitor.links(r"/s/contacts/fiche/")[0]).text
    assert f"/s/contacts/annuaire/{quote(emma.address)}" in page
