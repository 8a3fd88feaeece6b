"""Mail that leaves because a recipient's filter says so: sent on, answered, told of, refused.

Whoever's filter it is, is its sender: the rules between populations, the brake and the academy's setting bind it as
they bind what they write themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from mailserver.delivery.envelope import Envelope, Memory, Part, Recipient, Rejection
from mailserver.delivery.placement import Placement
from mailserver.filters import Decision, Owner
from mailserver.foundation.settings import Settings
from mailserver.mime.body.structure import unpack
from mailserver.mime.header import headers
from mailserver.mime.header.addresses import parse, people
from mailserver.mime.writing import compose, dsn
from mailserver.mime.writing.dsn import Fate, Report
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Sender
from mailserver.notices import away, filters, house
from mailserver.sieve import Fcc, Notify, Redirect, Reject, Vacation
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import blobs
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Options, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.texts.causes import Cause
from mailserver.texts.languages import LanguageCode
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

SENT_ON_BY = "X-Sieve-Redirected-From"
"""The field on top of what is sent on, and whose filter did it: what comes back is known by it."""
MAX_HOPS = 5
"""Filters that a message goes through one after the other."""
TOLD_DAYS = 365
"""A failure of one script is not told again for so long."""
SHORT = 400
"""Characters of a reason that one reply has room for."""


class Signs(Protocol):
    """The instance's DKIM key."""

    def sign(self, header: bytes, octets: bytes, body: int, domain: str, now: int) -> bytes:
        """The signature field; empty when there is none."""


