"""Reports on what was passed on under a return path of ours (`srs`) go on to whoever wrote it; nothing else does.

Such a path stands in every message that was passed on, so anybody may come to know one. What comes to it goes on where
it has the null reverse-path, reads like a report or an answer of a program, and so many times a day.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Sequence

import structlog

from mailserver.delivery import srs
from mailserver.delivery.envelope import Recipient
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.mime.body import bounces
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import returned_counts

log = structlog.get_logger("deliver")

MOST = 10
"""Reports that go on to one address in a day: of one message there are one or two."""
QUICK = 16 * 1024
"""Octets that are read in a millisecond or two."""


class ReturnedReports:
    """One per worker; what is counted is of all workers."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    def forward(self, path: str) -> str:
        """The return path to send under, in place of this one of another domain."""
        secret = self._secret()
        return srs.forward(secret, path, self._settings.domain, self._clock.now()) if secret else path

    async def reverse(self, address: str) -> str:
        """Whom a report to an address of ours goes on to; empty: nobody, or they had enough today. Raises Temporary."""
        secret = self._secret()
        found = srs.reverse(secret, address, self._clock.now()) if secret else ""
        if not found:
            return ""
        if await self._store.read(returned_counts.of, self._key(secret, found), self._day()) >= MOST:
            log.warning("too many reports to go on", domain=found.rpartition("@")[2])
            return ""
        return found

    async def check(self, recipients: Sequence[Recipient], octets: bytes) -> None:
        """May a message go on to those of its recipients who are elsewhere by such a path? It counts from then on.

        Raises Refused(REJECTED), Temporary.
        """
        returns = [to for one in recipients if one.is_return for to in one.remote]
        if not returns:
            return
        reads = bounces.is_report
        if not (reads(octets) if len(octets) <= QUICK else await asyncio.to_thread(reads, octets)):
            log.info("no report: it does not go on")
            raise Refused(Reason.REJECTED, "Only reports of delivery and automatic answers go on from this address")
        secret = self._secret()
        for to in dict.fromkeys(returns):
            if not await self._store.write(returned_counts.count, self._key(secret, to), self._day(), MOST):
                raise Refused(Reason.REJECTED, "Too many reports have gone on from this address today")
            log.info("report goes on to whoever wrote", domain=to.rpartition("@")[2])

    def _day(self) -> int:
        return int(self._clock.now()) // DAY * DAY

    @staticmethod
    def _key(secret: bytes, address: str) -> bytes:
        """Nobody reads in the store who was written to."""
        return hmac.digest(secret, b"count\0" + address.casefold().encode("utf-8", "surrogatepass"), hashlib.sha256)

    def _secret(self) -> bytes:
        """Empty: it cannot be read, which `check` says."""
        try:
            return hmac.digest(self._settings.secret("hmac"), b"return paths", hashlib.sha256)
        except SettingsError:
            return b""
