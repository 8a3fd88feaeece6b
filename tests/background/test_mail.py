"""Messages that were put off come back by the housekeeper, once, also after a restart; muted conversations stay
quiet.
"""

import asyncio

import pytest

from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import mailboxes, messages, muting, snooze
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted import retention
from mailserver.store.mail.flags import MAX_KEYWORDS
from mailserver.store.mail.messages import NO_QUOTA
from mailserver.store.web import webmail
from mailserver.store.web.webmail import Chosen, handling
from tests.background.conftest import DAY, House, Worker

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
    assert await house.store.read(_subjects, person.account_id, snooze.PLACE) == ["Patience"]
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
    await asyncio.gather(*(worker.housekeeper.round() for worker in workers))
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


def _use_up_keywords(tx: Tx, account_id: int, name: str) -> None:
    box = mailboxes.get(tx, account_id, name)
    messages.ensure_flags(tx, box.id, [f"mot{number}" for number in range(MAX_KEYWORDS)])


async def test_nobody_waits_for_what_a_mailbox_cannot_hold(house: House) -> None:
    """A tag that a program gave where it waits, and no place for it in INBOX, or in the archive: all others wait behind
    that message."""
    full, other = await house.person(), await house.person("amartin")
    await house.enter()
    reply = b"References: <fil@x>\r\n"
    for person in (full, other):
        await house.deliver(person.address, MAIL % (b"Patience", 1, reply))
        await _put_off(house, person, DAY if person is full else DAY + 60)
    place = await house.store.read(mailboxes.get, full.account_id, snooze.PLACE)
    await house.store.write(messages.store_flags, full.account_id, place.id, [1], "+", ("urgent",))
    await house.store.write(_use_up_keywords, full.account_id, "INBOX")
    await house.round(DAY + 120)
    for person in (full, other):
        assert await house.store.read(_subjects, person.account_id, "INBOX") == ["Patience"]
    inbox = await house.store.read(mailboxes.get, full.account_id, "INBOX")
    await house.store.write(handling.mute, full.account_id, inbox.id, Chosen(everything=webmail.View()))
    await house.store.write(_use_up_keywords, full.account_id, "Archive")
    await house.deliver(full.address, MAIL % (b"Re: Patience", 2, reply))
    uid = (await house.store.read(mailboxes.get, full.account_id, "INBOX")).uidnext - 1
    await house.store.write(messages.store_flags, full.account_id, inbox.id, [uid], "+", ("mot1",))
    await house.round(5)
    assert await house.store.read(_subjects, full.account_id, "Archive") == ["Re: Patience"]


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


async def test_who_always_gets_mail_keeps_nobody_elses_muted_conversations_loud(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many accounts have mail that was not looked at, more than a round is for."""
    monkeypatch.setattr(muting, "ACCOUNTS", 1)
    reply = b"References: <fil@x>\r\n"
    people = [await house.person(), await house.person("Marc", "Martin")]
    for person, login in zip(people, ("edupont", "mmartin"), strict=True):
        await house.enter(login)
        await house.deliver(person.address, MAIL % (b"Bruit", 1, reply))
        inbox = await house.store.read(mailboxes.get, person.account_id, "INBOX")
        await house.store.write(handling.mute, person.account_id, inbox.id, Chosen(everything=webmail.View()))
    for person in people:
        await house.deliver(person.address, MAIL % (b"Re: Bruit", 2, reply))
    looked: set[int] = set()
    for _ in range(60):
        (account_id,) = await house.store.read(muting.behind)
        looked.add(account_id)
    assert looked == {person.account_id for person in people}


async def test_a_folder_is_cleared_of_what_lies_there_too_long(house: House) -> None:
    """By the time it came into the folder; flagged messages stay; sessions hear of it; others' folders rest."""
    person = await house.person()
    await house.enter()
    for number in range(4):
        await house.deliver(person.address, MAIL % (b"N%d" % number, number, b""))
    account = person.account_id
    inbox = await house.store.read(mailboxes.get, account, "INBOX")
    trash = await house.store.read(mailboxes.get, account, "Trash")
    await house.store.write(messages.move, account, inbox.id, trash.id, [1, 2])
    await house.store.write(messages.store_flags, account, trash.id, [2], "+", ("\\Flagged",))
    await house.store.write(retention.keep, account, trash.id, 30)
    await house.round(29 * DAY)
    assert await house.store.read(_subjects, account, "Trash") == ["N0", "N1"]
    await house.store.write(messages.move, account, inbox.id, trash.id, [3])
    before = await house.store.read(mailboxes.get, account, "Trash")
    await house.round(DAY + 3600)
    assert await house.store.read(_subjects, account, "Trash") == ["N1", "N2"]
    after = await house.store.read(mailboxes.get, account, "Trash")
    assert (after.messages, after.octets < before.octets, after.modseq > before.modseq) == (2, True, True)
    changed = await house.store.read(messages.changed_since, account, trash.id, before.modseq, before.uidnext)
    assert changed.vanished == [1]
    assert await house.store.read(_subjects, account, "INBOX") == ["N3"]
    await house.round(400 * DAY)
    assert await house.store.read(_subjects, account, "Trash") == ["N1"]


async def test_a_large_folder_is_cleared_unit_by_unit(house: House) -> None:
    person = await house.person()
    await house.enter()
    await house.deliver(person.address, MAIL % (b"Beaucoup", 1, b""))
    account = person.account_id
    inbox = await house.store.read(mailboxes.get, account, "INBOX")
    trash = await house.store.read(mailboxes.get, account, "Trash")
    for _ in range(2 * retention.AT_ONCE + 10):
        await house.store.write(messages.copy, account, inbox.id, trash.id, [1], NO_QUOTA)
    await house.store.write(retention.keep, account, trash.id, 7)
    house.clock.step(8 * DAY)
    done = [await house.store.write(retention.clear) for _ in range(4)]
    assert done == [retention.AT_ONCE, retention.AT_ONCE, 10, 0]
    await house.store.write(mailboxes.remove, account, "Trash")
    assert await house.store.read(retention.of, account) == {}
