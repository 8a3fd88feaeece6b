"""Every outgoing message, from SMTP submission, the web and agendas alike: may it go, and its one durable departure.

`submit` checks the sender, completes the message, and commits as one unit: the appearances of local
recipients, the copy in Sent, and the queue's rows for everybody else. After that nothing is lost; the relay does
the rest.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from mailserver.delivery import Delivery, Envelope, Part
from mailserver.delivery.mailing_reach import Size
from mailserver.delivery.recipients import is_role
from mailserver.dlp.checker import Looked
from mailserver.foundation import logs
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.mime.header import dates, header_limit, originators
from mailserver.mime.writing import compose, fields
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Denied, Sender
from mailserver.model.sending_limits import PASSES, Course, Judged
from mailserver.rules.sending_limits import SendingLimits, Sent, Waits
from mailserver.rules.urgent_letters import UrgentLetters
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.access import Viewer, boxes
from mailserver.store.queue import mailings, spool
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step
from mailserver.store.queue.unconfirmed import Submitted
from mailserver.store.record.audit import Origin
from mailserver.submission.confirmation import Confirmation
from mailserver.submission.departure import Copy, Leaving, Outcome
from mailserver.submission.future_release import FutureRelease
from mailserver.submission.header_completion import Written, completed_header, missing_fields, read, resent_fields
from mailserver.submission.holding_notices import HoldingNotices
from mailserver.submission.mailing_intake import MailingIntake
from mailserver.submission.reported import Reported
from mailserver.submission.routing import Route, Routing
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
        changes: Changes,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._folder = store.blobs
        self._domains = frozenset(domain.lower() for domain in settings.domains)
        self._limits = SendingLimits(settings)
        self._notices = HoldingNotices(settings=settings, store=store, delivery=delivery, clock=clock)
        self.routing = Routing(settings=settings, store=store, delivery=delivery)
        self.intake = MailingIntake(settings=settings, store=store, delivery=delivery, clock=clock)
        self._reported = Reported(settings=settings, store=store)
        self._future = FutureRelease(settings=settings, store=store, delivery=delivery, clock=clock)
        self.urgent = UrgentLetters(settings=settings, store=store)
        self.confirmation = Confirmation(
            settings=settings, store=store, directory=directory, delivery=delivery, clock=clock
        )

    async def check_sender(self, principal: Principal, reverse_path: str) -> None:
        """May this person use this envelope sender: their own, or that of a functional box in whose name they may send?

        The null one is for receipts. Raises Refused(SENDER_NOT_OWNED), Temporary.
        """
        await self._boxes(principal, [reverse_path] if reverse_path else (), Reason.SENDER_NOT_OWNED)

    async def _boxes(self, principal: Principal, addresses: Iterable[str], reason: Reason) -> dict[int, None]:
        """The functional boxes among addresses that are not this person's. Raises Refused(reason), Temporary."""
        others = [address for address in addresses if not principal.owns(address)]
        if not others:
            return {}
        sendable = await self._store.read(boxes.sendable, principal.account_id)
        found: dict[int, None] = {}
        for address in others:
            local, _, domain = fold_login(address).rpartition("@")
            box_id = sendable.get(f"{local}@{self._settings.domain}") if domain in self._domains else None
            if box_id is None:
                where = " in the header" if reason is Reason.FORBIDDEN else ""
                raise Refused(reason, f"{address or 'The author'}{where} is not one of your addresses")
            found[box_id] = None
        return found

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
        (`unconfirmed`), unless they have `confirmed` it.
        Raises Refused(SENDER_NOT_OWNED | FORBIDDEN | SUSPENDED | TOO_BIG | TOO_MANY_RECIPIENTS | INVALID, and for a
        recipient here NO_SUCH_RECIPIENT | OVER_QUOTA …, the text beginning with the address), SentTooMuch, Temporary.
        """
        name = name or spool.new_name(self._clock)
        with logs.bound(message=name):
            if principal is not None:
                principal = await self._current(principal)
            self._check_limits(recipients, octets)
            written = read(octets)
            route = await self.routing.route(principal, recipients)
            size = await self.intake.size(principal, route)
            now = self._clock.now()
            is_early = size is None and due > now
            if is_early and not keeps:
                raise TooEarly
            counts = not is_early and (size is None or not size.approval)
            sent = _sent(principal, route) if counts else None
            judged = await self._store.read(self._limits.foresee, sent) if sent is not None else PASSES
            added = self._missing(written, principal, now)
            header = completed_header(octets, written, added)
            top = (return_path(reverse_path), trace or self._own_trace(name, now))
            named = await self._in_whose_name(principal, reverse_path, b"".join((*top, header)), resent=resent)
            whole = await _whole(top, header, octets, written)
            kept = await _copy_of(octets, written, added, copy) if save_to_sent and principal is not None else b""
            is_utf8 = _needs_utf8(reverse_path, route, header if utf8 else b"")
            options = _options(principal, name, ret=ret, envid=envid, utf8=is_utf8, require_tls=require_tls)
            virus = await self._delivery.virus_in(whole) if principal is not None else None
            if virus:
                raise Denied(Text("ce message contient un virus ({virus}) : il n’est pas envoyé.", virus=virus))
            looked = Looked() if confirmed else await self.confirmation.findings(principal, route, whole)
            if principal is not None and (looked.found or is_early):
                submitted = Submitted(
                    account_id=principal.account_id,
                    name=name,
                    reverse_path=reverse_path,
                    targets=_targets(recipients),
                    trace=trace,
                    ret=ret,
                    envid=envid,
                    utf8=utf8,
                    resent=resent,
                    keeps_copy=save_to_sent,
                    kinds=tuple(dict.fromkeys(one.kind.value for one in looked.found)),
                    expires=self.confirmation.expires(),
                    due=due,
                    require_tls=require_tls,
                )
                if not looked.found:
                    await self._future.keep(submitted, octets, within)
                    return Outcome(name, waits=False, due=due)
                await self.confirmation.hold(principal, submitted, octets)
                return Outcome(name, waits=True, asks=True)
            envelope = _envelope(principal, reverse_path, route, options, resent=resent)
            if virus is not None:
                envelope = replace(envelope, viruses=1)
            targets = _targets(recipients)
            filing = await self._reported.filing(principal, [target.address for target in targets], octets)
            leaving = Leaving(
                principal=principal,
                envelope=envelope,
                recipients=targets,
                remote=route.remote,
                whole=whole,
                options=options,
                named=tuple(named),
                copy=_keeping(principal, copy or Copy()),
                within=tuple(one for one in (within, filing) if one is not None),
                urgent=await self.urgent.granted(principal, name, asked=written.urgent and not resent),
            )
            if size is not None and judged.course is Course.SEND:
                return await self._keep_mailing(leaving, kept, sent, size, route, due)
            return Outcome(name, await self._depart(leaving, kept, sent, judged), unread=looked.unread)

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
        self, principal: Principal, recipients: Sequence[Correspondent], octets: bytes, provenance: Provenance
    ) -> Outcome:
        """Pass a received message on as it is (RFC 5322 section 3.6.6), in the open: its author stays, and the fields
        on top say who sends it again.

        Its author proves nothing here, so it leaves unsigned: what its own signature covers still stands below the
        new fields. Raises as `submit`, and Refused(CANNOT) for what no door delivered: nobody but whoever put it there
        says that its author wrote it.
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
        return await self.submit(principal, principal.address, to, head + octets, resent=True)

    async def post(self, to: str, octets: bytes) -> None:
        """Send a message of the service itself, under the null sender. Raises as `submit`."""
        await self.submit(None, "", (to,), octets)

    async def from_service(self, recipients: Sequence[str], octets: bytes) -> list[Part]:
        """A notice of the service itself, under the null sender, for a unit of the caller's (`deliver_parts`).

        So a notice and what says that it went out are committed together. Raises as `submit`.
        """
        written = read(octets)
        route = await self.routing.route(None, recipients)
        now = self._clock.now()
        name = spool.new_name(self._clock)
        top = (return_path(""), self._own_trace(name, now))
        header = completed_header(octets, written, b"")
        whole = await _whole(top, header, octets, written)
        return await self._delivery.parts(
            Envelope("", route.local, name=name, door=Door.SERVICE), whole, Options(name=name), route.remote
        )

    async def _current(self, principal: Principal) -> Principal:
        """The person as the directory knows them now: a login of an hour ago does not outlive a suspension."""
        current = await self._directory.by_account(principal.account_id)
        if current is None or current.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED, "Your account may not send")
        return current

    async def _in_whose_name(
        self, principal: Principal | None, reverse_path: str, header: bytes, *, resent: bool
    ) -> dict[int, None]:
        """The functional boxes in whose name it goes, the author's first (RFC 6409 section 6.1).

        What the envelope and readers see as the sender must be this person, or a box that they may send for; the
        author of what is `resent` may be anybody. `header` is what leaves, with every field that we add.
        Raises Refused(SENDER_NOT_OWNED | FORBIDDEN), Temporary.
        """
        if principal is None:
            return {}
        senders = [reverse_path] if reverse_path else []
        envelope = await self._boxes(principal, senders, Reason.SENDER_NOT_OWNED)
        if resent:
            return envelope
        try:
            who = originators.read(header)
        except BadSyntax as error:
            raise Refused(Reason.FORBIDDEN, str(error)) from None
        authors = await self._boxes(principal, who.all, Reason.FORBIDDEN)
        return authors | envelope

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

    def _author(self, principal: Principal | None) -> bytes:
        """From for a message that has none."""
        if principal is None:
            person = fields.Correspondent("", f"postmaster@{self._settings.domain}")
        else:
            person = fields.Correspondent(principal.name, principal.address)
        return fields.addresses("From", [person])

    def _missing(self, written: Written, principal: Principal | None, now: float) -> bytes:
        message_id = compose.message_id(self._clock.token(12), self._settings.domain)
        return missing_fields(written, author=self._author(principal), message_id=message_id, now=now)

    def _own_trace(self, name: str, now: float) -> bytes:
        """The trace of a message that came by no SMTP; it does not tell where the person's browser is."""
        return f"Received: by {self._settings.name} with HTTP id {name};\r\n\t{dates.write(now)}\r\n".encode()

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


