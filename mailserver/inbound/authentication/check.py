"""All checks of one message, and what follows from them."""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeVar, TypeVarTuple

import structlog

from mailserver.foundation.in_step import in_step
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network import peers
from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import (
    arc_check,
    dkim_check,
    dmarc,
    key_lookup,
    lookups,
    results_field,
    reverse,
    spf,
)
from mailserver.inbound.authentication.arc_check import ArcSet, Sealed
from mailserver.inbound.authentication.dkim_check import Bodies, Signed
from mailserver.inbound.authentication.dmarc import Evaluated, Policy, Published, Shown
from mailserver.inbound.authentication.lookups import Lookups, NotKept
from mailserver.inbound.authentication.signatures import Header, Signature
from mailserver.model.address import check_domain
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.authentication import (
    NOT_CHECKED,
    Alignment,
    AuthenticationResults,
    Chain,
    Outcome,
    Reverse,
)
from mailserver.model.observations import Observed

log = structlog.get_logger("authentication")

QUICK = 128 * 1024
"""Octets that the event loop may hash itself: 2 ms, were they nothing but blanks."""
QUICK_SIGNATURES = 2
"""Signatures that it may verify."""
MAX_STRANGE_SETS = 12
"""Of the chain of somebody who is not trusted here."""
QUICK_HEADER = 16 * 1024
"""Octets of a header that it may look through."""
ONE_CLICK = frozenset(("list-unsubscribe", "list-unsubscribe-post"))


_DKIM_WORDS = {Outcome.SOFTFAIL: "policy"}
_ALIGNMENT_WORDS = {Alignment.SIGNED: "none", Alignment.EXCUSED: "fail"}


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it comes."""

    peer: str
    helo: str
    reverse_path: str
    header: bytes
    """Its fields alone."""
    body: Callable[[], Iterable[bytes]]
    """Its body in pieces."""
    size: int
    services: tuple[bytes, ...] = (b"email",)
    """What a signer's key may be for (RFC 6376 section 3.6.1, `s=`); of TLS reports `tlsrpt`, too (RFC 8460
    section 3)."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found out of it."""

    results: AuthenticationResults = NOT_CHECKED
    field: bytes = b""
    """Ours, to stand on top; empty: nobody looked."""
    forged: tuple[tuple[int, int], ...] = ()
    """Fields of its header that claim to be ours."""
    peer_name: str = ""
    """Of a peer whose name leads back to it."""
    authors: tuple[str, ...] = ()
    """Domains, in small letters."""
    sender: str = ""
    """The domain for which SPF passed."""
    refuses: bool = False
    """The author's domain wants it refused, and nobody who is trusted says otherwise."""
    observed: Observed | None = None
    """What a report to the author's domain tells of it, if that wants reports; not yet what was done with it."""
    defers: bool = False
    """The author's domain would want it refused or put aside, and nobody knows now whether it sent it: it may come
    again later (RFC 7489 section 6.6.3)."""
    blind: bool = False
    """No name server is there: nothing speaks for anybody."""

    @property
    def said(self) -> str:
        """What our field says."""
        return self.field.partition(b":")[2].strip().decode("ascii", "replace")


_FAULT = AuthenticationResults(dmarc=Alignment.TEMPERROR)
_NO_CHAIN = Sealed(Chain.NONE)
_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")
_NOT_EVALUATED = Evaluated(Alignment.NOT_CHECKED)
_NOTHING_SHOWN = Shown("", (), {})


