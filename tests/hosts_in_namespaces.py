"""Two hosts of one instance on this machine: network namespaces of their own, behind HAProxy, over one PostgreSQL and
one object storage. Each has a link for clients and a link to what the hosts share; a test takes either away.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from mailserver.foundation.instance_lock import read_note
from tests.harness import COMMAND_SECONDS, STOP_SECONDS, Instance, children_of, environment
from tests.object_storage import KEY, ObjectStorage
from tests.ports import free_port
from tests.postgres import Postgres
from tests.waiting import until

NET = os.getpid() % 250
STRANGER = "192.0.2.77"
"""As whom HAProxy presents its clients: nobody of this machine."""
SETTINGS = """
[proxy]
networks = ["10.77.0.0/16"]
[authentication]
dmarc = "off"
[peers]
enabled = false
"""
HAPROXY = """
defaults
    mode tcp
    timeout connect 3s
    timeout client 40m
    timeout server 40m
    timeout check 5s
    option redispatch 1
    retries 3
    balance roundrobin
    default-server send-proxy-v2 check check-send-proxy inter 500ms fall {fall} rise 1 on-marked-down shutdown-sessions
"""
LISTEN = """
listen {name}
    bind 127.0.0.1:{port}
    tcp-request connection set-src str({stranger})
"""
BEHIND = {"smtp": ("smtp", ""), "imaps": ("imaps", ""), "imap": ("imaps", " ssl verify none")}
"""By what HAProxy offers: the door of a host, and how it is reached. Clients of `imap` leave TLS to HAProxy."""


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


class Link:
    """A pair of interfaces, one here and one in the namespace."""

    def __init__(self, space: str, name: str, subnet: str) -> None:
        self.here, self.there = f"{subnet}.1", f"{subnet}.2"
        self._name = name
        _ip("link", "add", name, "type", "veth", "peer", "name", "eth" + name[-1], "netns", space)
        _ip("addr", "add", f"{self.here}/24", "dev", name)
        _ip("link", "set", name, "up")
        _ip("-n", space, "addr", "add", f"{self.there}/24", "dev", "eth" + name[-1])
        _ip("-n", space, "link", "set", "eth" + name[-1], "up")

    def cut(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        _ip("link", "set", self._name, "down")

    def mend(self) -> None:
        _ip("link", "set", self._name, "up")


class Host(Instance):
    """One of them, in its namespace. `program`: the folder whose service it runs; None: this checkout."""

    def __init__(self, directory: Path, number: int, program: Path | None = None) -> None:
        super().__init__(directory)
        self._program = program
        self._relieved = False
        self.space = f"mail{os.getpid()}x{number}"
        _ip("netns", "add", self.space)
        _ip("-n", self.space, "link", "set", "lo", "up")
        self.clients = Link(self.space, f"v{os.getpid()}{number}c", f"10.77.{(NET + 3 * number) % 256}")
        self.shared = Link(self.space, f"v{os.getpid()}{number}s", f"10.78.{(NET + 3 * number) % 256}")

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        command = ["ip", "netns", "exec", self.space, sys.executable, "-P", "-m", "mailserver", *words]
        return subprocess.Popen(command, env=self._environment(), stdin=given, stdout=out, stderr=log)

    def _environment(self) -> dict[str, str]:
        if self._program is None:
            return environment()
        return environment() | {"PYTHONPATH": f"{self._program}{os.pathsep}{self._program / 'calendar'}"}

    def init(self, *options: str) -> str:
        output = self.command("init", "DIR", *options).stdout
        self._choose_ports()
        return output

    def command(self, *args: object, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        if self._program is None:
            return super().command(*args, stdin=stdin, check=check)
        words = [str(self.directory if arg == "DIR" else arg) for arg in args]
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mailserver", *words],
            env=self._environment(),
            input=stdin or "",
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"mailserver {words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def relieve(self) -> str:
        """A supervisor of the program as it is installed by now takes over; what `restart` says."""
        said = self.command("restart", "DIR", "--wait", 300).stdout
        self._relieved = True
        return said

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        if not self._relieved:
            return super().stop(number)
        note = read_note(self.directory)
        if note is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(note.pid, number)
            until(lambda: read_note(self.directory) is None, STOP_SECONDS)
        self._relieved = False
        return super().stop(number)

    def kill(self) -> None:
        """As a host whose power fails: its workers go with it."""
        self.stop(signal.SIGKILL)

    def freeze(self) -> list[int]:
        """Every process stops where it is."""
        found = [self.pid, *children_of(self)]
        for process in found:
            os.kill(process, signal.SIGSTOP)
        return found

    @staticmethod
    def thaw(processes: list[int]) -> None:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)

    def remove(self) -> None:
        self.stop()
        subprocess.run(["ip", "netns", "del", self.space], check=False, capture_output=True)


class Academy:
    """Both, and what they share."""

    def __init__(
        self,
        folder: Path,
        doors: Sequence[str] = ("smtp", "imaps"),
        *,
        durable: bool = False,
        fall: int = 2,
        program: Path | None = None,
    ) -> None:
        """`doors`: what HAProxy offers, of both, and of each alone (`smtp1`). `durable`: PostgreSQL syncs.
        `fall`: looks at a host that fail before it is taken for down. `program`: the folder whose service they run."""
        self.folder = folder
        self._fall = fall
        self.hosts = [Host(folder / f"host{number}", number, program) for number in (1, 2)]
        shared = [host.shared.here for host in self.hosts]
        self.postgres = Postgres(folder, listen=("127.0.0.1", *shared), durable=durable)
        self.storage = ObjectStorage(folder / "objects", *shared)
        self.database = ""
        self.ports = {f"{door}{which}": free_port() for door in doors for which in ("", "1", "2")}
        self._haproxy: subprocess.Popen[bytes] | None = None

    def start(self, people: Path, *, domain: str = "ac-exemple.fr", workers: int = 1, settings: str = SETTINGS) -> None:
        """The first host as `init` makes it, the second as the documents say; so many workers on each."""
        self.postgres.start()
        self.storage.start()
        self.database = self.postgres.create()
        first, second = self.hosts
        first.init("--domain", domain, "--database", self.database)
        (first.directory / "secrets" / "octets").write_text("\n".join(KEY))
        plain = (first.directory / "mailserver.toml").read_text()
        first.configure(self.storage.settings())
        first.command("import", "DIR", people, "--accept-passwords")
        second.directory.mkdir(mode=0o700)
        for name in ("secrets", "tls"):
            shutil.copytree(first.directory / name, second.directory / name)
        shutil.copy(first.directory / "instance-id", second.directory)
        (second.directory / "data").mkdir(mode=0o700)
        for host in self.hosts:
            text = plain.replace("127.0.0.1:", f"{host.shared.here}:").replace(
                'address = "127.0.0.1"', f'address = "{host.clients.there}"'
            )
            octets = self.storage.settings().replace(self.storage.address, host.shared.here)
            (host.directory / "mailserver.toml").write_text(text + settings + octets)
            host.ports = first.ports
            host.start("--workers", str(workers))
        self._start_haproxy()

    def _start_haproxy(self) -> None:
        text = HAPROXY.format(fall=self._fall)
        for name, port in self.ports.items():
            text += LISTEN.format(name=name, port=port, stranger=STRANGER)
            offered = name.rstrip("12")
            door, how = BEHIND[offered]
            if door == "smtp":
                text += "    option tcp-check\n    tcp-check expect rstring ^220\n"
            for number, host in enumerate(self.hosts, 1):
                if name in (offered, f"{offered}{number}"):
                    text += f"    server mail{number} {host.clients.there}:{host.ports[door]}{how}\n"
        file = self.folder / "haproxy.cfg"
        file.write_text(text)
        program = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
        assert program
        self._haproxy = subprocess.Popen([program, "-db", "-f", str(file)], stderr=subprocess.DEVNULL)

    def stop(self) -> None:
        if self._haproxy is not None:
            self._haproxy.kill()
            self._haproxy.wait()
        for host in self.hosts:
            host.shared.mend()
            host.clients.mend()
            host.remove()
        self.storage.stop()
        self.postgres.stop()


@contextlib.contextmanager
def academy(folder: Path, people: Path, program: Path | None = None) -> Iterator[Academy]:
    made = Academy(folder, program=program)
    try:
        made.start(people)
        yield made
    finally:
        made.stop()
