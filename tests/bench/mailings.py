"""A mailing to everybody: how long it takes, how long another process waits to write, what others' SMTP feels.

python -m tests.bench.mailings [--people 27687] [--octets 5000000] [--engine sqlite|postgresql] [--kills 0]
    [--take-back]

An instance of so many accounts, made directly in the store, is served by two workers in a folder below --folder. Its
mailing goes to a living list that finds everybody; none of them has a mailbox yet, so a second one follows to
mailboxes that are there. Meanwhile one process hands in small messages from outside, one after the other, and another
one writes a row every few milliseconds: how long that takes at most is how long the writer was held, and more. How long
the units of the mailing held it stands in the service's own log.
--kills: all processes are killed (SIGKILL) so often and started again. At the end every mailbox is counted.
--take-back: the second mailing is taken back, half-way, from everybody who has it by then.
"""

import argparse
import asyncio
import contextlib
import os
import random
import re
import smtplib
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from mailserver.delivery import Delivery
from mailserver.foundation import settings as settings_module
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.outbound.submission.submit import Submission
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import State
from mailserver.store.record.audit import Origin
from tests.harness import Instance
from tests.outbound.mailings.academy import EVERYBODY, fill
from tests.postgres import Postgres

ORIGIN = Origin("bench", "bench")
BEAT = 0.003
_BEGAN = re.compile(r"unit_ms\W+(\d+)")
_HELD = {which: re.compile(which + r"_ms\W+(\{[^}]*\})") for which in ("longest", "median")}
_KIND = re.compile(r"(\w+)\W+(\d+)")


class Beside(threading.Thread):
    """Something that is done again and again, and how long it took each time."""

    def __init__(self, act: Callable[[], None], pause: float) -> None:
        super().__init__(daemon=True)
        self._act, self._pause, self._over = act, pause, threading.Event()
        self.times: list[float] = []

    def run(self) -> None:
        while not self._over.wait(self._pause):
            begun = time.perf_counter()
            try:
                self._act()
            except (OSError, smtplib.SMTPException):  # the service is killed just now
                time.sleep(0.2)
                continue
            self.times.append(1000 * (time.perf_counter() - begun))

    def end(self) -> str:
        """Median, 99th percentile and the longest, in milliseconds."""
        self._over.set()
        self.join()
        found = sorted(self.times) or [0.0]
        return f"p50 {statistics.median(found):.1f} p99 {found[len(found) * 99 // 100]:.1f} longest {found[-1]:.1f} ms"


def store_of(settings: Settings) -> Store:
    return Store(settings.database_url, settings.data, SystemClock(), Changes())


