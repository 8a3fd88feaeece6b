"""Files that were posted to the console and wait for what is to be done with them: DIR/data/uploads.

They may hold what is kept as a hash only elsewhere, so nobody but the service reads them, and they go with the end of
their use, at the latest after a day (each host sees to its own).
"""

import os
from pathlib import Path

from mailserver.foundation.settings import Settings

KEPT_SECONDS = 86400
ENDINGS = (".csv", ".xml", ".zip", ".tar.gz", ".tgz", ".tar")


def folder(settings: Settings) -> Path:
    """Where they are; made when it is missing."""
    path = settings.data / "uploads"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def place(settings: Settings, token: str, original: str) -> Path:
    """Where a file of this name is put; its ending says how it is packed. Nothing of its name but that is used."""
    ending = next((known for known in ENDINGS if original.lower().endswith(known)), ".csv")
    return folder(settings) / f"{token}{ending}"


def find(settings: Settings, name: str) -> Path | None:
    """A file by the name it was given here; None when it is gone."""
    path = folder(settings) / os.path.basename(name)
    return path if name and path.is_file() else None


def sweep(settings: Settings, now: float) -> int:
    """Remove what is older than a day; how many files."""
    removed = 0
    for path in folder(settings).iterdir():
        if path.stat().st_mtime < now - KEPT_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
