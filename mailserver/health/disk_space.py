"""Which disks of an instance are full."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mailserver.foundation.settings import Settings


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


def full(settings: Settings) -> Iterator[Full]:
    """The folders whose disks have little room, each disk once. A folder that is not there has no disk."""
    seen: set[int] = set()
    for folder in filter(None, (settings.data, settings.blobs)):
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
