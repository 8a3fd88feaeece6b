"""Where lines go: standard error, the journal, syslog, files of several processes. None of them ever stops who logs.

A line that cannot be written is lost and counted; how many were is said before the next one that can.
"""

import contextlib
import fcntl
import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from mailserver.foundation.settings import Log

IDENTIFIER = "mailserver"
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""RFC 5424 section 6.2.1; the journal's PRIORITY is the same."""
DAEMON = 3
"""The facility."""
MOST_OCTETS = 32 * 1024
"""Of a line, where it leaves in one datagram."""
SEND_SECONDS = 0.01
"""The event loop may wait so long for a reader that is busy;"""
PAUSE_SECONDS = 1.0
"""then lines are lost for so long, without another wait."""
LOOK_SECONDS = 0.25
"""Between two looks whether somebody has moved the file."""
JOURNAL = "/run/systemd/journal/socket"
MOST_ID = 32
"""Characters of a MSGID."""
_NOT_GRAPHIC = re.compile(r"[^!-~]")


class Target(Protocol):
    """Takes lines."""

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        """From any thread. Never raises."""

    def close(self) -> None:
        """Another takes its place. A line that comes all the same is written."""


class Stream:
    """Standard error, as it is at that moment."""

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        """Below it is a stream that loses what it cannot write (`log_streams.be_patient`)."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(line + "\n")

    def close(self) -> None:
        """The stream is the process's."""


class Datagrams:
    """A socket of this machine that takes a line a datagram; it is connected anew when its reader is."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._lost = 0
        self._until = 0.0

    def send(self, octets: bytes) -> None:
        """Or lose it."""
        with self._lock:
            self._send(octets)

    def _send(self, octets: bytes) -> None:
        if time.monotonic() < self._until:
            self._lost += 1
            return
        try:
            try:
                self._connected().send(octets)
            except (ConnectionError, FileNotFoundError):  # its reader was started anew
                self._drop()
                self._connected().send(octets)
        except OSError:
            self._drop()
            self._lost += 1
            self._until = time.monotonic() + PAUSE_SECONDS

    def take_lost(self) -> int:
        """How many were lost since the last time, once there is hope."""
        with self._lock:
            if not self._lost or time.monotonic() < self._until:
                return 0
            lost, self._lost = self._lost, 0
            return lost

    def close(self) -> None:
        """Until the next line."""
        with self._lock:
            self._drop()

    def _connected(self) -> socket.socket:
        if self._socket is None:
            host, _, port = self.address.rpartition(":")
            is_path = self.address.startswith("/")
            family = socket.AF_UNIX if is_path else socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._socket.settimeout(SEND_SECONDS)
            self._socket.connect(self.address if is_path else (host.strip("[]"), int(port)))
        return self._socket

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Journal:
    """systemd's journal by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): fields can be asked for."""

    def __init__(self, address: str = JOURNAL) -> None:
        self._out = Datagrams(address)

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        if lost := self._out.take_lost():
            self._out.send(_entry(f"{lost} lines could not be written here", {"level": "warning"}))
        self._out.send(_entry(line, fields))

    def close(self) -> None:
        self._out.close()


def _entry(line: str, fields: Mapping[str, Any]) -> bytes:
    told = {
        "MESSAGE": line,
        "PRIORITY": str(PRIORITIES.get(str(fields.get("level")), 6)),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        "MAILSERVER_PART": str(fields.get("part", "")),
        "MAILSERVER_MESSAGE": str(fields.get("message", "")),
    }
    return b"".join(_field(name, value) for name, value in told.items() if value)


def _field(name: str, value: str) -> bytes:
    octets = value.encode("utf-8", "backslashreplace")[:MOST_OCTETS]
    if b"\n" not in octets:
        return name.encode() + b"=" + octets + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(octets)) + octets + b"\n"


class Syslog:
    """RFC 5424 over a socket of this machine, or over UDP (RFC 5426). MSGID is the part that speaks."""

    def __init__(self, address: str, host: str) -> None:
        self._out = Datagrams(address)
        self._host = host

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        if lost := self._out.take_lost():
            self._out.send(self._packet(f"{lost} lines could not be written here", {**fields, "level": "warning"}))
        for part in line.split("\n"):  # a traceback: one line a packet
            self._out.send(self._packet(part, fields))

    def close(self) -> None:
        self._out.close()

    def _packet(self, line: str, fields: Mapping[str, Any]) -> bytes:
        priority = DAEMON * 8 + PRIORITIES.get(str(fields.get("level")), 6)
        part = _NOT_GRAPHIC.sub("_", str(fields.get("part") or "-"))[:MOST_ID]
        head = f"<{priority}>1 {fields['timestamp']} {self._host} {IDENTIFIER} {os.getpid()} {part} - \ufeff"
        return head.encode() + line.encode("utf-8", "backslashreplace")[:MOST_OCTETS]


class File:
    """A file that every process of the instance appends to, a line a write, so that none is torn.

    Whoever finds it too large moves it aside under a lock; the others see that its name leads elsewhere now, and what
    they wrote meanwhile stands in the one that was moved. A file that somebody else moves (logrotate) is left the same
    way.
    """

    def __init__(self, path: Path, size: int, count: int) -> None:
        self._path = path
        self._size = size
        self._count = count
        self._descriptor = -1
        self._lock = threading.Lock()
        self._looked = 0.0
        self._lost = 0

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        octets = line.encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            try:
                self._look()
                if self._lost:
                    os.write(self._descriptor, f"mailserver: {self._lost} lines could not be written here\n".encode())
                    self._lost = 0
                os.write(self._descriptor, octets)
            except OSError:
                self._lost += 1

    def close(self) -> None:
        """Until the next line."""
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _look(self) -> None:
        now = time.monotonic()
        if self._descriptor >= 0 and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        if self._descriptor < 0 or not self._is_named():
            self._open()
        if self._size and os.fstat(self._descriptor).st_size >= self._size:
            self._rotate()
            self._open()

    def _is_named(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self._path.parent.mkdir(mode=0o700, exist_ok=True)
        opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = opened

    def _rotate(self) -> None:
        """Once, whoever comes first: the size is looked at again under the lock."""
        lock = os.open(self._aside("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                if os.stat(self._path).st_size < self._size:
                    return
            except FileNotFoundError:  # somebody else just did it
                return
            for number in range(self._count - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(self._aside(str(number)), self._aside(str(number + 1)))
            os.replace(self._path, self._aside("1"))
        finally:
            os.close(lock)

    def _aside(self, end: str) -> str:
        return f"{self._path}.{end}"


def target_of(settings: Log, directory: Path, host: str) -> Target:
    """What the settings ask for."""
    match settings.to:
        case "journald":
            return Journal()
        case "syslog":
            return Syslog(settings.syslog, host)
        case "file":
            return File(directory / settings.file, settings.rotate_size, settings.rotate_count)
        case _:
            return Stream()
