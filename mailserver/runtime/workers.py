"""The supervisor: checks that the instance can be served, forks its processes, keeps them running, reloads them.

Identical workers serve, one more process indexes. Each worker binds every port with SO_REUSEPORT and the
kernel spreads connections. SO_REUSEPORT would also let a second instance in, so the supervisor first binds
each port once without it, and holds a lock on the instance's folder.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from mailserver.foundation import wakeups
from mailserver.foundation.instance_lock import hold
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.metrics.board import HERE, Board
from mailserver.foundation.ports import CannotServe, check_free
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.wakeups import Wakeup
from mailserver.model.errors import Temporary
from mailserver.runtime.reload import Reload
from mailserver.runtime.watchdog import Heartbeat, Watchdog

STOP_SECONDS = 4.0
"""Grace for workers before they are killed: Ctrl-C ends within five seconds."""
STEADY_SECONDS = 10.0
"""A process that ended sooner counts as one that cannot work: the next one waits."""
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long, after each of them in turn; then as the last."""
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SIGNALS = (*STOP_SIGNALS, signal.SIGHUP)
PROBLEM = b"!"
"""Precedes a line of text where a worker that is ready writes one octet."""
PIPE_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class Life:
    """What a process is given by its supervisor."""

    settings: Settings
    ready: int
    """The descriptor where it says that it is ready, or negative."""
    wakeup: Wakeup
    """Wakes it when another process has committed."""
    heartbeat: Heartbeat
    """It beats as long as the event loop turns."""
    reload: Reload
    """What it does at SIGHUP, which is blocked until it listens to it."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a process does."""

    name: str
    """At most 15 octets: what `ps -o comm` and `top` call it."""
    run: Callable[[Life], None]
    """From its fork to its end."""


class Supervisor:
    """Forks workers, restarts those that die or freeze, reloads them on SIGHUP, stops them on SIGTERM or SIGINT."""

    def __init__(self, settings: Settings, works: Sequence[Work]) -> None:
        self._settings = settings
        self._works = works
        self._children: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._due: dict[int, float] = {}
        """Workers to start again, and when."""
        self._early_ends: Counter[int] = Counter()
        self._wakeups = wakeups.create(len(works))
        self._watchdog = Watchdog(len(works))
        self._board = Board(len(works) + 1)
        self._reload = Reload(settings)
        self._stopping = False
        self._reloading = False

    def heed_signals(self) -> None:
        """From now on signals only say what `run` is to do next: nothing is cut in the middle."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until told to stop; the exit code. Raises CannotServe."""
        lock = hold(self._settings.directory)
        HERE.begin(self._board, len(self._works))
        ready, tell = os.pipe()
        try:
            check_free(self._settings.listen)
            for index in range(len(self._works)):
                self._fork(index, tell)
            os.close(tell)
            if self._all_ready(ready):
                on_ready()
            while not self._stopping:
                self._tend()
        finally:
            self._end_children()
            wakeups.close(self._wakeups)
            self._watchdog.close()
            os.close(ready)
            os.close(lock)
        return 0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._reloading = True

    def _fork(self, index: int, tell: int = -1) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # A signal must not reach the child while it still has our handler, which would swallow it.
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self._watchdog.begin(index)
        child = os.fork()
        if child:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            self._children[child] = index
            self._started[index] = time.monotonic()
            return
        code = 1
        try:
            # A killed supervisor takes its workers along, so that its ports are free at once.
            libc = ctypes.CDLL(None)
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            libc.prctl(PR_SET_NAME, self._works[index].name.encode())
            if os.getppid() != parent:
                os._exit(1)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            HERE.begin(self._board, index)
            self._works[index].run(
                Life(self._settings, tell, self._wakeups[index], self._watchdog.heartbeat(index), self._reload)
            )
            code = 0
        except (CannotServe, SettingsError, Temporary, OSError) as problem:
            _tell_problem(tell, str(problem))
        except BaseException:  # noqa: BLE001 - nothing may run past this point in a forked child
            traceback.print_exc()
            _tell_problem(tell, "a worker failed while it started; its traceback is above")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _all_ready(self, ready: int) -> bool:
        """Wait for one octet of each worker; False when told to stop.

        Raises CannotServe when a worker has a problem, or ended without a word.
        """
        heard = 0
        while heard < len(self._works):
            if self._stopping:
                return False
            if select.select([ready], [], [], 0.1)[0]:
                octets, problem, text = os.read(ready, PIPE_OCTETS).partition(PROBLEM)
                if problem:
                    raise CannotServe(text.partition(PROBLEM)[0].decode(errors="replace"))
                heard += len(octets)
            elif self._reap() is not None and not self._stopping:
                raise CannotServe("a worker was killed before it was ready")
        return True

    def _reap(self) -> tuple[int, int] | None:
        """Index and exit code of a worker that ended."""
        try:
            child, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        index = self._children.pop(child, None)  # as process 1 of a container we inherit strangers
        return None if index is None else (index, os.waitstatus_to_exitcode(status))

    def _tend(self) -> None:
        """Reload; note workers that ended, end those that do not answer, start anew those whose time has come."""
        if self._reloading:
            self._reloading = False
            self._take_over()
        ended = self._reap()
        now = time.monotonic()
        if ended is not None:
            index, code = ended
            self._board.leave(index)
            catalogue.RESTARTS.add(self._works[index].name)
            wait = self._pause(index, now)
            again = f"starting another in {wait:.0f} s" if wait else "starting another"
            print(f"mailserver: {self._works[index].name} {index} ended ({code}), {again}", file=sys.stderr)
            self._due[index] = now + wait
        for child, why in self._watchdog.look(self._children, now):
            index = self._children[child]
            print(f"mailserver: {self._works[index].name} {index} {why}, it is ended", file=sys.stderr)
            os.kill(child, signal.SIGKILL)
        for index in [index for index, due in self._due.items() if due <= now]:
            del self._due[index]
            self._fork(index)
        if ended is None:
            time.sleep(0.1)

    def _pause(self, index: int, now: float) -> float:
        """Seconds until a worker is started again: none, or longer and longer when it lives too short."""
        if now - self._started[index] >= STEADY_SECONDS:
            del self._early_ends[index]
            return 0.0
        pause = RESTART_SECONDS[min(self._early_ends[index], len(RESTART_SECONDS) - 1)]
        self._early_ends[index] += 1
        return pause

    def _take_over(self) -> None:
        """What SIGHUP asks for, here and in every process; without the terminal that it came from, the end."""
        if self._reload.has_lost_terminal():
            self._stopping = True
            return
        self._reload.tell()
        _signal_all(self._children, signal.SIGHUP)

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


def _tell_problem(tell: int, text: str) -> None:
    """One line to the supervisor while the service starts, to the operators later."""
    line = " ".join(text.split())
    if tell < 0:
        print(f"mailserver: worker: {line}", file=sys.stderr)
        return
    with contextlib.suppress(OSError):
        os.write(tell, PROBLEM + line.encode()[: PIPE_OCTETS // 2])


def _signal_all(children: Mapping[int, int], number: signal.Signals) -> None:
    for child in children:
        os.kill(child, number)
