"""Restarts while clients come and go: nobody is refused, nobody's connection is reset, what is under way ends."""

import contextlib
import json
import os
import re
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import pytest

from mailserver import __version__
from mailserver.foundation.host_processes import RELAY
from mailserver.foundation.instance_lock import read_note
from mailserver.runtime.processes import LEAVE_SIGNAL
from mailserver.runtime.watchdog import state_of
from smtp.relay.queue_runner import STOP_SECONDS
from tests.harness import (
    DEMO_PASSWORD,
    START_SECONDS,
    Instance,
    environment,
    name_of,
    started_by,
    workers_of,
)
from tests.hatchery import ROOT
from tests.ports import free_port
from tests.smtp.elsewhere import Elsewhere
from tests.waiting import PATIENCE, until

ATTEMPTS = 1000
DOORS = ("smtp", "imap", "https", "ldap", "sieve")
ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")
UNBIND = bytes.fromhex("30050201024200")


class Served(Instance):
    """Started as an operator does: the command that the service starts again is the one that started it."""

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "mailserver", *words],
            cwd=ROOT,
            env=environment(),
            stdin=given,
            stdout=out,
            stderr=log,
        )


@pytest.fixture
def served(fresh: Callable[..., Instance], tmp_path: Path) -> Iterator[Served]:
    instance = Served(tmp_path / "served")
    instance.copy_of(fresh("--demo"))
    instance.configure("[limits]\ndrain_seconds = 600\n")
    yield instance
    end(instance)


def supervisor(instance: Instance) -> int:
    note = read_note(instance.directory)
    assert note is not None
    return note.pid


def end(instance: Instance) -> None:
    """Whoever serves it by now."""
    note = read_note(instance.directory)
    if note is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(note.pid, signal.SIGTERM)
        until(lambda: read_note(instance.directory) is None)
    instance.stop()


# ---------------------------------------------------------------------- clients, each the shortest of its kind


def ask(instance: Instance, door: str) -> None:
    """Connect, have one answer, say goodbye. Raises whatever a client of this door would see."""
    with socket.create_connection(("127.0.0.1", instance.ports[door]), START_SECONDS) as plain:
        if door == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as sock:
                sock.sendall(b"GET /sante/vif HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                assert hear(sock, b"\r\n").startswith(b"HTTP/1.1 200")
        elif door == "ldap":
            plain.sendall(ANONYMOUS_BIND)
            assert plain.recv(64)[5:6] == b"\x61"
            plain.sendall(UNBIND)
        else:
            greeting, words, answer = {
                "smtp": (b"220 ", b"EHLO ecole.fr\r\n", b"250 "),
                "imap": (b"* OK", b"a LOGOUT\r\n", b"a OK"),
                "sieve": (b"OK", b"LOGOUT\r\n", b"OK"),
            }[door]
            hear(plain, greeting)
            plain.sendall(words)
            hear(plain, answer)


def hear(sock: socket.socket, wanted: bytes) -> bytes:
    said = b""
    while wanted not in said:
        piece = sock.recv(65536)
        assert piece, said
        said += piece
    return said


def everything(sock: socket.socket) -> bytes:
    """What comes until the other side ends."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            said += piece
    return said


class Crowd:
    """Clients that come in turn to every door until there were enough of them and the restart is over."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.done = 0
        self.problems: list[str] = []
        self.over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(start,)) for start in range(2)]

    def __enter__(self) -> "Crowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, turn: int) -> None:
        while not self.over.is_set() or self.done < ATTEMPTS:
            turn += 1
            door = DOORS[turn % len(DOORS)]
            try:
                ask(self.instance, door)
            except (OSError, AssertionError) as problem:
                self.problems.append(f"{door}: {problem!r}")
                if len(self.problems) > 20:
                    return
            self.done += 1


def send_outside(instance: Instance) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    author = "emilie.dupont@ac-exemple.fr"
    with smtplib.SMTP("127.0.0.1", instance.ports["submission"], timeout=PATIENCE) as client:
        client.starttls(context=context)
        client.login("edupont", DEMO_PASSWORD)
        client.sendmail(author, ["x@ailleurs.fr"], f"From: {author}\r\nSubject: Au dehors\r\n\r\nUn\r\n")


def is_there(pid: int) -> bool:
    """Whether a process runs (one that nobody has waited for yet does not)."""
    return state_of(pid) not in ("", "Z")


