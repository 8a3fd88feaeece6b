"""What became of a letter, as whoever sent it is told: one answer for every page and program that sends one."""

from collections.abc import Awaitable
from enum import Enum

from mailserver.model.errors import Refused, Temporary
from mailserver.model.rules.sentences import SentTooMuch
from mailserver.outbound.submission.departure import Outcome


class Became(Enum):
    """Nobody is told that a letter left which did not; the values stand in addresses of pages."""

    LEFT = "parti"
    ASKS = "a-confirmer"
    """It waits for its author, who has to confirm what it gives away."""
    HELD = "retenu"
    """It waits for IT: its author has sent much."""
    APPROVAL = "a-approuver"
    """It is a mailing, which waits for a second person."""
    MAILING = "en-nombre"
    """It is a mailing, and leaves."""
    PLANNED = "programme"
    TOO_MUCH = "trop"
    """It was refused: its author has sent too much, and may try again later."""
    REFUSED = "refuse"
    LATER = "plus-tard"
    """Nothing could be done for now."""
    NOBODY = "personne"
    """There is nobody to send it to."""

    @property
    def is_on_its_way(self) -> bool:
        """It leaves without anybody's doing."""
        return self in (Became.LEFT, Became.MAILING, Became.PLANNED)

    @property
    def is_lost(self) -> bool:
        """Nothing of it is kept, so that it may be tried again."""
        return self in (Became.TOO_MUCH, Became.REFUSED, Became.LATER, Became.NOBODY)


def of(outcome: Outcome) -> Became:
    """What became of one that was taken."""
    if outcome.asks:
        return Became.ASKS
    if outcome.waits:
        return Became.APPROVAL if outcome.mailing else Became.HELD
    if outcome.due:
        return Became.PLANNED
    return Became.MAILING if outcome.mailing else Became.LEFT


async def told(departing: Awaitable[Outcome]) -> Became:
    """What became of one that is being submitted, whatever `Submission.submit` raises."""
    try:
        return of(await departing)
    except SentTooMuch:
        return Became.TOO_MUCH
    except Refused:
        return Became.REFUSED
    except Temporary:
        return Became.LATER
