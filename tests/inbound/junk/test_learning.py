"""What is learned of what people say: once, undone exactly, by the academy only what most say."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Junk, Settings
from mailserver.inbound.junk import learning
from mailserver.inbound.junk.learning import AGREEING, MOST_ALONE, Learner
from mailserver.inbound.junk.teaching import teach
from mailserver.inbound.junk.verdicts import JunkFilter
from mailserver.model.clock import DAY
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, junk, mailboxes, messages
from mailserver.store.mail.junk import ACADEMY
from mailserver.store.schema.mail.junk import junk_lesson
from mailserver.store.schema.mail.messages import blob
from tests.conftest import StoreMaker
from tests.inbound.junk.samples import arrive, bad, good, taught
from tests.store.conftest import create_account, edupont, mmartin, pair
from tests.waiting import becomes

__all__ = ["edupont", "mmartin", "pair"]


def learner(store: Store, *, learn: bool = True) -> Learner:
    return Learner(settings=Junk(learn=learn), store=store, changes=Changes())


def learn(store: Store, *, wanted: bool = True) -> int:
    """Rounds until nothing waits; how many lessons there were."""

    async def work() -> int:
        one, total = learner(store, learn=wanted), 0
        while count := await one.learn():
            total += count
        return total

    return asyncio.run(work())


def move(tx: Tx, account: int, source: str, target: str) -> None:
    """Everything in one mailbox to another."""
    here, there = (mailboxes.get(tx, account, name).id for name in (source, target))
    messages.move(tx, account, here, there, None)


def counted(store: Store, account: int) -> tuple[int, int]:
    """Messages of junk and good ones that a model has learned."""
    model = store.read_now(junk.standing, account)
    return (model.spam, model.ham) if model is not None else (0, 0)


def test_in_and_out_of_spam(store: Store, edupont: int) -> None:
    for number in range(3):
        store.write_now(arrive, edupont, bad(number))
    for source, target, expected in (
        ("INBOX", "Junk", (3, 0)),
        ("Junk", "Archive", (0, 3)),
        ("Archive", "INBOX", (0, 3)),
        ("INBOX", "Junk", (3, 0)),
        ("Junk", "Trash", (3, 0)),
    ):
        store.write_now(move, edupont, source, target)
        learn(store)
        assert (counted(store, edupont), counted(store, ACADEMY)) == (expected, expected)


def test_what_is_taken_back_leaves_nothing(store: Store, edupont: int) -> None:
    came = store.write_now(arrive, edupont, bad(1))
    inbox = came.mailbox_id
    for mode in "+-":
        store.write_now(messages.store_flags, edupont, inbox, [came.uid], mode, ("$Junk",))
        learn(store)
    model = store.read_now(junk.models, [edupont])
    for account in (edupont, ACADEMY):
        opened = learning.opened(model[account], account)
        assert (opened.spam, opened.ham) == (0, 0)
        assert opened.packed() == learning.opened(None, account).packed()


def test_said_twice_before_it_is_learned_counts_once(store: Store, edupont: int) -> None:
    store.write_now(arrive, edupont, bad(1))
    for source, target in (("INBOX", "Junk"), ("Junk", "INBOX"), ("INBOX", "Junk")):
        store.write_now(move, edupont, source, target)
    assert learn(store) == 1
    assert counted(store, edupont) == (1, 0)


def test_the_academy_learns_what_most_say_of_a_message(store: Store) -> None:
    accounts = [store.write_now(create_account, f"p{number}") for number in range(3)]
    for account in accounts:
        store.write_now(arrive, account, bad(1), "Junk")
    store.write_now(move, accounts[0], "Junk", "INBOX")
    learn(store)
    assert counted(store, ACADEMY) == (0, 1)
    for account in accounts[1:]:
        store.write_now(move, account, "Junk", "INBOX")
        store.write_now(move, account, "INBOX", "Junk")
    learn(store)
    assert counted(store, ACADEMY) == (1, 0)
    assert [counted(store, account) for account in accounts] == [(0, 1), (1, 0), (1, 0)]


def age(tx: Tx) -> None:
    """What was learned, a day ago."""
    tx.execute(junk_lesson.update().values(at=junk_lesson.c.at - DAY - 1))


def test_one_account_alone_teaches_the_academy_a_bounded_part(store: Store, edupont: int) -> None:
    """Five hundred copies of somebody's newsletter, which one pupil sent themselves, are not the academy's junk."""
    for day, learned in enumerate((MOST_ALONE, 2 * MOST_ALONE), 1):
        for number in range(30):
            store.write_now(arrive, edupont, bad(day * 100 + number))
        store.write_now(move, edupont, "INBOX", "Junk")
        learn(store)
        assert (counted(store, edupont), counted(store, ACADEMY)) == ((day * 30, 0), (learned, 0))
        if day == 1:  # the next day
            store.write_now(age)
    # Taken back, nothing is left; said again, it is no more than before.
    store.write_now(move, edupont, "Junk", "INBOX")
    learn(store)
    assert counted(store, ACADEMY) == (0, 2 * MOST_ALONE)
    store.write_now(move, edupont, "INBOX", "Junk")
    learn(store)
    assert counted(store, ACADEMY) == (2 * MOST_ALONE, 0)


def test_what_three_say_teaches_the_academy_whatever_else_they_said(store: Store) -> None:
    accounts = [store.write_now(create_account, f"p{number}") for number in range(AGREEING)]
    for number, account in enumerate(accounts):
        for step in range(MOST_ALONE):
            store.write_now(arrive, account, bad(number * 100 + step))
    for account in accounts:
        store.write_now(arrive, account, bad(999))
    for number, account in enumerate(accounts, 1):
        store.write_now(move, account, "INBOX", "Junk")
        learn(store)
        assert counted(store, ACADEMY) == (number * MOST_ALONE + (number == AGREEING), 0)


def test_what_an_account_brought_teaches_itself_alone(store: Store, edupont: int) -> None:
    store.write_now(arrive, edupont, bad(1), "INBOX", Provenance(Door.APPENDED, edupont))
    store.write_now(move, edupont, "INBOX", "Junk")
    learn(store)
    assert (counted(store, edupont), counted(store, ACADEMY)) == ((1, 0), (0, 0))


def test_two_that_learn_at_once(make_store: StoreMaker) -> None:
    one, other = make_store(), make_store()
    accounts = [one.write_now(create_account, f"p{number}") for number in range(4)]
    for number, account in enumerate(accounts):
        for step in range(10):
            one.write_now(arrive, account, bad(number * 100 + step))
        one.write_now(move, account, "INBOX", "Junk")

    async def race() -> None:
        while any(await asyncio.gather(*(learner(store).learn() for store in (one, other)))):
            pass

    asyncio.run(race())
    assert counted(one, ACADEMY) == (4 * MOST_ALONE, 0)
    assert [counted(one, account) for account in accounts] == [(10, 0)] * 4


def test_turned_off_nothing_waits_and_nothing_is_learned(store: Store, edupont: int) -> None:
    store.write_now(arrive, edupont, bad(1))
    store.write_now(move, edupont, "INBOX", "Junk")
    assert learn(store, wanted=False) == 1
    assert (store.read_now(junk.waiting), counted(store, edupont)) == (0, (0, 0))


def test_a_damaged_message_keeps_nobody_waiting(store: Store, edupont: int) -> None:
    first = store.write_now(arrive, edupont, bad(1))
    store.write_now(arrive, edupont, good(1))
    damage = blob.update().where(blob.c.content_id == first.content_id).values(octets=b"no frame")
    store.write_now(lambda tx: tx.execute(damage))
    store.write_now(move, edupont, "INBOX", "Junk")
    assert learn(store) == 2
    assert counted(store, edupont) == (2, 0)


def test_forgetting(store: Store, edupont: int) -> None:
    store.write_now(arrive, edupont, bad(1))
    store.write_now(move, edupont, "INBOX", "Junk")
    learn(store)
    assert store.write_now(junk.forget, edupont) == 1
    assert (counted(store, edupont), counted(store, ACADEMY)) == ((0, 0), (1, 0))
    store.write_now(move, edupont, "Junk", "INBOX")
    learn(store)
    assert counted(store, edupont) == (0, 1)
    store.write_now(junk.forget, None)
    assert (counted(store, edupont), counted(store, ACADEMY)) == ((0, 0), (0, 0))


def test_a_large_message_is_learned_from_its_beginning(store: Store, edupont: int) -> None:
    noise = bytes(range(256)) * 4096
    whole = bad(1) + noise
    prepared = blobs.prepare(whole, store.blobs)

    def bring(tx: Tx) -> None:
        content_id, _ = messages.store_content(tx, prepared)
        box = mailboxes.get(tx, edupont, "INBOX").id
        messages.place(tx, edupont, box, content_id, len(whole), provenance=Provenance(Door.SMTP))

    store.write_now(bring)
    store.write_now(move, edupont, "INBOX", "Junk")
    learn(store)
    assert counted(store, edupont) == (1, 0)


async def test_what_others_have_learned_counts_for_the_next_message(pair: tuple[Store, Store], tmp_path: Path) -> None:
    """Models are not read for each message: news tell that somebody has learned."""
    here, other = pair
    settings = Settings(domain="academie.example", directory=tmp_path, junk=Junk(least=50))
    judging = JunkFilter(settings=settings, store=here)
    account = await here.write(create_account, "ada")
    for _ in range(2):
        assert not await judging.judge(bad(1), None, [account])
    await teach(other, ACADEMY, taught(60))
    found = False

    async def look() -> None:
        nonlocal found
        while not found:
            found = account in await judging.judge(bad(1), None, [account])
            await asyncio.sleep(0.01)

    looking = asyncio.create_task(look())
    await becomes(lambda: found)
    await looking
    await other.write(junk.forget, None)
    await becomes(lambda: not judging._until)
    assert not await judging.judge(bad(1), None, [account])


async def test_what_was_asked_before_somebody_learned_is_not_believed_afterwards(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer comes behind the one to a later question."""
    settings = Settings(domain="academie.example", directory=tmp_path, junk=Junk(least=50))
    account = await store.write(create_account, "ada")
    await teach(store, ACADEMY, taught(60))
    judging, real, go_on = JunkFilter(settings=settings, store=store), store.read_apart, asyncio.Event()
    questions: list[object] = []

    async def slow(*asked: Any) -> Any:
        questions.append(asked)
        answer = await real(*asked)
        if len(questions) == 1:
            await go_on.wait()
        return answer

    monkeypatch.setattr(store, "read_apart", slow)
    before = asyncio.create_task(judging.judge(bad(1), None, [account]))
    await becomes(lambda: bool(questions))
    await store.write(junk.forget, None)
    judging._forget()  # as the news make it do
    assert not await judging.judge(bad(1), None, [account])
    go_on.set()
    await before
    assert not await judging.judge(bad(1), None, [account])
    assert len(questions) == 2
