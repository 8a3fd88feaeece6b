"""A message a day of a list: chosen by its members, here and outside, and for the others by its owner."""

import pytest

from mailserver.model.identity import Principal
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people.mailing_lists import lists
from tests.webui.house import House, Visitor
from tests.webui.test_list_members import AMIE, member, page_of
from tests.webui.test_lists import make


@pytest.fixture
def chorale(house: House, emma: Principal, marc: Principal) -> str:
    return make(house, "rythme", name="Chorale", owners=(emma.address,), members=(marc.address, AMIE))


def test_a_member_chooses_and_nobody_else_does(
    house: House, visitor: Visitor, marc: Principal, rose: Principal, chorale: str
) -> None:
    visitor.log_in(marc.login)
    visitor.get("/s/listes/recues")
    assert "Recevoir un message par jour" in visitor.text
    visitor.post("/s/listes/recues", {"liste": chorale, "rythme": "jour"})
    assert "C’est noté" in visitor.text
    assert "Recevoir chaque message" in visitor.text
    assert house.store.read_now(digest_posts.chosen_by, marc.account_id) == {chorale: True}
    visitor.log_in(rose.login)
    visitor.get("/s/listes")
    assert visitor.post("/s/listes/recues", {"liste": chorale, "rythme": "jour"}).status_code == 404
    assert house.store.read_now(digest_posts.chosen_by, rose.account_id) == {}


def test_a_member_outside_chooses_on_their_own_page(house: House, visitor: Visitor, chorale: str) -> None:
    page = page_of(house, chorale)
    visitor.get(page)
    visitor.post(f"{page}/choix", {"faire": "jour"})
    assert "C’est noté" in visitor.text
    assert member(house, chorale).digest is True
    visitor.post(f"{page}/choix", {"faire": "chaque"})
    assert member(house, chorale).digest is False
    assert not member(house, chorale).ended


def test_an_owner_chooses_for_those_who_have_not(house: House, visitor: Visitor, emma: Principal, chorale: str) -> None:
    visitor.log_in(emma.login)
    visitor.get(f"/s/liste/{chorale}")
    form = {"faire": "garder", "condense": "1", "proprietaires": emma.address, "membres": AMIE, "quitter": "1"}
    visitor.post(f"/s/liste/{chorale}", form)
    entry = house.store.read_now(lists.get, chorale)
    assert entry is not None
    assert entry.digest
