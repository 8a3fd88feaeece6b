"""Fetching from the outside world on a person's behalf, without ever reaching the inside one.

Mail names addresses that its author chose: of pictures, and of pages that end a subscription; people name those of
agendas they subscribe to. Whoever follows them from within the academy's network could be led to a router, a database
or a cloud's metadata (server-side request forgery). So: https only, host names only, port 443 only; the name is
resolved once, by our own query and not by the machine's hosts file; one private address among the answers refuses all
of them; the connection goes to the very address that was judged, with the certificate checked against the name; each
redirect starts over. No cookies, no referrer, no credentials, nothing that tells who reads. Time and size are bounded.
"""

import asyncio
import contextlib
import datetime
import email.utils
import ipaddress
import math
import re
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import dns.asyncresolver
import dns.exception
import dns.resolver
import h11
import idna

from mailserver.foundation.network.library_resolver import library_resolver
from mailserver.foundation.settings import NameService

SECONDS = 5.0
"""For everything: looking the name up, every redirect, the last octet."""
MAX_OCTETS = 5 * 1024 * 1024
MAX_ADDRESS = 4000
MAX_REDIRECTS = 3
MAX_HEADER = 32 * 1024
MAX_DATE = 40
"""Characters of a date, or of a number of seconds."""
HEAD_ALONE = -1
"""Instead of a limit: the body is not asked for."""
MAX_ADDRESSES = 8
"""Answers of one name that are looked at."""
MAX_PIECES = 20_000
"""Pieces of one answer, each a few microseconds of ours: a server may send an octet at a time, as fast as it can."""
_CHUNK = 64 * 1024
_READ = 4 * 1024
"""Octets that are looked through before others have their turn."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_PLAIN_NAME = re.compile(r"[a-z0-9_.-]{1,253}")

_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        # What is not the public internet (RFC 6890 and the registries it made), spelt out: Python's own idea of
        # "global" has changed between versions.
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        # Only 2000::/3 is given out; in it: Teredo and its neighbours, documentation, 6to4 (an IPv4 address inside).
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)
_GIVEN_OUT = ipaddress.ip_network("2000::/3")


class Unreachable(Exception):
    """The address may not be fetched, or could not be; the text says why, for the log."""


class TooBig(Unreachable):
    """There is more at the address than was asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    """As claimed: never to be believed."""
    octets: bytes
    retry_after: str = ""
    """When one may ask again, as the server puts it (RFC 9110 section 10.2.3)."""

    def wait(self, now: float) -> int:
        """Seconds that the server asks to be left alone for; 0 where it does not, or nobody understands it."""
        text = self.retry_after.strip()
        if len(text) > MAX_DATE:
            return 0
        if text.isascii() and text.isdigit():
            return int(text)
        try:
            at = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            return 0
        aware = at if at.tzinfo is not None else at.replace(tzinfo=datetime.UTC)
        return max(0, math.ceil(aware.timestamp() - now))


@dataclass(frozen=True, slots=True)
class _Place:
    """An address taken apart."""

    host: str
    """A-labels."""
    port: int
    target: str
    """Path and query, ASCII."""


def is_public(address: str) -> bool:
    """True for an address of the public internet, which a stranger may make us dial."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and (parsed not in _GIVEN_OUT or parsed.scope_id):
        return False  # loopback, link-local, unique local, mapped, NAT64 (64:ff9b::/96), multicast
    return not any(parsed in network for network in _NEVER if network.version == parsed.version)


@dataclass(frozen=True, slots=True)
class SafeFetch:
    """Fetches. One per worker; the resolver, the trust and what counts as public are arguments for the tests."""

    resolver: dns.asyncresolver.Resolver | None = None
    trust: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    may_dial: Callable[[str], bool] = is_public
    ports: frozenset[int] = frozenset({443})
    seconds: float = SECONDS
    port: int = 443
    """Of addresses that name none."""
    names: NameService = field(default_factory=NameService)
    """Which name servers are asked."""

    async def get(
        self, address: str, accept: str = "*/*", limit: int = MAX_OCTETS, *, redirects: int = MAX_REDIRECTS
    ) -> Answer:
        """Fetch an address, through at most so many redirects. Raises Unreachable."""
        async with _deadline(self.seconds):
            for _ in range(redirects + 1):
                place = self._place(address)
                answer, onward = await self._exchange(place, "GET", [("Accept", accept)], b"", limit)
                if answer.status not in _REDIRECTS or not onward:
                    return answer
                address = _onward(address, onward)
            raise Unreachable("too many redirects")

    async def post(self, address: str, body: bytes, media_type: str, more: Sequence[tuple[str, str]] = ()) -> Answer:
        """Post something; what the head of the answer says, its body is not waited for. Redirects are not followed
        (RFC 8058 section 3.1). Raises Unreachable."""
        fields = [("Content-Type", media_type), ("Content-Length", str(len(body))), *more]
        async with _deadline(self.seconds):
            answer, _ = await self._exchange(self._place(address), "POST", fields, body, HEAD_ALONE)
        return answer

    def _place(self, address: str) -> _Place:
        """Take an address apart, or refuse it."""
        if len(address) > MAX_ADDRESS or _UNSAFE.search(address):
            raise Unreachable("not an address")
        try:
            parts = urlsplit(address)
            port = parts.port or self.port
            host = (parts.hostname or "").rstrip(".")
        except ValueError:
            raise Unreachable("not an address") from None
        if parts.scheme != "https" or parts.username is not None or parts.password is not None:
            raise Unreachable("https only, without credentials")
        if port not in self.ports:
            raise Unreachable("port")
        try:
            target = _ascii(parts.path or "/") + (f"?{_ascii(parts.query)}" if parts.query else "")
        except UnicodeEncodeError:  # half of a surrogate pair
            raise Unreachable("not an address") from None
        return _Place(_name(host), port, target)

    async def _addresses(self, host: str) -> list[str]:
        """Where a name leads. One address of the inside among them refuses the name (DNS rebinding)."""
        try:
            resolver = self.resolver or library_resolver(dns.asyncresolver.Resolver, self.names)
        except (dns.exception.DNSException, OSError) as error:
            raise Unreachable(f"no name server: {type(error).__name__}") from None

        async def ask(kind: str) -> list[str]:
            try:
                found = await resolver.resolve(f"{host}.", kind, lifetime=self.seconds)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                return []
            except (dns.exception.DNSException, OSError, ValueError) as error:
                raise Unreachable(f"looking up: {type(error).__name__}") from None
            return [record.address for record in found]

        answers = await asyncio.gather(ask("A"), ask("AAAA"))
        found = [address for kind in answers for address in kind]
        if not found:
            raise Unreachable("no such name")
        if not all(self.may_dial(address) for address in found):
            raise Unreachable("leads inside")
        return found[:MAX_ADDRESSES]

    async def _exchange(
        self, place: _Place, method: str, fields: list[tuple[str, str]], body: bytes, limit: int
    ) -> tuple[Answer, str]:
        """One request on a connection of its own; the answer, and where it sends us on."""
        reader, writer = await self._connect(place)
        try:
            return await _talk(reader, writer, place, method, fields, body, limit)
        except (OSError, h11.ProtocolError, EOFError) as error:
            raise Unreachable(f"answer: {type(error).__name__}") from None
        finally:
            writer.transport.abort()

    async def _connect(self, place: _Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Dial an address that was judged, under the name it was judged for."""
        trouble = "no address"
        for address in await self._addresses(place.host):
            try:
                return await asyncio.open_connection(
                    address, place.port, ssl=self.trust, server_hostname=place.host, limit=_CHUNK
                )
            except (OSError, ssl.CertificateError, UnicodeError) as error:
                trouble = type(error).__name__
        raise Unreachable(f"dialling: {trouble}")


