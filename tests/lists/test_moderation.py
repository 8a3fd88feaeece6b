"""What waits for an owner: approved, rejected, let go; once, by whoever may, under the rules of the moment."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from mailserver.delivery import Envelope
from mailserver.delivery.held.moderation import Link
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population, Writers
from mailserver.model.messages.authentication import Alignment, AuthenticationResults, Outcome
from mailserver.model.rules import Denied
from mailserver.outbound.withdrawal.recall import Recall
from mailserver.store.account import accounts, rules
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import collect, mailboxes, messages
from mailserver.store.people.mailing_lists import lists
from mailserver.store.queue import spool
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.people.rosters import held_message
from mailserver.store.withdrawal import recalling
from tests.lists.house import (
    ORIGIN,
    arrive,
    at,
    letter,
    make_list,
    moderation,
    queue,
    school_in,
    send,
    waiting,
    without_mail,
)
from tests.smtp.house import DOMAIN, House


@pytest.fixture(scope="module")
def school(instance_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with school_in(tmp_path_factory.mktemp("moderation") / "dir", instance_template) as house:
        yield house


@pytest.fixture
def house(school: House) -> House:
    without_mail(school)
    make_list(school, "debat", [at("tom"), "amie@ailleurs.fr"], moderated=True, owners=(at("ines"),))
    return school


def test_an_approved_message_reaches_the_members_as_the_list_sends_it(house: House) -> None:
    send(house, "lea", at("debat"), subject="Sujet libre")
    (one,) = waiting(house)
    assert house.run(moderation(house).approve(one.id, ORIGIN)) == 1
    (tom,) = house.mail("tom")
    assert tom.startswith(b"Return-Path: <debat-bounces@ac-exemple.fr>\r\nList-Id:")
    assert tom.count(b"Return-Path:") == 1
    assert b"Subject: Sujet libre" in tom
    (entry,) = queue(house)
    assert re.fullmatch(rf"debat-bounces\+[a-z2-7]{{32}}@{re.escape(DOMAIN)}", entry.sender)
    assert waiting(house) == []
    for decide in (moderation(house).approve(one.id, ORIGIN), moderation(house).reject(one.id, ORIGIN)):
        with pytest.raises(Refused) as refused:
            house.run(decide)
        assert refused.value.reason is Reason.NOT_FOUND
    assert len(house.mail("tom")) == 1


def test_what_an_owner_lets_pass_is_put_aside_for_nobody(house: House) -> None:
    """Though the domain of its author asks for that: what was found out stays beside it."""
    results = AuthenticationResults(Outcome.FAIL, Outcome.NONE, Alignment.FAIL, quarantined=True)

    async def deliver() -> None:
        sender = house.delivery.outsider("x@exemple.org")
        recipient = await house.delivery.resolve(at("debat"), sender=sender)
        envelope = Envelope("x@exemple.org", (recipient,), sender, results=results)
        await house.delivery.deliver(envelope, letter("x@exemple.org", at("debat")))

    house.run(deliver())
    (one,) = waiting(house)
    assert AuthenticationResults.stored(one.authentication) == results
    house.run(moderation(house).approve(one.id, ORIGIN))
    assert (len(house.mail("tom")), len(house.mail("tom", "Junk"))) == (1, 0)


def test_what_an_owner_lets_pass_while_its_author_takes_it_back_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    lea = house.people["lea"]
    octets = b"Message-ID: <rappel@ac-exemple.fr>\r\n" + letter(lea.address, at("debat"))
    house.run(house.submission.submit(lea, lea.address, (at("debat"),), octets, save_to_sent=True))
    (one,) = waiting(house)
    kept = house.read(_kept_in_sent, lea.account_id)
    looked = recalling.of_lists

    def let_pass_before(tx: Tx, author: int, content_id: int, since: int) -> recalling.OfLists:
        house.run(moderation(house).approve(one.id, ORIGIN))
        return looked(tx, author, content_id, since)

    monkeypatch.setattr(recalling, "of_lists", let_pass_before)
    recall = Recall(settings=house.settings, store=house.store)
    assert house.run(recall.take_back(lea, kept, ORIGIN)).taken == 1
    assert house.mail("tom") == []


def _kept_in_sent(tx: Tx, account_id: int) -> int:
    box = mailboxes.get(tx, account_id, "Sent")
    (row,) = messages.fetch(tx, account_id, box.id, ("content_id",))
    return int(row[0])


def test_a_rejected_message_is_told_to_its_author_if_that_is_one_of_ours(house: House) -> None:
    send(house, "lea", at("debat"), subject="Sujet libre")
    arrive(house, "x@exemple.org", at("debat"))
    ours, other = waiting(house)
    house.run(moderation(house).reject(ours.id, ORIGIN, "hors sujet"))
    house.run(moderation(house).reject(other.id, ORIGIN))
    (notice,) = house.mail("lea")
    assert notice.startswith(b"Return-Path: <>\r\n")
    assert b"hors sujet" in notice
    assert house.mail("tom") == []
    assert queue(house) == [], "strangers are not answered"


def test_what_nobody_decides_about_goes_after_a_fortnight(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = house.clock.now()
    monkeypatch.setattr(house.clock, "now", lambda: moment)
    send(house, "lea", at("debat"), subject="Sujet libre")
    (one,) = waiting(house)
    assert one.expires - one.held == 14 * 86400
    assert house.run(moderation(house).expire()) == 0
    house.store.write_now(_age)
    assert house.run(moderation(house).expire()) == 1
    assert waiting(house) == []
    (notice,) = house.mail("lea")
    assert b"waited for its owners" in notice


def _age(tx: Tx) -> None:
    tx.execute(update(held_message).values(expires=tx.now))


def test_the_content_is_kept_while_it_waits_and_collected_afterwards(house: House) -> None:
    arrive(house, "x@exemple.org", at("debat"))
    (one,) = waiting(house)
    house.store.write_now(_forget_notes, one.content_id)
    house.store.write_now(collect.collect, 2**40)
    assert house.read(_exists, one.content_id)
    house.run(moderation(house).reject(one.id, ORIGIN))
    house.store.write_now(collect.collect, 2**40)
    assert not house.read(_exists, one.content_id)


def _forget_notes(tx: Tx, content_id: int) -> None:
    collect.note(tx, [content_id])


def _exists(tx: Tx, content_id: int) -> bool:
    return bool(tx.execute(select(func.count()).where(content.c.id == content_id)).scalar_one())


def test_the_link_of_the_mail_finds_the_message_and_no_other_does(house: House) -> None:
    send(house, "lea", at("debat"))
    (notice,) = house.mail("ines")
    text = notice.replace(b"=\r\n", b"").decode("latin-1")
    found = re.search(r"/moderation/([0-9a-f]{40})", text)
    assert found
    (one,) = waiting(house)
    assert house.run(moderation(house).find(found[1])).held == one
    for key in ("0" * 40, "", found[1][:-1], "x" * 5000):
        with pytest.raises(Refused):
            house.run(moderation(house).find(key))


def link_of(notice: bytes) -> str:
    """The key that an owner's mail carries."""
    found = re.search(r"/moderation/([0-9a-f]{40})", notice.replace(b"=\r\n", b"").decode("latin-1"))
    assert found
    return found[1]


