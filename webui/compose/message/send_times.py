"""When a letter that is planned leaves: a few usual moments, or one that is typed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from mailserver.calendars.school import school_holidays
from mailserver.model.errors import Reason, Refused
from mailserver.store.queue.outbox import FURTHEST
from webui.page.context import Services, Visit
from webui.page.language import Language

EVENING, MORNING = time(18), time(7, 30)
SOONEST = 120
"""Seconds ahead that the form's field begins at."""
FORM = "%Y-%m-%dT%H:%M"
"""A moment as forms post it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A moment that is offered."""

    name: str
    icon: str
    value: str
    """As the form posts it, in the person's zone."""
    shown: str
    """Day and hour, as short as is clear today."""


def presets(services: Services, visit: Visit) -> Sequence[Preset]:
    """This evening, tomorrow, Monday and the first school day after the holidays; of two at the same moment the
    last one, whose name says more."""
    language = visit.language
    now = datetime.fromtimestamp(visit.now, language.zone)
    today, _ = now.date(), visit._
    offered = [(_("Ce soir"), "moon", datetime.combine(today, EVENING))]
    offered.append((_("Demain matin"), "sunrise", datetime.combine(today + timedelta(days=1), MORNING)))
    monday = today + timedelta(days=7 - today.weekday())
    offered.append((_("Lundi matin"), "calendar-days", datetime.combine(monday, MORNING)))
    seasons = school_holidays.of(services.settings.directory)
    if (back := seasons.back(visit.preferences.school_zone, today)) is not None:
        offered.append((_("À la reprise"), "school", datetime.combine(back, MORNING)))
    last = visit.now + FURTHEST
    found = {
        when: Preset(name, icon, when.strftime(FORM), _short(language, when, today))
        for name, icon, when in offered
        if visit.now + SOONEST < when.replace(tzinfo=language.zone).timestamp() <= last
    }
    return list(found.values())


def earliest(visit: Visit) -> str:
    """The first moment that the form's field takes."""
    return datetime.fromtimestamp(visit.now + SOONEST, visit.language.zone).strftime(FORM)


def moment(visit: Visit, text: str) -> int:
    """A local date and time of a form as seconds since the epoch. Raises Refused(INVALID)."""
    try:
        when = datetime.fromisoformat(text[:25])
        due = int(when.replace(tzinfo=visit.language.zone, second=0, microsecond=0).timestamp())
    except (ValueError, OverflowError):
        raise Refused(Reason.INVALID, "when") from None
    if not visit.now < due <= visit.now + FURTHEST:
        raise Refused(Reason.INVALID, "when")
    return due


def _short(language: Language, when: datetime, today: date) -> str:
    clock, day = f"{when:%H:%M}", when.date()
    if day == today:
        return clock
    if day < today + timedelta(days=7):
        return f"{language.weekdays[day.weekday()]} {clock}"
    return f"{language.written(day, 'd MMM')} {clock}"
