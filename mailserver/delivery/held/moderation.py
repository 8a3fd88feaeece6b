"""What owners decide about messages that moderated lists hold, and what becomes of those nobody decided about.

A link is one owner's own: whoever it was sent to must still be an owner whose account is active when it is used, and
the record names them. An author of ours must still be one who may send, whichever way an owner decides.

An approved message goes to the list's members as if it had just come in: the rules are asked again, lists within the
list still have their own policies. A rejected one, and one that waited too long, is told to its author, if that is
somebody of this house; answering strangers would be answering forged addresses.
"""

import asyncio
from dataclasses import dataclass, replace

import structlog

from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import UNPROVEN, Envelope, Part, Recipient
from mailserver.delivery.held.mailing_approval import MailingApproval
from mailserver.delivery.mailing_reach import MailingReach, Size
from mailserver.delivery.outgoing_guard import Unasked
from mailserver.delivery.units import deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Sender
from mailserver.notices import house
from mailserver.notices.mail import mailings as notices
from mailserver.notices.mail import moderation
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.queue import mailings, spool, traces
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Held
from mailserver.store.queue.mailings import Wanted
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("lists")

PERIOD = 60.0
MAX_REASON = 200
NOBODY = Origin("service", "internal")


@dataclass(frozen=True, slots=True)
class Link:
    """What the link in an owner's mail leads to."""

    held: Held
    owner: str
    """Whose link it is: a login, the address of a functional box, or one elsewhere."""


class Moderation:
    """Decides. Whoever calls has made sure that the person may: an owner, an administrator, the console."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, delivery: Delivery, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._reach = MailingReach(settings=settings, store=store)
        self._approval = MailingApproval(settings=settings, store=store, delivery=delivery, clock=clock)
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs
        self._house = house.house_of(settings)

    async def run(self) -> None:
        """Let go, in the background, of what nobody decided about."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.expire()

    async def find(self, key: str) -> Link:
        """What an owner's link leads to, as long as they are one and may enter.

        Raises Refused(NOT_FOUND): it was decided, or they no longer own the list; Temporary.
        """
        found = await self._store.read(moderation_queue.by_token, self._delivery.holding.token(key))
        if found is None:
            raise Refused(Reason.NOT_FOUND, "this message waits no more")
        waiting, owner = found
        name = await self._owner_now(waiting, owner)
        if not name:
            log.info("link of a former owner", list=waiting.list, held=waiting.id, account=owner.account_id)
            raise Refused(Reason.NOT_FOUND, "this link is no longer an owner's")
        return Link(waiting, name)

    async def _owner_now(self, waiting: Held, owner: moderation_queue.Owner) -> str:
        """The name of whoever a link was sent to, if they still decide; else nothing."""
        moderators = await self._delivery.moderators(waiting.list)
        if not owner.account_id:
            return owner.address if owner.address in moderators.remote else ""
        standing = await self._store.read(accounts.get, owner.account_id)
        active = standing is not None and standing.state is State.ACTIVE
        return standing.login if standing is not None and active and owner.account_id in moderators.accounts else ""

    async def approve(self, held_id: int, origin: Origin) -> int:
        """Send a message to its list; how many people here got it.

        Raises Refused(NOT_FOUND | SUSPENDED | NO_SUCH_RECIPIENT | LOOP), Denied: also where the list has got members
        outside, and its author was not asked what it gives away; Temporary.
        """
        waiting = await self._waiting(held_id)
        await self._check_author(waiting)
        sender = await self._sender(waiting)
        recipient = await self._delivery.released(waiting.list, sender)
        await self._delivery.check_brake(sender, (recipient,))
        octets = await self._store.read(spool.octets, waiting.content_id, self._folder)
        envelope = _envelope(waiting, recipient, sender)
        try:
            await self._delivery.guard.check(envelope, octets)
        except Unasked as unasked:
            raise unasked.to_decider() from None
        size = await self._reach.size(waiting.population, [recipient], ())
        if size is not None:
            return await self._keep_mailing(waiting, recipient, size, origin)
        options = Options(waiting.name, waiting.account_id, waiting.population.value)
        parts = await self._delivery.parts(envelope, octets, options)
        await self._commit("approved", waiting, parts, origin)
        count = len({account for part in parts if not part.only_if_held for account in part.accounts})
        log.info("approved", list=waiting.list, held=held_id, accounts=count)
        return count

    async def _keep_mailing(self, waiting: Held, recipient: Recipient, size: Size, origin: Origin) -> int:
        """It goes to very many: it is a mailing, which an owner has approved with that. An owner who is its author has
        not, where a second person is asked for."""
        author = await self._directory.by_account(waiting.account_id) if waiting.account_id else None
        reach = await self._reach.reach(size, [recipient], author)
        is_own = author is not None and author.login == origin.actor and size.approval
        now = int(self._clock.now())
        wanted = Wanted(
            account_id=waiting.account_id,
            population=waiting.population,
            subject=waiting.subject,
            size=waiting.size,
            reverse_path=waiting.reverse_path,
            targets=(Target(waiting.list),),
            options=Options(
                waiting.name or spool.new_name(self._clock),
                waiting.account_id,
                waiting.population.value,
                results=waiting.found,
                require_tls=bool(waiting.require_tls),
            ),
            came=Provenance.stored(waiting.door, waiting.account_id, 0, waiting.authentication),
            people=len(size.accounts),
            outside=size.outside,
            reach=reach.text(),
            state=mailings.State.WAITING if is_own else mailings.State.APPROVED,
            expires=now + self._settings.mailings.approval_days * DAY,
            actor="" if is_own else origin.actor,
            released=(waiting.list,),
            audience=await self._reach.audience(size),
            cleared=bool(waiting.cleared),
        )
        about = notices.About(wanted.subject, size.people, _author(author), wanted.expires)
        told = await self._approval.told(author, about, reach) if is_own else []
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in told)):
            unused = await self._store.write(_keep_unit, waiting, wanted, told, origin, lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        log.info("approved as a mailing", list=waiting.list, held=waiting.id, accounts=len(size.accounts))
        return size.people

    async def reject(self, held_id: int, origin: Origin, reason: str = "") -> None:
        """Throw a message away and tell its author. Raises Refused(NOT_FOUND), Temporary."""
        waiting = await self._waiting(held_id)
        notice = await self._notice(waiting, reason[:MAX_REASON], in_time=True)
        await self._commit("rejected", waiting, notice, origin)
        log.info("rejected", list=waiting.list, held=held_id)

    async def expire(self) -> int:
        """Let go of what waited too long; how many. Two workers that meet take each message once.

        Nothing while the clock is in doubt.
        """
        count = 0
        if not await self._upkeep.may_go_on():
            return count
        while batch := await self._store.read(moderation_queue.expired):
            for waiting in batch:
                notice = await self._notice(waiting, "", in_time=False)
                try:
                    await self._commit("expired", waiting, notice, NOBODY)
                except Refused:
                    continue  # the other worker was faster
                log.info("held message expired", list=waiting.list, held=waiting.id)
                count += 1
        return count

    async def _waiting(self, held_id: int) -> Held:
        found = await self._store.read(moderation_queue.get, held_id)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "this message waits no more: somebody has decided already")
        return found

    async def _check_author(self, waiting: Held) -> None:
        """Somebody of this house must still be one who may send. Raises Refused(SUSPENDED)."""
        if not waiting.account_id:
            return
        author = await self._directory.by_account(waiting.account_id)
        if author is None or author.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED, "the author of this message may no longer send")

    async def _sender(self, waiting: Held) -> Sender:
        """Who sent it, with the population they had then."""
        if not waiting.account_id:
            return self._delivery.outsider(waiting.reverse_path or UNPROVEN)
        principal = await self._directory.by_account(waiting.account_id)
        if principal is None:
            return Sender(waiting.population, waiting.account_id)
        return Sender(waiting.population, waiting.account_id, Sender.person(principal).addresses)

    async def _notice(self, waiting: Held, reason: str, *, in_time: bool) -> list[Part]:
        """What the author is told, if that is somebody of this house who can read it."""
        principal = await self._directory.by_account(waiting.account_id) if waiting.account_id else None
        if principal is None:
            return []
        try:
            recipient = await self._delivery.resolve(principal.address)
        except (Refused, Temporary):
            return []
        what = moderation.Decided(waiting.list, waiting.subject, reason, in_time)
        now = self._clock.now()
        speaking = await house.house_for(self._store, self._house, principal.account_id)
        octets = moderation.decided(speaking, what, principal.address, token=self._clock.token(12), now=now)
        prepared = await self._delivery.prepare(return_path("") + octets)
        service = Provenance(Door.SERVICE)
        options = Options(require_tls=bool(waiting.require_tls))
        return [Part(prepared, "", recipient.accounts, recipient.remote, options, provenance=service)]

    async def _commit(self, what: str, waiting: Held, parts: list[Part], origin: Origin) -> None:
        lifetime = self._settings.outbound.lifetime
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            unused = await self._store.write(decide_unit, waiting, parts, origin, lifetime, what)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)