def refused(house: House, key: str) -> Reason:
    with pytest.raises(Refused) as why:
        house.run(moderation(house).find(key))
    return why.value.reason


def test_each_owner_has_a_link_of_their_own_while_they_are_one(house: House) -> None:
    """Removed from the list, suspended or closed: the link opens nothing; the others' go on."""
    address = make_list(
        house, "duo", [at("tom")], moderated=True, owners=(at("ines"), at("rose"), "dehors@ailleurs.fr")
    )
    send(house, "lea", address)
    (one,) = waiting(house)
    keys = {login: link_of(house.mail(login)[0]) for login in ("ines", "rose")}
    outside = link_of(_queued(house))
    assert len({*keys.values(), outside}) == 3
    for login, key in keys.items():
        assert house.run(moderation(house).find(key)) == Link(one, login)
    assert house.run(moderation(house).find(outside)) == Link(one, "dehors@ailleurs.fr")
    ines = house.people["ines"].account_id
    house.store.write_now(accounts.suspend, ines, "test", False)
    assert refused(house, keys["ines"]) is Reason.NOT_FOUND
    house.store.write_now(accounts.suspend, ines, "test", True)
    assert refused(house, keys["ines"]) is Reason.NOT_FOUND, "receiving mail is not deciding"
    house.store.write_now(accounts.resume, ines)
    assert house.run(moderation(house).find(keys["ines"])).owner == "ines"
    house.store.write_now(lists.set_owners, address, [at("ines")])
    for gone in (keys["rose"], outside):
        assert refused(house, gone) is Reason.NOT_FOUND
    assert house.run(moderation(house).find(keys["ines"])).owner == "ines"


