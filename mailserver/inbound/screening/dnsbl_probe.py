"""Tests blocklists now, for who waits: `mailserver check`."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import dns.exception
import dns.resolver

from mailserver.foundation.network.library_resolver import library_resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import dnsbl
from mailserver.inbound.screening.dnsbl import Probed, Records

SECONDS = 4.0
THREADS = 8


def probe(settings: Settings) -> Iterator[tuple[str, Probed]]:
    """Each list of the settings, as others may see it, and what its test entries show."""
    zones = list(settings.blocklists.lists)
    names = [name for zone in zones for name in dnsbl.probe_questions(zone)]
    with ThreadPoolExecutor(THREADS) as threads:
        answers = dict(zip(names, threads.map(lambda name: _ask(settings, name), names), strict=True))
    for zone in zones:
        mine = {name: answers[name] for name in dnsbl.probe_questions(zone)}
        yield dnsbl.shown(zone), dnsbl.judge(zone, mine)


def _ask(settings: Settings, name: str) -> Records | None:
    try:
        found = library_resolver(dns.resolver.Resolver, settings.dns).resolve(name, "A", lifetime=SECONDS)
        return [record.to_text() for record in found]
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError):
        return None
