"""Every outgoing message, from SMTP submission, the web and agendas alike: may it go, and its one durable departure.

`submit` checks the sender, completes the message, and commits as one unit: the appearances of local
recipients, the copy in Sent, and the queue's rows for everybody else. After that nothing is lost; the relay does
the rest.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from mailserver.delivery import Delivery, Envelope, Part
from mailserver.delivery.mailing_reach import Size
from mailserver.delivery.outgoing_guard import Unasked
from mailserver.delivery.recipients import is_role
from mailserver.foundation.settings import Settings
from mailserver.foundation.structured_logs import logs
from mailserver.mime.header import header_limit
from mailserver.mime.writing import compose
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Denied, Sender
from mailserver.model.sending.sending_limits import PASSES, Course, Judged
from mailserver.outbound.submission.completion import Asked, Completed, Completion
from mailserver.outbound.submission.confirmation import Confirmation
from mailserver.outbound.submission.departure import Copy, Leaving, Outcome
from mailserver.outbound.submission.future_release import FutureRelease
from mailserver.outbound.submission.header_completion import resent_fields
from mailserver.outbound.submission.holding_notices import HoldingNotices
from mailserver.outbound.submission.mailing_intake import MailingIntake
from mailserver.outbound.submission.reported import Reported
from mailserver.outbound.submission.routing import Route, Routing
from mailserver.policy.dlp.checker import Looked
from mailserver.policy.rules.sending_limits import SendingLimits, Sent, Waits
from mailserver.policy.rules.urgent_letters import UrgentLetters
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.access import Viewer
from mailserver.store.queue import mailings, spool
from mailserver.store.queue.held.unconfirmed import Submitted
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step
from mailserver.store.record.audit import Origin
from mailserver.texts.text import Text

log = structlog.get_logger("submit")


class TooEarly(Exception):
    """What was to leave later is no mailing any more: nobody keeps it here until then."""


class Submission:
    """Submits. One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._folder = store.blobs
        self._limits = SendingLimits(settings)
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self.completion = Completion(settings=settings, store=store, clock=clock)
        self.routing = Routing(settings=settings, store=store, delivery=delivery)
        self.intake = MailingIntake(settings=settings, store=store, delivery=delivery, clock=clock)
        self._reported = Reported(settings=settings, store=store)
        self._future = FutureRelease(settings=settings, store=store, delivery=delivery, clock=clock)
        self.urgent = UrgentLetters(settings=settings, store=store)
        self.confirmation = Confirmation(
            settings=settings, store=store, directory=directory, delivery=delivery, clock=clock
        )

    async def submit(
        self,
        principal: Principal | None,
        reverse_path: str,
        recipients: Sequence[str | Target],
        octets: bytes,
        *,
        name: str = "",
        trace: bytes = b"",
        ret: str = "",
        envid: str = "",
        utf8: bool = False,
        require_tls: bool = False,
        save_to_sent: bool = False,
        resent: bool = False,
        confirmed: bool = False,
        asks: bool = True,
        copy: Copy | None = None,
        within: Callable[[Tx], None] | None = None,
        due: int = 0,
        keeps: bool = False,
    ) -> Outcome:
        """Send a message; what became of it, once everything is committed and synced.

        `resent`: `resend` has said on top who sends it, so that its author may be anybody.
        `principal` None: the service itself. `recipients` are addresses, or Targets that also say which reports are
        wanted (RFC 3461). `trace` is the Received field of the door, which then also made `name`. `copy`: what is kept
        where, with `save_to_sent`, other than the message in Sent. `within` runs in the unit that commits it all;
        what it raises undoes the unit. `due`: when a mailing leaves; what is none is told to come later (TooEarly), or
        waits here until then (`keeps`), as far as it could leave now.
        To very many people it is a mailing, which may wait for a second person. Past its author's limits it waits for
        IT, and its author is told (`held_submissions`). With what is not to leave unasked it waits for its author
        (`unconfirmed`), unless they have `confirmed` it; where it cannot wait (not `asks`) it is refused (Unasked).
        Raises Refused(SENDER_NOT_OWNED | FORBIDDEN | SUSPENDED | TOO_BIG | TOO_MANY_RECIPIENTS | INVALID, and for a
        recipient here NO_SUCH_RECIPIENT | OVER_QUOTA …, the text beginning with the address), SentTooMuch, Temporary.
        """
        asked = Asked(
            reverse_path=reverse_path,
            recipients=recipients,
            octets=octets,
            name=name or spool.new_name(self._clock),
            trace=trace,
            ret=ret,
            envid=envid,
            utf8=utf8,
            require_tls=require_tls,
            save_to_sent=save_to_sent,
            resent=resent,
            confirmed=confirmed,
            asks=asks,
            copy=copy,
            within=within,
            due=due,
            keeps=keeps,
        )
        with logs.bound(message=asked.name):
            return await self._submit(principal, asked)

    async def _submit(self, principal: Principal | None, asked: Asked) -> Outcome:
        version = 0
        if principal is not None:
            version = principal.login_version
            principal = await self._current(principal)
        self._check_limits(asked.recipients, asked.octets)
        route = await self.routing.route(principal, asked.recipients)
        size = await self.intake.size(principal, route)
        now = self._clock.now()
        is_early = size is None and asked.due > now
        if is_early and not asked.keeps:
            raise TooEarly
        counts = not is_early and (size is None or not size.approval)
        sent = _sent(principal, route) if counts else None
        judged = await self._store.read(self._limits.foresee, sent) if sent is not None else PASSES
        message = await self.completion.complete(principal, asked, route, now)
        virus = await self._delivery.virus_in(message.whole) if principal is not None else None
        if virus:
            raise Denied(Text("ce message contient un virus ({virus}) : il n’est pas envoyé.", virus=virus))
        looked = await self._looked(principal, asked, route, message.whole)
        if principal is not None and (looked.found or is_early or size is not None):
            within = partial(_while_in, account_id=principal.account_id, version=version, within=asked.within)
            asked = replace(asked, within=within)
        if principal is not None and (looked.found or is_early):
            return await self._let_wait(principal, asked, looked)
        leaving = await self._leaving(principal, asked, route, message, viruses=int(virus is not None))
        leaving = leaving.cleared() if looked.leaves else leaving
        if size is not None and judged.course is Course.SEND:
            outcome = await self._keep_mailing(leaving, message.kept, sent, size, route, asked.due)
        else:
            outcome = Outcome(asked.name, await self._depart(leaving, message.kept, sent, judged))
        return replace(outcome, unread=looked.unread)

    async def _looked(self, principal: Principal | None, asked: Asked, route: Route, whole: bytes) -> Looked:
        """What its author has to be asked. Raises Unasked, Temporary."""
        if asked.confirmed:
            return Looked(leaves=True)
        looked = await self.confirmation.findings(principal, route, whole)
        if looked.found and not asked.asks:
            raise Unasked(looked.kinds, principal.account_id if principal else 0)
        return looked

    async def _let_wait(self, principal: Principal, asked: Asked, looked: Looked) -> Outcome:
        """Until its author confirms what it gives away, or until its time. Raises Refused(LIMIT), Temporary."""
        submitted = Submitted(
            account_id=principal.account_id,
            name=asked.name,
            reverse_path=asked.reverse_path,
            targets=_targets(asked.recipients),
            trace=asked.trace,
            ret=asked.ret,
            envid=asked.envid,
            utf8=asked.utf8,
            resent=asked.resent,
            keeps_copy=asked.save_to_sent,
            kinds=looked.kinds,
            expires=self.confirmation.expires(),
            due=asked.due,
            require_tls=asked.require_tls,
        )
        if looked.found:
            await self.confirmation.hold(principal, submitted, asked.octets, looked.unread, asked.within)
            return Outcome(asked.name, waits=True, asks=True, unread=looked.unread)
        await self._future.keep(submitted, asked.octets, asked.within, looked_at=looked.leaves)
        return Outcome(asked.name, waits=False, due=asked.due, unread=looked.unread)

    async def _leaving(
        self, principal: Principal | None, asked: Asked, route: Route, message: Completed, *, viruses: int
    ) -> Leaving:
        options = _options(principal, asked, utf8=message.utf8)
        envelope = _envelope(principal, asked.reverse_path, route, options, resent=asked.resent)
        targets = _targets(asked.recipients)
        filing = await self._reported.filing(principal, [target.address for target in targets], asked.octets)
        return Leaving(
            principal=principal,
            envelope=replace(envelope, viruses=viruses),
            recipients=targets,
            remote=route.remote,
            whole=message.whole,
            options=options,
            named=message.named,
            copy=_keeping(principal, asked.copy or Copy()),
            within=tuple(one for one in (asked.within, filing) if one is not None),
            urgent=await self.urgent.granted(principal, asked.name, asked=message.urgent),
        )

    async def _depart(self, leaving: Leaving, kept: bytes, sent: Sent | None, judged: Judged) -> bool:
        """It leaves, or waits for IT (True) where its author has sent more than is usual. Raises as `submit`."""
        if judged.course is Course.SEND:
            try:
                await self._send(leaving, kept, sent)
            except Waits as waits:  # another message of the same account was counted meanwhile
                judged = waits.judged
            else:
                return False
        assert sent is not None, "what counts for nothing does not wait"
        await self._hold(leaving, kept, sent, judged)
        return True

    async def _keep_mailing(
        self, leaving: Leaving, kept: bytes, sent: Sent | None, size: Size, route: Route, due: int
    ) -> Outcome:
        """It is sent in the background, once it may. What a second person lets pass counts for none of its author's
        limits."""
        assert leaving.principal is not None
        whole = await self._delivery.prepare(leaving.whole)
        async with self._delivery.discarding(whole):
            taken = await self.intake.taken(leaving, size, route, whole.scan.subject, due)
        counting = (partial(self._limits.count, sent=sent, waits=True),) if sent is not None else ()
        waits = taken.wanted.state is mailings.State.WAITING
        lifetime, message_id = self._settings.outbound.lifetime, whole.scan.message_id
        departure = leaving.departure(Step.HELD, taken.notices, counting, lifetime, message_id=message_id)
        origin = Origin(leaving.principal.login, "submission")
        number = 0

        def unit(tx: Tx, copy: blobs.Prepared | None) -> list[str]:
            nonlocal number
            number, unused = departure.mailing_unit(tx, copy, whole, taken, origin)
            return unused

        await self._commit(unit, kept, whole, *(part.prepared for part in taken.notices))
        _log(leaving, "mailing", number=number, people=taken.wanted.people, waits=waits)
        return Outcome(leaving.options.name, waits, mailing=number)

    async def _send(self, leaving: Leaving, kept: bytes, sent: Sent | None) -> None:
        parts = await self._delivery.parts(leaving.envelope, leaving.whole, leaving.options, leaving.remote)
        parts = leaving.urged(parts)
        counting = (partial(self._limits.count, sent=sent),) if sent is not None else ()
        message_id = parts[0].prepared.scan.message_id if parts else ""
        departure = leaving.departure(
            Step.SUBMITTED, parts, counting, self._settings.outbound.lifetime, message_id=message_id
        )
        await self._commit(departure.unit, kept, *(part.prepared for part in parts))
        local, remote = sum(len(part.accounts) for part in parts), sum(len(part.targets) for part in parts)
        _log(leaving, "submitted", local=local, remote=remote)

    async def _hold(self, leaving: Leaving, kept: bytes, sent: Sent, judged: Judged) -> None:
        """Raises SentTooMuch, Refused(LIMIT): too much of its author's waits already."""
        assert leaving.principal is not None
        whole = await self._delivery.prepare(leaving.whole)
        days = self._settings.sending.hold_days
        submitted = leaving.submitted(judged, int(self._clock.now()) + days * DAY)
        notices = await self._notices.held(leaving.principal, judged, submitted.expires)
        counting = (partial(self._limits.count, sent=sent, waits=True),)
        departure = leaving.departure(
            Step.HELD, notices, counting, self._settings.outbound.lifetime, message_id=whole.scan.message_id
        )
        unit = partial(departure.hold_unit, whole=whole, submitted=submitted)
        await self._commit(unit, kept, whole, *(part.prepared for part in notices))
        _log(leaving, "held", what=judged.what.value, count=judged.count)

    async def resend(
        self,
        principal: Principal,
        recipients: Sequence[Correspondent],
        octets: bytes,
        provenance: Provenance,
        *,
        require_tls: bool = False,
    ) -> Outcome:
        """Pass a received message on as it is (RFC 5322 section 3.6.6), in the open: its author stays, and the fields
        on top say who sends it again.

        Its author proves nothing here, so it leaves unsigned: what its own signature covers still stands below the
        new fields. `require_tls`: it arrived to go over TLS alone (RFC 8689). Raises as `submit`, and Refused(CANNOT)
        for what no door delivered: nobody but whoever put it there says that its author wrote it.
        """
        if not provenance.delivered:
            raise Refused(Reason.CANNOT, "Only a message that was received can be passed on as it is")
        head = resent_fields(
            Correspondent(principal.name, principal.address),
            recipients,
            self._clock.now(),
            compose.message_id(self._clock.token(12), self._settings.domain),
        )
        to = [recipient.address for recipient in recipients]
        header_limit.check_start(octets)
        return await self.submit(principal, principal.address, to, head + octets, resent=True, require_tls=require_tls)

    async def post(self, to: str, octets: bytes) -> None:
        """Send a message of the service itself, under the null sender. Raises as `submit`."""
        await self.submit(None, "", (to,), octets)

    async def from_service(self, recipients: Sequence[str], octets: bytes) -> list[Part]:
        """A notice of the service itself, under the null sender, for a unit of the caller's (`deliver_parts`).

        So a notice and what says that it went out are committed together. Raises as `submit`.
        """
        route = await self.routing.route(None, recipients)
        name = spool.new_name(self._clock)
        whole = await self.completion.of_service(octets, name)
        return await self._delivery.parts(
            Envelope("", route.local, name=name, door=Door.SERVICE), whole, Options(name=name), route.remote
        )

    async def _current(self, principal: Principal) -> Principal:
        """The person as the directory knows them now: a login of an hour ago does not outlive a suspension."""
        current = await self._directory.by_account(principal.account_id)
        if current is None or current.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED, "Your account may not send")
        return current

    def _check_limits(self, recipients: Sequence[str | Target], octets: bytes) -> None:
        """Raises Refused(INVALID | TOO_MANY_RECIPIENTS | TOO_BIG)."""
        limits = self._settings.limits
        if not recipients:
            raise Refused(Reason.INVALID, "No recipient")
        if len(recipients) > limits.recipients:
            raise Refused(Reason.TOO_MANY_RECIPIENTS, "Too many recipients")
        if len(octets) > limits.message_size:
            raise Refused(Reason.TOO_BIG, "Message too big")
        header_limit.check(octets, limits.header_size, limits.header_fields)
        header_limit.check_start(octets)

    async def _commit(
        self,
        unit: Callable[[Tx, blobs.Prepared | None], list[str]],
        kept: bytes,
        *prepared: blobs.Prepared,
    ) -> None:
        """`kept`: the copy for Sent; empty for none."""
        sent = await self._delivery.prepare(kept) if kept else None
        async with self._delivery.discarding(*prepared, sent):
            unused = await self._store.write(unit, sent)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)


