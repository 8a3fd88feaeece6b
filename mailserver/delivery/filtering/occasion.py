"""The message that a filter acts on: how it came to it, what it proves once it is changed, who may be answered."""

from dataclasses import dataclass, field, replace

from mailserver.delivery.envelope import Envelope, Part
from mailserver.filters import Owner
from mailserver.mime.header import header_limit, headers
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.model.messages.provenance import Door, Provenance

SENT_ON_BY = "X-Sieve-Redirected-From"
"""The field on top of what is sent on, and whose filter did it: what comes back is known by it. No script may touch it
(`mailserver.filters.sieve.commands.editheader`)."""
MAX_HOPS = 5
"""Filters that a message goes through one after the other."""
MAX_SENT = 16
"""Mails that all filters together make of one message for one recipient."""
MAX_OCTETS = 512 * 1024 * 1024
"""Of all copies that filters send on of one message."""

_LOGGED_IN = (Door.SUBMISSION, Door.RESENT)


@dataclass(slots=True)
class Volume:
    """What the filters of all recipients may still do with one message."""

    left: int = MAX_OCTETS
    """Octets that they may send on."""
    told: set[tuple[int, bytes]] = field(default_factory=set)
    """Accounts that are told of a failure, and of which script; or that something may not leave."""


@dataclass(slots=True)
class Budget:
    """Mails that filters may still make of one message for one recipient."""

    volume: Volume
    left: int = MAX_SENT

    def take(self, octets: int = 0) -> None:
        """One mail. Raises Refused(LIMIT)."""
        if self.left < 1 or self.volume.left < octets:
            raise Refused(Reason.LIMIT, "Filters have made as much mail of this message as they may")
        self.left -= 1
        self.volume.left -= octets


@dataclass(frozen=True, slots=True)
class Passage:
    """The filters that sent a message on until here."""

    first: str
    """The recipient that the sender knows of."""
    budget: Budget
    """One for everything that becomes of a message for this recipient."""
    accounts: frozenset[int] = frozenset()
    depth: int = 0

    def through(self, account_id: int) -> "Passage":
        """Once this account's filter has sent it on."""
        return replace(self, accounts=self.accounts | {account_id}, depth=self.depth + 1)


@dataclass(frozen=True, slots=True)
class Occasion:
    """The message that a filter acts on, and for whom."""

    owner: Owner
    octets: bytes
    """As the filter left it."""
    original: bytes
    """As it came to the filter; the same object where the header was not edited."""
    part: Part
    envelope: Envelope
    recipient: str
    """The address that led to the owner; empty: a list of ours did."""
    passage: Passage

    @property
    def edited(self) -> bool:
        """The filter changed the header."""
        return self.octets is not self.original

    @property
    def left(self) -> Envelope:
        """The envelope, saying of who wrote no more than is true of what the filter left."""
        envelope = self.envelope
        if not self.edited:
            return envelope
        results = envelope.results.of_changed
        if envelope.door in _LOGGED_IN:
            return replace(envelope, sender=self.owner.sender, door=Door.RESENT, results=results)
        return replace(envelope, results=results)


def left_by(provenance: Provenance, account_id: int) -> Provenance:
    """What is known of a message that this account changed: that it passed it on, or where it came from."""
    results = provenance.results.of_changed
    if provenance.door in _LOGGED_IN:
        return Provenance(Door.RESENT, account_id, results=results)
    return replace(provenance, through_list=False, results=results)


def has_passed(at: Occasion) -> bool:
    """Whether the message comes round again: through this owner's filter, or through too many (RFC 5228 section 10)."""
    if at.passage.depth >= MAX_HOPS or at.owner.account_id in at.passage.accounts:
        return True
    octets = at.original
    end = header_limit.end(octets, len(octets))
    named = headers.named(octets, 0, end, SENT_ON_BY.lower())
    by = [headers.as_text(octets[one.value : one.end]).strip("<> \t\r\n") for one in named]
    return len(by) >= MAX_HOPS or any(at.owner.owns(address) for address in by)


def sent_on(at: Occasion, reverse_path: str) -> bytes:
    """What is sent on, with the mark by which it is known when it comes back."""
    mark = f"{SENT_ON_BY}: <{at.owner.address}>\r\n".encode("utf-8", "replace")
    return return_path(reverse_path) + mark + _below_return_path(at.octets)


def _below_return_path(octets: bytes) -> bytes:
    """A message without the one Return-Path that we put on top of it."""
    if octets[:12].lower() == b"return-path:":
        return octets[octets.find(b"\n") + 1 :]
    return octets


def may_send(owner: Owner) -> bool:
    """Whether mail may leave in somebody's name: whose account is suspended or closed writes to nobody."""
    return owner.person is None or owner.person.state is State.ACTIVE


def is_answerable(at: Occasion) -> bool:
    """Whether an answer surely goes to whoever wrote, and not to whom they claim to be (RFC 3834 section 5, RFC 5429
    section 2.1.1): junk and what SPF or DMARC speaks against is answered by nothing."""
    if at.owner.account_id in at.part.verdicts:
        return False
    sender = at.envelope.sender
    return (sender is not None and bool(sender.account_id)) or not at.envelope.results.doubtful
