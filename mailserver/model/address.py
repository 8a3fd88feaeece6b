"""Mail addresses and domains as values: syntax of RFC 5321, 5322 and 6531, IDNA, comparison; no lookups.

Strict where a protocol speaks (SMTP paths, account data). The lenient reading of header fields is
`mailserver.mime.header.addresses`.
"""

import ipaddress
import re
from dataclasses import dataclass

import idna

from mailserver.model.errors import BadSyntax
from mailserver.model.unicode import normalize

MAX_LOCAL = 256
"""Octets of a local part. RFC 5321 section 4.5.3.1.1 asks for 64 at least; VERP senders use more."""

MAX_DOMAIN = 255
"""Octets of a domain (RFC 5321 section 4.5.3.1.2)."""

MAX_PATH = 1024
"""Octets of a path with its source route, before anything is parsed."""

ATEXT = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]"
_DOT_STRING = re.compile(rf"{ATEXT}++(?:\.{ATEXT}++)*+")
# RFC 5321 section 4.1.2: qtextSMTP and quoted-pairSMTP; RFC 6531 section 3.3 adds non-ASCII.
_QUOTED_STRING = re.compile(r'"((?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*+)"')
_LDH_DOMAIN = re.compile(
    r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)
_ROUTE = re.compile(r"@[^@:,<>\s\"]++(?:,@[^@:,<>\s\"]++)*+:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLAIN_PHRASE = re.compile(rf"{ATEXT}++(?: {ATEXT}++)*+")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox. `local` is unquoted; `domain` is ASCII lower case (A-labels) or an address literal.

    Only `postmaster` may have no domain (RFC 5321 section 4.5.1).
    """

    local: str
    domain: str

    def __str__(self) -> str:
        local = quote_local(self.local)
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def key(self) -> str:
        """What to compare and look up by: no case, one Unicode form."""
        local = normalize("NFC", self.local).casefold()
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def display(self) -> str:
        """For people: the domain in its own script."""
        local = quote_local(self.local)
        return f"{local}@{unicode_domain(self.domain)}" if self.domain else local


def parse(text: str) -> Address:
    """Parse `local@domain`. Raises BadSyntax."""
    if len(text) > MAX_PATH:
        raise BadSyntax("Address too long")
    local, end = _local_part(text, 0)
    if text[end : end + 1] != "@":
        raise BadSyntax("Address has no domain")
    return Address(local, check_domain(text[end + 1 :]))


def parse_path(text: str) -> tuple[Address | None, str]:
    """Parse the path at the start of a MAIL or RCPT argument; returns it and what follows.

    `<>` is None (the null reverse-path). A source route is accepted and dropped (RFC 5321 section 4.1.1.3).
    `<postmaster>` needs no domain. Raises BadSyntax.
    """
    if not text.startswith("<"):
        raise BadSyntax("Path must be in angle brackets")
    if text.startswith("<>"):
        return None, text[2:]
    window = text[:MAX_PATH]
    at = 1
    route = _ROUTE.match(window, at)
    if route:
        for hop in route.group()[:-1].split(","):
            check_domain(hop[1:])
        at = route.end()
    local, end = _local_part(window, at)
    if window[end : end + 1] == ">" and local.casefold() == "postmaster" and not route:
        return Address(local, ""), text[end + 1 :]
    if window[end : end + 1] != "@":
        raise BadSyntax("Address has no domain")
    close = window.find(">", end + 1)
    if close < 0:
        raise BadSyntax("Path has no closing bracket, or is too long")
    return Address(local, check_domain(window[end + 1 : close])), text[close + 1 :]


def _local_part(text: str, at: int) -> tuple[str, int]:
    found = _DOT_STRING.match(text, at)
    if found:
        local = found.group()
    else:
        found = _QUOTED_STRING.match(text, at)
        if not found:
            raise BadSyntax("Malformed local part")
        local = re.sub(r"\\(.)", r"\1", found.group(1))
    if _CONTROL.search(local):
        raise BadSyntax("Control character in local part")
    try:
        size = len(local.encode())
    except UnicodeEncodeError:
        raise BadSyntax("Malformed local part") from None
    if not 0 < size <= MAX_LOCAL:
        raise BadSyntax("Local part too long" if size else "Local part is empty")
    return local, found.end()


def check_domain(text: str) -> str:
    """A domain in A-labels and lower case, or a checked address literal. Raises BadSyntax."""
    if _LDH_DOMAIN.fullmatch(text):
        domain = text.lower()
        if "xn--" not in domain:
            return domain
    if text.startswith("["):
        return _address_literal(text)
    if not text or len(text) > MAX_DOMAIN:
        raise BadSyntax("Malformed domain")
    try:
        domain = idna.encode(text, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise BadSyntax("Malformed domain") from None
    if not _LDH_DOMAIN.fullmatch(domain):
        raise BadSyntax("Malformed domain")
    return domain


def _address_literal(text: str) -> str:
    """RFC 5321 section 4.1.3: IPv4 or IPv6; no other kind has been registered."""
    if not text.endswith("]"):
        raise BadSyntax("Malformed address literal")
    inside = text[1:-1]
    try:
        if inside[:5].upper() == "IPV6:":
            if "%" in inside:
                raise BadSyntax("Malformed address literal")
            return f"[IPv6:{ipaddress.IPv6Address(inside[5:]).compressed}]"
        return f"[{ipaddress.IPv4Address(inside)}]"
    except ValueError:
        raise BadSyntax("Malformed address literal") from None


def unicode_domain(domain: str) -> str:
    """A domain in its own script, where that is well-formed; otherwise as it is."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain


def quote_local(local: str) -> str:
    """A local part as it is written: quoted only when it must be."""
    if _DOT_STRING.fullmatch(local):
        return local
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


def quote_phrase(name: str) -> str:
    """A display name as it is written before an address (RFC 5322 section 3.2.5): quoted when it must be."""
    name = " ".join(_CONTROL.sub(" ", name).split())
    if not name or _PLAIN_PHRASE.fullmatch(name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
