"""Where a message goes: to relays of the settings, or to the domain's own exchangers (RFC 5321 section 5.1)."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import dns.asyncresolver
import dns.exception
import dns.resolver

from mailserver.foundation.network.library_resolver import ask_for_validation, is_validated, library_resolver
from mailserver.foundation.network.smarthosts import source_for
from mailserver.foundation.settings import OutboundRelay, Security, Settings
from mailserver.model.errors import Temporary
from mailserver.model.sending.tls_sessions import Published
from mailserver.texts.causes import Cause
from smtp.relay.choice import Journey, RelayChoice
from smtp.relay.tls.demand import OPPORTUNISTIC, Demand

MAX_EXCHANGERS = 10
"""Names looked up for one domain (a hostile zone may list thousands)."""
MAX_TRIED = 6
"""Addresses dialled in one attempt."""
DNS_SECONDS = 20.0


class NoRoute(Exception):
    """The domain takes no mail, now and later."""

    def __init__(self, status: str, text: Cause) -> None:
        super().__init__(text)
        self.status = status
        """Enhanced code, `5.1.2`."""
        self.text = text


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One address to dial."""

    name: str
    address: str
    port: int
    demand: Demand = OPPORTUNISTIC
    """What TLS with it must be."""
    relay: OutboundRelay | None = None
    """As the settings have it; None: DNS names the server."""
    source: str = ""
    """The address of this machine to dial it from; empty: any."""
    is_of_domain: bool = field(default=False, compare=False)
    """Found in DNS, not set by the operator."""
    is_vouched: bool = field(default=False, compare=False)
    """DNSSEC has validated that it takes the domain's mail."""
    published: Published | None = field(default=None, compare=False)
    """What its domain asks of TLS with it, which is reported to that domain; None: nothing is."""
    bases: tuple[str, ...] = field(default=(), compare=False)
    """Names that its TLSA records may stand below, the best one first; none where DNS was not validated on the way
    here (RFC 7672 section 2.2.2)."""
    _hash: int = field(init=False, compare=False, repr=False)
    """Asked for several times for each message: of all that a relay's settings are."""

    def __post_init__(self) -> None:
        whole = self.name, self.address, self.port, self.demand, self.relay, self.source
        object.__setattr__(self, "_hash", hash(whole))

    def __hash__(self) -> int:
        return self._hash

    @property
    def proves_itself(self) -> bool:
        """By the settings, which say how: other demands on its TLS are met by that or are none of it."""
        return self.relay is not None and self.relay.security is not Security.OFFERED