def test_a_restart_refuses_and_resets_nobody_in_a_thousand_attempts(served: Served) -> None:
    """And who was in the middle of something ends it, or is told goodbye; what was being sent leaves once."""
    elsewhere = Elsewhere().start()
    elsewhere.inbox.hold.clear()
    elsewhere.inbox.hold_seconds = START_SECONDS
    served.configure(f'[outbound]\nsmarthost = "{elsewhere.target}"\n')
    served.start("--workers", "2")
    send_outside(served)
    until(lambda: elsewhere.inbox.held)
    before = supervisor(served)
    idle = served.imap("edupont")
    with contextlib.ExitStack() as stack:
        stack.callback(elsewhere.stop)
        stack.callback(idle.shutdown)
        letter = smtplib.SMTP("127.0.0.1", served.ports["smtp"], timeout=PATIENCE)
        stack.callback(letter.close)
        for words in ("ehlo ecole.fr", "mail from:<a@ecole.fr>", "rcpt to:<edupont@ac-exemple.fr>", "data"):
            assert letter.docmd(words)[0] in (250, 354)
        letter.send(b"From: <a@ecole.fr>\r\nSubject: A travers\r\n\r\nUn")
        with Crowd(served) as crowd:
            until(lambda: crowd.done > 20)
            said = served.command("restart", "DIR").stdout
        assert crowd.problems == []
        assert crowd.done >= ATTEMPTS
        after = supervisor(served)
        assert f"Process {after} (version {__version__}) serves" in said
        assert is_there(before), "its clients have not ended"
        time.sleep(2 * STOP_SECONDS)  # a process that ends at once has broken off by now what it was sending
        elsewhere.inbox.hold.set()
        until(lambda: json.loads(served.command("queue", "show", "DIR", "--json").stdout) == [])
        assert len(elsewhere.inbox.said) == 3, "EHLO, MAIL, RCPT: nobody else has begun with it"
        assert len(elsewhere.inbox.taken) == 1
        letter.send(b"\r\n.\r\n")
        assert letter.getreply()[0] == 250
        assert idle.select("INBOX")[0] == "OK"
        until(lambda: idle.search(None, "SUBJECT", '"A travers"')[1] != [b""])
        os.kill(before, signal.SIGTERM)
        assert b"* BYE" in everything(idle.socket())
    until(lambda: not is_there(before))
    assert served.imap("edupont").logout()[0] == "BYE"
    assert "Traceback" not in served.log_text()


class InContainer(Served):
    """The first process of a process namespace of its own."""

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "subprocess.Popen[bytes]":
        alone = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*alone, sys.executable, "-m", "mailserver", *words]
        return subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=given, stdout=out, stderr=log)


@pytest.mark.needs("root")
def test_the_first_process_of_a_container_stays(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    """Its end would be that of whoever took over."""
    served = InContainer(tmp_path / "served")
    served.copy_of(fresh("--demo"))
    served.start("--workers", "1")
    (first,) = started_by(served.pid)
    try:
        os.kill(first, LEAVE_SIGNAL)
        until(lambda: "a container ends with its first process" in served.log_text())
        with served.imap("edupont") as client:
            assert client.select("INBOX")[0] == "OK"
        assert is_there(first)
    finally:
        os.kill(first, signal.SIGTERM)
        until(lambda: not is_there(first))
        served.stop()


@pytest.mark.long
def test_who_cannot_take_over_changes_nothing(served: Served) -> None:
    served.start("--workers", "1")
    before, processes = supervisor(served), workers_of(served)
    key = served.directory / "tls" / "key.pem"
    key.rename(key.with_suffix(".aside"))
    refused = served.command("restart", "DIR", check=False)
    assert refused.returncode == 1
    assert "nothing has changed" in refused.stderr
    assert "key.pem" in refused.stderr
    assert "not handed over" in served.log_text()
    assert (supervisor(served), workers_of(served)) == (before, processes)
    assert "did not take place" in checked(served)
    key.with_suffix(".aside").rename(key)
    # With the bound at nothing, clients who stay are told goodbye at once; ports that are new are opened.
    path = served.directory / "mailserver.toml"
    served.ports["smtp"], old = free_port(), served.ports["smtp"]
    text = path.read_text().replace("drain_seconds = 600", "drain_seconds = 0")
    path.write_text(text.replace(f"smtp = {old}\n", f"smtp = {served.ports['smtp']}\n"))
    idle = served.imap("edupont")
    assert "has changed since the service read it" in checked(served)
    os.kill(before, signal.SIGHUP)
    until(lambda: "wait for a restart: listen.smtp" in checked(served))
    served.command("restart", "DIR")
    assert "service" not in checked(served)
    assert b"* BYE" in everything(idle.socket())
    idle.shutdown()
    until(lambda: not is_there(before))
    ask(served, "smtp")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", old))


def checked(instance: Instance) -> str:
    """What `check` says of the service that runs."""
    said = instance.command("check", "DIR", "--no-dns", "--json", check=False).stdout
    return " ".join(f"{one['subject']}: {one['text']}" for one in json.loads(said) if one["subject"] == "service")


def test_who_waits_at_a_worker_that_dies_is_served_by_the_next(served: Served) -> None:
    """Also those whom it has not accepted: of a stopped worker everybody waits."""
    served.start("--workers", "1")
    (frozen,) = workers_of(served)
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: state_of(frozen) == "T")
    with contextlib.ExitStack() as stack:
        waiting = [
            stack.enter_context(socket.create_connection(("127.0.0.1", served.ports["smtp"]), START_SECONDS))
            for _ in range(20)
        ]
        os.kill(frozen, signal.SIGKILL)
        for sock in waiting:
            assert hear(sock, b"\r\n").startswith(b"220 ")
    assert workers_of(served) not in ([], [frozen])


