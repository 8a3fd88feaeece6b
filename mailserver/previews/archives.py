"""The zip containers of office files, within bounds."""

import io
import lzma
import zipfile
import zlib
from typing import Any

import defusedxml.ElementTree

from mailserver.previews.faults import Fault, Unreadable

MAX_MEMBERS = 5000
MAX_UNPACKED = 96 * 1024 * 1024
"""Octets of all members, by what the container says; zipfile reads no more of each than it says."""
MAX_XML = 24 * 1024 * 1024
"""Octets of one member that is parsed."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""The container of Microsoft's old formats, and of its new ones under a password."""

FAILURES = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(NotImplementedError, RuntimeError, OSError, EOFError, ValueError),
)
"""What is raised of a container, or of one of its members, that is damaged or of a kind that is not known."""


def opened(octets: bytes) -> zipfile.ZipFile:
    """The container. Raises Unreadable."""
    if octets.startswith(_OLE):
        raise Unreadable(Fault.ENCRYPTED)
    try:
        archive = zipfile.ZipFile(io.BytesIO(octets))
    except FAILURES as error:
        raise Unreadable(Fault.BROKEN) from error
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
        raise Unreadable(Fault.TOO_BIG)
    if any(member.flag_bits & 1 for member in members):
        raise Unreadable(Fault.ENCRYPTED)
    return archive


def read(archive: zipfile.ZipFile, name: str, limit: int = MAX_XML) -> bytes:
    """The octets of a member, empty when there is none. Raises Unreadable."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        return b""
    if member.file_size > limit:
        raise Unreadable(Fault.TOO_BIG)
    try:
        return archive.read(member)
    except FAILURES as error:
        raise Unreadable(Fault.BROKEN) from error


def tree(archive: zipfile.ZipFile, name: str) -> Any:
    """A member as a tree of XML without entities; None when there is none. Raises Unreadable."""
    octets = read(archive, name)
    if not octets:
        return None
    try:
        return defusedxml.ElementTree.fromstring(octets, forbid_dtd=True)
    except (SyntaxError, ValueError) as error:  # defusedxml's refusals are ValueErrors
        raise Unreadable(Fault.BROKEN) from error
