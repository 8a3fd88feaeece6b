"""What becomes of a copy by the filters of those who get it: other mailboxes, copies of their own, mail that leaves.

Everything that a filter asks for is a part of the same unit as the message, or is not done, and the message is in
INBOX. What the service itself says is not sorted: whoever got hold of a password could hide with a filter that the
owner is told of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailserver.delivery.envelope import Envelope, Memory, Part
from mailserver.delivery.filtering.answering import Answering
from mailserver.delivery.filtering.occasion import Budget, Occasion, Passage, Volume, left_by, may_send
from mailserver.delivery.outgoing_guard import Unasked
from mailserver.delivery.placement import SPAM, Placement
from mailserver.filters import Arriving, Decision, Filters
from mailserver.filters.rules import environment
from mailserver.filters.sieve import Discard, Edited, FileInto, Keep, Mark, Notify, Outcome, Redirect, Reject, Vacation
from mailserver.foundation.settings import Limits, Settings
from mailserver.mime.header import header_limit
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Population
from mailserver.model.messages.provenance import Door
from mailserver.model.rules import Denied
from mailserver.store.account import filter_memory
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.transactions import Store, Uncertain
from mailserver.store.mail import access, messages
from mailserver.store.mail.junk import Source, Verdict
from mailserver.store.mail.messages import Quota
from mailserver.store.queue.traces import Step, Trace
from mailserver.texts.causes import Cause
from mailserver.texts.text import Text

log = structlog.get_logger("filters")

JUNK = "\\Junk"
JUNK_NAMES = frozenset(("junk", "spam"))
TRASH = "\\Trash"

_NOT_ALLOWED = Text("L’académie ne le permet pas.")
_WHY = {
    Reason.LIMIT: Text(
        "Le filtre a renvoyé autant de messages qu’il le peut en un jour, ou pour un seul message reçu."
    ),
    Reason.NO_SUCH_RECIPIENT: Text("Personne n’a cette adresse."),
    Reason.OVER_QUOTA: Text("La boîte aux lettres est pleine."),
    Reason.SUSPENDED: Text("Ce compte est suspendu."),
}

Away = Vacation | Notify | Reject
"""What makes mail of its own, beside what is sent on."""


@dataclass(slots=True)
class _Sorted:
    """A copy on its way through the filters of its recipients."""

    part: Part
    octets: bytes
    envelope: Envelope
    passage: Passage | None
    """The filters that sent it on until here."""
    volume: Volume
    quota: Quota
    placements: dict[int, tuple[Placement, ...]] = field(default_factory=dict)
    verdicts: dict[int, Verdict] = field(default_factory=dict)
    """Whose filter says that it is junk."""
    apart: list[Part] = field(default_factory=list)
    """Copies with a header of their own, and mail that leaves."""
    moved: set[int] = field(default_factory=set)
    """Accounts with a copy of their own."""
    remembers: list[Memory] = field(default_factory=list)
    steps: list[Trace] = field(default_factory=list)

    def parts(self) -> list[Part]:
        if not (self.moved or self.placements or self.verdicts or self.remembers or self.steps):
            return [self.part, *self.apart]  # all of them keep it as it came, as mostly
        accounts = self.part.accounts
        if self.moved:
            accounts = tuple(account for account in accounts if account not in self.moved)
        placements = {**self.part.placements, **self.placements}
        part = replace(
            self.part,
            accounts=accounts,
            quota=self.quota,
            placements=placements,
            verdicts={**self.part.verdicts, **self.verdicts},
            remembers=(*self.part.remembers, *self.remembers),
            steps=(*self.part.steps, *self.steps),
        )
        return [part, *self.apart]


class Sorting:
    """Has the filters run, and does what they say. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, clock: Clock, filters: Filters, answering: Answering
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._filters = filters
        self._answering = answering

    async def sort(
        self,
        part: Part,
        octets: bytes,
        envelope: Envelope,
        addresses: Mapping[int, str],
        passage: Passage | None,
        volume: Volume,
    ) -> list[Part]:
        """The parts that a copy becomes. `addresses`: which of the envelope led to an account. `passage`: the filters
        that sent it on. `volume`: of all copies of the message. Raises Temporary."""
        if part.provenance.door is Door.SERVICE and not part.provenance.through_list:
            return [part]
        scripted = await self._filters.scripted(part.accounts)
        if not scripted:
            return [part]
        spam = {account: _spam(part.verdicts[account]) for account in scripted if account in part.verdicts}
        arriving = Arriving(
            octets, envelope.reverse_path, self._environment(part, envelope), spam, envelope.viruses or None
        )
        recipients = {account: addresses.get(account, "") for account in scripted}
        work = _Sorted(part, octets, envelope, passage, volume, Quota.of(self._settings.limits))
        for decision in await self._filters.decide(arriving, recipients):
            await self._apply(work, decision, recipients[decision.owner.account_id])
        return work.parts()

    def _environment(self, part: Part, envelope: Envelope) -> Mapping[str, str]:
        """RFC 5183 section 4.1. From where people hand in mail is nobody's business but theirs."""
        facts = {"domain": self._settings.domain, "host": self._settings.name}
        if envelope.door is Door.SMTP:
            facts |= {"remote-ip": envelope.peer, "remote-host": envelope.peer_name}
        scan = part.prepared.scan
        domains = self._settings.domains
        known = environment.items(part.provenance, _answered(envelope), scan.sender_address, scan.attachments, domains)
        return {**{name: fact for name, fact in facts.items() if fact}, **known}

    async def _apply(self, work: _Sorted, decision: Decision, recipient: str) -> None:
        """What one account's filter decided; nothing of it where that fails, and its owner is told."""
        outcome = decision.outcome
        before = len(work.apart), len(work.steps), len(work.remembers)
        try:
            if outcome is not None:
                await self._carry_out(work, decision, outcome, recipient)
                return
            why = decision.fault or Text("Le filtre ne peut pas être lu.")
        except (Temporary, Uncertain):
            raise
        except Exception:
            # One person's script must not stop a message that others wait for too.
            log.exception("filter cannot be applied", account=decision.owner.account_id)
            del work.apart[before[0] :], work.steps[before[1] :], work.remembers[before[2] :]
            work.volume.told.discard(_script(decision))
            why = Text("Le filtre ne peut pas être appliqué.")
        await self._tell(work, decision, why)

    async def _tell(self, work: _Sorted, decision: Decision, why: Text) -> None:
        """The owner is told of a failure: once for one message, however often it comes round. Raises Temporary."""
        if _script(decision) not in work.volume.told:
            work.volume.told.add(_script(decision))
            work.apart += await self._answering.notices.failure(decision, why, decision.line)

    async def _carry_out(self, work: _Sorted, decision: Decision, outcome: Outcome, recipient: str) -> None:
        owner, account_id = decision.owner, decision.owner.account_id
        passage = work.passage or Passage(recipient or owner.address, Budget(work.volume))
        at = Occasion(owner, work.octets, work.octets, work.part, work.envelope, recipient, passage)
        states = _States(at, self._settings.limits)
        unsorted = work.part.placements.get(account_id, (Placement(),))
        placed, is_gone = _placements(decision, outcome, unsorted)
        before = len(work.apart)
        if not await self._redirect(work, decision, outcome, states):
            is_gone = False
        for action in outcome.actions:
            if not isinstance(action, Away) or await self._send(work, action, at, placed):
                continue
            is_gone = False
            if isinstance(action, Reject) and may_send(owner):  # it was not wanted, and nobody can be told
                placed = [(None, SPAM)]
        if not placed and not is_gone:
            placed = [(None, one) for one in unsorted]
        if not placed and len(work.apart) == before:
            work.steps.append(_thrown_away(at))
            log.info("thrown away by a filter", account=account_id, id=work.envelope.name)
        if placed and account_id not in work.part.verdicts and all(_is_junk(one) for _, one in placed):
            work.verdicts[account_id] = Verdict(Source.FILTER, 0, 0)
        work.remembers += self._marks(outcome.marks, account_id)
        await self._place(work, states, await self._fitting(states, placed))

    async def _place(self, work: _Sorted, states: "_States", placed: Sequence["_Placed"]) -> None:
        """Where the message goes as it came, and copies of the account's own where the filter changed it."""
        part, account_id = work.part, states.came.owner.account_id
        groups: dict[Edited | None, list[Placement]] = {}
        for edited, placement in placed:
            groups.setdefault(edited, []).append(placement)
        plain = tuple(groups.pop(None, ()))
        for edited, some in groups.items():
            prepared = await self._answering.prepared(states.of(edited).octets)
            verdicts = {**part.verdicts, **work.verdicts}
            verdicts = {account_id: verdicts[account_id]} if account_id in verdicts else {}
            known = left_by(part.provenance, account_id)
            own = Part(
                prepared, part.reverse_path, (account_id,), provenance=known, verdicts=verdicts, quota=work.quota
            )
            own = replace(own, options=part.options)
            work.apart.append(replace(own, placements={account_id: tuple(some)}))
        if groups and not plain:
            work.moved.add(account_id)
        elif plain != part.placements.get(account_id, (Placement(),)):
            work.placements[account_id] = plain

    async def _send(self, work: _Sorted, action: Away, at: Occasion, placed: Sequence["_Placed"]) -> bool:
        """Mail of the filter's own; False when it may not go, so that the message has to be kept. Raises Temporary."""
        if not may_send(at.owner):
            log.info("filter may not send: its account is not active", account=at.owner.account_id)
            return False
        try:
            match action:
                case Vacation() if not any(_is_unwanted(placement) for _, placement in placed):
                    work.apart += await self._answering.vacation(action, at)
                case Notify():
                    work.apart += await self._answering.notify(action, at)
                case Reject():
                    work.apart += await self._answering.reject(action, at)
                case _:
                    pass
        except Refused as refusal:
            log.info("filter may not send", account=at.owner.account_id, why=refusal.reason.value)
            if isinstance(refusal, Unasked):
                work.apart += await self._answering.notices.unasked(at, refusal, answer=isinstance(action, Vacation))
            return not isinstance(action, Reject)
        return True

    async def _redirect(self, work: _Sorted, decision: Decision, outcome: Outcome, states: "_States") -> bool:
        """The message for other addresses; False when it may not go to one of them, so that it has to be kept. Raises
        Temporary."""
        groups: dict[Edited | None, list[str]] = {}
        for action in outcome.actions:
            if isinstance(action, Redirect):
                groups.setdefault(action.edited, []).append(action.address)
        if not groups:
            return True
        if not may_send(decision.owner):
            log.info("filter may not send: its account is not active", account=decision.owner.account_id)
            return False
        is_whole = True
        for edited, addresses in groups.items():
            parts, refused = await self._answering.redirect(addresses, states.of(edited))
            work.apart += parts
            for address, refusal in refused.items():
                is_whole = False
                log.info("filter may not send", account=decision.owner.account_id, why=refusal.reason.value)
                if isinstance(refusal, Unasked):
                    work.apart += await self._answering.notices.unasked(states.came, refusal)
                elif refusal.reason is not Reason.LOOP:
                    why = refusal.said if isinstance(refusal, Denied) else _WHY.get(refusal.reason, _NOT_ALLOWED)
                    told = Text("Le message n’a pas été renvoyé à {address}. {why}", address=address, why=why)
                    await self._tell(work, decision, told)
        return is_whole

    async def _fitting(self, states: "_States", placed: Sequence["_Placed"]) -> Sequence["_Placed"]:
        """As many appearances as the account has room for, and always the first: that one was accepted."""
        if len(placed) < 2:
            return placed
        try:
            room = await self._store.read(messages.room, states.came.owner.account_id, Quota.of(self._settings.limits))
        except Refused:
            return placed[:1]
        size = max(len(states.of(edited).octets) for edited, _ in placed)
        return placed if room is None else placed[: max(1, room // max(1, size))]

    def _marks(self, marks: Sequence[Mark], account_id: int) -> list[Memory]:
        now = int(self._clock.now())
        return [
            Memory(account_id, Kind.DUPLICATE, filter_memory.key_of(mark.handle), now + mark.seconds, mark.last)
            for mark in marks
        ]


_Placed = tuple[Edited | None, Placement]
"""Where a message goes, and as what."""


@dataclass(slots=True)
class _States:
    """A message as its filter met each action."""

    came: Occasion
    limits: Limits
    _made: dict[Edited, Occasion] = field(default_factory=dict)

    def of(self, edited: Edited | None) -> Occasion:
        """The occasion with the message as it was then. Raises Refused(TOO_BIG) for more than a header may be."""
        if edited is None:
            return self.came
        if edited not in self._made:
            self._made[edited] = replace(self.came, octets=_written(self.came.original, edited, self.limits))
        return self._made[edited]


def _answered(envelope: Envelope) -> Population:
    """Of whoever an answer goes to: what somebody's filter changed and sent on is theirs, an answer to it is not."""
    sender = envelope.sender
    if sender is None:
        return Population.OUTSIDE
    is_back = envelope.door is not Door.RESENT or envelope.reverse_path.casefold() in sender.addresses
    return sender.population if is_back else Population.OUTSIDE


def _placements(decision: Decision, outcome: Outcome, unsorted: Sequence[Placement]) -> tuple[list[_Placed], bool]:
    """Where a message goes, and whether it may go nowhere because the filter says so.

    `unsorted`: where it would be without a filter. What a filter says nothing of stays there, so that junk is no less
    junk; `keep` is INBOX (RFC 5228 section 4.3), as its owner wants it.
    """
    placed: list[_Placed] = []
    is_gone = False
    for action in outcome.actions:
        match action:
            case Keep():
                there = unsorted if action.implicit else (Placement(),)
                placed += [(action.edited, replace(one, flags=(*one.flags, *action.flags))) for one in there]
            case FileInto():
                placed.append((action.edited, _filed(decision, action)))
            case Discard() | Redirect() | Reject():
                is_gone = True
            case _:
                pass
    return placed, is_gone


def _filed(decision: Decision, action: FileInto) -> Placement:
    """A mailbox of the owner's, or of others: whose account is suspended or closed puts nothing there, as they cannot
    by IMAP."""
    if not access.is_foreign(action.mailbox):
        return Placement(action.mailbox, action.flags, action.create, action.special_use)
    if not may_send(decision.owner):
        return Placement(flags=action.flags)
    return Placement(action.mailbox, action.flags, action.create, action.special_use, decision.viewer)


def _script(decision: Decision) -> tuple[int, bytes]:
    return decision.owner.account_id, decision.digest


def _thrown_away(at: Occasion) -> Trace:
    envelope, recipients = at.envelope, [at.recipient or at.owner.address]
    cause = Cause("filter-discarded")
    size, account_id = len(at.octets), at.owner.account_id
    return Trace(Step.FILTERED, envelope.name, envelope.reverse_path, recipients, size, account_id, detail=cause)


def _is_junk(placement: Placement) -> bool:
    return placement.special_use == JUNK or placement.mailbox.casefold() in JUNK_NAMES


def _is_unwanted(placement: Placement) -> bool:
    return _is_junk(placement) or placement.special_use == TRASH


def _spam(verdict: Verdict) -> int:
    """A verdict as `spamtest` counts: 6 where it was just enough, 10 where it is sure (RFC 5235 section 2.1)."""
    if verdict.source is Source.WORDS:
        return 10
    if verdict.source is Source.POLICY:
        return 6
    return min(10, 1 + int(5 * verdict.score / max(1, verdict.threshold)))


def _written(octets: bytes, edited: Edited, limits: Limits) -> bytes:
    """The message as a filter left it. Raises Refused(TOO_BIG) for more than a header may be."""
    written = edited.applied(octets)
    header_limit.check(written, limits.header_size, limits.header_fields)
    return written
