"""What is demanded of TLS with the servers of a domain."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import dns.asyncresolver

from mailserver.foundation.network.safe_fetch import SafeFetch
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.sending.mta_sts import Mode, Policy
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import sts_policies, tls_memory
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause
from smtp.relay.routing import Exchanger
from smtp.relay.tls import required as required_tls
from smtp.relay.tls.dane import Dane
from smtp.relay.tls.demand import OPPORTUNISTIC, TESTED, VERIFIED, Level
from smtp.relay.tls.memory import TlsMemory
from smtp.relay.tls.mta_sts import FETCH_SECONDS, StsPolicies
from smtp.relay.tls.session_counts import SessionCounts, published

LOOK_SECONDS = 600.0


class Policies:
    """Knows what domains demand. One per relay."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        clock: Clock,
        resolver: Callable[[], dns.asyncresolver.Resolver],
        outside: SafeFetch | None = None,
        sessions: SessionCounts | None = None,
    ) -> None:
        """`sessions`: None where nothing is sent."""
        self._sessions = sessions
        self._outbound = settings.outbound
        self._dane = Dane(settings.dns, clock, resolver)
        outside = outside or SafeFetch(names=settings.dns, seconds=FETCH_SECONDS)
        self.sts = StsPolicies(store, clock, resolver, outside, sessions)
        self.memory = TlsMemory(settings.outbound, store, clock)
        self._store = store
        self._upkeep = TrustedClock(store, clock)

    async def keep_fresh(self) -> None:
        """Refresh once a day the policies that mail goes by, and forget what is over, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._upkeep.may_go_on():
                await self._store.write(sts_policies.forget)
                await self._store.write(tls_memory.forget)
            await self.sts.refresh()

    async def demanded(
        self, domain: str, exchangers: Sequence[Exchanger], *, waived: bool = False, required: bool = False
    ) -> list[Exchanger]:
        """The servers of a domain that a message may be given to, each with its demand. Raises Temporary: none may.

        `waived`: what others demand does not count for it, what the operator demands does. `required`: its sender wants
        it to go over TLS alone; raises NoRoute, too.
        """
        found = list(exchangers)
        if _is_listed(domain, self._outbound.require_tls):
            found = [replace(one, demand=VERIFIED) for one in found]
        # A way that the operator has set is not the domain's to judge.
        if waived or not all(one.is_of_domain for one in found):
            return required_tls.of_settings(found) if required else found
        if self._outbound.dane:
            found = await self._with_keys(domain, found)
        policy = await self.sts.policy(domain) if self._outbound.mta_sts else None
        if policy is not None:
            found = self._by_policy(domain, policy, found)
        found = [replace(one, published=published(policy, one)) for one in found]
        if required:
            return required_tls.of_domain(domain, policy, found)
        return await self.memory.demanded(domain, found)

    async def _with_keys(self, domain: str, exchangers: list[Exchanger]) -> list[Exchanger]:
        """Raises Temporary."""
        try:
            return await self._dane.demanded(domain, exchangers)
        except Temporary:
            if self._sessions is not None:
                self._sessions.unknown(domain, exchangers)
            raise

    def _by_policy(self, domain: str, policy: Policy, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """RFC 8461 section 5: in mode "enforce" only the servers that the policy names. Raises Temporary.

        Servers that have keys by DANE are what DNSSEC says they are (section 2): they need no policy.
        """
        found = [(one, _with(policy, one)) for one in exchangers]
        named = [changed for _, changed in found if changed is not None]
        if not named:
            if self._sessions is not None:
                self._sessions.unfit(domain, policy, exchangers)
            servers = ", ".join({one.name for one in exchangers})
            raise Temporary(Cause("not-in-sts-policy", domain=domain, servers=servers))
        return named


def _with(policy: Policy, exchanger: Exchanger) -> Exchanger | None:
    """A server under a policy; None: nothing goes there."""
    demand, is_named = exchanger.demand, policy.names(exchanger.name)
    if demand.best is Level.DANE:
        return exchanger
    if policy.mode is Mode.ENFORCE:
        return replace(exchanger, demand=VERIFIED) if is_named else None
    if policy.mode is Mode.TESTING and is_named and demand == OPPORTUNISTIC:
        return replace(exchanger, demand=TESTED)
    return exchanger


def _is_listed(domain: str, listed: Sequence[str]) -> bool:
    """Whether a domain, or one that it is below, is in a list."""
    return any(domain == one or domain.endswith(f".{one}") for one in listed)
