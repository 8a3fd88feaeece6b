"""A MIME entity that somebody wrote by hand, with none but fields of MIME in its header: nothing else can be said in
ours."""

import re
from collections.abc import Iterator

from mailserver.mime.writing import ascii_header
from mailserver.mime.writing.ascii_header import CannotBeAscii

_FIELD = re.compile(rb"^[!-9;-~]++:[^\n]*+\n(?:[ \t][^\n]*+\n)*+", re.MULTILINE)
_ENCODING = b"content-transfer-encoding"


def entity(text: str) -> bytes:
    """The octets of an entity, with its header, the blank line behind it, and CRLF at line ends.

    The header is in ASCII, without what ASCII cannot say; a body of eight bits is said to be one (RFC 2045 section
    6.1).
    """
    octets = re.sub(rb"\r\n|\r|\n", b"\r\n", text.replace("\0", "").encode("utf-8", "replace"))
    header, blank, body = octets.partition(b"\r\n\r\n")
    if octets.startswith(b"\r\n"):
        header, blank, body = b"", b"\r\n", octets[2:]
    fields = list(_fields(header + b"\r\n"))
    if blank and not body.isascii() and not any(field.lower().startswith(_ENCODING) for field in fields):
        fields.append(b"Content-Transfer-Encoding: 8bit\r\n")
    return b"".join(fields) + b"\r\n" + (body if blank else b"")


def _fields(header: bytes) -> Iterator[bytes]:
    """Those of MIME, as they stand where they are ASCII."""
    for field in _FIELD.findall(header):
        name, _, value = field.partition(b":")
        if field[:8].lower() == b"content-":
            try:
                yield ascii_header.written(name.decode().lower(), field, value)
            except CannotBeAscii:
                continue
