"""Mail that leaves because a recipient's filter says so: sent on, answered, told of, refused.

Whoever's filter it is, is its sender: the rules between populations, the brake and the academy's setting bind it as
they bind what they write themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import structlog

from mailserver.delivery.envelope import Envelope, Memory, Part, Recipient, Rejection
from mailserver.delivery.filtering.deliverer import Deliverer
from mailserver.delivery.filtering.occasion import MAX_HOPS, Occasion, has_passed, is_answerable, sent_on
from mailserver.delivery.filtering.owner_notices import OwnerNotices
from mailserver.delivery.outgoing_guard import Unasked, UnaskedSubject
from mailserver.delivery.placement import Placement
from mailserver.filters import Owner
from mailserver.filters.sieve import Fcc, Notify, Reject, Vacation
from mailserver.foundation.settings import Settings
from mailserver.mime.body.structure import unpack
from mailserver.mime.header import dates, header_limit, originators
from mailserver.mime.header.addresses import parse, people
from mailserver.mime.writing import compose, dsn
from mailserver.mime.writing.dsn import Fate, Report
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.address import MAX_PATH
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Denied
from mailserver.notices.accounts import away
from mailserver.notices.mail import filters
from mailserver.policy.rules.sending_limits import SendingLimits, Sent
from mailserver.store.account import confirmed_answers, filter_memory
from mailserver.store.account.confirmed_answers import Said
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.mail.messages import Quota
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

ANSWERS_PER_DAY = 500
"""Absences and refusals of one account; what is more is not answered."""
MIN_ABSENCE = 600
"""Seconds between two absences told to one person, whatever a script asks for (RFC 6131 section 3)."""
SHORT = 400
"""Characters of a reason that one reply has room for."""

_NO_LIST = Text("Un filtre n’écrit pas à une liste.")
_UNPROVEN = Text("Rien ne prouve que le message vient de son auteur.")


class Answering:
    """Writes what filters send. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, deliverer: Deliverer) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._deliverer = deliverer
        self._limits = SendingLimits(settings)
        self.notices = OwnerNotices(settings=settings, store=store, clock=clock, deliverer=deliverer)
        self._zone = ZoneInfo(settings.web.timezone)
        self._domains = frozenset(domain.casefold() for domain in settings.domains)

    # ------------------------------------------------------------------ sent on

    async def redirect(self, addresses: Sequence[str], at: Occasion) -> tuple[list[Part], dict[str, Refused]]:
        """The copies for other addresses (RFC 5228 section 4.2), and those that it may not go to, and why. Raises
        Temporary.

        What leaves the academy has its owner as sender: they hear when it does not arrive, and whoever wrote does not
        learn where it went. Copies with the same octets are one, counted together.
        """
        refused: dict[str, Refused] = {}
        reached: dict[str, Recipient | None] = {}
        unread: dict[str, Sequence[str]] = {}
        size = len(at.octets) + MAX_PATH
        for to in addresses:
            try:
                reached[to], unread[to] = await self._destination(to, size, at)
                at.passage.budget.take(size)
            except Refused as refusal:
                reached.pop(to, None)
                refused[to] = refusal
        room = await self._claimed(at.owner, Kind.PASSED_ON, self._settings.filters.redirects_per_day, len(reached))
        for to in list(reached)[room:]:
            del reached[to]
            refused[to] = Refused(Reason.LIMIT, "The filter has sent on as much as it may in a day")
        parts = await self._inward([one for one in reached.values() if one is not None], at)
        parts += await self._outward_all([to for to, one in reached.items() if one is None], at)
        if reached:
            log.info("sent on by a filter", account=at.owner.account_id, addresses=len(reached))
        parts = _recorded(parts, *(_step(at, Cause("filter-sent-on", address=to)) for to in reached))
        names = next((unread[to] for to in reached if unread[to]), ())
        return parts + await self.notices.unread(at, names), refused

    async def _destination(self, to: str, size: int, at: Occasion) -> tuple[Recipient | None, Sequence[str]]:
        """Whom of ours an address reaches (None: it is elsewhere), and the files of what leaves that nobody could read.
        Raises Refused, Denied: it may not go there."""
        if at.owner.owns(to) or has_passed(at):
            raise Refused(Reason.LOOP, "The message has been through this filter")
        found = await self._reached(to, size, at) if await self._check_destination(to, at) else None
        if found is None:
            self._check_author(at)
        if found is None or found.remote:
            return found, await self._deliverer.check_leaving(at.envelope, at.octets)
        return found, ()

    async def _inward(self, recipients: Sequence[Recipient], at: Occasion) -> list[Part]:
        """The copy for people of ours, whose filters run."""
        if not recipients:
            return []
        octets = sent_on(at, at.envelope.reverse_path)
        envelope = replace(at.left, recipients=tuple(recipients))
        onward = at.passage.through(at.owner.account_id)
        return await self._deliverer.parts(envelope, octets, self._options(at), passage=onward, judge=True)

    async def _outward_all(self, addresses: Sequence[str], at: Occasion) -> list[Part]:
        """The copies that leave: what has to be said in UTF-8 keeps no other address from servers that cannot."""
        reverse_path = at.envelope.reverse_path and at.owner.address
        octets = sent_on(at, reverse_path)
        plain = [to for to in addresses if to.isascii()]
        groups = [plain, *([to] for to in addresses if not to.isascii())]
        options = replace(self._options(at), signing=at.left.signing, results=at.envelope.found)
        return [await self._outward(some, octets, reverse_path, options) for some in groups if some]

    async def _check_destination(self, to: str, at: Occasion) -> bool:
        """Whether it is one of ours. Raises Refused(FORBIDDEN), Denied."""
        allowed = self._settings.filters.redirect
        is_local = self._deliverer.is_local(to)
        if allowed == "never" or (allowed == "academy" and not is_local):
            raise Refused(Reason.FORBIDDEN, "The academy does not allow that filters send mail there")
        if not is_local:
            await self._deliverer.check_outside(at.owner.sender)
        return is_local

    async def _reached(self, to: str, size: int, at: Occasion) -> Recipient:
        """Whom both the owner and whoever wrote may write to at an address. Raises Refused, Denied, Temporary.

        A list takes nothing: its moderators and the rules between populations ask who wrote, and a filter would do so
        for everybody.
        """
        found = await self._deliverer.resolve(to, size, at.owner.sender)
        if at.owner.account_id in found.accounts:
            raise Refused(Reason.LOOP, "The filter would send the message to its owner")
        wider = found
        if at.envelope.sender is not None:
            wider = await self._deliverer.resolve(to, size, at.envelope.sender)
        if any(one.head is not None or one.held for one in (found, wider)):
            raise Denied(_NO_LIST)
        accounts = tuple(account for account in found.accounts if account in wider.accounts)
        remote = tuple(address for address in found.remote if address in wider.remote)
        if not accounts and not remote:
            raise Refused(Reason.FORBIDDEN, "Whoever wrote may not write there")
        return replace(found, accounts=accounts, remote=remote)

    def _check_author(self, at: Occasion) -> None:
        """What leaves has our name on its envelope, so that it passes for what its author's domain sent: one of ours
        must have been proven before, and have written it as it is. Raises Denied."""
        if not at.edited and (at.envelope.door is Door.SUBMISSION or at.envelope.results.authenticated):
            return
        end = header_limit.end(at.octets, len(at.octets))
        if originators.claimed(at.octets[:end], self._domains):
            raise Denied(_UNPROVEN)

    async def _count(self, at: Occasion) -> None:
        """One mail more: of this message, and of the owner's today. Raises Refused(LIMIT), Temporary."""
        at.passage.budget.take()
        most = self._settings.filters.redirects_per_day
        if not await self._claimed(at.owner, Kind.PASSED_ON, most):
            raise Refused(Reason.LIMIT, "The filter has sent on as much as it may in a day")

    async def _claimed(self, owner: Owner, kind: Kind, most: int, count: int = 1) -> int:
        """Count things of today, at once: of messages that arrive together none may overlook the others. How many of
        them may be."""
        if not count:
            return 0
        keys, expires = [self._clock.token(32) for _ in range(count)], int(self._clock.now()) + DAY
        return await self._store.write(self._claim_unit, owner, kind, keys, expires, most)

    def _claim_unit(self, tx: Tx, owner: Owner, kind: Kind, keys: Sequence[bytes], expires: int, most: int) -> int:
        """Within the day's number, and, all or none, within what the account may send at all; what may not be sent
        uses up nothing of the day's."""
        room = min(len(keys), most - filter_memory.count(tx, owner.account_id, kind))
        if room <= 0 or not self._limits.count_automatic(tx, Sent(owner.account_id, owner.population, room)):
            return 0
        return filter_memory.claim_within(tx, owner.account_id, kind, keys, expires, most)

    def _options(self, at: Occasion) -> Options:
        """What leaves because of a message has its name in the trace."""
        name = at.envelope.name or spool.new_name(self._clock)
        own = Options(name=name, account_id=at.owner.account_id, population=at.owner.population.value)
        return at.envelope.bind(own)

    async def _outward(self, to: Sequence[str], octets: bytes, reverse_path: str, options: Options) -> Part:
        utf8 = not (all(address.isascii() for address in to) and reverse_path.isascii())
        options = replace(options, utf8=utf8)
        targets = tuple(map(Target, to))
        return Part(await self._deliverer.prepare(octets), reverse_path, targets=targets, options=options)

    # ------------------------------------------------------------------ answered and told

    async def vacation(self, action: Vacation, at: Occasion) -> list[Part]:
        """The absence message to whoever wrote, once in a while (RFC 5230). Raises Denied, Refused, UnaskedSubject,
        Temporary."""
        to = action.recipient
        message = unpack(at.part.prepared.scan.parts)
        if not away.is_person(to) or at.owner.owns(to) or away.is_automatic(at.original, message):
            return []
        if not is_answerable(at):
            log.info("absence not told: its sender is not proven", account=at.owner.account_id)
            return []
        now = self._clock.now()
        key = filter_memory.key_of("vacation", action.handle, to.casefold())
        if await self._store.read(filter_memory.seen, at.owner.account_id, Kind.VACATION, key):
            return []
        author = self._author(action.sender, at.owner)
        octets = filters.absence(
            filters.Absence(author, to, action.subject, action.reason, action.mime),
            at.original,
            message,
            message_id=self._message_id(author),
            now=now,
            zone=self._offset(now),
        )
        if action.mime and await self._deliverer.virus_in(octets):
            raise Refused(Reason.FORBIDDEN, "The absence message has a virus")
        at.passage.budget.take()
        if not await self._claimed(at.owner, Kind.ANSWERED, ANSWERS_PER_DAY):
            raise Refused(Reason.LIMIT, "The filter has answered as much as it may in a day")
        try:
            cleared = await self._is_confirmed(action, at)
            parts = await self._own_mail(at, to, octets, cleared=cleared, answered=at.original)
        except Unasked:
            await self._check_subject(action, at)
            raise
        if parts and action.fcc is not None:
            parts += await self._kept(at, octets, action.fcc)
        once = Memory(at.owner.account_id, Kind.VACATION, key, int(now) + max(MIN_ABSENCE, action.seconds))
        parts = _recorded(parts, _step(at, Cause("filter-answered", address=to)))
        return [replace(part, once=part.once or once) for part in parts]

    async def _is_confirmed(self, action: Vacation, at: Occasion) -> bool:
        """Whether the owner lets this text leave whatever it gives away, and its subject, which may quote the message,
        gives nothing away."""
        said = Said(action.reason, action.mime)
        if not await self._store.read(confirmed_answers.has, at.owner.account_id, said):
            return False
        try:
            await self._check_subject(action, at)
        except Unasked:
            return False
        return True

    async def _check_subject(self, action: Vacation, at: Occasion) -> None:
        """Raises UnaskedSubject: it gives something away; Temporary."""
        subject = b"\r\n" + action.subject.encode("utf-8", "replace")
        try:
            own = Envelope("", (), at.owner.sender, at.envelope.name)
            await self._deliverer.check_leaving(own, subject, at.original)
        except Unasked as unasked:
            raise UnaskedSubject(unasked.kinds, unasked.author) from None

    async def notify(self, action: Notify, at: Occasion) -> list[Part]:
        """Notices of the message, by mail (RFC 5436). Raises Temporary.

        Of a notice none was asked for: what `Auto-Submitted` marks triggers none (`mailserver.filters.sieve`)."""
        parts: list[Part] = []
        fcc = action.fcc
        for to in dict.fromkeys(action.to):
            try:
                octets, own = await self._notice(action, to, at)
            except Unasked as unasked:
                parts += await self.notices.unasked(at, unasked)
                continue
            except Refused as refusal:  # the others are told all the same
                log.info("notice may not be sent", account=at.owner.account_id, why=refusal.reason.value)
                continue
            parts += _recorded(own, _step(at, Cause("filter-told", address=to)))
            if own and fcc is not None:
                parts += await self._kept(at, octets, fcc)
                fcc = None
        return parts

    async def _notice(self, action: Notify, to: str, at: Occasion) -> tuple[bytes, list[Part]]:
        """One notice, and its copies. Raises Refused, Denied, Temporary."""
        await self._check_destination(to, at)
        await self._count(at)
        author = self._author(action.sender, at.owner)
        subject, body, now = action.subject, action.body, self._clock.now()
        told = filters.Told(author, at.owner.address, to, subject, body, action.importance, action.headers)
        octets = filters.told(told, message_id=self._message_id(author), now=now, zone=self._offset(now))
        return octets, await self._own_mail(at, to, octets)

    def _author(self, asked: str, owner: Owner) -> Correspondent:
        """In whose name it goes: an address of the owner's, whatever was asked for."""
        found = people(parse(asked)) if asked else []
        if len(found) == 1 and owner.owns(found[0].address):
            return Correspondent(found[0].display or owner.name, found[0].address)
        return Correspondent(owner.name, owner.address)

    async def _own_mail(
        self, at: Occasion, to: str, octets: bytes, *, cleared: bool = False, answered: bytes = b""
    ) -> list[Part]:
        """Mail of the owner's filter, to one address that is no list's, perhaps to who wrote what it answers.
        `cleared`: they let it leave as it is."""
        owner = at.owner
        if not self._deliverer.is_local(to):
            await self._deliverer.check_outside(owner.sender)
            own = Envelope("", (), owner.sender, at.envelope.name, cleared=cleared)
            unread = await self._deliverer.check_leaving(own, octets, answered)
            left = await self._outward([to], return_path("") + octets, "", self._options(at))
            return [left, *await self.notices.unread(at, unread)]
        recipient = await self._deliverer.resolve(to, len(octets), owner.sender)
        if recipient.head is not None or recipient.held or at.passage.depth >= MAX_HOPS:
            return []
        options = self._options(at)
        envelope = Envelope("", (recipient,), owner.sender, options.name, Door.SUBMISSION)
        envelope = replace(envelope, require_tls=options.require_tls, cleared=cleared)
        onward = at.passage.through(owner.account_id)
        return await self._deliverer.parts(envelope, return_path("") + octets, options, passage=onward)

    async def _kept(self, at: Occasion, octets: bytes, fcc: Fcc) -> list[Part]:
        """The copy that is kept of what a filter sent (RFC 8580), where the account has room for it."""
        account_id = at.owner.account_id
        try:
            room = await self._store.read(messages.room, account_id, Quota.of(self._settings.limits))
        except Refused:
            return []
        # What came in counts first.
        if room is not None and room < len(octets) + len(at.octets):
            return []
        place = Placement(fcc.mailbox, ("\\Seen", *fcc.flags), fcc.create, fcc.special_use)
        copy = await self._deliverer.prepare(octets)
        kept = Provenance(Door.KEPT, account_id)
        return [Part(copy, "", (account_id,), provenance=kept, placements={account_id: (place,)})]

    def _domain(self, address: str) -> str:
        """The domain that signs for an author: theirs, where it is ours (DMARC wants them to be one)."""
        domain = address.rpartition("@")[2].casefold()
        return domain if domain in self._domains else self._settings.domain

    def _message_id(self, author: Correspondent | None = None) -> str:
        domain = self._settings.domain if author is None else self._domain(author.address)
        return compose.message_id(self._clock.token(12), domain)

    def _offset(self, now: float) -> int:
        return dates.offset(now, self._zone)

    # ------------------------------------------------------------------ refused, failed

    async def reject(self, action: Reject, at: Occasion) -> list[Part]:
        """The report to the sender, for doors that cannot tell them at once (RFC 5429 section 2.1).

        Raises Refused, Denied: nobody may be told, so that the message has to be kept; Temporary.
        """
        if not is_answerable(at):
            raise Refused(Reason.FORBIDDEN, "Whoever wrote is not proven: a report could go to somebody else")
        said = Rejection(at.passage.first, at.owner.account_id, _in_one_line(action.reason))
        step = _step(at, Cause("filter-refused"))
        # What a list or another filter brought was accepted of its sender already.
        told = said if at.passage.depth == 0 and not at.part.provenance.through_list else None
        silent = Part(at.part.prepared, "", rejection=told, steps=(step,))
        path = at.envelope.reverse_path
        is_reported = away.is_person(path)
        # The door tells whoever brought it, also where no report goes to anybody.
        if (is_reported and not self._deliverer.is_local(path)) or (told is not None and _is_from_outside(at)):
            await self._deliverer.check_outside(at.owner.sender)
            own = Envelope("", (), at.owner.sender, at.envelope.name)
            await self._deliverer.check_leaving(own, b"\r\n" + action.reason.encode("utf-8", "replace"), at.original)
        log.info("refused by a filter", account=at.owner.account_id)
        if not is_reported:
            return [silent]
        if not await self._claimed(at.owner, Kind.ANSWERED, ANSWERS_PER_DAY):
            raise Refused(Reason.LIMIT, "The filter has refused as much as it may in a day")
        try:
            recipient = await self._deliverer.report_recipient(path)
        except Refused as refusal:
            log.info("refusal has nobody to go to", why=refusal.reason.value)
            return [silent]
        fate = Fate(said.address, dsn.Action.FAILED, "5.7.1", diagnostic=f"550 5.7.1 {action.reason.strip()}")
        report = Report(
            domain=self._settings.domain,
            host=self._settings.name,
            recipient=path,
            date=self._clock.now(),
            message_id=self._message_id(),
            fates=(fate,),
            language=await self._deliverer.language(recipient),
            zone=self._zone,
        )
        octets = return_path("") + dsn.build(report, at.original[: dsn.MAX_RETURNED])
        prepared = await self._deliverer.prepare(octets)
        service, options = Provenance(Door.SERVICE), at.envelope.bind(Options(name=at.envelope.name))
        part = Part(prepared, "", recipient.accounts, recipient.remote, options, provenance=service)
        return [replace(part, rejection=told, steps=(step,))]

    async def prepared(self, octets: bytes) -> blobs.Prepared:
        """A copy with a header of its own."""
        return await self._deliverer.prepare(octets)


def _recorded(parts: list[Part], *steps: Trace) -> list[Part]:
    """The same, put on record with the first of them."""
    if not parts:
        return []
    return [replace(parts[0], steps=(*parts[0].steps, *steps)), *parts[1:]]


def _is_from_outside(at: Occasion) -> bool:
    """Whether nobody of this house wrote it."""
    sender = at.envelope.sender
    return sender is not None and not sender.account_id


def _step(at: Occasion, cause: Cause) -> Trace:
    recipients = [at.recipient or at.owner.address]
    envelope = at.envelope
    size = len(at.octets)
    return Trace(
        Step.FILTERED, envelope.name, envelope.reverse_path, recipients, size, at.owner.account_id, detail=cause
    )


def _in_one_line(reason: str) -> str:
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", reason).strip()[:SHORT] or "Refused"
