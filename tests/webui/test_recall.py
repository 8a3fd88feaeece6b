"""An author takes a message back: unread copies here vanish, read ones stay, and nobody is named."""

import re

import pytest
from sqlalchemy import update

from directory.lists import rosters
from mailserver.model.clock import DAY
from mailserver.model.identity import Principal
from mailserver.store.mail import messages
from mailserver.store.mail.flags import SEEN
from mailserver.store.queue.held import moderation_queue
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.store.schema.mail.messages import message
from mailserver.store.web import webmail
from mailserver.store.withdrawal import recalling
from tests.webui.house import House, Visitor, mail
from tests.webui.test_compose import send
from tests.webui.test_lists import ORIGIN

_counter: list[int] = []


def newcomer(house: House, name: str) -> Principal:
    _counter.append(0)
    return house.person(name, f"Rappel-{len(_counter)}")


@pytest.fixture
def author(house: House) -> Principal:
    return newcomer(house, "Ariane")


@pytest.fixture
def browser(house: House, author: Principal) -> Visitor:
    made = house.visitor()
    made.log_in(author.login)
    return made


def sent(house: House, author: Principal, browser: Visitor, *to: str) -> int:
    """A letter leaves; its copy in Sent."""
    browser.get("/s/ecrire")
    assert "Message envoyé" in send(browser, a=", ".join(to), objet="Erreur", texte="Bonjour").text
    box = house.box(author, "Sent")
    (row,) = house.store.read_now(messages.fetch, author.account_id, box.id, ("content_id",))
    return int(row[0])


def read(house: House, person: Principal, name: str = "INBOX") -> None:
    box = house.box(person, name)
    uids = [row[0] for row in house.store.read_now(messages.state, box.id)]
    house.store.write_now(messages.store_flags, person.account_id, box.id, uids, "+", ("\\Seen",))


def test_what_waits_for_a_lists_owners_is_taken_back_however_long_they_take(
    house: House, author: Principal, browser: Visitor
) -> None:
    owner = newcomer(house, "Odile")
    wanted = rosters.NewList(f"debat-{author.login}@ac-exemple.fr", owners=(owner.address,), moderated=True)
    house.store.write_now(rosters.make, rosters.ListSettings.of(house.settings), wanted, ORIGIN)
    content = sent(house, author, browser, wanted.address)
    long_ago = update(message).where(message.c.content_id == content).values(internal_date=1)
    house.store.write_now(lambda tx: tx.execute(long_ago).rowcount)
    assert f"/s/message/{content}/rappeler" in browser.get(f"/s/message/{content}").text
    assert "1 liste ne le garde plus" in recall(browser, content)
    assert house.store.read_now(moderation_queue.waiting, [wanted.address]) == []
    assert "rappeler" not in browser.get(f"/s/message/{content}").text


def recall(browser: Visitor, content: int, interface: str = "s") -> str:
    browser.get(f"/{interface}/message/{content}/rappeler")
    return browser.post(f"/{interface}/message/{content}/rappeler", {}).text


@pytest.mark.parametrize("interface", ["s", "m"])
def test_what_nobody_has_read_vanishes(house: House, author: Principal, browser: Visitor, interface: str) -> None:
    unread, reader, moved = (newcomer(house, name) for name in ("Nina", "Lise", "Max"))
    house.deliver(unread, mail("Autre"))
    content = sent(house, author, browser, unread.address, reader.address, moved.address, "x@exemple.org")
    read(house, reader)
    archive = house.box(moved, "Archive")
    inbox = house.box(moved, "INBOX")
    (row,) = house.store.read_now(messages.fetch, moved.account_id, inbox.id, ("content_id",))
    house.store.write_now(
        webmail.move, moved.account_id, inbox.id, archive.id, [row[0]], (moved.login.encode().ljust(32), 300)
    )
    assert f"/{interface}/message/{content}/rappeler" in browser.get(f"/{interface}/message/{content}").text
    before = house.box(unread, "INBOX")
    text = recall(browser, content, interface)
    assert "2 destinataires sur 3 ne l’ont plus" in text
    assert "Nina" not in text
    assert house.subjects(unread, "INBOX") == ["Autre"]
    after = house.box(unread, "INBOX")
    assert (before.messages - after.messages, before.unseen - after.unseen) == (1, 1)
    assert house.subjects(moved, "Archive") == []
    assert house.subjects(reader, "INBOX") == ["Erreur"]
    assert house.subjects(author, "Sent") == ["Erreur"]
    (event,) = house.store.read_now(audit.find, audit.Wanted(author.account_id, Action.MAIL_WITHDRAWN), 9)
    assert event.detail.values["count"] == 2
    assert "0 destinataire sur 1" in recall(browser, content, interface), "who reads it keeps it"


def test_it_is_too_late(house: House, author: Principal, browser: Visitor) -> None:
    reader = newcomer(house, "Lea")
    content = sent(house, author, browser, reader.address)
    browser.get(f"/s/message/{content}/rappeler")
    form = browser.text
    house.clock.ahead += 601
    assert "trop tard" in browser.post(f"/s/message/{content}/rappeler", {}, page=form).text
    assert "trop tard" in browser.get(f"/s/message/{content}/rappeler").text
    assert "/rappeler" not in browser.get(f"/s/message/{content}").text
    assert house.subjects(reader, "INBOX") == ["Erreur"]


def test_only_its_author_takes_it_back(house: House, author: Principal, browser: Visitor) -> None:
    """Neither its reader, nor who puts a message of the same name among what they sent."""
    reader = newcomer(house, "Luc")
    content = sent(house, author, browser, reader.address)
    (mine,) = house.store.read_now(
        messages.fetch, reader.account_id, house.box(reader, "INBOX").id, ("content_id", "message_id")
    )
    other = house.visitor()
    other.log_in(reader.login)
    other.get("/s/ecrire")
    assert other.post(f"/s/message/{content}/rappeler", {}).status_code == 404
    assert "trop tard" in other.post(f"/s/message/{mine[0]}/rappeler", {}, page=other.get("/s/ecrire").text).text
    since = int(house.clock.now()) - DAY
    found = house.store.read_now(recalling.find, author.account_id, content, since)
    assert [one.account_id for one in found] == [reader.account_id]
    assert house.store.read_now(recalling.find, reader.account_id, int(mine[0]), since) == []


def test_what_is_read_meanwhile_stays(house: House, author: Principal, browser: Visitor) -> None:
    reader = newcomer(house, "Marie")
    content = sent(house, author, browser, reader.address)
    copies = house.store.read_now(recalling.find, author.account_id, content, 0)
    assert [one.is_read for one in copies] == [False]
    read(house, reader)
    assert house.store.write_now(recalling.take, copies) == []
    (row,) = house.store.read_now(messages.state, house.box(reader, "INBOX").id)
    assert row[1] & SEEN


def test_it_can_be_turned_off(
    house: House, author: Principal, browser: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = sent(house, author, browser, newcomer(house, "Zora").address)
    monkeypatch.setitem(house.settings.guards.__dict__, "recall_minutes", 0)
    assert not re.search("/rappeler", browser.get(f"/s/message/{content}").text)