def _envelope(waiting: Held, recipient: Recipient, sender: Sender) -> Envelope:
    """As it came. Somebody who decides has looked at it: it is put aside for nobody."""
    came = Provenance.stored(waiting.door, 0, 0, waiting.authentication)
    results = replace(came.results, quarantined=False)
    return Envelope(
        *(waiting.reverse_path, (recipient,), sender, waiting.name, came.door),
        results=results,
        found=waiting.found,
        require_tls=bool(waiting.require_tls),
        cleared=bool(waiting.cleared),
    )


def _author(author: Principal | None) -> str:
    return f"{author.name} <{author.address}>" if author is not None else ""


def _keep_unit(tx: Tx, waiting: Held, wanted: Wanted, told: list[Part], origin: Origin, lifetime: int) -> list[str]:
    """A message waits for its list no more, and is a mailing: both or neither. Files that are not needed."""
    unused = decide_unit(tx, waiting, told, origin, lifetime, "approved")
    number = mailings.begin(tx, waiting.content_id, wanted)
    mailings.record(tx, origin, mailings.get(tx, number), "approved" if wanted.actor else "handed-in")
    return unused


def decide_unit(tx: Tx, waiting: Held, parts: list[Part], origin: Origin, lifetime: int, what: str) -> list[str]:
    """A message waits no more, and whoever is to get or to hear of it does: both or neither."""
    moderation_queue.take(tx, waiting.id)
    unused = deliver_parts(tx, parts, {}, lifetime)[1] if parts else []
    traces.record(tx, _step(waiting, what))
    audit.record(
        tx,
        origin,
        Action.LIST_CHANGED,
        0,
        Cause("list-message", address=waiting.list, number=waiting.id, verdict=(what,)),
    )
    return unused


def _step(waiting: Held, what: str) -> Trace:
    step = Step.DROPPED
    if what == "approved":
        step = Step.SUBMITTED if waiting.account_id else Step.RECEIVED
    detail = Cause(_DECIDED[what], list=waiting.list)
    return Trace(
        step, waiting.name, waiting.reverse_path, [waiting.list], waiting.size, waiting.account_id, detail=detail
    )


_DECIDED = {"approved": "list-approved", "rejected": "list-rejected", "expired": "list-expired"}
