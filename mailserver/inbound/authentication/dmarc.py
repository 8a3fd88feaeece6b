"""DMARC (RFC 7489, RFC 9091): whether the domain of a message's author stands behind it, and what it asks where not.

Whose a domain is says the list of public suffixes; where a policy record on the way up says `psd=`, it says so itself
(RFC 9989 section 4.10): `n`, that it is somebody's of its own, `y`, that those right below it are. Nobody gets more by
that than the list gives.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache, lru_cache

from publicsuffixlist import PublicSuffixList

from mailserver.foundation.network.resolver import LookupFailed
from mailserver.inbound.authentication.lookups import Lookups, OutOfTime, together
from mailserver.mime.header import headers, originators
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.authentication import Alignment

MAX_RECORD = 4 * 1024
MOST_LABELS = 8
"""Names that are asked on the way up from a domain, itself included."""
MAX_RUA = 1024
"""Characters of the addresses that are kept of a record."""
KEPT = 1000
"""Names and records of which is remembered what they mean."""
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
    psd: str = ""
    """`y`: others have the domains below; `n`: this one is somebody's of its own."""

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
    organization: str = ""
    """The organizational domain, where records say it and not the list."""


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


@lru_cache(maxsize=KEPT)
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
    asked = [one for one in domains if one][:MAX_AUTHORS]
    return await together([_discover(lookups, one) for one in asked])


_Asked = Record | None | LookupFailed


async def _discover(lookups: Lookups, domain: str) -> Published:
    """What stands at the domain, else at its organizational domain, else at the public suffix above."""
    registered = organizational(domain)
    inside, outside = _split(domain, registered)
    asked = dict(zip(inside, await together([_ask(lookups, one) for one in inside]), strict=True))
    organization = _organization(asked)
    own, above = asked[domain], asked.get(organization or registered)
    if isinstance(own, Record):
        return Published(domain, own, own.policy, place=domain, organization=organization)
    worst = max(_worst(one) for one in (own, above))
    if isinstance(above, LookupFailed):
        return Published(domain, None, worst, found_out=False, organization=organization)
    place = organization or registered
    if above is None and own is None:
        place, above = await _suffix_policy(lookups, asked, outside)
        if isinstance(above, LookupFailed):
            return Published(domain, None, _worst(above), found_out=False, organization=organization)
    found_out = own is None
    if above is None:
        return Published(domain, None, worst, found_out, organization=organization)
    policy = above.below
    try:
        if above.missing is not policy and not (await lookups.ask(domain, "A")).exists:
            policy = above.missing
    except LookupFailed:
        policy, found_out = max(policy, above.missing), False
    return Published(domain, above, policy, found_out, place, organization)


def _split(domain: str, registered: str) -> tuple[list[str], list[str]]:
    """The names up from a domain: to the registered one, and above it. Eight at most (RFC 9989 section 4.10)."""
    labels = domain.split(".")
    first = max(len(labels) - MOST_LABELS + 1, 1)
    names = [domain, *(".".join(labels[at:]) for at in range(first, len(labels)))]
    inside = [one for one in names if one == registered or one.endswith(f".{registered}")]
    return inside, [one for one in names if one not in inside]


async def _ask(lookups: Lookups, domain: str) -> _Asked:
    try:
        return await record_of(lookups, domain)
    except LookupFailed as error:
        return error


def _organization(asked: Mapping[str, _Asked]) -> str:
    """The organizational domain that records say; empty: none says anything."""
    domain = next(iter(asked))
    for name, record in asked.items():
        psd = record.psd if isinstance(record, Record) else ""
        if psd == "n":
            return name
        if psd == "y" and name != domain:
            return ".".join(domain.split(".")[-name.count(".") - 2 :])
    return ""


async def _suffix_policy(lookups: Lookups, asked: Mapping[str, _Asked], outside: list[str]) -> tuple[str, _Asked]:
    """The policy of the public suffix nearest above, where that has one for those below, and where it stands. Of one
    that does not answer nobody expects any."""
    above = {name: record for name, record in asked.items() if name != next(iter(asked))}
    above.update(zip(outside, await together([_ask(lookups, one) for one in outside]), strict=True))
    for name, record in above.items():
        if isinstance(record, OutOfTime) or (isinstance(record, Record) and record.psd == "y"):
            return name, record
    return "", None


