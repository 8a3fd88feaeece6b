"""Trace fields, prepended to what arrives (RFC 5321 section 4.4); everything below them stays as it was."""

import re
from dataclasses import dataclass

from mailserver.mime.header import dates

_COMMENT = re.compile(r"[()\\\x00-\x1f\x7f]|[^\x00-\x7f]")
_WORD = re.compile(r"[^!-'*-~]")


@dataclass(frozen=True, slots=True)
class Hop:
    """How a message came in."""

    helo: str
    """What the peer called itself."""
    peer: str
    """Its IP address."""
    by: str
    """Our host name."""
    protocol: str
    """SMTP, ESMTP, ESMTPS, ESMTPSA, UTF8SMTP..., LMTP (RFC 3848, RFC 6531 section 4.3)."""
    id: str
    date: float
    name: str = ""
    """The peer's name by reverse lookup, when known."""
    recipient: str = ""
    """Only of a transaction with one recipient: a list of them would tell one of the other."""
    tls: str = ""
    """Protocol and cipher, when there was TLS."""


def received(hop: Hop) -> bytes:
    """The `Received` field of a hop. What the peer claimed cannot break out of its place."""
    literal = f"IPv6:{hop.peer}" if ":" in hop.peer else hop.peer
    known = f"{_word(hop.name)} " if hop.name else ""
    lines = [f"Received: from {_word(hop.helo) or 'unknown'} ({known}[{_word(literal)}])"]
    if hop.tls:
        lines.append(f"(using {_COMMENT.sub('', hop.tls)[:100]})")
    by = f"by {_word(hop.by)} with {_word(hop.protocol)} id {_word(hop.id)}"
    lines.append(by)
    if hop.recipient and hop.recipient.isascii() and hop.recipient.isprintable() and len(hop.recipient) < 500:
        lines.append(f"for <{hop.recipient.strip('<>')}>")
    lines[-1] += ";"
    lines.append(dates.write(hop.date))
    return ("\r\n\t".join(lines) + "\r\n").encode("ascii", "replace")


def _word(text: str) -> str:
    return _WORD.sub("", text)[:255]


def return_path(reverse_path: str) -> bytes:
    """The `Return-Path` field, which final delivery writes on top; empty for a report."""
    path = re.sub(r"[\x00-\x20<>\x7f]", "", reverse_path)
    return f"Return-Path: <{path}>\r\n".encode("utf-8", "replace")


def count_received(octets: bytes, header_size: int) -> int:
    """How many hops a message has made: more than a hundred is a loop (RFC 5321 section 6.3)."""
    return len(re.findall(rb"^received[ \t]*:", octets[:header_size], re.IGNORECASE | re.MULTILINE))
