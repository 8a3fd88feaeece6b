"""Content-Transfer-Encoding: octets out of base64, quoted-printable and uuencode, tolerant of damage."""

import binascii
import re

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")

_IDENTITY = frozenset(("", "7bit", "8bit", "binary"))
_UU = frozenset(("x-uuencode", "uuencode", "x-uue"))
_PIECE = 1 << 20
"""Octets decoded at once: other threads may run in between. Of base64 whole groups of four."""


def is_known(encoding: str) -> bool:
    """True when `decode` undoes this transfer encoding, given by its lower-case name."""
    return encoding in _IDENTITY or encoding in _UU or encoding in ("quoted-printable", "base64")


def decode(octets: bytes, encoding: str) -> bytes:
    """Undo a transfer encoding given by its lower-case name; unknown ones are left as they are."""
    if encoding == "quoted-printable":
        return decode_quoted(octets)
    if encoding == "base64":
        return decode_base64(octets)
    if encoding in _UU:
        return decode_uu(octets)
    return octets


def decode_quoted(octets: bytes) -> bytes:
    """Quoted-printable (RFC 2045 section 6.7); what is not an escape stays, blanks at a line end do not (rule 3)."""
    if _blank_before_break(octets):
        octets = _TRAILING_BLANKS.sub(b"", octets)
    return binascii.a2b_qp(octets)


def _blank_before_break(octets: bytes) -> bool:
    if b" \r" in octets or b" \n" in octets or octets.endswith((b" ", b"\t")):
        return True
    return b"\t" in octets and (b"\t\r" in octets or b"\t\n" in octets)


def decode_base64(octets: bytes) -> bytes:
    """Base64 (RFC 2045 section 6.8): other octets are skipped, a missing end is forgiven, and blocks that
    were padded one by one are joined."""
    pieces = range(0, len(octets), _PIECE)
    stripped = b"".join([octets[start : start + _PIECE].translate(None, _NOT_BASE64) for start in pieces])
    body = stripped.rstrip(b"=")
    if b"=" not in body:
        return _base64_run(body)
    return b"".join(map(_base64_run, body.split(b"=")))


def _base64_run(run: bytes) -> bytes:
    spare = len(run) % 4
    if spare == 1:
        run = run[:-1]
    elif spare:
        run += b"=" * (4 - spare)
    return b"".join([binascii.a2b_base64(run[start : start + _PIECE]) for start in range(0, len(run), _PIECE)])


def decode_uu(octets: bytes) -> bytes:
    """Uuencode, from its `begin` line on; broken lines are skipped."""
    out = []
    inside = False
    for line in octets.splitlines():
        if not inside:
            inside = line.startswith(b"begin ")
        elif line.strip() == b"end":
            break
        elif line:
            try:
                out.append(binascii.a2b_uu(line))
            except binascii.Error:
                # Some encoders count wrongly: decode what the first octet announces.
                count = (((line[0] - 32) & 63) * 4 + 5) // 3
                try:
                    out.append(binascii.a2b_uu(line[:count]))
                except binascii.Error:
                    continue
    return b"".join(out) if inside else octets
