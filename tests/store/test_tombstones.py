"""What left a mailbox is remembered, but not for ever; where the memory ends is known."""

import pytest
from sqlalchemy import func, select, update

from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages, tombstones
from mailserver.store.schema.mail.messages import expunged
from tests.store.test_messages import box_of, fill


def expunge(store: Store, account: int, *uids: int) -> int:
    """Remove messages; the mod-sequence of that."""
    box = box_of(store, account)
    store.write_now(messages.erase, account, box.id, list(uids))
    return box_of(store, account).modseq


def left(store: Store, account: int, since: int, low: int = 1, high: int = 1 << 32) -> list[int] | None:
    return store.read_now(tombstones.since, account, box_of(store, account).id, since, low, high)


def buried(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(expunged)).scalar_one())


def make_older(tx: Tx, box: int, modseq: int, seconds: int) -> None:
    mine = (expunged.c.mailbox_id == box) & (expunged.c.modseq <= modseq)
    tx.execute(update(expunged).where(mine).values(at=expunged.c.at - seconds))


def test_what_left_since_is_told(store: Store, edupont: int) -> None:
    fill(store, edupont, 6)
    before = box_of(store, edupont).modseq
    first = expunge(store, edupont, 5)
    second = expunge(store, edupont, 1, 3)
    assert left(store, edupont, before) == [1, 3, 5]
    assert left(store, edupont, first) == [1, 3]
    assert left(store, edupont, before, 2, 4) == [3]
    assert left(store, edupont, second) == []


def test_too_many_are_forgotten_oldest_first(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tombstones, "KEPT", 2)
    monkeypatch.setattr(tombstones, "REMOVED", 2)
    fill(store, edupont, 8)
    before = box_of(store, edupont).modseq
    marks = [expunge(store, edupont, uid) for uid in (7, 6, 5, 4, 3)]
    found, after = store.read_now(tombstones.surplus, 0, 10)
    assert after == 0
    assert [one.floor for one in found] == [marks[2]]
    assert [store.write_now(tombstones.forget, found[0]) for _ in range(3)] == [2, 1, 0]
    assert left(store, edupont, before) is None
    assert left(store, edupont, marks[1]) is None
    assert left(store, edupont, marks[2]) == [3, 4]
    assert store.read_now(tombstones.surplus, 0, 10) == ([], 0)
    assert expunge(store, edupont, 1) > marks[4]
    assert left(store, edupont, marks[2]) == [1, 3, 4]


def test_the_old_are_forgotten(store: Store, edupont: int, mmartin: int) -> None:
    fill(store, edupont, 3)
    fill(store, mmartin, 3)
    old = expunge(store, edupont, 1)
    young = expunge(store, edupont, 2)
    expunge(store, mmartin, 1, 2)
    mine = box_of(store, edupont).id
    store.write_now(make_older, mine, old, tombstones.KEPT_SECONDS + 10)
    found, after = store.read_now(tombstones.surplus, 0, 1)
    assert (found, after) == ([tombstones.Surplus(mine, old)], mine)
    assert store.read_now(tombstones.surplus, after, 1) == ([], box_of(store, mmartin).id)
    store.write_now(tombstones.forget, found[0])
    assert left(store, edupont, old - 1) is None
    assert left(store, edupont, old) == [2]
    assert left(store, edupont, young) == []


def test_whoever_catches_up_from_below_the_floor_learns_that_it_must_read_all(store: Store, edupont: int) -> None:
    fill(store, edupont, 3)
    box = box_of(store, edupont)
    gone = expunge(store, edupont, 2)
    store.write_now(tombstones.forget, tombstones.Surplus(box.id, gone))
    assert store.read_now(messages.changed_since, edupont, box.id, box.modseq, 1).vanished is None
    assert store.read_now(messages.changed_since, edupont, box.id, gone, 1).vanished == []
    assert store.read_now(buried) == 0
    assert store.read_now(mailboxes.get, edupont, "INBOX").expunged_floor == gone
