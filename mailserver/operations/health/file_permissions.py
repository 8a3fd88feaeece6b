"""Which files of an instance somebody other than its owner can read or change.

New ones are made under `umask 077` by every command. Those of earlier versions, and what was copied or restored by
hand, are found here.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator
from pathlib import Path

PUBLIC = ("tls/cert.pem", "tls/authority.pem", "charter.txt", "holidays.json")
"""Shown to everybody anyway: others may read these, not change them."""
MOST_LOOKED_AT = 20_000
"""Entries; folders come before what is in them, and large messages after everything else."""


def too_open(directory: Path) -> Iterator[tuple[Path, int]]:
    """Files and folders of an instance that are open to others, and their modes. Changes nothing."""
    public = {directory / name for name in PUBLIC}
    waiting, looked_at = deque([directory]), 0
    while waiting:
        path = waiting.popleft()
        looked_at += 1
        if looked_at > MOST_LOOKED_AT:
            return
        try:
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode) and not path.is_symlink():
                waiting.extend(Path(entry.path) for entry in os.scandir(path))
        except OSError:  # gone meanwhile, or not ours to look at; what is missing has checks of its own
            continue
        if mode & (0o022 if path in public else 0o077):
            yield path, stat.S_IMODE(mode)