@dataclass(slots=True)
class _Found:
    """By one message's checks."""

    domain: str
    helo: str
    peer: peers.Address
    authors: list[str]
    """Domains, in small letters; "" for one that is none."""
    published: list[Published] | None = None
    """What these ask; None: nobody found out."""
    sender_spf: Outcome = Outcome.TEMPERROR
    helo_spf: Outcome = Outcome.NONE
    signed: Sequence[Signed] = ()
    sealed: Sealed = _NO_CHAIN
    iprev: Reverse = Reverse.TEMPERROR
    name: str = ""
    evaluated: Evaluated = _NOT_EVALUATED
    shown: Shown = _NOTHING_SHOWN
    faulty: bool = False
    """A check failed for a fault of ours."""

    @property
    def spf(self) -> Outcome:
        """Of the sender's domain; of a report, of the name in EHLO."""
        return self.sender_spf if self.domain else self.helo_spf

    @property
    def signers(self) -> set[str]:
        return {one.domain for one in self.signed if one.outcome is Outcome.PASS}

    @property
    def passed(self) -> str:
        """The domain that SPF shows as the sender's; of a report, the name in EHLO."""
        if self.domain:
            return self.domain if self.spf is Outcome.PASS else ""
        return self.helo if self.helo_spf is Outcome.PASS else ""

    @property
    def dkim(self) -> Outcome:
        """The best of its signatures."""
        outcomes = {one.outcome for one in self.signed}
        order = (Outcome.PASS, Outcome.TEMPERROR, Outcome.SOFTFAIL, Outcome.FAIL, Outcome.PERMERROR, Outcome.NEUTRAL)
        return next((one for one in order if one in outcomes), Outcome.NONE)

    @property
    def unknown(self) -> set[str]:
        """Domains of which it could not be found out whether they sent it."""
        unsure = {one.domain for one in self.signed if one.outcome is Outcome.TEMPERROR}
        return unsure | ({self.domain or self.helo} if self.spf is Outcome.TEMPERROR else set())


class _Asking(Protocol):
    """Gives the look-ups that one check may cost."""

    def __call__(self, most: int, *, urgent: bool = False) -> Lookups: ...


_Check = Callable[[_Found, Arrival, _Asking], Coroutine[Any, Any, None]]


