"""dnspython's resolver, for who takes time and wants its errors: routes of outgoing mail, fetching from the web.

It asks as it does, but for answers over TCP: its own way reads those of any size on the event loop, a quarter of a
second for one that somebody made for it. Here they are as large as those to our own questions.
"""

import asyncio
from typing import Any, TypeVar

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.resolver

from mailserver.foundation.network.peers import is_loopback
from mailserver.foundation.network.resolver import LookupFailed, ask_over_tcp, split_server
from mailserver.foundation.settings import NameService

_Library = TypeVar("_Library", dns.asyncresolver.Resolver, dns.resolver.Resolver)


class _Server(dns.nameserver.Do53Nameserver):
    """One name server."""

    async def async_query(
        self,
        request: dns.message.QueryMessage,
        timeout: float,  # noqa: ASYNC109 - the library's name
        source: str | None,
        source_port: int,
        max_size: bool,
        backend: Any,
        one_rr_per_rrset: bool = False,
        ignore_trailing: bool = False,
    ) -> dns.message.Message:
        """Raises DNSException, OSError, EOFError."""
        if not max_size:
            return await super().async_query(
                request, timeout, source, source_port, max_size, backend, one_rr_per_rrset, ignore_trailing
            )
        try:
            async with asyncio.timeout(timeout):
                return await ask_over_tcp(request, self.address, self.port)
        except TimeoutError:
            raise dns.exception.Timeout from None
        except LookupFailed:  # too large, or no answer to the question
            raise dns.exception.FormError from None


def library_resolver(kind: type[_Library], settings: NameService) -> _Library:
    """One that asks the servers of the settings, else those of the system. Raises DNSException, OSError."""
    if settings.nameservers:
        found = kind(configure=False)
        found.nameservers = [_Server(*split_server(one)) for one in settings.nameservers[:3]]
        return found
    found = kind()
    system = [one for one in found.nameservers if isinstance(one, str) and "://" not in one]
    found.nameservers = [_Server(one, found.port) for one in system] or found.nameservers
    return found


def ask_for_validation(resolver: dns.resolver.BaseResolver) -> None:
    """Have name servers say by the bit AD whether they have validated an answer (RFC 6840 section 5.7)."""
    resolver.set_flags(dns.flags.RD | dns.flags.AD)


def is_validated(answer: dns.resolver.Answer, settings: NameService) -> bool:
    """Whether a name server that may be believed says that DNSSEC has validated an answer (RFC 7672 section 2.2)."""
    if settings.validating == "no" or not answer.response.flags & dns.flags.AD:
        return False
    return settings.validating == "yes" or is_loopback(answer.nameserver or "")
