"""A restart without a moment in which nobody listens: a supervisor of the code that is installed now takes over.

The one before starts it and passes on its sockets and the instance's lock. It goes on serving until the new one says
that every worker of its own serves, and then lets its clients end. One that does not get so far changes nothing.
"""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mailserver
from mailserver.foundation.network.ports import CannotServe, Port

VARIABLE = "MAILSERVER_HANDOVER"
SUCCESSOR_SECONDS = 900.0
"""For a new supervisor to become ready: it may have to bring a large database up to date first."""
READY = b"+"
PROBLEM = b"!"
PIPE_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a successor; without a problem it serves."""

    problem: str = ""


class Successor:
    """The new supervisor, as the one before sees it."""

    def __init__(self, command: Sequence[str], ports: Sequence[Port], lock: int) -> None:
        self._hear, tell = os.pipe()
        parts = [
            {"name": port.name, "given": port.is_given, "sockets": [sock.fileno() for sock in port.sockets]}
            for port in ports
        ]
        passed = [lock, tell, *(sock.fileno() for port in ports for sock in port.sockets)]
        environment = {**os.environ, VARIABLE: json.dumps({"lock": lock, "tell": tell, "ports": parts})}
        try:
            self._process = subprocess.Popen(command, pass_fds=passed, env=environment, stdin=subprocess.DEVNULL)
        except OSError:
            os.close(self._hear)
            raise
        finally:
            os.close(tell)
        self._deadline = time.monotonic() + SUCCESSOR_SECONDS
        self.pid = self._process.pid

    def outcome(self) -> Outcome | None:
        """What became of it; None while it prepares itself."""
        found: Outcome | None = None
        if select.select([self._hear], [], [], 0)[0]:
            said = os.read(self._hear, PIPE_OCTETS)
            if said.startswith(READY):
                found = Outcome()
            else:
                found = Outcome(said.removeprefix(PROBLEM).decode(errors="replace") or "it ended before it was ready")
        elif time.monotonic() > self._deadline:
            found = Outcome(f"it was not ready within {SUCCESSOR_SECONDS:.0f} s")
        if found is not None:
            self._let_go(has_failed=bool(found.problem))
        return found

    def abandon(self) -> None:
        """End it: we are to stop ourselves."""
        self._let_go(has_failed=True)

    def _let_go(self, *, has_failed: bool) -> None:
        os.close(self._hear)
        if has_failed:
            self._process.kill()  # its workers go with it
            self._process.wait()
        else:
            self._process.returncode = 0  # it outlives us: nobody waits for it


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a new supervisor has from the one before."""

    lock: int
    ports: list[Port]
    _tell: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What is ours alone, and nobody's whom we fork."""
        return (self._tell,)

    def ready(self) -> None:
        """Every worker serves. The one before may be gone, which changes nothing."""
        self._say(READY)

    def refuse(self, problem: str) -> None:
        """We end: why."""
        self._say(PROBLEM + " ".join(problem.split()).encode()[: PIPE_OCTETS // 2])

    def _say(self, octets: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self._tell, octets)
        with contextlib.suppress(OSError):
            os.close(self._tell)


def inherited(environment: MutableMapping[str, str] = os.environ) -> Inheritance | None:
    """What the supervisor before us passed on. Raises CannotServe for what it cannot have been."""
    text = environment.pop(VARIABLE, "")
    if not text:
        return None
    try:
        value = json.loads(text)
        found = [
            Port(part["name"], [_kept(number) for number in part["sockets"]], is_given=part["given"])
            for part in value["ports"]
        ]
        lock, tell = int(value["lock"]), int(value["tell"])
        for descriptor in (lock, tell):
            os.set_inheritable(descriptor, False)
    except (ValueError, TypeError, KeyError, OSError):
        raise CannotServe(f"{VARIABLE} is for the service itself, and was not understood") from None
    return Inheritance(lock, found, tell)


def _kept(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    return socket.socket(fileno=descriptor)


def command(*words: object) -> list[str]:
    """How to run `mailserver WORDS` by the code that is installed when it runs."""
    root = Path(mailserver.__file__).parent.parent
    # Not from wherever we happened to be started; unless that is the only place where the program is.
    safe = [] if root == Path.cwd() else ["-P"]
    return [sys.executable, *safe, "-m", "mailserver", *map(str, words)]
