"""Where an appearance of a message came from: the door that took it, and the account that brought it.

The store keeps it beside the message, written with it in one unit. It is never read out of octets: whoever may
append to a mailbox may write any header there. A copy has the provenance of what it was copied from.
"""

from dataclasses import dataclass
from enum import IntEnum

from mailserver.model.messages.authentication import NOT_CHECKED, AuthenticationResults
from mailserver.model.messages.impersonation import Signs


class Door(IntEnum):
    """How a message came in. The numbers stand in the store."""

    UNKNOWN = 0
    """Stored before this was kept."""
    SMTP = 1
    """From another server: nobody has logged in."""
    LMTP = 2
    """From a local program: nobody has logged in."""
    SUBMISSION = 3
    """Somebody logged in sent it, by a mail program or the web: its author was held against their account."""
    RESENT = 4
    """Somebody logged in passed it on as it is: who sent it is proven, its author is not."""
    SERVICE = 5
    """The service wrote it: a notice, a report."""
    APPENDED = 6
    """Put there by somebody who may: APPEND, REPLACE, an import, a draft. Nothing in it is proven."""
    KEPT = 7
    """The copy of what its owner sent."""


DELIVERED = frozenset((Door.SMTP, Door.LMTP, Door.SUBMISSION, Door.RESENT, Door.SERVICE))
"""Doors whose messages have our trace fields on top (RFC 5321 section 4.4)."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Of one appearance of a message."""

    door: Door = Door.UNKNOWN
    account_id: int = 0
    """Who sent, passed on, or appended it; 0: nobody of this house, or nobody knows."""
    through_list: bool = False
    """A list of this house sent it to its members."""
    results: AuthenticationResults = NOT_CHECKED
    """What was found out about who sent it, where nobody logged in."""
    signs: Signs = Signs.NOT_JUDGED
    """What makes its sender look like somebody else to whoever got it."""

    @classmethod
    def stored(
        cls, door: int, account_id: int, through_list: int, authentication: int, impersonation: int = 0
    ) -> "Provenance":
        """From the columns of the store; a number that is none of ours proves nothing."""
        known = door in Door.__members__.values()
        results, signs = AuthenticationResults.stored(authentication), Signs.stored(impersonation)
        return cls(Door(door) if known else Door.UNKNOWN, account_id, bool(through_list), results, signs)

    @property
    def delivered(self) -> bool:
        """One of our doors took it and wrote the trace fields on top."""
        return self.door in DELIVERED

    @property
    def verified(self) -> bool:
        """The author's address is theirs: an account that may use it sent the message."""
        return self.door is Door.SUBMISSION


UNKNOWN = Provenance()
