"""`python -m mailserver …` without its imports: a process that has them behind it forks one for each command.

Every command and server of a test is a process of its own all the same, with its own arguments, environment, streams,
signals and exit code; only the two seconds that Python needs to read the program are spent once. (`test_serve` and
others start some the plain way.)
"""

import atexit
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parent.parent
REQUEST_OCTETS = 1 << 18
STREAMS = 3
LATER = ("directory.ldap", "directory.issuing.letters", "directory.people.embedded", "mailserver.demo")
"""What the program imports only when it needs it, besides the doors."""


def search_path() -> str:
    """Where Python finds this checkout's packages, before those of another that is installed."""
    return os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "calendar"), os.environ.get("PYTHONPATH", ""))))


class Hatched:
    """A process that was forked for a command, as `subprocess.Popen` would show it."""

    def __init__(self, pid: int, args: list[str], status: int) -> None:
        self.pid = pid
        self.args = args
        self.returncode: int | None = None
        self._status = status

    def poll(self) -> int | None:
        """The exit code, or minus the signal; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._status, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout or 0)
            told = os.read(self._status, 16)
            os.close(self._status)
            self.returncode = int(told) if told else -signal.SIGKILL  # the hatchery itself is gone
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Hatchery:
    """The forking process, started at the first command; it ends with the process that started it."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._owner = 0

    def spawn(
        self,
        args: list[str],
        environment: dict[str, str],
        stdin: IO[Any],
        stdout: IO[Any],
        stderr: IO[Any],
        *,
        umask: int = 0o022,
    ) -> Hatched:
        """Run `mailserver ARGS` from the root of this checkout."""
        status, tell = os.pipe()
        request = json.dumps([args, environment, umask]).encode()
        sock = self._connected()
        socket.send_fds(sock, [request], [stdin.fileno(), stdout.fileno(), stderr.fileno(), tell])
        os.close(tell)
        pid = sock.recv(32)
        if not pid:
            raise AssertionError("the process that forks commands has ended")
        return Hatched(int(pid), args, status)

    def _connected(self) -> socket.socket:
        if self._socket is None or self._owner != os.getpid():
            near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUEST_OCTETS)
            with far:
                subprocess.Popen(
                    [sys.executable, "-u", "-m", "tests.hatchery", str(far.fileno())],
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": search_path()},
                    pass_fds=[far.fileno()],
                    stdin=subprocess.DEVNULL,
                ).returncode = 0  # nobody waits for it: it ends when our end of the socket is closed
            self._socket, self._owner = near, os.getpid()
        return self._socket


# ---------------------------------------------------------------------- the forking process


@dataclass(frozen=True, slots=True)
class _Request:
    args: list[str]
    environment: dict[str, str]
    umask: int
    streams: list[int]


def _hatch(sock: socket.socket) -> _Request | None:
    """Fork for every request. Returns in each child with what it is to do, at the end with None."""
    selector = selectors.DefaultSelector()
    wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    selector.register(sock, selectors.EVENT_READ)
    selector.register(wake, selectors.EVENT_READ)
    tells: dict[int, int] = {}
    while True:
        for key, _ in selector.select():
            if key.fd == wake:
                os.read(wake, 512)
                _bury(tells)
                continue
            octets, streams, _, _ = socket.recv_fds(sock, REQUEST_OCTETS, STREAMS + 1)
            if not octets:
                return None
            args, environment, umask = json.loads(octets)
            child = os.fork()
            if not child:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                selector.close()
                sock.close()
                for fd in (wake, woken, streams[STREAMS], *tells.values()):
                    os.close(fd)
                return _Request(args, environment, umask, streams[:STREAMS])
            for fd in streams[:STREAMS]:
                os.close(fd)
            tells[child] = streams[STREAMS]
            sock.send(b"%d" % child)


def _bury(tells: dict[int, int]) -> None:
    """Tell how children ended."""
    while tells:
        child, status = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        fd = tells.pop(child)
        with contextlib.suppress(BrokenPipeError):
            os.write(fd, b"%d" % os.waitstatus_to_exitcode(status))
        os.close(fd)


def _become(request: _Request) -> None:
    """Be `python -m mailserver ARGS`."""
    for number, fd in enumerate(request.streams):
        os.dup2(fd, number)
        os.close(fd)
    os.environ.clear()
    os.environ.update(request.environment)
    os.umask(request.umask)
    time.tzset()
    program = sys.modules["mailserver.__main__"]
    sys.modules["__main__"] = program
    sys.argv = [str(program.__file__), *request.args]
    try:
        program.main()
        code: object = 0
    except SystemExit as ended:
        code = ended.code or 0
    if isinstance(code, int):
        _leave(code)
    raise SystemExit(code)


def _leave(code: int) -> None:
    """End as an interpreter does, but for taking every module to pieces: all memory shared with the fork is copied."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code & 0xFF)


def _compile_statements() -> None:
    """For SQLite, once: each process would compile what it asks its database."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import CompileError

    from mailserver.store.engine.statements import Statement

    with create_engine("sqlite://").connect() as connection:
        for one in gc.get_objects():
            if isinstance(one, Statement):
                with contextlib.suppress(CompileError):  # those that only PostgreSQL is asked
                    one.compiled(connection)


def _main() -> None:
    import importlib

    from mailserver.cli.accounts.verbs import verbs
    from mailserver.cli.families import families
    from mailserver.runtime import doors
    from mailserver.store.engine import migrate

    sock = socket.socket(fileno=int(sys.argv[1]))
    for name in ("mailserver.__main__", *LATER):
        importlib.import_module(name)
    for command in (*families.by_name.values(), *verbs.by_name.values()):
        _ = command.loaded
    doors.load()
    migrate.newest()
    _compile_statements()
    if len(os.listdir("/proc/self/task")) != 1:
        raise SystemExit("an import started a thread: no process can be forked from here")
    gc.collect()
    gc.freeze()
    request = _hatch(sock)
    if request is not None:
        _become(request)


if __name__ == "__main__":
    _main()
