"""Answers of ManageSieve (RFC 5804 section 4): OK, NO and BYE with their codes, strings, capabilities."""

from collections.abc import Iterable, Sequence

from mailserver.filters.sieve import EXTENSIONS, LIMITS

QUOTED = 1024
"""Octets of a quoted string (RFC 5804 section 4)."""
VERSION = "1.0"


def string(text: str | bytes) -> bytes:
    """A string, quoted where it can be."""
    octets = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(octets) <= QUOTED and not any(octet < 32 or octet == 127 for octet in octets):
        return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n" % len(octets) + octets


def _answer(word: bytes, code: bytes, text: str) -> bytes:
    return word + (b" (" + code + b")" if code else b"") + (b" " + string(text) if text else b"") + b"\r\n"


def ok(text: str = "", code: bytes = b"") -> bytes:
    """Done."""
    return _answer(b"OK", code, text)


def no(text: str, code: bytes = b"") -> bytes:
    """Not done."""
    return _answer(b"NO", code, text)


def bye(text: str, code: bytes = b"") -> bytes:
    """The connection ends."""
    return _answer(b"BYE", code, text)


def tagged(tag: bytes) -> bytes:
    """The answer to NOOP (RFC 5804 section 2.13)."""
    return ok("Done", b"TAG " + string(tag))


def proven(final: bytes) -> bytes:
    """The answer to a login that ends with words of the server's (RFC 5804 section 2.1)."""
    return ok("", b"SASL " + string(final))


def challenge(octets: bytes) -> bytes:
    """A challenge of SASL, already in base64."""
    return string(octets) + b"\r\n"


def listing(scripts: Iterable[tuple[str, bool]]) -> bytes:
    """The answer to LISTSCRIPTS, by name and whether it is active."""
    return b"".join(string(name) + (b" ACTIVE" if active else b"") + b"\r\n" for name, active in scripts)


def script(octets: bytes) -> bytes:
    """A script as a literal."""
    return b"{%d}\r\n" % len(octets) + octets + b"\r\n"


def capabilities(mechanisms: Sequence[str], *, tls: bool, owner: str) -> bytes:
    """Everything that may be relied on now (RFC 5804 section 1.7). `tls`: it can be begun; `owner`: who is in."""
    known = [
        ("IMPLEMENTATION", "mailserver"),
        ("SIEVE", " ".join(EXTENSIONS)),
        ("SASL", " ".join(mechanisms)),
        ("NOTIFY", "mailto"),
        ("MAXREDIRECTS", str(LIMITS.redirects)),
        *([("OWNER", owner)] if owner else []),
        ("VERSION", VERSION),
    ]
    lines = [string(name) + b" " + string(value) + b"\r\n" for name, value in known]
    flags = (["STARTTLS"] if tls else []) + (["UNAUTHENTICATE"] if owner else [])
    return b"".join([*lines, *(string(flag) + b"\r\n" for flag in flags)])
