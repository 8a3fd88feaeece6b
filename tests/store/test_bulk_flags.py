"""Flags of messages that a caller holds in arrays: as `messages.store_flags` would have it, whoever came between."""

import threading
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import column, func, select, table

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.whole_mailboxes import bulk_flags
from mailserver.store.mail.whole_mailboxes.bulk_flags import Flagged, Known
from tests.store.test_messages import box_of, fill
from tests.waiting import until


def known(tx: Tx, box: Mailbox, uids: Sequence[int]) -> Known:
    rows = messages.state(tx, box.id, uids)
    return Known(box.modseq, array("I", uids), array("Q", [row[1] for row in rows]))


def counted(tx: Tx, box_id: int) -> tuple[int, int]:
    """Messages unseen and flagged, by their rows."""
    rows = messages.state(tx, box_id)
    return sum(not row[1] & 1 for row in rows), sum(row[1] & 4 > 0 for row in rows)


@pytest.mark.parametrize("uids", [[3], [2, 3, 4], [1, 2, 3, 4, 5], [1, 3, 5]])
def test_flags_and_counters_move_together(store: Store, edupont: int, uids: list[int]) -> None:
    fill(store, edupont, 5)
    box = box_of(store, edupont)
    for mode, names in (("+", ("\\Seen", "\\Flagged")), ("-", ("\\Flagged",)), ("=", ("\\Answered",)), ("+", ("k",))):
        before = box_of(store, edupont)
        found = store.write_now(
            bulk_flags.flag, edupont, box.id, store.read_now(known, before, uids), mode, names, lambda: None
        )
        after = box_of(store, edupont)
        assert found.known
        assert (found.modseq, found.missing) == (after.modseq, 0)
        assert after.modseq == before.modseq + 1
        rows = {row[0]: row for row in store.read_now(messages.state, box.id)}
        assert {uid for uid, row in rows.items() if row[2] == after.modseq} == set(uids)
        assert all(rows[uid][1] & found.mask == (0 if mode == "-" else found.mask) for uid in uids)
        assert store.read_now(counted, box.id) == (after.unseen, after.flagged)
    again = store.write_now(bulk_flags.flag, edupont, box.id, store.read_now(known, after, uids), "+", ("k",))
    assert (again.modseq, again.known) == (0, True)
    assert box_of(store, edupont) == after


def test_who_knows_the_mailbox_of_before_is_told(store: Store, edupont: int, mmartin: int) -> None:
    fill(store, edupont, 4)
    box = box_of(store, edupont)
    before = store.read_now(known, box, [1, 2, 3, 4])
    store.write_now(messages.store_flags, edupont, box.id, [2], "+", ("\\Flagged",))
    store.write_now(messages.store_flags, edupont, box.id, [4], "+", ("\\Deleted",))
    store.write_now(messages.expunge, edupont, box.id)
    found = store.write_now(bulk_flags.flag, edupont, box.id, before, "=", ("\\Seen",))
    assert found == Flagged(box_of(store, edupont).modseq, 1, known=False, missing=1)
    assert [row[:2] for row in store.read_now(messages.state, box.id)] == [(1, 1), (2, 1), (3, 1)]
    after = box_of(store, edupont)
    assert store.read_now(counted, box.id) == (after.unseen, after.flagged) == (0, 0)
    current = store.read_now(known, after, [1])
    with pytest.raises(Refused) as refused:
        store.write_now(bulk_flags.flag, mmartin, box.id, current, "-", ("\\Seen",))
    assert refused.value.reason is Reason.NO_SUCH_MAILBOX
    assert box_of(store, edupont) == after
    assert store.read_now(mailboxes.by_id, edupont, box.id) == after


@pytest.mark.parametrize("stays", [True, False])
def test_who_waits_for_a_rival_looks_again(store: Store, edupont: int, stays: bool) -> None:
    """Of PostgreSQL, where several write at once: a rival's change that is committed while we wait counts, one that is
    given up does not."""
    if not store.backend.is_shared:
        return
    fill(store, edupont, 3)
    box = box_of(store, edupont)
    before = store.read_now(known, box, [1, 2, 3])
    begun, end = threading.Event(), threading.Event()

    def rival(tx: Tx) -> None:
        messages.store_flags(tx, edupont, box.id, [2], "+", ("\\Deleted",))
        messages.expunge(tx, edupont, box.id)
        begun.set()
        end.wait(20)
        if not stays:
            raise Refused(Reason.CONFLICT, "given up")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.write_now, rival)
        assert begun.wait(20)
        second = pool.submit(store.write_now, bulk_flags.flag, edupont, box.id, before, "+", ("\\Seen",))
        until(lambda: store.read_now(lambda tx: tx.execute(_WAITING).scalar_one()))
        end.set()
        found = second.result()
        assert (first.exception() is None) == stays
    after = box_of(store, edupont)
    rows = store.read_now(messages.state, box.id)
    assert (found.known, found.missing) == (not stays, int(stays))
    assert [row[0] for row in rows] == ([1, 3] if stays else [1, 2, 3])
    assert {row[1:] for row in rows} == {(1, after.modseq)} == {(1, found.modseq)}
    assert store.read_now(counted, box.id) == (after.unseen, after.flagged) == (0, 0)


_WAITING = select(func.count()).select_from(table("pg_locks")).where(~column("granted"))
