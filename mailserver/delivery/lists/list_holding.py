"""What a moderated list keeps for its owners, and the mail that tells each of them, with a link of their own."""

import hashlib
import hmac
from dataclasses import replace

import structlog

from mailserver.delivery.envelope import Envelope, Part, Recipient
from mailserver.delivery.lists.nested_lists import head_of
from mailserver.delivery.message_files import MessageFiles
from mailserver.delivery.outgoing_guard import OutgoingGuard
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.identity import Population, Roster
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Sender
from mailserver.notices import house
from mailserver.notices.mail import moderation
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from mailserver.store.queue.held.moderation_queue import Hold, Owner

log = structlog.get_logger("deliver")

KEY_OCTETS = 20
MAX_TOLD = 50
"""Owners who are each sent a link of their own; the others see in the web what waits."""


class ListHolding:
    """One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, clock: Clock, files: MessageFiles, guard: OutgoingGuard
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._files = files
        self._guard = guard
        self._house = house.house_of(settings)
        self._key = b""

    async def hold(
        self, envelope: Envelope, octets: bytes, roster: Roster, owners: Recipient, waiting: blobs.Prepared
    ) -> tuple[Hold, list[Part]]:
        """The row of what a list keeps, and the mail that tells its owners. Raises Unasked, Temporary."""
        sender = envelope.sender or Sender(Population.STAFF)
        expires = int(self._clock.now()) + self._settings.lists.moderation_days * DAY
        if owners.remote:  # they are sent what they decide about
            await self._guard.check_leaving(envelope, octets)
        told = [Owner(account) for account in owners.accounts] + [Owner(0, address) for address in owners.remote]
        if len(told) > MAX_TOLD:
            log.info("not every owner is sent a link", list=roster.address, owners=len(told))
        links = [(self._clock.token(KEY_OCTETS).hex(), owner) for owner in told[:MAX_TOLD]]
        hold = Hold(
            roster.address,
            envelope.reverse_path,
            sender.account_id,
            sender.population,
            expires,
            tuple((self.token(key), owner) for key, owner in links),
            envelope.door,
            envelope.results,
            envelope.name,
            envelope.require_tls,
            envelope.found,
            envelope.cleared,
        )
        notices = [await self._notice(roster, key, owner, waiting, expires) for key, owner in links]
        return hold, [replace(notice, options=envelope.bind(notice.options)) for notice in notices]

    def token(self, key: str) -> bytes:
        """What the store keeps of an owner's link."""
        if not self._key:
            self._key = self._settings.secret("hmac")
        return hmac.digest(self._key, f"moderation\0{key[:100]}".encode("utf-8", "replace"), hashlib.sha256)

    async def _notice(self, roster: Roster, key: str, owner: Owner, waiting: blobs.Prepared, expires: int) -> Part:
        """The mail that tells one of a list's owners of a message that waits."""
        scan = waiting.scan
        what = moderation.Waiting(roster.address, roster.name, scan.sender, scan.subject, expires, key)
        to = head_of(roster).owner
        speaking = await house.house_for(self._store, self._house, owner.account_id)
        octets = moderation.waiting(speaking, what, to, token=self._clock.token(12), now=self._clock.now())
        return Part(
            await self._files.prepare(return_path("") + octets),
            "",
            (owner.account_id,) if owner.account_id else (),
            (owner.address,) if owner.address else (),
            provenance=Provenance(Door.SERVICE),
            only_if_held=roster.address,
        )
