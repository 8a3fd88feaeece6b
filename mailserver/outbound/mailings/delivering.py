"""`BatchDelivery`: a mailing that is begun goes to some of its recipients at a time.

Who got it is settled in the unit that delivers. Units are short: how many recipients one takes follows from how long
those before it held the writer, and between two of them others have their turn.
"""

import asyncio
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailserver.accounts.provision import provision_new
from mailserver.delivery import Delivery, Envelope, Part, deliver_parts
from mailserver.delivery.copies import Copy, stored
from mailserver.foundation.pace import Pace
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.outbound.mailings.authors import Authors, looked_at
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import list_posts, sent_counts, spool
from mailserver.store.queue.list_posts import Departure
from mailserver.store.queue.mailings import Mailing, mailing_batches
from mailserver.store.queue.mailings.mailing_batches import Batch
from mailserver.store.queue.spool import Options, Signing, Target

log = structlog.get_logger("mailings")

PAUSE = 0.005
"""Between two units: who waits for the writer has it then."""
FEWEST, MOST = 100, 1000
"""Recipients of one unit, on a slow machine and on a quick one. Of fewer what each costs by itself is most of it."""
FEWEST_NEW, MOST_NEW = 25, 100
"""Accounts whose mailboxes one unit makes: more work than a message."""
FEWEST_OUTSIDE, MOST_OUTSIDE = 25, 500
"""Addresses elsewhere that one unit queues: some rows each."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What a list sends to its members outside, some at a time."""

    post_id: int
    content_id: int
    options: Options
    return_address: Callable[[Departure], str]


@dataclass(slots=True)
class Work:
    """A mailing that this worker is at."""

    one: Mailing
    mail: Pace
    mailboxes: Pace
    outside: Pace
    copies: dict[int, Copy | Posting] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    """Those that were to be taken back meanwhile."""
    times: "dict[str, array[float]]" = field(default_factory=dict)
    """Seconds for which each unit of a kind held the writer."""

    def held(self, kind: str, seconds: float) -> None:
        """One more unit."""
        self.times.setdefault(kind, array("f")).append(seconds)

    @property
    def units(self) -> int:
        """So far."""
        return sum(map(len, self.times.values()))

    def told(self, which: Callable[[Sequence[float]], float]) -> dict[str, int]:
        """The longest, or the median, of each kind, in milliseconds."""
        return {kind: round(1000 * which(times)) for kind, times in self.times.items()}


