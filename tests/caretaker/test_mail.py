"""Messages that were put off come back by the caretaker, once, also after a restart; muted conversations stay quiet."""

import asyncio

from mailserver.identity import Principal
from mailserver.store import later, mailboxes, messages, webmail
from mailserver.store.access import Viewer
from mailserver.store.transactions import Tx
from mailserver.store.webmail import Chosen, handling
from tests.caretaker.conftest import DAY, House, Worker

MAIL = b"From: <a@ailleurs.fr>\r\nTo: <b@c.fr>\r\nSubject: %s\r\nMessage-ID: <%d@x>\r\n%s\r\nBonjour\r\n"


def _subjects(tx: Tx, account_id: int, name: str) -> list[str]:
    box = mailboxes.get(tx, account_id, name)
    return [row[1] for row in messages.fetch(tx, account_id, box.id, ("uid", "subject"))]


async def _put_off(house: House, person: Principal, seconds: int) -> None:
    """Everything in INBOX."""
    inbox = await house.store.read(mailboxes.get, person.account_id, "INBOX")
    everything = Chosen(everything=webmail.View())
    until = int(house.clock.now()) + seconds
    await house.store.write(
        handling.put_off, person.account_id, inbox.id, everything, 0, until, (house.clock.token(32), 300)
    )


async def test_what_was_put_off_comes_back_at_its_time(house: House) -> None:
    person = await house.person()
    await house.enter()
    await house.deliver(person.address, MAIL % (b"Patience", 1, b""))
    await _put_off(house, person, DAY)
    await house.round(DAY - 60)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == []
    assert await house.store.read(_subjects, person.account_id, later.PLACE) == ["Patience"]
    await house.round(120)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Patience"]
    inbox = await house.store.read(mailboxes.get, person.account_id, "INBOX")
    assert inbox.unseen == 1
    await house.round(DAY)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Patience"]


async def test_time_that_passed_while_the_service_was_down(house: House) -> None:
    """Another process finds what is due; two at once bring it back once."""
    person = await house.person()
    await house.enter()
    for number in range(3):
        await house.deliver(person.address, MAIL % (b"Attente", number, b""))
    await _put_off(house, person, DAY)
    house.clock.step(5 * DAY)
    workers: list[Worker] = [house.worker, house.another()]
    await asyncio.gather(*(worker.caretaker.round() for worker in workers))
    await house.round(30)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Attente"] * 3


async def test_the_place_to_return_to_may_be_gone(house: House) -> None:
    person = await house.person()
    await house.enter()
    await house.deliver(person.address, MAIL % (b"Orphelin", 1, b""))
    await house.store.write(mailboxes.create, person.account_id, "Projet")
    box = await house.store.read(mailboxes.get, person.account_id, "Projet")
    inbox = await house.store.read(mailboxes.get, person.account_id, "INBOX")
    everything = Chosen(everything=webmail.View())
    viewer, undo = Viewer.of(person.account_id, person.login), (house.clock.token(32), 300)
    await house.store.write(handling.put, viewer, inbox.id, box.id, everything, 0, undo, ((), ()), messages.NO_QUOTA)
    until = int(house.clock.now()) + DAY
    await house.store.write(
        handling.put_off, person.account_id, box.id, everything, 0, until, (house.clock.token(32), 9)
    )
    await house.store.write(mailboxes.remove, person.account_id, "Projet")
    await house.round(2 * DAY)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Orphelin"]


async def test_muted_conversations_stay_quiet(house: House) -> None:
    person = await house.person()
    await house.enter()
    reply = b"References: <fil@x>\r\n"
    await house.deliver(person.address, MAIL % (b"Bruit", 1, reply))
    inbox = await house.store.read(mailboxes.get, person.account_id, "INBOX")
    await house.store.write(handling.mute, person.account_id, inbox.id, Chosen(everything=webmail.View()))
    await house.deliver(person.address, MAIL % (b"Re: Bruit", 2, reply))
    await house.deliver(person.address, MAIL % (b"Musique", 3, b""))
    await house.round(5)
    assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Bruit", "Musique"]
    assert await house.store.read(_subjects, person.account_id, "Archive") == ["Re: Bruit"]
