"""The lock of an instance: one supervisor serves it at a time, and leaves word in it who it is."""

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from mailserver.foundation.network.ports import CannotServe
from mailserver.foundation.ownership import give_to_owner

NOTE_OCTETS = 1024
"""Always written whole, in one piece."""
PART = 60
"""Characters of its parts that are kept where they do not fit."""
LOOKERS_SECONDS = 5.0
LOOK_SECONDS = 0.01


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
        give_to_owner(path, path.parent)
    except OSError as error:
        raise CannotServe(f"{path}: {error.strerror}") from None
    deadline = time.monotonic() + LOOKERS_SECONDS
    while not _takes(descriptor, fcntl.LOCK_EX):
        # Who only looks (`is_served`) shares it for a moment; a supervisor shares it with nobody.
        if not _takes(descriptor, fcntl.LOCK_SH) or time.monotonic() > deadline:
            os.close(descriptor)
            raise CannotServe(f"{directory} is being served already")
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        time.sleep(LOOK_SECONDS)
    return descriptor


def _takes(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def is_served(directory: Path) -> bool:
    """Whether a supervisor has the instance's lock. Makes nothing."""
    try:
        descriptor = os.open(_path(directory), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _takes(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


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
    known = {field.name for field in fields(Note)}
    try:
        found = json.loads(_path(directory).read_bytes())
        return Note(**{name: value for name, value in found.items() if name in known})  # a newer version says more
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _path(directory: Path) -> Path:
    return directory / "data" / "serve.lock"
