"""The queue's rows, on both engines."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select

from mailserver.model.clock import SystemClock
from mailserver.model.identity import Population
from mailserver.store.account import rules
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, collect, messages
from mailserver.store.queue import spool, waiting
from mailserver.store.queue.spool import BRAKED, Notify, Options, Target
from mailserver.store.queue.spool import leases as spool_leases
from mailserver.store.record.audit import Origin
from mailserver.store.schema.outgoing.spool import queued
from mailserver.texts.causes import MAX_VALUE, NOTHING, plain
from tests.waiting import becomes

MESSAGE = b"Return-Path: <a@b.fr>\r\nSubject: x\r\n\r\nx\r\n"
LIFETIME = 1000


def enqueue(tx: Tx, *targets: Target | str, octets: bytes = MESSAGE) -> int:
    content_id, _ = messages.store_content(tx, blobs.prepare(octets, Path()))
    return spool.enqueue(tx, content_id, "a@b.fr", targets, lifetime=LIFETIME, options=Options(name="A" * 16))


def lease(store: Store, limit: int = 100, seconds: int = spool.LEASE) -> list[spool.Leased]:
    return store.write_now(spool.lease, limit, seconds)


def test_a_row_for_each_domain(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr", Target("Y@ONE.fr", Notify.NEVER, "rfc822;y"), "é@two.fr", "z@école.fr")
    rows = lease(store)
    assert [(row.domain, [recipient.address for recipient in row.recipients]) for row in rows] == [
        ("one.fr", ["x@one.fr", "Y@ONE.fr"]),
        ("two.fr", ["é@two.fr"]),
        ("xn--cole-9oa.fr", ["z@école.fr"]),
    ]
    assert rows[0].recipients[1].notify is Notify.NEVER
    assert rows[0].recipients[1].orcpt == "rfc822;y"
    assert {row.queued_id for row in rows} == {rows[0].queued_id}
    assert rows[0].expires - rows[0].created == LIFETIME
    assert store.read_now(spool.octets, rows[0].content_id, Path()) == MESSAGE


def test_no_two_workers_get_one_row(make_store: Callable[[], Store]) -> None:
    stores = [make_store() for _ in range(3)]
    for number in range(40):
        stores[0].write_now(enqueue, f"x@d{number}.fr")
    with ThreadPoolExecutor(6) as pool:
        got = list(pool.map(lambda turn: lease(stores[turn % 3], 5), range(30)))
    taken = [row.id for rows in (*got, lease(stores[1])) for row in rows]
    assert len(taken) == len(set(taken)) == 40
    assert lease(stores[1]) == []


def test_a_lease_runs_out_and_the_late_worker_changes_nothing(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr")
    (late,) = lease(store, seconds=0)
    (row,) = lease(store)
    assert (late.attempts, row.attempts) == (1, 2)
    assert late.lease != row.lease
    assert not store.write_now(spool.settle, late, [recipient.id for recipient in late.recipients])
    assert len(store.read_now(spool.show)) == 1
    assert store.write_now(spool.settle, row, [recipient.id for recipient in row.recipients])
    assert store.read_now(spool.show) == []


def test_renewed_and_given_back(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr")
    (row,) = lease(store)
    before = store.read_now(spool.next_due)
    assert before is not None
    store.write_now(spool.renew, [(row.id, row.lease), (row.id, 1)])
    assert (store.read_now(spool.next_due) or 0) >= before
    store.write_now(spool.give_back, [(row.id, 1)])
    assert lease(store) == []
    store.write_now(spool.give_back, [(row.id, row.lease)])
    (again,) = lease(store)
    assert again.attempts == 1


async def test_what_is_given_back_is_news_to_other_relays(store: Store) -> None:
    """They would look at the queue some seconds later otherwise."""
    heard: list[int] = []
    store.changes.attach(asyncio.get_running_loop(), lambda: 0)
    await store.write(enqueue, "x@one.fr")
    (row,) = await store.write(spool.lease, 10)
    store.changes.subscribe("mailbox", spool.NEWS, lambda: heard.append(1))
    await store.write(spool.give_back, [(row.id, row.lease)], 10)
    await store.write(spool.give_back, [])
    assert heard == [], "it is due later, or there is nothing"
    await store.write(spool.give_back, [(row.id, row.lease)])
    await becomes(lambda: bool(heard))


def test_rows_of_a_domain_come_together(store: Store) -> None:
    """The domain that has waited longest first; none takes more than its share, and none of those that have enough."""
    for number in range(4):
        for domain in ("one.fr", "two.fr", "three.fr"):
            store.write_now(enqueue, f"x{number}@{domain}")
    rows = store.write_now(spool.lease, 5, share=3, without=["two.fr"])
    assert [(row.domain, row.recipients[0].address[1]) for row in rows] == [
        *(("one.fr", str(number)) for number in range(3)),
        *(("three.fr", str(number)) for number in range(2)),
    ]
    assert [row.domain for row in store.write_now(spool.lease, 100)] == [*["two.fr"] * 4, *["three.fr"] * 2, "one.fr"]


def test_fewer_rows_come_of_a_domain_that_has_not_proven_itself(store: Store) -> None:
    for number in range(3):
        for domain in ("one.fr", "two.fr"):
            store.write_now(enqueue, f"x{number}@{domain}")
    rows = store.write_now(spool.lease, 10, share=3, first_share=1, proven={"two.fr"})
    assert [row.domain for row in rows] == ["one.fr", *["two.fr"] * 3]


def test_rows_of_some_come_first(store: Store) -> None:
    """But of those of which nothing is wanted."""
    for name in ("one.fr", "two.fr", "three.fr"):
        store.write_now(enqueue, f"x@{name}")
    rows = store.write_now(spool.lease, 2, first=["three.fr", "two.fr", "none.fr"], without=["two.fr"])
    assert [row.domain for row in rows] == ["three.fr", "one.fr"]


def test_what_is_braked_lets_others_pass(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of it has waited for longer for the same domain; it lives as much longer as it is held."""
    seconds = count(int(store.clock.now()))
    monkeypatch.setattr(SystemClock, "now", lambda _: float(next(seconds)))  # one passes between any two looks
    content_id, _ = store.write_now(messages.store_content, blobs.prepare(MESSAGE, Path()))
    pupils = Options(population=Population.PUPIL.value)
    for number in range(spool_leases.HEAD + 10):
        addresses = [f"x{number}@one.fr", f"x{number}@two.fr"]
        store.write_now(spool.enqueue, content_id, "p@b.fr", addresses, lifetime=LIFETIME, options=pupils)
    store.write_now(enqueue, "y@one.fr")
    store.write_now(rules.brake, Origin("x", "test"), Population.PUPIL, 0, "essai")
    (row,) = store.write_now(spool.lease, 100, share=20)
    assert row.recipients[0].address == "y@one.fr"
    braked = [one for one in store.read_now(spool.show, 10_000) if one.id != row.id]
    assert {(one.error, one.due - one.created >= spool.HOLD, one.attempts) for one in braked} == {(BRAKED, True, 0)}
    lived = store.read_now(lambda tx: set(tx.execute(select(queued.c.expires - queued.c.created)).scalars()))
    assert lived == {LIFETIME, LIFETIME + spool.HOLD}


