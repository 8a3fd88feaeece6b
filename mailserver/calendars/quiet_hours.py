"""The right to disconnect: when nobody is told of mail that comes, by what they chose and by the school holidays.

One rule for every way of telling: browsers that are closed, notifications of the device, the number in the window's
title. The mail itself never waits.
"""

import datetime
from zoneinfo import ZoneInfo

from mailserver.calendars import school_holidays
from mailserver.foundation.settings import Settings
from mailserver.model.preferences import NEVER, Preferences

FURTHEST_DAYS = 130
"""Within which quiet hours end: the longest holidays are shorter."""


class QuietHours:
    """Of an instance; settings are read when they are asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def holds(self, chosen: Preferences, now: float) -> bool:
        """Whether these are quiet hours of somebody who chose so."""
        return self._is_quiet(chosen, datetime.datetime.fromtimestamp(now, self.zone(chosen)))

    def end(self, chosen: Preferences, now: float) -> datetime.datetime | None:
        """The full hour at which they end, in that person's zone; None: these are none, or their end is far away."""
        here = datetime.datetime.fromtimestamp(now, self.zone(chosen))
        if not self._is_quiet(chosen, here):
            return None
        first = here.hour + 1
        for days in range(FURTHEST_DAYS):
            day = here.date() + datetime.timedelta(days=days)
            if not self._is_off(chosen, day):
                for hour in range(first, 24):
                    if not _is_night(chosen, hour):
                        return datetime.datetime.combine(day, datetime.time(hour), here.tzinfo)
            first = 0
        return None

    def zone(self, chosen: Preferences) -> ZoneInfo:
        """Where this person is."""
        return ZoneInfo(chosen.zone or self._settings.web.timezone)

    def _is_quiet(self, chosen: Preferences, here: datetime.datetime) -> bool:
        return self._is_off(chosen, here.date()) or _is_night(chosen, here.hour)

    def _is_off(self, chosen: Preferences, day: datetime.date) -> bool:
        if chosen.quiet_weekends and day.weekday() >= 5:
            return True
        zone = chosen.school_zone or self._settings.quiet.school_zone
        return chosen.quiet_holidays and bool(school_holidays.of(self._settings.directory).on(zone, day))


def _is_night(chosen: Preferences, hour: int) -> bool:
    return chosen.quiet_from != NEVER and (hour >= chosen.quiet_from or hour < chosen.quiet_to)
