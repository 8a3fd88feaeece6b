"""What systemd and its kind are told and give: sd_notify(3) and sd_listen_fds(3). Without one nothing happens here."""

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from mailserver.foundation.network.ports import CannotServe, Port, ports
from mailserver.foundation.settings import Listen

FIRST_DESCRIPTOR = 3
MOST_DESCRIPTORS = 256
STATUS_LENGTH = 200


class Notifier:
    """Says how the service does to whoever started it."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "").replace("@", "\0", 1)
        self._has_watchdog = "WATCHDOG_USEC" in environment
        self._said = ""

    def ready(self, status: str) -> None:
        """Everybody is served."""
        self._send("READY=1", self._status(status))

    def reloading(self) -> None:
        """Settings are being read; `ready` says that it is over."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", self._status("Reads its settings"))

    def stopping(self, status: str) -> None:
        self._send("STOPPING=1", self._status(status))

    def status(self, status: str) -> None:
        """One sentence for people; said once."""
        if status != self._said:
            self._send(self._status(status))

    def main_process(self, pid: int, status: str) -> None:
        """Another process is the service from now on: what it says of itself before that nobody hears."""
        self._send(f"MAINPID={pid}", self._status(status))

    def alive(self) -> None:
        """The watchdog need not do anything."""
        if self._has_watchdog:
            self._send("WATCHDOG=1")

    def _status(self, text: str) -> str:
        self._said = text
        return "STATUS=" + " ".join(text.split())[:STATUS_LENGTH]

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # A manager that does not listen must not hold the service up.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(self._address)
            sock.send("\n".join(lines).encode())


def given_ports(listen: Listen, environment: MutableMapping[str, str] = os.environ) -> list[Port]:
    """The sockets that the manager bound, by the name of their door, or its port. Raises CannotServe for others."""
    process, count, names = (environment.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if process != str(os.getpid()) or not count.isdecimal() or int(count) > MOST_DESCRIPTORS:
        return []
    doors = ports(listen)
    by_number = {number: name for name, number in doors.items()}
    given = names.split(":") + [""] * int(count)
    found = []
    for at in range(int(count)):
        sock = _listening(FIRST_DESCRIPTOR + at)
        address, number = sock.getsockname()[:2]
        name = given[at] if given[at] in doors else by_number.get(number)
        if name is None:
            raise CannotServe(
                f"the socket {address}:{number} of the service manager is no door's: [listen] has no such port"
            )
        found.append(Port(name, [sock], is_given=True))
    return found


def _listening(descriptor: int) -> socket.socket:
    """Raises CannotServe."""
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise CannotServe(f"descriptor {descriptor} of the service manager: {error.strerror}") from None
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        raise CannotServe(f"descriptor {descriptor} of the service manager is no socket of TCP")
    return sock
