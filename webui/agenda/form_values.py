"""The form of an event: what is shown in it, and what was typed as a draft or as faults by field."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from mailserver.calendars import rules
from mailserver.calendars.events import (
    FLOATING,
    MAX_REMINDER,
    NO_REMINDER,
    OTHER_REMINDER,
    VISIBILITIES,
    Draft,
)
from mailserver.calendars.icalendar import zones
from mailserver.calendars.rules import Rule
from webui.agenda import words
from webui.http.forms import Form
from webui.page.context import Visit

MAX_TITLE, MAX_PLACE, MAX_DESCRIPTION, MAX_CATEGORIES = 200, 200, 20_000, 10
MAX_CATEGORY = 50
REMINDERS: Final = (0, 5, 10, 15, 30, 60, 120, 1440, 2880, 10080)
NEVER, CUSTOM, MONTH_DAY = "", "autre", "MONTHLY-DAY"
FOREVER, UNTIL, COUNT = "jamais", "jour", "fois"
YEARS = range(1970, 2100)
MAX_DAYS = 366
"""How long an event may last when it is made here."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A form: its fields as text, and what is wrong with them."""

    fields: Mapping[str, str]
    days: tuple[int, ...] = ()
    faults: Mapping[str, str] = ()  # type: ignore[assignment]

    def text(self, name: str) -> str:
        """The value of a field."""
        return self.fields.get(name, "")

    def fault(self, name: str) -> str:
        """What is wrong with a field."""
        return dict(self.faults).get(name, "")


def shown(draft: Draft, collection_id: int) -> Typed:
    """A draft as the fields of its form."""
    rule = draft.rule
    last = draft.end - datetime.timedelta(days=1) if draft.all_day else draft.end
    return Typed(
        {
            "titre": draft.title,
            "agenda": str(collection_id),
            "journee": "1" if draft.all_day else "",
            "debut_jour": f"{draft.start:%Y-%m-%d}",
            "debut_heure": f"{draft.start:%H:%M}" if not draft.all_day else "08:00",
            "fin_jour": f"{last:%Y-%m-%d}",
            "fin_heure": f"{draft.end:%H:%M}" if not draft.all_day else "09:00",
            "zone": draft.zone,
            "repeter": _choice(draft),
            "chaque": str(rule.interval if rule else 1),
            "fin": COUNT if rule and rule.count else UNTIL if rule and rule.until else FOREVER,
            "jusqu": rule.until.isoformat() if rule and rule.until else "",
            "fois": str(rule.count if rule and rule.count else 10),
            "lieu": draft.place,
            "description": draft.description,
            "rappel": str(draft.reminder),
            "visibilite": draft.visibility,
            "categories": ", ".join(draft.categories),
        },
        rule.days if rule and rule.days else (draft.start.weekday(),),
    )


def _choice(draft: Draft) -> str:
    if draft.custom:
        return CUSTOM
    if draft.rule is None:
        return NEVER
    return MONTH_DAY if draft.rule.ordinal else draft.rule.frequency


def again(form: Form, faults: Mapping[str, str]) -> Typed:
    """What was typed, to be corrected."""
    days = tuple(int(day) for day in form.every("jours") if day in "0123456" and len(day) == 1)
    return Typed({name: values[0] for name, values in form.fields.items() if values}, days, faults)


def draft(visit: Visit, before: Draft) -> tuple[Draft, dict[str, str]]:
    """The draft that was typed, and faults by field. Fields that a shorter form lacks stay as they were."""
    form, _ = visit.form, visit._
    faults: dict[str, str] = {}
    all_day = form.has("journee")
    start = _moment(form, "debut", all_day)
    end = _moment(form, "fin", all_day, form.text("fin_jour") or form.text("debut_jour"))
    if start is None:
        faults["debut"] = _("Donnez un jour et une heure de début.")
    if end is None:
        faults["fin"] = _("Donnez un jour et une heure de fin.")
    if start and end:
        end += datetime.timedelta(days=1) if all_day else datetime.timedelta()
        if end < start or (all_day and end <= start):
            faults["fin"] = _("La fin vient avant le début.")
        elif end - start > datetime.timedelta(days=MAX_DAYS):
            faults["fin"] = _("Un événement dure un an au plus.")
    title = " ".join(form.text("titre").split())
    if not title or len(title) > MAX_TITLE:
        faults["titre"] = _("Donnez un titre, de 200 caractères au plus.")
    made = replace(
        before,
        title=_kept(before.title, title),
        start=start or before.start,
        end=end or before.end,
        all_day=all_day,
        place=_kept(before.place, " ".join(form.text("lieu").split())[:MAX_PLACE]),
        description=_kept(before.description, form.text("description").replace("\r\n", "\n").strip()[:MAX_DESCRIPTION]),
    )
    if form.has("complet"):
        made = _more(visit, made, faults)
    return made, faults


def _kept(before: str, typed: str) -> str:
    """What was there, unless something else was typed: a form loses spaces and line ends that a text may have."""
    return before if " ".join(before.split()) == " ".join(typed.split()) else typed


