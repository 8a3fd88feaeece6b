"""Members of lists outside: their own page, and what owners see of them and of each message."""

import re

import httpx
import pytest

from mailserver.delivery import Envelope
from mailserver.delivery.lists.member_keys import MemberKeys
from mailserver.model.identity import Principal
from mailserver.model.rules import Sender
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.people.mailing_lists.outside_members import Bounds, OutsideMember, Reason
from mailserver.store.queue import list_posts
from mailserver.store.queue.list_posts import Departure, Returned
from tests.webui.house import House, Visitor, mail
from tests.webui.test_lists import make

AMIE = "amie@ailleurs.fr"
BOUNDS = Bounds(1, 30, 21)


def sent(house: House, address: str, subject: str) -> list_posts.Post:
    """A message that the list sends on; what is on record of it."""
    sender = Sender.outside("x@exemple.org")
    recipient = house.run(house.delivery.resolve(address, 0, sender))
    house.run(house.delivery.deliver(Envelope("x@exemple.org", (recipient,), sender), mail(subject)))
    return house.store.read_now(list_posts.posts, address, 1)[0]


def member(house: House, address: str) -> OutsideMember:
    number = house.store.write_now(outside_members.ids, address, [AMIE])[AMIE]
    found = house.store.read_now(outside_members.get, number)
    assert found is not None
    return found


def page_of(house: House, address: str) -> str:
    keys = MemberKeys(house.settings.secret("hmac"))
    return f"/abonnement/{keys.link(member(house, address).id)}"


@pytest.fixture
def chorale(house: House, emma: Principal, marc: Principal) -> str:
    address = make(house, "chorale-m", name="Chorale", owners=(emma.address,), members=(marc.address, AMIE))
    house.store.write_now(outside_members.clear, address, None, left=True)
    return address


def test_a_member_leaves_and_comes_back_without_a_login_and_looking_changes_nothing(
    house: House, visitor: Visitor, chorale: str
) -> None:
    page = page_of(house, chorale)
    for _ in range(2):
        assert visitor.get(page).status_code == 200
        assert "Chorale" in visitor.text
        assert AMIE in visitor.text
    assert not member(house, chorale).ended
    assert visitor.http.post(f"{page}/choix", data={"faire": "quitter"}).status_code == 403, "no mark, no deed"
    visitor.get(page)
    visitor.post(f"{page}/choix", {"faire": "quitter"})
    assert "vous ne recevrez plus" in visitor.text
    assert member(house, chorale).reason is Reason.LEFT
    assert sent(house, chorale, "Sans elle").ended == 1
    visitor.post(f"{page}/choix", {"faire": "reprendre"})
    assert "vous recevez de nouveau" in visitor.text
    assert sent(house, chorale, "Avec elle").outside == 1


def test_a_mailbox_provider_posts_one_click_and_can_do_nothing_else(
    house: House, visitor: Visitor, chorale: str
) -> None:
    page = page_of(house, chorale)
    foreign = {"origin": "https://mail.exemple.org", "sec-fetch-site": "cross-site"}
    with httpx.Client(base_url=house.url) as provider:
        assert provider.post(page, data={"faire": "quitter"}, headers=foreign).status_code == 200
        assert not member(house, chorale).ended
        form = {"List-Unsubscribe": "One-Click"}
        assert provider.post(page, data=form, headers=foreign).status_code == 200
        assert member(house, chorale).reason is Reason.LEFT
        assert provider.post(page, files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
        assert provider.post(page, data={"faire": "reprendre"}).status_code == 200
        assert member(house, chorale).reason is Reason.LEFT
        assert provider.post(page, content=b"x" * 1_000_000).status_code >= 400
    wrong = page[:-1] + ("a" if page[-1] != "a" else "b")
    for path in (wrong, "/abonnement/x", f"/abonnement/{'a' * 32}"):
        assert visitor.get(path).status_code == 404
        assert visitor.http.post(path, data=form).status_code == 404


def test_owners_see_what_became_of_a_message_and_send_again(
    house: House, at_home: Visitor, visitor: Visitor, chorale: str, marc: Principal
) -> None:
    post = sent(house, chorale, "Répétition")
    where = Departure(post.id, member(house, chorale).id)
    returned = Returned(where, hard=True, status="5.1.1", said="550 No such user")
    assert house.store.write_now(list_posts.returned, returned, BOUNDS) is Reason.HARD
    assert sent(house, chorale, "Suivante").ended == 1
    path = f"/s/liste/{chorale}/messages"
    at_home.get(f"/s/liste/{chorale}")
    assert path in at_home.text
    at_home.get(path)
    for shown in ("Répétition", "Suivante", AMIE, "550 No such user", "l’adresse n’existe plus"):
        assert shown in at_home.text
    detail = at_home.get(f"{path}/{post.id}").text
    assert "personne à cette adresse" in detail
    assert "550 No such user" in detail
    at_home.get(path)
    at_home.post(path, {"membre": AMIE})
    assert "lui envoie de nouveau" in at_home.text
    assert not member(house, chorale).ended
    visitor.log_in(marc.login)
    for foreign in (path, f"{path}/{post.id}"):
        assert visitor.get(foreign).status_code == 404, "a member is no owner"


def test_whoever_left_is_sent_nothing_by_an_owner(house: House, at_home: Visitor, chorale: str) -> None:
    house.store.write_now(outside_members.leave, member(house, chorale).id)
    path = f"/s/liste/{chorale}/messages"
    at_home.get(path)
    assert "a quitté la liste" in at_home.text
    assert 'name="membre"' not in at_home.text
    at_home.get(f"/s/liste/{chorale}")
    mark = re.search(r'name="m_" value="([^"]+)"', at_home.text)
    assert mark
    at_home.http.post(path, data={"m_": mark[1], "membre": AMIE})
    assert member(house, chorale).reason is Reason.LEFT


def test_owners_set_limits(house: House, at_home: Visitor, emma: Principal, chorale: str) -> None:
    path = f"/s/liste/{chorale}"
    at_home.get(path)
    form = {"nom": "Chorale", "qui": "anyone", "proprietaires": emma.address, "faire": "garder", "dernier_jour": ""}
    form["membres"] = "\n".join(house.store.read_now(lists.members, chorale))
    at_home.post(path, {**form, "taille": "vingt", "par_heure": "2"})
    assert "s’écrit en chiffres" in at_home.text
    at_home.post(path, {**form, "taille": "500", "par_heure": "12", "au_nom": "1"})
    entry = house.store.read_now(lists.get, chorale)
    assert entry is not None
    assert (entry.max_size, entry.max_hourly, entry.as_list, entry.may_leave) == (512_000, 12, True, False)
    at_home.get(path)
    assert 'value="500"' in at_home.text
    at_home.post(path, {**form, "taille": "", "par_heure": "", "quitter": "1"})
    entry = house.store.read_now(lists.get, chorale)
    assert entry is not None
    assert (entry.max_size, entry.max_hourly, entry.as_list, entry.may_leave) == (0, 0, False, True)