class Router:
    """Finds the way. The resolver is an argument, so that tests bring a name server of their own."""

    def __init__(self, settings: Settings, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._ourselves = {settings.name.lower(), *(domain.lower() for domain in settings.domains)}
        self._choice = RelayChoice(settings.outbound)

    @property
    def asks_roles(self) -> bool:
        """Whether it matters who sends a message."""
        return self._choice.asks_roles

    @property
    def asks_senders(self) -> bool:
        """Whether mail for one domain may go several ways."""
        return self._choice.asks_senders

    def relays(self, journey: Journey) -> list[OutboundRelay]:
        """Which of the settings are tried, in this order."""
        return self._choice.choose(journey)

    async def exchangers(self, journey: Journey) -> list[Exchanger]:
        """Whom to dial, best first. Raises NoRoute, Temporary."""
        relays = self.relays(journey)
        if relays and relays[0].host:
            return await self._of_settings(relays)
        return self._dialled_from(await self._of_domain(journey.domain), relays[0] if relays else None)

    async def _of_settings(self, relays: Sequence[OutboundRelay]) -> list[Exchanger]:
        """Raises Temporary when none of them has an address that can be dialled."""
        found: list[Exchanger] = []
        problem: Temporary | None = None
        for relay in relays:
            try:
                addresses = list(await _local_addresses(relay.name))[:MAX_TRIED]
                there = [Exchanger(relay.name, address, relay.port, relay=relay) for address in addresses]
                found += self._dialled_from([one for one in there if not self._is_own_port(one)])
            except Temporary as error:
                problem = error
        if not found:
            raise problem or Temporary(Cause("no-exchanger-address", domain=relays[0].name))
        return found

    async def _of_domain(self, domain: str) -> list[Exchanger]:
        """Raises NoRoute, Temporary."""
        if domain.startswith("["):
            return [Exchanger(domain, _literal(domain), self._settings.outbound.port)]
        names, validated = await self._mail_exchangers(domain)
        dialled = [one for name in names[:MAX_EXCHANGERS] for one in await self._dialled(name)]
        found = [replace(one, is_vouched=validated) for one in dialled]
        if not validated:
            found = [replace(one, bases=()) for one in found]
        others = [one for one in found if not self._is_own_port(one)]
        if found and not others:
            raise NoRoute("5.4.6", Cause("mail-loop", domain=domain))
        if not others:
            raise Temporary(Cause("no-exchanger-address", domain=domain))
        return others[:MAX_TRIED]

    def _dialled_from(self, exchangers: Sequence[Exchanger], direct: OutboundRelay | None = None) -> list[Exchanger]:
        """Each with the address to dial it from. Raises Temporary where there is none of its family."""
        chosen = [(one, source_for(self._settings, one.relay or direct, one.address)) for one in exchangers]
        found = [replace(one, source=source) for one, source in chosen if source is not None]
        if exchangers and not found:
            raise Temporary(Cause("no-source", server=exchangers[0].name))
        return found

    async def _mail_exchangers(self, domain: str) -> tuple[list[str], bool]:
        """Names by preference, and whether DNS was validated; the domain itself where it has no MX but addresses."""
        try:
            answer = await self.resolver().resolve(domain, "MX", lifetime=DNS_SECONDS, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise NoRoute("5.1.2", Cause("no-domain", domain=domain)) from None
        except (dns.exception.DNSException, OSError) as error:
            raise Temporary(Cause("lookup-failed", domain=domain, error=type(error).__name__)) from None
        validated = is_validated(answer, self._settings.dns)
        if answer.rrset is None:
            if not await self._dialled(domain):
                raise NoRoute("5.1.2", Cause("no-mail-server", domain=domain))
            return [domain], validated
        records = sorted((record.preference, record.exchange.to_text(omit_final_dot=True).lower()) for record in answer)
        return self._better_than_us(domain, records), validated

    def _better_than_us(self, domain: str, records: list[tuple[int, str]]) -> list[str]:
        """RFC 5321 section 5.1: only exchangers preferred to ourselves; RFC 7505: the null MX."""
        if [name for _, name in records] in ([""], ["."]):
            raise NoRoute("5.1.10", Cause("no-mail", domain=domain))
        own = min((preference for preference, name in records if name in self._ourselves), default=None)
        names = [name for preference, name in records if (own is None or preference < own) and name not in ("", ".")]
        if not names:
            raise NoRoute("5.4.6", Cause("mail-loop", domain=domain))
        return names

    async def _dialled(self, name: str) -> list[Exchanger]:
        """IPv4 before IPv6: an academy's outgoing IPv6 has often no reverse name, which large receivers refuse."""
        found: list[Exchanger] = []
        for kind in ("A", "AAAA"):
            try:
                answer = await self.resolver().resolve(name, kind, lifetime=DNS_SECONDS)
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue
            except (dns.exception.DNSException, OSError) as error:
                if found:
                    continue
                raise Temporary(Cause("lookup-failed", domain=name, error=type(error).__name__)) from None
            bases = _bases(name, answer) if is_validated(answer, self._settings.dns) else ()
            port = self._settings.outbound.port
            found += [Exchanger(name, one.address, port, is_of_domain=True, bases=bases) for one in answer]
        return found

    def resolver(self) -> dns.asyncresolver.Resolver:
        """Who is asked. Raises Temporary."""
        if self._resolver is None:
            try:
                self._resolver = library_resolver(dns.asyncresolver.Resolver, self._settings.dns)
            except (dns.exception.DNSException, OSError) as error:
                raise Temporary(Cause("no-name-server", error=type(error).__name__)) from None
        ask_for_validation(self._resolver)
        return self._resolver

    def _is_own_port(self, exchanger: Exchanger) -> bool:
        """A zone that points at our own address would have us talk to ourselves until the hop count ends it."""
        listen = self._settings.listen
        return exchanger.address == listen.address and exchanger.port == listen.smtp


def _bases(name: str, answer: dns.resolver.Answer) -> tuple[str, ...]:
    """Where a name is an alias, that which it leads to comes first."""
    canonical = answer.canonical_name.to_text(omit_final_dot=True).lower()
    return tuple(dict.fromkeys((canonical, name)))


def _literal(domain: str) -> str:
    """The address in an address literal. Raises NoRoute."""
    text = domain.strip("[]")
    try:
        return str(ipaddress.ip_address(text[5:] if text[:5].lower() == "ipv6:" else text))
    except ValueError:
        raise NoRoute("5.1.2", Cause("no-address-literal", domain=domain)) from None


async def _local_addresses(name: str) -> Iterable[str]:
    """Addresses of a host of the settings, /etc/hosts included. Raises Temporary."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:  # UnicodeError: no host name
        said = getattr(error, "strerror", None) or type(error).__name__
        raise Temporary(Cause("lookup-failed", domain=name, error=said)) from None
    return dict.fromkeys(str(entry[4][0]) for entry in found)
