"""Which messages are the same as one, or belong to one campaign with it. Facts in, verdict out.

The octets as they are stored differ from one transaction to the next by their trace fields, so "the same" means: the
same Message-ID of the same author, or the same octets after the header. A campaign is one author's address with one
subject, without what replies and forwards add to it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

MIN_BODY = 200
"""Octets of a body that says by itself which message it is; a shorter one counts with its author alone: "Bonjour" is
written by many."""
_CAMPAIGN_OCTETS = 16


def folded(text: str) -> str:
    """As addresses and subjects are compared."""
    return " ".join(text.casefold().split())


def body_hash(octets: bytes | memoryview) -> bytes:
    """Of what follows the header."""
    return hashlib.blake2b(octets, digest_size=32).digest()


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

    def matches(self, other: Facts, hash_of_other: Callable[[], bytes]) -> bool:
        """Whether another message is meant; its body is hashed only where that decides."""
        return self.is_same(other, hash_of_other) or (self.alike and self.is_alike(other))

    def is_same(self, other: Facts, hash_of_other: Callable[[], bytes]) -> bool:
        """The same message, sent or copied once more."""
        mine = self.facts
        by_author = bool(mine.sender) and folded(mine.sender) == folded(other.sender)
        same_size = mine.body_size == other.body_size
        # Anybody can write a known Message-ID into another message: alone it says nothing.
        if mine.message_id and mine.message_id == other.message_id and (by_author or same_size):
            return True
        tells = by_author or mine.body_size >= MIN_BODY
        return same_size and mine.body_size > 0 and tells and hash_of_other() == self.body_hash

    def is_alike(self, other: Facts) -> bool:
        """Of the same campaign."""
        return bool(self.facts.campaign) and self.facts.campaign == other.campaign