def _more(visit: Visit, made: Draft, faults: dict[str, str]) -> Draft:
    """What only the whole form has."""
    form, _ = visit.form, visit._
    zone = form.text("zone")
    if zone in (FLOATING, made.zone) or zones.known(zone) is not None:
        made = replace(made, zone=zone if zone or made.zone == FLOATING else made.zone)
    visibility = form.text("visibilite")
    reminder = form.text("rappel")
    minutes = int(reminder) if reminder.isascii() and reminder.isdigit() and len(reminder) < 6 else NO_REMINDER
    names = tuple(dict.fromkeys(" ".join(name.split())[:MAX_CATEGORY] for name in form.text("categories").split(",")))
    typed = tuple(name for name in names if name)[:MAX_CATEGORIES]
    same = ", ".join(typed) == " ".join(", ".join(made.categories).split())
    made = replace(
        made,
        visibility=visibility if visibility in VISIBILITIES else made.visibility,
        reminder=made.reminder if reminder == str(OTHER_REMINDER) else min(minutes, MAX_REMINDER),
        categories=made.categories if same else typed,
    )
    return _recurring(visit, made, faults)


def _recurring(visit: Visit, made: Draft, faults: dict[str, str]) -> Draft:
    form, _ = visit.form, visit._
    choice = form.text("repeter")
    if choice == CUSTOM and made.custom:
        return made
    if choice == NEVER:
        return replace(made, rule=None, custom=False)
    frequency = rules.MONTHLY if choice == MONTH_DAY else choice
    if frequency not in rules.FREQUENCIES:
        faults["repeter"] = _("Choisissez une répétition de la liste.")
        return made
    rule = Rule(frequency, max(1, min(form.number("chaque") or 1, rules.MAX_INTERVAL)))
    if frequency == rules.WEEKLY:
        days = {int(day) for day in form.every("jours") if day in "0123456" and len(day) == 1}
        moved = made.rule is not None and set(made.rule.days) == days
        rule = replace(rule, days=tuple(sorted(days if moved else days | {made.start.weekday()})))
    if choice == MONTH_DAY:
        rule = replace(rule, ordinal=_nth(made))
    if form.text("fin") == COUNT:
        rule = replace(rule, count=max(1, min(form.number("fois") or 1, rules.MAX_COUNT)))
    elif form.text("fin") == UNTIL:
        until = _date(form.text("jusqu"))
        if until is None or until < made.start.date():
            faults["jusqu"] = _("Donnez un dernier jour qui vient après le début.")
        rule = replace(rule, until=until)
    return replace(made, rule=rule, custom=False)


def ordinal(day: datetime.date) -> int:
    """2 for the second Tuesday of its month; -1 for a fifth one."""
    number = (day.day - 1) // 7 + 1
    return number if number <= 4 else -1


def _nth(made: Draft) -> int:
    """The ordinal of a start within its month; "the last" stays the last while it is true."""
    last = (made.start + datetime.timedelta(days=7)).month != made.start.month
    return -1 if last and made.rule is not None and made.rule.ordinal == -1 else ordinal(made.start.date())


def moment_of(form: Form, *, all_day: bool) -> datetime.datetime | None:
    """The day and the hour of a form that asks for one of each."""
    return _moment(form, "", all_day, form.text("jour"))


def _moment(form: Form, name: str, all_day: bool, day: str = "") -> datetime.datetime | None:
    date = _date(day or (form.text(f"{name}_jour") if name else ""))
    if date is None:
        return None
    try:
        hour = form.text(f"{name}_heure" if name else "heure")[:5]
        time = datetime.time() if all_day else datetime.time.fromisoformat(hour)
    except ValueError:
        return None
    return datetime.datetime.combine(date, time.replace(tzinfo=None))


def _date(text: str) -> datetime.date | None:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in YEARS else None


def fresh(visit: Visit) -> Draft:
    """A new event as the address asks for it: a day, an hour, minutes; the next full hour of today without."""
    asked, today = _date(visit.query("jour")), words.today(visit)
    day = asked or today
    try:
        start = datetime.datetime.combine(day, datetime.time.fromisoformat(visit.query("heure")).replace(tzinfo=None))
    except ValueError:
        start = _next_hour(visit) if day == today else _at(day, visit.preferences.day_begins)
        if asked == today != start.date():
            start = _at(today, 23)
    length = visit.query("duree")
    minutes = int(length) if length.isascii() and length.isdigit() and len(length) < 5 else 60
    zone, reminder = words.zone_of(visit).key, visit.preferences.reminder
    if visit.query("journee"):
        start = datetime.datetime.combine(day, datetime.time())
        return Draft("", start, start + datetime.timedelta(days=1), all_day=True, zone=zone, reminder=reminder)
    end = start + datetime.timedelta(minutes=max(5, minutes))
    return Draft(visit.query("titre")[:MAX_TITLE], start, end, zone=zone, reminder=reminder)


def _at(day: datetime.date, hour: int) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(hour))


def _next_hour(visit: Visit) -> datetime.datetime:
    """The next full hour on the person's clock: before midnight that of tomorrow, and none that a change leaves out."""
    now, later = (datetime.datetime.fromtimestamp(at, words.zone_of(visit)) for at in (visit.now, visit.now + 3600))
    found = later.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    return found if found > now.replace(tzinfo=None) else found + datetime.timedelta(hours=1)
