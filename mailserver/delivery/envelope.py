"""Envelopes, accepted recipients, and the copies that a message becomes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailserver.delivery.list_copy import Head
from mailserver.delivery.placement import Placements
from mailserver.inbound.screening.blocklists import NOWHERE, Listing
from mailserver.model.identity import Population, Roster
from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.model.messages.provenance import UNKNOWN, Door, Provenance
from mailserver.model.rules import Sender
from mailserver.store.account.filter_memory import Kind
from mailserver.store.mail import blobs
from mailserver.store.mail.junk import Verdict
from mailserver.store.mail.messages import NO_QUOTA, Quota
from mailserver.store.mail.posts.archived_posts import Archived
from mailserver.store.mail.posts.digest_posts import Waiting
from mailserver.store.mail.urgent_letters import Urgent
from mailserver.store.people.mailing_lists.outside_members import Bounds
from mailserver.store.queue.held.moderation_queue import Hold
from mailserver.store.queue.list_posts import Departure, Posted, Returned
from mailserver.store.queue.spool import Options, Signing, Target
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.reports.waiting import Arrived
from mailserver.texts.causes import NOTHING, Cause

UNPROVEN = "-"
"""Stands for an address of ours that somebody outside claims; it is nobody's."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An accepted recipient and where it leads."""

    address: str
    accounts: tuple[int, ...]
    remote: tuple[str, ...] = ()
    """List members elsewhere: the queue takes them."""
    room: int | None = None
    """Octets one person's quota still allows; None: no limit, or a list."""
    population: Population | None = None
    """Of one person; None: the rules between populations do not ask."""
    head: Head | None = None
    """A list: its members get the list's copy."""
    held: tuple[Roster, ...] = ()
    """Moderated lists that keep the message for their owners."""
    ended: int = 0
    """Members elsewhere to whom the list sends nothing any more."""
    returns: Departure | None = None
    """What comes here is a list's message that came back from a member; the accounts get what is no report."""
    is_return: bool = False
    """A return path of ours that leads to somebody elsewhere: only reports go on."""

    @property
    def waits(self) -> bool:
        """The list itself keeps the message for its owners, not only one within it."""
        return self.head is not None and any(roster.address == self.head.address for roster in self.held)


@dataclass(frozen=True, slots=True)
class Envelope:
    """RFC 5321 envelope of an accepted message."""

    reverse_path: str
    """Empty for a report."""
    recipients: tuple[Recipient, ...]
    sender: Sender | None = None
    """None: the service itself."""
    name: str = ""
    """The identifier told to whoever handed it over; empty: nobody was told one."""
    door: Door = Door.SMTP
    """Which door took it; without a word of it, the one where nobody proves anything."""
    peer: str = ""
    """The address of whoever handed it over; empty: nobody from outside."""
    results: AuthenticationResults = NOT_CHECKED
    """What was found out about who sent it."""
    peer_name: str = ""
    """The name of `peer`, which it has by its address and which has that address; empty: it has none."""
    viruses: int = 0
    """As RFC 5235 section 3.3 counts: 0 nobody looked, 1 none was found, 5 one was."""
    found: str = ""
    """The same in the words of Authentication-Results, our name first; empty: nobody looked."""
    listing: Listing = NOWHERE
    """The blocklists that have its peer, where they make it junk."""
    require_tls: bool = False
    """Whoever handed it over wants it to go nowhere but over TLS (RFC 8689)."""
    cleared: bool = False
    """It was looked at for people outside, and its author lets go what it gives away (`delivery.outgoing_guard`)."""

    @property
    def is_put_aside(self) -> bool:
        """Whether it goes to everybody's Spam, because its author's domain or the blocklists say so."""
        return self.results.quarantined or self.listing.points > 0

    def bind(self, options: Options) -> Options:
        """How something leaves because of this message: copies, what filters send on and answer, requests to owners,
        reports. Over TLS alone where that was asked for, whoever gets it (RFC 8689 sections 5 and 6)."""
        return replace(options, require_tls=options.require_tls or self.require_tls)

    @property
    def signing(self) -> Signing:
        """What our key says of this when it leaves: that it is ours, or, of what others wrote, what our door found."""
        if self.door in (Door.SUBMISSION, Door.SERVICE):
            return Signing.DKIM
        return Signing.ARC if self.found else Signing.NONE

    @property
    def provenance(self) -> Provenance:
        """What is kept of where it came from."""
        return Provenance(self.door, self.sender.account_id if self.sender else 0, results=self.results)