class Deliverer(Protocol):
    """What delivery does for mail of any kind."""

    def is_local(self, address: str) -> bool:
        """True when the address is in one of our domains."""

    async def resolve(self, address: str, size: int = 0, sender: Sender | None = None) -> Recipient:
        """Who gets mail for this address. Raises Refused, Denied, Temporary."""

    async def report_recipient(self, reverse_path: str) -> Recipient:
        """Who gets a report about what was sent from this address. Raises Refused, Temporary."""

    async def check_outside(self, sender: Sender | None) -> None:
        """May this sender write to somebody elsewhere? Raises Denied, Temporary."""

    async def language(self, recipient: Recipient) -> LanguageCode | None:
        """The language of whoever gets mail for a recipient."""

    async def prepare(self, octets: bytes) -> blobs.Prepared:
        """Scan and compress a message. Raises Temporary."""

    async def parts(
        self,
        envelope: Envelope,
        octets: bytes,
        options: Options,
        targets: Sequence[Target] = (),
        *,
        depth: int = 0,
        judge: bool = False,
    ) -> list[Part]:
        """The copies a message becomes."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """The message that a filter acts on, and for whom."""

    owner: Owner
    octets: bytes
    """As the filter left it."""
    part: Part
    envelope: Envelope
    recipient: str
    """The address that led to the owner; empty: a list of ours did."""
    depth: int


class Answering:
    """Writes what filters send. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, deliverer: Deliverer) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._deliverer = deliverer
        self._house = house.house_of(settings)
        self._zone = ZoneInfo(settings.web.timezone)
        self.signer: Signs | None = None

    # ------------------------------------------------------------------ sent on

    async def redirect(self, action: Redirect, at: Occasion) -> list[Part]:
        """The copy for another address (RFC 5228 section 4.2). Raises Refused, Denied: it may not go there; Temporary.

        What leaves the academy has its owner as sender: they hear when it does not arrive, and whoever wrote does not
        learn where it went.
        """
        to = action.address
        if at.owner.owns(to) or _passed(at):
            raise Refused(Reason.LOOP, "The message has been through this filter")
        is_local = await self._check_destination(to, at)
        reverse_path = at.envelope.reverse_path if is_local else at.envelope.reverse_path and at.owner.address
        mark = f"{SENT_ON_BY}: <{at.owner.address}>\r\n".encode("utf-8", "replace")
        octets = return_path(reverse_path) + mark + _below_return_path(at.octets)
        if is_local:
            recipient = await self._deliverer.resolve(to, len(octets), at.owner.sender)
            if at.envelope.sender is not None:
                await self._deliverer.resolve(to, len(octets), at.envelope.sender)
            envelope = replace(at.envelope, reverse_path=reverse_path, recipients=(recipient,))
            options = self._options(at.owner)
            parts = await self._deliverer.parts(envelope, octets, options, depth=at.depth + 1, judge=True)
        else:
            parts = [await self._outward(at.owner, to, octets, reverse_path)]
        log.info("sent on by a filter", account=at.owner.account_id, local=is_local)
        step = _step(at, Cause("filter-sent-on", address=to))
        return self._counted(parts, at.owner, step)

    async def _check_destination(self, to: str, at: Occasion) -> bool:
        """Whether it is one of ours. Raises Refused(FORBIDDEN | LIMIT), Denied."""
        allowed = self._settings.filters.redirect
        is_local = self._deliverer.is_local(to)
        if allowed == "never" or (allowed == "academy" and not is_local):
            raise Refused(Reason.FORBIDDEN, "The academy does not allow that filters send mail there")
        sent = await self._store.read(filter_memory.count, at.owner.account_id, Kind.PASSED_ON)
        if sent >= self._settings.filters.redirects_per_day:
            raise Refused(Reason.LIMIT, "The filter has sent on as much as it may in a day")
        if not is_local:
            await self._deliverer.check_outside(at.owner.sender)
        return is_local

    def _counted(self, parts: list[Part], owner: Owner, *steps: Trace) -> list[Part]:
        """The same, counting as one thing sent on."""
        if not parts:
            return []
        expires = int(self._clock.now()) + DAY
        memory = Memory(owner.account_id, Kind.PASSED_ON, self._clock.token(32), expires)
        first = parts[0]
        return [replace(first, remembers=(*first.remembers, memory), steps=(*first.steps, *steps)), *parts[1:]]

    def _options(self, owner: Owner) -> Options:
        name = spool.new_name(self._clock)
        return Options(name=name, account_id=owner.account_id, population=owner.population.value)

    async def _outward(self, owner: Owner, to: str, octets: bytes, reverse_path: str) -> Part:
        utf8 = not (to.isascii() and reverse_path.isascii())
        options = replace(self._options(owner), utf8=utf8)
        return Part(await self._deliverer.prepare(octets), reverse_path, targets=(Target(to),), options=options)

    # ------------------------------------------------------------------ answered and told

    async def vacation(self, action: Vacation, at: Occasion) -> list[Part]:
        """The absence message to whoever wrote, once in a while (RFC 5230). Raises Denied, Refused, Temporary."""
        to = action.recipient
        message = unpack(at.part.prepared.scan.parts)
        if not away.is_person(to) or at.owner.owns(to) or away.is_automatic(at.octets, message):
            return []
        subject, text = action.subject, action.reason
        author = self._author(action.sender, at.owner)
        now = self._clock.now()
        octets = filters.absence(
            filters.Absence(author, to, subject, text, action.mime),
            at.octets,
            message,
            message_id=self._message_id(),
            now=now,
            zone=self._offset(now),
        )
        once = None
        if action.seconds:
            key = filter_memory.key_of("vacation", action.handle, to.casefold())
            once = Memory(at.owner.account_id, Kind.VACATION, key, int(now) + action.seconds)
            if await self._store.read(filter_memory.seen, at.owner.account_id, Kind.VACATION, key):
                return []
        parts = await self._own_mail(at, to, octets, action.fcc)
        return [replace(part, once=part.once or once) for part in parts]

    async def notify(self, action: Notify, at: Occasion) -> list[Part]:
        """Notices of the message, by mail (RFC 5436). Raises Denied, Refused, Temporary."""
        message = unpack(at.part.prepared.scan.parts)
        if not at.envelope.reverse_path or away.is_automatic(at.octets, message):
            return []  # RFC 5436 section 2.7.1: a notice of a notice would go round
        parts: list[Part] = []
        now = self._clock.now()
        for to in dict.fromkeys(action.to):
            await self._check_destination(to, at)
            told = filters.Told(
                self._author(action.sender, at.owner),
                at.owner.address,
                to,
                action.subject,
                action.body,
                action.importance,
                action.headers,
            )
            octets = filters.told(told, message_id=self._message_id(), now=now, zone=self._offset(now))
            own = await self._own_mail(at, to, octets, action.fcc)
            parts += self._counted(own, at.owner, _step(at, Cause("filter-told", address=to)))
        return parts

    def _author(self, asked: str, owner: Owner) -> Correspondent:
        """In whose name it goes: an address of the owner's, whatever was asked for."""
        found = people(parse(asked)) if asked else []
        if len(found) == 1 and owner.owns(found[0].address):
            return Correspondent(found[0].display or owner.name, found[0].address)
        return Correspondent(owner.name, owner.address)

    async def _own_mail(self, at: Occasion, to: str, octets: bytes, fcc: Fcc | None) -> list[Part]:
        """Mail of the owner's filter, to one address that is no list's, and the copy that is kept of it (RFC 8580)."""
        owner = at.owner
        if self._deliverer.is_local(to):
            recipient = await self._deliverer.resolve(to, len(octets), owner.sender)
            if recipient.head is not None or at.depth >= MAX_HOPS:
                return []
            envelope = Envelope("", (recipient,), owner.sender, door=Door.SUBMISSION)
            whole = return_path("") + octets
            parts = await self._deliverer.parts(envelope, whole, self._options(owner), depth=at.depth + 1)
        else:
            await self._deliverer.check_outside(owner.sender)
            whole = return_path("") + self._signed(octets)
            parts = [await self._outward(owner, to, whole, "")]
        if fcc is not None:
            place = Placement(fcc.mailbox, ("\\Seen", *fcc.flags), fcc.create, fcc.special_use)
            kept = Provenance(Door.KEPT, owner.account_id)
            copy = await self._deliverer.prepare(octets)
            placements = {owner.account_id: (place,)}
            parts.append(Part(copy, "", (owner.account_id,), provenance=kept, placements=placements))
        return parts

    def _signed(self, octets: bytes) -> bytes:
        end = octets.find(b"\r\n\r\n") + 2
        if self.signer is None or end < 2:
            return octets
        now = int(self._clock.now())
        return self.signer.sign(octets[:end], octets, end + 2, self._settings.domain, now) + octets

    def _message_id(self) -> str:
        return compose.message_id(self._clock.token(12), self._settings.domain)

    def _offset(self, now: float) -> int:
        offset = datetime.fromtimestamp(now, self._zone).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    # ------------------------------------------------------------------ refused, failed

    async def reject(self, action: Reject, at: Occasion) -> list[Part]:
        """The report to the sender, for doors that cannot tell them at once (RFC 5429 section 2.1).

        Raises Temporary.
        """
        said = Rejection(at.recipient or at.owner.address, at.owner.account_id, _in_one_line(action.reason))
        step = _step(at, Cause("filter-refused"))
        log.info("refused by a filter", account=at.owner.account_id)
        told = said if at.depth == 0 else None
        silent = Part(at.part.prepared, "", rejection=told, steps=(step,))
        path = at.envelope.reverse_path
        if not away.is_person(path):
            return [silent]
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
        )
        octets = return_path("") + dsn.build(report, at.octets[: dsn.MAX_RETURNED])
        prepared = await self._deliverer.prepare(octets)
        service = Provenance(Door.SERVICE)
        return [
            Part(prepared, "", recipient.accounts, recipient.remote, provenance=service, rejection=told, steps=(step,))
        ]

    async def prepared(self, octets: bytes) -> blobs.Prepared:
        """A copy with a header of its own."""
        return await self._deliverer.prepare(octets)

    async def failure(self, decision: Decision, why: Text, line: int = 0) -> list[Part]:
        """The owner is told, once, that the filter cannot be applied. Raises Temporary."""
        account_id = decision.owner.account_id
        key = filter_memory.key_of("failure", decision.digest.hex())
        log.info("filter failed", account=account_id, line=line, why=why.message[:100])
        if await self._store.read(filter_memory.seen, account_id, Kind.FAILURE, key):
            return []
        expires = int(self._clock.now()) + TOLD_DAYS * DAY
        speaking = await house.house_for(self._store, self._house, account_id)
        to = Correspondent(decision.owner.name, decision.owner.address)
        octets = filters.failed(speaking, to, why, line, token=self._clock.token(12), now=self._clock.now())
        prepared = await self._deliverer.prepare(return_path("") + octets)
        once = Memory(account_id, Kind.FAILURE, key, expires)
        return [Part(prepared, "", (account_id,), provenance=Provenance(Door.SERVICE), once=once)]


def _passed(at: Occasion) -> bool:
    """Whether the message comes round again: through this owner's filter, or through too many (RFC 5228 section 10)."""
    if at.depth >= MAX_HOPS:
        return True
    message = unpack(at.part.prepared.scan.parts)
    named = headers.named(at.octets, message.start, message.body, SENT_ON_BY.lower())
    by = [headers.as_text(at.octets[one.value : one.end]).strip("<> \t") for one in named]
    return len(by) >= MAX_HOPS or any(at.owner.owns(address) for address in by)


def _step(at: Occasion, cause: Cause) -> Trace:
    recipients = [at.recipient or at.owner.address]
    envelope = at.envelope
    size = len(at.octets)
    return Trace(
        Step.FILTERED, envelope.name, envelope.reverse_path, recipients, size, at.owner.account_id, detail=cause
    )


def _below_return_path(octets: bytes) -> bytes:
    """A message without the one Return-Path that we put on top of it."""
    if octets[:12].lower() == b"return-path:":
        return octets[octets.find(b"\n") + 1 :]
    return octets


def _in_one_line(reason: str) -> str:
    return re.sub(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", reason).strip()[:SHORT] or "Refused"
