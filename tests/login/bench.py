"""Logins a second and their CPU: `python -m tests.login.bench [logins]`.

In this process (one worker's services over SQLite), then by IMAP LOGIN through a served instance of one worker. Cold:
nothing is remembered of the secret. A cold login writes its audit row and is on disk before it is answered; 32 at
a time share the commits. A chosen password costs argon2id (20 ms of one core) by design.
"""

import asyncio
import json
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from directory.people.embedded import EmbeddedDirectory
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import write_secret
from mailserver.login import Login
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.sasl import Secret
from mailserver.model.identity import NewPerson, Principal, Role
from mailserver.store.account.devices import Scope
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin
from tests.harness import Instance, workers_of
from tests.schema import create_schema

PASSWORD = "Soixante-dix-8!"
AT_ONCE = 32
WARM_ROUNDS = 20
TICKS = os.sysconf("SC_CLK_TCK")


class Bench:
    """One worker's services, and people with a chosen and an app password each."""

    def __init__(self, folder: Path, people: int) -> None:
        write_secret(folder / "secrets" / "hmac", b"k" * 32)
        settings = Settings(domain="ac-exemple.fr", directory=folder)
        settings.data.mkdir()
        create_schema(settings.database_url, settings.data)
        self.clock = SystemClock()
        changes = Changes()
        self.store = Store(settings.database_url, settings.data, self.clock, changes, readers=4, writers=1)
        changes.attach(asyncio.get_running_loop(), lambda: 0)
        self.directory = EmbeddedDirectory(settings=settings, store=self.store, clock=self.clock)
        common = {"settings": settings, "store": self.store, "directory": self.directory, "clock": self.clock}
        self.make: Callable[[], Login] = lambda: Login(**common, changes=changes)  # type: ignore[arg-type]
        self.count = people
        self.people: list[Principal] = []
        self.devices: list[Secret] = []

    async def fill(self) -> None:
        login = self.make()
        for number in range(self.count):
            person = await self.directory.add(NewPerson(f"Anne{number}", "Banc", Role.TEACHER))
            await self.directory.set_password(person.account_id, Secret(PASSWORD))
            made = await login.devices.make(person, "banc", tuple(Scope), Origin("self", "web"))
            self.people.append(person)
            self.devices.append(made.password)

    async def logins(self, login: Login, secrets: list[Secret], peer: str) -> None:
        """Everybody logs in once, so many at a time."""
        queue = list(zip(self.people, secrets, strict=True))

        async def client() -> None:
            while queue:
                person, secret = queue.pop()
                await login.login(person.login, secret, peer, "imap")

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))

    def close(self) -> None:
        self.directory.close()
        self.store.close()


async def timed(name: str, logins: int, work: Callable[[], Awaitable[None]]) -> None:
    used, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    await work()
    span, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    cpu = (now.ru_utime - used.ru_utime) + (now.ru_stime - used.ru_stime)
    _say(name, logins / span, cpu / logins)


def _say(name: str, rate: float, cpu: float) -> None:
    print(f"{name:<54} {rate:>9,.0f} logins/s {cpu * 1000:>8.3f} ms of CPU a login")


async def _rounds(bench: Bench, kind: str, secrets: list[Secret]) -> None:
    """Cold from a place never seen, cold from a known one, warm."""
    people = bench.count
    await timed(f"{kind}, cold, first of a place", people, lambda: bench.logins(bench.make(), secrets, kind))
    login = bench.make()
    await timed(f"{kind}, cold", people, lambda: bench.logins(login, secrets, kind))

    async def warm() -> None:
        for _ in range(WARM_ROUNDS):
            await bench.logins(login, secrets, kind)

    await timed(f"{kind}, warm", people * WARM_ROUNDS, warm)


async def inside(folder: Path, people: int) -> None:
    bench = Bench(folder, people)
    await bench.fill()
    await _rounds(bench, "chosen password", [Secret(PASSWORD)] * people)
    await _rounds(bench, "app password", bench.devices)
    bench.close()


# ---------------------------------------------------------------------- through IMAP


def served(folder: Path, logins: int) -> None:
    """One client after the other on one worker: LOGIN, LOGOUT."""
    instance = Instance(folder / "instance")
    instance.init()
    named = ("--given-name", "Anne", "--surname", "Banc", "--role", "teacher")
    login = json.loads(instance.command("account", "create", "DIR", *named, "--json").stdout)["login"]
    instance.command("account", "passwd", "DIR", login, stdin=f"{PASSWORD}\n")
    password = asyncio.run(_device(instance, login))
    instance.start("--workers", "1")
    try:
        (worker,) = workers_of(instance)
        for kind, secret in (("chosen password", PASSWORD), ("app password", password)):
            for state, count in (("cold", 1), ("warm", logins)):
                used, began = _cpu(worker), time.perf_counter()
                for _ in range(count):
                    _log_in(instance.ports["imap"], login, secret)
                span = time.perf_counter() - began
                _say(f"IMAP connect, LOGIN, LOGOUT, {kind}, {state}", count / span, (_cpu(worker) - used) / count)
    finally:
        instance.stop()


async def _device(instance: Instance, login: str) -> str:
    from mailserver.foundation.settings import load

    settings = load(instance.directory)
    clock, changes = SystemClock(), Changes()
    store = Store(settings.database_url, settings.data, clock, changes, readers=1, writers=1)
    directory = EmbeddedDirectory(settings=settings, store=store, clock=clock)
    gate = Login(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
    person = await directory.find(login)
    assert person is not None
    made = await gate.devices.make(person, "banc", tuple(Scope), Origin("self", "web"))
    directory.close()
    store.close()
    return made.password.reveal()


def _log_in(port: int, login: str, secret: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        stream = sock.makefile("rwb")
        stream.readline()
        stream.write(f'a LOGIN {login} "{secret}"\r\n'.encode())
        stream.flush()
        answer = stream.readline()
        assert answer.startswith(b"a OK"), answer
        stream.write(b"b LOGOUT\r\n")
        stream.flush()
        while not stream.readline().startswith(b"b "):
            pass
        stream.close()


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    """Print the table."""
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(inside(Path(folder), people))
    with tempfile.TemporaryDirectory() as folder:
        served(Path(folder), people * 5)


if __name__ == "__main__":
    main()
