"""Whom the files of an instance belong to."""

import os
from pathlib import Path


def give_to_owner(path: Path, folder: Path) -> None:
    """What root makes belongs to whom the folder belongs to: the service could not read it. Raises OSError."""
    if os.geteuid() == 0:
        owner, found = folder.stat(), path.lstat()
        if (found.st_uid, found.st_gid) != (owner.st_uid, owner.st_gid):  # some file systems refuse even the same
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
