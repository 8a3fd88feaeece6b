"""DMARC (RFC 7489, RFC 9091): whether the domain of a message's author stands behind it, and what it asks where not."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from publicsuffixlist import PublicSuffixList

from mailserver.authentication.lookups import Lookups, OutOfTime
from mailserver.foundation.resolver import LookupFailed
from mailserver.mime.header import headers, originators
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.authentication import Alignment

MAX_RECORD = 4 * 1024
MAX_RUA = 1024
"""Characters of the addresses that are kept of a record."""
MAX_AUTHORS = 3
"""Domains of authors of one message that are looked up; what has more, as no honest message does, is put aside."""


class Policy(IntEnum):
    """What a domain asks, the milder first."""

    NONE = 0
    QUARANTINE = 1
    REJECT = 2


_POLICIES = {"none": Policy.NONE, "quarantine": Policy.QUARANTINE, "reject": Policy.REJECT}


@dataclass(frozen=True, slots=True)
class Record:
    """A policy record, as far as it concerns us."""

    policy: Policy
    below: Policy
    """For subdomains."""
    missing: Policy
    """For subdomains that are not there (RFC 9091)."""
    strict_dkim: bool
    strict_spf: bool
    percent: int
    rua: str = ""
    """Where reports are wanted."""

    @property
    def published(self) -> tuple[tuple[str, str], ...]:
        """Its tags, as reports tell them (RFC 7489 appendix C)."""
        modes = (("adkim", self.strict_dkim), ("aspf", self.strict_spf))
        policies = (("p", self.policy), ("sp", self.below))
        return (
            *((name, "s" if strict else "r") for name, strict in modes),
            *((name, policy.name.lower()) for name, policy in policies),
            ("pct", str(self.percent)),
        )


@dataclass(frozen=True, slots=True)
class Published:
    """What the domain of an author publishes."""

    domain: str
    record: Record | None = None
    policy: Policy = Policy.NONE
    """Of its record, or of the one above it, for this domain."""
    found_out: bool = True
    """False: its own record is not known; that of the domain above may be."""
    place: str = ""
    """The domain at which the record stands."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Of one message."""

    alignment: Alignment
    domain: str = ""
    """Of the author; of several the one that comes off worst."""
    policy: Policy = Policy.NONE
    """What its domain asks, where it fails."""
    percent: int = 100
    undecided: Policy = Policy.NONE
    """What its domain would ask, where it cannot be found out now whether it fails."""


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def is_prepared() -> bool:
    """Whether the list of public suffixes was read."""
    return _suffixes.cache_info().currsize > 0


def prepare() -> None:
    """Read the list of public suffixes, which takes a tenth of a second."""
    _suffixes()


def organizational(domain: str) -> str:
    """The domain that somebody registered (section 3.2)."""
    return _suffixes().privatesuffix(domain) or domain


def authors(header: bytes) -> list[str]:
    """The domains of the authors, in small letters, without repeats; "" for one that is none
    (section 6.6.1).

    Of several From fields, which no message may have, all count, and all addresses that readers may take out of one;
    where there is none, Sender is shown in its place.
    """
    found: dict[str, None] = {}
    wanted = list(headers.named(header, 0, len(header), "from"))
    for field in wanted or headers.named(header, 0, len(header), "sender"):
        for address in originators.shown(headers.as_text(header[field.value : field.end])):
            try:
                found[check_domain(address.rpartition("@")[2].strip().rstrip("."))] = None
            except BadSyntax:
                found[""] = None
    return list(found)


async def discover(lookups: Lookups, domains: list[str]) -> list[Published]:
    """What the domains of the authors publish."""
    return list(
        await asyncio.gather(*(_discover(lookups, one) for one in [one for one in domains if one][:MAX_AUTHORS]))
    )


async def _discover(lookups: Lookups, domain: str) -> Published:
    above = organizational(domain)
    found_out, worst = True, Policy.NONE
    try:
        record = await record_of(lookups, domain)
        if record is not None:
            return Published(domain, record, record.policy, place=domain)
    except LookupFailed as error:
        found_out, worst = False, _worst(error)
    try:
        record = await record_of(lookups, above) if above != domain else None
    except LookupFailed as error:
        return Published(domain, None, max(worst, _worst(error)), found_out=False)
    if record is None:
        return Published(domain, None, worst, found_out)
    policy = record.below
    try:
        if record.missing is not policy and not (await lookups.ask(domain, "A")).exists:
            policy = record.missing
    except LookupFailed:
        policy, found_out = max(policy, record.missing), False
    return Published(domain, record, policy, found_out, above)


