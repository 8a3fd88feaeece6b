"""Which disks of an instance are full."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailserver.foundation.settings import Settings
from mailserver.store.upkeep import copying


@dataclass(frozen=True, slots=True)
class Full:
    """A folder on a disk that is full, or nearly."""

    folder: Path
    free: int
    """Octets."""
    percent: int
    """Used."""
    is_over: bool
    """There is less room than the service needs to go on."""


def folders(settings: Settings) -> dict[str, Path]:
    """Where the service writes, by what figures call it; the file of SQLite may lie elsewhere."""
    found = {"data": settings.data}
    if settings.blobs is not None:
        found["blobs"] = settings.blobs
    if copying.is_sqlite(settings.database_url):
        database = copying.sqlite_file(settings.database_url).parent
        if database != settings.data:
            found["database"] = database
    return found


def full(settings: Settings) -> Iterator[Full]:
    """The folders whose disks have little room, each disk once. A folder that is not there has no disk."""
    seen: set[int] = set()
    for folder in folders(settings).values():
        try:
            device, disk = folder.stat().st_dev, os.statvfs(folder)
        except OSError:
            continue
        if device in seen or not disk.f_blocks:
            continue
        seen.add(device)
        free = disk.f_bavail * disk.f_frsize
        # As df counts: what is kept for root is in neither.
        percent = 100 - 100 * disk.f_bavail // max(1, disk.f_blocks - disk.f_bfree + disk.f_bavail)
        is_over = free < settings.storage.free_octets or not (disk.f_favail or not disk.f_files)
        if is_over or percent >= settings.storage.full_percent:
            yield Full(folder, free, percent, is_over)
