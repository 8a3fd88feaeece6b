"""Message octets: once per content hash, zstd frames, small ones in the database, large ones as files.

Each frame ends with a checksum of what is in it (RFC 8878 section 3.1.1), which expanding it compares: octets that the
disk changed are never handed on (`Damaged`). Frames of older versions have none; `mailserver check --deep` compares
those with the hash of their content. What the collector took away lies in `quarantine/` for some days; a read that
misses a file looks for it there and puts it back.

`prepare` does all the work that needs no transaction (scan, hash, compress, write and sync the file), so
that a unit only inserts rows. A file has a random name of its own and is never rewritten: when the same
content turns out to be stored already the new file is simply removed, and collecting an old one cannot
race with storing its content again.
"""

import contextlib
import errno
import hashlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
import zstandard

from mailserver.mime import Scan, scan
from mailserver.model.errors import Damaged, NoRoom, Temporary
from mailserver.texts.causes import Cause

log = structlog.get_logger("store")

INLINE_OCTETS = 128 * 1024
"""Compressed bodies up to this size live in the database: they share the commit's one sync, where a file needs two
of its own (seen with 100 KiB messages: half as much again per second, a quarter less CPU)."""
LEVEL = 3
SMALL_LEVEL = 1
SMALL_OCTETS = 64 * 1024
"""Frames of so many octets are made quickly: of a text of a few thousand the higher level saves one octet in a hundred
and costs a third more."""
HEADER_LEVEL = -1
"""Headers are read by the thousand: without entropy coding a header takes 1.2 us to expand instead of 2.8, and 3 us to
compress instead of 8, for a fifth more room (seen: 170 octets of a message of 10 KB)."""
QUICK_OCTETS = 32 * 1024
QUICK_HEADER = 8 * 1024
QUICK_PARTS = 100
SHOWN_OCTETS = 16 * 1024 * 1024
"""A body of this size expands in some 15 ms."""
MAX_OCTETS = 1 << 31
"""Bound on what a frame may decompress to: rows are ours, but a damaged one must not eat the memory."""
QUARANTINE = "quarantine"
"""Folder of files that the collector took away, beside the shelves they lay on."""
MARK = "instance-id"
"""Name of the file that says whose folder it is; it stands in the instance's folder, too (`opening`)."""

_local = threading.local()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message ready to be stored by a unit."""

    hash: bytes
    size: int
    scan: Scan
    header: bytes
    octets: bytes | None
    file: str | None


def is_quick(octets: bytes) -> bool:
    """True when preparing takes a millisecond or two, so that the event loop may do it itself.

    Size alone does not say so: 32 KiB of nothing but boundaries, or of one address list, take 50 ms.
    """
    return (
        len(octets) <= QUICK_OCTETS
        and octets.count(b"\n--") <= QUICK_PARTS
        and octets.find(b"\r\n\r\n", 0, QUICK_HEADER) >= 0
    )


def prepare(octets: bytes, folder: Path, scanned: Scan | None = None) -> Prepared:
    """Scan, hash and compress a message; write and sync its file when it is large.

    Call it in a thread unless `is_quick`. Raises Temporary when the disk refuses.
    """
    scanned = scanned or scan(octets)
    header = _compressor(HEADER_LEVEL).compress(octets[: scanned.header_size])
    body = compress(memoryview(octets)[scanned.header_size :])
    digest = hashlib.blake2b(octets, digest_size=32).digest()
    if len(body) <= INLINE_OCTETS:
        return Prepared(digest, len(octets), scanned, header, body, None)
    return Prepared(digest, len(octets), scanned, header, None, write_file(folder, body))


def is_attached(folder: Path) -> bool:
    """Whether the disk of large messages is there: an instance's carries a mark, its empty mount point does not."""
    return os.path.exists(folder / MARK) or (folder.is_dir() and not os.path.exists(folder.parent.parent / MARK))


