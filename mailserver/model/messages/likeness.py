"""Which messages are the same as one, or belong to one campaign with it. Facts in, verdict out.

Anybody can write a known Message-ID, author or text into a message: none of them says that two come from one sender.
So only messages of one origin are compared, and the origin is what the server found out when they came in. The octets
as they are stored differ from one transaction to the next by their trace fields; "the same" means, of a proven author,
the same Message-ID, or else the same octets after the header: waves change their subject and their Message-ID with each
message, so of a body that is long enough neither is asked, and IT sees in a preview what that finds. A short body is
the same message only under the same author and subject. Who takes back what they wrote themselves sees no preview, and
may have sent the same text twice: then what has its Message-ID is meant, and nothing else. A campaign is one author's
address with one subject, without what replies and forwards add to it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from mailserver.model.messages.provenance import Door, Provenance

MIN_BODY = 200
"""Octets of a body that says by itself which message it is; a shorter one counts with its author and its subject alone:
"Bonjour" is written by many, and "Merci !" by one to many."""
_CAMPAIGN_OCTETS = 16


def folded(text: str) -> str:
    """As addresses and subjects are compared."""
    return " ".join(text.casefold().split())


def body_hash(octets: bytes | memoryview) -> bytes:
    """Of what follows the header."""
    return hashlib.blake2b(octets, digest_size=32).digest()


class Proof(IntEnum):
    """What is proven of who sent a message."""

    NOTHING = 0
    """No door of ours brought it in."""
    UNCHECKED = 1
    """From a peer that nobody checks."""
    UNPROVEN = 2
    """From outside: nothing shows that its author sent it."""
    AUTHOR = 3
    """From outside, and the author's domain stands behind it."""
    ACCOUNT = 4
    """An account sent it, as its author."""
    PASSED_ON = 5
    """An account passed it on."""
    SERVICE = 6


@dataclass(frozen=True, slots=True)
class SentBy:
    """The origin of a message as columns of the server say it."""

    proof: Proof
    account_id: int = 0

    @classmethod
    def of(cls, came: Provenance) -> "SentBy":
        """Of an appearance."""
        if came.door in (Door.SMTP, Door.LMTP):
            results = came.results
            if not results.checked:
                return cls(Proof.UNCHECKED)
            return cls(Proof.AUTHOR if results.authenticated else Proof.UNPROVEN)
        by_account = {Door.SUBMISSION: Proof.ACCOUNT, Door.RESENT: Proof.PASSED_ON}
        if came.door in by_account:
            return cls(by_account[came.door], came.account_id)
        return cls(Proof.SERVICE if came.door is Door.SERVICE else Proof.NOTHING)

    @property
    def proves_author(self) -> bool:
        """Whether the author's address is theirs."""
        return self.proof in (Proof.AUTHOR, Proof.ACCOUNT, Proof.SERVICE)


@dataclass(frozen=True, slots=True)
class Facts:
    """What delivery computed of a message (`mailserver.mime.Scan`)."""

    message_id: str
    sender: str
    """The author's address."""
    subject: str
    """The base subject."""
    body_size: int

    @property
    def campaign(self) -> bytes:
        """What reports are grouped by; empty where a message names no author, or has no subject."""
        sender, subject = folded(self.sender), folded(self.subject)
        if not sender or not subject:
            return b""
        named = f"{sender}\0{subject}".encode("utf-8", "replace")
        return hashlib.blake2b(named, digest_size=_CAMPAIGN_OCTETS).digest()


@dataclass(frozen=True, slots=True)
class Likeness:
    """What other messages are compared with."""

    facts: Facts
    body_hash: bytes
    alike: bool
    """All of its campaign, not only the same message."""
    came: Provenance
    by_name: bool = False
    """What has the same Message-ID alone, where it has one: its author takes it back."""

    @property
    def sent_by(self) -> SentBy:
        """Its origin."""
        return SentBy.of(self.came)

    @property
    def group(self) -> bytes:
        """What reports are grouped by: the campaign, else what the message says, within one origin."""
        said = self.facts.campaign or self.body_hash
        origin = self.sent_by
        named = b"%d\0%d\0" % (origin.proof, origin.account_id) + said
        return hashlib.blake2b(named, digest_size=_CAMPAIGN_OCTETS).digest()

    def matches(self, other: Facts, came: Provenance, hash_of_other: Callable[[], bytes]) -> bool:
        """Whether another message is meant; its body is hashed only where that decides."""
        if not self.is_of_one_origin(other, SentBy.of(came)):
            return False
        return self.is_same(other, hash_of_other) or (self.alike and self.is_alike(other))

    def means(self, other: "Likeness") -> bool:
        """The same of one whose body is hashed already."""
        return self.matches(other.facts, other.came, lambda: other.body_hash)

    def is_of_one_origin(self, other: Facts, sent_by: SentBy) -> bool:
        """Whether what is proven of the sender is the same of both."""
        mine = self.sent_by
        if mine.proof is Proof.NOTHING or mine != sent_by:
            return False
        return mine.proof is not Proof.AUTHOR or self._has_author(other)

    def is_same(self, other: Facts, hash_of_other: Callable[[], bytes]) -> bool:
        """The same message, sent or copied once more, of two of one origin."""
        mine = self.facts
        by_author = self._has_author(other)
        is_named = bool(mine.message_id) and mine.message_id == other.message_id
        if self.sent_by.proves_author and by_author and is_named:
            return True
        if self.by_name and mine.message_id and not is_named:
            return False
        tells = mine.body_size >= MIN_BODY or (by_author and folded(mine.subject) == folded(other.subject))
        same_size = mine.body_size == other.body_size
        return same_size and mine.body_size > 0 and tells and hash_of_other() == self.body_hash

    def is_alike(self, other: Facts) -> bool:
        """Of the same campaign, of two of one origin."""
        return bool(self.facts.campaign) and self.facts.campaign == other.campaign

    def _has_author(self, other: Facts) -> bool:
        return bool(self.facts.sender) and folded(self.facts.sender) == folded(other.sender)
