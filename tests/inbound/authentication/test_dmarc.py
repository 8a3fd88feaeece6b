"""DMARC: whose a domain is, which policy is its, and who may stand behind it: the examples of RFC 7489 and RFC 9989."""

import asyncio

import pytest

from mailserver.foundation.network.resolver import Resolver
from mailserver.inbound.authentication import dmarc
from mailserver.inbound.authentication.dmarc import Policy, Published, Record, Shown
from mailserver.inbound.authentication.lookups import POLICIES, Lookups
from mailserver.model.messages.authentication import Alignment
from mailserver.reports import destinations
from mailserver.reports.destinations import Destination
from tests.inbound.authentication.name_server import NameServer


def publish(names: NameServer, domain: str, record: str) -> None:
    names[f"_dmarc.{domain}", "TXT"] = [f"v=DMARC1; {record}".encode()]


def lookups(resolver: Resolver) -> Lookups:
    return Lookups(resolver, asyncio.get_running_loop().time(), POLICIES)


async def found(resolver: Resolver, author: str) -> Published:
    (published,) = await dmarc.discover(lookups(resolver), [author])
    return published


async def aligned(resolver: Resolver, author: str, spf: str = "", signer: str = "") -> tuple[bool, bool]:
    """Whether the signature shows the author's domain, and whether SPF does."""
    published = [await found(resolver, author)]
    sent = {spf, signer} - {""}
    said = await dmarc.organizations(lookups(resolver), published, sent)
    return dmarc.aligns(published[0], Shown(spf, [signer] if signer else [], said))


# ---------------------------------------------------------------------- RFC 7489 appendix B


@pytest.mark.parametrize(
    ("identifier", "author", "relaxed", "strict"),
    [
        ("example.com", "example.com", True, True),
        ("child.example.com", "example.com", True, False),
        ("example.net", "child.example.com", False, False),
        ("example.com", "child.example.com", True, False),
        ("sample.net", "child.example.com", False, False),
    ],
)
async def test_identifier_alignment(
    resolver: Resolver, names: NameServer, identifier: str, author: str, relaxed: bool, strict: bool
) -> None:
    """Appendix B.1, of SPF and of DKIM."""
    publish(names, author, "p=reject")
    publish(names, "strict.com", "p=reject; adkim=s; aspf=s")
    assert await aligned(resolver, author, identifier, identifier) == (relaxed, relaxed)
    published = Published(author, dmarc.parse(b"v=DMARC1; p=reject; adkim=s; aspf=s"))
    assert dmarc.aligns(published, Shown(identifier, [identifier], {})) == (strict, strict)


async def test_domain_owners(resolver: Resolver, names: NameServer) -> None:
    """Appendix B.2: monitoring, a third party that gets reports and may name another address, a part of the mail."""
    publish(names, "example.com", "p=none; rua=mailto:dmarc-feedback@example.com; ruf=mailto:auth@example.com")
    asked = lookups(resolver)
    assert await destinations.destinations(asked, "example.com") == [Destination("dmarc-feedback@example.com")]
    wanted = "rua=mailto:dmarc-feedback@example.com,mailto:tld-test@thirdparty.example.net!10m; pct=25"
    publish(names, "test.example.com", f"p=quarantine; {wanted}")
    asked = lookups(resolver)
    ours = [Destination("dmarc-feedback@example.com")]
    assert await destinations.destinations(asked, "test.example.com") == ours, "the third party has not agreed"
    names["test.example.com._report._dmarc.thirdparty.example.net", "TXT"] = [b"v=DMARC1;"]
    published = await found(resolver, "test.example.com")
    assert published.record is not None
    assert (published.policy, published.record.percent) == (Policy.QUARANTINE, 25)


# ---------------------------------------------------------------------- RFC 9989 appendix B.4


async def test_a_deep_domain(resolver: Resolver, names: NameServer) -> None:
    publish(names, "example.com", "p=reject; sp=quarantine")
    publish(names, "signing.example.com", "p=none")
    deep = "a.b.c.d.e.f.g.h.i.j.k.example.com"
    published = await found(resolver, deep)
    assert (published.policy, published.place) == (Policy.QUARANTINE, "example.com")
    asked = [one.removesuffix(" TXT") for one in names.asked if one.startswith("_dmarc")]
    assert sorted(asked) == sorted(
        f"_dmarc.{one}"
        for one in (
            *(deep, "g.h.i.j.k.example.com", "h.i.j.k.example.com", "i.j.k.example.com", "j.k.example.com"),
            *("k.example.com", "example.com"),
        )
    )
    assert await aligned(resolver, deep, "example.com", "signing.example.com") == (True, True)


