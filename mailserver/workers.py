"""The supervisor: checks that the instance can be served, forks identical workers, keeps them running.

Each worker binds every port with SO_REUSEPORT and the kernel spreads connections. SO_REUSEPORT would also
let a second instance in, so the supervisor first binds each port once without it, and holds a lock on the
instance's folder.
"""

import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from mailserver.settings import Listen, Settings

STOP_SECONDS = 4.0
"""Grace for workers before they are killed: Ctrl-C ends within five seconds."""
RESTART_SECONDS = 1.0
PR_SET_PDEATHSIG = 1
BACKLOG = 4096


class CannotServe(Exception):
    """A port, a right or another server is in the way; the text is one line."""


def ports(listen: Listen) -> dict[str, int]:
    """Door name -> port; 0 leaves a door closed."""
    return {name: port for name, port in listen.model_dump().items() if name != "address" and port}


def bind(listen: Listen, *, shared: bool) -> dict[str, socket.socket]:
    """Bind every port. Raises CannotServe naming the port and the reason."""
    found: dict[str, socket.socket] = {}
    for name, port in ports(listen).items():
        address = "127.0.0.1" if name == "http" else listen.address
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            sock.bind((address, port))
            if shared:
                sock.listen(BACKLOG)
                sock.setblocking(False)
        except OSError as error:
            sock.close()
            for other in found.values():
                other.close()
            raise CannotServe(_why(name, address, port, error)) from None
        found[name] = sock
    return found


def _why(name: str, address: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} ({name}) is in use on {address}: another server runs there, or set listen.{name}"
    if error.errno == errno.EACCES:
        return (
            f"port {port} ({name}) needs a right this user does not have; use a port above 1023 or CAP_NET_BIND_SERVICE"
        )
    return f"port {port} ({name}) on {address}: {error.strerror}"


def check_free(listen: Listen) -> None:
    """Raises CannotServe unless nobody listens on any of our ports."""
    for sock in bind(listen, shared=False).values():
        sock.close()


def hold(directory: Path) -> int:
    """Lock the instance for one supervisor; the descriptor keeps it. Raises CannotServe."""
    path = directory / "data" / "serve.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotServe(f"{path}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise CannotServe(f"{directory} is being served already") from None
    return descriptor


class Supervisor:
    """Forks workers, restarts the ones that die, stops all of them on SIGTERM or SIGINT."""

    def __init__(self, settings: Settings, count: int, work: Callable[[Settings, int], None]) -> None:
        self._settings = settings
        self._count = count
        self._work = work
        self._children: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._stopping = False

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until told to stop; the exit code."""
        lock = hold(self._settings.directory)
        check_free(self._settings.listen)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        try:
            ready, tell = os.pipe()
            for index in range(self._count):
                self._fork(index, tell)
            os.close(tell)
            if self._all_ready(ready):
                on_ready()
            elif not self._stopping:
                raise CannotServe("a worker ended before it was ready; its log above says why")
            os.close(ready)
            while not self._stopping:
                self._reap()
        finally:
            self._end_children()
            os.close(lock)
        return 0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _fork(self, index: int, tell: int = -1) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        child = os.fork()
        if child:
            self._children[child] = index
            self._started[index] = time.monotonic()
            return
        code = 1
        try:
            # A killed supervisor takes its workers along, so that its ports are free at once.
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._work(self._settings, tell)
            code = 0
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _all_ready(self, ready: int) -> bool:
        """One octet from each worker; False when stopping or when a worker ended before it was ready."""
        heard = 0
        while heard < self._count and not self._stopping:
            if select.select([ready], [], [], 0.2)[0]:
                data = os.read(ready, 64)
                if not data:
                    return False
                heard += len(data)
        return heard >= self._count

    def _reap(self) -> None:
        """Wait a little for a worker to end, and start another in its place."""
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            child, status = 0, 0
        if not child:
            time.sleep(0.1)
            return
        index = self._children.pop(child)
        if self._stopping:
            return
        print(
            f"mailserver: worker {index} ended ({os.waitstatus_to_exitcode(status)}), starting another", file=sys.stderr
        )
        if time.monotonic() - self._started[index] < RESTART_SECONDS:
            time.sleep(RESTART_SECONDS)
        self._fork(index)

    def _end_children(self) -> None:
        _signal_all(self._children, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._children and time.monotonic() < deadline:
            try:
                child, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if child:
                self._children.pop(child, None)
            else:
                time.sleep(0.02)
        _signal_all(self._children, signal.SIGKILL)
        for child in self._children:
            os.waitpid(child, 0)


def _signal_all(children: Mapping[int, int], number: signal.Signals) -> None:
    for child in children:
        os.kill(child, number)
