"""Mail is sent, to lists here and to addresses elsewhere, to everybody, held and taken back, while the service is
killed again and again.

python -m tests.soak.sending [--kills 100] [--people 2000] [--seed 1] [--folder DIR]

Each kind of work (`tests.soak.moments`) has its turn: it is begun, and a worker, or at every tenth kill the whole
service, is killed at a random moment of it; how often it was still under way is printed. At the end everything that was
acknowledged has been taken by the other server; everybody of a list has it once, or, where it was taken back, nobody
has; everybody has each mailing once, or nobody; what was held has not left before it was let go.
What left twice is counted, and each time a kill has to lie behind the other server's first 250 and before its second:
between its answer and our record of it SMTP cannot know. Exit code 1: lost, doubled here, or left twice without that.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import smtplib
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import text

from mailserver.delivery import Delivery
from mailserver.delivery.held.moderation import Moderation
from mailserver.foundation import settings as settings_module
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue.held import moderation_queue
from tests.harness import Instance, relays_of, workers_of
from tests.outbound.mailings.academy import fill
from tests.smtp.elsewhere import Elsewhere
from tests.soak.moments import KINDS, ORIGIN, Moments
from tests.waiting import until

PASSWORD = "Craie-Bleue#31"
MEMBERS = [f"u{number:02}" for number in range(20)]
CLASS = "classe@ac-exemple.fr"
OUTSIDE = [f"m{number:02}@b{number % 5}.fr" for number in range(60)]
HEAD = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
SETTINGS = """
[outbound]
smarthost = "{target}"
retry = [1]
[sending]
limits = false
[guards]
kinds = []
[mailings]
teachers = 100
outside = 100
approval_above = 1000000
per_day = 0
"""
SENDERS = 3
PAUSE = 0.2
SLOW = 0.1
"""Seconds before the other server answers to an address: something is always on its way."""
DRAIN_SECONDS = 1200.0
SERVED_SECONDS = 300.0
"""After a kill, until mail is taken again."""
RECORDING_SECONDS = 60.0
"""From another server's 250 to our record of it, on a machine that does much else."""
FAILED = (OSError, EOFError, smtplib.SMTPException)
TOKEN = re.compile(rb"X-Token: (\S+)")


class Dated(list[Any]):
    """What another server takes, with the moment of each."""

    def __init__(self) -> None:
        super().__init__()
        self.moments: list[float] = []

    def append(self, taken: Any) -> None:
        self.moments.append(time.monotonic())
        super().append(taken)


