"""A display name that could be an address never stands alone: not in a list, a search, a notice, a conversation."""

import re
from html import unescape

import pytest

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.house import House, Visitor, mail

RECTOR = "recteur@ac-exemple.fr"
EVIL = "mallory@evil.test"
NAMES = {
    "quoted": f'"{RECTOR}"',
    "encoded": "=?utf-8?Q?recteur=40ac-exemple.fr?=",
    "full width": "=?utf-8?Q?recteur=EF=BC=A0ac-exemple.fr?=",
    "small": "=?utf-8?Q?recteur=EF=B9=ABac-exemple.fr?=",
    "long": f'"{RECTOR}{" " * 300}."',
}
_ELEMENT = re.compile(r">([^<]*recteur.{0,3}ac-exemple\.fr[^<]*)<")


def alone(text: str) -> list[str]:
    """Texts of a page that show the name, and not before it the address."""
    plain = re.sub("</?(?:mark|bdi|small|b)>", "", text)
    found = [unescape(one) for one in _ELEMENT.findall(plain)]
    return [one for one in found if EVIL not in one.partition("recteur")[0]]


@pytest.fixture
def home(house: House, rose: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(rose.login)
    return visitor


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_address_stands_beside_such_a_name_everywhere(
    house: House, rose: Principal, home: Visitor, name: str
) -> None:
    first = mail("Prime", sender=f"{name} <{EVIL}>", to=f"{name} <{EVIL}>", body="Bonjour\n")
    answer = mail(
        "Re: Prime", sender=f"{name} <{EVIL}>", body="Alors ?\n", more=f"In-Reply-To: {message_id(first)}\r\n"
    )
    content = house.deliver(rose, first)
    house.deliver(rose, answer)
    for interface in ("simple", "complet"):
        visitor = house.visitor()
        visitor.log_in(rose.login, interface=interface)
        base = "/s" if interface == "simple" else "/m"
        pages = [f"{base}/", f"{base}/recherche?q=prime", f"{base}/message/{content}"]
        for page in pages:
            text = visitor.get(page).text
            assert EVIL in text, page
            if "message" not in page:
                assert alone(text) == [], page
    head = home.get(f"/s/message/{content}").text
    shown = re.search(r"<dt>De\s*<dd>\s*<bdi>[^<]*</bdi> <a [^>]*>([^<]*)</a>", head)
    assert shown
    assert shown[1] == EVIL
    assert f"<bdi>{EVIL} (recteur" in head, "the other message of the conversation"


def test_notices_name_the_address(house: House, rose: Principal) -> None:
    house.store.write_now(stored_preferences.revise_preferences, rose.account_id, {"desktop": True})
    visitor = house.visitor()
    visitor.log_in(rose.login, interface="complet")
    since = house.box(rose, "INBOX").uidnext
    house.deliver(rose, mail("Prime", sender=f'"{RECTOR}" <{EVIL}>'))
    (told,) = visitor.http.get(f"/flux/nouveaux?depuis={since}").json()
    assert told["titre"] == f"{EVIL} ({RECTOR})"


def test_the_latest_correspondents_are_not_called_by_such_names(house: House, rose: Principal, home: Visitor) -> None:
    house.deliver(rose, mail("Prime", sender=f'"{RECTOR}" <{EVIL}>'))
    text = home.get("/s/contacts/recents").text
    assert EVIL in text
    assert RECTOR not in text


def message_id(octets: bytes) -> str:
    found = re.search(rb"Message-ID: (<[^>]*>)", octets)
    assert found
    return found[1].decode()
