"""The copies by which a list distributes a message: to members here and outside, to its archive, for its digest."""

import asyncio
from dataclasses import replace

from mailserver.delivery import list_copy
from mailserver.delivery.copies import Copy, fresh
from mailserver.delivery.envelope import Envelope, Part, Recipient
from mailserver.delivery.lists.archiving import Archiving
from mailserver.delivery.lists.digesting import Digesting
from mailserver.delivery.lists.list_members import ListMembers
from mailserver.delivery.message_files import MessageFiles
from mailserver.delivery.offloading import at_leisure
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.model.rules import sentences
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from mailserver.store.queue.spool import Options, Signing

TRACE_OCTETS = 4096
"""What our own fields on top of a message may add to its size."""


class ListDistribution:
    """One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, clock: Clock, members: ListMembers, files: MessageFiles
    ) -> None:
        self._members = members
        self._files = files
        self._archiving = Archiving(settings)
        self._digesting = Digesting(settings=settings, store=store, clock=clock)

    async def copies(
        self,
        envelope: Envelope,
        octets: bytes,
        one: Recipient,
        to: tuple[tuple[int, ...], tuple[str, ...]],
        options: Options,
        provenance: Provenance,
    ) -> list[Copy]:
        """A list's copy for its members here, that its archive shares, and the one for those outside. Raises
        Temporary."""
        assert one.head is not None
        members, remote = to
        name = envelope.name or options.name
        archived = self._archiving.wanted(one.head, replace(envelope, name=name), octets, leaves=bool(one.remote))
        head = self._archiving.announced(one.head, archived)
        waiting = await self._digesting.apart(one.head, replace(envelope, name=name), octets, members, remote)
        now, at_once = members, remote
        if waiting is not None:
            now = await at_leisure(len(members), fresh, members, frozenset(waiting.accounts))
            at_once = tuple(address for address in remote if address not in waiting.outside)
        plain = replace(options, ret="", envid="")
        sent_on = replace(provenance, through_list=True)
        onward = replace(envelope, reverse_path=head.bounces)
        copies: list[Copy] = []
        prepared: blobs.Prepared | None = None
        if now or archived is not None or waiting is not None:
            await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
            written = list_copy.copy(head, octets)
            prepared = await self._files.prepare(written)
            part = Part(prepared, head.bounces, now, (), plain, provenance=sent_on)
            if now:
                copies.append(Copy(part, written, onward, {}))
            if archived is not None or waiting is not None:
                kept = replace(part, accounts=(), archived=archived, digest=waiting)
                copies.append(Copy(kept, written, onward, {}))
        if not members and not remote:
            return copies
        if at_once:
            prepared = await self._files.prepare(await asyncio.to_thread(self._members.copy, envelope, head, octets))
        assert prepared is not None, "a list is copied to somebody"
        post = self._members.post(replace(envelope, name=name), one, octets, len(members), at_once)
        # The list answers for what it sends outside: who wrote it is proven, or does not stand there as its author.
        signed = replace(plain, signing=plain.signing | Signing.DKIM)
        part = Part(prepared, head.bounces, options=signed, provenance=sent_on, post=post)
        return [*copies, Copy(part, b"", onward, {})]


def lists_among(envelope: Envelope, octets: bytes, *, alone: bool) -> list[Recipient]:
    """The lists among the recipients that the message has not been through; none where a program answered.

    Raises Refused(LOOP) where that leaves nobody, and they are `alone`; Denied: it is too large for one of them.
    """
    lists = list(
        {recipient.head.address: recipient for recipient in envelope.recipients if recipient.head is not None}.values()
    )
    for one in lists:
        if one.head is not None and 0 < one.head.max_size < len(octets) - TRACE_OCTETS:
            raise sentences.TooLarge(one.head.max_size)
    if lists and list_copy.is_automatic_answer(octets):
        if alone:
            raise Refused(Reason.LOOP, "A list takes no answers of programs")
        return []
    passed = [one for one in lists if one.head and list_copy.has_passed(one.head.address, octets)]
    if passed and len(passed) == len(lists) and alone:
        raise Refused(Reason.LOOP, "The message has been through this list: it runs in a circle")
    return [one for one in lists if one not in passed] if passed else lists