def _queued(house: House) -> bytes:
    """What waits to leave for the owner elsewhere."""
    (row,) = house.store.write_now(spool.lease, 10)
    return house.read(spool.octets, row.content_id, house.settings.data / "blobs")


@pytest.mark.parametrize("state", ["suspended", "closed"])
def test_nobody_sends_for_an_author_who_may_not(house: House, state: str) -> None:
    """Whichever way an owner decides; it may still be thrown away."""
    send(house, "max", at("debat"))
    (one,) = waiting(house)
    author = house.people["max"].account_id
    change, undo = {
        "suspended": (lambda tx: accounts.suspend(tx, author, "test", True), accounts.resume),
        "closed": (lambda tx: accounts.close(tx, author, "test"), accounts.restore),
    }[state]
    house.store.write_now(change)
    try:
        with pytest.raises(Refused) as why:
            house.run(moderation(house).approve(one.id, ORIGIN))
        assert why.value.reason is Reason.SUSPENDED
        assert [held.id for held in waiting(house)] == [one.id]
        assert house.mail("tom") == []
        house.run(moderation(house).reject(one.id, ORIGIN))
    finally:
        house.store.write_now(undo, author)


def test_what_claims_a_named_writer_from_outside_waits(house: House) -> None:
    """A bare MAIL FROM proves nothing: the owners decide; whoever has logged in is believed."""
    for writers in (Writers.OWNERS, Writers.HOUSE, Writers.MEMBERS):
        address = make_list(
            house,
            f"annonces-{writers.value}",
            [at("tom")],
            writers=writers,
            owners=(at("ines"),),
            named=("amie@ailleurs.fr", at("max")),
        )
        house.empty()
        assert arrive(house, "amie@ailleurs.fr", address) == {}
        assert house.mail("tom") == []
        (one,) = [each for each in waiting(house) if each.list == address]
        assert send(house, "max", address, subject="Du nommé") == {}
        assert len(house.mail("tom")) == 1
        assert address in arrive(house, "autre@ailleurs.fr", address)
        house.run(moderation(house).approve(one.id, ORIGIN))
        assert len(house.mail("tom")) == 2


def test_the_brake_holds_for_what_waits_too(house: House) -> None:
    send(house, "lea", at("debat"))
    (one,) = waiting(house)
    house.store.write_now(rules.brake, ORIGIN, Population.PUPIL, 0, "")
    with pytest.raises(Denied):
        house.run(moderation(house).approve(one.id, ORIGIN))
    assert len(waiting(house)) == 1
    house.store.write_now(rules.release, ORIGIN, Population.PUPIL)
    house.run(moderation(house).approve(one.id, ORIGIN))
    assert len(house.mail("tom")) == 1


def test_a_moderated_list_within_a_list_holds_its_own(house: House) -> None:
    outer = make_list(house, "grande", [at("max"), at("debat")])
    send(house, "lea", outer)
    assert len(house.mail("max")) == 1
    assert house.mail("tom") == []
    (one,) = waiting(house)
    assert one.list == at("debat")
    house.run(moderation(house).approve(one.id, ORIGIN))
    assert len(house.mail("tom")) == 1


def test_letting_a_stranger_pass_proves_nobodys_address(house: House) -> None:
    """Who claims to be a named writer of a list within the moderated one is still nobody of ours."""
    inner = make_list(house, "annonces", [at("max")], writers=Writers.OWNERS, named=(at("paul"),))
    outer = make_list(house, "ouverte", [at("tom"), inner], moderated=True, owners=(at("ines"),))
    assert arrive(house, at("paul"), outer) == {}
    (one,) = waiting(house)
    assert house.run(moderation(house).approve(one.id, ORIGIN)) == 1
    assert len(house.mail("tom")) == 1
    assert house.mail("max") == []


def test_a_flood_of_messages_is_not_a_flood_of_notices(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailserver.delivery.units.TOLD", 2)
    for number in range(4):
        arrive(house, "x@exemple.org", at("debat"), subject=f"n{number}")
    assert len(waiting(house)) == 4
    assert len(house.mail("ines")) == 2
