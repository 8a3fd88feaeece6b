"""What IT decides about messages that wait because their author sent more than is usual: they leave, or they do not.

One that is let go leaves as if it were sent now: who may write to whom is asked again, and it is not counted again. Its
author must still be one who may send.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from mailserver.delivery import Delivery, Envelope, Part, deliver_parts, led_to_lists
from mailserver.delivery.held.mailing_approval import MailingApproval
from mailserver.delivery.mailing_reach import MailingReach, Size
from mailserver.delivery.outgoing_guard import Unasked
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Sender
from mailserver.notices.mail import mailings as notices
from mailserver.outbound.submission.holding_notices import HoldingNotices, ReportTo
from mailserver.outbound.submission.routing import Rerouted, Routing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import mailings, sent_counts, spool, traces
from mailserver.store.queue.held import held_submissions
from mailserver.store.queue.held.held_submissions import Held
from mailserver.store.queue.mailings import Wanted
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("submit")

PERIOD = 60.0
NOBODY = Origin("service", "internal")


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a message that was let go."""

    recipients: int
    left: tuple[str, ...]
    """Recipients who could not get it; its author is told."""


class HeldSubmissions:
    """Decides. Whoever calls has made sure that it is IT."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, delivery: Delivery, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._routing = Routing(settings=settings, store=store, delivery=delivery)
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self._reach = MailingReach(settings=settings, store=store)
        self._approval = MailingApproval(settings=settings, store=store, delivery=delivery, clock=clock)
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs

    async def run(self) -> None:
        """Let go, in the background, of what nobody decided about."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.expire()

    async def release(self, held_id: int, origin: Origin) -> Released:
        """Send a message after all.

        Raises Refused(NOT_FOUND | SUSPENDED | NO_SUCH_RECIPIENT …: nobody can get it), Denied: also where a list has
        got members outside, and its author was not asked what it gives away; Temporary.
        """
        held = await self._store.read(held_submissions.get, held_id)
        if held is None:
            raise Refused(Reason.NOT_FOUND, "this message waits no more: somebody has decided already")
        author = await self._directory.by_account(held.account_id)
        if author is None or author.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED, "the author of this message may no longer send")
        to = await self._routing.again(author, held.targets)
        octets = await self._store.read(spool.octets, held.content_id, self._folder)
        door, name = Door.RESENT if held.resent else Door.SUBMISSION, held.options.name
        envelope = Envelope(
            *(held.reverse_path, tuple(to.local), Sender.person(author), name, door),
            require_tls=held.options.require_tls,
            cleared=bool(held.cleared),
        )
        try:
            await self._delivery.guard.check(envelope, octets, to.remote)
        except Unasked as unasked:
            raise unasked.to_decider() from None
        size = await self._reach.size(author.role.population, to.local, to.remote)
        if size is not None:
            return await self._keep_mailing(held, author, to, size, origin)
        parts = await self._delivery.parts(envelope, octets, held.options, to.remote)
        asked = ReportTo(held.reverse_path, held.options.envid, held.held, held.options.require_tls)
        parts += await self._notices.partly(author, held.subject, to.left) if to.left else []
        parts += await self._notices.delivered(asked, to.here, octets)
        addresses = [target.address for target in held.targets if target.address not in to.left]
        lists = led_to_lists(to.local)
        step = Trace(Step.SUBMITTED, name, held.reverse_path, addresses, held.size, held.account_id, lists)
        known = partial(sent_counts.left, account_id=held.account_id, addresses=to.outside)
        await self._commit([held], parts, origin, "released", [step], known)
        log.info("held message released", id=held.options.name, account=held.account_id, left=len(to.left))
        return Released(len(addresses), tuple(to.left))

    async def _keep_mailing(self, held: Held, author: Principal, to: Rerouted, size: Size, origin: Origin) -> Released:
        """It is a mailing, which IT has approved with that: it is sent in batches. Who is its author has not."""
        reach = await self._reach.reach(size, to.local, author)
        is_own = author.login == origin.actor and size.approval
        wanted = Wanted(
            account_id=held.account_id,
            population=author.role.population,
            subject=held.subject,
            size=held.size,
            reverse_path=held.reverse_path,
            targets=held.targets,
            options=held.options,
            came=Provenance(Door.RESENT if held.resent else Door.SUBMISSION, held.account_id),
            people=len(size.accounts),
            outside=size.outside,
            reach=reach.text(),
            state=mailings.State.WAITING if is_own else mailings.State.APPROVED,
            expires=int(self._clock.now()) + self._settings.mailings.approval_days * DAY,
            actor="" if is_own else origin.actor,
            audience=await self._reach.audience(size),
            cleared=bool(held.cleared),
        )
        about = notices.About(wanted.subject, size.people, f"{author.name} <{author.address}>", wanted.expires)
        told = await self._approval.told(author, about, reach) if is_own else []
        keeping = partial(_keep_unit, content_id=held.content_id, wanted=wanted, origin=origin)
        await self._commit([held], told, origin, "released", [], keeping)
        return Released(len(held.targets) - len(to.left), tuple(to.left))

    async def drop(self, chosen: Sequence[int], origin: Origin, *, what: str = "dropped") -> int:
        """Do not send messages, and tell their authors, once for all that are named; how many. Raises Temporary."""
        by_author: dict[int, list[Held]] = defaultdict(list)
        for number in chosen:
            held = await self._store.read(held_submissions.get, number)
            if held is not None:
                by_author[held.account_id].append(held)
        count = 0
        for account_id, messages in by_author.items():
            author = await self._directory.by_account(account_id)
            can_read = author is not None and author.state is not State.CLOSED
            subjects = [one.subject for one in messages]
            notices = await self._notices.dropped(author, subjects) if author is not None and can_read else []
            steps = [_dropped(one) for one in messages]
            try:
                await self._commit(messages, notices, origin, what, steps)
            except Refused:
                continue  # somebody else decides about these
            count += len(messages)
            log.info("held messages dropped", account=account_id, count=len(messages), what=what)
        return count

    async def expire(self) -> int:
        """Drop what nobody decided about in time; how many. Nothing while the clock is in doubt."""
        count = 0
        if not await self._upkeep.may_go_on():
            return count
        while batch := await self._store.read(held_submissions.expired):
            dropped = await self.drop([held.id for held in batch], NOBODY, what="expired")
            if not dropped:
                break
            count += dropped
        return count

    async def _commit(
        self,
        held: Sequence[Held],
        parts: list[Part],
        origin: Origin,
        what: str,
        steps: Sequence[Trace],
        also: Callable[[Tx], None] | None = None,
    ) -> None:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused = await self._store.write(decide_unit, held, parts, origin, lifetime, what, steps, also)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)


def _keep_unit(tx: Tx, content_id: int, wanted: Wanted, origin: Origin) -> None:
    number = mailings.begin(tx, content_id, wanted)
    mailings.record(tx, origin, mailings.get(tx, number), "approved" if wanted.actor else "handed-in")


def decide_unit(
    tx: Tx,
    held: Sequence[Held],
    parts: list[Part],
    origin: Origin,
    lifetime: int,
    what: str,
    steps: Sequence[Trace],
    also: Callable[[Tx], None] | None,
) -> list[str]:
    """Messages of one author wait no more, and whoever is to get them or to hear of it does: all or nothing."""
    for one in held:
        held_submissions.take(tx, one.id)
        detail = Cause("held-submission", number=one.id, name=one.options.name, verdict=(what,))
        audit.record(tx, origin, Action.SUBMISSION_DECIDED, one.account_id, detail)
    for step in steps:
        traces.record(tx, step)
    if also is not None:
        also(tx)
    return deliver_parts(tx, parts, {}, lifetime)[1] if parts else []


def _dropped(held: Held) -> Trace:
    addresses = [target.address for target in held.targets]
    return Trace(Step.DROPPED, held.options.name, held.reverse_path, addresses, held.size, held.account_id)