class Senders:
    """Threads that hand in one message after the other, and come again when they are cut off."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._stopping = threading.Event()
        self.acknowledged: list[str] = []
        self._threads = [threading.Thread(target=self._send, args=(name,), daemon=True) for name in range(SENDERS)]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(120)

    def hand_in(self, token: str, to: list[str]) -> bool:
        """One message; whether it was acknowledged."""
        context = ssl._create_unverified_context()
        octets = f"Subject: {token}\r\nX-Token: {token}\r\nMessage-ID: <{token}@essai>\r\n\r\n{token}\r\n".encode()
        with (
            contextlib.suppress(*FAILED),
            smtplib.SMTP_SSL("127.0.0.1", self._instance.ports["submissions"], timeout=60, context=context) as one,
        ):
            one.login("ada", PASSWORD)
            one.sendmail("ada@ac-exemple.fr", to, octets)
            return True
        return False

    def _send(self, name: int) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            token = f"{name}-{number}"
            if self.hand_in(token, [f"x{token}@a{number % 7}.fr", CLASS]):
                self.acknowledged.append(token)
            self._stopping.wait(PAUSE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--people", type=int, default=2000, help="who get each mailing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sending-", dir=chosen.folder))
    there = Elsewhere().start()
    there.inbox.taken = Dated()
    there.inbox.slow = SLOW
    instance = Instance(folder / "instance")
    try:
        store = _make(instance, folder, there.target, chosen.people)
        instance.start("--workers", "2")
        dice = random.Random(chosen.seed)
        with Senders(instance) as senders:
            moments = Moments(store, senders.hand_in, there.inbox.answers, dice, chosen.people)
            taken_back, killed = _kill(instance, senders, moments, chosen.kills, dice)
        moments.let_go()
        _approve(store, instance)
        until(lambda: store.read_now(_is_over), DRAIN_SECONDS)
        until(lambda: json.loads(instance.command("queue", "show", "DIR", "--json").stdout) == [], DRAIN_SECONDS)
        print(f"under way when killed, of {len(killed)}: {dict(moments.seen)}")
        left = {token for token, _ in _taken(there)}
        faults = [f"never left: {token}" for token in (*senders.acknowledged, *moments.moderated) if token not in left]
        faults += _faults(instance, senders.acknowledged, taken_back, moments)
        faults += _mailing_faults(store, there, moments)
        faults += _left_twice(there, killed)
        store.close()
    finally:
        instance.stop()
        there.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"WRONG {fault}")
    return 1 if faults else 0


def _make(instance: Instance, folder: Path, target: str, people: int) -> Store:
    instance.init("--domain", "ac-exemple.fr")
    instance.configure(SETTINGS.format(target=target))
    named = folder / "people.csv"
    rows = (f"Essai,{one},1980-01-01,teacher,,,,,{one},{PASSWORD}\n" for one in ("ada", *MEMBERS))
    named.write_text(HEAD + "".join(rows))
    instance.command("import", "DIR", named, "--accept-passwords")
    members = [word for one in MEMBERS for word in ("--member", f"{one}@ac-exemple.fr")]
    outside = [word for one in OUTSIDE for word in ("--member", one)]
    owner = ("--owner", "u00@ac-exemple.fr")
    for name, more in (("classe", members), ("dehors", outside), ("moderee", ["--moderated", *members])):
        instance.command("list", "create", "DIR", name, "--name", name, *owner, *more)
    settings = settings_module.load(instance.directory)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes())
    fill(store, people)
    return store


def _kill(
    instance: Instance, senders: Senders, moments: Moments, kills: int, dice: random.Random
) -> tuple[set[str], list[float]]:
    """So many times; what was taken back by IT meanwhile, and the moment of each."""
    taken_back, killed = set[str](), list[float]()
    for turn in range(1, kills + 1):
        served = len(senders.acknowledged)
        until(lambda: len(senders.acknowledged) > served, SERVED_SECONDS)  # noqa: B023 - it is over with the turn
        moments.reach(KINDS[turn % len(KINDS)])
        if turn % 10 == 0:
            killed.append(time.monotonic())
            instance.kill()
            instance.start("--workers", "2")
        else:
            _kill_workers(instance, dice)
            killed.append(time.monotonic())
        if turn % 5 == 0 and senders.acknowledged:
            token = dice.choice(senders.acknowledged)
            if instance.command("withdraw", "take", "DIR", f"{token}@essai", check=False).returncode == 0:
                taken_back.add(token)
        said = f"{turn} kills, {len(senders.acknowledged)} acknowledged, {dict(moments.seen)}"
        print(f"\r{said}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return taken_back, killed


def _kill_workers(instance: Instance, dice: random.Random) -> None:
    """One of those that serve and of those that send, or all: what is under way is one process's."""
    with contextlib.suppress(FileNotFoundError):
        workers, relays = workers_of(instance), relays_of(instance)
        for pid in (*workers, *relays) if dice.random() < 0.5 else (*workers[:1], *relays[:1]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _approve(store: Store, instance: Instance) -> None:
    """What waits for the owner of the moderated list goes to its members."""
    settings = settings_module.load(instance.directory)

    async def approve() -> None:
        with contextlib.closing(make_directory(settings, store, store.clock)) as directory:
            clock, changes = store.clock, store.changes
            delivery = Delivery(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
            desk = Moderation(settings=settings, store=store, directory=directory, delivery=delivery, clock=clock)
            for held in await store.read(moderation_queue.waiting):
                await desk.approve(held.id, ORIGIN)

    asyncio.run(approve())


def _is_over(tx: Tx) -> bool:
    """Nothing is being sent to many, nor taken back."""
    mailings = text("SELECT count(*) FROM mailing WHERE state IN ('sending', 'approved')")
    acts = text("SELECT count(*) FROM withdrawal WHERE state = 'taking'")
    begun = text("SELECT count(*) FROM mailing WHERE state = 'withdrawn' AND withdrawal_id = 0")
    return not any(tx.execute(one).scalar() for one in (mailings, acts, begun))


def _faults(instance: Instance, acknowledged: list[str], taken_back: set[str], moments: Moments) -> list[str]:
    """In the mailboxes of the lists' members."""
    wanted = set(acknowledged) - taken_back | set(moments.moderated)
    faults = [f"left while it was held: row {row}" for row in moments.left_while_held]
    for login in MEMBERS:
        with instance.imap(login, PASSWORD) as client:
            client.select("INBOX", readonly=True)
            _, fields = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
        here = Counter(
            token[1].decode() for part in fields if isinstance(part, tuple) and (token := TOKEN.search(part[1]))
        )
        faults += [f"{login} has {token} {count} times" for token, count in here.items() if count > 1]
        faults += [f"{login} lacks {token}" for token in wanted - set(here)]
        faults += [f"{login} still has {token}, taken back" for token in taken_back & set(here)]
    print(f"{len(acknowledged)} acknowledged, {len(taken_back)} taken back, {len(moments.moderated)} moderated")
    return faults[:50]


def _mailing_faults(store: Store, there: Elsewhere, moments: Moments) -> list[str]:
    """Everybody has one once, or nobody."""
    found, faults = store.read_now(_mailings), list[str]()
    everybody = text("SELECT count(*) FROM person WHERE role = 'teacher'")
    people = store.read_now(lambda tx: int(tx.execute(everybody).scalar_one()))
    states = Counter(state for state, _, _ in found.values())
    for token, (state, copies, reached) in found.items():
        want = 0 if state == "withdrawn" else people
        if token in moments.mailings and state != "sent":
            faults.append(f"{token} is {state}")
        if not copies == reached == want:
            faults.append(f"{token}, {state}: {copies} copies in {reached} mailboxes, not {want}")
        away = {to for name, to in _taken(there) if name == token}
        if state == "sent" and away != set(OUTSIDE):
            faults.append(f"{token}: {len(away)} elsewhere, not {len(OUTSIDE)}")
    faults += [f"lost: {token}" for token in moments.mailings if token not in found]
    print(f"{len(found)} mailings to {people} and {len(OUTSIDE)} elsewhere: {dict(states)}")
    return faults


def _mailings(tx: Tx) -> dict[str, tuple[str, int, int]]:
    """By token: the state, the copies, the mailboxes that have one."""
    copies = text(
        "SELECT content.subject, COUNT(*), COUNT(DISTINCT mailbox.account_id) FROM message"
        " JOIN content ON content.id = content_id JOIN mailbox ON mailbox.id = mailbox_id"
        " WHERE content.subject IN (SELECT subject FROM mailing) AND message.door = 3 GROUP BY content.subject"
    )
    counted = {subject: (count, reached) for subject, count, reached in map(tuple, tx.execute(copies))}
    states = tx.execute(text("SELECT subject, state FROM mailing")).all()
    return {subject: (state, *counted.get(subject, (0, 0))) for subject, state in map(tuple, states)}


def _taken(there: Elsewhere) -> list[tuple[str, str]]:
    """Token and recipient of all that the other server took."""
    return [each for envelope in there.inbox.taken for each in _named(envelope)]


def _named(envelope: Any) -> list[tuple[str, str]]:
    token = TOKEN.search(envelope.content)
    return [(token[1].decode(), to) for to in envelope.rcpt_tos] if token else []


def _left_twice(there: Elsewhere, killed: list[float]) -> list[str]:
    """What the other server took again: where a kill came after its 250, before we can be sure to know of it."""
    moments: dict[tuple[str, str], list[float]] = {}
    assert isinstance(there.inbox.taken, Dated)
    for envelope, moment in zip(there.inbox.taken, there.inbox.taken.moments, strict=True):
        for each in _named(envelope):
            moments.setdefault(each, []).append(moment)
    faults, by_kill = list[str](), Counter[float]()
    for (name, to), taken in moments.items():
        for before, after in itertools.pairwise(taken):
            between = [kill for kill in killed if before - 1 <= kill <= min(after, before + RECORDING_SECONDS)]
            if between:
                by_kill[between[0]] += 1
            else:
                faults.append(f"{name} left again for {to} without a kill in between")
    total, most = sum(map(len, moments.values())), max(by_kill.values(), default=0)
    print(
        f"{total} taken by the other server, {by_kill.total()} of them again after {len(by_kill)} kills, {most} at most"
    )
    return faults


if __name__ == "__main__":
    sys.exit(main())
