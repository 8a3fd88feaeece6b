"""Days and moments as they are written in a sentence."""

from dataclasses import dataclass
from datetime import date, datetime

from babel.dates import format_date

from mailserver.texts.languages import FRENCH, LanguageCode
from mailserver.texts.text import Translated


def written(day: date, pattern: str, language: LanguageCode) -> str:
    """A day by a pattern of CLDR; in French the first of a month is `1er`, which CLDR has not."""
    if day.day == 1 and language == FRENCH:
        pattern = pattern.replace("d", "d'er'")
    return format_date(day, pattern, locale=language)


@dataclass(frozen=True, slots=True)
class Day(Translated):
    """`24 novembre 2026`, `24 November 2026`."""

    day: date

    def to(self, language: LanguageCode) -> str:
        return written(self.day, "d MMMM y", language)


@dataclass(frozen=True, slots=True)
class Moment(Translated):
    """`24/11/2026 08:00`, `2026-11-24 08:00`: for lines that may hold ASCII only."""

    when: datetime

    def to(self, language: LanguageCode) -> str:
        return f"{self.when:%d/%m/%Y %H:%M}" if language == FRENCH else f"{self.when:%Y-%m-%d %H:%M}"
