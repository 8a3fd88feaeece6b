"""The lock of an instance: whoever looks is in nobody's way, and a note of a newer version is understood."""

import fcntl
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from mailserver.foundation import instance_lock
from mailserver.foundation.instance_lock import Note, hold, is_served, leave_note, read_note
from mailserver.foundation.network.ports import CannotServe


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path


def test_one_supervisor_at_a_time(directory: Path) -> None:
    assert not is_served(directory)
    lock = hold(directory)
    assert is_served(directory)
    with pytest.raises(CannotServe):
        hold(directory)
    os.close(lock)
    os.close(hold(directory))


def test_who_only_looks_keeps_no_service_from_starting(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.close(hold(directory))
    looking = os.open(directory / "data" / "serve.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    waits: list[float] = []

    def pause(seconds: float) -> None:
        """Whoever looked has seen it."""
        waits.append(seconds)
        fcntl.flock(looking, fcntl.LOCK_UN)

    # Its own alone: other threads of this process sleep, too.
    monkeypatch.setattr(
        "mailserver.foundation.instance_lock.time", SimpleNamespace(sleep=pause, monotonic=time.monotonic)
    )
    lock = hold(directory)
    assert len(waits) == 1
    assert is_served(directory)
    os.close(lock)
    # One that never ends is told.
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(instance_lock, "LOOKERS_SECONDS", -1.0)
    with pytest.raises(CannotServe):
        hold(directory)
    os.close(looking)


def test_a_note_of_a_newer_version(directory: Path) -> None:
    """The way back is `restart` by the version before."""
    lock = hold(directory)
    leave_note(lock, Note(7, "9.0"))
    path = directory / "data" / "serve.lock"
    path.write_text(path.read_text().replace("{", '{"to_come": [1], ', 1))
    assert read_note(directory) == Note(7, "9.0")
    path.write_text("[1]")
    assert read_note(directory) is None
    os.close(lock)
