"""The certificates that the doors of a process present: the instance's, and those of further names (SNI, RFC 6066
section 3), as their files are now."""

import datetime
import os
import ssl
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.foundation.settings import SettingsError
from mailserver.foundation.tls import Pair, end_and_names, read_pair

log = structlog.get_logger("tls")

FOLDER = "sni"
"""Beside the instance's certificate: a folder for each further one, called as the host it is for."""
MOST = 100
"""Further certificates that are read."""

Stamp = tuple[int, int, int, int]
"""Of a file: when it was written, when it was changed, inode, octets."""


def files_of(certificate: Path) -> dict[str, tuple[Path, Path]]:
    """Certificate and key of each folder of further names that stand beside the instance's certificate."""
    folder = certificate.with_name(FOLDER)
    try:
        names = sorted(one.name for one in os.scandir(folder) if one.is_dir() and not one.name.startswith("."))
    except OSError:
        return {}
    return {name.lower(): (folder / name / "cert.pem", folder / name / "key.pem") for name in names[:MOST]}


@dataclass(frozen=True, slots=True)
class Ending:
    """One of the certificates that are presented."""

    host: str
    """That a further one is for; empty: the instance's own."""
    ends: datetime.datetime


def endings(certificate: Path) -> list[Ending]:
    """The instance's certificate first, then further ones, as far as they can be read. A further one whose hosts the
    former is for as well, and longer, harms nobody by its end, and is left out."""
    own = end_and_names(certificate)
    found = [Ending("", own[0])] if own is not None else []
    for name, (path, _) in files_of(certificate).items():
        further = end_and_names(path)
        if further is not None and not (own is not None and _is_covered(name, *further, *own)):
            found.append(Ending(name, further[0]))
    return found


def first_to_end(certificate: Path) -> Ending | None:
    """Of all of them; None: the instance's own cannot be read."""
    found = endings(certificate)
    return min(found, key=lambda one: one.ends) if found and not found[0].host else None


def _is_covered(
    name: str, ends: datetime.datetime, hosts: Set[str], own_end: datetime.datetime, own_hosts: Set[str]
) -> bool:
    """Of every host: a folder may be called anything, and what a star stands for is asked by another name."""
    asked = {name, *hosts} if "." in name else hosts
    return ends < own_end and all(one in own_hosts and not one.startswith("*.") for one in asked)


class _Files:
    """One certificate with its key: read again once the files have changed, kept while they cannot be used."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self.pair: Pair | None = None
        self._paths = certificate, key
        self._stamps: tuple[Stamp | None, ...] | None = None

    def refresh(self) -> bool:
        """Whether another pair is presented from now on."""
        if self._look() == self._stamps:
            return False
        before = self.pair
        if problem := self.reload():
            log.warning("certificate not renewed, the one before stays", why=problem)
        return self.pair is not before

    def reload(self) -> str:
        """Read the files again; what is wrong with them, or nothing."""
        self._stamps = self._look()  # before reading: what is written meanwhile shows in the next look
        try:
            self.pair = read_pair(*self._paths, self.pair)
        except SettingsError as error:
            return str(error)
        return ""

    def _look(self) -> tuple[Stamp | None, ...]:
        return tuple(_stamp(path) for path in self._paths)


class Certificate:
    """One for every door of a process: a new handshake presents what the files hold now.

    Every handshake looks at the files that matter to it (three `stat`, some microseconds), so that a renewal needs no
    signal. Files that cannot be used - half copied, a key of another certificate - are named in the log once, and
    what was read before stays. Connections that are open keep what they have.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises SettingsError when the instance's own files cannot be used; further ones are named in the log."""
        self._main = _Files(certificate, key)
        self._main.reload()
        self._default = self._main.pair or read_pair(certificate, key)
        self._certificate = certificate
        self._folder: Stamp | None = None
        self._further: dict[str, _Files] = {}
        self._by_name: dict[str, _Files] = {}
        self._scan()
        self.context = read_pair(certificate, key).context
        """For whoever takes one context for good: it presents the pair of the moment."""
        self.context.sni_callback = self._present

    def current(self, name: str | None = None) -> Pair:
        """The pair to present to a new connection that asks for this host."""
        if self._main.refresh() and self._main.pair is not None:
            self._default = self._main.pair
        if _stamp(self._certificate.with_name(FOLDER)) != self._folder:
            self._scan()
        if not name or not self._further:
            return self._default
        name = name.lower().rstrip(".")
        found = self._choose(name)
        # Nobody's name: a certificate that was replaced meanwhile may have it now.
        changed = [one.refresh() for one in ([found] if found is not None else self._further.values())]
        if any(changed):
            self._index()
            found = self._choose(name)
        if found is None or found.pair is None:
            return self._default
        # One that was forgotten beside a certificate of all names stands in nobody's way.
        is_over = found.pair.ends < datetime.datetime.now(datetime.UTC) < self._default.ends
        return self._default if is_over and name in self._default.names else found.pair

    def reload(self) -> str:
        """Read everything again; what is wrong with the instance's own files, or nothing."""
        problem = self._main.reload()
        if self._main.pair is not None:
            self._default = self._main.pair
        self._scan()
        return problem

    def _choose(self, name: str) -> _Files | None:
        """The further certificate for a host: one that names it comes before one for all of its domain."""
        if name in self._by_name:
            return self._by_name[name]
        if name in self._default.names:
            return None
        return self._by_name.get(f"*.{name.partition('.')[2]}")

    def _scan(self) -> None:
        """See which folders there are, and read those that have changed."""
        self._folder = _stamp(self._certificate.with_name(FOLDER))
        there = files_of(self._certificate)
        self._further = {name: self._further.get(name) or _Files(*paths) for name, paths in there.items()}
        for one in self._further.values():
            one.refresh()
        self._index()

    def _index(self) -> None:
        """A folder's own name decides; what else its certificate names comes after."""
        usable = {name: one for name, one in self._further.items() if one.pair is not None}
        self._by_name = {name: one for one in usable.values() if one.pair for name in sorted(one.pair.names)} | usable

    def _present(self, handshake: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        """Called after each ClientHello, whether it names a server or not (SSL_CTX_set_tlsext_servername_callback)."""
        handshake.context = self.current(name).context


def _stamp(path: Path) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_size