async def test_a_public_suffix_that_says_so(resolver: Resolver, names: NameServer) -> None:
    publish(names, "bank.example", "p=reject; psd=y")
    publish(names, "giant.bank.example", "p=quarantine")
    published = await found(resolver, "giant.bank.example")
    assert (published.policy, published.organization) == (Policy.QUARANTINE, "giant.bank.example")
    spf, signer = "mail.giant.bank.example", "mail.mega.bank.example"
    assert await aligned(resolver, "giant.bank.example", spf, signer) == (False, True)
    assert await aligned(resolver, "giant.bank.example", signer, spf) == (True, False)
    # The one without a record of its own has the policy of the suffix.
    other = await found(resolver, "mega.bank.example")
    assert (other.policy, other.place, other.organization) == (Policy.REJECT, "bank.example", "mega.bank.example")
    evaluated = dmarc.evaluate([other.domain], [other], Shown("giant.bank.example", (), {}), ())
    assert evaluated.alignment is Alignment.PASS, "what nobody has looked up, the list decides"
    known = await dmarc.organizations(lookups(resolver), [other], ["giant.bank.example"])
    evaluated = dmarc.evaluate([other.domain], [other], Shown("giant.bank.example", (), known), ())
    assert (evaluated.alignment, evaluated.policy) == (Alignment.FAIL, Policy.REJECT)


# ---------------------------------------------------------------------- RFC 9091 and psd=


async def test_the_policy_of_a_suffix_of_the_list(resolver: Resolver, names: NameServer) -> None:
    """For domains below it that have none; another one for those that are not there (RFC 9091 section 3)."""
    names["there.gouv.fr", "A"] = ["192.0.2.1"]
    publish(names, "gouv.fr", "p=none; sp=quarantine; np=reject; psd=y")
    assert (await found(resolver, "there.gouv.fr")).policy is Policy.QUARANTINE
    assert (await found(resolver, "absent.gouv.fr")).policy is Policy.REJECT
    publish(names, "own.gouv.fr", "p=none")
    own = await found(resolver, "own.gouv.fr")
    assert (own.policy, own.place, own.organization) == (Policy.NONE, "own.gouv.fr", "")
    assert (await found(resolver, "sub.own.gouv.fr")).place == "own.gouv.fr"


@pytest.mark.parametrize("record", ["p=reject", "p=reject; psd=n", "p=reject; psd=u", "psd=y"])
async def test_a_suffix_that_does_not_say_so_has_none_for_others(
    resolver: Resolver, names: NameServer, record: str
) -> None:
    publish(names, "gouv.fr", record)
    assert (await found(resolver, "autre.gouv.fr")).record is None


async def test_a_part_of_a_domain_that_is_somebody_elses(resolver: Resolver, names: NameServer) -> None:
    """`psd=n`: below it all is one, above it is another."""
    publish(names, "ex.fr", "p=reject")
    publish(names, "dep.ex.fr", "p=quarantine; sp=none; psd=n")
    published = await found(resolver, "a.dep.ex.fr")
    assert (published.policy, published.place, published.organization) == (Policy.NONE, "dep.ex.fr", "dep.ex.fr")
    for other, theirs in (("b.dep.ex.fr", True), ("dep.ex.fr", True), ("ex.fr", False), ("x.ex.fr", False)):
        assert await aligned(resolver, "a.dep.ex.fr", other, other) == (theirs, theirs), other
    assert await aligned(resolver, "a.dep.ex.fr", "a.dep.ex.fr") == (False, True)
    # A suffix of the list cannot make those below it one.
    publish(names, "gouv.fr", "p=none; psd=n")
    assert await aligned(resolver, "un.gouv.fr", "deux.gouv.fr") == (False, False)


async def test_what_is_not_known_refuses_nobody(resolver: Resolver, names: NameServer) -> None:
    publish(names, "ex.fr", "p=reject; psd=n")
    names.moods["_dmarc.mail.ex.fr"] = "broken"
    assert await aligned(resolver, "ex.fr", "mail.ex.fr") == (False, True)
    names.moods["_dmarc.com"] = "broken"
    unknown = await found(resolver, "nothing.com")
    assert (unknown.record, unknown.found_out) == (None, True)


def test_a_domain_that_tests_its_policy() -> None:
    """`t=y` (RFC 9989 section 4.7) as `pct=0`."""
    record = dmarc.parse(b"v=DMARC1; p=reject; t=y")
    assert isinstance(record, Record)
    assert record.percent == 0
    plain = dmarc.parse(b"v=DMARC1; p=reject; t=n; psd=Y")
    assert plain is not None
    assert (plain.percent, plain.psd) == (100, "y")
