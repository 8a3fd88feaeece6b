"""Which keys the servers of a domain have by DNS (RFC 7672): only what DNSSEC has validated counts."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import dns.asyncresolver
import dns.exception
import dns.resolver
import structlog

from mailserver.foundation.network.library_resolver import is_validated
from mailserver.foundation.settings import NameService
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.texts.causes import Cause
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import ENCRYPTED, Demand, Level
from smtp.relay.tls.recent import Recent
from smtp.relay.tls.tlsa import Tlsa, usable

log = structlog.get_logger("relay")

DNS_SECONDS = 10.0
MAX_RECORDS = 50
"""Of one server that are looked at."""
KNOWN_SECONDS = 60.0


class LookupFailed(Exception):
    """Nobody knows now which keys a server has; the text is a word for a log."""


class Dane:
    """Asks for the keys of servers. One per relay."""

    def __init__(self, settings: NameService, clock: Clock, resolver: Callable[[], dns.asyncresolver.Resolver]) -> None:
        self._settings = settings
        self._resolver = resolver
        self._known: Recent[tuple[str, int], tuple[Tlsa, ...] | None] = Recent(clock)

    async def demanded(self, domain: str, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """The servers of a domain, with the demands of those that have keys; others keep theirs.

        A server whose keys cannot be found out is left out (section 2.2.3): somebody may be holding them up. Raises
        Temporary: none is left.
        """
        found = []
        for one in exchangers:
            try:
                found.append(await self._of(domain, one))
            except LookupFailed as error:
                log.warning("TLSA records not found out", host=one.name, why=str(error))
        if not found:
            raise Temporary(Cause("tlsa-lookup-failed", domain=domain))
        return found

    async def _of(self, domain: str, exchanger: Exchanger) -> Exchanger:
        """Raises LookupFailed."""
        for base in exchanger.bases:
            records = await self._records(base, exchanger.port)
            if records is None:
                continue
            if not records:  # there are keys, and none of a kind that is known
                # What the operator demands is more than that, and stays.
                return exchanger if exchanger.demand.least > Level.ENCRYPTED else replace(exchanger, demand=ENCRYPTED)
            names = tuple(dict.fromkeys((base, exchanger.name, domain)))
            return replace(exchanger, demand=Demand(Level.DANE, Level.DANE, records, names))
        return exchanger

    async def _records(self, base: str, port: int) -> tuple[Tlsa, ...] | None:
        """The usable records of a server; None: it has none. Raises LookupFailed."""
        known = self._known.get((base, port))
        if known is not None:
            return known[0]
        records, seconds = await self._ask(base, port)
        self._known.put((base, port), records, min(seconds, KNOWN_SECONDS))
        return records

    async def _ask(self, base: str, port: int) -> tuple[tuple[Tlsa, ...] | None, float]:
        """And for how many seconds they hold. Raises LookupFailed."""
        try:
            answer = await self._resolver().resolve(f"_{port}._tcp.{base}.", "TLSA", lifetime=DNS_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None, KNOWN_SECONDS
        except (dns.exception.DNSException, OSError, ValueError, Temporary) as error:
            raise LookupFailed(type(error).__name__) from None
        if not is_validated(answer, self._settings):
            return None, KNOWN_SECONDS
        records = [
            Tlsa(one.usage, one.selector, one.mtype, one.cert)
            for _, one in zip(range(MAX_RECORDS), answer, strict=False)
        ]
        return usable(records), float(answer.chaining_result.minimum_ttl)
