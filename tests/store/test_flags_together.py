"""STOREs of many sessions that are one statement on PostgreSQL, and what that leaves out."""

import asyncio
import threading
from array import array
from collections.abc import Sequence

import pytest

from mailserver.store.engine.reads_together import MOST
from mailserver.store.engine.transactions import NOT_DONE, Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.whole_mailboxes import bulk_flags
from mailserver.store.mail.whole_mailboxes.bulk_flags import Flagged, Known
from mailserver.store.mail.whole_mailboxes.mailboxes_together import get_each
from tests.store.conftest import create_account
from tests.store.test_bulk_flags import counted, known
from tests.store.test_messages import box_of, fill
from tests.waiting import PATIENCE, becomes

COUNT = 4
PEOPLE = 5


@pytest.fixture
def people(store: Store) -> list[int]:
    accounts = [store.write_now(create_account, f"personne{number}") for number in range(PEOPLE)]
    for account in accounts:
        fill(store, account, COUNT)
    return accounts


def asked(store: Store, account: int, uids: Sequence[int], mode: str, *names: str) -> tuple[object, ...]:
    box = box_of(store, account)
    return account, box.id, store.read_now(known, box, uids), mode, names


async def flag(store: Store, *question: object) -> Flagged:
    together = None if store.keeps_order else bulk_flags.flag_together
    return await store.begin_together(together, bulk_flags.flag, *question)  # type: ignore[arg-type]


def rows(store: Store, account: int) -> list[int]:
    return [row[1] for row in store.read_now(messages.state, box_of(store, account).id)]


def is_right(store: Store, account: int) -> bool:
    box = box_of(store, account)
    return store.read_now(counted, box.id) == (box.unseen, box.flagged)


async def test_changes_of_many_are_each_as_by_itself(store: Store, people: list[int]) -> None:
    before = [box_of(store, account) for account in people]
    questions = [
        asked(store, people[0], [2], "+", "\\Seen"),
        asked(store, people[1], [1, 2, 3, 4], "+", "\\Seen", "\\Flagged"),
        asked(store, people[2], [1, 2], "=", "\\Answered", "\\Flagged"),
        asked(store, people[3], [3], "-", "\\Seen"),  # it is unseen: nothing changes
        asked(store, people[4], [4], "+", "\\Deleted"),
    ]
    found = await asyncio.gather(*(flag(store, *one) for one in questions))
    expected = [[0, 1, 0, 0], [5, 5, 5, 5], [6, 6, 0, 0], [0, 0, 0, 0], [0, 0, 0, 8]]
    assert [rows(store, account) for account in people] == expected
    for box, account, done in zip(before, people, found, strict=True):
        after = box_of(store, account)
        changed = account != people[3]
        assert (done.modseq, done.known) == (after.modseq if changed else 0, True)
        assert after.modseq == after.flags_modseq == box.modseq + 1 if changed else after == box
        assert is_right(store, account)
    back = await asyncio.gather(
        flag(store, *asked(store, people[1], [2, 3], "-", "\\Flagged")),
        flag(store, *asked(store, people[2], [1], "=")),
    )
    assert all(one.known for one in back)
    assert [rows(store, account) for account in people[1:3]] == [[5, 1, 1, 5], [0, 6, 0, 0]]
    assert all(is_right(store, account) for account in people)


async def test_two_of_one_mailbox_both_count(store: Store, people: list[int]) -> None:
    questions = [
        asked(store, people[0], [1], "+", "\\Seen"),
        asked(store, people[0], [2], "+", "\\Flagged"),
        asked(store, people[0], [1], "+", "\\Deleted"),
    ]
    found = await asyncio.gather(*(flag(store, *one) for one in questions))
    assert rows(store, people[0]) == [9, 4, 0, 0]
    assert is_right(store, people[0])
    assert sorted(one.modseq for one in found)[-1] == box_of(store, people[0]).modseq


async def test_who_knows_the_mailbox_of_before_is_told(store: Store, people: list[int]) -> None:
    stale, fresh = asked(store, people[0], [1, 2], "=", "\\Seen"), asked(store, people[1], [1], "+", "\\Seen")
    await store.write(messages.store_flags, people[0], box_of(store, people[0]).id, [2], "+", ("\\Deleted",))
    await store.write(messages.expunge, people[0], box_of(store, people[0]).id)
    found = await asyncio.gather(flag(store, *stale), flag(store, *fresh))
    assert (found[0].known, found[0].missing, found[1].known) == (False, 1, True)
    assert rows(store, people[0]) == [1, 0, 0]
    assert is_right(store, people[0])


