"""Mail is sent, to a list here and to addresses elsewhere, and taken back, while the service is killed again and again.

python -m tests.soak.sending [--kills 100] [--seed 1] [--folder DIR]

A worker is killed at a random moment, every tenth time the whole service. At the end everything that was acknowledged
has been taken by the other server, everybody of the list has it once or, where it was taken back, nobody has. What left
twice is counted: between another server's 250 and our record of it SMTP cannot know. Exit code 1: lost or doubled here.
"""

import argparse
import contextlib
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

from tests.harness import Instance, workers_of
from tests.smtp.elsewhere import Elsewhere
from tests.waiting import until

PASSWORD = "Craie-Bleue#31"
MEMBERS = [f"u{number:02}" for number in range(20)]
HEAD = "given_name,surname,birth_date,role,numen,ine,uai,discipline,login,password\n"
SETTINGS = """
[outbound]
smarthost = "{target}"
retry = [1]
[sending]
limits = false
[guards]
kinds = []
"""
SENDERS = 3
DRAIN_SECONDS = 300.0
SERVED_SECONDS = 120.0
"""After a kill, until mail is taken again."""
FAILED = (OSError, EOFError, smtplib.SMTPException)
TOKEN = re.compile(rb"X-Token: (\S+)")


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

    def _send(self, name: int) -> None:
        context = ssl._create_unverified_context()
        number = 0
        while not self._stopping.is_set():
            number += 1
            token = f"{name}-{number}"
            octets = f"Subject: {token}\r\nX-Token: {token}\r\nMessage-ID: <{token}@essai>\r\n\r\n{token}\r\n".encode()
            to = [f"x{token}@a{number % 7}.fr", "tous@ac-exemple.fr"]
            with (
                contextlib.suppress(*FAILED),
                smtplib.SMTP_SSL("127.0.0.1", self._instance.ports["submissions"], timeout=60, context=context) as one,
            ):
                one.login("ada", PASSWORD)
                one.sendmail("ada@ac-exemple.fr", to, octets)
                self.acknowledged.append(token)
            self._stopping.wait(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="sending-", dir=chosen.folder))
    there = Elsewhere().start()
    instance = Instance(folder / "instance")
    try:
        _make(instance, folder, there.target)
        instance.start("--workers", "2")
        with Senders(instance) as senders:
            taken_back = _kill(instance, senders, chosen.kills, random.Random(chosen.seed))
        until(lambda: json.loads(instance.command("queue", "show", "DIR", "--json").stdout) == [], DRAIN_SECONDS)
        faults = _faults(instance, there, senders.acknowledged, taken_back)
    finally:
        instance.stop()
        there.stop()
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"WRONG {fault}")
    return 1 if faults else 0


def _make(instance: Instance, folder: Path, target: str) -> None:
    instance.init("--domain", "ac-exemple.fr")
    instance.configure(SETTINGS.format(target=target))
    people = folder / "people.csv"
    rows = (f"Essai,{one},1980-01-01,teacher,,,,,{one},{PASSWORD}\n" for one in ("ada", *MEMBERS))
    people.write_text(HEAD + "".join(rows))
    instance.command("import", "DIR", people, "--accept-passwords")
    members = [word for one in MEMBERS for word in ("--member", f"{one}@ac-exemple.fr")]
    instance.command("list", "create", "DIR", "tous", "--name", "Tous", "--owner", "ada@ac-exemple.fr", *members)


def _kill(instance: Instance, senders: Senders, kills: int, dice: random.Random) -> set[str]:
    """So many times; what was taken back meanwhile."""
    taken_back: set[str] = set()
    for turn in range(1, kills + 1):
        served = len(senders.acknowledged)
        until(lambda: len(senders.acknowledged) > served, SERVED_SECONDS)  # noqa: B023 - it is over with the turn
        time.sleep(dice.uniform(0, 1))
        if turn % 10 == 0:
            instance.kill()
            instance.start("--workers", "2")
        else:
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                if workers := workers_of(instance):
                    os.kill(dice.choice(workers), signal.SIGKILL)
        if turn % 5 == 0 and senders.acknowledged:
            token = dice.choice(senders.acknowledged)
            if instance.command("withdraw", "take", "DIR", f"{token}@essai", check=False).returncode == 0:
                taken_back.add(token)
        print(f"\r{turn} kills, {len(senders.acknowledged)} acknowledged", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return taken_back


def _faults(instance: Instance, there: Elsewhere, acknowledged: list[str], taken_back: set[str]) -> list[str]:
    left = Counter(found[1].decode() for octets in there.inbox.octets if (found := TOKEN.search(octets)))
    twice = sum(count - 1 for count in left.values())
    print(f"{len(acknowledged)} acknowledged, {left.total()} taken by the other server, {twice} of them again")
    faults = [f"never left: {token}" for token in acknowledged if not left[token]]
    for login in MEMBERS:
        with instance.imap(login, PASSWORD) as client:
            client.select("INBOX", readonly=True)
            _, fields = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (X-TOKEN)])")
        here = Counter(
            token[1].decode() for part in fields if isinstance(part, tuple) and (token := TOKEN.search(part[1]))
        )
        faults += [f"{login} has {token} {count} times" for token, count in here.items() if count > 1]
        faults += [f"{login} lacks {token}" for token in set(acknowledged) - taken_back - set(here)]
        faults += [f"{login} still has {token}, taken back" for token in taken_back & set(here)]
    print(f"{len(taken_back)} taken back")
    return faults[:50]


if __name__ == "__main__":
    sys.exit(main())
