"""How fast a message leaves every mailbox of an academy: `python -m tests.store.bench_withdrawal`.

    --mailboxes N  people who got it (default 27,686)
    --contents     each got it in a transaction of its own: as many contents, all with one body
    --others N     other messages of each INBOX (default 3)
    --postgres     on a PostgreSQL cluster of its own

Says how long it took from the click until the last mailbox was without it, and the same for the undoing; how long each
unit held the writer, and how long somebody else who writes meanwhile waited. Everything is in a temporary folder.
"""

import argparse
import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from sqlalchemy import insert, text, update

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.withdrawal import restoring, rows, taking
from tests.outbound.withdrawal.mail import IT, letter, withdrawals
from tests.postgres import Postgres
from tests.schema import create_schema

PORTION = 1000
PAUSE = 0.01


def people(tx: Tx, first: int, count: int) -> None:
    """Accounts with an INBOX of the same number."""
    numbers = range(first, first + count)
    tx.execute(insert(account), [{"id": one, "login": f"p{one}", "state": "active", "created": 0} for one in numbers])
    fixed = {"name": "INBOX", "created": 0}
    tx.execute(insert(mailbox), [{"id": one, "account_id": one, "uidvalidity": one, **fixed} for one in numbers])
    tx.execute(update(mailbox).where(mailbox.c.id.in_(numbers)).values(unseen=0))


def deliver(tx: Tx, octets: bytes, numbers: range) -> int:
    """One message to all of them."""
    content_id, _ = messages.store_content(tx, blobs.prepare(octets, Path()))
    came = Provenance(Door.SMTP)
    messages.place_many(tx, {one: one for one in numbers}, content_id, len(octets), came)
    tx.take_changes()
    return content_id


async def fill(store: Store, options: argparse.Namespace) -> int:
    """The academy; the content that somebody points at."""
    content_id = 0
    for first in range(1, options.mailboxes + 1, PORTION):
        count = min(PORTION, options.mailboxes + 1 - first)
        await store.write(people, first, count)
        numbers = range(first, first + count)
        for other in range(options.others):
            await store.write(
                deliver, letter(body=f"Autre {other}", message_id=f"<{first}.{other}@x>", sender="a@b.fr"), numbers
            )
        if options.contents:
            for one in numbers:
                octets = letter(one, message_id=f"<{one}@evil.example>", sender=f"s{one % 50}@evil.example")
                content_id = await store.write(deliver, octets, range(one, one + 1))
        else:
            content_id = await store.write(deliver, letter(), numbers)
    return content_id


def touch(tx: Tx) -> None:
    """What somebody else writes."""
    tx.execute(update(account).where(account.c.id == 1).values(created=1))


@contextlib.asynccontextmanager
async def somebody_else(store: Store, waited: list[float]) -> AsyncIterator[None]:
    """Another process's writer, and how long each of its units waited."""

    async def write() -> None:
        while True:
            begun = time.perf_counter()
            await store.write(touch)
            waited.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE)

    task = asyncio.create_task(write())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def said(name: str, values: list[float]) -> str:
    ordered = sorted(values)
    median, late, last = (
        1e3 * one for one in (statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1])
    )
    return f"{name}: {len(values)}, median {median:.0f} ms, 99 % {late:.0f} ms, longest {last:.0f} ms"


@contextlib.contextmanager
def timed(held: list[float]) -> Iterator[None]:
    """How long each unit takes inside its transaction."""
    units = taking.take, restoring.restore

    def wrapped(unit):  # type: ignore[no-untyped-def]
        def run(*args, **more):  # type: ignore[no-untyped-def]
            begun = time.perf_counter()
            try:
                return unit(*args, **more)
            finally:
                held.append(time.perf_counter() - begun)

        return run

    taking.take, restoring.restore = map(wrapped, units)
    try:
        yield
    finally:
        taking.take, restoring.restore = units


async def measure(url: str, folder: Path, options: argparse.Namespace) -> None:
    store = Store(url, folder, SystemClock(), Changes())
    other = Store(url, folder, SystemClock(), Changes())
    begun = time.perf_counter()
    content_id = await fill(store, options)
    await store.write(lambda tx: tx.execute(text("ANALYZE")))  # as a database that has been in use has done
    print(f"{store.backend.dialect}: {options.mailboxes} mailboxes filled in {time.perf_counter() - begun:.0f} s")
    service = withdrawals(store)
    preview_begun = time.perf_counter()
    preview = await service.preview(content_id, alike=False)
    print(f"preview of {preview.reached.messages} messages: {time.perf_counter() - preview_begun:.1f} s")
    for name in ("taken", "restored"):
        waited: list[float] = []
        held: list[float] = []
        async with somebody_else(other, waited):
            with timed(held):
                begun = time.perf_counter()
                if name == "taken":
                    number = await service.begin(preview, 7, IT)
                else:
                    await service.undo(number, IT)
                await service.work(number)
                took = time.perf_counter() - begun
        act = await store.read(rows.get, number)
        print(f"{name}: {act.taken if name == 'taken' else act.restored} messages in {took:.1f} s")
        print("  " + said("units", held))
        print("  " + said("others who write", waited))
    await asyncio.to_thread(store.close)
    await asyncio.to_thread(other.close)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=27_686)
    parser.add_argument("--others", type=int, default=3)
    parser.add_argument("--contents", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-withdrawal-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "blobs").mkdir()
        if not options.postgres:
            url = f"sqlite:///{folder / 'mail.db'}"
            create_schema(url, folder)
            asyncio.run(measure(url, folder, options))
            return
        server = Postgres(folder, durable=True)
        server.start()
        try:
            url = server.create()
            create_schema(url, folder)
            asyncio.run(measure(url, folder, options))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
