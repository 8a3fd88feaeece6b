"""Whether a message of somebody here may leave the academy: what it gives away (`mailserver.policy.dlp`) is its
author's to let go, and nobody else's.

Every way out asks here, whoever opens it. What is sent asks its author at once (`submission.confirmation`). What comes
to leave later, or by somebody else's doing, does not leave as long as its author was not asked: a moderated list that
has got members outside, IT that lets it go, a mailing or a planned letter at its time, a filter that sends it on.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from mailserver.delivery.envelope import Envelope, Recipient
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, Principal
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Denied, Sender
from mailserver.notices.mail import outgoing
from mailserver.policy.dlp.checker import Looked, OutgoingCheck
from mailserver.store.queue.spool import Target

log = structlog.get_logger("deliver")

MAX_KNOWN = 256
"""Messages of which is remembered what they give away: a mailing asks again for each filter that sends it on."""
QUICK = 64 * 1024
"""Octets that the event loop may hash itself."""


class Unasked(Denied):
    """It gives something away to people outside, and its author was not asked."""

    def __init__(self, kinds: Sequence[str], author: int) -> None:
        super().__init__(outgoing.unasked(kinds))
        self.kinds = tuple(kinds)
        self.author = author
        """Their account; 0: several people, or nobody knows."""

    def to_decider(self) -> Denied:
        """The same for whoever lets a message of somebody else go."""
        return Denied(outgoing.unasked_of_another(self.kinds))


class UnaskedSubject(Unasked):
    """The subject of an answer does, which may quote the message that it answers: nobody confirms those."""


class Lists(Protocol):
    """What is asked about moderated lists."""

    async def released(self, address: str, sender: Sender | None) -> Recipient:
        """A list's members, for a message that one of its owners has let pass. Raises Refused, Denied, Temporary."""

    async def moderators(self, address: str) -> Recipient:
        """Who decides about the messages that a list holds. Raises Refused, Temporary."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a message gives away, and its files that could not be read."""

    kinds: tuple[str, ...]
    unread: tuple[str, ...]


class OutgoingGuard:
    """One per worker."""

    def __init__(self, *, settings: Settings, directory: Directory, clock: Clock, lists: Lists) -> None:
        self._check = OutgoingCheck(settings=settings, directory=directory, clock=clock)
        self._directory = directory
        self._lists = lists
        self._guards = settings.guards
        self._known: dict[tuple[int, bytes, bytes, tuple[str, ...]], _Known] = {}
        """By author, message, what it answers, and what was looked for: that changes while the service runs."""

    async def look(self, principal: Principal | None, octets: bytes) -> Looked:
        """What a letter of this person gives away, wherever it goes. Raises Temporary."""
        return await self._check.look(principal, octets)

    async def leaves(self, recipients: Sequence[Recipient], targets: Sequence[Target], sender: Sender | None) -> bool:
        """Whether somebody outside gets it: directly, as a member of a list, or once the owners of moderated lists let
        it pass; owners who are outside see what they decide about. Raises Temporary."""
        if targets or any(one.remote for one in recipients):
            return True
        waiting = [roster.address for one in recipients for roster in one.held]
        known: set[str] = set()
        while waiting:
            address = waiting.pop()
            if address in known:
                continue
            known.add(address)
            try:
                if (await self._lists.moderators(address)).remote:
                    return True
                found = await self._lists.released(address, sender)
            except Refused:  # nobody would get it
                continue
            if found.remote:
                return True
            waiting += [roster.address for roster in found.held]
        return False

    async def check(self, envelope: Envelope, octets: bytes, targets: Sequence[Target] = ()) -> None:
        """Before a message goes to these recipients and targets. Raises Unasked, Temporary."""
        if targets or any(one.remote for one in envelope.recipients):
            await self.check_leaving(envelope, octets)

    async def check_leaving(self, envelope: Envelope, octets: bytes, answered: bytes = b"") -> Sequence[str]:
        """Before a message, or what somebody's filter made, perhaps to answer another one, leaves: the names of its
        files that nobody could read. Raises Unasked, Temporary."""
        author = _author(envelope)
        if envelope.cleared or author is None:
            return ()
        known = await self._known_of(author, octets, answered)
        if known.kinds:
            log.info("does not leave unasked", id=envelope.name, account=author, kinds=list(known.kinds))
            raise Unasked(known.kinds, author)
        return known.unread

    async def _known_of(self, account_id: int, octets: bytes, answered: bytes) -> "_Known":
        key = account_id, await _digest(octets), await _digest(answered), tuple(self._guards.kinds)
        known = self._known.get(key)
        if known is None:
            principal = await self._directory.by_account(account_id) if account_id else None
            looked = await self._check.look(principal, octets, passed_on=True, answered=answered)
            known = _Known(looked.kinds, looked.unread)
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = known
        return known


def _author(envelope: Envelope) -> int | None:
    """Who of this house wrote it, or passed it on; 0: the service, which quotes what several wrote (a digest); None:
    nobody of this house, or what the service says itself."""
    if envelope.sender is not None:
        return envelope.sender.account_id or None
    return 0 if envelope.door is Door.SERVICE and envelope.reverse_path else None


async def _digest(octets: bytes) -> bytes:
    if len(octets) <= QUICK:
        return _hashed(octets)
    return await asyncio.to_thread(_hashed, octets)


def _hashed(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=32).digest()