def test_what_is_due_for_a_destination_is_put_off_together(store: Store) -> None:
    for number in range(3):
        store.write_now(enqueue, f"x{number}@one.fr", "x@two.fr")
    (leased,) = lease(store, 1)
    until = leased.created + 500
    assert store.write_now(spool.put_off, "one.fr", until, plain("no answer"), 10**6) == 2
    shown = [one for one in store.read_now(spool.show) if one.domain == "one.fr"]
    assert [(one.due, one.attempts, one.error) for one in shown[1:]] == [(until, 1, "no answer")] * 2
    assert shown[0].sending, "who is at it goes on"
    assert {row.domain for row in lease(store)} == {"two.fr"}
    assert store.write_now(spool.put_off, "one.fr", until, plain("no answer"), 10**6) == 0


def test_what_would_miss_its_time_is_not_put_off(store: Store) -> None:
    """Neither past its end, nor past the time at which its sender is told that it is late, but once that is done."""
    store.write_now(enqueue, "x@one.fr")
    (row,) = lease(store)
    store.write_now(spool.give_back, [(row.id, row.lease)])
    assert store.write_now(spool.put_off, "one.fr", row.expires, plain("no answer"), 10**6) == 0
    assert store.write_now(spool.put_off, "one.fr", row.created + 60, plain("no answer"), 60) == 0
    (row,) = lease(store)
    store.write_now(spool.settle, row, [], due=row.created, warned=True)
    assert store.write_now(spool.put_off, "one.fr", row.created + 60, plain("no answer"), 60) == 1


