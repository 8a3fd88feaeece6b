"""`Mailings`: what authors, approvers and administrators decide about a mailing, each act on record.

A second person is an administrator or an owner of all its lists, and never the author.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.delivery.held.mailing_approval import approving
from mailserver.delivery.lists.archiving import name_in
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Directory, Principal, Role
from mailserver.notices.mail import mailings as notices
from mailserver.outbound.mailings.notices import AuthorNotices
from mailserver.outbound.submission.mailing_intake import Again, MailingIntake
from mailserver.outbound.submission.routing import Rerouted
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.posts import archived_posts, digest_posts
from mailserver.store.queue import mailings, spool, traces
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.mailings import Mailing, State, mailing_batches, mailing_counts
from mailserver.store.queue.mailings.mailing_counts import Reach, Readers
from mailserver.store.queue.spool import selecting
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record.audit import Origin
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

log = structlog.get_logger("mailings")
NOTHING_TAKEN = -1
"""In place of an act: nobody had it."""
UNQUEUED = 200
"""Rows of the queue that one unit removes."""
VERSION = 6
"""Octets of what tells one version of a mailing from another."""
SLOW = -2
"""Whose turn slow reads of this kind take (`Store.read_slow`)."""


class Mailings:
    """Whoever calls has made sure that the person may see it (`may_see`)."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        withdrawals: Withdrawals,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._withdrawals = withdrawals
        self._clock = clock
        self._notices = AuthorNotices(
            settings=settings, store=store, directory=directory, delivery=delivery, clock=clock
        )
        self._intake = MailingIntake(settings=settings, store=store, delivery=delivery, clock=clock)
        self._folder = store.blobs

    # ------------------------------------------------------------------ who may

    async def may_approve(
        self, one: Mailing, person: Principal, known: dict[str, frozenset[int]] | None = None
    ) -> bool:
        """Whether somebody could be the second person. Raises Temporary."""
        if person.account_id == one.account_id:
            return False
        if person.role is Role.ADMIN:
            return True
        return person.account_id in await approving(self._delivery, reach_of(one).lists, known)

    async def may_see(self, one: Mailing, person: Principal) -> bool:
        """Its author, and who may approve it. Raises Temporary."""
        return person.account_id == one.account_id or await self.may_approve(one, person)

    async def to_approve(self, person: Principal) -> list[Mailing]:
        """What waits for this person. Raises Temporary."""
        waiting = await self._store.read(mailings.listing, 0, 200, State.WAITING)
        known: dict[str, frozenset[int]] = {}
        return [one for one in waiting if await self.may_approve(one, person, known)]

    # ------------------------------------------------------------------ deciding

    async def approve(self, number: int, version: str, origin: Origin) -> None:
        """Let it leave, at its time. `version`: of what whoever approves has seen (`version_of`).

        Raises Refused(NOT_FOUND | CONFLICT | FORBIDDEN), Temporary.
        """
        one = await self._store.read(mailings.get, number)
        if one.login and one.login == origin.actor:
            raise Refused(Reason.FORBIDDEN, Cause("mailing-own"))
        await self._move(number, origin, partial(_approved, version), "approved", approver=origin.actor)

    async def refuse(self, number: int, origin: Origin, reason: str = "") -> None:
        """Do not send it, and tell its author. Raises Refused(NOT_FOUND | CONFLICT), Temporary."""
        one = await self._store.read(mailings.get, number)
        parts = await self._notices.not_sent(one, notices.refused(reason[: mailings.MAX_REASON]))
        await self._move(number, origin, _from(State.WAITING, to=State.REFUSED), "rejected", reason, parts)

    async def plan(self, number: int, moment: int, origin: Origin) -> None:
        """When it is to leave; 0: as soon as it may.

        Raises Refused(NOT_FOUND | CONFLICT), SentTooMuch: as many of its author's leave on that day; Temporary.
        """
        day = self._intake.day(max(self._clock.now(), moment))
        await self._store.write(mailings.plan, origin, number, moment, day)

    async def stop(self, number: int, origin: Origin) -> None:
        """Nobody else gets it for now; its author is told where somebody else does it.

        Raises Refused(NOT_FOUND | CONFLICT), Temporary.
        """
        one = await self._store.read(mailings.get, number)
        until = int(self._clock.now()) + self._settings.mailings.stopped_days * DAY
        is_own = one.login == origin.actor
        parts = [] if is_own else await self._notices.stopped(one, until)
        await self._move(number, origin, _from(State.APPROVED, State.SENDING, to=State.STOPPED), "stopped", parts=parts)

    async def resume(self, number: int, origin: Origin) -> None:
        """Who has not got it gets it. Raises Refused(NOT_FOUND | CONFLICT), Temporary."""
        await self._move(number, origin, _resumed, "resumed")

    async def take_back(self, number: int, origin: Origin) -> State:
        """Nobody else gets it; unread copies vanish, those that were read are marked. What it is then.

        Raises Refused(NOT_FOUND | CONFLICT), Temporary.
        """
        before = await self._move(number, origin, _taken_back, "withdrawing")
        return State.WITHDRAWN if before.started else State.CANCELLED

    async def withdraw(self, one: Mailing) -> None:
        """What `take_back` began: the queue and the mailboxes.

        Raises Refused(CONFLICT): another has done so; Temporary.
        """
        dropped = await self._unqueue(one)
        act = NOTHING_TAKEN
        for copy in (await self._store.read(mailing_batches.copies, one.id)).values():
            try:
                preview = await self._withdrawals.preview(copy.content_id, alike=False, by_name=True)
            except Refused:
                continue  # nobody has got this one
            # The act finds the other copies by itself. It takes what lists keep, too, and may be undone: whoever is
            # killed here leaves none that the mailing does not know of.
            author, noted = Origin(one.actor, "mailing"), partial(_taken_by, one)
            act = await self._withdrawals.begin(preview, 0, author, spares_read=True, noted=noted)
            break
        else:
            await self._store.write(lambda tx: _taken_by(one, tx, NOTHING_TAKEN))
        log.info("mailing taken back", mailing=one.id, withdrawal=act, dropped=dropped)

    async def _unqueue(self, one: Mailing) -> int:
        """What waits to leave for other servers, or for the owners of lists, does not; how many rows."""
        name = one.options.name
        # One that such an owner let pass was sent to other lists, too: they decide for themselves.
        dropped = 0 if one.released else await self._store.write(moderation_queue.drop, name, one.account_id)
        while some := await self._store.write(_drop, name):
            dropped += some
        return dropped

    async def expire(self) -> int:
        """Let go of what nobody decided about, and of what was stopped and not resumed; how many. The caller knows the
        time."""
        count = 0
        while found := await self._store.read(mailings.expired):
            for one in found:
                parts = await self._notices.not_sent(one, notices.EXPIRED)
                count += await self._let_expire(one, _from(State.WAITING, to=State.EXPIRED), parts)
        while found := await self._store.read(mailings.abandoned, self._settings.mailings.stopped_days):
            for one in found:
                count += await self._let_expire(one, _abandoned, await self._notices.abandoned(one))
        return count

    async def _let_expire(self, one: Mailing, to: Callable[[Mailing], State | None], parts: Sequence[Part]) -> int:
        try:
            await self._move(one.id, mailings.SERVICE, to, "expired", parts=parts)
        except Refused:
            return 0  # somebody decided meanwhile
        return 1

    async def ask_again(self, one: Mailing, to: Rerouted) -> bool:
        """Before it begins: whether it waits for a second person after all, since its lists have grown.

        Raises Refused(NOT_FOUND | CONFLICT), Temporary.
        """
        author = await self._directory.by_account(one.account_id) if one.account_id else None
        again = await self._intake.again(one, author, to)
        if again is None:
            return False
        async with self._delivery.discarding(*(part.prepared for part in again.notices)):
            unused = await self._store.write(_ask_again, one.id, again, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("mailing has grown", mailing=one.id, people=again.people, outside=again.outside)
        return True

    async def fail(self, one: Mailing, why: Text) -> None:
        """It cannot begin: nobody gets it, and its author is told. Raises Refused(NOT_FOUND | CONFLICT), Temporary."""
        parts = await self._notices.not_sent(one, why)
        await self._move(one.id, mailings.SERVICE, _failed, "undeliverable", parts=parts)

    async def _move(
        self,
        number: int,
        origin: Origin,
        to: Callable[[Mailing], State | None],
        what: str,
        reason: str = "",
        parts: Sequence[Part] = (),
        **values: str,
    ) -> Mailing:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            before, unused = await self._store.write(_decide, origin, number, to, what, reason, parts, lifetime, values)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("mailing decided", mailing=number, what=what, actor=origin.actor)
        return before

    # ------------------------------------------------------------------ looking

    async def readers(self, one: Mailing) -> list[Readers]:
        """How many of each school have read it. Raises Temporary."""
        return await self._store.read_slow(SLOW, mailing_counts.read_by_school, one)

    async def octets(self, one: Mailing) -> bytes:
        """The message, as long as it is kept. Raises Refused(NOT_FOUND), Temporary."""
        if not one.content_id:
            raise Refused(Reason.NOT_FOUND, Cause("no-such-mailing"))
        return await self._store.read(spool.octets, one.content_id, self._folder)


def reach_of(one: Mailing) -> Reach:
    """Whom it goes to; what an older version kept says nothing."""
    try:
        return mailing_counts.read_reach(one.reach)
    except BadSyntax:
        return Reach()


def version_of(one: Mailing) -> str:
    """Whom it goes to, in short: another one once it has been asked anew for other people."""
    facts = json.dumps([one.people, one.outside, one.reach, one.expires])
    return hashlib.blake2b(facts.encode(), digest_size=VERSION).hexdigest()


def _approved(version: str, one: Mailing) -> State | None:
    if one.state is not State.WAITING:
        return None
    if version != version_of(one):
        raise Refused(Reason.CONFLICT, Cause("mailing-changed"))
    return State.APPROVED


def _from(*states: State, to: State) -> Callable[[Mailing], State | None]:
    return lambda one: to if one.state in states else None


def _resumed(one: Mailing) -> State | None:
    if one.state is not State.STOPPED:
        return None
    return State.SENDING if one.started else State.APPROVED


def _abandoned(one: Mailing) -> State | None:
    if one.state is State.STOPPED:
        return State.UNFINISHED if one.started else State.EXPIRED
    return State.EXPIRED if one.state is State.APPROVED and not one.started else None


def _taken_back(one: Mailing) -> State | None:
    if one.state in mailings.DELIVERED or (one.started and one.state in mailings.OPEN):
        return State.WITHDRAWN
    return State.CANCELLED if one.state in mailings.OPEN else None


def _failed(one: Mailing) -> State | None:
    return State.FAILED if one.state is State.APPROVED and not one.started else None


def _ask_again(tx: Tx, number: int, again: Again, lifetime: int) -> list[str]:
    """It waits, with how many it reaches now, and those who may approve it are told: both or neither."""
    facts = {name: getattr(again, name) for name in ("people", "outside", "reach", "audience", "expires")}
    values = {**facts, "actor": "", "approver": "", "decided": 0}
    mailings.move(tx, mailings.SERVICE, number, _asked, "handed-in", **values)
    return deliver_parts(tx, again.notices, {}, lifetime)[1] if again.notices else []


def _asked(one: Mailing) -> State | None:
    return State.WAITING if one.state is State.APPROVED and not one.started else None


def _decide(
    tx: Tx,
    origin: Origin,
    number: int,
    to: Callable[[Mailing], State | None],
    what: str,
    reason: str,
    parts: Sequence[Part],
    lifetime: int,
    values: Mapping[str, str],
) -> tuple[Mailing, list[str]]:
    """The state changes, and its author is told: both or neither."""
    before = mailings.move(tx, origin, number, to, what, reason, **values)
    return before, deliver_parts(tx, parts, {}, lifetime)[1] if parts else []


def _taken_by(one: Mailing, tx: Tx, act: int) -> None:
    """The mailing knows the act that takes it back; it comes by no digest of a list any more, and without an act it is
    in no archive. Raises Refused(CONFLICT): another has done so."""
    mailings.withdrawn_by(tx, one.id, act)
    named = partial(name_in, what=one.options.name.encode())
    digest_posts.drop(tx, one.account_id, one.started, named)
    if act == NOTHING_TAKEN:
        archived_posts.drop(tx, one.account_id, one.started, named)


def _drop(tx: Tx, name: str) -> int:
    """Some rows of the queue are thrown away; how many."""
    rows = spool.find(tx, name, UNQUEUED)
    for message, account_id, sender, _domain, recipients in selecting.named(tx, rows):
        traces.record(tx, Trace(Step.DROPPED, message, sender, recipients, 0, account_id))
    return spool.drop(tx, rows)
