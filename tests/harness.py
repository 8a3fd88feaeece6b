"""Runs an instance as its operator would: `mailserver init`, `serve`, signals; on free ports."""

import contextlib
import fcntl
import imaplib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.hatchery import Hatched, Hatchery, search_path
from tests.ports import free_port

START_SECONDS = 240
"""On a machine with ten other things to do a server was seen to need more than 60."""
STOP_SECONDS = 60
COMMAND_SECONDS = 300
DEMO_PASSWORD = "Academie#2026"
PORTS = ("smtp", "submission", "submissions", "lmtp", "imap", "imaps", "sieve", "ldap", "ldaps", "http", "https")
hatchery = Hatchery()


def run_command(
    *args: object, stdin: str | None = None, check: bool = True, umask: int = 0o022
) -> subprocess.CompletedProcess[str]:
    """Run `mailserver ARGS` from this checkout and return what it printed."""
    words = [str(arg) for arg in args]
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin or "")
        given.seek(0)
        process = hatchery.spawn(words, environment(), given, out, err, umask=umask)
        try:
            code = process.wait(COMMAND_SECONDS)
        finally:
            process.kill()
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    result = subprocess.CompletedProcess(words, code, *said)
    if check and result.returncode != 0:
        raise AssertionError(f"mailserver {args} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
    return result


class Instance:
    """An instance in a folder of its own, with every door on a free port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ports: dict[str, int] = {}
        self.log = directory.with_suffix(".log")
        self._process: Hatched | subprocess.Popen[bytes] | None = None

    def init(self, *options: str) -> str:
        """`mailserver init`, then give every door a free port; what init printed."""
        output = run_command("init", self.directory, *options).stdout
        self._choose_ports()
        return output

    def copy_of(self, other: "Instance") -> None:
        """Be what `init` made there, for the time that `init` takes."""
        shutil.copytree(other.directory, self.directory)
        text = (self.directory / "mailserver.toml").read_text()
        for name, port in other.ports.items():
            text = text.replace(f"{name} = {port}\n", "")
        (self.directory / "mailserver.toml").write_text(text)
        self._choose_ports()

    def _choose_ports(self) -> None:
        self.ports = {name: free_port() for name in PORTS}
        path = self.directory / "mailserver.toml"
        listen = "[listen]\n" + "".join(f"{name} = {port}\n" for name, port in self.ports.items())
        path.write_text(path.read_text().replace("[listen]\n", listen, 1))

    def configure(self, text: str) -> None:
        """Append to the settings file."""
        path = self.directory / "mailserver.toml"
        path.write_text(path.read_text() + "\n" + text)

    def command(self, *args: object, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`mailserver VERB … DIR …`: the folder is put where `DIR` stands in the arguments."""
        return run_command(*(self.directory if arg == "DIR" else arg for arg in args), stdin=stdin, check=check)

    def start(self, *options: str) -> None:
        """`mailserver serve` in the background; returns when it announced that every door is open."""
        said = self.directory.with_suffix(".out")
        with open(self.log, "ab") as log, open(said, "wb") as out, open(os.devnull) as nothing:
            self._process = self._launch(["serve", str(self.directory), *options], nothing, out, log)
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C" not in said.read_text():
            if self._process.poll() is not None or time.monotonic() > deadline:
                problem = f"the server did not start:\n{said.read_text()}\n{self.log.read_text()[-4000:]}"
                raise AssertionError(problem)
            time.sleep(0.02)

    def _launch(
        self, words: Sequence[str], given: IO[str], out: IO[bytes], log: IO[bytes]
    ) -> "Hatched | subprocess.Popen[bytes]":
        return hatchery.spawn(list(words), environment(), given, out, log)

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None
        return self._process.pid

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """Send a signal and wait; the exit code. A server that does not end is killed and fails the test."""
        if self._process is None:
            return None
        process, self._process = self._process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("the server did not stop in time") from None

    def kill(self) -> None:
        """Pull the plug: SIGKILL to the supervisor; its workers die with it, ports and folder are free."""
        self.stop(signal.SIGKILL)
        deadline = time.monotonic() + STOP_SECONDS
        while self._is_held() or any(_is_open(port) for port in self.ports.values()):
            assert time.monotonic() < deadline, "workers outlived their supervisor"
            time.sleep(0.02)

    def _is_held(self) -> bool:
        """True while a process of the instance lives: each has the supervisor's lock."""
        with open(self.directory / "data" / "serve.lock", "rb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
        return False

    def imap(self, login: str, password: str = DEMO_PASSWORD) -> imaplib.IMAP4:
        """A logged-in imaplib client."""
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=60)
        try:
            client.login(login, password)
        except BaseException:
            client.shutdown()
            raise
        return client

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")


def children_of(instance: Instance) -> list[int]:
    """Process ids of everything the supervisor started."""
    return started_by(instance.pid)


def started_by(supervisor: int) -> list[int]:
    """The same of a supervisor by its id."""
    return [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]


def workers_of(instance: Instance) -> list[int]:
    """Process ids of what serves clients."""
    return [pid for pid in children_of(instance) if name_of(pid) == "mail-worker"]


def relays_of(instance: Instance) -> list[int]:
    """Process ids of what sends."""
    return [pid for pid in children_of(instance) if name_of(pid) == "mail-relay"]


def name_of(pid: int) -> str:
    """What a process calls itself; nothing once it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def environment() -> dict[str, str]:
    """What a command of this checkout runs with."""
    return {**os.environ, "PYTHONPATH": search_path(), "PYTHONUNBUFFERED": "1"}


def _is_open(port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(0.5)
        return sock.connect_ex(("127.0.0.1", port)) == 0
