"""Header fields as they are searched: `name: value` a line, the value folded (`text.fold`) and in UTF-8."""

import re
from collections.abc import Mapping

from mailserver.mime import headers
from mailserver.mime.text import MAX_TEXT, fold

KEPT = (b"from", b"to", b"cc", b"bcc", b"subject", b"message-id")
"""Fields that people and their programs search by: those of delivery's scan."""

MAX_KEPT = 1500
"""Octets of their lines that are worth keeping: a letter to a whole school is read when it is searched."""

MAX_HEADER = 64 * 1024
"""Octets of a header whose lines are kept; of longer ones the scan may not read all that a search reads."""

_FIELD = re.compile(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_CODED = re.compile(rb"=\?|[^\t\n\r -~]")


def value(raw: bytes) -> bytes:
    """A field's value, not yet unfolded, as it is searched."""
    raw = raw[: headers.MAX_VALUE]
    return decoded(headers.decode(raw)) if _CODED.search(raw) else b" ".join(raw.lower().split())


def decoded(text: str) -> bytes:
    """The same of a value that was decoded already; blanks before it say nothing."""
    return fold(f": {text}")[2:].encode("utf-8", "replace")


def lines(header: bytes) -> bytes:
    """All fields of a header, each between line feeds."""
    found = _FIELD.findall(b"\n" + header[:MAX_TEXT])
    return b"\n" + b"".join([b"%b: %b\n" % (name.lower(), value(raw)) for name, raw in found])


def kept(fields: Mapping[bytes, bytes], subject: str) -> bytes | None:
    """The lines of the KEPT fields of a header that has none of them twice; None when they are too long.

    `subject`: decoded.
    """
    made = b"\n"
    for name in KEPT:
        raw = fields.get(name)
        if raw is not None:
            folded = decoded(subject) if name == b"subject" else value(raw)
            made = b"%b%b: %b\n" % (made, name, folded)
    return made if len(made) <= MAX_KEPT else None