@contextlib.asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Unreachable("too slow") from None


async def _talk(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    place: _Place,
    method: str,
    fields: list[tuple[str, str]],
    body: bytes,
    limit: int,
) -> tuple[Answer, str]:
    """HTTP/1.1, one request and its answer."""
    wire = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEADER)
    host = place.host if place.port == 443 else f"{place.host}:{place.port}"
    head = [("Host", host), ("Accept-Encoding", "identity"), ("Connection", "close"), *fields]
    writer.write(wire.send(h11.Request(method=method, target=place.target, headers=head)) or b"")
    if body:
        writer.write(wire.send(h11.Data(data=body)) or b"")
    writer.write(wire.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    status, media_type, onward = 0, "", ""
    octets = bytearray()
    for _ in range(MAX_PIECES):
        event = wire.next_event()
        if event is h11.NEED_DATA:
            await asyncio.sleep(0)  # what has come already is read without waiting
            wire.receive_data(await reader.read(_READ))
        elif isinstance(event, h11.Response):
            status = event.status_code
            known = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
            media_type, onward = known.get("content-type", ""), known.get("location", "")
            if limit == HEAD_ALONE:
                return Answer(status, media_type, b"", known.get("retry-after", "")), ""
            if status in _REDIRECTS:
                return Answer(status, media_type, b""), onward
            if known.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
                raise Unreachable("encoded, although it was not asked to be")  # a bomb in 5 MiB is 5 GiB
        elif isinstance(event, h11.Data):
            octets += event.data
            if len(octets) > limit:
                raise TooBig("too big")
        elif isinstance(event, h11.EndOfMessage):
            return Answer(status, media_type, bytes(octets)), onward
        elif not isinstance(event, h11.InformationalResponse):
            raise Unreachable("cut off")
    raise Unreachable("in too many pieces")


def _onward(address: str, location: str) -> str:
    """Where an answer sends us on (RFC 9110 section 10.2.2), to be judged as any address. Raises Unreachable."""
    if len(location) > MAX_ADDRESS:
        raise Unreachable("not an address")
    try:
        return urljoin(address, location)
    except ValueError:  # such as an unfinished IPv6 literal
        raise Unreachable("sent on to what is no address") from None


def _name(host: str) -> str:
    """A host name in A-labels. Literal addresses are refused in every spelling: a name ends in a letter's label."""
    name = host.lower()
    if not _PLAIN_NAME.fullmatch(name):  # programs in use write underscores, which IDNA would refuse
        try:
            name = idna.encode(host, uts46=True).decode("ascii").lower()
        except (idna.IDNAError, UnicodeError):
            raise Unreachable("not a name") from None
    labels = name.split(".")
    last = labels[-1]
    if len(labels) < 2 or last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last) or len(name) > 253:
        raise Unreachable("not a public name")  # 127.1, 2130706433, 0x7f.0.0.1, localhost
    return name


def _ascii(text: str) -> str:
    """A path or query as it travels: what is not ASCII percent-encoded, the rest as it is written."""
    return "".join(char if char.isascii() else "".join(f"%{octet:02X}" for octet in char.encode()) for char in text)
