"""Copies of files that were read from object storage, on this host's disk, so that a program which fetches a message
piece by piece asks the storage once.

Nothing depends on them: each carries the hash of its octets, and what does not match, or cannot be read or written, is
no copy. They are bounded in octets and age; the oldest go first.
"""

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path

DIGEST = 32
MOST_AGE = 86400.0
"""Seconds: what was erased elsewhere does not stay here for long."""
TRIMMED_PART = 16
"""After so small a part of the bound was written by this process it looks at the whole."""
LEFT_PERCENT = 80
"""Of a hundred octets of the bound, what a cache that was full keeps."""


class ReadCache:
    """Shared by the workers of a host; each keeps to the bound, less a little that the others wrote meanwhile."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        self._limit = limit
        self._written = limit
        """Since the last look; as much as if it was long ago."""
        self._trimming = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """A copy that is whole and not old."""
        path = self._path / name
        try:
            with open(path, "rb") as file:
                if time.time() - os.fstat(file.fileno()).st_mtime > MOST_AGE:
                    return None
                digest, data = file.read(DIGEST), file.read()
        except OSError:
            return None
        return data if hashlib.blake2b(data, digest_size=DIGEST).digest() == digest else None

    def put(self, name: str, data: bytes) -> None:
        """Keep a copy, if the disk takes it."""
        if len(data) > self._limit // 4:
            return
        path = self._path / name
        fresh = path.with_name(f".{os.urandom(8).hex()}")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(descriptor, "wb") as file:
                file.write(hashlib.blake2b(data, digest_size=DIGEST).digest())
                file.write(data)
            fresh.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)
            return
        self._written += len(data)
        if self._written >= self._limit // TRIMMED_PART and self._trimming.acquire(blocking=False):
            try:
                self._trim()
                self._written = 0
            finally:
                self._trimming.release()

    def drop(self, name: str) -> None:
        """The file is gone."""
        with contextlib.suppress(OSError):
            (self._path / name).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Whoever reads nothing any more keeps nothing either."""
        with self._trimming:
            self._trim()

    def _trim(self) -> None:
        """Remove what is old, and the oldest of what is too much."""
        found: list[tuple[float, int, Path]] = []
        for folder, _, names in os.walk(self._path):
            for name in names:
                path = Path(folder, name)
                with contextlib.suppress(OSError):
                    state = path.stat()
                    found.append((state.st_mtime, state.st_size, path))
        total, horizon = sum(size for _, size, _ in found), time.time() - MOST_AGE
        target = self._limit * LEFT_PERCENT // 100 if total > self._limit else total
        for changed, size, path in sorted(found):
            if changed >= horizon and total <= target:
                return
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            total -= size
