"""Mail that leaves is signed here and nowhere else, when the relay takes it up: whoever wrote it, by whatever door.

So what has waited is signed with the keys of the day on which it leaves, and what cannot be signed waits: nobody's
mail leaves without the signature that its domain's policy asks for.
"""

import asyncio
from collections import OrderedDict

import structlog

from mailserver.foundation.network.resolver import Resolver
from mailserver.foundation.settings import Settings
from mailserver.inbound.authentication.signatures import Header
from mailserver.mime.header.addresses import parse, people
from mailserver.mime.header.headers import as_text
from mailserver.model.clock import Clock
from mailserver.outbound.submission.signatures import dkim
from mailserver.outbound.submission.signatures.dkim import CannotSign, Signer
from mailserver.outbound.submission.signatures.sealing import Seals
from mailserver.outbound.submission.signatures.signing_keys import NoKey, SigningKeys
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Leased, Signing

log = structlog.get_logger("dkim")

QUICK = 32 * 1024
"""Octets of a message that the event loop signs itself: a millisecond, as much as a thread costs."""
REMEMBERED = 500
"""Messages whose signatures are kept while they leave for one domain after the other."""


class Waits(Exception):
    """It must not leave now: the key that is to sign it is missing."""


class Signatures:
    """Signs. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._keys = SigningKeys(settings=settings, store=store, clock=clock)
        self._seals = Seals(resolver=Resolver(settings.dns), clock=clock)
        self._made: OrderedDict[tuple[int, tuple[str, ...]], bytes] = OrderedDict()
        self._turn = asyncio.Lock()
        """However many attempts begin at once, one message is signed in a turn of the loop."""
        self._lacks = True
        """Also at the start: what waited for a key that is there meanwhile waits no longer."""
        self._said = False

    async def on_top(self, row: Leased, octets: bytes, *, anew: bool = False) -> bytes:
        """The message as it leaves. `octets`: without its Return-Path; `anew`: they are not those of the queue.

        Raises Waits, Temporary.
        """
        if not row.signing or not self._settings.outbound.sign:
            return octets
        if not row.signing & Signing.DKIM:
            fields = await self._sealed(row, octets)
        else:
            fields = await (self._sign(await self._signers(), octets) if anew else self._signed(row, octets))
        if row.signing == Signing.DKIM | Signing.ARC:
            fields = await self._sealed(row, fields + octets) + fields
        await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
        return fields + octets

    async def _signed(self, row: Leased, octets: bytes) -> bytes:
        """Our signatures. Raises Waits, Temporary."""
        signers = await self._signers()
        key = (row.queued_id, tuple(one.selector for one in signers))
        fields = self._made.get(key)
        if fields is None:
            fields = await self._sign(signers, octets)
            self._made[key] = fields
            if len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return fields

    async def _sealed(self, row: Leased, octets: bytes) -> bytes:
        """Our seal; empty where there is none: what others wrote leaves unsealed rather than not at all."""
        try:
            signers = await self._keys.signers()
            return await self._seals.fields(signers[0], octets, row.results, self._settings.domain)
        except (NoKey, CannotSign) as error:
            log.info("passed on without a seal", why=str(error))
        except Exception:  # a fault of ours
            log.exception("passed on without a seal")
        return b""

    async def _signers(self) -> tuple[Signer, ...]:
        try:
            signers = await self._keys.signers()
        except NoKey as error:
            if not self._said:
                log.error("mail that leaves waits for a key", why=str(error))
            self._lacks = self._said = True
            raise Waits from None
        if self._lacks:
            rows = await self._store.write(spool.release_unsigned)
            self._lacks = self._said = False
            if rows:
                log.info("mail that waited for a key leaves", rows=rows)
        return signers

    async def _sign(self, signers: tuple[Signer, ...], octets: bytes) -> bytes:
        now, domains = int(self._clock.now()), self._settings.domains
        try:
            if len(octets) <= QUICK:
                async with self._turn:
                    fields = _signed(signers, octets, domains, now)
                    await asyncio.sleep(0)
                return fields
            return await asyncio.to_thread(_signed, signers, octets, domains, now)
        except CannotSign as error:
            log.warning("leaves unsigned", why=str(error))
            return b""


def _signed(signers: tuple[Signer, ...], octets: bytes, domains: tuple[str, ...], now: int) -> bytes:
    return dkim.sign(signers, octets, domain_of(Header(octets[: dkim.header_end(octets)]), domains), now)


def domain_of(header: Header, domains: tuple[str, ...]) -> str:
    """The domain that signs: the author's, where it is ours (DMARC wants them to be one), else the first."""
    for field in header.named("from")[:1]:
        for author in people(parse(as_text(field.value)))[:1]:
            domain = author.address.rpartition("@")[2].lower()
            if domain in domains:
                return domain
    return domains[0]
