"""A person of the running instance, seen from the outside: what a mail program would be told of them."""

import imaplib
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "Academie#2026"
PATIENCE = 60.0
"""Seconds a mail program may take for one run."""


@dataclass(frozen=True, slots=True)
class Account:
    """Where a person's mail is, and what they log in with."""

    login: str
    port: int
    tls_port: int
    certificate: Path
    password: str = PASSWORD
    host: str = "127.0.0.1"

    def imap(self) -> "Witness":
        """A session of ours beside the program's, to prepare and to look at the result."""
        return Witness(self)


class Witness:
    """An imaplib session whose every command must succeed."""

    def __init__(self, account: Account) -> None:
        self.client = imaplib.IMAP4(account.host, account.port, timeout=60)
        # imaplib sends a literal and its line end apart: without this every APPEND waits 40 ms for an ACK.
        self.client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.client.login(account.login, account.password)

    def __enter__(self) -> "Witness":
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.logout()

    def append(self, mailbox: str, message: bytes, flags: str = "") -> None:
        answer, said = self.client.append(quoted(mailbox), flags, "", message)
        assert answer == "OK", said

    def do(self, command: str, *arguments: str) -> list[bytes]:
        answer, said = self.client.uid(command, *arguments)
        assert answer == "OK", said
        return said

    def create(self, mailbox: str) -> None:
        assert self.client.create(quoted(mailbox))[0] == "OK"

    def mailboxes(self) -> set[str]:
        answer, said = self.client.list()
        assert answer == "OK"
        found = set()
        for line in said:
            assert isinstance(line, bytes)
            match = re.fullmatch(rb'\([^)]*\) "/" (?:"(.*)"|(.*))', line)
            assert match is not None, line
            found.add((match[1] if match[1] is not None else match[2]).decode("ascii"))
        return found

    def messages(self, mailbox: str) -> dict[str, "Seen"]:
        """Every message of a mailbox by its subject."""
        answer, said = self.client.select(quoted(mailbox), readonly=True)
        assert answer == "OK", said
        found: dict[str, Seen] = {}
        for part in self.do("FETCH", "1:*", "(FLAGS BODY.PEEK[])") if said != [b"0"] else []:
            if not isinstance(part, tuple):
                continue
            header, octets = part
            flags = re.search(rb"FLAGS \(([^)]*)\)", header)
            subject = re.search(rb"(?m)^Subject: (.*)\r$", octets)
            assert flags is not None
            assert subject is not None
            names = {name for name in flags[1].decode("ascii").split() if name != "\\Recent"}
            found[subject[1].decode("ascii")] = Seen(names, octets)
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as the server has it."""

    flags: set[str]
    octets: bytes


def quoted(mailbox: str) -> str:
    return '"' + mailbox.replace("\\", "\\\\").replace('"', '\\"') + '"'


def message(subject: str, body: str = "Bonjour\r\n") -> bytes:
    """A small message with an accent in it."""
    return (
        f"From: Martin <mmartin@ac-exemple.fr>\r\nTo: edupont@ac-exemple.fr\r\nSubject: {subject}\r\n"
        f"Date: Wed, 17 Jul 2024 02:23:25 +0200\r\nMessage-ID: <{subject}.{time.monotonic_ns()}@x>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nÉté. {body}"
    ).encode()


def require(program: str) -> None:
    """These tests are about a program: without it they fail, and say what to install."""
    if shutil.which(program) is None:
        raise AssertionError(f"{program} is not installed: run tests/install.sh")


def run(*command: object, env: Mapping[str, str] | None = None, check: bool = True) -> str:
    """Run a program without a terminal; all it printed."""
    result = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
    )
    printed = result.stdout.decode("utf-8", "replace")
    assert not check or result.returncode == 0, printed
    return printed


def run_on_terminal(*command: object, env: Mapping[str, str]) -> str:
    """Run a full-screen program on a terminal of its own until it ends; what it drew."""
    control, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 80))
    process = subprocess.Popen(
        [str(word) for word in command],
        env={**os.environ, "TERM": "vt100", **env},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    drawn = bytearray()
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            if not select.select([control], [], [], 0.1)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                drawn += os.read(control, 65_536)
            except OSError:  # the last one has closed the terminal
                break
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{command[0]} did not end; it drew:\n{drawn.decode(errors='replace')}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(control)
    text = drawn.decode("utf-8", "replace")
    assert process.returncode == 0, text
    return text
