"""Where a domain wants its reports: the addresses of `rua=`, and whether whoever gets them has agreed."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from mailserver.inbound.authentication import dmarc
from mailserver.inbound.authentication.lookups import Lookups
from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax

MAX_DESTINATIONS = 3
"""Of one report; a domain that names more gets it at the first."""
MAX_RECORD = 4 * 1024
_SIZE = re.compile(r"!([0-9]{1,12})([kmgt]?)\Z", re.IGNORECASE)
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True, slots=True)
class Destination:
    """An address, and how large a report may be that is sent there; 0: any size."""

    address: str
    limit: int = 0

    @property
    def host(self) -> str:
        return self.address.rpartition("@")[2]


def addresses(rua: str) -> list[Destination]:
    """The addresses of a tag `rua`; other URIs, and what is none, are passed over (RFC 7489 section 6.2)."""
    found: dict[str, Destination] = {}
    for uri in rua.split(","):
        text = uri.strip()
        size = _SIZE.search(text)
        limit = int(size[1]) * _UNITS[size[2].lower()] if size else 0
        scheme, colon, rest = (text[: size.start()] if size else text).partition(":")
        if scheme.strip().lower() != "mailto" or not colon:
            continue
        try:
            address = parse(unquote(rest.partition("?")[0], errors="strict"))
        except (BadSyntax, UnicodeDecodeError):
            continue
        written = str(address)
        if written.isascii() and not address.domain.startswith("["):
            found.setdefault(written, Destination(written, limit))
    return list(found.values())[:MAX_DESTINATIONS]


async def destinations(asked: Lookups, domain: str) -> list[Destination]:
    """RFC 7489 section 7.1: the addresses, of those elsewhere the ones that agree. Raises LookupFailed."""
    record = await dmarc.record_of(asked, domain)
    wanted = addresses(record.rua) if record is not None else []
    found: dict[str, Destination] = {}
    for one in wanted:
        for kept in await _verified(asked, domain, one):
            found.setdefault(kept.address, kept)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class TlsDestinations:
    """Where a domain wants its TLS reports (RFC 8460 section 3): addresses of mail, and of pages that take them."""

    addresses: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


async def tls_destinations(asked: Lookups, domain: str) -> TlsDestinations:
    """None, where its record is missing, not the only one, or unreadable. Raises LookupFailed."""
    name = f"_smtp._tls.{domain}"
    texts = await asked.texts(name) if len(name) <= 253 else []
    records = [text for text in texts if text[:10] == b"v=TLSRPTv1" and len(text) <= MAX_RECORD]
    if len(records) != 1:
        return TlsDestinations()
    tags = _tags(records[0])
    rua = tags.get("rua", "") if tags.get("v") == "TLSRPTv1" else ""
    pages = (uri.strip() for uri in rua.split(","))
    found = tuple(dict.fromkeys(uri for uri in pages if uri[:8].lower() == "https://"))
    return TlsDestinations(tuple(one.address for one in addresses(rua)), found[:MAX_DESTINATIONS])


async def _verified(asked: Lookups, domain: str, one: Destination) -> Iterable[Destination]:
    """A destination, or what whoever gets it wants in its place; none: nobody there has agreed."""
    if dmarc.organizational(one.host) == dmarc.organizational(domain):
        return [one]
    name = f"{domain}._report._dmarc.{one.host}"
    texts = await asked.texts(name) if len(name) <= 253 else []
    tags = [_tags(text) for text in texts if text[:8] == b"v=DMARC1" and len(text) <= MAX_RECORD]
    agreed = [each for each in tags if each.get("v") == "DMARC1"]
    if not agreed:
        return []
    instead = addresses(agreed[0].get("rua", ""))
    # Their host says where at their host: nobody is sent to a third one.
    return [each for each in instead if each.host == one.host] if "rua" in agreed[0] else [one]


def _tags(record: bytes) -> dict[str, str]:
    parts = (part.partition("=") for part in record.decode("ascii", "replace").split(";"))
    return {name.strip().lower(): value.strip() for name, equals, value in reversed(list(parts)) if equals}
