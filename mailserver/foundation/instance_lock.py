"""The lock of an instance: one supervisor serves it at a time, and leaves word in it who it is."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from mailserver.foundation.ports import CannotServe

NOTE_OCTETS = 1024
"""Always written whole, in one piece."""
PART = 60
"""Characters of its parts that are kept where they do not fit."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a supervisor says of itself."""

    pid: int
    version: str = ""
    handovers: int = 0
    """How often it was asked to hand over, and could not."""
    problem: str = ""
    """Why, the last time."""
    settings_of: int = 0
    """When the settings file that it read last was written, in nanoseconds."""
    waiting: str = ""
    """Settings in it that it takes over at a restart only."""


def hold(directory: Path) -> int:
    """Lock the instance for one supervisor; the descriptor keeps it. Raises CannotServe."""
    path = _path(directory)
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


def is_served(directory: Path) -> bool:
    """Whether a supervisor has the instance's lock. Makes nothing."""
    try:
        descriptor = os.open(_path(directory), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def leave_note(lock: int, note: Note) -> None:
    """Write it into the lock that we hold."""
    text = json.dumps(asdict(note)).encode()
    if len(text) >= NOTE_OCTETS:
        brief = replace(note, problem=note.problem[:PART], waiting=note.waiting[:PART])
        text = json.dumps(asdict(brief)).encode()
    os.pwrite(lock, text.ljust(NOTE_OCTETS - 1) + b"\n", 0)


def read_note(directory: Path) -> Note | None:
    """Of the supervisor that serves the instance; None when nobody does."""
    if not is_served(directory):
        return None
    try:
        return Note(**json.loads(_path(directory).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _path(directory: Path) -> Path:
    return directory / "data" / "serve.lock"