def _worst(error: LookupFailed) -> Policy:
    """What a domain may ask of which nothing could be found out. One that does not answer has no policy to keep; who
    keeps this server from asking gets round none."""
    return Policy.REJECT if isinstance(error, OutOfTime) else Policy.NONE


def evaluate(
    domains: list[str], published: list[Published], spf: str, signed: Collection[str], unknown: Collection[str]
) -> Evaluated:
    """`spf` is the domain that passed SPF, if any; `signed` those with valid signatures; `unknown` those of which
    neither could be found out: one of them may stand behind the message. Nobody else's failure saves it."""
    results = [_one(one, spf, signed, unknown) for one in published]
    if len(results) < len(domains) or not domains:
        policy = Policy.QUARANTINE if len([one for one in domains if one]) > MAX_AUTHORS else Policy.NONE
        results.append(Evaluated(Alignment.PERMERROR, domains[0] if domains else "", policy))
    return max(results, key=lambda one: (one.policy, one.undecided, _GRAVITY[one.alignment]))


_GRAVITY = {
    alignment: place
    for place, alignment in enumerate(
        (
            *(Alignment.NOT_CHECKED, Alignment.PASS, Alignment.SIGNED, Alignment.EXCUSED),
            *(Alignment.NONE, Alignment.TEMPERROR, Alignment.PERMERROR, Alignment.FAIL),
        )
    )
}


def _one(published: Published, spf: str, signed: Collection[str], unknown: Collection[str]) -> Evaluated:
    domain, record = published.domain, published.record
    aligned = any(aligns(published, spf, signed))
    if not published.found_out:
        return Evaluated(Alignment.TEMPERROR, domain, undecided=Policy.NONE if aligned else published.policy)
    if record is None:
        return Evaluated(Alignment.SIGNED if aligned else Alignment.NONE, domain)
    if aligned:
        return Evaluated(Alignment.PASS, domain)
    if any(_aligns(one, domain, strict=False) for one in unknown):
        return Evaluated(Alignment.TEMPERROR, domain, Policy.NONE, record.percent, published.policy)
    return Evaluated(Alignment.FAIL, domain, published.policy, record.percent)


def aligns(published: Published, spf: str, signed: Collection[str]) -> tuple[bool, bool]:
    """Whether a signature, and whether SPF, shows that the author's domain sent it (section 3.1)."""
    domain, record = published.domain, published.record
    strict_dkim, strict_spf = (record.strict_dkim, record.strict_spf) if record else (False, False)
    by_dkim = any(_aligns(one, domain, strict=strict_dkim) for one in signed)
    return by_dkim, _aligns(spf, domain, strict=strict_spf)


def _aligns(domain: str, author: str, *, strict: bool) -> bool:
    return bool(domain) and (domain == author or (not strict and organizational(domain) == organizational(author)))


async def record_of(lookups: Lookups, domain: str) -> Record | None:
    """The domain's record; None where there is none, or several (section 6.6.3)."""
    if len(domain) > 240:
        return None
    found = [one for one in await lookups.texts(f"_dmarc.{domain}") if one[:8] == b"v=DMARC1"]
    return parse(found[0]) if len(found) == 1 and len(found[0]) <= MAX_RECORD else None


def parse(octets: bytes) -> Record | None:
    """A policy record; None where it cannot be one (section 6.3)."""
    tags: dict[str, str] = {}
    for at, part in enumerate(octets.decode("ascii", "replace").split(";")):
        name, equals, value = part.partition("=")
        if at == 0 and (name.strip(), value.strip()) != ("v", "DMARC1"):
            return None
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    policy = _POLICIES.get(tags.get("p", "").lower())
    if policy is None:
        if "rua" not in tags:
            return None
        policy = Policy.NONE
    below = _POLICIES.get(tags.get("sp", "").lower(), policy)
    missing = _POLICIES.get(tags.get("np", "").lower(), below)
    percent = tags.get("pct", "100")
    number = int(percent) if percent.isascii() and percent.isdigit() and len(percent) <= 3 else 100
    return Record(
        policy,
        below,
        missing,
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        min(number, 100),
        tags.get("rua", "")[:MAX_RUA],
    )


def sampled(evaluated: Evaluated, lot: int) -> Policy:
    """What is to be done with this message, whose lot is 0 to 99: those that are spared get the next milder policy
    (section 6.6.4)."""
    policy = max(evaluated.policy, evaluated.undecided)
    return policy if lot < evaluated.percent or policy is Policy.NONE else Policy(policy - 1)
