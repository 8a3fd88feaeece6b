"""`Delivery`: the one durable delivery of a message that was accepted."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import structlog

from mailserver.delivery.checks import spam_placement
from mailserver.delivery.checks.impersonation import Impersonation, marked
from mailserver.delivery.checks.virus_check import VirusCheck
from mailserver.delivery.copies import Copy, fresh
from mailserver.delivery.envelope import Delivered, Envelope, Part, Recipient, received
from mailserver.delivery.filtering.answering import Answering
from mailserver.delivery.filtering.occasion import Passage, Volume
from mailserver.delivery.filtering.sorting import Sorting
from mailserver.delivery.lists.list_distribution import ListDistribution, lists_among
from mailserver.delivery.lists.list_holding import ListHolding
from mailserver.delivery.lists.nested_lists import head_of
from mailserver.delivery.message_files import MessageFiles
from mailserver.delivery.offloading import at_leisure
from mailserver.delivery.outgoing_guard import OutgoingGuard
from mailserver.delivery.recipients import Addressing, is_role
from mailserver.delivery.units import Outcome, deliver_parts, deliver_together, is_plain
from mailserver.filters import Filters
from mailserver.foundation.changes import Changes
from mailserver.foundation.in_step import in_step
from mailserver.foundation.settings import Settings
from mailserver.inbound.junk.rspamd import Handed
from mailserver.inbound.junk.verdicts import JunkFilter
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Archive, Directory, Roster
from mailserver.model.messages.authentication import Alignment
from mailserver.model.messages.impersonation import Signs
from mailserver.model.messages.provenance import Door
from mailserver.store.account import stored_preferences
from mailserver.store.engine.transactions import Coming, Store
from mailserver.store.mail import blobs
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.queue.held.moderation_queue import Hold
from mailserver.store.queue.spool import DEFAULT_NOTIFY, Notify, Options, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.reports.waiting import Arrived
from mailserver.texts.languages import LanguageCode

log = structlog.get_logger("deliver")

INBOX_ENTRIES = 200_000


class Delivery(Addressing):
    """Resolves and delivers. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, clock: Clock, changes: Changes
    ) -> None:
        super().__init__(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
        self._files = MessageFiles(store.blobs)
        self._inboxes: dict[int, int] = {}
        if not store.keeps_order:  # another server may be there now, which gives the same numbers to other mailboxes
            changes.subscribe("lost", 0, self._inboxes.clear)
        self._junk = JunkFilter(settings=settings, store=store)
        self.viruses = VirusCheck(settings=settings, store=store, clock=clock, files=self._files)
        self.guard = OutgoingGuard(settings=settings, directory=directory, clock=clock, lists=self)
        self.holding = ListHolding(settings=settings, store=store, clock=clock, files=self._files, guard=self.guard)
        self._distribution = ListDistribution(
            settings=settings, store=store, clock=clock, members=self.members, files=self._files
        )
        self._impersonation = Impersonation(settings=settings, store=store, clock=clock, changes=changes)
        filters = Filters(settings=settings, store=store, directory=directory, clock=clock, changes=changes)
        self.answering = Answering(settings=settings, store=store, clock=clock, deliverer=self)
        self._sorting = Sorting(settings=settings, store=store, clock=clock, filters=filters, answering=self.answering)

    async def deliver(self, envelope: Envelope, octets: bytes, *, tells_each: bool = False) -> Delivered:
        """Store the message for every recipient, as one unit; returns after the commit is on disk.

        `octets` is the message with its trace fields. `tells_each`: the door answers for each recipient, so that
        nobody else need tell the sender which of them refuse it. Raises Refused(LOOP | REJECTED), Denied, Temporary.
        """
        await in_step()
        coming = self._store.coming()
        try:
            return await self._deliver(envelope, octets, coming, tells_each=tells_each)
        finally:
            coming.over()

    async def _deliver(self, envelope: Envelope, octets: bytes, coming: Coming, *, tells_each: bool) -> Delivered:
        await self.check_brake(envelope.sender, envelope.recipients)
        await self.returned.check(envelope.recipients, octets)
        virus = await self.virus_in(octets) if _is_from_outside(envelope) else None
        if virus:
            return await self.viruses.hold(envelope, octets, virus)
        if virus is not None:
            envelope = replace(envelope, viruses=1)
        # What leaves again, by a list or a forward, has the same name in queue, logs and traces.
        options = Options(envelope.name, population=envelope.sender.population.value if envelope.sender else "")
        parts = await self.parts(envelope, octets, options, judge=True)
        trace = received(envelope, len(octets), parts[0].prepared if parts else None)
        alone = [part.accounts[0] for part in parts if len(part.accounts) == 1]
        known = {account: self._inboxes[account] for account in alone if account in self._inboxes}
        async with self.discarding(*(part.prepared for part in parts)):
            parts, refused = _refused(envelope, parts, tells_each=tells_each)
            await in_step()
            coming.over()
            content_id, unused, targets = await self._write(parts, known, trace)
        await self._files.remove(unused)
        if len(self._inboxes) > INBOX_ENTRIES:
            self._inboxes.clear()
        self._inboxes.update((account, targets[account]) for account in alone if account in targets)
        junk = any(one.source is not Source.FILTER for part in parts for one in part.verdicts.values())
        return Delivered(content_id, sum(len(part.accounts) for part in parts), refused, junk)

    async def _write(self, parts: list[Part], known: dict[int, int], trace: Trace) -> Outcome:
        """One unit."""
        lifetime = self._settings.outbound.lifetime
        together = deliver_together if is_plain(parts, known, trace, by_name=self._store.keeps_order) else None
        return await self._store.write_together(together, deliver_parts, parts, known, lifetime, trace)

    async def _judged(self, envelope: Envelope, octets: bytes, parts: list[Part]) -> list[Part]:
        """The copies, what is junk to somebody on its way to their Spam. The house is never judged by its words."""
        if not _is_from_outside(envelope):
            return parts
        copies = [part for part in parts if (part.accounts or part.digest is not None) and not part.only_if_held]
        scanned = next((part.prepared.scan for part in copies if not part.provenance.through_list), None)
        if scanned is not None and self._is_of_the_house(scanned.sender_address):
            return parts
        spared = spam_placement.spared(envelope)
        asked = [account for part in copies for account in spam_placement.getting(part) if account not in spared]
        handed = Handed(envelope.reverse_path, [one.address for one in envelope.recipients], envelope.peer)
        results = envelope.results
        is_proven = results.authenticated or not results.checked
        verdicts = await self._junk.judge(octets, scanned, asked, handed, is_proven=is_proven)
        if not verdicts:
            return parts
        log.info("junk", id=envelope.name, accounts=len(verdicts), score=max(one.score for one in verdicts.values()))
        return [spam_placement.as_junk(spam_placement.at_once(part, verdicts), verdicts) for part in parts]

    def _is_of_the_house(self, author: str) -> bool:
        """Whether an author's address is one of ours, where nobody but our own relays may say so."""
        return self._settings.smtp.own_domain_from_outside == "refuse" and "@" in author and self.is_local(author)

    async def parts(
        self,
        envelope: Envelope,
        octets: bytes,
        options: Options,
        targets: Sequence[Target] = (),
        *,
        passage: Passage | None = None,
        judge: bool = False,
    ) -> list[Part]:
        """The copies a message becomes: what its direct recipients get, then each list's own, sorted by the filters of
        those who get them.

        `targets`: direct recipients elsewhere. `passage`: the filters that sent it on until here. `judge`: it may be
        junk. Nobody gets two copies. Raises Refused(LOOP), Denied, Temporary.
        """
        came_back: list[Part] = []
        if any(one.returns is not None for one in envelope.recipients):
            waiting = await self.prepare(octets)
            envelope, came_back = await self.members.read_returned(envelope, octets, waiting)
        looked = await self._impersonation.look(envelope, octets)
        await in_step()
        copies = await self._copies(envelope, octets, options, targets, looked.signs)
        if passage is None:
            await self._check_refused(envelope, octets, options, copies, targets)
        spared = spam_placement.spared(envelope)
        parts = [spam_placement.by_policy(copy.part, spared, self._listed(envelope)) for copy in copies]
        if judge:
            await in_step()
            parts = await self._judged(envelope, octets, parts)
        reached = tuple(dict.fromkeys(account for part in parts for account in part.accounts))
        borrowed = await self._impersonation.borrowed(looked, envelope.results, reached)
        volume = passage.budget.volume if passage is not None else Volume()
        found: list[Part] = []
        await in_step()
        for part, copy in zip(parts, copies, strict=True):
            found += await self._sorting.sort(part, copy.octets, copy.envelope, copy.led, passage, volume)
        return marked(found, borrowed) + came_back + await self._reports(envelope, octets, found)

    async def copies(
        self, envelope: Envelope, octets: bytes, options: Options, targets: Sequence[Target]
    ) -> list[Copy]:
        """The copies that `parts` would make, before they are sorted: for who delivers to some recipients at a time.

        Raises Refused(LOOP), Denied, Temporary.
        """
        looked = await self._impersonation.look(envelope, octets)
        copies = await self._copies(envelope, octets, options, targets, looked.signs)
        await self._check_refused(envelope, octets, options, copies, targets)
        return copies

    async def parts_of(self, copy: Copy) -> list[Part]:
        """What becomes of one of them by the filters of those who get it. Raises Temporary."""
        looked = await self._impersonation.look(copy.envelope, copy.octets)
        borrowed = await self._impersonation.borrowed(looked, copy.envelope.results, copy.part.accounts)
        parts = await self._sorting.sort(copy.part, copy.octets, copy.envelope, copy.led, None, Volume())
        return marked(parts, borrowed)

    async def _reports(self, envelope: Envelope, octets: bytes, others: Sequence[Part]) -> list[Part]:
        """What is to be read of a message from outside as a report of another server, whoever gets it besides.

        Raises Temporary: nobody does, and nobody knows now who sent it.
        """
        if not _is_from_outside(envelope):
            return []
        kinds = {kind for one in envelope.recipients for kind in self.takes_reports(one.address, envelope.sender)}
        if not kinds:
            return []
        alone = not any(part.accounts or part.targets or part.holds for part in others)
        if alone and envelope.results.dmarc is Alignment.TEMPERROR:  # it would never count
            raise Temporary("Nobody knows now who sent this report; try again later")
        kind = kinds.pop() if len(kinds) == 1 else None
        arrived = Arrived(kind, envelope.results, alone)
        prepared = await self.prepare(octets)
        return [Part(prepared, envelope.reverse_path, provenance=envelope.provenance, reports=arrived)]

    def _listed(self, envelope: Envelope) -> Verdict | None:
        """What the blocklists of its peer make of a message; None: nothing."""
        listing = envelope.listing
        if not listing.points:
            return None
        return Verdict(Source.LISTED, listing.points, self._settings.blocklists.junk, listing.lists)

    async def _check_refused(
        self,
        envelope: Envelope,
        octets: bytes,
        options: Options,
        copies: Sequence[Copy],
        targets: Sequence[Target],
    ) -> None:
        """Whether IT has taken this message back from everybody; `postmaster@` and `abuse@` stay open, and what the
        service itself says. Raises Denied, Temporary."""
        if envelope.door is Door.SERVICE or not copies or self._refused_copies.are_none():
            return
        addresses = [*(one.address for one in envelope.recipients), *(one.address for one in targets)]
        if addresses and all(map(is_role, addresses)):
            return
        account_id = envelope.sender.account_id if envelope.sender else 0
        name = envelope.name or options.name
        scanned = copies[0].part.prepared.scan
        trace = Trace(
            *(Step.REFUSED, name, envelope.reverse_path, addresses, len(octets), account_id),
            message_id=scanned.message_id,
        )
        async with self.discarding(*(copy.part.prepared for copy in copies)):
            await self._refused_copies.check(scanned, copies[0].octets, envelope.provenance, trace)

    async def _copies(
        self, envelope: Envelope, octets: bytes, options: Options, targets: Sequence[Target], signs: Signs
    ) -> list[Copy]:
        """The copies before anybody's filters. `signs`: what is kept of who sent it.

        Raises Refused(LOOP), Denied, Temporary.
        """
        await self.guard.check(envelope, octets, targets)
        options = envelope.bind(replace(options, signing=envelope.signing, results=envelope.found))
        direct = [recipient for recipient in envelope.recipients if recipient.head is None]
        lists = lists_among(envelope, octets, alone=not direct and not targets)
        accounts = dict.fromkeys(sorted({account for one in direct for account in one.accounts}))
        # Who proved nothing hears of a failure, of nothing else: a report may come to somebody who never wrote to us.
        notify = Notify.FAILURE if envelope.sender and not envelope.sender.account_id else DEFAULT_NOTIFY
        elsewhere: dict[str, Target] = {address: Target(address, notify) for one in direct for address in one.remote}
        elsewhere.update((target.address, target) for target in targets)
        holding = list({roster.address: roster for one in lists for roster in one.held}.values())
        copies: list[Copy] = []
        provenance = replace(envelope.provenance, signs=signs)
        if accounts or elsewhere or holding or not lists:
            prepared = await self.prepare(octets)
            reached = tuple(elsewhere.values())
            held = [await self._hold(envelope, octets, roster, prepared) for roster in holding]
            holds = tuple(hold for hold, _ in held)
            part = Part(prepared, envelope.reverse_path, tuple(accounts), reached, options, holds, provenance)
            led = {account: one.address for one in direct for account in one.accounts}
            copies.append(Copy(part, octets, envelope, led))
            copies += [Copy(notice, b"", envelope, {}) for _, notices in held for notice in notices]
        for one in lists:
            assert one.head is not None
            members = await at_leisure(len(one.accounts), fresh, one.accounts, accounts)
            remote = tuple(address for address in one.remote if address not in elsewhere)
            if not members and not remote and (one.waits or one.head.archive is Archive.NONE):
                continue
            await at_leisure(len(members), _note, accounts, members)
            elsewhere.update((address, Target(address)) for address in remote)
            copies += await self._distribution.copies(envelope, octets, one, (members, remote), options, provenance)
        return copies

    async def _hold(
        self, envelope: Envelope, octets: bytes, roster: Roster, waiting: blobs.Prepared
    ) -> tuple[Hold, list[Part]]:
        """What a list keeps, and the mail that tells its owners. Raises Unasked, Temporary."""
        owners = await self._owned(head_of(roster).owner, roster.owners)
        return await self.holding.hold(envelope, octets, roster, owners, waiting)

    async def report_recipient(self, reverse_path: str) -> Recipient:
        """Who gets a report about what was sent from this address. Raises Refused, Temporary."""
        if self.members.departure(reverse_path) is not None:
            raise Refused(Reason.FORBIDDEN, "A list counts what comes back, and is sent no reports")
        if self.is_local(reverse_path):
            found = await self.resolve(reverse_path)
            if found.head is not None:  # whoever forges a list's address must not reach its members through a report
                raise Refused(Reason.FORBIDDEN, "A list takes no reports")
            return found
        return Recipient(reverse_path, (), (reverse_path,))

    async def check_leaving(self, envelope: Envelope, octets: bytes, answered: bytes = b"") -> Sequence[str]:
        """Before a filter's mail leaves: its files that nobody could read. Raises Unasked, Temporary."""
        return await self.guard.check_leaving(envelope, octets, answered)

    async def language(self, recipient: Recipient) -> LanguageCode | None:
        """The language of whoever gets mail for a recipient; None: it is not one person here, or nobody knows."""
        if len(recipient.accounts) != 1 or recipient.remote:
            return None
        return (await self._store.read(stored_preferences.preferences, recipient.accounts[0])).reads

    async def virus_in(self, octets: bytes) -> str | None:
        """The name of a virus in a message; empty: none was found; None: nobody looked. Raises Temporary."""
        return await self.viruses.virus_in(octets)

    async def prepare(self, octets: bytes) -> blobs.Prepared:
        """Scan and compress a message. Raises Temporary."""
        return await self._files.prepare(octets)

    def discarding(self, *prepared: blobs.Prepared | None) -> AbstractAsyncContextManager[None]:
        """Remove the files of messages whose unit certainly failed."""
        return self._files.discarding(*prepared)


def _note(known: dict[int, None], accounts: Sequence[int]) -> None:
    known.update(dict.fromkeys(accounts))


def _refused(envelope: Envelope, parts: list[Part], *, tells_each: bool) -> tuple[list[Part], dict[str, str]]:
    """The parts without the reports that the door makes needless, and who refuses the message.

    Raises Refused(REJECTED) when every recipient does: then nothing is stored, and the sender keeps it.
    """
    rejections = [part.rejection for part in parts if part.rejection is not None]
    if not rejections:
        return parts, {}
    by_account = {one.account_id: one.reason for one in rejections}
    refused: dict[str, str] = {}
    for recipient in envelope.recipients:
        gone = [by_account[account] for account in recipient.accounts if account in by_account]
        if recipient.accounts and len(gone) == len(recipient.accounts) and not recipient.remote and not recipient.held:
            refused[recipient.address] = gone[0]
    if len(refused) == len(envelope.recipients):
        raise Refused(Reason.REJECTED, next(iter(refused.values())))
    if not tells_each:
        return parts, {}
    # What goes on record with a report does so without it.
    told = [part.rejection is not None and part.rejection.address in refused for part in parts]
    silent = [replace(part, accounts=(), targets=()) if one else part for part, one in zip(parts, told, strict=True)]
    return silent, refused


def _is_from_outside(envelope: Envelope) -> bool:
    """Whether nobody of this house sent a message."""
    sender = envelope.sender
    return sender is not None and not sender.account_id and envelope.door in (Door.SMTP, Door.LMTP)
