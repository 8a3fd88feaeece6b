"""What comes to the writer together: units wait for those that are on their way, and few statements write them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from mailserver.delivery import units
from mailserver.delivery.placement import Placement
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine import writing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.messages import Quota
from mailserver.store.schema.mail.messages import mailbox, message
from tests.schema import create_schema
from tests.store.conftest import handed_over, held
from tests.store.test_plain_delivery import Boxes

FOR_EVER = 3600.0


def touch(tx: Tx, number: int) -> int:
    tx.execute(text("SELECT 1"))
    return number


def refuse(tx: Tx, number: int) -> int:
    raise Refused(Reason.CONFLICT, f"number {number}")


@pytest.fixture
def on_file(tmp_path: Path) -> Store:
    create_schema(f"sqlite:///{tmp_path}/mail.db", tmp_path)
    return Store(f"sqlite:///{tmp_path}/mail.db", tmp_path, SystemClock(), Changes())


async def traced(store: Store) -> list[str]:
    """Every statement of the writer from now on, as it runs."""
    statements: list[str] = []
    await store.write(lambda tx: tx.driver.set_trace_callback(statements.append))
    return statements


async def test_a_unit_waits_for_those_that_are_coming(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LINGER_SECONDS", FOR_EVER)
    coming = store.coming()
    waiting = asyncio.create_task(store.write_together(None, touch, 1))
    await handed_over()
    await asyncio.sleep(0.02)
    assert not waiting.done()
    coming.over()
    coming.over()
    assert await store.write_together(None, touch, 2) == 2
    assert await waiting == 1


async def test_who_is_alone_waits_for_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LINGER_SECONDS", FOR_EVER)
    store.coming().over()
    assert await store.write_together(None, touch, 1) == 1


async def test_nobody_is_waited_for_long(store: Store) -> None:
    coming = store.coming()
    assert await store.write_together(None, touch, 1) == 1
    coming.over()


async def test_other_units_wait_for_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And take along what waits."""
    monkeypatch.setattr(writing, "LINGER_SECONDS", FOR_EVER)
    coming = store.coming()
    waiting = asyncio.create_task(store.write_together(None, touch, 1))
    await handed_over()
    assert await store.write(touch, 2) == 2
    assert await waiting == 1
    coming.over()


async def test_what_waits_is_written_when_the_store_closes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LINGER_SECONDS", FOR_EVER)
    store.coming()
    waiting = asyncio.create_task(store.write_together(None, touch, 1))
    await handed_over()
    await asyncio.to_thread(store.close)
    assert await waiting == 1


async def test_ten_deliveries_are_few_statements(on_file: Store) -> None:
    try:
        boxes = Boxes(on_file, 5)
        statements = await traced(on_file)
        blocker, go_on = await held(on_file)
        waiting = asyncio.gather(*(boxes.deliver(number, boxes.accounts[number % 5]) for number in range(10)))
        await handed_over()
        statements.clear()
        go_on.set()
        contents = await waiting
        await blocker
        assert len(set(contents)) == 10
        assert len(statements) < 15
        boxes.check({account: [at, at + 5] for at, account in enumerate(boxes.accounts)})
    finally:
        await asyncio.to_thread(on_file.close)


async def test_savepoints_are_taken_where_something_failed_lately(on_file: Store) -> None:
    """A group begins anew once; from then on whoever fails again costs the others nothing."""
    try:
        statements = await traced(on_file)

        async def group() -> list[object]:
            blocker, go_on = await held(on_file)
            work = [on_file.write(touch, 1), on_file.write(refuse, 2), on_file.write(touch, 3)]
            waiting = asyncio.gather(*work, return_exceptions=True)
            await handed_over()
            statements.clear()
            go_on.set()
            found: list[object] = list(await waiting)
            await blocker
            return found

        for selects, savepoints in ((1 + 2, 3), (2, 1)):
            found = await group()
            assert found[0] == 1
            assert isinstance(found[1], Refused)
            assert found[2] == 3
            assert sum(one == "SELECT 1" for one in statements) == selects
            assert sum(one.startswith("SAVEPOINT") for one in statements) == savepoints
    finally:
        await asyncio.to_thread(on_file.close)


async def test_what_filters_have_filed_is_written_with_the_others(on_file: Store) -> None:
    """By the mailbox's name, where it is there; one that is not there is made, or stands for INBOX, by itself."""
    try:
        boxes = Boxes(on_file, 2)
        first, second = boxes.accounts
        places = {0: "Archive", 1: "inbox", 2: "Archive", 3: "Nouvelle", 5: "Nulle part"}
        statements = await traced(on_file)
        blocker, go_on = await held(on_file)

        async def deliver(number: int, account: int) -> None:
            (part,), known, lifetime, trace = boxes.asked(number, account)
            if number in places:
                placed = Placement(places[number], create=number == 3)
                part = replace(part, placements={account: (placed,)}, quota=Quota(1 << 30, 1 << 30))
            assert units.is_plain([part], known, trace, by_name=True)
            assert number not in places or not units.is_plain([part], known, trace)
            await on_file.write_together(units.deliver_together, units.deliver_parts, [part], known, lifetime, trace)

        waiting = asyncio.gather(*(deliver(number, (first, second)[number % 2]) for number in range(10)))
        await handed_over()
        statements.clear()
        go_on.set()
        await waiting
        await blocker
        assert await on_file.read(_by_name) == {
            (first, "Archive"): [(1, 2), (2, 3)],
            (first, "INBOX"): [(1, 2), (2, 3), (3, 4)],
            (second, "INBOX"): [(1, 2), (2, 3), (3, 4), (4, 5)],
            (second, "Nouvelle"): [(1, 2)],
        }
        boxes.check({first: [0, 2, 4, 6, 8], second: [1, 3, 5, 7, 9]})
    finally:
        await asyncio.to_thread(on_file.close)


def _by_name(tx: Tx) -> dict[tuple[int, str], list[tuple[int, int]]]:
    """UID and mod-sequence of each message."""
    found: dict[tuple[int, str], list[tuple[int, int]]] = {}
    rows = tx.execute(
        select(mailbox.c.account_id, mailbox.c.name, message.c.uid, message.c.modseq)
        .join(message, message.c.mailbox_id == mailbox.c.id)
        .order_by(message.c.uid)
    )
    for row in rows:
        found.setdefault((row.account_id, row.name), []).append((row.uid, row.modseq))
    return found