def led_to_lists(recipients: Sequence[Recipient]) -> Cause:
    """What the trace says of those recipients of a message that are lists: who is on them stands nowhere in it."""
    sent = [one.address for one in recipients if one.head is not None and not one.held]
    held = [one.address for one in recipients if one.held]
    told = [Cause("sent-to-lists", lists=" ".join(sent))] if sent else []
    told += [Cause("waits-for-owners", lists=" ".join(held))] if held else []
    return Cause("lists", told=tuple(told)) if told else NOTHING


def received(envelope: Envelope, size: int, prepared: blobs.Prepared | None) -> Trace:
    """What the record says of a message that came in."""
    account_id = envelope.sender.account_id if envelope.sender else 0
    addresses = [recipient.address for recipient in envelope.recipients]
    message_id = prepared.scan.message_id if prepared is not None else ""
    return Trace(
        *(Step.RECEIVED, envelope.name, envelope.reverse_path, addresses, size, account_id),
        *(led_to_lists(envelope.recipients), message_id),
    )


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was stored."""

    content_id: int
    accounts: int
    refused: Mapping[str, str] = field(default_factory=dict)
    """Recipients whose filters refuse the message, and why; nobody else tells its sender."""
    junk: bool = False
    """It is junk to some of those who get it, or infected."""


PLAIN = Options()


@dataclass(frozen=True, slots=True)
class Memory:
    """Something that a filter remembers until a moment (`store.account.filter_memory`)."""

    account_id: int
    kind: Kind
    key: bytes
    expires: int
    longer: bool = False
    """Also when it is remembered already: counted anew."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A recipient's filter refuses the message (RFC 5429)."""

    address: str
    """Of the recipient, as the sender gave it."""
    account_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Post:
    """A list's message goes on record, and to each member outside under a return address of their own."""

    posted: Posted
    return_address: Callable[[Departure], str]


@dataclass(frozen=True, slots=True)
class CameBack:
    """A list's message that came back, and when the list has enough of it."""

    returned: Returned
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Part:
    """One copy of a message, and who gets it."""

    prepared: blobs.Prepared
    reverse_path: str
    accounts: tuple[int, ...] = ()
    targets: tuple[Target | str, ...] = ()
    options: Options = PLAIN
    holds: tuple[Hold, ...] = ()
    provenance: Provenance = UNKNOWN
    only_if_held: str = ""
    """A notice to the owners of this list: not placed where so many wait already that nobody is told of each."""
    placements: Placements = field(default_factory=dict)
    """Where it goes in the mailboxes of some of the accounts; the others get it in INBOX."""
    verdicts: Mapping[int, Verdict] = field(default_factory=dict)
    """Why it goes to the Spam of these accounts."""
    quota: Quota = NO_QUOTA
    """The setting's, of the owners of others' mailboxes among them."""
    once: Memory | None = None
    """Placed only when this is not remembered yet; it is from then on."""
    remembers: tuple[Memory, ...] = ()
    steps: tuple[Trace, ...] = ()
    """What is put on record with it."""
    urgent: Urgent | None = None
    """Its readers are told of it in spite of their quiet hours."""
    reports: Arrived | None = None
    """It brings a report that is to be read (`mailserver.reports`)."""
    post: Post | None = None
    """It is the copy of a list for its members outside, or what says how many it had here."""
    archived: Archived | None = None
    """A list keeps it for those who may read its archive."""
    digest: Waiting | None = None
    """It waits for the digest of some of a list's members."""
    came_back: CameBack | None = None
    rejection: Rejection | None = None
    """A report to the sender, for doors that cannot tell them while they wait."""
