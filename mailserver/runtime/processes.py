"""The processes of one supervisor: forked, waited for until they are ready, replaced when they die or freeze, ended."""

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailserver.foundation import wakeups
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.metrics.board import HERE, Board
from mailserver.foundation.network.listeners import Sockets
from mailserver.foundation.network.ports import CannotServe, Port
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.foundation.wakeups import Wakeup
from mailserver.model.errors import Temporary
from mailserver.runtime.reload import Reload
from mailserver.runtime.watchdog import Heartbeat, Watchdog

STOP_SECONDS = 4.5
"""Grace for workers before they are killed: Ctrl-C ends within five seconds."""
STEADY_SECONDS = 10.0
"""A process that ended sooner counts as one that cannot work: the next one waits."""
RESTART_SECONDS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long, after each of them in turn; then as the last."""
QUEUE_SECONDS = 2.0
"""Connections wait so long for the next one; for a longer time others are to have them."""
PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LEAVE_SIGNAL = signal.SIGUSR2
"""To the supervisor: hand over. To a process: begin nothing any more, and end with your last client."""
SIGNALS = (*STOP_SIGNALS, signal.SIGHUP, LEAVE_SIGNAL)
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
    """What it does at SIGHUP, which is blocked until it listens to it; so is `LEAVE_SIGNAL`."""
    sockets: Sockets
    """Where it accepts."""
    workers: int
    """How many processes accept."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a process does."""

    name: str
    """At most 15 octets: what `ps -o comm` and `top` call it."""
    run: Callable[[Life], None]
    """From its fork to its end."""
    accepts: bool = True
    """It has clients."""
    lingers: bool = True
    """Where others take over, what it has begun may end before it does."""


