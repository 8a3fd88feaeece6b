"""The supervisor: starts the processes of an instance, looks after them, reloads them, hands over to a supervisor of
newly installed code.

Identical workers serve, one more process indexes. The supervisor has the sockets of every port (`ports`) and a lock on
the instance's folder; the workers accept.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType

from mailserver import __version__
from mailserver.foundation.instance_lock import Note, hold, leave_note
from mailserver.foundation.network.ports import Port, gather
from mailserver.foundation.service_manager import Notifier, given_ports
from mailserver.foundation.settings import Settings, written
from mailserver.runtime.handover import Inheritance, Successor
from mailserver.runtime.processes import LEAVE_SIGNAL, STOP_SECONDS, STOP_SIGNALS, Processes, Work
from mailserver.runtime.reload import Reload

ALIVE_SECONDS = 1.0
"""Between two words to the watchdog of a service manager."""
FIRST_PROCESS = 1
"""Of a container: the kernel ends all others when it ends."""


class Supervisor:
    """Serves an instance. SIGHUP reloads, SIGUSR2 hands over, SIGTERM and SIGINT end it.

    `again`: the command that starts a supervisor like this one; `inheritance`: what the one before passed on.
    """

    def __init__(
        self, settings: Settings, works: Sequence[Work], again: Sequence[str], inheritance: Inheritance | None
    ) -> None:
        self._settings = settings
        self._again = again
        self._inheritance = inheritance
        self._count = sum(work.accepts for work in works)
        self._notifier = Notifier()
        self._reload = Reload(settings)
        self._processes = Processes(settings, works, self._reload)
        self._ports: Sequence[Port] = ()
        self._lock = -1
        self._note = Note(os.getpid(), __version__, settings_of=written(settings.directory))
        self._successor: Successor | None = None
        self._told_alive = 0.0
        self._stopping = False
        self._reloading = False
        self._handing_over = False
        self._handed_over = False

    def heed_signals(self) -> None:
        """From now on signals only say what `run` is to do next: nothing is cut in the middle."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        signal.signal(LEAVE_SIGNAL, self._hand_over)

    def run(self, on_ready: Callable[[], None]) -> int:
        """Serve until told to stop, or until a successor does; the exit code. Raises CannotServe."""
        inheritance = self._inheritance
        self._lock = inheritance.lock if inheritance else hold(self._settings.directory)
        try:
            self._ports = gather(
                self._settings.listen,
                self._count,
                inheritance.ports if inheritance else given_ports(self._settings.listen),
            )
            private = () if inheritance is None else inheritance.descriptors
            if self._processes.start(self._ports, private, self._is_stopping):
                self._begin()
                on_ready()
            while not self._stopping and not self._handed_over:
                self._tend()
            if not self._stopping:
                self._let_clients_end()
        finally:
            self._end()
        return 0

    def _is_stopping(self) -> bool:
        return self._stopping

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._reloading = True

    def _hand_over(self, _number: int, _frame: FrameType | None) -> None:
        self._handing_over = True

    def _begin(self) -> None:
        """Everybody is served: say so to whoever waits for it."""
        leave_note(self._lock, self._note)
        if self._inheritance is not None:
            self._inheritance.ready()
        self._notifier.ready(self._processes.status())

    def _tend(self) -> None:
        """One turn."""
        if self._reloading:
            self._reloading = False
            self._take_over()
        if self._handing_over:
            self._handing_over = False
            self._start_successor()
        if self._successor is not None:
            self._look_at_successor(self._successor)
        if not self._processes.tend():
            time.sleep(0.1)
        if self._successor is None:
            self._notifier.status(self._processes.status())
        if self._processes.are_well() and time.monotonic() - self._told_alive >= ALIVE_SECONDS:
            self._told_alive = time.monotonic()
            self._notifier.alive()

    def _take_over(self) -> None:
        """What SIGHUP asks for, here and in every process; without the terminal that it came from, the end."""
        if self._reload.has_lost_terminal():
            self._stopping = True
            return
        self._notifier.reloading()
        read = written(self._settings.directory)
        self._note = replace(self._note, settings_of=read, waiting=", ".join(self._reload.tell()))
        leave_note(self._lock, self._note)
        self._processes.hang_up()
        self._notifier.ready(self._processes.status())

    def _start_successor(self) -> None:
        if self._successor is not None:
            return
        if os.getpid() == FIRST_PROCESS:
            self._stay("a container ends with its first process, and whoever took over would with it: start it again")
            return
        try:
            self._successor = Successor(self._again, self._ports, self._lock)
        except OSError as error:
            self._stay(f"{error.filename or 'a new process'}: {error.strerror}")
            return
        self._notifier.status(f"Process {self._successor.pid} prepares to take over")
        print(f"mailserver: process {self._successor.pid} prepares to take over", file=sys.stderr)

    def _look_at_successor(self, successor: Successor) -> None:
        outcome = successor.outcome()
        if outcome is None:
            return
        self._successor = None
        if outcome.problem:
            self._stay(outcome.problem)
            return
        self._handed_over = True
        self._notifier.main_process(successor.pid, self._processes.status())
        print(f"mailserver: process {successor.pid} serves now, clients of this one may end", file=sys.stderr)

    def _stay(self, problem: str) -> None:
        """Who was to take over could not: everything goes on as before."""
        print(f"mailserver: not handed over, everything goes on as before: {problem}", file=sys.stderr)
        self._note = replace(self._note, handovers=self._note.handovers + 1, problem=problem)
        leave_note(self._lock, self._note)

    def _let_clients_end(self) -> None:
        """Others accept; leave the ports to them."""
        for port in self._ports:
            port.close()
        self._processes.leave(self._settings.limits.drain_seconds + 2 * STOP_SECONDS, self._is_stopping)

    def _end(self) -> None:
        if self._successor is not None:
            self._successor.abandon()
        if not self._handed_over:
            self._notifier.stopping("Lets its clients end")
        # Closed before the workers let go of them: whoever comes now is refused, and not left waiting.
        for port in self._ports:
            port.close()
        self._processes.end()
        os.close(self._lock)
