"""French and English: which one a visitor reads, its texts, dates, sizes and plural forms.

French is the source: the texts in templates and code are French, so French needs no catalogue, only its
plural rule (0 and 1 are singular) and its typography (a narrow no-break space before `: ; ! ?`). English is that of
`mailserver.texts`.
"""

import gettext
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale

from mailserver.texts import dates
from mailserver.texts.catalogue import english
from mailserver.texts.causes import Cause, utc
from mailserver.texts.languages import ENGLISH, FRENCH, LANGUAGES, LanguageCode
from mailserver.texts.text import Translated

EARLIEST, LATEST = -62_135_510_400, 253_402_214_400
"""The second and the last but one day of Python's calendar, in seconds since 1970: in no zone are they beyond it."""
NARROW = "\N{NARROW NO-BREAK SPACE}"
NO_BREAK = "\N{NO-BREAK SPACE}"


class French(gettext.NullTranslations):
    """The source language."""

    def gettext(self, message: str) -> str:
        return typeset(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return typeset(msgid2 if abs(n) >= 2 else msgid1)

    def pgettext(self, context: str, message: str) -> str:
        return typeset(message)

    def npgettext(self, context: str, msgid1: str, msgid2: str, n: int) -> str:
        return self.ngettext(msgid1, msgid2, n)


@lru_cache(maxsize=4096)
def typeset(message: str) -> str:
    """French spacing: narrow no-break space before double punctuation and inside guillemets."""
    for sign in ":;!?»":
        message = message.replace(f" {sign}", NARROW + sign)
    return message.replace("« ", "«" + NARROW)


def texts(code: LanguageCode) -> gettext.NullTranslations:
    """The texts of a language."""
    return French() if code == FRENCH else english()


@dataclass(frozen=True, slots=True)
class Language:
    """Everything that depends on the reader's language."""

    code: LanguageCode
    texts: gettext.NullTranslations
    locale: Locale
    zone: ZoneInfo
    weekdays: tuple[str, ...]
    months: tuple[str, ...]

    def in_zone(self, name: str) -> "Language":
        """The same for somebody in another time zone; an unknown or empty name changes nothing."""
        zone = _zone(name)
        return self if zone is None or zone == self.zone else replace(self, zone=zone)

    def say(self, text: Translated | Cause, moment: Callable[[int], str] = utc) -> str:
        """A text that was made below the web; `moment` writes the times in a cause."""
        translated = text.to(self.code, moment) if isinstance(text, Cause) else text.to(self.code)
        return translated if self.code == ENGLISH else typeset(translated)

    def when(self, moment: float) -> datetime:
        """A moment on the reader's clock. Strangers may write any date in any zone: one that is beyond the calendar
        here is taken for the last day."""
        return datetime.fromtimestamp(min(max(moment, EARLIEST), LATEST), self.zone)

    def day(self, moment: float) -> date:
        """The calendar day of a moment in the academy's zone."""
        return self.when(moment).date()

    def short_date(self, moment: float, now: float) -> str:
        """For lists: time today, then yesterday, the weekday, day and month, or the whole date."""
        if moment <= 0:
            return "—"
        when = self.when(moment)
        today = self.when(now).date()
        day = when.date()
        if day == today:
            return f"{when.hour:02}:{when.minute:02}"
        if day == today - timedelta(days=1):
            return self.texts.gettext("hier")
        if today - timedelta(days=7) < day < today:
            return f"{self.weekdays[day.weekday()]}{NO_BREAK}{day.day}"
        if day.year == today.year and day < today:
            return f"{day.day}{NO_BREAK}{self.months[day.month - 1]}"
        return f"{day.day:02}/{day.month:02}/{day.year}"

    def row_date(self, moment: float, now: float) -> str:
        """The same beside a title that says which day it is (`period`): yesterday has its time, too."""
        when = self.when(max(moment, 0))
        if moment > 0 and when.date() == self.day(now) - timedelta(days=1):
            return f"{when.hour:02}:{when.minute:02}"
        return self.short_date(moment, now)

    def period(self, moment: float, now: float) -> str:
        """The title above messages of a time: a day while it is near, then a week, a month, a month of its year."""
        _ = self.texts.gettext
        if moment <= 0:
            return _("Sans date")
        day, today = self.day(moment), self.day(now)
        monday = today - timedelta(days=today.weekday())
        if day > today:
            return _("À venir")
        for begin, title in (
            (today, _("Aujourd’hui")),
            (today - timedelta(days=1), _("Hier")),
            (monday, _("Cette semaine")),
            (monday - timedelta(days=7), _("La semaine dernière")),
            (today.replace(day=1), _("Ce mois-ci")),
        ):
            if day >= begin:
                return title
        written = self.written(day, "MMMM y")
        return written[:1].upper() + written[1:]

    def long_date(self, moment: float) -> str:
        """For reading: `mardi 24 novembre 2026 à 11:48`."""
        if moment <= 0:
            return self.texts.gettext("date inconnue")
        when = self.when(moment)
        return f"{self.written(when.date(), 'EEEE d MMMM y')}, {when:%H:%M}"

    def brief_date(self, moment: float, now: float) -> str:
        """Beside a name: `lun. 30 nov., 14:32`; of another year with that year, instead of the weekday."""
        if moment <= 0:
            return self.texts.gettext("date inconnue")
        when = self.when(moment)
        same_year = when.year == self.when(now).year
        return f"{self.written(when.date(), 'EEE d MMM' if same_year else 'd MMM y')}, {when:%H:%M}"

    def plain_date(self, moment: float) -> str:
        """`24 novembre 2026`."""
        return self.written(self.day(moment), "d MMMM y")

    def written(self, day: date, pattern: str) -> str:
        """A day by a pattern of CLDR."""
        return dates.written(day, pattern, self.code)

    def clock_time(self, moment: float) -> str:
        """`14:32`."""
        return self.when(moment).strftime("%H:%M")

    def span(self, start: datetime, end: datetime, *, all_day: bool = False) -> str:
        """`mardi 24 novembre 2026, 14:00 – 15:30`; of whole days, the days. Both are aware, `end` excluded."""
        day = "EEEE d MMMM y"
        first = self.written(start.date(), day)
        last_day = (end - timedelta(days=1)).date() if all_day and end > start else end.date()
        last = self.written(last_day, day)
        if all_day:
            return first if last_day <= start.date() else f"{first} – {last}"
        if end <= start:
            return f"{first}, {start:%H:%M}"
        if last_day == start.date():
            return f"{first}, {start:%H:%M} – {end:%H:%M}"
        return f"{first}, {start:%H:%M} – {last}, {end:%H:%M}"

    @property
    def zone_name(self) -> str:
        """The city whose clock the times shown are of."""
        return self.zone.key.rpartition("/")[2].replace("_", " ")

    def offset(self, moment: float) -> int:
        """Seconds east of Greenwich of the academy's zone at that moment."""
        offset = self.when(moment).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def size(self, octets: int) -> str:
        """`12 Ko`, `1,2 Mo`; units of 1024."""
        units = ("o", "Ko", "Mo", "Go", "To") if self.code == "fr" else ("B", "KB", "MB", "GB", "TB")
        value, unit = float(octets), 0
        while value >= 1000 and unit < len(units) - 1:
            value /= 1024
            unit += 1
        text = f"{value:.1f}" if unit > 1 and value < 100 else f"{value:.0f}"
        text = text.removesuffix(".0")
        if self.code == "fr":
            text = text.replace(".", ",")
        return f"{text}{NO_BREAK}{units[unit]}"

    def number(self, value: int) -> str:
        """`12 345` or `12,345`."""
        return f"{value:,}".replace(",", NARROW if self.code == "fr" else ",")


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):
        return None


def languages(timezone: str) -> Mapping[str, Language]:
    """Both languages, with texts loaded and calendar names ready."""
    zone = ZoneInfo(timezone)
    return {code: _language(code, zone) for code in LANGUAGES}


def _language(code: LanguageCode, zone: ZoneInfo) -> Language:
    locale = Locale.parse(code)
    weekdays: Mapping[int, str] = locale.days["format"]["abbreviated"]
    months: Mapping[int, str] = locale.months["format"]["abbreviated"]
    return Language(
        code,
        texts(code),
        locale,
        zone,
        tuple(weekdays[number] for number in range(7)),
        tuple(months[number] for number in range(1, 13)),
    )


def negotiate(accept: str) -> str:
    """The better of our languages by an Accept-Language field (RFC 9110 section 12.5.4); French by default."""
    best, weight = "fr", 0.0
    for item in accept[:500].split(","):
        tag, _, parameters = item.strip().partition(";")
        quality = _quality(parameters)
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(1.0, max(0.0, float(value)))
    except ValueError:
        return 0.0