class BatchDelivery:
    """One per worker."""

    def __init__(self, *, store: Store, delivery: Delivery, authors: Authors, lifetime: int) -> None:
        self._store = store
        self._delivery = delivery
        self._authors = authors
        self._lifetime = lifetime
        self._folder = store.blobs

    def work(self, one: Mailing) -> Work:
        """A mailing that is gone on with: nobody knows yet how long units take."""
        # To a PostgreSQL server each statement is a way there and back: it begins with more of them.
        is_far = self._store.backend.dialect == "postgresql"
        first, new = (MOST // 2, MOST_NEW // 2) if is_far else (FEWEST, FEWEST_NEW)
        outside = Pace(FEWEST_OUTSIDE, FEWEST_OUTSIDE, MOST_OUTSIDE)
        return Work(one, Pace(FEWEST, max(FEWEST, first), MOST), Pace(FEWEST_NEW, new, MOST_NEW), outside)

    async def some(self, work: Work, batch: Batch) -> None:
        """The next of a batch get it. Raises Refused(CONFLICT | NOT_FOUND), Denied, Temporary."""
        copy = work.copies.get(batch.copy)
        if copy is None:
            copy = work.copies[batch.copy] = await self._read_copy(work.one, batch.copy)
        if isinstance(copy, Posting):
            await self._post(work, batch, copy)
            return
        pace = work.mail if batch.accounts else work.outside
        end = min(batch.size, batch.done + pace.size)
        part = slice(batch.done, end)
        await self._delivery.check_brake(copy.envelope.sender)
        accounts = batch.accounts[part]
        gone = await self._make_mailboxes(work, accounts)
        some = copy.of_some(accounts, batch.addresses[part], batch.targets[part])
        if gone:
            left = tuple(account for account in accounts if account not in gone)
            some = replace(some, part=replace(some.part, accounts=left))
        parts = await self._delivery.parts_of(some) if some.part.accounts or some.part.targets else []
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused, took = await self._store.write_timed(
                _deliver, work.one, self._store.worker, batch, end, len(gone), parts, self._lifetime
            )
        work.held("delivery" if batch.accounts else "queue", took)
        pace.took(end - batch.done, took)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)

    async def _post(self, work: Work, batch: Batch, posting: Posting) -> None:
        """The next members of a list who are elsewhere are queued. Raises Refused(CONFLICT), Denied, Temporary."""
        end = min(batch.size, batch.done + work.outside.size)
        await self._delivery.check_brake(await self._authors.sender(work.one))
        _, took = await self._store.write_timed(
            _queue, work.one, self._store.worker, batch, end, posting, self._lifetime
        )
        work.held("queue", took)
        work.outside.took(end - batch.done, took)

    async def _make_mailboxes(self, work: Work, accounts: Sequence[int]) -> set[int]:
        """Mailboxes of those who never had any, few at a time: making them is most of the work. Who is gone since the
        mailing was begun, and gets nothing. Raises Temporary."""
        missing, closed = await self._store.read(mailing_batches.without_inbox, accounts)
        if closed:
            log.info("recipients of a mailing are gone", mailing=work.one.id, count=len(closed))
        begin = 0
        while begin < len(missing):
            some = missing[begin : begin + work.mailboxes.size]
            _, took = await self._store.write_timed(provision_new, some)
            work.held("mailboxes", took)
            work.mailboxes.took(len(some), took)
            begin += len(some)
            await asyncio.sleep(PAUSE)
        return closed

    async def _read_copy(self, one: Mailing, number: int) -> Copy | Posting:
        """A copy as it is stored, read once for all of its recipients. Raises Refused(CONFLICT | NOT_FOUND),
        Temporary."""
        kept = (await self._store.read(mailing_batches.copies, one.id)).get(number)
        if kept is None:
            raise Refused(Reason.CONFLICT)
        if kept.post_id:
            return await self._read_posting(one, kept)
        octets = await self._store.read(spool.octets, kept.content_id, self._folder)
        prepared = await asyncio.to_thread(stored, octets)
        sender, results = await self._authors.sender(one), looked_at(one)
        envelope = Envelope(
            *(kept.reverse_path, (), sender),
            door=one.came.door,
            results=results,
            found=one.options.results,
            require_tls=one.options.require_tls,
            cleared=bool(one.cleared),
        )
        options = replace(one.options, signing=envelope.signing, results=envelope.found)
        if kept.through_list:
            options = replace(options, ret="", envid="")
        came = Provenance.stored(int(one.came.door), one.account_id, int(kept.through_list), results.packed, kept.signs)
        return Copy(Part(prepared, kept.reverse_path, options=options, provenance=came), octets, envelope, {})

    async def _read_posting(self, one: Mailing, kept: mailing_batches.Copy) -> Posting:
        """What a list sends outside: it answers for that by its own signature. Raises Refused(NOT_FOUND), Temporary."""
        address = await self._store.read(list_posts.list_of, kept.post_id)
        if not address:  # who is to get it is left for an operator, and settled as nothing else
            log.error("a mailing waits: its message on record is gone", mailing=one.id, post=kept.post_id)
            raise Refused(Reason.NOT_FOUND)
        came = Envelope("", (), door=one.came.door, found=one.options.results)
        options = replace(one.options, ret="", envid="", signing=came.signing | Signing.DKIM)
        return Posting(kept.post_id, kept.content_id, options, self._delivery.members.return_addresses(address))


def _deliver(
    tx: Tx, one: Mailing, worker: int, batch: Batch, end: int, gone: int, parts: Sequence[Part], lifetime: int
) -> list[str]:
    """Some recipients have it, and are settled: both or neither. Files that are not needed."""
    mailing_batches.settle(tx, one.id, worker, batch, end, gone)
    _count_left(tx, one, batch.targets[batch.done : end])
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []


def _queue(tx: Tx, one: Mailing, worker: int, batch: Batch, end: int, posting: Posting, lifetime: int) -> None:
    """Some of a list's members outside are queued, and settled: both or neither."""
    some = batch.targets[batch.done : end]
    left = list_posts.go_on(
        *(tx, posting.post_id, [target.address for target in some], posting.content_id, posting.return_address),
        lifetime=lifetime,
        options=posting.options,
    )
    mailing_batches.settle(tx, one.id, worker, batch, end, len(some) - left)
    _count_left(tx, one, some)


def _count_left(tx: Tx, one: Mailing, targets: Sequence[Target]) -> None:
    """Its author knows these addresses elsewhere from now on."""
    if one.account_id and targets:
        sent_counts.left(tx, account_id=one.account_id, addresses=[target.address for target in targets])
