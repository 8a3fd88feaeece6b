"""The certificate in its place: `DIR/tls/cert.pem` and `key.pem` lead to a folder that holds both, and one link is
turned over. However a process ends meanwhile, certificate and key belong together.

    tls/cert.pem -> acme/live/cert.pem      tls/acme/live -> 7-1f0c2a9e      tls/acme/7-1f0c2a9e/cert.pem, key.pem
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from mailserver.foundation.ownership import give_to_owner
from mailserver.foundation.settings import Settings
from mailserver.foundation.tls import Pair, read_pair

FOLDER = "acme"
LIVE = "live"
NEXT_KEY = "next-key.pub.pem"
"""The public half of the next certificate's key, for its DANE record."""
KEPT = 2
"""Certificates of before that are kept."""
LINKED = ("key.pem", "cert.pem")
DONE = "installed"
"""A file beside them, made once the names lead there: a process may end before."""


class Files:
    """The certificates of one host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = settings.certificate.parent
        self._folder = self._tls / FOLDER

    def has(self, number: int, chain: str) -> bool:
        """Whether this certificate was put in place here; an operator may have put another one there since."""
        return (self._folder / _called(number, chain) / DONE).exists()

    def install(self, number: int, chain: str, key: bytes) -> Pair:
        """Put it in place; what was there stays beside it. Raises OSError, SettingsError when it cannot be used."""
        if not self._folder.is_dir():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._give(self._folder)
        with self._alone():
            made = self._write(_called(number, chain), chain.encode(), key)
            if not (self._folder / LIVE).is_symlink() or not all(self._leads(name) for name in LINKED):
                self._take_over()
            _turn(self._folder / LIVE, made.name)
            self._replace(made / DONE, b"")
            self._forget(number)
        return read_pair(made / "cert.pem", made / "key.pem")

    def announce(self, public_key: bytes | None) -> None:
        """Keep the public half of the next key, or that there is none. Raises OSError."""
        path = self._tls / NEXT_KEY
        if public_key is None:
            path.unlink(missing_ok=True)
        elif not path.exists() or path.read_bytes() != public_key:
            self._replace(path, public_key)

    def _write(self, name: str, chain: bytes, key: bytes) -> Path:
        """The folder of one certificate, whole or not there."""
        made, half = self._folder / name, self._folder / f".{name}"
        if not made.is_dir():
            shutil.rmtree(half, ignore_errors=True)
            half.mkdir(mode=0o700)
            for file, octets in (("key.pem", key), ("cert.pem", chain)):
                self._replace(half / file, octets)
            read_pair(half / "cert.pem", half / "key.pem")
            self._give(half)
            os.rename(half, made)
            _sync(self._folder)
        return made

    def _take_over(self) -> None:
        """Let the two names lead to what they hold now, in a folder of its own; each step changes nothing."""
        octets = [(self._tls / name).read_bytes() for name in LINKED]
        live = self._folder / LIVE
        if live.is_dir() and not live.is_symlink():  # a copy that followed links: a backup that was restored
            os.rename(live, self._free("copied"))
        before = self._free("before")
        before.mkdir(mode=0o700)
        self._give(before)
        for name, held in zip(LINKED, octets, strict=True):
            self._replace(before / name, held)
        _turn(live, before.name)
        for name in LINKED:
            _turn(self._tls / name, f"{FOLDER}/{LIVE}/{name}")

    def _free(self, kind: str) -> Path:
        """A name in our folder that nothing has."""
        count = 1
        while (path := self._folder / f"{kind}-{count}").exists():
            count += 1
        return path

    def _leads(self, name: str) -> bool:
        path = self._tls / name
        return path.is_symlink() and os.readlink(path) == f"{FOLDER}/{LIVE}/{name}"

    def _forget(self, number: int) -> None:
        """Remove what is older than the ones before."""
        found = [(int(one.name.partition("-")[0]), one) for one in self._folder.iterdir() if one.name[:1].isdecimal()]
        for _, old in sorted(one for one in found if one[0] < number)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One process of this host at a time."""
        path = self._folder / ".lock"
        lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._give(path)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, path: Path, octets: bytes) -> None:
        """Write a file that only its owner can read, at once."""
        other = path.with_name(f".{path.name}.new")
        other.unlink(missing_ok=True)
        # Root writes where the service may: nothing that stands there already leads it elsewhere.
        descriptor = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        self._give(other)
        os.replace(other, path)
        _sync(path.parent)

    def _give(self, path: Path) -> None:
        give_to_owner(path, self._tls)


def public_half(key: bytes) -> bytes:
    """The public key of a private one, both as PEM."""
    public = serialization.load_pem_private_key(key, None).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _called(number: int, chain: str) -> str:
    """Of another database, restored or moved, the same number is another certificate."""
    return f"{number}-{hashlib.sha256(chain.encode()).hexdigest()[:8]}"


def _turn(link: Path, target: str) -> None:
    """Let a name lead elsewhere, at once."""
    other = link.with_name(f".{link.name}.new")
    other.unlink(missing_ok=True)
    other.symlink_to(target)
    os.replace(other, link)
    _sync(link.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
