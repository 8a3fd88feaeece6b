"""`BatchDelivery`: a mailing that is begun goes to some of its recipients at a time.

Who got it is settled in the unit that delivers. Units are short: how many recipients one takes follows from how long
those before it held the writer, and between two of them others have their turn.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailserver.accounts.provision import provision_new
from mailserver.delivery import Delivery, Envelope, Part, deliver_parts
from mailserver.delivery.copies import Copy, stored
from mailserver.foundation.pace import Pace
from mailserver.mailings.authors import Authors, looked_at
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import mailing_batches, spool
from mailserver.store.queue.mailing_batches import Batch
from mailserver.store.queue.mailings import Mailing

log = structlog.get_logger("mailings")

PAUSE = 0.005
"""Between two units: who waits for the writer has it then."""
FEWEST, MOST = 100, 1000
"""Recipients of one unit. Of fewer than that what each unit costs by itself is most of it; on PostgreSQL, where each
statement is a way there and back and nobody waits but for the same mailboxes, of fewer than half of the most."""
FEWEST_NEW, MOST_NEW = 25, 100
"""Accounts whose mailboxes one unit makes: more work than a message."""


@dataclass(slots=True)
class Work:
    """A mailing that this worker is at."""

    one: Mailing
    mail: Pace
    mailboxes: Pace
    copies: dict[int, Copy] = field(default_factory=dict)
    tried: set[int] = field(default_factory=set)
    """Those that were to be taken back meanwhile."""
    units: int = 0
    longest: float = 0.0
    """Seconds for which one unit held the writer."""

    def held(self, seconds: float) -> None:
        """One more unit."""
        self.units += 1
        self.longest = max(self.longest, seconds)


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
        is_far = self._store.backend.dialect == "postgresql"
        fewest, new = (MOST // 2, MOST_NEW // 2) if is_far else (FEWEST, FEWEST_NEW)
        return Work(one, Pace(fewest, fewest, MOST), Pace(new, new, MOST_NEW))

    async def some(self, work: Work, batch: Batch) -> None:
        """The next of a batch get it. Raises Refused(CONFLICT), Denied, Temporary."""
        copy = work.copies.get(batch.copy)
        if copy is None:
            copy = work.copies[batch.copy] = await self._read_copy(work.one, batch.copy)
        end = min(batch.size, batch.done + work.mail.size)
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
                _deliver, work.one.id, self._store.worker, batch, end, len(gone), parts, self._lifetime
            )
        work.held(took)
        work.mail.took(end - batch.done, took)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)

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
            work.held(took)
            work.mailboxes.took(len(some), took)
            begin += len(some)
            await asyncio.sleep(PAUSE)
        return closed

    async def _read_copy(self, one: Mailing, number: int) -> Copy:
        """A copy as it is stored, read once for all of its recipients. Raises Refused(CONFLICT), Temporary."""
        kept = (await self._store.read(mailing_batches.copies, one.id)).get(number)
        if kept is None:
            raise Refused(Reason.CONFLICT)
        octets = await self._store.read(spool.octets, kept.content_id, self._folder)
        prepared = await asyncio.to_thread(stored, octets)
        sender, results = await self._authors.sender(one), looked_at(one)
        envelope = Envelope(
            *(kept.reverse_path, (), sender),
            door=one.came.door,
            results=results,
            found=one.options.results,
            require_tls=one.options.require_tls,
        )
        options = replace(one.options, signing=envelope.signing)
        options = replace(options, ret="", envid="") if kept.through_list else options
        came = Provenance.stored(int(one.came.door), one.account_id, int(kept.through_list), results.packed, kept.signs)
        return Copy(Part(prepared, kept.reverse_path, options=options, provenance=came), octets, envelope, {})


def _deliver(
    tx: Tx, number: int, worker: int, batch: Batch, end: int, gone: int, parts: Sequence[Part], lifetime: int
) -> list[str]:
    """Some recipients have it, and are settled: both or neither. Files that are not needed."""
    mailing_batches.settle(tx, number, worker, batch, end, gone)
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
