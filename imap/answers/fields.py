"""Fields of headers as IMAP asks for them by name (RFC 3501 section 6.4.5), of one message and of thousands at once.

Pure: octets in, octets out.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from imap.wire.fetch.fetch_items import Section, SectionText
from mailserver.mime.header import headers, listed_fields

FEW_NAMES = 2048
"""Octets of names of header fields that are worth an expression: a megabyte of them takes seconds to compile."""
NUL = b"\0"
INSTEAD = b"?"
"""What a string shows for NUL, which it cannot hold (RFC 9051 section 4.3.1): as long, so that all sizes stay true."""


def is_listed(section: Section) -> bool:
    """True when the fields that are kept apart are all it takes (`mime.header.listed_fields`)."""
    return len(section.label) <= FEW_NAMES and _are_listed(section)


@lru_cache(maxsize=256)
def _are_listed(section: Section) -> bool:
    if section.part or section.text is not SectionText.HEADER_FIELDS:
        return False
    return all(name.lower().encode("ascii") in listed_fields.NAMES for name in section.fields)


def header_fields(names: Sequence[str], *, exclude: bool) -> Callable[[bytes], bytes]:
    """`mime.header.headers.select` for the same names over many headers, in one regular expression where there are few
    names, and the header is not so long that every field of it should not be an object at once."""
    if exclude or sum(map(len, names)) > FEW_NAMES:
        return lambda header: headers.select(header, 0, len(header), names, exclude=exclude)
    chosen = _pattern(names)

    def choose(header: bytes) -> bytes:
        if not header.endswith(b"\n") or len(header) > headers.WINDOW:
            return headers.select(header, 0, len(header), names)
        return b"\n".join([*chosen.findall(b"\n" + header), b"\r\n"])

    return choose


def _pattern(names: Sequence[str], or_else: bytes = b"") -> re.Pattern[bytes]:
    """Finds the fields of these names, without their last line end, in a header with a line end before it.

    `or_else`: a line that begins so counts, too.
    """
    asked = [name.encode("ascii") for name in names]
    pattern = b"|".join(map(re.escape, asked))
    initials = re.escape(bytes({octet for name in asked for octet in (name[:1].lower() + name[:1].upper())}))
    other = b"|" + re.escape(or_else) if or_else else b""
    # The line end before a field makes the search jump from line to line, at the speed of memchr, and one look at the
    # first letter passes over most lines.
    return re.compile(rb"\n((?=[%b])(?i:%b)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*+%b)" % (initials, pattern, other))


def chooser(section: Section) -> Callable[[bytes], bytes]:
    """A section for which `is_listed`, out of the fields that are kept apart."""
    choose = header_fields(section.fields, exclude=False)
    part = slice(section.start, None if section.start is None else section.start + (section.length or 0))
    if section.start is None:
        return lambda fields: choose(fields.replace(NUL, INSTEAD))
    return lambda fields: choose(fields.replace(NUL, INSTEAD))[part]


@lru_cache(maxsize=256)
def many_chooser(section: Section) -> Callable[[Sequence[bytes]], list[bytes]]:
    """`chooser` for the fields of many messages at once: one search over all of them."""
    choose = chooser(section)
    chosen = _pattern(section.fields, or_else=NUL)
    part = slice(section.start, None if section.start is None else section.start + (section.length or 0))

    def choose_all(texts: Sequence[bytes]) -> list[bytes]:
        # What is kept of a message ends with a line end, or is nothing. NUL stands between two of them, on a line of
        # its own.
        found = chosen.findall(b"\n" + b"\0\n".join(texts))
        pieces = b"\n".join([*found, b""]).replace(b"\0\n", b"\r\n\0").split(NUL)
        if len(pieces) != len(texts):  # damaged: a header has NUL itself
            return [choose(text) for text in texts]
        pieces[-1] += b"\r\n"
        return pieces if section.start is None else [piece[part] for piece in pieces]

    return choose_all