def test_small_messages_are_read_together(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr", "x@two.fr")
    store.write_now(enqueue, "x@one.fr", octets=MESSAGE + b"x" * 500)
    contents = {row.content_id for row in lease(store)}
    assert len(contents) == 2
    found = store.read_now(spool.small_octets, sorted(contents), 200, Path())
    assert list(found.values()) == [MESSAGE]
    assert store.read_now(spool.small_octets, [], 200, Path()) == {}


def test_settling_in_part(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr", "y@one.fr")
    (row,) = lease(store)
    due = row.created + 500
    assert store.write_now(
        spool.settle, row, [row.recipients[0].id], due=due, error=plain("450 4.2.0 later\r\n" + "x" * 2000), warned=True
    )
    (entry,) = store.read_now(spool.show)
    assert entry.recipients == ("y@one.fr",)
    assert entry.due == due == store.read_now(spool.next_due)
    assert not entry.sending
    assert entry.error.startswith("450 4.2.0 later")
    assert len(entry.error) == MAX_VALUE
    assert entry.error.isprintable()
    assert lease(store) == []
    assert store.write_now(spool.retry) == 1
    (row,) = lease(store)
    assert row.warned
    assert [recipient.address for recipient in row.recipients] == ["y@one.fr"]


def test_content_is_held_until_the_last_domain_is_done(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr", "x@two.fr")
    first, second = lease(store)
    store.write_now(spool.settle, first, [first.recipients[0].id])
    later = first.created + 10**6
    store.write_now(collect.collect, later)
    assert store.read_now(spool.octets, second.content_id, Path()) == MESSAGE
    store.write_now(spool.settle, second, [second.recipients[0].id])
    assert store.write_now(collect.collect, later)[0] == 1
    with pytest.raises(AssertionError):
        store.read_now(spool.octets, second.content_id, Path())


def test_what_left_whole_is_settled_together(store: Store) -> None:
    """Both domains of a message at once, so that nothing holds its content; not what another worker has by now."""
    store.write_now(enqueue, "x@one.fr", "y@one.fr", "x@two.fr")
    store.write_now(enqueue, "x@three.fr", octets=MESSAGE + b"x")
    late = lease(store, seconds=0)
    others = lease(store)
    assert store.write_now(spool.settle_whole, late) == set()
    assert len(store.read_now(spool.show)) == 3
    whole = [*others[:2], *late[2:]]
    assert store.write_now(spool.settle_whole, whole) == {row.id for row in others[:2]}
    assert [entry.domain for entry in store.read_now(spool.show)] == ["three.fr"]
    assert store.write_now(collect.collect, others[0].created + 10**6)[0] == 1
    assert store.read_now(spool.octets, others[2].content_id, Path()) == MESSAGE + b"x"
    assert store.write_now(spool.settle_whole, others) == {others[2].id}
    assert store.read_now(spool.next_due) is None


def test_operators_see_retry_and_drop(store: Store) -> None:
    store.write_now(enqueue, "x@one.fr", "x@two.fr")
    entries = store.read_now(spool.show)
    assert [(entry.domain, entry.size, entry.attempts, entry.name) for entry in entries] == [
        ("one.fr", len(MESSAGE), 0, "A" * 16),
        ("two.fr", len(MESSAGE), 0, "A" * 16),
    ]
    assert store.read_now(spool.show, 1, entries[0].id) == entries[1:]
    assert store.read_now(spool.find, "a" * 16) == [entry.id for entry in entries]
    assert store.read_now(spool.find, str(entries[0].id)) == [entries[0].id]
    assert store.read_now(spool.find, "999999") == store.read_now(spool.find, "x' OR 1") == []
    rows = lease(store)
    assert store.read_now(spool.show)[0].sending
    assert store.write_now(spool.retry, [rows[0].id]) == 0, "a row that is being sent is left alone"
    assert store.write_now(spool.drop, [entries[0].id, 999_999]) == 1
    assert not store.write_now(spool.settle, rows[0], [])
    assert [one.domain for one in store.read_now(spool.show)] == ["two.fr"]
    assert store.write_now(spool.drop, [entries[1].id]) == 1
    assert store.read_now(spool.next_due) is None


def test_the_busiest_domains_are_named_with_what_was_said_last(store: Store) -> None:
    for number in range(3):
        store.write_now(enqueue, f"x{number}@one.fr", f"x{number}@two.fr")
    store.write_now(enqueue, "x@two.fr", "x@three.fr")
    rows = {entry.id: entry.domain for entry in store.read_now(spool.show)}
    held = [row for row, domain in rows.items() if domain == "three.fr"]
    assert store.write_now(waiting.hold, held) == 1
    found = store.read_now(waiting.by_domain, 5)
    assert [(one.domain, one.rows) for one in found] == [("two.fr", 4), ("one.fr", 3), ("three.fr", 1)]
    assert [one.due >= spool.HELD_UNTIL for one in found] == [False, False, True]
    assert [one.error.name for one in found] == [NOTHING.name, NOTHING.name, spool.HELD.name]
    assert [one.domain for one in store.read_now(waiting.by_domain, 1)] == ["two.fr"]
