"""What is demanded of TLS with the servers of a domain."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import dns.asyncresolver

from mailserver.foundation.safe_fetch import SafeFetch
from mailserver.foundation.settings import Outbound
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.mta_sts import Mode, Policy
from mailserver.store.engine.transactions import Store
from mailserver.texts.causes import Cause
from smtp.relay.routing import Exchanger
from smtp.relay.tls.demand import TESTED, VERIFIED, Demand
from smtp.relay.tls.mta_sts import StsPolicies


class Policies:
    """Knows what domains demand. One per worker."""

    def __init__(
        self,
        *,
        outbound: Outbound,
        store: Store,
        clock: Clock,
        resolver: Callable[[], dns.asyncresolver.Resolver],
        outside: SafeFetch | None = None,
    ) -> None:
        self._outbound = outbound
        self.sts = StsPolicies(store, clock, resolver, outside)

    async def demanded(self, domain: str, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
        """The servers of a domain that a message may be given to, each with its demand. Raises Temporary: none may."""
        if _is_listed(domain, self._outbound.require_tls):
            return [replace(one, demand=VERIFIED) for one in exchangers]
        # A way that the operator has set is not the domain's to judge.
        if not all(one.is_of_domain for one in exchangers) or not self._outbound.mta_sts:
            return list(exchangers)
        policy = await self.sts.policy(domain)
        return list(exchangers) if policy is None else _by_policy(domain, policy, exchangers)


def _by_policy(domain: str, policy: Policy, exchangers: Sequence[Exchanger]) -> list[Exchanger]:
    """RFC 8461 section 5: in mode "enforce" only the servers that the policy names. Raises Temporary."""
    if policy.mode is not Mode.ENFORCE:
        return [replace(one, demand=_tested(policy, one)) for one in exchangers]
    named = [replace(one, demand=VERIFIED) for one in exchangers if policy.names(one.name)]
    if not named:
        raise Temporary(Cause("not-in-sts-policy", domain=domain, servers=", ".join({one.name for one in exchangers})))
    return named


def _tested(policy: Policy, exchanger: Exchanger) -> Demand:
    tested = policy.mode is Mode.TESTING and policy.names(exchanger.name)
    return TESTED if tested else exchanger.demand


def _is_listed(domain: str, listed: Sequence[str]) -> bool:
    """Whether a domain, or one that it is below, is in a list."""
    return any(domain == one or domain.endswith(f".{one}") for one in listed)
