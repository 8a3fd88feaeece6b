"""The field Authentication-Results (RFC 8601): ours is written, others with our name on them are taken away. Pure."""

import re
from collections.abc import Iterable

from mailserver.inbound.authentication.arc_check import without_comments
from mailserver.mime.header import headers
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax

NAME = "authentication-results"
MAX_READ = 2048
"""Octets of a field in which its service has said its name."""

_VALUE = re.compile(r"[^!#-'*-:<-\[\]-~]")
"""What cannot stand in a value without quotes, or would end it."""
_COMMENT = re.compile(r'[^ -~]|[()"\\]')
"""What a comment could not end after."""
_NAME = re.compile(r"[^\s=?]+")
"""A service's name that can be read as nothing else."""


def write(host: str, results: Iterable[str]) -> bytes:
    """Our field. `results` are made by `result`."""
    lines = ";\r\n\t".join((word(host), *(list(results) or ["none"])))
    return f"Authentication-Results: {lines}\r\n".encode("ascii", "replace")


def result(method: str, outcome: str, reason: str = "", **properties: str) -> str:
    """One result: `dkim=pass header.d=example.org`. Names of properties have `_` for the dot."""
    parts = [f"{method}={outcome}"]
    if reason:
        parts.append(f"({_COMMENT.sub('', reason)[:100]})")
    known = ((name.replace("_", ".", 1), word(value)) for name, value in properties.items())
    parts += [f"{name}={value}" for name, value in known if value]
    return " ".join(parts)


def word(text: str) -> str:
    """A value; empty where it could not be said without changing it."""
    return "" if len(text) > 255 or _VALUE.search(text) else text


def forged(header: bytes, host: str) -> list[tuple[int, int]]:
    """Where fields stand that claim to be ours (section 5): what arrives has none."""
    return [
        (field.start, field.end)
        for field in headers.named(header, 0, len(header), NAME)
        if claims(header[field.value : field.end], host)
    ]


def claims(value: bytes, host: str) -> bool:
    """Whether a field says that a host wrote it, whatever way its reader looks for the name. One that names nobody, or
    not where it is looked for, may be anybody's."""
    text, ended, _ = without_comments(headers.as_text(value[:MAX_READ])).partition(";")
    words = text.replace('"', " ").replace("\\", "").split()
    if not words or _NAME.fullmatch(words[0]) is None or (len(value) > MAX_READ and not ended):
        return True
    return any(_folded(one) == _folded(host) for one in words[:2])


def _folded(name: str) -> str:
    name = name.rstrip(".")
    try:
        return check_domain(name)
    except BadSyntax:
        return name.casefold()


def without(header: bytes, places: Iterable[tuple[int, int]]) -> bytes:
    """A header without some of its fields."""
    kept = []
    at = 0
    for start, end in places:
        kept.append(header[at:start])
        at = end
    return b"".join((*kept, header[at:]))
