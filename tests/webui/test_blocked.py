"""Senders whom somebody blocks or trusts: listed, added, taken away, also from a message; and what becomes of mail."""

import re

import pytest

from mailserver.filters.rules import senders
from mailserver.model.identity import Principal
from mailserver.store.mail import known_senders
from tests.webui.house import House, Visitor, mail

PAGE = "/s/reglages/expediteurs"
ANNE = "Anne <anne@exemple.org>"


@pytest.fixture
def home(house: House, rose: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(rose.login)
    return visitor


def posts(visitor: Visitor, action: str, sender: str = "", **fields: str) -> int:
    visitor.get(PAGE)
    given = {"version": visitor.field("version"), "expediteur": sender, "faire": action, **fields}
    return visitor.post(PAGE, given).status_code


def names(visitor: Visitor) -> list[str]:
    return re.findall(r"<li>\s*<bdi>([^<]*)</bdi>", visitor.get(PAGE).text)


def test_blocked_added_and_taken_away(house: House, rose: Principal, home: Visitor) -> None:
    assert "Vous ne bloquez personne" in home.get(PAGE).text
    posts(home, "bloquer", " Spam.Example ")
    posts(home, "bloquer", "anne@exemple.org")
    posts(home, "bloquer", "anne@exemple.org")
    assert names(home) == ["anne@exemple.org", "spam.example"]
    house.deliver(rose, mail("Un", sender=ANNE))
    house.deliver(rose, mail("Deux", sender="X <x@news.spam.example>"))
    house.deliver(rose, mail("Trois"))
    assert (house.subjects(rose, "Junk"), house.subjects(rose, "INBOX")) == (["Un", "Deux"], ["Trois"])
    posts(home, "ou", ou="corbeille")
    house.deliver(rose, mail("Quatre", sender=ANNE))
    assert house.subjects(rose, "Trash") == ["Quatre"]
    posts(home, "debloquer", "anne@exemple.org")
    assert names(home) == ["spam.example"]
    house.deliver(rose, mail("Cinq", sender=ANNE))
    assert house.subjects(rose, "INBOX") == ["Trois", "Cinq"]


def test_blocked_from_a_message_and_said_why(house: House, rose: Principal, home: Visitor) -> None:
    for interface, sender in (("simple", "a@exemple.org"), ("complet", "b@exemple.org")):
        base = "/s" if interface == "simple" else "/m"
        visitor = house.visitor()
        visitor.log_in(rose.login, interface=interface)
        content = house.deliver(rose, mail("Un", sender=f"X <{sender}>"))
        visitor.get(f"{base}/message/{content}")
        assert f"{base}/message/{content}/bloquer" in visitor.text
        assert "Expéditeur bloqué" in visitor.post(f"{base}/message/{content}/bloquer", {}).text
        content = house.deliver(rose, mail("Deux", sender=f"X <{sender}>"))
        assert house.subjects(rose, "Junk")[-1] == "Deux"
        assert f"Vous bloquez {sender}" in visitor.get(f"{base}/message/{content}").text
    assert names(home) == ["a@exemple.org", "b@exemple.org"]


def test_nobody_is_both_blocked_and_trusted(house: House, rose: Principal, home: Visitor) -> None:
    posts(home, "confiance", "anne@exemple.org")
    assert names(home) == ["anne@exemple.org"]
    assert house.store.read_now(known_senders.chosen, rose.account_id)[0].trusted
    posts(home, "bloquer", "anne@exemple.org")
    assert house.store.read_now(known_senders.chosen, rose.account_id) == []
    assert names(home) == ["anne@exemple.org"]
    posts(home, "confiance", "Anne@exemple.org")
    assert "Vous ne bloquez personne" in home.get(PAGE).text
    posts(home, "mefiance", "anne@exemple.org")
    assert names(home) == []


@pytest.mark.parametrize(("action", "sender"), [("bloquer", "anne"), ("confiance", "exemple.org"), ("confiance", "")])
def test_what_is_no_sender_is_said(home: Visitor, action: str, sender: str) -> None:
    assert posts(home, action, sender) == 422
    assert "ni une adresse ni un domaine" in home.text
    assert names(home) == []


def test_a_message_of_others_blocks_nobody(house: House, home: Visitor, marc: Principal) -> None:
    content = house.deliver(marc, mail("Un", sender=ANNE))
    home.get(PAGE)
    assert home.post(f"/s/message/{content}/bloquer", {}).status_code == 404
    assert names(home) == []


def test_whom_one_cannot_block_is_still_trusted(
    house: House, rose: Principal, home: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts(home, "confiance", "anne@exemple.org")
    posts(home, "bloquer", "jean@exemple.org")
    monkeypatch.setattr(senders, "MAX_BLOCKED", 1)
    assert posts(home, "bloquer", "anne@exemple.org") == 422
    assert [one.trusted > 0 for one in house.store.read_now(known_senders.chosen, rose.account_id)] == [True]
