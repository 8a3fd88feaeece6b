"""When a day begins and ends, where clocks are changed and where they are not."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mailserver.model import days

HOUR = 3600


@pytest.mark.parametrize(
    ("zone", "moment", "begins", "hours"),
    [
        ("Europe/Paris", "2026-11-30T00:00:00+01:00", "2026-11-30T00:00:00+01:00", 24),
        ("Europe/Paris", "2026-11-29T23:59:59+01:00", "2026-11-29T00:00:00+01:00", 24),
        ("Europe/Paris", "2026-03-29T12:00:00+02:00", "2026-03-29T00:00:00+01:00", 23),
        ("Europe/Paris", "2026-10-25T02:30:00+01:00", "2026-10-25T00:00:00+02:00", 25),
        ("Indian/Reunion", "2026-11-29T20:30:00+00:00", "2026-11-30T00:00:00+04:00", 24),
        ("America/Martinique", "2026-11-30T03:30:00+00:00", "2026-11-29T00:00:00-04:00", 24),
        ("Pacific/Noumea", "2026-12-31T13:00:00+00:00", "2027-01-01T00:00:00+11:00", 24),
    ],
)
def test_bounds(zone: str, moment: str, begins: str, hours: int) -> None:
    at, begin = (datetime.fromisoformat(one).timestamp() for one in (moment, begins))
    assert days.bounds(at, ZoneInfo(zone)) == (begin, begin + hours * HOUR)
