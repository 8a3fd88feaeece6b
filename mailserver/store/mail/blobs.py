"""Message octets: once per content hash, zstd frames, small ones in the database, large ones as files.

Each frame ends with a checksum of what is in it (RFC 8878 section 3.1.1), which expanding it compares: octets that the
disk changed are never handed on (`Damaged`). Frames of older versions have none; `mailserver check --deep` compares
those with the hash of their content. Where files lie, and how they are reached, is `mailserver.store.octets`.

`prepare` does all the work that needs no transaction (scan, hash, compress, write and sync the file), so
that a unit only inserts rows. A file has a random name of its own and is never rewritten: when the same
content turns out to be stored already the new file is simply removed, and collecting an old one cannot
race with storing its content again.
"""

import hashlib
import re
import threading
from dataclasses import dataclass

import zstandard

from mailserver.mime import Scan, scan
from mailserver.model.errors import Damaged
from mailserver.store.octets.files import BlobFolder, files_of
from mailserver.texts.causes import Cause

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
QUICK_NESTED = 4 * 1024
"""Octets of a message with others in it: each has a header of its own, and is shown again in the one around it."""
_OF_MESSAGES = (b"rfc822", b"global", b"digest", b"\0")
"""What stands in each message with a part that is one (`mime.body.parser`); NUL may hide between the letters."""
QUICK_WHOLE = 120 * 1024
"""Octets of a message that the event loop prepares itself where they are no headers: a millisecond or so. Its frame
fits into the database."""
_MAY_HOLD_MESSAGES = re.compile(rb"message[\x01-\x20\x7f-\xff]*+/|digest|\0", re.IGNORECASE)
"""In a header: parts that are messages, whose own headers may have any size (`mime.header.parameters.media_type`).
There any blank of Unicode may stand before the slash, here any octet that one may consist of."""
SHOWN_OCTETS = 16 * 1024 * 1024
"""A body of this size expands in some 15 ms."""
MAX_OCTETS = 1 << 31
"""Bound on what a frame may decompress to: rows are ours, but a damaged one must not eat the memory."""
NEEDED_BEYOND = 256 * 1024
"""Octets of a frame that expanding its beginning may need beyond those it gives: a block is expanded whole, and what
nothing compresses grows a little."""

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

    Size alone does not say so: 32 KiB of nothing but boundaries, or of one address list, take 50 ms; so do such a list
    in the header of a message within, and messages within messages.
    """
    if len(octets) > QUICK_OCTETS or octets.count(b"\n--") > QUICK_PARTS or not has_quick_header(octets):
        return False
    return len(octets) <= QUICK_NESTED or not _may_nest(octets)


def _may_nest(octets: bytes) -> bool:
    """Whether a part of it may be a message: wherever the words stand, which costs less than to look for headers."""
    lower = octets.lower()
    return any(word in lower for word in _OF_MESSAGES)


def prepares_quickly(octets: bytes) -> bool:
    """`is_quick`, or a larger message whose size is in its bodies: none is in it, and the headers of its parts are as
    small together as its own. Two switches between threads cost as much as preparing it."""
    if is_quick(octets):
        return True
    if len(octets) > QUICK_WHOLE or octets.count(b"\n--") > QUICK_PARTS:
        return False
    end = octets.find(b"\r\n\r\n", 0, QUICK_HEADER)
    return end >= 0 and _MAY_HOLD_MESSAGES.search(octets, 0, end) is None and _has_quick_parts(octets, end)


def _has_quick_parts(octets: bytes, at: int) -> bool:
    """Whatever may be the header of a part, from a line that may be a boundary to the next blank one."""
    left = QUICK_HEADER
    while (at := octets.find(b"\n--", at)) >= 0:
        end = octets.find(b"\r\n\r\n", at, at + left)
        if end < 0:  # the last boundary has nothing behind it
            return len(octets) - at <= left and _MAY_HOLD_MESSAGES.search(octets, at) is None
        if _MAY_HOLD_MESSAGES.search(octets, at, end) is not None:
            return False
        left -= end - at
        at = max(end - 1, at + 1)
    return True


def has_quick_header(octets: bytes) -> bool:
    """True when the event loop may read the header itself, however large the message is."""
    return octets.find(b"\r\n\r\n", 0, QUICK_HEADER) >= 0


def prepare(octets: bytes, folder: BlobFolder, scanned: Scan | None = None) -> Prepared:
    """Scan, hash and compress a message; write and sync its file when it is large.

    Call it in a thread unless `is_quick`. Raises Temporary when the disk refuses.
    """
    scanned = scanned or scan(octets)
    header = _compressor(HEADER_LEVEL).compress(octets[: scanned.header_size])
    body = compress(memoryview(octets)[scanned.header_size :])
    digest = hashlib.blake2b(octets, digest_size=32).digest()
    if len(body) <= INLINE_OCTETS:
        return Prepared(digest, len(octets), scanned, header, body, None)
    return Prepared(digest, len(octets), scanned, header, None, files_of(folder).write(body))


def remove_file(folder: BlobFolder, name: str) -> None:
    """Remove a file that this process wrote and that no row was given; a missing one is fine.

    What lies there already, and may have been named once, is put aside instead.
    """
    files_of(folder).discard(name)


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


def is_whole(frame: bytes) -> bool:
    """Whether a frame of ours can be expanded."""
    try:
        expand(frame)
    except Damaged:
        return False
    return True


def unpacked_size(frame: bytes) -> int:
    """How many octets are in one frame of ours. Raises Damaged."""
    try:
        return zstandard.frame_content_size(frame)
    except zstandard.ZstdError as error:
        raise Damaged(Cause("not-a-frame")) from error


def read_body(folder: BlobFolder, octets: bytes | None, file: str | None) -> bytes:
    """What follows the header, from the row or its file. Raises Damaged, Temporary."""
    if octets is None:
        if file is None:
            return b""
        octets = files_of(folder).read(file)
    return expand(octets)


def read_start(folder: BlobFolder, octets: bytes | None, file: str | None, size: int) -> bytes:
    """The first `size` octets of what follows the header: the text of a message, without its attachments.

    Of a large body only its beginning is read, which no checksum covers: for an index, never to be handed on as the
    message (`read_shown`). Raises Damaged, Temporary.
    """
    if octets is None and file is None:
        return b""
    if octets is not None and unpacked_size(octets) <= 2 * size:
        return expand(octets)[:size]
    frame = octets
    if frame is None and file is not None:
        frame = files_of(folder).read_beginning(file, size + size // 128 + NEEDED_BEYOND)
    try:
        with _decompressor().stream_reader(frame or b"") as reader:
            return reader.read(size)
    except zstandard.ZstdError as error:
        raise Damaged(Cause("frame-damaged")) from error


def read_shown(folder: BlobFolder, octets: bytes | None, file: str | None, size: int) -> bytes:
    """`read_start` for people: checked like a whole body, unless that is so large that a page would wait for it.

    Raises Damaged, Temporary.
    """
    if octets is not None:
        return expand(octets)[:size]
    if file is None:
        return b""
    frame = files_of(folder).read(file)
    if unpacked_size(frame) <= SHOWN_OCTETS:
        return expand(frame)[:size]
    return read_start(folder, frame, None, size)


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