class Authenticator:
    """One per worker. The settings are asked each time."""

    def __init__(self, settings: Settings, resolver: Resolver) -> None:
        self._settings = settings
        self._resolver = resolver
        self._spf_known = spf.Known()
        # Its own: what a stranger makes long waits for other strangers' mail, and nobody else does.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="authentication")

    async def close(self) -> None:
        """What was not begun is not done any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _away(self, work: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    async def check(self, arrival: Arrival) -> Verified:
        """Everything about one message. Never raises for what a stranger sent, nor for name servers that are away."""
        quick = len(arrival.header) <= QUICK_HEADER
        header, host = arrival.header, self._settings.name
        forged = tuple(
            results_field.forged(header, host) if quick else await self._away(results_field.forged, header, host)
        )
        peer = peers.parse(arrival.peer)
        authentication = self._settings.authentication
        if authentication.dmarc == "off" or peer is None or peers.is_within(arrival.peer, self._settings.smtp.relays):
            return Verified(forged=forged)
        began = time.perf_counter()
        try:
            verified = await self._look(arrival, peer, forged)
        except Exception:  # a fault of ours; whoever finds one must not get round a policy by it
            log.exception("not authenticated", peer=arrival.peer)
            verified = Verified(_FAULT, forged=forged, defers=authentication.dmarc == "apply")
        if verified.defers:
            catalogue.AUTHENTICATION_DEFERRED.add()
        catalogue.AUTHENTICATION_SECONDS.observe(time.perf_counter() - began)
        catalogue.AUTHENTICATED.add(verified.results.dmarc.name.lower())
        return verified

    async def _look(self, arrival: Arrival, peer: peers.Address, forged: tuple[tuple[int, int], ...]) -> Verified:
        header = arrival.header
        if not dmarc.is_prepared():
            await self._away(dmarc.prepare)
        quick = len(header) <= QUICK_HEADER
        domains = dmarc.authors(header) if quick else await self._away(dmarc.authors, header)
        found = _Found(_domain(arrival.reverse_path), _domain(arrival.helo), peer, domains)
        checks = (self._policies, self._spf_of_name, self._spf, self._signatures, self._reverse)
        # What is in memory is found out one by one: a task for each would cost as much as the check.
        left = [one for one in checks if not await self._is_known(one, found, arrival)]
        if left:
            await asyncio.gather(*(self._guarded(found, one(found, arrival, self._lookups)) for one in left))
        published = found.published
        if published is None:  # whoever finds a fault of ours must not get round a policy by it
            raise RuntimeError("the policies of the authors' domains were not found out")
        unknown = found.unknown | set(domains if found.faulty else ())
        sent = {found.passed, *found.signers} - {""}
        names = await dmarc.organizations(self._lookups(lookups.POLICIES), published, sent)
        found.shown = Shown(found.passed, found.signers, names)
        found.evaluated = dmarc.evaluate(domains, published, found.shown, unknown)
        verified = self._verified(arrival, found, forged, domains, published)
        self._log(arrival, found, verified)
        return verified

    def _lookups(self, most: int, *, urgent: bool = False, only_kept: bool = False) -> Lookups:
        now = asyncio.get_running_loop().time()
        return Lookups(self._resolver, now, most, urgent=urgent, only_kept=only_kept)

    async def _is_known(self, check: _Check, found: _Found, arrival: Arrival) -> bool:
        """Do a check as far as memory tells; False: name servers have to be asked, and nothing was found."""
        try:
            await self._guarded(found, check(found, arrival, partial(self._lookups, only_kept=True)))
        except NotKept:
            return False
        return True

    async def _guarded(self, found: _Found, check: Awaitable[None]) -> None:
        """What a check that fails would have found is unknown; the others count all the same."""
        try:
            await check
        except NotKept:
            raise
        except Exception:
            log.exception("a check failed")
            found.faulty = True

    async def _policies(self, found: _Found, arrival: Arrival, asking: _Asking) -> None:
        """What the authors' domains ask."""
        found.published = await dmarc.discover(asking(lookups.POLICIES, urgent=True), found.authors)

    async def _spf_of_name(self, found: _Found, arrival: Arrival, asking: _Asking) -> None:
        """Of the name in EHLO, which is all that a report has (RFC 7208 section 2.3)."""
        if found.helo:
            found.helo_spf = Outcome.TEMPERROR
            who = spf.Identity(found.peer, f"postmaster@{found.helo}", found.helo)
            found.helo_spf = await spf.check(asking(lookups.SPF), who, self._spf_known)

    async def _spf(self, found: _Found, arrival: Arrival, asking: _Asking) -> None:
        """Of the sender's domain."""
        if found.domain:
            local = arrival.reverse_path.rpartition("@")[0] or "postmaster"
            who = spf.Identity(found.peer, f"{local}@{found.domain}", found.helo or "unknown")
            found.sender_spf = await spf.check(asking(lookups.SPF), who, self._spf_known)

    async def _reverse(self, found: _Found, arrival: Arrival, asking: _Asking) -> None:
        found.iprev, found.name = await reverse.check(asking(lookups.NAMES), found.peer)

    async def _signatures(self, found: _Found, arrival: Arrival, asking: _Asking) -> None:
        await in_step()
        quick = len(arrival.header) <= QUICK_HEADER
        header = Header(arrival.header) if quick else await self._away(Header, arrival.header)
        signed = dkim_check.read(header)
        sets = await self._chain(header, quick=quick)
        chain = sets if isinstance(sets, tuple) else ()
        good = [one for one in signed if isinstance(one, Signature)]
        if isinstance(sets, Sealed):
            found.sealed = sets
        if not good and not chain:
            found.signed = [one for one in signed if isinstance(one, Signed)]
            return
        known = await key_lookup.find(asking(lookups.KEYS), {one.key_name for one in good}, arrival.services)
        seals = [*(one.seal for one in chain), *(one.message for one in chain[-1:])]
        if names := {one.key_name for one in seals} - known.keys():  # by questions of its own: it keeps none from DKIM
            known = {**known, **await key_lookup.find(asking(lookups.KEYS), names, arrival.services)}
        wanted = [*good, *seals]
        args = (header, signed, chain, known, arrival.body)
        quick = quick and arrival.size <= QUICK and len(wanted) <= QUICK_SIGNATURES
        work = _verify(*args) if quick else await self._away(_verify, *args)
        found.signed, sealed = work
        found.sealed = sealed or found.sealed

    async def _chain(self, header: Header, *, quick: bool) -> tuple[ArcSet, ...] | Sealed:
        """The chain, whoever sealed it: whether it holds is a matter of keys (RFC 8617 section 5.2), and whoever gets
        a copy of ours is told (`cv`, section 5.1). What it says is believed of nobody but trusted sealers (`_excused`).

        Each set costs a look-up and a verification: of strangers' longer ones nothing is found out.
        """
        sets = arc_check.read(header) if quick else await self._away(arc_check.read, header)
        if isinstance(sets, tuple) and len(sets) > MAX_STRANGE_SETS:
            trusted = [one.lower() for one in self._settings.authentication.trusted_sealers]
            return sets if sets[-1].seal.domain in trusted else ()
        return sets

    def _verified(
        self,
        arrival: Arrival,
        found: _Found,
        forged: tuple[tuple[int, int], ...],
        domains: list[str],
        published: list[Published],
    ) -> Verified:
        authentication = self._settings.authentication
        evaluated = found.evaluated
        if evaluated.alignment is Alignment.FAIL and self._excused(found):
            evaluated = replace(evaluated, alignment=Alignment.EXCUSED, policy=Policy.NONE)
        if evaluated.undecided is not Policy.NONE and self._excused(found):
            evaluated = replace(evaluated, undecided=Policy.NONE)
        lot = int.from_bytes(hashlib.sha256(arrival.header).digest()[:4]) % 100
        policy = dmarc.sampled(evaluated, lot) if authentication.dmarc == "apply" else Policy.NONE
        results = AuthenticationResults(
            found.spf,
            found.dkim,
            evaluated.alignment,
            found.sealed.chain,
            found.iprev,
            policy is not Policy.NONE and evaluated.undecided is Policy.NONE,
            any(one.names >= ONE_CLICK for one in found.signed if one.outcome is Outcome.PASS),
        )
        field = results_field.write(self._settings.name, _results(arrival, found, evaluated))
        refuses = policy is Policy.REJECT and evaluated.undecided is Policy.NONE
        # Where no name server is there nothing is known of anybody, and mail goes on.
        defers = policy is not Policy.NONE and not refuses and evaluated.undecided is not Policy.NONE
        defers = defers and (self._resolver.answers or found.faulty)
        if refuses:
            catalogue.AUTHENTICATION_REFUSED.add()
        observed = _observed(arrival, found, published, evaluated) if len(domains) == 1 else None
        authors, blind = tuple(domains), not self._resolver.answers
        return Verified(
            results, field, forged, found.name, authors, found.passed, refuses, observed, defers=defers, blind=blind
        )

    def _excused(self, found: _Found) -> bool:
        """A known list really sent it, or a trusted sealer says that it was good before it was changed."""
        authentication = self._settings.authentication
        lists = [one.lower() for one in authentication.known_lists]
        sealers = [one.lower() for one in authentication.trusted_sealers]
        shown = {found.passed, *found.signers}
        known = any(one == name or one.endswith(f".{name}") for one in shown if one for name in lists)
        return known or (found.sealed.chain is Chain.PASS and arc_check.attested(found.sealed, sealers))

    def _log(self, arrival: Arrival, found: _Found, verified: Verified) -> None:
        results = verified.results
        log.info(
            "authenticated",
            peer=arrival.peer,
            sender=found.domain,
            author=found.evaluated.domain,
            spf=results.spf.name.lower(),
            dkim=results.dkim.name.lower(),
            dmarc=results.dmarc.name.lower(),
            arc=results.arc.name.lower(),
            iprev=results.iprev.name.lower(),
            refuses=verified.refuses,
            defers=verified.defers,
            quarantined=results.quarantined,
        )


