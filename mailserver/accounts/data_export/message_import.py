"""Messages that a person brings along: .eml, .mbox and .zip files of them, into one folder.

Nothing is believed: a zip file may unpack to at most `MAX_UNPACKED` octets and `MAX_MEMBERS` members, each message is
bounded like one that is received, and what is no message is refused with the reason. A message that the folder has
already is left out, so that an import which was interrupted can be made again.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import IO, Protocol

from mailserver.accounts.data_export import mbox
from mailserver.foundation.settings import Limits
from mailserver.mime.header import header_limit
from mailserver.mime.writing import binary
from mailserver.model.errors import Refused, Temporary
from mailserver.store.engine.transactions import Store, Uncertain
from mailserver.store.mail import blobs
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.messages import Quota
from mailserver.store.web import webmail

MAX_UNPACKED = 2 * 1024**3
MAX_RATIO = 100
"""How many times a zip file may grow beyond `ALWAYS_UNPACKED`: mail grows ten times, a bomb a thousand."""
ALWAYS_UNPACKED = 16 * 1024 * 1024
MAX_MEMBERS = 50_000
MAX_DIRECTORY = 8 * 1024 * 1024
"""Octets of the list of members at the end of a zip file, which is read whole before anything is known of it."""
MAX_MESSAGES = 100_000
"""Of one import, those that are refused counted as well."""
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members of zip files may be packed. Of the others one takes as much memory as its head says."""
MAX_TOLD = 100
"""Refused messages that are told one by one."""
BATCH = 20
"""Messages of one unit of the store: writers of other accounts have their turn in between."""
_FIELD = re.compile(rb"(?:From [^\n]*\n)?[!-9;-~]{1,80}[ \t]*:")


class Why(Enum):
    """Why something was not imported."""

    TOO_BIG = "too big"
    HEADER = "header too big"
    NO_MESSAGE = "no message"
    DAMAGED = "damaged"
    UNKNOWN_KIND = "unknown kind of file"
    FULL = "the mailbox is full"
    TOO_MANY = "too many messages"


@dataclass(slots=True)
class Report:
    """What became of an import."""

    imported: int = 0
    duplicates: int = 0
    refused: int = 0
    told: list[tuple[str, Why]] = field(default_factory=list)
    """The first refused ones: where they were found, and why."""

    @property
    def full(self) -> bool:
        """True when no more is looked at: two gigabytes hold hundreds of millions of messages that are none."""
        return self.refused >= MAX_MESSAGES

    def refuse(self, where: str, why: Why) -> None:
        self.refused += 1
        if len(self.told) < MAX_TOLD:
            self.told.append((where, why))


