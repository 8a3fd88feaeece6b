"""A list's policy: may this sender write to it, and does the message wait for its owners first?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from mailserver.model.identity import Policy, Population, Writers
from mailserver.model.rules.decisions import Sender


class Way(Enum):
    """Where a message to a list goes."""

    OPEN = auto()
    """To its members."""
    HELD = auto()
    """To its owners, who decide."""
    CLOSED = auto()
    """Nowhere."""


@dataclass(frozen=True, slots=True)
class Passage:
    """What the policy is asked about."""

    policy: Policy
    owners: Sequence[str]
    """Addresses, folded."""
    is_member: bool
    via: str = ""
    """The list that contains this one, when the message comes through it."""


def passage(asked: Passage, sender: Sender | None) -> Way:
    """Owners and named writers pass whatever the policy says; of the others, whoever may write is held if it is
    moderated. `sender` None: the service itself.

    Somebody outside who claims a named writer's address has proven nothing: what they may not write as anybody waits
    for the owners.

    A list within another has its own policy, so that nobody enters by the back door; the outer list passes when it
    is a named writer of the inner one. A list that has ended takes nothing, of nobody.
    """
    if asked.policy.ended:
        return Way.CLOSED
    if sender is None or _is_trusted(asked, sender):
        return Way.OPEN
    if not _may_write(asked, sender):
        return Way.HELD if sender.claimed and sender.claimed in asked.policy.named else Way.CLOSED
    return Way.HELD if asked.policy.moderated else Way.OPEN


def _is_trusted(asked: Passage, sender: Sender) -> bool:
    if not sender.addresses.isdisjoint(asked.owners):
        return True
    named = asked.policy.named
    return not sender.addresses.isdisjoint(named) or asked.via in named


def _may_write(asked: Passage, sender: Sender) -> bool:
    match asked.policy.writers:
        case Writers.ANYONE:
            return True
        case Writers.HOUSE:
            return sender.population is not Population.OUTSIDE
        case Writers.PERSONNEL:
            return sender.population in (Population.TEACHER, Population.STAFF)
        case Writers.STAFF:
            return sender.population is Population.STAFF
        case Writers.MEMBERS:
            return asked.is_member
        case Writers.OWNERS:
            return False
