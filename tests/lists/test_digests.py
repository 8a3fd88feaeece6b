"""Digests of lists: who gets a message a day, what is in it, and that everybody gets each message once."""

from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from typing import Any

import pytest
from sqlalchemy import select, update

from directory.lists import membership, rosters
from mailserver.delivery import digests
from mailserver.delivery.digests import Digests
from mailserver.delivery.lists import digesting
from mailserver.model.clock import DAY, HOUR
from mailserver.model.errors import Refused, Temporary
from mailserver.model.identity import Archive
from mailserver.model.sending.sending_limits import MINUTE
from mailserver.notices.mail import digests as notices
from mailserver.outbound.withdrawal.recall import Recall, Recalled
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail.posts import digest_posts
from mailserver.store.people import removals
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.queue import list_posts, traces
from mailserver.store.queue.traces import Step
from mailserver.store.schema.mail.messages import blob, mailbox, message
from mailserver.store.web import archive_pages
from mailserver.store.web.archive_view import ArchiveView
from mailserver.store.withdrawal import recalling
from tests.clocks import MovingClock
from tests.lists.house import (
    AMIE,
    ORIGIN,
    arrive,
    at,
    both_engines,
    change,
    letter,
    make_list,
    moderation,
    queue,
    send,
    waiting,
)
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.waiting import until


@pytest.fixture(scope="module", autouse=True)
def noon(clock: MovingClock) -> None:
    """Between two hours of digests; from one to the other there may be 25."""
    clock.forward_to(12)


def choose(house: House, login: str, address: str, *, digest: bool) -> None:
    house.store.write_now(membership.choose_digest, house.people[login], address, digest=digest)


def worker(house: House) -> Digests:
    return Digests(settings=house.settings, store=house.store, delivery=house.delivery, clock=house.clock)


def make(house: House, clock: MovingClock) -> int:
    """A day later, the digests are made."""
    clock.ahead += DAY
    return house.run(worker(house).make())


def got(house: House, login: str) -> list[Message]:
    return [message_from_bytes(octets) for octets in house.mail(login)]


def within(message: Message) -> list[Message]:
    """The messages in a digest."""
    (inner,) = (part for part in message.walk() if part.get_content_type() == "multipart/digest")
    parts: Any = inner.get_payload()
    return [part.get_payload(0) for part in parts]


