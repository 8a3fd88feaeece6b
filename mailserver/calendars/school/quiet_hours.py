"""The right to disconnect: when nobody is told of mail that comes, by what they, their school or the academy chose.

One rule for every way of telling: browsers that are closed, notifications of the device, reminders of the agenda, the
number in the window's title, colleagues who write. The mail itself never waits.
"""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailserver.calendars.school import school_holidays
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.account.preferences import Preferences
from mailserver.model.account.quiet_hours import Hours, Source
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import academy_hours, school_hours

FURTHEST_DAYS = 130
"""Within which quiet hours end: the longest holidays are shorter."""
BELIEVED_SECONDS = 30.0
"""Should news get lost, what was decided counts after this long all the same."""


@dataclass(frozen=True, slots=True)
class PersonalHours:
    """Those that hold for somebody, where they are."""

    hours: Hours
    source: Source
    zone: ZoneInfo
    off: school_holidays.Seasons
    """The school holidays that are known."""
    school_zone: str

    def holds(self, now: float) -> bool:
        """Whether they run."""
        here = datetime.datetime.fromtimestamp(now, self.zone)
        return self._is_off(here.date()) or self.hours.is_night(here.hour)

    def end(self, now: float) -> datetime.datetime | None:
        """The full hour at which they end, in that person's zone; None: they do not run, or their end is far away."""
        if not self.holds(now):
            return None
        here = datetime.datetime.fromtimestamp(now, self.zone)
        first = here.hour + 1
        for days in range(FURTHEST_DAYS):
            day = here.date() + datetime.timedelta(days=days)
            if not self._is_off(day):
                for hour in range(first, 24):
                    if not self.hours.is_night(hour):
                        return datetime.datetime.combine(day, datetime.time(hour), here.tzinfo)
            first = 0
        return None

    def _is_off(self, day: datetime.date) -> bool:
        if self.hours.weekends and day.weekday() >= 5:
            return True
        return self.hours.holidays and bool(self.off.on(self.school_zone, day))


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, for all that chose nothing."""

    academy: Hours | None
    """None: what the settings say holds."""
    schools: Mapping[str, Hours]
    """By UAI."""


class QuietHours:
    """Of an instance. One per worker; asking costs nothing while nothing moves."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, changes: Changes) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._decided = Decided(None, {})
        self._until = 0.0
        self._heard = 0
        changes.subscribe("mailbox", school_hours.NEWS, self._forget)

    async def of(self, uai: str, chosen: Preferences) -> PersonalHours:
        """What holds for somebody of a school who chose so: their own, else their school's, else the academy's.

        Raises Temporary: what was decided was never read, and the store is out of reach.
        """
        source, hours = Source.OWN, chosen.quiet
        if hours is None:
            source, hours = await self.inherited(uai)
        return PersonalHours(
            hours,
            source,
            ZoneInfo(chosen.zone or self._settings.web.timezone),
            school_holidays.of(self._settings.directory),
            chosen.school_zone or self._settings.quiet.school_zone,
        )

    async def inherited(self, uai: str) -> tuple[Source, Hours]:
        """What holds for whoever of a school chose nothing, and who decided so. Raises Temporary as `of`."""
        decided = await self._all_decided()
        school = decided.schools.get(uai.upper()) if uai else None
        if school is not None:
            return Source.SCHOOL, school
        return Source.ACADEMY, decided.academy or configured(self._settings)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    async def _all_decided(self) -> Decided:
        now = self._clock.monotonic()
        if now < self._until:
            return self._decided
        heard = self._heard
        found = await self._store.read(_decided)
        # What was read before a change that was heard of meanwhile may be old: it is not kept, nor in the place of what
        # somebody else has read since.
        if heard == self._heard:
            self._decided, self._until = found, now + BELIEVED_SECONDS
        return found


def _decided(tx: Tx) -> Decided:
    return Decided(academy_hours.decided(tx), school_hours.listing(tx))


def academy(tx: Tx, settings: Settings) -> Hours:
    """What holds where neither a person nor their school chose anything."""
    return academy_hours.decided(tx) or configured(settings)


def configured(settings: Settings) -> Hours:
    """What holds where the academy decided nothing either: `[quiet]`."""
    quiet = settings.quiet
    return Hours(quiet.begins, quiet.ends, quiet.weekends, quiet.holidays)