async def test_a_mailbox_at_which_somebody_works_keeps_nobody_else(store: Store, people: list[int]) -> None:
    """Of PostgreSQL, where several write at once."""
    if not store.backend.is_shared:
        return
    box, begun, go_on = box_of(store, people[0]), threading.Event(), threading.Event()

    def rival(tx: Tx) -> None:
        mailboxes.lock(tx, people[0], box.id)
        begun.set()
        assert go_on.wait(PATIENCE)

    task = asyncio.create_task(store.write(rival))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    first = asyncio.ensure_future(flag(store, *asked(store, people[0], [1], "+", "\\Seen")))
    assert (await flag(store, *asked(store, people[1], [1], "+", "\\Seen"))).known
    assert not first.done()
    go_on.set()
    await task
    assert (await first).known
    assert rows(store, people[0])[0] == rows(store, people[1])[0] == 1


async def test_news_of_them_are_told(store: Store, people: list[int], pair: tuple[Store, Store]) -> None:
    here, there = pair
    told: list[int] = []
    boxes = [box_of(here, account) for account in people[:3]]
    for box in boxes:
        there.changes.subscribe("mailbox", box.id, lambda number=box.id: told.append(number))  # type: ignore[misc]
    questions = [asked(here, account, [1], "+", "\\Seen") for account in people[:2]]
    nothing = asked(here, people[2], [1], "-", "\\Seen")
    await asyncio.gather(*(flag(here, *one) for one in (*questions, nothing)))
    await becomes(lambda: set(told) == {box.id for box in boxes[:2]})


def test_what_is_not_plain(store: Store, people: list[int]) -> None:
    def some(*uids: int, flags: Sequence[int] = ()) -> Known:
        return Known(7, array("I", uids), array("Q", flags or [0] * len(uids)))

    assert bulk_flags.is_plain(some(1, 2), "+", ("\\Seen",))
    assert bulk_flags.is_plain(some(1, 2, 3, flags=[0, 0, 1]), "+", ("\\Seen",))
    assert bulk_flags.is_plain(some(1, 3, flags=[1, 1]), "+", ("\\Seen",))
    assert not bulk_flags.is_plain(some(1, 3), "+", ("\\Seen",))
    assert not bulk_flags.is_plain(some(1), "+", ("$Junk",))
    assert not bulk_flags.is_plain(some(1), "+", ("travail",))
    assert not bulk_flags.is_plain(some(1), "+", ("\\Answered",))
    assert bulk_flags.is_plain(some(1), "-", ("\\Answered",))
    assert not bulk_flags.is_plain(some(*range(1, 1001)), "+", ("\\Seen",))


def test_others_mailboxes_are_left_alone(store: Store, people: list[int]) -> None:
    """Who names a mailbox that is not theirs changes nothing."""
    if not store.backend.is_shared:
        return
    mine, other = box_of(store, people[0]), box_of(store, people[1])

    def unit(tx: Tx) -> list[object]:
        question = (people[0], other.id, Known(other.modseq, array("I", [1]), array("Q", [0])), "+", ("\\Seen",))
        return bulk_flags.flag_together(tx, 1, [question])

    assert store.write_now(unit) == [NOT_DONE]
    assert box_of(store, people[1]) == other
    assert box_of(store, people[0]) == mine


def found(answers: Sequence[object]) -> list[object]:
    return [one.id if isinstance(one, Mailbox) else type(one).__name__ for one in answers]


async def test_mailboxes_asked_for_together_are_each_their_own(store: Store, people: list[int]) -> None:
    questions = [(account, "inbox") for account in people] + [
        (people[0], "Trash"),
        (people[0], "Nulle part"),
        (people[0], "a\0b"),
        (people[0], "\ud800"),
        (people[0], "INBOX"),
        (0, "INBOX"),
    ]
    answers = await asyncio.gather(*(store.read_together(get_each, one) for one in questions), return_exceptions=True)
    boxes = [box_of(store, account).id for account in people]
    trash = store.read_now(mailboxes.get, people[0], "Trash").id
    refused = "Refused"
    assert found(answers) == [*boxes, trash, refused, refused, refused, boxes[0], refused]


async def test_who_asks_after_a_commit_sees_it(store: Store, people: list[int]) -> None:
    """A question that is under way takes nobody up."""
    asking = [asyncio.ensure_future(store.read_together(get_each, (people[0], "INBOX"))) for _ in range(3)]
    await asyncio.sleep(0)
    await store.write(messages.store_flags, people[0], box_of(store, people[0]).id, [1], "+", ("\\Seen",))
    now = await store.read_together(get_each, (people[0], "INBOX"))
    assert now == box_of(store, people[0])
    await asyncio.gather(*asking)


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
async def test_nobody_waits_for_ever_once_the_store_is_closed(store: Store) -> None:
    """However many ask: more than are one statement, too."""
    store.close()
    asking = [asyncio.ensure_future(store.read_together(get_each, (1, "INBOX"))) for _ in range(2 * MOST)]
    answers = await asyncio.wait_for(asyncio.gather(*asking, return_exceptions=True), PATIENCE)
    assert all(isinstance(one, RuntimeError) for one in answers)
