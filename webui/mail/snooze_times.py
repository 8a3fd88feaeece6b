"""When a message that is put off comes back: a few usual moments, or one that is typed."""

from datetime import datetime, timedelta

from webui.page.language import Language

EVENING, MORNING = 18, 8
MONDAY = 0
MAX_DAYS = 731


def choices(language: Language, now: float) -> list[tuple[str, str]]:
    """What a list of moments offers: what the form says, and what people read; of two at the same moment (on a Sunday,
    on a Monday) the last one."""
    _ = language.texts.gettext
    names = {
        "soir": _("Ce soir"),
        "demain": _("Demain matin"),
        "lundi": _("Lundi matin"),
        "semaine": _("Dans une semaine"),
    }
    found = {
        when: (key, f"{name} ({language.weekdays[when.weekday()]} {when:%d/%m %H:%M})")
        for key, name in names.items()
        if (when := _usual(language, now, key)) is not None
    }
    return list(found.values())


def moment(language: Language, now: float, key: str, typed: str) -> int:
    """The moment of a choice, or else of `2026-12-01T08:00` in the reader's zone; 0 when it is none to come."""
    when = _usual(language, now, key) if key else None
    if when is None:
        try:
            when = datetime.strptime(typed, "%Y-%m-%dT%H:%M").replace(tzinfo=language.zone)
        except ValueError:
            return 0
    seconds = int(when.timestamp())
    return seconds if now < seconds <= now + MAX_DAYS * 86400 else 0


def _usual(language: Language, now: float, key: str) -> datetime | None:
    here = datetime.fromtimestamp(now, language.zone)
    day = here.replace(minute=0, second=0, microsecond=0)
    if key == "soir":
        return day.replace(hour=EVENING) if here.hour < EVENING else None
    if key == "demain":
        return (day + timedelta(days=1)).replace(hour=MORNING)
    if key == "lundi":
        return (day + timedelta(days=(MONDAY - here.weekday() - 1) % 7 + 1)).replace(hour=MORNING)
    if key == "semaine":
        return (day + timedelta(days=7)).replace(hour=MORNING)
    return None