class Processes:
    """One for each work, at the ports of the instance."""

    def __init__(self, settings: Settings, works: Sequence[Work], reload: Reload) -> None:
        self._settings = settings
        self._works = works
        self._reload = reload
        self._ports: Sequence[Port] = ()
        self._private: Sequence[int] = ()
        self._accepting = [index for index, work in enumerate(works) if work.accepts]
        self._children: dict[int, int] = {}
        self._started: dict[int, float] = {}
        self._due: dict[int, float] = {}
        """Works to start again, and when."""
        self._early_ends: Counter[int] = Counter()
        self._wakeups = wakeups.create(len(works))
        self._watchdog = Watchdog(len(works))
        self._board = Board(len(works) + 1)

    def start(self, ports: Sequence[Port], private: Sequence[int], is_stopping: Callable[[], bool]) -> bool:
        """Fork all, and wait until they are ready; False when told to stop. `private`: descriptors that they shall not
        have. Raises CannotServe."""
        self._ports, self._private = ports, private
        HERE.begin(self._board, len(self._works))
        ready, tell = os.pipe()
        try:
            for index in range(len(self._works)):
                self._fork(index, tell)
            os.close(tell)
            return self._all_ready(ready, is_stopping)
        finally:
            os.close(ready)

    def tend(self) -> bool:
        """Note those that ended, end those that do not answer, start anew those whose time has come; False when there
        was nothing to do."""
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
            if wait > QUEUE_SECONDS:
                self._turn_away(index)
        for child, why in self._watchdog.look(self._children, now):
            index = self._children[child]
            print(f"mailserver: {self._works[index].name} {index} {why}, it is ended", file=sys.stderr)
            os.kill(child, signal.SIGKILL)
        for index in [index for index, due in self._due.items() if due <= now]:
            del self._due[index]
            self._fork(index)
        return ended is not None

    def status(self) -> str:
        """One sentence for operators: who serves, and of the other processes those that are missing."""
        serving = sum(index in self._accepting for index in self._children.values())
        count = len(self._accepting)
        words = f"{count} workers serve" if count > 1 else "One worker serves"
        said = f"{words} {self._settings.domain}" if serving == count else f"{serving} of {count} workers serve"
        here = set(self._children.values())
        missing = Counter(work.name for index, work in enumerate(self._works) if not work.accepts and index not in here)
        wanted = Counter(work.name for work in self._works if not work.accepts)
        return said + "".join(f", {gone} of {wanted[name]} {name} missing" for name, gone in sorted(missing.items()))

    def are_well(self) -> bool:
        """Whether the event loop of any turns."""
        return self._watchdog.is_any_well()

    def hang_up(self) -> None:
        """All take over settings and certificate."""
        self._signal(signal.SIGHUP)

    def leave(self, seconds: float, is_stopping: Callable[[], bool]) -> None:
        """Others accept from now on: wait until the clients have ended, and what was being sent has its answer, at most
        so long, or until told to stop."""
        for child, index in self._children.items():
            os.kill(child, LEAVE_SIGNAL if self._works[index].lingers else signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while self._children and not is_stopping() and time.monotonic() < deadline:
            if self._reap() is None:
                time.sleep(0.05)

    def end(self) -> None:
        """Tell all to stop, and kill those that do not."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._children and time.monotonic() < deadline:
            if self._reap() is None:
                time.sleep(0.02)
        self._signal(signal.SIGKILL)
        for child in self._children:
            os.waitpid(child, 0)
        wakeups.close(self._wakeups)
        self._watchdog.close()

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
            self._works[index].run(self._life(index, tell))
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

    def _life(self, index: int, tell: int) -> Life:
        """In the child: what is its own; what is not is closed, or a port would stay open with it."""
        for descriptor in self._private:
            os.close(descriptor)
        sockets: dict[str, list[socket.socket]] = {}
        for port, own in self._shares(index):
            sockets.setdefault(port.name, []).extend(own)
            for sock in port.sockets:
                if sock not in own:
                    sock.close()
        return Life(
            *(self._settings, tell, self._wakeups[index], self._watchdog.heartbeat(index), self._reload, sockets),
            workers=len(self._accepting),
        )

    def _shares(self, index: int) -> list[tuple[Port, list[socket.socket]]]:
        """At which sockets of each port one accepts."""
        if index not in self._accepting:
            return [(port, []) for port in self._ports]
        place = self._accepting.index(index)
        return [(port, port.of(place, len(self._accepting))) for port in self._ports]

    def _turn_away(self, index: int) -> None:
        """Nobody takes the place of this one for a while."""
        if index in self._accepting:
            for port in self._ports:
                port.turn_away(self._accepting.index(index), len(self._accepting))

    def _all_ready(self, ready: int, is_stopping: Callable[[], bool]) -> bool:
        """Wait for one octet of each worker; False when told to stop.

        Raises CannotServe when a worker has a problem, or ended without a word.
        """
        heard = 0
        while heard < len(self._works):
            if is_stopping():
                return False
            if select.select([ready], [], [], 0.1)[0]:
                octets, problem, text = os.read(ready, PIPE_OCTETS).partition(PROBLEM)
                if problem:
                    raise CannotServe(text.partition(PROBLEM)[0].decode(errors="replace"))
                heard += len(octets)
            elif self._reap() is not None and not is_stopping():
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

    def _pause(self, index: int, now: float) -> float:
        """Seconds until a worker is started again: none, or longer and longer when it lives too short."""
        if now - self._started[index] >= STEADY_SECONDS:
            del self._early_ends[index]
            return 0.0
        pause = RESTART_SECONDS[min(self._early_ends[index], len(RESTART_SECONDS) - 1)]
        self._early_ends[index] += 1
        return pause

    def _signal(self, number: signal.Signals) -> None:
        for child in self._children:
            os.kill(child, number)


def _tell_problem(tell: int, text: str) -> None:
    """One line to the supervisor while the service starts, to the operators later."""
    line = " ".join(text.split())
    if tell < 0:
        print(f"mailserver: worker: {line}", file=sys.stderr)
        return
    with contextlib.suppress(OSError):
        os.write(tell, PROBLEM + line.encode()[: PIPE_OCTETS // 2])
