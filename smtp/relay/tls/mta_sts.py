"""Which MTA-STS policy a domain has (RFC 8461): its record, its text over HTTPS, and what is kept of it.

A policy that is kept and has not expired holds whatever DNS and HTTPS say or do not say now (section 5.1): whoever can
hold up both cannot take TLS away. All workers share what is kept.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import dns.asyncresolver
import dns.exception
import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.safe_fetch import SafeFetch, TooBig, Unreachable
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Temporary
from mailserver.model.sending import tls_sessions
from mailserver.model.sending.mta_sts import MAX_OCTETS, BadPolicy, Policy, record_id
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import sts_policies
from mailserver.store.queue.outbound.sts_policies import Due, Stored
from smtp.relay.tls.recent import Recent
from smtp.relay.tls.session_counts import SessionCounts

log = structlog.get_logger("relay")

KNOWN_SECONDS = 60.0
"""For which a worker does not ask again for the same domain."""
FETCH_SECONDS = 20.0
FAILED_SECONDS = 300.0
"""Before a policy that could not be fetched is asked for again (section 3.3)."""
DNS_SECONDS = 5.0
AT_ONCE = 20


class NotFetched(Exception):
    """The text of a policy could not be had, or is none; the text says why."""

    def __init__(self, why: str, result: str = tls_sessions.NOT_FETCHED) -> None:
        """`result`: the same in the words of RFC 8460."""
        super().__init__(why)
        self.result = result


class StsPolicies:
    """The policies of domains. One per relay."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        resolver: Callable[[], dns.asyncresolver.Resolver],
        outside: SafeFetch,
        sessions: SessionCounts | None = None,
    ) -> None:
        """`resolver` raises Temporary while there is none."""
        self._sessions = sessions
        self._store = store
        self._clock = clock
        self._resolver = resolver
        self._outside = outside
        self._known: Recent[str, Policy | None] = Recent(clock)
        self._failed: Recent[str, None] = Recent(clock)
        """Domains whose policy is not asked for again for now."""
        self._asked: dict[str, asyncio.Task[Policy | None]] = {}

    async def policy(self, domain: str) -> Policy | None:
        """The policy that a message to a domain goes by. Raises Temporary: what is kept cannot be read."""
        known = self._known.get(domain)
        if known is not None:
            return known[0]
        task = self._asked.get(domain)
        if task is None:
            task = asyncio.create_task(self._find(domain))
            self._asked[domain] = task
            task.add_done_callback(lambda done: self._done(domain, done))
        # Shielded: who gives up does not take the answer from others who wait for it.
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up every question that is under way."""
        asked = list(self._asked.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    def _done(self, domain: str, task: "asyncio.Task[Policy | None]") -> None:
        self._asked.pop(domain, None)
        if task.cancelled() or task.exception() is not None:
            return
        self._known.put(domain, task.result(), KNOWN_SECONDS)

    async def _find(self, domain: str) -> Policy | None:
        stored = await self._store.read(sts_policies.get, domain)
        record = await self._record(domain)
        if record and (stored is None or stored.record != record) and not self._failed.get(domain):
            try:
                return await self._fetch(domain, record)
            except NotFetched as error:
                self._failed.put(domain, None, FAILED_SECONDS)
                if self._sessions is not None:
                    self._sessions.not_fetched(domain, error.result)
                log.warning("MTA-STS policy not fetched", domain=domain, why=str(error), kept=stored is not None)
        if stored is None:
            return None
        if stored.used < self._today():
            await self._store.write(sts_policies.use, domain)
        return stored.policy

    async def _record(self, domain: str) -> str:
        """The id that announces a policy; empty: there is none, or nobody knows now."""
        try:
            found = await self._resolver().resolve(f"_mta-sts.{domain}.", "TXT", lifetime=DNS_SECONDS)
        except (dns.exception.DNSException, OSError, ValueError, Temporary):
            return ""
        return record_id([b"".join(one.strings) for one in found])

    async def _fetch(self, domain: str, record: str) -> Policy:
        """Ask for a policy's text and keep it. Raises NotFetched, Temporary."""
        address = f"https://mta-sts.{domain}/.well-known/mta-sts.txt"
        try:
            # Section 3.3: no redirects, and nothing of what caches of HTTP hold.
            answer = await self._fetcher().get(address, "text/plain", MAX_OCTETS, redirects=0)
            if answer.status != 200 or answer.media_type.partition(";")[0].strip().lower() != "text/plain":
                raise NotFetched(f"{answer.status} {answer.media_type}"[:80])
            policy = Policy.read(answer.octets)
        except (Unreachable, TooBig, BadPolicy) as error:
            catalogue.STS_POLICIES.add("failed")
            is_bad = isinstance(error, BadPolicy)
            raise NotFetched(str(error), tls_sessions.POLICY_INVALID if is_bad else tls_sessions.NOT_FETCHED) from None
        await self._store.write(sts_policies.keep, domain, record, policy)
        catalogue.STS_POLICIES.add("fetched")
        log.info("MTA-STS policy fetched", domain=domain, mode=policy.mode.value, days=policy.max_age // DAY)
        return policy

    def _fetcher(self) -> SafeFetch:
        """Raises Temporary."""
        known = self._outside
        return known if known.resolver is not None else replace(known, resolver=self._resolver())

    def _today(self) -> int:
        return int(self._clock.now()) // DAY * DAY

    # ------------------------------------------------------------------ refreshed while they are in use

    async def refresh(self) -> int:
        """Look at some of the policies that are due; how many. Raises Temporary."""
        due = await self._store.read(sts_policies.due, AT_ONCE)
        for one in due:
            if await self._store.write(sts_policies.check, one):
                await self._refresh(one)
        return len(due)

    async def _refresh(self, one: Due) -> None:
        stored: Stored | None = await self._store.read(sts_policies.get, one.domain)
        if stored is None:
            return
        # Without a record the text is asked for all the same: a policy is ended by one of mode "none" (section 8.3).
        record = await self._record(one.domain) or stored.record
        try:
            await self._fetch(one.domain, record)
        except NotFetched as error:
            log.warning("MTA-STS policy not refreshed", domain=one.domain, why=str(error), expires=stored.expires)
