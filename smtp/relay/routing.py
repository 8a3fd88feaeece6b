"""Where mail for a domain goes: a static route, the smarthost, or its own exchangers (RFC 5321 section 5.1)."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import dns.asyncresolver
import dns.exception
import dns.resolver

from mailserver.foundation.resolver import ask_for_validation, is_validated, library_resolver
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.texts.causes import Cause
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
    is_of_domain: bool = field(default=False, compare=False)
    """Found in DNS, not set by the operator."""
    bases: tuple[str, ...] = field(default=(), compare=False)
    """Names that its TLSA records may stand below, the best one first; none where DNS was not validated on the way
    here (RFC 7672 section 2.2.2)."""


class Router:
    """Finds the way. The resolver is an argument, so that tests bring a name server of their own."""

    def __init__(self, settings: Settings, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._settings = settings
        self._resolver = resolver
        self._ourselves = {settings.name.lower(), *(domain.lower() for domain in settings.domains)}

    async def exchangers(self, domain: str) -> list[Exchanger]:
        """Whom to dial, best first. Raises NoRoute, Temporary."""
        outbound = self._settings.outbound
        routes = {name.lower(): target for name, target in outbound.routes.items()}
        fixed = routes.get(domain) or outbound.smarthost
        if fixed:
            name, port = _host_and_port(fixed)
            return [Exchanger(name, address, port) for address in await _local_addresses(name)]
        if domain.startswith("["):
            return [Exchanger(domain, _literal(domain), self._settings.outbound.port)]
        names, validated = await self._mail_exchangers(domain)
        found = [one for name in names[:MAX_EXCHANGERS] for one in await self._dialled(name)]
        if not validated:
            found = [replace(one, bases=()) for one in found]
        others = [one for one in found if not self._is_own_port(one)]
        if found and not others:
            raise NoRoute("5.4.6", Cause("mail-loop", domain=domain))
        if not others:
            raise Temporary(Cause("no-exchanger-address", domain=domain))
        return others[:MAX_TRIED]

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


def _host_and_port(text: str) -> tuple[str, int]:
    """`host:port` of a setting; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        host, port = text, "25"
    return host.strip("[]"), int(port)


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
    except OSError as error:
        raise Temporary(f"Looking up {name}: {error.strerror or type(error).__name__}") from None
    return dict.fromkeys(str(entry[4][0]) for entry in found)
