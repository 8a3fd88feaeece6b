"""Administrators are told, from two weeks before its end, of a certificate that was not renewed."""

import asyncio

import structlog

from mailserver.background.housekeeping.sending import Post
from mailserver.background.housekeeping.states import ORIGIN
from mailserver.certificates.faults import said
from mailserver.foundation.served_certificates import first_to_end
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.notices import certificates as notes
from mailserver.notices.house import House
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.store.upkeep import certificates
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

log = structlog.get_logger("housekeeping")

TOKEN_OCTETS = 12


class CertificateNotices:
    """Looks at the certificates that this host presents."""

    def __init__(self, *, settings: Settings, store: Store, post: Post, house: House, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._post = post
        self._house = house
        self._clock = clock

    async def tell(self) -> int:
        """Tell them if it is time to; 1 if they were told. Raises Temporary."""
        first = await asyncio.to_thread(first_to_end, self._settings.certificate)
        if first is None:  # nothing that could be presented: the log has said so
            return 0
        end, now = int(first.ends.timestamp()), self._clock.now()
        held = await self._store.read(certificates.get)
        if not certificates.is_to_be_told(held, end, now):
            return 0
        # Nobody renews those that an operator has put there.
        why = None if first.host else self._why(held)
        what = notes.Ending(first.host or self._settings.name, end, why)

        def counts(tx: Tx) -> bool:
            if not certificates.told(tx, end):
                return False
            audit.record(tx, ORIGIN, Action.NOTIFIED, 0, Cause("notice", notice=("certificate",)))
            return True

        def write(to: str) -> bytes:
            return notes.ending(self._house, what, to, token=self._clock.token(TOKEN_OCTETS), now=now)

        if not await self._post.send([f"postmaster@{self._settings.domain}"], write, counts):
            return 0
        log.warning("notice of a certificate that ends", host=what.host, ends=first.ends.isoformat())
        return 1

    def _why(self, held: certificates.Obtained) -> Text | None:
        if not self._settings.acme.agree_to_terms:
            return None
        if held.failures:
            return said(held.fault, held.detail)
        return Text("il n’a pas encore été demandé")