@both_engines
def test_who_chose_it_gets_one_message_a_day_with_those_of_the_day(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea"), at("max")], name="Chorale")
    choose(house, "lea", address, digest=True)
    for subject in ("Un", "Deux"):
        assert not send(house, "tom", address, subject=subject)
    assert [one["Subject"] for one in got(house, "max")] == ["Un", "Deux"]
    assert got(house, "lea") == []
    assert house.run(worker(house).make()) == 0, "not before its hour"
    assert make(house, clock) == 1
    (digest,) = got(house, "lea")
    assert [one["Subject"] for one in within(digest)] == ["Un", "Deux"]
    assert all(one["From"] == at("tom") and one["Return-Path"] is None for one in within(digest))
    assert digest["List-Id"] == f"Chorale <{address.replace('@', '.')}>"
    contents = digest.get_payload(0).get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "1. Un – tom" in contents
    assert len(got(house, "max")) == 2, "who gets each gets no digest"
    assert make(house, clock) == 0
    assert len(got(house, "lea")) == 1, "a day without messages brings nothing"


def test_the_owners_default_is_for_who_has_not_chosen(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea"), at("max")])
    change(house, address, digest=True)
    choose(house, "max", address, digest=False)
    assert not send(house, "tom", address)
    assert (len(got(house, "lea")), len(got(house, "max"))) == (0, 1)
    assert make(house, clock) == 1
    assert (len(got(house, "lea")), len(got(house, "max"))) == (1, 1)


def test_a_choice_holds_the_writer_for_no_other_list(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    living = [make_list(house, f"vivante{number}", query="role=pupil") for number in range(3)]
    address = make_list(house, "chorale", [at("lea")])
    finds, asked = membership.finds, []

    def counted(tx: Tx, query: str, account_id: int) -> bool:
        asked.append(query)
        return finds(tx, query, account_id)

    monkeypatch.setattr(membership, "finds", counted)
    choose(house, "lea", address, digest=True)
    assert asked == []
    choose(house, "lea", living[0], digest=True)
    assert len(asked) == 1
    for login, other in (("max", address), ("rose", living[0])):
        with pytest.raises(Refused):
            choose(house, login, other, digest=True)


def test_a_member_outside_gets_it_under_an_address_of_their_own_and_leaves_by_one_click(
    house: House, clock: MovingClock, sink: Elsewhere
) -> None:
    address = make_list(house, "chorale", [at("lea"), AMIE], name="Chorale")
    number = house.store.write_now(outside_members.ids, address, [AMIE])[AMIE]
    house.store.write_now(digest_posts.choose_outside, number, digest=True)
    assert not send(house, "tom", address, subject="Un")
    assert queue(house) == []
    assert make(house, clock) == 1
    house.start_relay()
    until(lambda: not queue(house))
    (sent,) = sink.inbox.taken
    message = message_from_bytes(bytes(sent.original_content or b""))
    assert sent.rcpt_tos == [AMIE]
    assert house.delivery.members.departure(sent.mail_from or "") is not None
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["DKIM-Signature"]
    assert [one["Subject"] for one in within(message)] == ["Un"]
    newest, _ = house.read(list_posts.posts, address, 5)
    assert newest.outside == 1, "owners see what became of it"


@both_engines
def test_two_workers_and_one_that_dies_in_the_middle_send_it_once_each(
    house: House, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = ["lea", "max", "ines", "paul"]
    address = make_list(house, "chorale", [at(one) for one in members])
    change(house, address, digest=True)
    assert not send(house, "tom", address)
    clock.ahead += DAY
    monkeypatch.setattr(digests, "UNIT", 1)
    first = worker(house)
    commit = first._commit
    done: list[int] = []

    async def dying(*args: object, **more: object) -> None:
        if len(done) == 2:
            raise Temporary("the power is gone")
        await commit(*args, **more)  # type: ignore[arg-type]
        done.append(1)

    monkeypatch.setattr(first, "_commit", dying)
    house.run(first.make())
    assert sum(len(got(house, one)) for one in members) == 2
    claimed = house.store.write_now(digest_posts.claim, address, 999)
    assert claimed
    assert house.run(worker(house).make()) == 0, "somebody else is at it"
    clock.ahead += HOUR
    assert house.run(worker(house).make()) == 1
    assert [len(got(house, one)) for one in members] == [1] * 4
    with pytest.raises(Refused, match="Somebody else makes"):
        house.store.write_now(digest_posts.settle, address, 999, [1], [1])


def test_members_outside_are_queued_some_at_a_time_and_once_each(
    house: House, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = [f"m{number}@ailleurs.fr" for number in range(5)]
    address = make_list(house, "chorale", members)
    for number in house.store.write_now(outside_members.ids, address, members).values():
        house.store.write_now(digest_posts.choose_outside, number, digest=True)
    assert not send(house, "tom", address)
    clock.ahead += DAY
    monkeypatch.setattr(digests, "UNIT", 2)
    first = worker(house)
    commit = first._commit
    units: list[int] = []

    async def dying(*args: Any, **more: Any) -> None:
        if len(units) == 2:
            raise Temporary("the power is gone")
        await commit(*args, **more)
        units.append(len(queue(house)))

    monkeypatch.setattr(first, "_commit", dying)
    house.run(first.make())
    assert units == [2, 4]
    house.run(worker(house).make())
    assert sorted(address for row in queue(house) for address in row.recipients) == members


def test_what_is_too_much_for_one_message_comes_in_several(
    house: House, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MAX_MESSAGES", 2)
    address = make_list(house, "chorale", [at("lea")])
    change(house, address, digest=True)
    for subject in ("Un", "Deux", "Trois"):
        assert not send(house, "tom", address, subject=subject)
    make(house, clock)
    parts = got(house, "lea")
    assert sorted(len(within(one)) for one in parts) == [1, 2]
    subjects = [str(make_header(decode_header(one["Subject"]))) for one in parts]
    assert [subject[-5:] for subject in sorted(subjects)] == ["(1/2)", "(2/2)"]


def test_what_is_damaged_keeps_neither_the_others_nor_other_lists_waiting(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea")])
    change(house, address, digest=True)
    assert not send(house, "tom", address, subject="Perdu")
    assert not send(house, "tom", address, subject="Reste")
    clock.ahead += DAY
    lost, _ = house.read(digest_posts.pending, address)
    with_body = select(blob.c.octets).where(blob.c.content_id == lost.content_id)
    body = house.read(lambda tx: tx.execute(with_body).scalar_one())
    write_body(house, lost.content_id, b"x")
    assert house.run(worker(house).make()) == 1
    (digest,) = got(house, "lea")
    assert [one["Subject"] for one in within(digest)] == ["Reste"]
    assert house.run(worker(house).make()) == 0, "it does not come again each minute"
    write_body(house, lost.content_id, body)
    assert make(house, clock) == 1
    assert [one["Subject"] for one in within(got(house, "lea")[-1])] == ["Perdu"], "it was brought back from a backup"


def test_a_list_whose_digest_fails_costs_no_other_its_own(
    house: House, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for local, member in (("chorale", "lea"), ("orchestre", "max")):
        change(house, make_list(house, local, [at(member)], name=local), digest=True)
        assert not send(house, "tom", at(local))
    write = notices.write

    def failing(of: object, what: notices.Digest) -> bytes:
        if what.name == "chorale":
            raise ValueError("nobody has thought of this")
        return write(of, what)  # type: ignore[arg-type]

    monkeypatch.setattr(notices, "write", failing)
    assert make(house, clock) == 1
    assert (len(got(house, "lea")), len(got(house, "max"))) == (0, 1)
    monkeypatch.setattr(notices, "write", write)
    assert house.run(worker(house).make()) == 1
    assert len(got(house, "lea")) == 1


def test_what_is_too_large_for_a_digest_comes_at_once(
    house: House, clock: MovingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digesting, "MAX_OCTETS", 10)
    address = make_list(house, "chorale", [at("lea")])
    change(house, address, digest=True)
    assert not send(house, "tom", address, subject="Gros")
    assert [one["Subject"] for one in got(house, "lea")] == ["Gros"]
    assert make(house, clock) == 0


@both_engines
def test_its_author_takes_back_what_nobody_has_but_for_a_digest(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea"), at("max")])
    change(house, address, digest=True)
    octets = b"Message-ID: <rappel@ac-exemple.fr>\r\n" + letter(at("tom"), address)
    tom = house.people["tom"]
    house.run(house.submission.submit(tom, tom.address, (address,), octets, save_to_sent=True))
    sent = house.read(content_of, tom.account_id)
    recall = Recall(settings=house.settings, store=house.store)
    assert house.run(recall.take_back(tom, sent, ORIGIN)) == Recalled(2, 2)
    assert make(house, clock) == 0
    assert got(house, "lea") == []
    with pytest.raises(Refused):
        house.run(recall.take_back(tom, sent, ORIGIN))


def test_its_author_takes_back_what_only_members_elsewhere_wait_for(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [AMIE])
    number = house.store.write_now(outside_members.ids, address, [AMIE])[AMIE]
    house.store.write_now(digest_posts.choose_outside, number, digest=True)
    octets = b"Message-ID: <dehors@ac-exemple.fr>\r\n" + letter(at("tom"), address)
    tom = house.people["tom"]
    house.run(house.submission.submit(tom, tom.address, (address,), octets, save_to_sent=True))
    recall = Recall(settings=house.settings, store=house.store)
    assert house.run(recall.take_back(tom, house.read(content_of, tom.account_id), ORIGIN)) == Recalled(1, 1)
    assert make(house, clock) == 0
    assert queue(house) == []


def sent(house: House, login: str, address: str, name: str) -> int:
    """A message to a list; its author's copy."""
    person = house.people[login]
    octets = f"Message-ID: <{name}@ac-exemple.fr>\r\n".encode() + letter(at(login), address, name)
    house.run(house.submission.submit(person, person.address, (address,), octets, save_to_sent=True))
    return house.read(content_of, person.account_id)


@both_engines
def test_its_author_takes_back_what_only_an_archive_has(house: House) -> None:
    address = make_list(house, "chorale", [AMIE])
    change(house, address, archive=Archive.MEMBERS)
    content_id, tom = sent(house, "tom", address, "archives"), house.people["tom"]
    assert house.read(archive_pages.count, ArchiveView(address)) == 1
    recall = Recall(settings=house.settings, store=house.store)
    assert house.run(recall.take_back(tom, content_id, ORIGIN)) == Recalled(0, 0, 1)
    assert house.read(archive_pages.count, ArchiveView(address)) == 0


@both_engines
def test_its_author_takes_back_what_waits_for_an_owner_and_what_was_let_through(
    house: House, clock: MovingClock
) -> None:
    address = make_list(house, "chorale", [at("lea")], moderated=True, owners=(at("ines"),))
    content_id, tom = sent(house, "tom", address, "attend"), house.people["tom"]
    recall = Recall(settings=house.settings, store=house.store)
    began = int(clock.now())
    clock.ahead += HOUR
    assert house.run(recall.is_open(tom, content_id, began)), "however long the owners take"
    assert house.run(recall.take_back(tom, content_id, ORIGIN)) == Recalled(0, 0, 1)
    assert not house.run(recall.is_open(tom, content_id, began))
    assert waiting(house) == []
    (step,) = house.read(traces.find, traces.Wanted(0, int(clock.now()) + 1, recipient=address), 1).rows
    assert step.detail.name == "list-recalled"
    house.empty()
    content_id, began = sent(house, "tom", address, "passe"), int(clock.now())
    (held,) = waiting(house)
    clock.ahead += HOUR
    house.run(moderation(house).approve(held.id, ORIGIN))
    assert len(got(house, "lea")) == 1
    clock.ahead += 9 * MINUTE
    assert house.run(recall.is_open(tom, content_id, began)), "from when it was let pass"
    assert house.run(recall.take_back(tom, content_id, ORIGIN)) == Recalled(1, 1)
    assert got(house, "lea") == []
    house.empty()
    content_id, began = sent(house, "tom", address, "trop tard"), int(clock.now())
    house.run(moderation(house).approve(waiting(house)[0].id, ORIGIN))
    clock.ahead += 11 * MINUTE
    assert not house.run(recall.is_open(tom, content_id, began))
    with pytest.raises(Refused):
        house.run(recall.take_back(tom, content_id, ORIGIN))
    assert len(got(house, "lea")) == 1


@both_engines
def test_what_waits_or_was_let_pass_opens_no_older_message_of_the_same_message_id(
    house: House, clock: MovingClock
) -> None:
    address = make_list(house, "chorale", [at("lea")], moderated=True, owners=(at("ines"),))
    tom, recall = house.people["tom"], Recall(settings=house.settings, store=house.store)
    older, began = sent(house, "tom", at("lea"), "meme"), int(clock.now())
    house.empty()
    clock.ahead += 2 * HOUR
    newer, then = sent(house, "tom", address, "meme"), int(clock.now())
    clock.ahead += HOUR
    assert house.run(recall.is_open(tom, newer, then)), "it waits"
    assert not house.run(recall.is_open(tom, older, began))
    house.run(moderation(house).approve(waiting(house)[0].id, ORIGIN))
    assert house.run(recall.is_open(tom, newer, then))
    assert not house.run(recall.is_open(tom, older, began))


@both_engines
def test_what_an_owner_lets_pass_while_its_author_takes_it_back_is_looked_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = make_list(house, "chorale", [at("lea")], moderated=True, owners=(at("ines"),))
    change(house, address, archive=Archive.MEMBERS)
    content_id = sent(house, "tom", address, "croise")
    (held,) = waiting(house)
    write = house.store.write

    async def later(function: Any, *args: Any, **more: Any) -> Any:
        if function is recalling.begin:
            await moderation(house).approve(held.id, ORIGIN)
        return await write(function, *args, **more)

    monkeypatch.setattr(house.store, "write", later)
    recall = Recall(settings=house.settings, store=house.store)
    assert house.run(recall.take_back(house.people["tom"], content_id, ORIGIN)) == Recalled(1, 1, 1)
    assert got(house, "lea") == []
    assert "list-recalled" not in [step.detail.name for step in house.read(traces.whole, held.name).steps]


@both_engines
def test_it_takes_back_what_only_lists_have(house: House) -> None:
    keeps, holds = make_list(house, "chorale", [AMIE]), make_list(house, "conseil", [at("lea")], moderated=True)
    change(house, keeps, archive=Archive.MEMBERS)
    octets = b"Message-ID: <piege@mechant.fr>\r\n" + letter("x@mechant.fr", keeps).replace(b"Texte", b"Cliquez. " * 30)
    assert not arrive(house, "x@mechant.fr", keeps, holds, octets=octets)
    service = Withdrawals(settings=house.settings, store=house.store, clock=house.clock)
    ((content_id, _), *_) = house.run(service.variants(0, "<piege@mechant.fr>"))
    preview = house.run(service.preview(content_id, alike=False))
    assert (preview.reached.messages, preview.reached.kept) == (0, 2)
    act = house.run(begun(service, content_id))
    assert house.read(archive_pages.count, ArchiveView(keeps)) == 0
    assert waiting(house) == []
    steps = house.read(traces.find, traces.Wanted(0, 1 << 40, recipient=holds), 5).rows
    assert [step.detail.name for step in steps if step.step is Step.DROPPED] == ["list-withdrawn"]
    house.run(undone(service, act))
    assert house.read(archive_pages.count, ArchiveView(keeps)) == 1, "an undoing brings back what archives had"


async def begun(service: Withdrawals, content_id: int) -> int:
    act = await service.begin(await service.preview(content_id, alike=False), 0, ORIGIN)
    await service.work(act)
    return act


async def undone(service: Withdrawals, act: int) -> None:
    await service.undo(act, ORIGIN)
    await service.work(act)


@both_engines
def test_what_is_taken_back_comes_by_no_digest_of_another_list(house: House, clock: MovingClock) -> None:
    at_once, waits = make_list(house, "chorale", [at("lea")]), make_list(house, "orchestre", [at("max")])
    change(house, waits, digest=True, archive=Archive.MEMBERS)
    octets = letter("x@mechant.fr", at_once).replace(b"Texte", b"Cliquez ici. " * 30)
    assert not arrive(house, "x@mechant.fr", at_once, waits, octets=octets)
    assert (len(got(house, "lea")), got(house, "max")) == (1, [])
    service = Withdrawals(settings=house.settings, store=house.store, clock=house.clock)
    house.run(begun(service, house.read(content_of, house.people["lea"].account_id)))
    assert got(house, "lea") == []
    assert house.read(archive_pages.count, ArchiveView(waits)) == 0
    assert make(house, clock) == 0
    assert got(house, "max") == []


def content_of(tx: Tx, account_id: int) -> int:
    """Of the one message that somebody has."""
    mine = select(message.c.content_id).join(mailbox, mailbox.c.id == message.c.mailbox_id)
    return int(tx.execute(mine.where(mailbox.c.account_id == account_id)).scalar_one())


def write_body(house: House, content_id: int, octets: bytes) -> None:
    stored = update(blob).where(blob.c.content_id == content_id).values(octets=octets)
    house.store.write_now(lambda tx: tx.execute(stored).rowcount)


@both_engines
def test_what_goes_before_its_digest_is_in_none(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea")])
    change(house, address, digest=True)
    for login, subject in (("tom", "Effacé"), ("max", "Reste")):
        assert not send(house, login, address, subject=subject)
    assert house.store.write_now(digest_posts.forget_author, house.people["tom"].account_id) == 1
    make(house, clock)
    (digest,) = got(house, "lea")
    assert [one["Subject"] for one in within(digest)] == ["Reste"]
    assert not send(house, "max", address)
    house.store.write_now(rosters.delete, address, ORIGIN)
    assert make(house, clock) == 0
    assert house.store.write_now(lambda tx: digest_posts.choices(tx, address)) == ({}, {})


def test_who_left_a_list_has_left_the_one_that_is_made_again_for_a_year(house: House, clock: MovingClock) -> None:
    address = make_list(house, "chorale", [at("lea"), AMIE])
    number = house.store.write_now(outside_members.ids, address, [AMIE])[AMIE]
    house.store.write_now(outside_members.leave, number)
    clock.ahead += 400 * DAY
    house.store.write_now(rosters.delete, address, ORIGIN)
    assert house.read(outside_members.forgettable) == [], "a year from now, however long ago they left"
    clock.ahead += DAY
    house.store.write_now(lists.create, address, "", "")
    assert house.read(outside_members.troubled, address) == [], "who left the old one, the owners of the new do not see"
    house.store.write_now(rosters.delete, address, ORIGIN)
    house.store.write_now(lists.create, address, "", "")
    house.store.write_now(lists.add_members, address, [at("lea"), AMIE])
    assert [one.id for one in house.read(outside_members.troubled, address)] == [number]
    assert not send(house, "tom", address)
    assert queue(house) == []
    house.store.write_now(removals.rename_list, address, at("choeur"))
    assert not send(house, "tom", at("choeur"))
    assert queue(house) == [], "nor by another name"
    house.store.write_now(rosters.delete, at("choeur"), ORIGIN)
    assert house.read(outside_members.forgettable) == []
    clock.ahead += 366 * DAY
    assert house.read(outside_members.forgettable) == [number]