def _verify(
    header: Header,
    signed: Sequence[Signature | Signed],
    chain: tuple[ArcSet, ...],
    known: dkim_check.Keys,
    body: Callable[[], Iterable[bytes]],
) -> tuple[list[Signed], Sealed | None]:
    """The arithmetic; CPU grows with the body."""
    bodies = Bodies([one for one in signed if isinstance(one, Signature)] + [one.message for one in chain[-1:]])
    bodies.take(body())
    done = [dkim_check.verify(header, one, known, bodies) if isinstance(one, Signature) else one for one in signed]
    return done, arc_check.verify(header, chain, known, bodies) if chain else None


def _observed(arrival: Arrival, found: _Found, published: list[Published], evaluated: Evaluated) -> Observed | None:
    """What a report tells of a message whose author's domain wants reports."""
    policy = published[0] if published else None
    if policy is None or policy.record is None or not policy.record.rua or not policy.found_out:
        return None
    dkim, spf_aligned = dmarc.aligns(policy, found.shown)
    reason = "trusted_forwarder" if evaluated.alignment is Alignment.EXCUSED else ""
    if policy.record.percent < 100 and evaluated.alignment is Alignment.FAIL:
        reason = "sampled_out"
    scope = ("mfrom", found.domain, found.spf) if found.domain else ("helo", found.helo, found.helo_spf)
    return Observed(
        policy.place,
        policy.record.published,
        arrival.peer,
        policy.domain,
        found.domain,
        dkim,
        spf_aligned,
        tuple(
            (one.domain, one.selector, _DKIM_WORDS.get(one.outcome, one.outcome.name.lower())) for one in found.signed
        ),
        (scope[1], scope[0], scope[2].name.lower()),
        "none" if dkim or spf_aligned else policy.policy.name.lower(),
        reason,
    )


