"""What the files in a zip file say, for what a letter gives away: those that are text, and documents of our readers.

A zip file within it is not opened. Whatever is not read makes the answer one that was cut: too many files, one that is
packed too well to be honest, one under a password, one of a kind that nobody reads.
"""

import io
import zipfile

from mailserver.mime.body import parser, structure
from mailserver.mime.body.text import html_to_text, readable
from mailserver.mime.header import headers
from mailserver.previews import unshown
from mailserver.previews.archives import FAILURES
from mailserver.previews.cell_values import Habits
from mailserver.previews.faults import Fault, Unreadable
from mailserver.previews.kinds import DOCUMENTS, MESSAGE, OLD, TEXTS, decoded, ending
from mailserver.previews.markup import Markup

MAX_FILES = 100
"""Files of one that are read."""
MAX_FILE = 8 * 1024 * 1024
MAX_UNPACKED = 32 * 1024 * 1024
"""Octets of one file, and of all that are read."""
MAX_RATIO = 200
"""How much smaller a file may be packed than it is, where it is more than SMALL."""
SMALL = 1024 * 1024
_ENCRYPTED = 1
_NO_TEXTS = {*DOCUMENTS, *OLD, MESSAGE}
"""Endings of files that are none, whatever their type says."""


def write(octets: bytes, out: Markup, habits: Habits) -> None:
    """The names of its files, and what is read of them. Raises Unreadable: it is no zip file."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(octets))
    except FAILURES as error:
        raise Unreadable(Fault.BROKEN) from error
    files = [member for member in archive.infolist() if not member.is_dir()]
    left = MAX_UNPACKED
    out.cut = len(files) > MAX_FILES
    for member in files[:MAX_FILES]:
        out.lines(member.filename)
        found = b"" if out.full or member.file_size > left else _unpacked(archive, member)
        left -= len(found)
        if not found:
            out.cut = out.cut or member.file_size > 0
        elif not _read(member.filename, found, out, habits):
            out.cut = True


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A file's octets; nothing where it is too large, packed too well, under a password or damaged."""
    bloated = member.file_size > SMALL and member.file_size > MAX_RATIO * member.compress_size
    if member.flag_bits & _ENCRYPTED or member.file_size > MAX_FILE or bloated:
        return b""
    try:
        with archive.open(member) as file:
            return file.read(MAX_FILE)
    except FAILURES:
        return b""


def _read(name: str, octets: bytes, out: Markup, habits: Habits) -> bool:
    """Whether the file was read."""
    what = ending(name)
    if what == MESSAGE:
        return _message(octets, out, habits)
    if what in TEXTS:
        text = decoded(octets)
        out.lines(html_to_text(text) if what in ("htm", "html") else text)
        return True
    if what not in DOCUMENTS:
        return False
    try:
        unshown.write_document(DOCUMENTS[what], octets, out, habits)
    except Exception:  # noqa: BLE001 - whatever a reader trips over is the file's fault, and costs no other file
        return False
    return True


def _message(octets: bytes, out: Markup, habits: Habits) -> bool:
    """Whether all of a saved message was read: its subject, its words, its files; not a message that is saved in it."""
    root = structure.build(parser.parse(octets))
    for message in root.messages():
        out.lines(headers.clean(message.header(octets, "Subject")))
    is_whole = True
    for part in root.leaves():
        name = headers.clean(part.filename)
        out.lines(name)
        what = ending(name)
        if part.type.startswith("text/") and part.type != "text/rtf" and what not in _NO_TEXTS:
            out.lines(readable(part, part.text(octets)))
        elif part.size and part.is_attachment:
            is_saved = what == MESSAGE or part.type.startswith("message/")
            is_whole = not is_saved and _read(name, part.content(octets), out, habits) and is_whole
    return is_whole
