"""School holidays are published for a year or two: who goes by them, in quiet hours and the agenda, is left without."""

import datetime
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from mailserver.calendars.school import school_holidays
from mailserver.foundation.settings import Settings
from mailserver.operations.health.findings import Finding, Grade
from mailserver.texts.text import Text

NOTICE_DAYS = 60
"""Before the last school holidays that are known end."""


def examine_holidays(settings: Settings) -> Iterator[Finding]:
    """Nothing while those of every zone are known for a while."""
    seasons = school_holidays.Seasons(settings.directory)
    soon = datetime.datetime.now(ZoneInfo(settings.web.timezone)).date() + datetime.timedelta(NOTICE_DAYS)
    ending = {zone: last for zone in seasons.zones if (last := seasons.known_until(zone)) is None or last <= soon}
    if not ending:
        return
    yield Finding(
        "holidays",
        Grade.WARNING,
        Text(
            "connus jusqu’au {last} au plus, zone {zones} : ensuite ni les heures calmes ni l’agenda n’en savent",
            last=max(map(str, filter(None, ending.values())), default="-"),
            zones=", ".join(ending),
        ),
        Text("ajoutez ceux de l’année qui vient à {file}", file=settings.directory / school_holidays.FILE),
    )
