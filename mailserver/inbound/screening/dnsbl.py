"""What a DNS blocklist says, and whether it is one (RFC 5782). Pure.

A list that works lists 127.0.0.2 and not 127.0.0.1; of IPv6 ::ffff:7f00:2 and not ::ffff:7f00:1. One that lists both
has gone and lists the whole world; one that lists neither knows nothing. Answers in 127.255.255.0/24 say that nobody
may ask so (Spamhaus): they are no hits. Nor are answers outside of 127.0.0.0/8, as resolvers that lie give them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_address

from mailserver.foundation.network.peers import Address

HITS, REFUSALS = IPv4Network("127.0.0.0/8"), IPv4Network("127.255.255.0/24")
LISTED = (ip_address("127.0.0.2"), ip_address("::ffff:7f00:2"))
CLEAN = (ip_address("127.0.0.1"), ip_address("::ffff:7f00:1"))
"""Test entries, of IPv4 and of IPv6."""

_KEYED = (".dq.spamhaus.net", ".mail.abusix.zone")
_KEY = re.compile(r"[A-Za-z0-9_-]{20,}")
"""Names of lists are shorter."""

Records = Sequence[str | bytes]


class State(Enum):
    """What a list is worth."""

    UNTESTED = "untested"
    GOOD = "good"
    SILENT = "silent"
    """It does not answer."""
    REFUSES = "refuses"
    """It answers that we may not ask it so."""
    EVERYTHING = "everything"
    """It lists the whole world."""
    NOTHING = "nothing"
    """It lists not even its test entry."""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a test found: a list that is good is good for one version of addresses or for both."""

    state: State = State.UNTESTED
    versions: frozenset[int] = frozenset()


def question(address: Address, zone: str) -> str:
    """The name under which an address stands on a list."""
    reverse = address.reverse_pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
    return f"{reverse}.{zone}"


def shown(zone: str) -> str:
    """A list as others may see it: names of services that are paid for begin with a secret."""
    first, _, rest = zone.partition(".")
    is_secret = zone.endswith(_KEYED) or _KEY.fullmatch(first) is not None
    return rest if is_secret and "." in rest else zone


def is_hit(records: Records) -> bool:
    """Whether an answer says that the address is listed."""
    return any(one in HITS and one not in REFUSALS for one in _addresses(records))


def is_refusal(records: Records) -> bool:
    """Whether an answer says that we may not ask."""
    return any(one in REFUSALS for one in _addresses(records))


def probe_questions(zone: str) -> list[str]:
    """The names to ask for before a list is believed."""
    return [question(address, zone) for address in (*LISTED, *CLEAN)]


def judge(zone: str, answers: Mapping[str, Records | None]) -> Probed:
    """What the answers to `probe_questions` show; None: there was none."""
    if any(is_refusal(records) for records in answers.values() if records is not None):
        return Probed(State.REFUSES)
    found: dict[int, State] = {}
    for listed, clean in zip(LISTED, CLEAN, strict=True):
        good, bad = answers.get(question(listed, zone)), answers.get(question(clean, zone))
        if good is None or bad is None:
            found[listed.version] = State.SILENT
        elif is_hit(bad):
            found[listed.version] = State.EVERYTHING
        else:
            found[listed.version] = State.GOOD if is_hit(good) else State.NOTHING
    versions = frozenset(version for version, state in found.items() if state is State.GOOD)
    if State.EVERYTHING in found.values():
        return Probed(State.EVERYTHING)
    return Probed(State.GOOD, versions) if versions else Probed(found[4])


def _addresses(records: Records) -> Iterable[IPv4Address]:
    for one in records:
        try:
            yield IPv4Address(one if isinstance(one, str) else "")
        except AddressValueError:
            continue
