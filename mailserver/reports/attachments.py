"""The octets of a report out of a message, an archive or a file, within bounds."""

import io
import zipfile
import zlib

from mailserver.mime import Part, scan, unpack
from mailserver.reports.faults import BadReport

MAX_PACKED = 10 * 1024 * 1024
"""Octets of an attachment as it came, its transfer encoding undone."""
MAX_UNPACKED = 32 * 1024 * 1024
MAX_RATIO = 250
"""Times that an archive may grow beyond the first MIN_GROWN octets. Real reports grow thirty times."""
MIN_GROWN = 1024 * 1024
MAX_MEMBERS = 10
"""Files of a zip archive."""
MAX_LAYERS = 2
"""Archives within each other: a zip file that holds a .gz."""
MAX_PARTS = 50
"""Parts of a message that are looked at."""

_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions of which zipfile unpacks no more than it is asked for."""
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"
_STARTS = (b"<", b"{")


def of_message(octets: bytes) -> bytes:
    """The report that a message brings, as XML or JSON. Raises BadReport."""
    root = unpack(scan(octets).parts)
    for part, _ in zip(root.walk(), range(MAX_PARTS), strict=False):
        if _may_be(part):
            content = part.content(octets)
            if _is_report(content):
                return unpacked(content)
    raise BadReport("report-none")


def of_file(octets: bytes) -> bytes:
    """The same of a file: a report, an archive with one, or a message. Raises BadReport."""
    return unpacked(octets) if _is_report(octets) else of_message(octets)


def _may_be(part: Part) -> bool:
    """Whether a part may be a report: not the words for people, nor what is made of parts."""
    if part.is_multipart or part.is_message:
        return False
    return part.type not in ("text/plain", "text/html") or bool(part.filename)


def _is_report(octets: bytes) -> bool:
    return octets.startswith((_GZIP, _ZIP)) or _text(octets).startswith(_STARTS)


def _text(octets: bytes) -> bytes:
    """Its beginning, without what may stand before the first character."""
    return octets[:1000].removeprefix(_BOM).lstrip()


def unpacked(octets: bytes) -> bytes:
    """Octets out of archives. Raises BadReport."""
    for _ in range(MAX_LAYERS + 1):
        if len(octets) > (MAX_PACKED if octets.startswith((_GZIP, _ZIP)) else MAX_UNPACKED):
            raise BadReport("report-too-large")
        if octets.startswith(_GZIP):
            octets = _gunzip(octets)
        elif octets.startswith(_ZIP):
            octets = _unzip(octets)
        elif _text(octets).startswith(_STARTS):
            return octets.removeprefix(_BOM)
        else:
            raise BadReport("report-none")
    raise BadReport("report-archive")


def _most(packed: int) -> int:
    """Octets that so many may become."""
    return min(MAX_UNPACKED, max(MIN_GROWN, packed * MAX_RATIO))


def _gunzip(octets: bytes) -> bytes:
    """All members of a gzip file. zlib checks the sum at the end of each."""
    most = _most(len(octets))
    found: list[bytes] = []
    size = 0
    while octets.startswith(_GZIP):
        inflater = zlib.decompressobj(wbits=31)
        try:
            found.append(inflater.decompress(octets, most - size + 1))
        except zlib.error:
            raise BadReport("report-archive") from None
        size += len(found[-1])
        if size > most:
            raise BadReport("report-too-large")
        if not inflater.eof:
            raise BadReport("report-archive")
        if len(found) >= MAX_MEMBERS:
            raise BadReport("report-archive")
        octets = inflater.unused_data
    return b"".join(found)


def _unzip(octets: bytes) -> bytes:
    """The first file of a zip archive that is a report by its name, or its only one."""
    if octets.count(b"PK\x01\x02") > MAX_MEMBERS:  # before zipfile makes an object of each
        raise BadReport("report-archive")
    most = _most(len(octets))
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            named = [one for one in files if one.filename.lower().endswith((".xml", ".json", ".gz"))]
            if not files or len(files) > MAX_MEMBERS or (not named and len(files) > 1):
                raise BadReport("report-archive")
            chosen = (named or files)[0]
            if chosen.compress_type not in _BOUNDED:
                raise BadReport("report-archive")
            with archive.open(chosen) as member:
                content = member.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError, ValueError):
        raise BadReport("report-archive") from None  # RuntimeError: a password
    if len(content) > most:
        raise BadReport("report-too-large")
    return content