def _domain(text: str) -> str:
    """The domain of an address, or a host's name, in ASCII; empty: none that could be looked up."""
    domain = text.rpartition("@")[2]
    try:
        domain = check_domain(domain)
    except BadSyntax:
        return ""
    return "" if domain.startswith("[") or peers.parse(domain) else domain


def _results(arrival: Arrival, found: _Found, evaluated: Evaluated) -> Iterable[str]:
    """The results, as our field says them."""
    write = results_field.result
    if found.domain:
        full = results_field.word(arrival.reverse_path)
        yield write("spf", found.spf.name.lower(), smtp_mailfrom=full or found.domain)
    if not found.domain or found.helo_spf is not Outcome.NONE:
        yield write("spf", found.helo_spf.name.lower(), smtp_helo=found.helo)
    for one in found.signed:
        outcome = _DKIM_WORDS.get(one.outcome, one.outcome.name.lower())
        yield write("dkim", outcome, one.reason, header_d=one.domain, header_s=one.selector)
    if not found.signed:
        yield write("dkim", "none")
    if found.sealed.chain is not Chain.NONE:
        sealer = found.sealed.sets[-1].seal.domain if found.sealed.sets else ""
        yield write("arc", found.sealed.chain.name.lower(), found.sealed.reason, header_d=sealer)
    outcome = _ALIGNMENT_WORDS.get(evaluated.alignment, evaluated.alignment.name.lower())
    reason = "" if evaluated.policy is Policy.NONE else f"p={evaluated.policy.name.lower()}"
    reason = "known list or trusted sealer" if evaluated.alignment is Alignment.EXCUSED else reason
    yield write("dmarc", outcome, reason, header_from=evaluated.domain)
    yield write("iprev", found.iprev.name.lower(), found.name, policy_iprev=arrival.peer)
