"""Hours in which no device tells of mail (right to disconnect), and who has decided them. No I/O."""

from dataclasses import dataclass
from enum import StrEnum

NEVER = -1
"""As the hour at which they begin: no night is quiet."""
FIRST_HOURS = (18, 19, 20, 21, 22)
LAST_HOURS = (5, 6, 7, 8, 9, 10)
USUAL_FIRST, USUAL_LAST = 20, 7


class Source(StrEnum):
    """Whose decision holds for somebody."""

    OWN = "own"
    SCHOOL = "school"
    ACADEMY = "academy"


@dataclass(frozen=True, slots=True)
class Hours:
    """When it is quiet."""

    begins: int = USUAL_FIRST
    """An hour of FIRST_HOURS, or NEVER."""
    ends: int = USUAL_LAST
    weekends: bool = True
    holidays: bool = False
    """In school holidays, too."""

    @property
    def valid(self) -> bool:
        """Whether somebody may decide so."""
        return self.begins in (*FIRST_HOURS, NEVER) and self.ends in LAST_HOURS

    def is_night(self, hour: int) -> bool:
        """Whether it is quiet at this hour of a working day."""
        return self.begins != NEVER and (hour >= self.begins or hour < self.ends)
