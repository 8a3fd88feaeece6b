"""`MailingSender`: the work on mailings, in the background: begun at their time, delivered some recipients at a time.

Whoever has the lease of one is at it. Units are short: how many recipients one takes follows from how long they take,
and between two of them others have their turn. Who got it is settled in the unit that delivers.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailserver.delivery import UNPROVEN, Delivery, Envelope, Part, Recipient, deliver_parts, placement
from mailserver.delivery.copies import Copy, stored
from mailserver.delivery.offloading import at_leisure
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Settings
from mailserver.mailings.decisions import Mailings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Directory, State
from mailserver.model.messages.authentication import AuthenticationResults
from mailserver.model.messages.provenance import Provenance
from mailserver.model.rules import Denied, Sender
from mailserver.notices import mailings as notices
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail import messages as stored_messages
from mailserver.store.queue import mailing_batches, mailings, sent_counts, spool, traces
from mailserver.store.queue.mailing_batches import Batch, Sharing
from mailserver.store.queue.mailings import Mailing
from mailserver.store.queue.spool import Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.submission.holding_notices import HoldingNotices
from mailserver.submission.routing import Rerouted, Routing
from mailserver.texts.text import Text

log = structlog.get_logger("mailings")

LOOK_SECONDS = 2.0
"""Between two looks for work that nobody told of: after a crash, at a time that was chosen, or of a command."""
UNIT_SECONDS = 0.03
"""What a unit should take: others who write wait for it."""
PAUSE = 0.005
"""Between two units: who waits for the writer has it then."""
FEWEST, FIRST, MOST = 20, 50, 1000
"""Recipients of one unit. The first are few: nobody knows yet how many have a mailbox already."""
NEW_MAILBOXES = 15
"""Accounts whose mailboxes one unit makes."""
TIDY_SECONDS = 600.0
RENEW_SECONDS = mailings.LEASE_SECONDS / 3
MAX_RENEWALS = 200
"""Of one lease between two units: what hangs for longer than that is begun again by another worker."""


@dataclass(slots=True)
class _Work:
    """A mailing that this worker is at."""

    one: Mailing
    copies: dict[int, Copy] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    """Those that were to be taken back meanwhile."""
    most: int = FIRST


class MailingSender:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        mailings: Mailings,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._decides = mailings
        self._clock = clock
        self._routing = Routing(settings=settings, store=store, delivery=delivery)
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs
        self._news = asyncio.Event()
        self._tidied = -TIDY_SECONDS
        store.changes.subscribe("mailbox", _NEWS, self._news.set)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.look()
            self._news.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Go on with every mailing that nobody is at, as far as it goes."""
        for number in await self._store.read(mailings.due):
            await self._go_on(number)
        if self._clock.monotonic() - self._tidied >= TIDY_SECONDS and await self._upkeep.may_go_on():
            await self._decides.expire()
            await self._store.write(mailings.forget)
            self._tidied = self._clock.monotonic()

    async def _go_on(self, number: int) -> None:
        """One of them, where nobody is at it. What fails costs itself, and none of those that come after it."""
        try:
            one = await self._store.read(mailings.get, number)
            if one.due and not one.started and not await self._upkeep.may_go_on():
                return  # only a jump of the clock may have made it due
            if await self._store.write(mailings.claim, number, self._store.worker):
                async with self._leased(number):
                    await self.work(number)
        except Refused as refusal:
            log.info("mailing left", mailing=number, why=refusal.reason.value)
        except Temporary as error:
            log.warning("mailing waits", mailing=number, why=str(error))
        except Exception:
            catalogue.JOB_FAILURES.add()
            log.exception("mailing failed", mailing=number)

    @contextlib.asynccontextmanager
    async def _leased(self, number: int) -> AsyncIterator[None]:
        """The lease lasts as long as the work: what takes longer would be begun by one worker after the other, each of
        which keeps those before from going on."""
        renewing = asyncio.create_task(self._renew(number))
        try:
            yield
        finally:
            renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await renewing

    async def _renew(self, number: int) -> None:
        for _ in range(MAX_RENEWALS):
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._store.write(mailings.claim, number, self._store.worker)
            except Temporary as error:
                log.warning("lease not renewed", mailing=number, why=str(error))

    async def work(self, number: int) -> None:
        """Begin one, deliver it, or take it back.

        Raises Refused(CONFLICT): it was stopped, or another is at it; Denied: the brake holds it, and it waits.
        """
        one = await self._store.read(mailings.get, number)
        if one.state is mailings.State.WITHDRAWN:
            await self._decides.withdraw(one)
            return
        await self._delivery.check_brake(await self._sender(one))
        if one.state is mailings.State.APPROVED and not await self._begin(one):
            return
        work = _Work(await self._store.read(mailings.get, number))
        while (batch := await self._store.read(mailing_batches.following, number)) is not None:
            await self._some(work, batch)
            await asyncio.sleep(PAUSE)
            for other in await self._store.read(mailings.to_take_back):
                if other not in work.tried:  # who takes one back does not wait until all the others are sent
                    work.tried.add(other)
                    await self._go_on(other)
        await self._finish(work)

    # ------------------------------------------------------------------ beginning

    async def _begin(self, one: Mailing) -> bool:
        """Who gets it is found anew and kept; False: nobody can, or it waits for a second person.

        Raises Refused(CONFLICT), Temporary.
        """
        try:
            to, sender = await self._routed(one)
            if await self._decides.ask_again(one, to):
                return False
            octets = await self._decides.octets(one)
            envelope = Envelope(
                one.reverse_path,
                tuple(to.local),
                sender,
                name=one.options.name,
                door=one.came.door,
                results=_looked_at(one),
                require_tls=one.options.require_tls,
            )
            copies = await self._delivery.copies(envelope, octets, one.options, to.remote)
        except Refused as refusal:
            await self._decides.fail(one, refusal.said if isinstance(refusal, Denied) else notices.NOBODY)
            return False
        shares = [await at_leisure(len(copy.part.accounts), _share, copy) for copy in copies]
        waiting = [_waiting(copy) for copy in copies if copy.part.holds or _is_whole(copy.part)]
        parts = waiting + await self._told(one, to)
        kept = [copy.part.prepared for copy in copies]
        step = Trace(
            *(Step.SUBMITTED, one.options.name, one.reverse_path),
            [target.address for target in one.targets if target.address not in to.left],
            *(one.size, one.account_id),
            message_id=next((copy.part.prepared.scan.message_id for copy in copies if not _is_whole(copy.part)), ""),
        )
        async with self._delivery.discarding(*kept, *(part.prepared for part in parts)):
            unused = await self._store.write(
                _start, one, self._store.worker, copies, shares, parts, to.outside, step, self._lifetime
            )
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        recipients = sum(len(accounts) + len(targets) for accounts, _, targets in shares)
        log.info("mailing begun", mailing=one.id, recipients=recipients)
        return True

    async def _routed(self, one: Mailing) -> tuple[Rerouted, Sender]:
        """Who gets it as of now: rules, lists and their policies are asked again.

        Raises Refused: nobody, or its author may no longer send; Temporary.
        """
        author = await self._directory.by_account(one.account_id) if one.account_id else None
        if one.account_id and (author is None or author.state is not State.ACTIVE):
            raise Denied(Text("le compte de son auteur ne peut plus envoyer de messages."))
        if author is None:
            sender = self._delivery.outsider(one.reverse_path or UNPROVEN)
            local = [await self._delivery.released(address, sender) for address in one.released]
            found = Rerouted(local=local)
        else:
            sender = Sender.person(author)
            released = [await self._delivery.released(address, sender) for address in one.released]
            rest = [target for target in one.targets if target.address not in one.released]
            found = await self._routing.again(author, rest) if rest else Rerouted()
            found.local += released
            found.local = [await self._let_pass(one, recipient, sender) for recipient in found.local]
        return found, sender

    async def _let_pass(self, one: Mailing, recipient: Recipient, sender: Sender) -> Recipient:
        """A moderated list whose owner has approved the mailing does not ask them again."""
        if not recipient.held or recipient.head is None or not one.actor:
            return recipient
        owners = (await self._delivery.moderators(recipient.head.address)).accounts
        for account in owners:
            owner = await self._directory.by_account(account)
            if owner is not None and owner.login == one.actor:
                return await self._delivery.released(recipient.head.address, sender)
        return recipient

    async def _told(self, one: Mailing, to: Rerouted) -> list[Part]:
        """To its author: not everybody can get it."""
        author = await self._directory.by_account(one.account_id) if one.account_id and to.left else None
        return await self._notices.partly(author, one.subject, to.left) if author is not None else []

    # ------------------------------------------------------------------ some recipients

    async def _some(self, work: _Work, batch: Batch) -> None:
        """The next of a batch get it. Raises Refused(CONFLICT), Denied, Temporary."""
        copy = work.copies.get(batch.copy)
        if copy is None:
            copy = work.copies[batch.copy] = await self._read_copy(work.one, batch.copy)
        end = min(batch.size, batch.done + work.most)
        part = slice(batch.done, end)
        some = copy.of_some(batch.accounts[part], batch.addresses[part], batch.targets[part])
        await self._delivery.check_brake(copy.envelope.sender)
        await self._make_mailboxes(some.part.accounts)
        parts = await self._delivery.parts_of(some)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused, took = await self._store.write(
                _deliver, work.one.id, self._store.worker, batch, end, parts, self._lifetime
            )
        count = end - batch.done
        work.most = max(FEWEST, min(MOST, 2 * count, int(count * UNIT_SECONDS / max(took, 0.001))))
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)

    async def _make_mailboxes(self, accounts: Sequence[int]) -> None:
        """Mailboxes of those who never had any, few at a time: making them is most of the work. Raises Temporary."""
        known = await self._store.read(stored_messages.inboxes, accounts)
        missing = [account for account in accounts if account not in known]
        for begin in range(0, len(missing), NEW_MAILBOXES):
            await self._store.write(_make_mailboxes, missing[begin : begin + NEW_MAILBOXES])
            await asyncio.sleep(PAUSE)

    async def _read_copy(self, one: Mailing, number: int) -> Copy:
        """A copy as it is stored, read once for all of its recipients. Raises Refused(CONFLICT), Temporary."""
        kept = (await self._store.read(mailing_batches.copies, one.id)).get(number)
        if kept is None:
            raise Refused(Reason.CONFLICT)
        octets = await self._store.read(spool.octets, kept.content_id, self._folder)
        prepared = await asyncio.to_thread(stored, octets)
        sender = await self._sender(one)
        envelope = Envelope(kept.reverse_path, (), sender, door=one.came.door, results=_looked_at(one))
        envelope = replace(envelope, require_tls=one.options.require_tls)
        options = replace(one.options, ret="", envid="") if kept.through_list else one.options
        came = Provenance.stored(
            int(one.came.door), one.account_id, int(kept.through_list), _looked_at(one).packed, kept.signs
        )
        return Copy(Part(prepared, kept.reverse_path, options=options, provenance=came), octets, envelope, {})

    async def _sender(self, one: Mailing) -> Sender:
        author = await self._directory.by_account(one.account_id) if one.account_id else None
        if author is not None:
            return Sender.person(author)
        if one.account_id:
            return Sender(one.population, one.account_id)
        return self._delivery.outsider(one.reverse_path or UNPROVEN)

    async def _finish(self, work: _Work) -> None:
        """Everybody has it, and who asked for it is told so (RFC 3461 section 5.2.3)."""
        one = work.one
        here = [target for target in one.targets if self._delivery.is_local(target.address)]
        octets = await self._decides.octets(one)
        parts = await self._notices.delivered(one.reverse_path, one.options.envid, one.at, here, octets)
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused = await self._store.write(_finish, one.id, parts, self._lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("mailing sent", mailing=one.id)

    @property
    def _lifetime(self) -> int:
        return self._settings.outbound.lifetime


_NEWS = mailings.NEWS


def _looked_at(one: Mailing) -> AuthenticationResults:
    """What was found out about who sent it: somebody has looked at it since, so it is put aside for nobody."""
    return replace(one.came.results, quarantined=False)


def _share(copy: Copy) -> tuple[Sequence[int], Sequence[str], Sequence[Target]]:
    """Who gets a copy, in the order of accounts, and what led to each."""
    accounts = sorted(copy.part.accounts)
    addresses = [copy.led.get(account, "") for account in accounts] if copy.led else []
    targets = [one if isinstance(one, Target) else Target(one) for one in copy.part.targets]
    return accounts, addresses, targets


def _is_whole(part: Part) -> bool:
    """What has no recipients whom a batch could serve: a notice to owners, what a list posts to members outside."""
    return bool(part.only_if_held) or part.post is not None


def _waiting(copy: Copy) -> Part:
    """What moderated lists keep of it, and the mail to their owners."""
    if _is_whole(copy.part):
        return copy.part
    return replace(copy.part, accounts=(), targets=())


def _start(
    tx: Tx,
    one: Mailing,
    worker: int,
    copies: Sequence[Copy],
    shares: Sequence[tuple[Sequence[int], Sequence[str], Sequence[Target]]],
    parts: Sequence[Part],
    outside: Sequence[str],
    step: Trace,
    lifetime: int,
) -> list[str]:
    """The copies are stored, their recipients kept, and what moderated lists hold waits: all or nothing."""
    kept: list[Sharing] = []
    unused: list[str] = []
    for copy, (accounts, addresses, targets) in zip(copies, shares, strict=True):
        if _is_whole(copy.part) or not (accounts or targets):
            continue
        content_id, used = stored_messages.store_content(tx, copy.part.prepared)
        if copy.part.prepared.file is not None and not used:
            unused.append(copy.part.prepared.file)
        came = copy.part.provenance
        about = mailing_batches.Copy(len(kept), content_id, copy.part.reverse_path, came.through_list, int(came.signs))
        kept.append(Sharing(about, accounts, addresses, targets))
    posted = sum(len(part.post.posted.outside) for part in parts if part.post is not None)
    mailing_batches.start(tx, one.id, worker, kept, posted)
    if one.account_id:
        sent_counts.left(tx, account_id=one.account_id, addresses=outside)
    traces.record(tx, step)
    left = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    used_files = {copy.part.prepared.file for copy in copies} - set(unused)
    return list(dict.fromkeys([*unused, *(file for file in left if file not in used_files)]))


def _make_mailboxes(tx: Tx, accounts: Sequence[int]) -> None:
    for account in accounts:
        placement.inbox(tx, account)


def _deliver(
    tx: Tx, number: int, worker: int, batch: Batch, end: int, parts: Sequence[Part], lifetime: int
) -> tuple[list[str], float]:
    """Some recipients have it, and are settled: both or neither. Files that are not needed, and how many seconds the
    writer was held."""
    begun = time.perf_counter()
    mailing_batches.settle(tx, number, worker, batch, end)
    unused = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    return unused, time.perf_counter() - begun


def _finish(tx: Tx, number: int, parts: Sequence[Part], lifetime: int) -> list[str]:
    mailing_batches.finish(tx, number)
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