def _targets(recipients: Sequence[str | Target]) -> tuple[Target, ...]:
    return tuple(Target(one) if isinstance(one, str) else one for one in recipients)


def _options(principal: Principal | None, name: str, *, ret: str, envid: str, utf8: bool, require_tls: bool) -> Options:
    return Options(
        name=name,
        account_id=principal.account_id if principal else 0,
        population=principal.role.population.value if principal else "",
        ret=ret,
        envid=envid,
        utf8=utf8,
        require_tls=require_tls,
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


async def _whole(top: tuple[bytes, bytes], header: bytes, octets: bytes, written: Written) -> bytes:
    """What is stored and leaves: return path and trace, the header, the body."""
    await asyncio.sleep(0)  # a copy of a large message is as much as the loop should wait for at once
    return b"".join((*top, header, *_rest(octets, written)))


def _rest(octets: bytes, written: Written) -> tuple[bytes, memoryview]:
    """What follows the header's fields: the blank line, made where there is none, and the body."""
    return b"" if written.has_blank_line else b"\r\n", memoryview(octets)[written.header_end :]


async def _copy_of(octets: bytes, written: Written, added: bytes, copy: Copy | None) -> bytes:
    """The sender's own: with the fields that do not leave."""
    await asyncio.sleep(0)
    own = (copy.octets,) if copy and copy.octets else (octets[: written.header_end], *_rest(octets, written))
    return b"".join((added, *own))


def _needs_utf8(reverse_path: str, route: Route, header: bytes) -> bool:
    """Whether only a server with SMTPUTF8 can take it (RFC 6531 section 3.4).

    `header` only when the submitter said SMTPUTF8: the 8-bit headers of old programs travel as they always did.
    """
    members = (address for one in route.local for address in one.remote)
    addresses = (reverse_path, *(target.address for target in route.remote), *members)
    return not header.isascii() or not all(address.isascii() for address in addresses)
