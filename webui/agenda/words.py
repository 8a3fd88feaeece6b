"""Days, hours and recurrence in words, in the reader's language."""

import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time

from mailserver.calendars import rules
from mailserver.calendars.events import Draft
from mailserver.calendars.icalendar.zones import known
from mailserver.calendars.occurrences import DAY, Occurrence
from mailserver.calendars.rules import Rule
from mailserver.calendars.tasks import Task
from webui.page.context import Visit
from webui.page.language import Language

NEAR_DAYS = 180
"""Days away from today that need no year."""


def zone_of(visit: Visit) -> ZoneInfo:
    """The zone the person reads times in."""
    return known(visit.preferences.zone) or visit.language.zone


def today(visit: Visit) -> datetime.date:
    """The day it is for the person."""
    return now(visit).date()


def now(visit: Visit) -> datetime.datetime:
    """The moment on the person's clock."""
    return datetime.datetime.fromtimestamp(visit.now, zone_of(visit))


def long_day(language: Language, day: datetime.date) -> str:
    """`mardi 24 novembre 2026`."""
    return language.written(day, "EEEE d MMMM y")


def full_day(language: Language, day: datetime.date) -> str:
    """`mardi 24 novembre`."""
    return language.written(day, "EEEE d MMMM")


def short_weekday(language: Language, day: datetime.date) -> str:
    """`mar.`."""
    return format_date(day, "EEE", locale=language.locale)


def weekday(language: Language, number: int) -> str:
    """`mardi` for 1."""
    return str(language.locale.days["format"]["wide"][number])


def month(language: Language, day: datetime.date) -> str:
    """`Novembre 2026`."""
    text = format_date(day, "LLLL y", locale=language.locale)
    return text[:1].upper() + text[1:]


def days_between(language: Language, first: datetime.date, last: datetime.date) -> str:
    """`23 – 27 novembre 2026`, `30 novembre – 4 décembre 2026`."""
    if first.year != last.year:
        begin = language.written(first, "d MMMM y")
    elif first.month != last.month:
        begin = language.written(first, "d MMMM")
    else:
        begin = language.written(first, "d")
    return f"{begin} – {language.written(last, 'd MMMM y')}"


def hour(language: Language, when: datetime.datetime) -> str:
    """`08:30`."""
    return format_time(when.time(), "HH:mm", locale=language.locale)


def hours(language: Language, one: Occurrence, day: datetime.date) -> str:
    """What a day says of an event: `08:30 – 10:00`, `Toute la journée`, or the days it lasts."""
    _ = language.texts.gettext
    if one.all_day:
        last = one.end.date() - DAY
        return _("Toute la journée") if last <= one.start.date() else days_between(language, one.start.date(), last)
    begins, ends = one.start.date() == day, one.end.date() == day
    if begins and (ends or one.end - one.start < DAY):
        return f"{hour(language, one.start)} – {hour(language, one.end)}"
    if begins:
        return _("à partir de %(hour)s") % {"hour": hour(language, one.start)}
    if ends:
        return _("jusqu’à %(hour)s") % {"hour": hour(language, one.end)}
    return _("Toute la journée")


def due(visit: Visit, task: Task) -> str:
    """When a task has to be done: `aujourd’hui`, `mardi 24 novembre, 08:30`; empty for any time."""
    if task.due is None:
        return ""
    language, day = visit.language, task.due.date()
    _ = language.texts.gettext
    away = (day - today(visit)).days
    named = {0: _("aujourd’hui"), 1: _("demain"), -1: _("hier")}
    text = named.get(away) or (full_day(language, day) if abs(away) < NEAR_DAYS else long_day(language, day))
    return text if task.all_day else f"{text}, {hour(language, task.due)}"


def when(language: Language, draft: Draft) -> str:
    """The dates of an event in full."""
    _ = language.texts.gettext
    first = long_day(language, draft.start.date())
    if draft.all_day:
        last = draft.end.date() - DAY
        if last <= draft.start.date():
            return _("%(day)s, toute la journée") % {"day": first}
        return _("du %(first)s au %(last)s") % {"first": first, "last": long_day(language, last)}
    begin, end = hour(language, draft.start), hour(language, draft.end)
    if draft.start.date() == draft.end.date():
        return _("%(day)s, de %(begin)s à %(end)s") % {"day": first, "begin": begin, "end": end}
    last_day = long_day(language, draft.end.date())
    return _("du %(first)s, %(begin)s, au %(last)s, %(end)s") % {
        "first": first,
        "begin": begin,
        "last": last_day,
        "end": end,
    }


def recurrence(language: Language, draft: Draft) -> str:
    """The recurrence of an event in words; empty when it happens once."""
    _ = language.texts.gettext
    rule = draft.rule
    if rule is None:
        return _("Répétition personnalisée, faite par un autre logiciel") if draft.custom else ""
    text = _every(language, rule)
    if rule.frequency == rules.WEEKLY:
        names = [weekday(language, day) for day in sorted({*rule.days, draft.start.weekday()})]
        text += _(", le %(days)s") % {"days": listed(language, names)}
    elif rule.frequency == rules.MONTHLY:
        day = weekday(language, draft.start.weekday())
        if rule.ordinal:
            text += _(", le %(which)s %(day)s") % {"which": ordinal(language, rule.ordinal), "day": day}
        else:
            text += _(", le %(number)s du mois") % {"number": draft.start.day}
    if rule.count:
        text += language.texts.ngettext(", %(n)s fois", ", %(n)s fois", rule.count) % {"n": rule.count}
    elif rule.until is not None:
        text += _(", jusqu’au %(day)s") % {"day": long_day(language, rule.until)}
    return text


def ordinal(language: Language, number: int) -> str:
    """`deuxième` for 2, `dernier` for -1."""
    _ = language.texts.gettext
    return {1: _("premier"), 2: _("deuxième"), 3: _("troisième"), 4: _("quatrième"), -1: _("dernier")}[number]


def listed(language: Language, names: list[str]) -> str:
    """`lundi, mardi et jeudi`."""
    _ = language.texts.gettext
    return (
        names[0]
        if len(names) == 1
        else _("%(first)s et %(last)s") % {"first": ", ".join(names[:-1]), "last": names[-1]}
    )


def _every(language: Language, rule: Rule) -> str:
    ngettext = language.texts.ngettext
    number = rule.interval
    texts = {
        rules.DAILY: ngettext("Chaque jour", "Tous les %(n)s jours", number),
        rules.WEEKLY: ngettext("Chaque semaine", "Toutes les %(n)s semaines", number),
        rules.MONTHLY: ngettext("Chaque mois", "Tous les %(n)s mois", number),
        rules.YEARLY: ngettext("Chaque année", "Tous les %(n)s ans", number),
    }
    text = texts[rule.frequency]
    return text % {"n": number} if "%(n)s" in text else text
