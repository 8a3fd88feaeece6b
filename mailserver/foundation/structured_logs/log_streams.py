"""Standard output and standard error of a service, when a disk is full, a terminal gone or a file moved."""

import contextlib
import os
import stat
import sys
from typing import Any, TextIO, cast

STREAMS = (1, 2)


class _Patient:
    """A stream of a service: a full disk below its file, or a reader that is gone, costs lines and never work.

    How many were lost is written before the first line that finds room again.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lost = 0

    def write(self, text: str) -> int:
        try:
            if self._lost:
                self._stream.write(f"mailserver: {self._lost} lines could not be written here\n")
                self._lost = 0
            return self._stream.write(text)
        except OSError:
            self._lost += text.count("\n")
            return len(text)

    def flush(self) -> None:
        """As far as there is room; what was lost is counted where it was written."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def be_patient() -> None:
    """From now on nothing that this process writes to its standard streams can stop it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _Patient):
            setattr(sys, name, cast(TextIO, _Patient(stream)))


class Files:
    """The files that standard output and standard error were led to, opened again once somebody has moved them."""

    def __init__(self) -> None:
        self._names = {number: name for number in STREAMS if (name := _name(number))}
        self._terminals = [number for number in STREAMS if os.isatty(number)]

    def drop_terminal(self) -> bool:
        """True when we wrote to a terminal that is gone. To write there would fail: from now on it goes nowhere."""
        gone = [number for number in self._terminals if not os.isatty(number)]
        if gone:
            with open(os.devnull, "wb") as nothing:
                for number in gone:
                    os.dup2(nothing.fileno(), number)
            self._terminals = [number for number in self._terminals if number not in gone]
        return bool(gone)

    def reopen(self) -> str:
        """Write to the file of that name, made where there is none; what is wrong, or nothing."""
        problems = []
        for number, name in self._names.items():
            try:
                _reopen(number, name)
            except OSError as error:
                problems.append(f"{name}: {error.strerror}")
        return "; ".join(problems)


def _name(number: int) -> str:
    """Of a file that has one; nothing for a terminal, a pipe or a file without a name."""
    with contextlib.suppress(OSError):
        name, found = os.readlink(f"/proc/self/fd/{number}"), os.fstat(number)
        if stat.S_ISREG(found.st_mode) and os.path.samestat(found, os.stat(name)):
            return name
    return ""


def _reopen(number: int, name: str) -> None:
    before = os.fstat(number)
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(before, os.stat(name)):
            return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # of another process of ours, or of whoever moved the one before
        descriptor = os.open(name, flags)
    else:
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))  # whoever reads the one before reads this one
    try:
        os.dup2(descriptor, number)
    finally:
        os.close(descriptor)
