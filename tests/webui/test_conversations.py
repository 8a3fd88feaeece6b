"""Conversations: one unit in the list and in the reader, counted honestly, also without their first message."""

import re

import pytest

from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from mailserver.store.mail import messages
from mailserver.store.mail.flags import SEEN
from tests.webui.house import House, Visitor

_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    _counter.append(0)
    return house.person("Fil", f"Conversation-{len(_counter)}")


@pytest.fixture
def complete(house: House, person: Principal) -> Visitor:
    visitor = house.visitor()
    visitor.log_in(person.login, interface="complet")
    return visitor


def turn(number: int, references: str, subject: str = "Sortie au musée") -> bytes:
    return (
        f"From: Awa Diallo <awa@exemple.org>\r\nTo: x@ac-exemple.fr\r\nSubject: Re: {subject}\r\n"
        f"Message-ID: <t{number}@exemple.org>\r\n{references}\r\nTour {number}\r\n"
    ).encode()


def refs(*numbers: int, field: str = "References") -> str:
    return f"{field}: {' '.join(f'<t{number}@exemple.org>' for number in numbers)}\r\n" if numbers else ""


def items(complete: Visitor) -> list[str]:
    complete.get("/m/")
    return re.findall(r'<input type="checkbox"\s+name="([cm])"', complete.text)


@pytest.mark.parametrize(
    "named",
    [
        [(1,), (1, 2), (1, 2, 3)],  # the first message never came
        [(), (1,), (2,)],  # each names the one before it only
        [(2, 3), (), (1, 2)],  # the last one came first
        [(7, 8), (8, 9), (9, 7)],  # nothing of what they name is here
    ],
)
def test_references_make_one_conversation(
    house: House, person: Principal, complete: Visitor, named: list[tuple[int, ...]]
) -> None:
    for number, numbers in enumerate(named, 1):
        house.deliver(person, turn(number, refs(*numbers)))
    house.deliver(person, turn(50, "", "Autre chose"))
    assert items(complete) == ["m", "c"]
    opened = complete.links(r"/m/message/\d+\?d=\d+&amp;fil=1")
    page = complete.get(opened[0]).text
    assert "3 messages, 1 personne" in page


def test_in_reply_to_alone_links_also_other_folders(house: House, person: Principal, complete: Visitor) -> None:
    """Programs that write no References: a chain of answers is one conversation, in the list and around a message."""
    for number in (1, 2, 3):
        content = house.deliver(person, turn(number, refs(number - 1, field="In-Reply-To") if number > 1 else ""))
    assert items(complete) == ["c"]
    assert "3 messages, 1 personne" in complete.get(f"/m/message/{content}").text


def test_a_long_conversation_is_counted_and_shown_whole(house: House, person: Principal, complete: Visitor) -> None:
    """Of 300 messages the page says 300: the nearest are seen, the others behind a fold, none is left out."""
    for number in range(1, 301):
        last = house.deliver(person, turn(number, refs(1, number - 1) if number > 1 else ""))
    assert items(complete) == ["c"]
    (address,) = complete.links(r"/m/message/\d+\?d=\d+&amp;fil=1")
    assert f"/{last}?" in address, "it opens at the newest"
    page = complete.get(address).text
    assert "300 messages, 1 personne" in page
    assert "279 autres messages de la conversation" in page
    assert "299 messages plus anciens, 299 non lus" in " ".join(page.split()), "what was new until it was opened"
    assert len(re.findall(r'href="/m/message/\d+\?d=\d+"(?: class=n)?>\s*<span class="avatar p', page)) == 299
    box = house.box(person, "INBOX")
    assert box.unseen == 0, "what was opened as one is read"
    complete.get("/m/")
    assert 'class="n"' not in complete.text


def test_the_reader_acts_as_the_list_does(house: House, person: Principal, complete: Visitor) -> None:
    """Where the list is of conversations each button of the reader is for the whole one, else for the message."""
    for number in (1, 2, 3):
        content = house.deliver(person, turn(number, refs(1) if number > 1 else ""))
    inbox, archive = house.box(person, "INBOX"), house.box(person, "Archive")
    complete.get(f"/m/message/{content}?d={inbox.id}&amp;fil=1")
    assert re.search(r"Archiver\s: les 3 messages de la conversation", complete.text)
    fields = {"m": str(content), "lecteur": "1", "retour": f"message/{content}?d={inbox.id}"}
    act = f"/m/dossier/{inbox.id}/agir"
    complete.post(act, {**fields, "faire": "suivre"})
    assert flagged(house, person, inbox.id) == 3
    complete.post(act, {**fields, "faire": "nonlu"})
    assert house.box(person, "INBOX").unseen == 3
    complete.post(act, {**fields, "faire": "lu", "retour": "f=nonlus&tri=date"})
    assert house.box(person, "INBOX").unseen == 2, "a filtered list is of messages"
    complete.post(act, {**fields, "faire": "archiver", "retour": "tri=date"})
    assert (house.box(person, "INBOX").messages, house.box(person, "Archive").messages) == (0, 3)
    fields["retour"] = "tri=date"
    house.store.write_now(stored_preferences.revise_preferences, person.account_id, {"conversations": False})
    complete.get(f"/m/dossier/{archive.id}")
    complete.post(f"/m/dossier/{archive.id}/agir", {**fields, "faire": "supprimer"})
    assert (house.box(person, "Archive").messages, house.box(person, "Trash").messages) == (2, 1)


def flagged(house: House, person: Principal, box_id: int) -> int:
    rows = house.store.read_now(messages.fetch, person.account_id, box_id, ("uid", "flags"))
    return sum(1 for _, flags in rows if "\\Flagged" in str(flags) or (isinstance(flags, int) and flags & ~SEEN))
