"""What somebody may share with somebody else: folders, agendas, address books. The table of who writes to whom decides.

What is shared is read, so whoever shares must be allowed to write to the reader; what a reader changes there is read by
its owner, so the reader must be allowed to write to them too.
"""

from enum import IntEnum

from mailserver.model.identity import Population
from mailserver.model.rules.decisions import Rules

_OURS = (Population.PUPIL, Population.TEACHER, Population.STAFF)


class Sharing(IntEnum):
    """How far it may go."""

    NOTHING = 0
    READING = 1
    CHANGING = 2


def sharing(rules: Rules, owner: Population | None, reader: Population | None) -> Sharing:
    """What an owner may share with a reader. None: nobody knows who they are; then the least that any rule leaves."""
    if not _allows(rules, owner, reader):
        return Sharing.NOTHING
    return Sharing.CHANGING if _allows(rules, reader, owner) else Sharing.READING


def _allows(rules: Rules, sender: Population | None, recipient: Population | None) -> bool:
    senders = _OURS if sender is None else (sender,)
    recipients = _OURS if recipient is None else (recipient,)
    return all(rules.allows(sender, other) for sender in senders for other in recipients)


def may_share_widely(population: Population | None) -> bool:
    """May they share with everybody, or with a whole list: staff, secretariats and administrators may."""
    return population is Population.STAFF
