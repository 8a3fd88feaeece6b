"""The settings file is replaced in one step, and what it was stays beside it."""

import os
import stat
from pathlib import Path

from mailserver.foundation.settings import FILE_NAME
from mailserver.store.octets.disk import sync_folder

BEFORE = f"{FILE_NAME}.before-move"


def write(directory: Path, text: str) -> None:
    """In one step; what was there before stays beside it. Raises OSError."""
    path = directory / FILE_NAME
    like = path.stat()
    _write_synced(directory / BEFORE, path.read_text("utf-8"), like)
    fresh = path.with_name(f".{FILE_NAME}.new")
    _write_synced(fresh, text, like)
    fresh.replace(path)
    sync_folder(directory)


def _write_synced(path: Path, text: str, like: os.stat_result) -> None:
    """With the owner and the rights of another file."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
        file.write(text)
        file.flush()
        os.fsync(descriptor)
