"""How long it takes to find a message among a month of them.

python -m tests.bench.traces [--messages 1000000] [--database URL] [--folder DIR]
"""

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from mailserver.administration import message_traces
from mailserver.administration.message_traces import Messages
from mailserver.foundation.changes import Changes
from mailserver.model.clock import DAY, SystemClock
from mailserver.operations.health import instance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.octets.files import folder_of
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Wanted
from mailserver.store.schema.service.console import message_trace

BATCH = 20_000
SAID = '{"server":"mx1.exemple.org","status":"2.0.0","said":{"code":"plain","values":{"text":"250 2.0.0 Ok: queued"}}}'


def steps(count: int, now: int) -> Iterator[dict[str, Any]]:
    """A month of messages: half of them leave, each a further step."""
    chance = random.Random(1)
    for number in range(count):
        at = now - 30 * DAY + number * 30 * DAY // count
        step = {
            "at": at,
            "event": "submitted" if number % 2 else "received",
            "name": f"{chance.getrandbits(64):016X}",
            "account_id": chance.randrange(300_000) if number % 2 else 0,
            "sender": f"personne.numero{chance.randrange(300_000)}@ac-exemple.fr",
            "recipients": f"destinataire.{chance.randrange(2_000_000)}@exemple{chance.randrange(5000)}.org",
            "addressed": 1,
            "size": 4321,
            "detail": "",
            "code": "",
            "parameters": "",
            "message_key": traces.key_of(f"{number}@bench"),
        }
        yield step
        if number % 2:
            sent = {"at": at + 2, "event": "sent", "size": 0, "code": "attempt-at", "parameters": SAID}
            yield {**step, **sent, "message_key": 0}


def fill(store: Store, count: int, now: int) -> None:
    rows: list[dict[str, Any]] = []

    def put(tx: Tx, some: Sequence[dict[str, Any]]) -> None:
        tx.execute(insert(message_trace), some)

    for row in steps(count, now):
        rows.append(row)
        if len(rows) == BATCH:
            store.write_now(put, rows)
            rows = []
    if rows:
        store.write_now(put, rows)


def look(store: Store, about: str, wanted: Wanted) -> None:
    """Three times: the first reads from the disk what no page was asked for yet."""
    for _ in range(3):
        began, spent = time.perf_counter(), time.process_time()
        found: Messages = store.read_now(message_traces.find, wanted, 100)
        took, cpu = time.perf_counter() - began, time.process_time() - spent
        print(f"{about}: {took:.3f} s, {cpu:.3f} s of processor here, {len(found.found)} messages", flush=True)


def inserted(store: Store, count: int) -> None:
    """What recording costs in the end, a step after the other in one unit."""

    def put(tx: Tx) -> None:
        for number in range(count):
            trace = traces.Trace(
                traces.Step.RECEIVED, tx.clock.token(8).hex().upper(), "a@b.fr", ["c@d.fr"], message_id=f"{number}@new"
            )
            traces.record(tx, trace)

    began = time.process_time()
    store.write_now(put)
    print(f"a step is recorded in {1e6 * (time.process_time() - began) / count:.1f} us of processor")


async def measure(folder: Path, database: str, messages: int) -> None:
    settings = instance.create(folder, "ac-exemple.fr", database)
    clock = SystemClock()
    store = Store(settings.database_url, settings.data, clock, Changes(), blobs=folder_of(settings))
    try:
        now = int(clock.now())
        await asyncio.to_thread(fill, store, messages, now)
        span = (now - 31 * DAY, now + DAY)
        asked: list[tuple[str, Callable[[], Wanted]]] = [
            ("a sender, whole", lambda: Wanted(*span, sender="personne.numero1234@ac-exemple.fr")),
            ("a recipient, a part", lambda: Wanted(*span, recipient="destinataire.77777@")),
            ("both, that nobody has", lambda: Wanted(*span, sender="nobody@", recipient="nowhere")),
            ("a Message-ID", lambda: Wanted(*span, message_id=f"<{messages // 3}@bench>")),
        ]
        for about, wanted in asked:
            await asyncio.to_thread(look, store, about, wanted())
        await asyncio.to_thread(inserted, store, 5000)
    finally:
        store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database; without it SQLite")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="traces-", dir=options.folder or "/var/tmp"))
    try:
        asyncio.run(measure(folder / "instance", options.database, options.messages))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