def _sent(principal: Principal | None, route: Route) -> Sent | None:
    """What it counts for; None: nothing, as what the service says, and what only `postmaster@` and `abuse@` get."""
    outside = frozenset(target.address for target in route.remote)
    if principal is None or (not outside and all(is_role(one.address) for one in route.local)):
        return None
    outside |= {address for one in route.local for address in one.remote}
    return Sent(principal.account_id, principal.role.population, len(route.local) + len(outside), outside)


def _while_in(tx: Tx, *, account_id: int, version: int, within: Callable[[Tx], None] | None) -> None:
    """What a thief plans, or sends to very many, does not come behind what took the account back.

    Raises Refused(AUTHENTICATION).
    """
    accounts.require_version(tx, account_id, version)
    if within is not None:
        within(tx)


def _targets(recipients: Sequence[str | Target]) -> tuple[Target, ...]:
    return tuple(Target(one) if isinstance(one, str) else one for one in recipients)


def _options(principal: Principal | None, asked: Asked, *, utf8: bool) -> Options:
    return Options(
        name=asked.name,
        account_id=principal.account_id if principal else 0,
        population=principal.role.population.value if principal else "",
        ret=asked.ret,
        envid=asked.envid,
        utf8=utf8,
        require_tls=asked.require_tls,
    )


def _envelope(
    principal: Principal | None, reverse_path: str, route: Route, options: Options, *, resent: bool
) -> Envelope:
    door = Door.SERVICE if principal is None else Door.RESENT if resent else Door.SUBMISSION
    return Envelope(
        reverse_path,
        route.local,
        Sender.person(principal) if principal else None,
        options.name,
        door,
        require_tls=options.require_tls,
    )


def _log(leaving: Leaving, event: str, **facts: object) -> None:
    account_id, named = leaving.options.account_id, list(leaving.named)
    log.info(event, account=account_id, boxes=named, size=len(leaving.whole), **facts)


def _keeping(principal: Principal | None, copy: Copy) -> Copy:
    """The copy with who puts it somewhere."""
    if copy.viewer is not None or principal is None:
        return copy
    return replace(copy, viewer=Viewer.of(principal.account_id, fold_login(principal.login)))
