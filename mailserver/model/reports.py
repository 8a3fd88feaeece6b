"""Aggregate reports as values: what other servers saw of mail in our name (DMARC), and of TLS on its way to us
(TLS-RPT)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TypeVar

MAX_ROWS = 1000
"""Of one report that are kept, those with the most messages; what is more is added up."""


class Kind(IntEnum):
    """What a report is about. The numbers stand in the store."""

    DMARC = 1
    """RFC 7489 section 7.2, RFC 9990."""
    TLS = 2
    """RFC 8460."""


@dataclass(frozen=True, slots=True)
class Source:
    """Messages in our name that came from one address, and of which the same was found out."""

    address: str
    """Empty: those of a report that names more than are kept."""
    author: str
    """The domain that readers see."""
    disposition: str
    """What became of them: `none`, `pass`, `quarantine` or `reject`."""
    dkim: bool
    """A valid signature of the author's domain."""
    spf: bool
    signer: str
    """A domain that signed them."""
    envelope: str
    """The domain of their envelope sender."""
    count: int

    @property
    def passed(self) -> bool:
        """The author's domain stands behind them."""
        return self.dkim or self.spf


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions with our servers under one policy that ended alike."""

    policy: str
    """`sts`, `tlsa` or `no-policy-found` (RFC 8460 section 4.2)."""
    domain: str
    result: str
    """Of section 4.3; empty: TLS as the policy wants it."""
    server: str
    """The exchanger."""
    count: int


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was read."""

    kind: Kind
    organisation: str
    contact: str
    identifier: str
    begin: int
    end: int
    domain: str
    """Whose policy it is about."""
    policy: str
    """What that domain published, as the reporter saw it."""
    sources: tuple[Source, ...] = ()
    sessions: tuple[Sessions, ...] = ()

    @property
    def passed(self) -> int:
        """Messages, or sessions, with which all was well."""
        return sum(one.count for one in self.sources if one.passed) + sum(
            one.count for one in self.sessions if not one.result
        )

    @property
    def failed(self) -> int:
        return sum(one.count for one in self.sources) + sum(one.count for one in self.sessions) - self.passed


def merged_sources(found: Iterable[Source], most: int = MAX_ROWS) -> tuple[Source, ...]:
    """Those of which the same is said together, the largest first; `most` of them, the rest without an address."""
    whole = _added_up(found)
    named = [one for one in whole if one.address]
    rest = [one for one in whole if not one.address]
    rest += [replace(one, address="", author="", signer="", envelope="") for one in named[most:]]
    return (*named[:most], *_added_up(rest))


def merged_sessions(found: Iterable[Sessions], most: int = MAX_ROWS) -> tuple[Sessions, ...]:
    """The same of sessions, the rest without policy and server."""
    whole = [one for one in _added_up(found) if one.count]
    named = [one for one in whole if one.policy]
    rest = [one for one in whole if not one.policy]
    rest += [Sessions("", "", "other" if one.result else "", "", one.count) for one in named[most:]]
    return (*named[:most], *_added_up(rest))


_Row = TypeVar("_Row", Source, Sessions)


def _added_up(rows: Iterable[_Row]) -> list[_Row]:
    """Those that differ in nothing but their count as one, the largest first."""
    counts: dict[_Row, int] = {}
    for row in rows:
        key = replace(row, count=0) if row.count else row
        counts[key] = counts.get(key, 0) + row.count
    return sorted((replace(row, count=count) for row, count in counts.items()), key=lambda row: -row.count)
