"""Addresses that are one letter off: of somebody the person writes to, or of a domain that most people have."""

from collections.abc import Mapping, Sequence, Set

from mailserver.addressbook.suggestions import Suggestions
from mailserver.inbound.impersonation.domains import PROVIDERS, is_near
from mailserver.model.identity import Principal

MAX_LOOKED = 100
"""Addresses of one letter that are compared."""
MAX_KNOWN = 2000
SHORTEST = 5
"""Characters of a name below which one letter makes another name."""


async def near_misses(
    suggestions: Suggestions, principal: Principal, addresses: Sequence[str], domains: Sequence[str]
) -> list[tuple[str, str]]:
    """The addresses that look mistyped, each with the one that was meant. Raises Temporary.

    In our own domains only what exists is written to, and classes, their lists and boxes are named alike on purpose.
    """
    ours = [domain.casefold() for domain in domains]
    known: dict[str, set[str]] = {}
    for one in await suggestions.known_addresses(principal, MAX_KNOWN):
        name, _, domain = one.rpartition("@")
        known.setdefault(domain, set()).add(name)
    found = []
    for address in addresses[:MAX_LOOKED]:
        name, _, domain = address.casefold().rpartition("@")
        if domain not in ours and (meant := _meant(name, domain, known, (*ours, *PROVIDERS))):
            found.append((address, meant))
    return found


def _meant(name: str, domain: str, known: Mapping[str, Set[str]], domains: Sequence[str]) -> str:
    if domain not in known and domain not in domains:
        other = next((one for one in domains if is_near(domain, one)), "")
        return f"{name}@{other}" if other else ""
    names = known.get(domain, ())
    if len(name) < SHORTEST or name in names:
        return ""
    found = next((one for one in names if is_near(name, one)), "")
    return f"{found}@{domain}" if found else ""