class Source(mbox.Lines, Protocol):
    """A file that messages are read from."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, place: int, /) -> int: ...


@dataclass(frozen=True, slots=True)
class _Brought:
    """A message that may be stored."""

    where: str
    octets: bytes
    received: int
    flags: Sequence[str]


def bring(
    store: Store, account_id: int, mailbox_id: int, files: Sequence[tuple[str, IO[bytes]]], limits: Limits, quota: Quota
) -> Report:
    """Import these files, each with its name. Blocking: for a thread. Messages beyond the limits are refused.

    Raises Refused(NO_SUCH_MAILBOX), Temporary: what was imported by then stays.
    """
    report = Report()
    limit = limits.message_size
    batch: list[_Brought] = []
    taken = 0
    for name, file in files:
        found = (
            _zipped(name, file, limit, report)
            if name.lower().endswith(".zip")
            else _messages(name, file, limit, report)
        )
        for one in found:
            taken += 1
            if taken > MAX_MESSAGES:
                report.refuse(name, Why.TOO_MANY)
                break
            if not _bounded(one, limits, report):
                continue
            batch.append(one)
            if len(batch) == BATCH or sum(len(had.octets) for had in batch) > limit:
                _store(store, account_id, mailbox_id, batch, quota, report)
                batch.clear()
    _store(store, account_id, mailbox_id, batch, quota, report)
    return report


def _bounded(one: _Brought, limits: Limits, report: Report) -> bool:
    """Whether the header of a message is one that every door takes."""
    try:
        header_limit.check(one.octets, limits.header_size, limits.header_fields)
    except Refused:
        report.refuse(one.where, Why.HEADER)
        return False
    return True


def _messages(name: str, file: Source, limit: int, report: Report) -> Iterator[_Brought]:
    """The messages of one file."""
    match name.lower().rpartition(".")[2]:
        case "zip":
            report.refuse(name, Why.UNKNOWN_KIND)
        case "mbox" | "mbx":
            yield from _boxed(name, file, limit, report)
        case "eml":
            yield from _single(name, file.read(limit + 1), limit, report)
        case _ if file.read(5) == b"From ":  # Thunderbird's files have no ending
            file.seek(0)
            yield from _boxed(name, file, limit, report)
        case _:
            report.refuse(name, Why.UNKNOWN_KIND)


def _single(where: str, octets: bytes, limit: int, report: Report) -> Iterator[_Brought]:
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if len(octets) > limit:
        report.refuse(where, Why.TOO_BIG)
    elif not _FIELD.match(octets):
        report.refuse(where, Why.NO_MESSAGE)
    else:
        yield _Brought(where, octets, 0, ("\\Seen",))


def _boxed(name: str, file: Source, limit: int, report: Report) -> Iterator[_Brought]:
    number = 0
    for number, found in enumerate(mbox.entries(file, limit), 1):
        if report.full:
            return
        if found.gone:
            continue
        where = f"{name}, {number}"
        if (not found.octets and found.size > limit) or len(found.octets) > limit:
            report.refuse(where, Why.TOO_BIG)
        elif not _FIELD.match(found.octets):
            report.refuse(where, Why.NO_MESSAGE)
        else:
            yield _Brought(where, found.octets, found.received, found.flags)
    if not number:
        report.refuse(name, Why.NO_MESSAGE)


def _zipped(name: str, file: IO[bytes], limit: int, report: Report) -> Iterator[_Brought]:
    try:
        with zipfile.ZipFile(_Archive(file)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            # Of the file as it is, not of what its list says of each member: several may name the same octets.
            most = min(MAX_UNPACKED, ALWAYS_UNPACKED + MAX_RATIO * file.seek(0, os.SEEK_END))
            if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > most:
                report.refuse(name, Why.TOO_BIG)
                return
            for member in members:
                if report.full:
                    return
                yield from _member(f"{name}: {member.filename}", archive, member, limit, report)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, UnicodeError):
        # RuntimeError: it is encrypted; NotImplementedError: an uncommon compression.
        report.refuse(name, Why.DAMAGED)


def _member(
    where: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, report: Report
) -> Iterator[_Brought]:
    if member.compress_type not in _PACKED:
        report.refuse(where, Why.UNKNOWN_KIND)
        return
    with archive.open(member) as inside:
        yield from _messages(where, _Bounded(inside, member.file_size), limit, report)


class _Archive:
    """A zip file of which no more than MAX_DIRECTORY is ever asked for at once: of a list of five million members,
    which a file of the size we take may hold, gigabytes of objects would be made to find that they are too many."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        octets = self._file.read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(octets) > MAX_DIRECTORY:
            raise zipfile.BadZipFile("its list of members is too long")
        return octets

    def seekable(self) -> bool:
        return True


class _Bounded:
    """A member of a zip file that yields no more than its head announced (a zip bomb lies there)."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def readline(self, size: int = -1) -> bytes:
        return self._took(self._file.readline(min(size, self._left) if size >= 0 else self._left))

    def read(self, size: int = -1) -> bytes:
        return self._took(self._file.read(min(size, self._left) if size >= 0 else self._left))

    def seek(self, place: int) -> int:
        self._left += self._file.tell() - place
        return self._file.seek(place)

    def _took(self, octets: bytes) -> bytes:
        self._left -= len(octets)
        return octets


# ---------------------------------------------------------------------- storing


def _store(
    store: Store, account_id: int, mailbox_id: int, batch: Sequence[_Brought], quota: Quota, report: Report
) -> None:
    """Store a batch as one unit; when there is no room for all of it, message by message."""
    if not batch:
        return
    # What has NUL and cannot be written without it is kept as it is: a damaged message is still somebody's mail.
    ready = [
        (blobs.prepare(binary.textual(message.octets) or message.octets, store.blobs), message) for message in batch
    ]
    try:
        _unit(store, account_id, mailbox_id, ready, quota, report)
    except Refused as refusal:
        if len(ready) > 1:
            for message in batch:
                _store(store, account_id, mailbox_id, [message], quota, report)
        elif refusal.reason.name in ("OVER_QUOTA", "LIMIT"):
            report.refuse(batch[0].where, Why.FULL)
        else:
            raise


def _unit(
    store: Store,
    account_id: int,
    mailbox_id: int,
    ready: Sequence[tuple[Prepared, _Brought]],
    quota: Quota,
    report: Report,
) -> None:
    files = [prepared.file for prepared, _ in ready if prepared.file is not None]
    try:
        new = [(prepared, message.flags, message.received) for prepared, message in ready]
        imported, spare = store.write_now(webmail.append_new, account_id, mailbox_id, new, quota)
    except Uncertain:  # the collector finds out whether they are needed
        raise
    except (Refused, Temporary):
        for name in files:
            blobs.remove_file(store.blobs, name)
        raise
    for name in spare:
        blobs.remove_file(store.blobs, name)
    report.imported += imported
    report.duplicates += len(ready) - imported
