"""Whose turn it is to write, among the processes of a host that share a SQLite file: writers queue here, or they starve
each other in BEGIN IMMEDIATE."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mailserver.foundation.ownership import give_to_owner

GIVES_WAY_SECONDS = 0.02
"""The longest that a process which serves nobody lets others go first; then it queues among them, so that mail leaves
however much comes in."""
_LOOKS_EVERY = 0.001
_LOCK_FILE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


class Turns:
    """The lock files of one writer: `write.lock` is held by whoever writes, `write.waiting` (shared) by those that
    serve somebody and wait for it, `write.background` by the one of those that serve nobody which may write next."""

    def __init__(self, lock_file: Path, *, gives_way: bool) -> None:
        self._gives_way = gives_way
        files = [lock_file.with_suffix(name) for name in (".background", ".waiting", lock_file.suffix)]
        self._open = [os.open(file, _LOCK_FILE, 0o600) for file in files]
        for file in files:
            give_to_owner(file, lock_file.parent)
        self._background, self._waiting, self._writing = self._open

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        with contextlib.ExitStack() as held:
            if self._gives_way:
                held.enter_context(_locked(self._background))
                self._let_others_go_first()
                held.enter_context(_locked(self._writing))
            elif _is_free(self._writing):
                held.callback(fcntl.flock, self._writing, fcntl.LOCK_UN)
            else:
                with _locked(self._waiting, fcntl.LOCK_SH):
                    held.enter_context(_locked(self._writing))
            yield

    def is_wanted(self) -> bool:
        """Whether somebody waits whom this writer gives way to."""
        if not self._gives_way:
            return False
        if not _is_free(self._waiting):
            return True
        fcntl.flock(self._waiting, fcntl.LOCK_UN)
        return False

    def _let_others_go_first(self) -> None:
        until = time.monotonic() + GIVES_WAY_SECONDS
        while self.is_wanted() and time.monotonic() < until:
            time.sleep(_LOOKS_EVERY)

    def close(self) -> None:
        """Any number of times; nobody may be in a turn."""
        while self._open:
            os.close(self._open.pop())


def _is_free(lock: int) -> bool:
    """It is ours then."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _locked(lock: int, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    fcntl.flock(lock, kind)
    try:
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)