def write_file(folder: Path, data: bytes) -> str:
    """Write a new file, synced with its folder; its name relative to `folder`. Raises Temporary."""
    name = os.urandom(16).hex()
    shelf = folder / name[:2]
    path = shelf / name
    try:
        _check_attached(folder)
        shelf.mkdir(mode=0o700, exist_ok=True)  # never the folder itself: a disk that is not there must not be replaced
        _write_synced(path, data)
        _sync_folder(shelf)
        # The shelf too, always: another writer may have made it and not synced it yet.
        _sync_folder(folder)
        # Once more: the disk may have gone, and what lies below its mount point is hidden when it is back.
        _check_attached(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise NoRoom("No room on the disk") from error
        log.error("file of a message cannot be written", why=error.strerror)
        raise Temporary("The disk is out of reach") from error
    return f"{name[:2]}/{name}"


def _check_attached(folder: Path) -> None:
    """Raises OSError."""
    if not is_attached(folder):
        raise FileNotFoundError(errno.ENOENT, "the disk of large messages is not there", str(folder))


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        os.fsync(descriptor)


def remove_file(folder: Path, name: str) -> None:
    """Remove a file that this process wrote and that no row was given; a missing one is fine.

    What lies there already, and may have been named once, goes by `quarantine.put`.
    """
    with contextlib.suppress(FileNotFoundError):
        (folder / name).unlink()


def compress(octets: bytes | memoryview) -> bytes:
    """One frame of ours."""
    return _compressor(SMALL_LEVEL if len(octets) <= SMALL_OCTETS else LEVEL).compress(octets)


def expand(frame: bytes) -> bytes:
    """Decompress one frame of ours. Raises Damaged."""
    if unpacked_size(frame) > MAX_OCTETS:
        raise Damaged(Cause("frame-too-large"))
    try:
        return _decompressor().decompress(frame, max_output_size=MAX_OCTETS)
    except zstandard.ZstdError as error:
        raise Damaged(Cause("frame-damaged")) from error


def unpacked_size(frame: bytes) -> int:
    """How many octets are in one frame of ours. Raises Damaged."""
    try:
        return zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise Damaged(Cause("not-a-frame")) from error


def read_body(folder: Path, octets: bytes | None, file: str | None) -> bytes:
    """What follows the header, from the row or its file. Raises Damaged, Temporary."""
    if octets is None:
        if file is None:
            return b""
        octets = _read_file(folder, file)
    return expand(octets)


def read_start(folder: Path, octets: bytes | None, file: str | None, size: int) -> bytes:
    """The first `size` octets of what follows the header: the text of a message, without its attachments.

    Of a large body only its beginning is read, which no checksum covers: for an index, never to be handed on as the
    message (`read_shown`). Raises Damaged, Temporary.
    """
    if octets is None and file is None:
        return b""
    if octets is not None and unpacked_size(octets) <= 2 * size:
        return expand(octets)[:size]
    with contextlib.ExitStack() as stack:
        frame: bytes | BinaryIO = octets or b""
        if file is not None and octets is None:
            frame = stack.enter_context(_open_file(folder, file))
        try:
            return stack.enter_context(_decompressor().stream_reader(frame)).read(size)
        except zstandard.ZstdError as error:
            raise Damaged(Cause("frame-damaged")) from error
        except OSError as error:
            raise _translated(error, folder, file or "") from error


def read_shown(folder: Path, octets: bytes | None, file: str | None, size: int) -> bytes:
    """`read_start` for people: checked like a whole body, unless that is so large that a page would wait for it.

    Raises Damaged, Temporary.
    """
    if octets is not None:
        return expand(octets)[:size]
    if file is None:
        return b""
    frame = _read_file(folder, file)
    if unpacked_size(frame) <= SHOWN_OCTETS:
        return expand(frame)[:size]
    return read_start(folder, frame, None, size)


def _read_file(folder: Path, name: str) -> bytes:
    with _open_file(folder, name) as file:
        try:
            return file.read()
        except OSError as error:
            raise _translated(error, folder, name) from error


def _open_file(folder: Path, name: str) -> BinaryIO:
    """The file, taken back from quarantine if it is there. Raises Damaged when it is lost, Temporary."""
    for _ in range(2):
        try:
            return open(folder / name, "rb")
        except FileNotFoundError:
            if not restore_file(folder, name):
                break
        except OSError as error:
            raise _translated(error, folder, name) from error
    try:  # another process may have put it back meanwhile
        return open(folder / name, "rb")
    except OSError as error:
        raise _translated(error, folder, name) from error


def restore_file(folder: Path, name: str) -> bool:
    """Put a file back that is in quarantine; False when it is not there."""
    held = folder / QUARANTINE / name
    try:
        if not held.exists():
            return False
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        os.rename(held, folder / name)
    except OSError:
        return False
    log.warning("file taken back from quarantine: a row names it", file=name)
    return True


def _translated(error: OSError, folder: Path, name: str) -> Damaged | Temporary:
    """A file that is gone or cannot be read costs its message; a folder that is gone is an outage."""
    if error.errno == errno.EIO or (error.errno == errno.ENOENT and is_attached(folder)):
        log.error("file of a message cannot be read", file=name, why=error.strerror)
        return Damaged(Cause("file-lost" if error.errno == errno.ENOENT else "disk-cannot-read"))
    return Temporary("The disk is out of reach")


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compressor(level: int) -> zstandard.ZstdCompressor:
    held: dict[int, zstandard.ZstdCompressor] | None = getattr(_local, "compressors", None)
    if held is None:
        held = _local.compressors = {}
    found = held.get(level)
    if found is None:
        found = held[level] = zstandard.ZstdCompressor(level=level, write_content_size=True, write_checksum=True)
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    found: zstandard.ZstdDecompressor | None = getattr(_local, "decompressor", None)
    if found is None:
        found = _local.decompressor = zstandard.ZstdDecompressor()
    return found
