"""The calendar of the keys that sign: published before they sign, retired, and at last removed.

A key signs once name servers tell of it under each of our domains, and some time has passed; until then the one before
does. Each worker looks; each step asks again within its unit, so that two do no harm.
"""

import asyncio
from collections.abc import Sequence

import structlog

from mailserver.foundation.network.resolver import LookupFailed, Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication import keys
from mailserver.inbound.authentication.keys import BadKey
from mailserver.model.clock import DAY, Clock
from mailserver.outbound.submission.signatures.signing_keys import SigningKeys, publication_ends, record_of
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import dkim_keys
from mailserver.store.queue.outbound.dkim_keys import DkimKey, State
from mailserver.store.record.trusted_clock import TrustedClock

log = structlog.get_logger("dkim")

PERIOD = 60.0
OVERDUE = DAY
"""Seconds after which it is said of a key that it is still not published, once in as many."""


class KeyCalendar:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, resolver: Resolver, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._resolver = resolver
        self._clock = clock
        self._keys = SigningKeys(settings=settings, store=store, clock=clock)
        self._upkeep = TrustedClock(store, clock)
        self._told: dict[str, float] = {}

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(PERIOD)

    async def round(self) -> None:
        """Do what is due. Raises Temporary."""
        if not self._settings.outbound.sign:
            return
        for one in await self._keys.take_in():
            match one.state:
                case State.NEW | State.WAITING:
                    await self._publish(one)
                case State.RETIRED | State.REVOKED:
                    await self._remove(one)
                case _:
                    pass

    async def _publish(self, key: DkimKey) -> None:
        """A step towards signing, as far as name servers tell of it."""
        missing = await missing_domains(self._resolver, self._settings.domains, key)
        if missing:
            self._tell(key, missing)
            return
        if key.state is State.NEW and await self._store.write(dkim_keys.mark_seen, key.selector):
            log.info("key is published", selector=key.selector)
        now = self._clock.now()
        seen = key.seen or int(now)
        if now < seen + key.wait:
            return
        if await self._store.write(dkim_keys.activate, key.selector):
            log.info("key signs from now on", selector=key.selector)

    async def _remove(self, key: DkimKey) -> None:
        ends = publication_ends(key, self._settings.outbound.lifetime)
        if self._clock.now() < ends or not await self._upkeep.may_go_on():
            return
        if await self._store.write(dkim_keys.remove, key.selector):
            log.info("key need not be published any more", selector=key.selector)

    def _tell(self, key: DkimKey, missing: Sequence[str]) -> None:
        now = self._clock.now()
        if now - max(key.created, self._told.get(key.selector, 0)) >= OVERDUE:
            self._told[key.selector] = now
            log.warning("key is not published", selector=key.selector, domains=list(missing), record=record_of(key))


async def missing_domains(resolver: Resolver, domains: Sequence[str], key: DkimKey) -> list[str]:
    """The domains under which name servers do not tell of a key, read as whoever verifies reads it."""
    held = await asyncio.gather(*(_is_published(resolver, domain, key) for domain in domains))
    return [domain for domain, is_there in zip(domains, held, strict=True) if not is_there]


async def _is_published(resolver: Resolver, domain: str, key: DkimKey) -> bool:
    wanted = keys.read([record_of(key).encode()])
    try:
        answer = await resolver.look_up(f"{key.selector}._domainkey.{domain}", "TXT")
        found = keys.read([one for one in answer.records if isinstance(one, bytes)])
    except (LookupFailed, BadKey):
        return False
    return found.public == wanted.public
