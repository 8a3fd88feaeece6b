"""School holidays by zone, and weeks A and B.

Holidays come from `holidays.json` beside this module (zones A, B and C until summer 2027), and from a file
of the same form in the instance, `holidays.json` in its folder, whose zones replace ours or are added: Corsica and
the overseas academies decide theirs each year. Dates are the first free day and the first school day; what is under
the empty name counts for zones A, B and C.
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger("webui")

SHIPPED = Path(__file__).parent / "holidays.json"
FILE = "holidays.json"
METROPOLITAN = ("A", "B", "C")
MAX_OCTETS = 256 * 1024
MAX_ZONE = 20


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days without school; `end` is the first school day."""

    name: str
    start: datetime.date
    end: datetime.date


class Seasons:
    """The holidays an instance knows."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the instance's. A file that cannot be read is logged and left out."""
        self._zones = _read(SHIPPED)
        own = folder / FILE
        if own.is_file():
            try:
                self._zones |= _read(own)
            except (OSError, ValueError, TypeError) as error:
                log.warning("the file of school holidays cannot be read", error=str(error)[:200])

    @property
    def zones(self) -> tuple[str, ...]:
        """Names of the zones one can choose."""
        return (*METROPOLITAN, *sorted(name for name in self._zones if name and name not in METROPOLITAN))

    def on(self, zone: str, day: datetime.date) -> str:
        """What the holidays of that day are called, empty on a school day."""
        return next((holiday.name for holiday in self._of(zone) if holiday.start <= day < holiday.end), "")

    def back(self, zone: str, day: datetime.date) -> datetime.date | None:
        """The first school day after the holidays of that day, or after the next ones; None: they are not known."""
        return min((holiday.end for holiday in self._of(zone) if holiday.end > day), default=None)

    def known_until(self, zone: str) -> datetime.date | None:
        """The end of the last holidays of a zone; None: it has none."""
        return max((holiday.end for holiday in self._of(zone)), default=None)

    def coming(self, zone: str, day: datetime.date, count: int) -> list[Holiday]:
        """The holidays of that day and the next ones, so many together."""
        ahead = [holiday for holiday in self._of(zone) if holiday.end > day]
        return sorted(ahead, key=lambda holiday: holiday.start)[:count]

    def _of(self, zone: str) -> list[Holiday]:
        """The holidays that a zone has, its own and those of all."""
        if not zone:
            return []
        shared = self._zones.get("", ()) if zone in METROPOLITAN else ()
        return [*self._zones.get(zone, ()), *shared]


@lru_cache(maxsize=8)
def of(folder: Path) -> Seasons:
    """The holidays of an instance, read once."""
    return Seasons(folder)


def week_letter(day: datetime.date, week_a: int) -> str:
    """A or B for the week of a day; empty when weeks do not alternate (`week_a` 0). 1: odd ISO weeks are A, 2: even."""
    if not week_a:
        return ""
    return "A" if day.isocalendar().week % 2 == week_a % 2 else "B"


def _read(path: Path) -> dict[str, tuple[Holiday, ...]]:
    """Zones of a file. Raises OSError, ValueError, TypeError."""
    octets = path.read_bytes()
    if len(octets) > MAX_OCTETS:
        raise ValueError("the file is too big")
    zones: Mapping[str, Iterable[Any]] = json.loads(octets)
    return {
        str(zone)[:MAX_ZONE]: tuple(
            Holiday(str(name), datetime.date.fromisoformat(start), datetime.date.fromisoformat(end))
            for name, start, end in holidays
        )
        for zone, holidays in zones.items()
    }
