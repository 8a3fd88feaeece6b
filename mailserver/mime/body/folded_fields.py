"""Header fields as they are searched: `name: value` a line, the value folded (`text.fold`) and in UTF-8."""

import re
from collections.abc import Mapping

from mailserver.mime.body.text import MAX_TEXT, fold
from mailserver.mime.header import addresses, headers

KEPT = (b"from", b"to", b"cc", b"bcc", b"subject", b"message-id")
"""Fields that people and their programs search by: those of delivery's scan."""

ADDRESSED = frozenset({b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc"})
"""Fields of addresses."""

MAX_KEPT = 1500
"""Octets of their lines that are worth keeping: a letter to a whole school is read when it is searched."""

MAX_HEADER = 64 * 1024
"""Octets of a header whose lines are kept; of longer ones the scan may not read all that a search reads."""

_FIELD = re.compile(rb"\n([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)")
_TANGLED = re.compile(rb"\(|@(?:(?<=\s@)|\s)|<[^<>\s]*+\s")
"""What may stand inside an address as it is written, and does not in the address."""
_BETWEEN = re.compile(rb"[\s<>(),:;\"]+")
"""What stands between addresses as they are written."""
_PLAIN = bytes((9, 10, 13, *range(32, 127)))
"""Octets that need no decoding, but in encoded words."""
_LOWER = bytes(32 if octet in b"\t\n\r" else octet for octet in bytes(range(256)).lower())
_SPACES = re.compile(rb"  +")


def value(name: bytes, raw: bytes) -> bytes:
    """The value of a field (its name in small letters), not yet unfolded, as it is searched.

    FROM, TO, CC and BCC look into the envelope (RFC 3501 section 6.4.4), where `a (home)@ example.org` is
    `a@example.org`: addresses that are written with comments or blanks inside are found in both forms.
    """
    raw = raw[: headers.MAX_VALUE]
    coded = b"=?" in raw or raw.translate(None, _PLAIN)
    folded = decoded(headers.decode(raw)) if coded else _SPACES.sub(b" ", raw.translate(_LOWER)).strip(b" ")
    if name not in ADDRESSED or not is_tangled(raw):
        return folded
    plain = dict.fromkeys(
        fold(mailbox.address).encode("utf-8", "replace") for mailbox in addresses.parse(headers.as_text(raw))
    )
    written = set(_BETWEEN.split(folded))  # ten thousand addresses are not looked for in a megabyte one by one
    return b" ".join([folded, *(address for address in plain if address not in written)])


def is_tangled(raw: bytes) -> bool:
    """Whether addresses may be searched in another form than they are written in."""
    return _TANGLED.search(raw) is not None


def decoded(text: str) -> bytes:
    """The same of a value that was decoded already; blanks before it say nothing."""
    return fold(f": {text}")[2:].encode("utf-8", "replace")


def lines(header: bytes) -> bytes:
    """All fields of a header, each between line feeds."""
    made = [b"\n"]
    for name, raw in _FIELD.findall(b"\n" + header[:MAX_TEXT]):
        name = name.lower()
        made += (name, b": ", value(name, raw), b"\n")
    return b"".join(made)


def kept(fields: Mapping[bytes, bytes], subject: str) -> bytes | None:
    """The lines of the KEPT fields of a header that has none of them twice; None when they are too long.

    `subject`: decoded.
    """
    made = b"\n"
    for name in KEPT:
        raw = fields.get(name)
        if raw is not None:
            folded = decoded(subject) if name == b"subject" else value(name, raw)
            made = b"%b%b: %b\n" % (made, name, folded)
    return made if len(made) <= MAX_KEPT else None
