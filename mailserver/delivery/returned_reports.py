"""Reports on what was passed on under a return path of ours (`srs`) go on to whoever wrote it; nothing else does."""

import hashlib
import hmac

import structlog

from mailserver.delivery import srs
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.clock import DAY, Clock

log = structlog.get_logger("deliver")

MOST = 10
"""Reports that go on to one address in a day, of each worker: of one message there are one or two."""
MAX_ADDRESSES = 10_000
"""Of a worker's day; beyond, none goes on until the next one begins."""


class ReturnedReports:
    """One per worker."""

    def __init__(self, *, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._day = 0
        self._counts: dict[str, int] = {}

    def forward(self, path: str) -> str:
        """The return path to send under, in place of this one of another domain."""
        secret = self._secret()
        return srs.forward(secret, path, self._settings.domain, self._clock.now()) if secret else path

    def reverse(self, address: str) -> str:
        """Whom a report to an address of ours goes on to, and count it; empty: nobody."""
        secret = self._secret()
        found = srs.reverse(secret, address, self._clock.now()) if secret else ""
        if not found or not self._is_within(found.casefold()):
            return ""
        log.info("report goes on to whoever wrote", domain=found.rpartition("@")[2])
        return found

    def _is_within(self, address: str) -> bool:
        day = int(self._clock.now()) // DAY
        if day != self._day:
            self._day, self._counts = day, {}
        count = self._counts.get(address, 0)
        if count >= MOST or (not count and len(self._counts) >= MAX_ADDRESSES):
            log.warning("too many reports to go on", domain=address.rpartition("@")[2])
            return False
        self._counts[address] = count + 1
        return True

    def _secret(self) -> bytes:
        """Empty: it cannot be read, which `check` says."""
        try:
            return hmac.digest(self._settings.secret("hmac"), b"return paths", hashlib.sha256)
        except SettingsError:
            return b""
