"""Files of large messages that the collector took off their shelves, kept for some days before they go for good.

A read that misses a file takes it back by itself (`blobs`). What is to go for good is compared with the rows once more.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailserver.store.mail.blobs import QUARANTINE


def put(folder: Path, name: str, now: float) -> None:
    """Take a file off its shelf; one that is gone is fine. Its time says from now on when that was."""
    place = folder / QUARANTINE / name
    with contextlib.suppress(FileNotFoundError):
        # The time first: killed in between, the file is a stray again, and not one that has waited long enough.
        os.utime(folder / name, (now, now))
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.rename(folder / name, place)


def aged(folder: Path, shelf: int, before: float) -> list[str]:
    """Files of one shelf (0..255) that were put here before that time."""
    return [name for name, entry in _entries(folder, shelf) if entry.stat().st_mtime < before]


def _entries(folder: Path, shelf: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with contextlib.suppress(FileNotFoundError), os.scandir(folder / QUARANTINE / f"{shelf:02x}") as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # another worker was faster
                yield f"{shelf:02x}/{entry.name}", entry


def remove(folder: Path, names: Sequence[str]) -> None:
    """For good."""
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            (folder / QUARANTINE / name).unlink()
