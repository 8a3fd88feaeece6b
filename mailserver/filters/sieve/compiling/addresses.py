"""Parts of addresses (RFC 5228 section 2.7.4, RFC 5233) and of the envelope."""

from collections.abc import Callable

from mailserver.filters.sieve.compiling.arguments import Call
from mailserver.filters.sieve.compiling.specification import Tag

PART_TAGS = (
    Tag("all", group="part"),
    Tag("localpart", group="part"),
    Tag("domain", group="part"),
    Tag("user", group="part", extension="subaddress"),
    Tag("detail", group="part", extension="subaddress"),
)

Part = Callable[[str, str, str, str], str | None]
"""From the whole address, its local part, its domain and the separators to what is compared; None when it has none."""


def is_whole(call: Call) -> bool:
    """Whether whole addresses are compared: also those that are wrong (RFC 5228 section 2.7.4)."""
    return call.one_of("localpart", "domain", "user", "detail") == ""


def part_of(call: Call) -> Part:
    """What a test compares of each address."""
    return _PARTS[call.one_of("all", "localpart", "domain", "user", "detail") or "all"]


def _all(whole: str, local: str, domain: str, separator: str) -> str:
    return whole


def _localpart(whole: str, local: str, domain: str, separator: str) -> str:
    return local


def _domain(whole: str, local: str, domain: str, separator: str) -> str:
    return domain


def _separated(local: str, separators: str) -> int:
    """Where the separator stands; -1 for nowhere."""
    return min((place for place in map(local.find, separators) if place >= 0), default=-1)


def _user(whole: str, local: str, domain: str, separator: str) -> str:
    place = _separated(local, separator)
    return local if place < 0 else local[:place]


def _detail(whole: str, local: str, domain: str, separator: str) -> str | None:
    """Nothing, not the empty text, where no separator stands (RFC 5233 section 4)."""
    place = _separated(local, separator)
    return None if place < 0 else local[place + 1 :]


_PARTS: dict[str, Part] = {
    "all": _all,
    "localpart": _localpart,
    "domain": _domain,
    "user": _user,
    "detail": _detail,
}
