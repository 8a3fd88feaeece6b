"""The lock of an instance: one supervisor serves it at a time."""

import fcntl
import os
from pathlib import Path

from mailserver.foundation.ports import CannotServe


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


def is_served(directory: Path) -> bool:
    """Whether a supervisor has the instance's lock. Makes nothing."""
    try:
        descriptor = os.open(directory / "data" / "serve.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