def test_nobody_serves_it(served: Served) -> None:
    refused = served.command("restart", "DIR", check=False)
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1


# ---------------------------------------------------------------------- as systemd does it

LAUNCH = """
import fcntl, os, sys
numbers = [int(number) for number in sys.argv[1].split(",")]
high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for number in numbers]
for number, descriptor in enumerate(high, 3):
    os.dup2(descriptor, number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "mailserver", *sys.argv[2:]])
"""


class Manager:
    """Binds the ports, starts the service, hears what it says: as much of systemd as the service knows of."""

    def __init__(self, instance: Instance, folder: Path) -> None:
        self.instance = instance
        self.sockets = {name: socket.create_server(("127.0.0.1", 0), backlog=4096) for name in DOORS}
        self.said: list[str] = []
        for name, sock in self.sockets.items():
            instance.ports[name] = sock.getsockname()[1]
        self._address = folder / "notify"
        self._hear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._hear.bind(str(self._address))
        self._heard = 0
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Until it says that it is ready; the one before has ended."""
        if self.process is not None:
            assert self.process.wait(START_SECONDS) == 0
        near = [os.dup(sock.fileno()) for sock in self.sockets.values()]
        told = {
            "NOTIFY_SOCKET": str(self._address),
            "WATCHDOG_USEC": "60000000",
            "LISTEN_FDS": str(len(near)),
            "LISTEN_FDNAMES": ":".join(self.sockets),
        }
        words = ["serve", str(self.instance.directory), "--workers", "2"]
        with open(self.instance.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, ",".join(map(str, near)), *words],
                cwd=ROOT,
                env={**environment(), **told},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=near,
            )
        for descriptor in near:
            os.close(descriptor)
        self.hear("READY=1")

    def _listen(self) -> None:
        while text := self._hear.recv(4096).decode():
            self.said.append(text)

    def hear(self, wanted: str) -> str:
        """What was not heard yet, until this; the whole of that message."""
        found: list[str] = []

        def is_said() -> bool:
            while self._heard < len(self.said) and not found:
                text = self.said[self._heard]
                self._heard += 1
                found.extend([text] if wanted in text.splitlines() else [])
            return bool(found)

        until(is_said, START_SECONDS)
        return found[0]

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        assert self.process.wait(START_SECONDS) == 0

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", str(self._address))
        self._listener.join()
        for sock in (self._hear, *self.sockets.values()):
            sock.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def test_sockets_of_systemd_outlive_every_kind_of_restart(served: Served, tmp_path: Path) -> None:
    path = served.directory / "mailserver.toml"
    path.write_text(path.read_text().replace("drain_seconds = 600", "drain_seconds = 1"))
    with contextlib.closing(Manager(served, tmp_path)) as manager:
        manager.start()
        first = supervisor(served)
        with Crowd(served) as crowd:
            until(lambda: crowd.done > 20)
            os.kill(first, signal.SIGHUP)
            assert re.search(r"^MONOTONIC_USEC=\d+$", manager.hear("RELOADING=1"), re.MULTILINE)
            manager.hear("READY=1")
            served.command("restart", "DIR")
            second = supervisor(served)
            assert second != first
            assert "STATUS=2 workers serve ac-exemple.fr" in manager.hear(f"MAINPID={second}")
            manager.hear("WATCHDOG=1")
            os.kill(second, signal.SIGTERM)  # `systemctl restart`: it stops, and is started again
            manager.hear("STOPPING=1")
            until(lambda: not is_there(second))
            manager.start()
        assert crowd.problems == []
        assert crowd.done >= ATTEMPTS
        assert "STATUS=2 workers serve ac-exemple.fr" in "\n".join(manager.said)
        third = supervisor(served)

        def is_missed() -> bool:
            for pid in started_by(third):
                if name_of(pid) == RELAY:  # until it is missed: what has worked for long is replaced at once
                    os.kill(pid, signal.SIGKILL)
            return any("mail-relay missing" in text for text in manager.said)

        until(is_missed, START_SECONDS)
        manager.stop()
    assert "Traceback" not in served.log_text()
