"""Whom a proxy's request is for: `Forwarded` (RFC 7239), or `X-Forwarded-For` and `X-Forwarded-Proto`.

Each proxy on the way adds what it saw at the end. So the fields are read from their end, as long as they name proxies
that are known; what stands before was written by somebody whom nobody knows, and may be anything.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from mailserver.foundation.network.peers import behind, is_within

Fields = Sequence[tuple[bytes, bytes]]
"""Header fields of a request, names in lower case."""
MOST_PROXIES = 20
"""Behind one another; more are not read."""
_TOKEN = r"[!#-'*+.^-z|~\w-]+"  # noqa: S105 - a word of the grammar
_VALUE = rf'(?:{_TOKEN}|"(?:[^"\\]|\\.)*")'
_PAIR = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")', re.ASCII)
_ELEMENT = re.compile(rf"\s*(?:{_TOKEN}={_VALUE})(?:\s*;\s*{_TOKEN}={_VALUE})*\s*", re.ASCII)
_MOST_PIECES = 8
"""Between commas, of one element: a comma may stand within quotes."""
_HOST_PORT = re.compile(r"\[([^\]]*)\](?::\w+)?|([^:\[\]]+):\w+")
"""An IPv6 address in brackets, or an IPv4 address with a port."""


@dataclass(frozen=True, slots=True)
class Hop:
    """What one proxy saw: the address before it and how it was spoken to; empty where it does not say."""

    peer: str
    scheme: str


def client_of(fields: Fields, form: Literal["forwarded", "x-forwarded"], networks: Sequence[str]) -> str:
    """The peer that a proxy speaks for; nobody (`peers.UNKNOWN`) when it does not say."""
    hops = _forwarded(fields) if form == "forwarded" else _listed(fields)
    peer = behind(None)
    for hop in islice(hops, MOST_PROXIES):
        peer = behind(hop.peer)
        if not is_within(hop.peer, networks):
            break
    return peer


def scheme_of(fields: Fields, form: Literal["forwarded", "x-forwarded"]) -> str | None:
    """`https` or `http` as the last proxy was spoken to; None when it does not say."""
    if form == "forwarded":
        scheme = next((hop.scheme for hop in _forwarded(fields)), "")
    else:
        scheme = next(_items(fields, b"x-forwarded-proto"), "").lower()
    return scheme if scheme in ("http", "https") else None


def _items(fields: Fields, name: bytes) -> Iterator[str]:
    """The pieces between commas of all fields of that name, the last one first."""
    value = b",".join(text for field, text in fields if field == name).decode("latin-1")
    return (piece.strip() for piece in reversed(value.split(",")) if piece.strip())


def _listed(fields: Fields) -> Iterator[Hop]:
    return (Hop(_address(item), "") for item in _items(fields, b"x-forwarded-for"))


def _forwarded(fields: Fields) -> Iterator[Hop]:
    """Elements, the last one first. Each is the shortest end of what is left that is one, so that a quote which a
    client opened and did not close takes nothing of what proxies wrote behind it. Ends at what is no element."""
    element = ""
    pieces = 0
    for piece in _items(fields, b"forwarded"):
        element = f"{piece},{element}" if element else piece
        pieces += 1
        if _ELEMENT.fullmatch(element):
            pairs = {name.lower(): token or _unquoted(quoted) for name, token, quoted in _PAIR.findall(element)}
            yield Hop(_address(pairs.get("for", "")), pairs.get("proto", "").lower())
            element, pieces = "", 0
        elif pieces == _MOST_PIECES:
            return


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _address(hop: str) -> str:
    """A hop without port and brackets (RFC 7239 section 6)."""
    found = _HOST_PORT.fullmatch(hop)
    return (found[1] or found[2] or "") if found else hop