async def organizations(lookups: Lookups, published: list[Published], domains: Collection[str]) -> dict[str, str]:
    """The organizational domains that records say of domains which may be those of the authors: where alignment hangs
    on it. What nobody knows now is left out: the list decides."""
    wanted = {one.domain for one in published if one.organization}
    near = {
        one for one in domains for author in wanted if one != author and organizational(one) == organizational(author)
    }

    async def find(domain: str) -> tuple[str, str | None]:
        inside, _ = _split(domain, organizational(domain))
        found = await together([_ask(lookups, one) for one in inside])
        said = _organization(dict(zip(inside, found, strict=True)))
        return domain, said if said or not any(isinstance(one, LookupFailed) for one in found) else None

    known = await together([find(one) for one in sorted(near)])
    return {domain: said for domain, said in known if said is not None}


def _worst(asked: _Asked) -> Policy:
    """What a domain may ask of which nothing could be found out. One that does not answer has no policy to keep; who
    keeps this server from asking gets round none."""
    return Policy.REJECT if isinstance(asked, OutOfTime) else Policy.NONE


def evaluate(domains: list[str], published: list[Published], shown: "Shown", unknown: Collection[str]) -> Evaluated:
    """`unknown`: domains of which it could not be found out whether they sent it: one of them may stand behind the
    message. Nobody else's failure saves it."""
    results = [_one(one, shown, unknown) for one in published]
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


def _one(published: Published, shown: "Shown", unknown: Collection[str]) -> Evaluated:
    domain, record = published.domain, published.record
    aligned = any(aligns(published, shown))
    if not published.found_out:
        return Evaluated(Alignment.TEMPERROR, domain, undecided=Policy.NONE if aligned else published.policy)
    if record is None:
        return Evaluated(Alignment.SIGNED if aligned else Alignment.NONE, domain)
    if aligned:
        return Evaluated(Alignment.PASS, domain)
    if any(_may_be(one, domain) for one in unknown):
        return Evaluated(Alignment.TEMPERROR, domain, Policy.NONE, record.percent, published.policy)
    return Evaluated(Alignment.FAIL, domain, published.policy, record.percent)


@dataclass(frozen=True, slots=True)
class Shown:
    """Whom a message is shown to be from."""

    spf: str
    """The domain that passed SPF; empty: none."""
    signed: Collection[str]
    """Domains with valid signatures."""
    organizations: Mapping[str, str]
    """What records say of these (`organizations`)."""


def aligns(published: Published, shown: Shown) -> tuple[bool, bool]:
    """Whether a signature, and whether SPF, shows that the author's domain sent it (section 3.1)."""
    record = published.record

    def is_theirs(domain: str, *, strict: bool) -> bool:
        if not domain or domain == published.domain or strict:
            return bool(domain) and domain == published.domain
        theirs = published.organization
        is_other = bool(theirs) and shown.organizations.get(domain, theirs) != theirs
        return not is_other and _may_be(domain, published.domain)

    by_dkim = any(is_theirs(one, strict=record is not None and record.strict_dkim) for one in shown.signed)
    return by_dkim, is_theirs(shown.spf, strict=record is not None and record.strict_spf)


def _may_be(domain: str, author: str) -> bool:
    """Whether both are of one who has registered a domain, by the list."""
    return bool(domain) and (domain == author or organizational(domain) == organizational(author))


async def record_of(lookups: Lookups, domain: str) -> Record | None:
    """The domain's record; None where there is none, or several (section 6.6.3)."""
    if len(domain) > 240:
        return None
    found = [one for one in await lookups.texts(f"_dmarc.{domain}") if one[:8] == b"v=DMARC1"]
    return parse(found[0]) if len(found) == 1 and len(found[0]) <= MAX_RECORD else None


@lru_cache(maxsize=KEPT)
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
    if tags.get("t", "").lower() == "y":
        number = 0  # RFC 9989 section 4.7: the next milder policy, as for what pct= spares
    return Record(
        policy,
        below,
        missing,
        tags.get("adkim", "r").lower() == "s",
        tags.get("aspf", "r").lower() == "s",
        min(number, 100),
        tags.get("rua", "")[:MAX_RUA],
        psd if (psd := tags.get("psd", "").lower()) in ("y", "n") else "",
    )


def sampled(evaluated: Evaluated, lot: int) -> Policy:
    """What is to be done with this message, whose lot is 0 to 99: those that are spared get the next milder policy
    (section 6.6.4)."""
    policy = max(evaluated.policy, evaluated.undecided)
    return policy if lot < evaluated.percent or policy is Policy.NONE else Policy(policy - 1)