def hand_in(settings: Settings, store: Store, octets: bytes) -> int:
    """The mailing of one of them, approved by somebody else; its number."""

    async def submit() -> int:
        clock, changes = store.clock, store.changes
        directory = make_directory(settings, store, clock)
        delivery = Delivery(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
        submission = Submission(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
        author = await directory.by_account(await store.read(_author))
        assert author is not None
        outcome = await submission.submit(author, author.address, [EVERYBODY], octets)
        directory.close()
        return outcome.mailing

    return asyncio.run(submit())


def _author(tx: Tx) -> int:
    return int(tx.execute(text("SELECT MIN(account_id) FROM person WHERE role = 'teacher'")).scalar_one())


def _approve(tx: Tx, number: int) -> None:
    mailings.move(tx, ORIGIN, number, lambda _: State.APPROVED, "approved")


def _take_back(tx: Tx, number: int) -> None:
    mailings.move(tx, ORIGIN, number, lambda _: State.WITHDRAWN, "withdrawing")


def _beat(tx: Tx) -> None:
    tx.execute(text("UPDATE sent_count SET failures = failures WHERE account_id = 0"))


def _counted(tx: Tx, subject: str) -> tuple[int, int]:
    copies, reached = map(
        int,
        tx.execute(
            text(
                "SELECT COUNT(*), COUNT(DISTINCT mailbox.account_id) FROM message"
                " JOIN content ON content.id = content_id JOIN mailbox ON mailbox.id = mailbox_id"
                " WHERE content.subject = :subject"
            ),
            {"subject": subject},
        ).one(),
    )
    return copies, reached


def held_ms(instance: Instance, since: int, which: str) -> dict[str, int]:
    """Milliseconds for which a unit of a mailing held the writer, the "longest" or the "median" one of each kind, by
    the log from this octet on."""
    with open(instance.log, "rb") as log:
        log.seek(since)
        said = log.read().decode("utf-8", "replace")
    found = {"beginning": max(map(int, _BEGAN.findall(said)), default=0)}
    for held in _HELD[which].findall(said):
        for kind, took in _KIND.findall(held):
            found[kind] = max(found.get(kind, 0), int(took))
    return found


def processes(parent: int) -> list[int]:
    """A process and those below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(above, []).append(int(entry.name))
    found, waiting = [], [parent]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def used(instance: Instance) -> tuple[int, float]:
    """The most memory that one process of the service had (MB), and the processor seconds of all."""
    peak, seconds = 0, 0.0
    for number in processes(instance.pid):
        with contextlib.suppress(OSError):
            status = (Path("/proc") / str(number) / "status").read_text()
            peak = max(peak, int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024)
            times = (Path("/proc") / str(number) / "stat").read_text().rpartition(")")[2].split()[11:13]
            seconds += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
    return peak, seconds


def measure(
    instance: Instance, settings: Settings, people: int, size: int, turn: int, kills: int, *, takes_back: bool
) -> bool:
    """One mailing; whether everybody has it once, or nobody has it any more."""
    store, subject = store_of(settings), f"Mailing {turn}"
    body = b"".join(random.Random(turn).randbytes(38).hex().encode() + b"\r\n" for _ in range(size // 78))
    begun = time.perf_counter()
    number = hand_in(settings, store, f"Subject: {subject}\r\n\r\n".encode() + body)
    taken = time.perf_counter() - begun

    def post() -> None:
        with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=30) as client:
            client.sendmail("someone@ailleurs.fr", [f"admin@{settings.domain}"], b"Subject: x\r\n\r\n" + b"x" * 3000)

    smtp, writer = Beside(post, 0.02), Beside(lambda: store.write_now(_beat), BEAT)
    smtp.start()
    writer.start()
    begun, read_from, before = time.perf_counter(), instance.log.stat().st_size, used(instance)[1]
    store.write_now(_approve, number)
    moments = sorted(random.Random(turn).uniform(0.02, 0.98) for _ in range(kills))
    while (one := store.read_now(mailings.get, number)).state is State.SENDING or not one.started:
        if moments and one.total and one.done / one.total >= moments[0]:
            moments.pop(0)
            instance.kill()
            before = 0.0
            print(f"  killed at {one.done} of {one.total}")
            instance.start("--workers", "2")
        if takes_back and one.total and one.done > one.total // 2:
            store.write_now(_take_back, number)
            print(f"  taken back at {one.done} of {one.total}")
            while not store.read_now(_is_swept, number):
                time.sleep(0.05)
        time.sleep(0.05)
    spent = time.perf_counter() - begun
    waits, felt = writer.end(), smtp.end()
    peak, seconds = used(instance)
    copies, reached = store.read_now(_counted, subject)
    store.close()
    good = copies == reached == (0 if takes_back else people)
    print(f"  {size} octets to {people}, mailing {turn}: handed in {taken:.2f} s, {one.state.value} {spent:.1f} s")
    held, median = (held_ms(instance, read_from, which) for which in ("longest", "median"))
    print(f"    a unit held the writer {max(held.values())} ms at most {held}, in the middle {median}")
    print(f"    another writer: {waits}")
    print(f"    SMTP from outside: {felt}; load {os.getloadavg()[0]:.1f}")
    print(f"    processor {seconds - before:.0f} s, memory of a process {peak} MB at most")
    print(f"    copies {copies}, mailboxes {reached}: {'as it should be' if good else 'WRONG'}", flush=True)
    return good


def _is_swept(tx: Tx, number: int) -> bool:
    """Whether a mailing that was taken back was gone through."""
    act = tx.execute(
        text("SELECT swept FROM withdrawal JOIN mailing ON withdrawal_id = withdrawal.id WHERE mailing.id = :number"),
        {"number": number},
    ).scalar()
    return bool(act)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=27_687)
    parser.add_argument("--octets", type=int, default=5_000_000)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--take-back", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=wanted.folder, prefix="bench-mailings-") as made:
        folder = Path(made)
        instance, server = Instance(folder / "instance"), None
        if wanted.engine == "postgresql":
            (folder / "postgres").mkdir()
            server = Postgres(folder / "postgres", durable=True)
            server.start()
        instance.init(*(("--database", server.create()) if server is not None else ()))
        instance.configure("[mailings]\nper_day = 0\n")
        settings = settings_module.load(folder / "instance")
        store = store_of(settings)
        fill(store, wanted.people)
        store.close()
        instance.start("--workers", "2")
        print(f"{wanted.engine}, {wanted.people} people, {wanted.octets} octets, kills {wanted.kills}")
        try:
            good = [
                measure(
                    instance,
                    settings,
                    wanted.people,
                    wanted.octets,
                    turn,
                    wanted.kills,
                    takes_back=wanted.take_back and turn == 2,
                )
                for turn in (1, 2)
            ]
        finally:
            instance.stop()
            if server is not None:
                server.stop()
    raise SystemExit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
