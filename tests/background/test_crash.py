"""Killed at any moment, the housekeeper neither doubles nor loses what it does."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from directory.people.embedded import EmbeddedDirectory
from mailserver.cli.shared import open_store
from mailserver.foundation.settings import load
from mailserver.model.identity import NewPerson, Role
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record.audit import Action
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox, message
from mailserver.store.schema.outgoing.spool import queued_recipient
from mailserver.store.schema.service.audits import audit
from mailserver.store.upkeep import caretaking
from tests.harness import Instance

NEW, LEAVING, WARNED, GONE = 60, 30, 30, 5
DAY = 86400


def at_store(instance: Instance, work: Callable[[Store], Any]) -> Any:
    async def opened() -> Any:
        async with open_store(load(instance.directory)) as store:
            return await work(store)

    return asyncio.run(opened())


async def _fill(store: Store, instance: Instance) -> dict[str, list[int]]:
    """People for everything the housekeeper does, all of it due at once."""
    directory = EmbeddedDirectory(settings=load(instance.directory), store=store, clock=store.clock)
    found: dict[str, list[int]] = {"new": [], "leaving": [], "warned": [], "gone": []}
    try:
        for kind, count in (("new", NEW), ("leaving", LEAVING), ("warned", WARNED), ("gone", GONE)):
            for number in range(count):
                private = f"{kind}{number}@ailleurs.test" if kind == "new" else ""
                person = NewPerson(kind.title(), f"Numero{number}x", Role.TEACHER, recovery_address=private)
                found[kind].append((await directory.add(person)).account_id)
    finally:
        directory.close()
    await store.write(_plan, found)
    return found


def _plan(tx: Tx, found: dict[str, list[int]]) -> None:
    for account_id in found["leaving"]:
        accounts.plan_closing(tx, account_id, tx.now, "parti")
    for account_id in found["warned"]:
        accounts.plan_closing(tx, account_id, tx.now + 5 * DAY, "parti")
    for account_id in found["gone"]:
        accounts.close(tx, account_id, "parti", accounts.Farewell(0, tx.now + 1))


async def _waits(store: Store) -> bool:
    return await store.read(caretaking.anything, (30, 10))


def _seen(tx: Tx) -> tuple[Counter[str], Counter[tuple[int, str]], Counter[int], dict[int, int]]:
    """Queued recipients, the housekeeper's audit rows, messages of each INBOX, when each account was erased."""
    queue = Counter(tx.execute(select(queued_recipient.c.address)).scalars().all())
    rows = tx.execute(select(audit.c.account_id, audit.c.action).where(audit.c.actor == "caretaker")).all()
    inboxes = tx.execute(
        select(mailbox.c.account_id, func.count().label("held"))
        .join(message, message.c.mailbox_id == mailbox.c.id)
        .group_by(mailbox.c.account_id)
    ).all()
    erased = {row.id: row.erased for row in tx.execute(select(account.c.id, account.c.erased))}
    acts = Counter((int(row.account_id), str(row.action)) for row in rows)
    return queue, acts, Counter({int(row.account_id): int(row.held) for row in inboxes}), erased


def test_killed_again_and_again(fresh: Callable[..., Instance]) -> None:
    instance = fresh()
    instance.configure('[outbound]\nsmarthost = "127.0.0.1:1"\n')
    found = at_store(instance, lambda store: _fill(store, instance))
    chance = random.Random(7)
    for _ in range(4):
        instance.start("--workers", "2")
        time.sleep(chance.uniform(0.2, 1.6))
        instance.kill()
    instance.start("--workers", "2")
    end = time.monotonic() + 200
    while at_store(instance, _waits):
        assert time.monotonic() < end, "the housekeeper does not come to an end"
        time.sleep(0.5)
    instance.stop()

    queue, acts, inboxes, erased = at_store(instance, lambda store: store.read(_seen))
    assert queue == Counter({f"new{number}@ailleurs.test": 1 for number in range(NEW)})
    expected = Counter((one, Action.WELCOMED.value) for one in found["new"])
    expected += Counter((one, Action.CLOSED.value) for one in found["leaving"])
    expected += Counter((one, Action.NOTIFIED.value) for one in found["warned"])
    expected += Counter((one, Action.ERASED.value) for one in found["gone"])
    assert acts == expected
    assert inboxes == Counter(found["warned"])
    assert all(erased[one] for one in found["gone"])
    assert "Traceback" not in instance.log_text()
