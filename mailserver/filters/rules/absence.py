"""The absence message: from which day to which, what it says to the academy and to others, and its Sieve.

Days are the academy's: `currentdate` tells the date of its zone, so that the first day begins and the last one ends at
midnight there, on either side of a change of the clock.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mailserver.filters.rules.environment import SENDER
from mailserver.filters.rules.quoting import Faulty, Part, quoted, strings
from mailserver.model.identity import Population
from mailserver.texts.dates import written as written_day
from mailserver.texts.languages import ENGLISH, FRENCH, LanguageCode
from mailserver.texts.text import Text

MAX_TEXT = 4000
"""Characters of one answer."""
LONGEST = timedelta(days=3 * 366)
EARLIEST, LATEST = date(2000, 1, 1), date(2999, 12, 31)
RETURN = {FRENCH: "{retour}", ENGLISH: "{return}"}
"""What stands in an answer for the first day after the absence, whatever its language."""
UNSPEAKABLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no answer may hold; a line ends with LF."""
DAYS = 7
"""Between two answers to one sender."""
WITHIN = (Population.TEACHER.value, Population.STAFF.value)
"""Who gets the academy's answer: those who proved to be of its staff by logging in."""
CONTACTS = ":addrbook:default"

_SUBJECT = Text("Réponse automatique : {subject}", subject="${subject}")
_EXTENSIONS = frozenset(("date", "environment", "relational", "vacation", "variables"))


class Others(StrEnum):
    """Who of all others is answered. The words stand in scripts."""

    EVERYBODY = "everybody"
    CONTACTS = "contacts"
    NOBODY = "nobody"


class Wrong(Faulty):
    """A value that an absence cannot have; `field` is its name."""

    def __init__(self, field: str, text: Text) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Absence:
    """One absence."""

    first: date
    last: date | None
    """The last day; None: until it is switched off."""
    inside: str
    """What teachers and staff of the academy are told."""
    outside: str = ""
    """What others are told: parents, pupils, people elsewhere."""
    others: Others = Others.EVERYBODY
    language: LanguageCode = FRENCH
    """Of the subject and of the day of return."""
    off: bool = False
    """Nothing is answered; the texts are kept for another time."""

    def __post_init__(self) -> None:
        if not EARLIEST <= self.first <= LATEST:
            raise Wrong("first", Text("Donnez le premier jour de l’absence."))
        if self.last is not None and not self.first <= self.last <= LATEST:
            raise Wrong("last", Text("Le dernier jour vient avant le premier."))
        if self.last is not None and self.last - self.first > LONGEST:
            raise Wrong("last", Text("Une absence dure trois ans au plus."))
        self._check("inside", self.inside, wanted=not self.off)
        self._check("outside", self.outside, wanted=not self.off and self.others is not Others.NOBODY)

    def _check(self, field: str, text: str, *, wanted: bool) -> None:
        if wanted and not text.strip():
            raise Wrong(field, Text("Écrivez la réponse."))
        if len(text) > MAX_TEXT:
            raise Wrong(field, Text("La réponse a plus de {most} caractères.", most=MAX_TEXT))
        if UNSPEAKABLE.search(text):
            raise Wrong(field, Text("La réponse a des caractères qui ne peuvent pas être envoyés."))
        if wanted and self.last is None and any(name in text for name in RETURN.values()):
            raise Wrong(field, Text("Sans dernier jour, il n’y a pas de date de retour à écrire."))

    @property
    def end(self) -> date | None:
        """The first day after it."""
        return self.last + timedelta(days=1) if self.last is not None else None

    def is_over(self, today: date) -> bool:
        """Whether its days are past."""
        return self.last is not None and self.last < today

    def said(self, text: str) -> str:
        """An answer with the day of return in it."""
        if self.end is None:
            return text
        day = written_day(self.end, "EEEE d MMMM y", self.language)
        for name in RETURN.values():
            text = text.replace(name, day)
        return text

    def subject(self, subject: str) -> str:
        """The subject of the answer to a message of this subject."""
        return _SUBJECT.to(self.language).replace("${subject}", subject)

    def script(self) -> Part:
        """The commands that answer; none while it is off."""
        if self.off:
            return Part(())
        lines = [
            f"if {self._days()} {{",
            '    set "subject" "";',
            '    if header :matches "subject" "*" { set "subject" "${1}"; }',
            f"    if environment :is {quoted(SENDER)} {strings(WITHIN)} {{",
            f"        {self._answer(self.inside)}",
        ]
        extensions = _EXTENSIONS
        if self.others is Others.CONTACTS:
            lines.append(f'    }} elsif envelope :list "from" {quoted(CONTACTS)} {{')
            extensions |= {"envelope", "extlists"}
        elif self.others is Others.EVERYBODY:
            lines.append("    } else {")
        if self.others is not Others.NOBODY:
            lines.append(f"        {self._answer(self.outside)}")
        return Part((*lines, "    }", "}"), extensions)

    def _days(self) -> str:
        begun = f'currentdate :value "ge" "date" "{self.first:%Y-%m-%d}"'
        if self.last is None:
            return begun
        return f'allof ({begun}, currentdate :value "le" "date" "{self.last:%Y-%m-%d}")'

    def _answer(self, text: str) -> str:
        """One answer. Those of one absence have one handle: a text that is mended is told to nobody twice."""
        handle, subject = f"absence {self.first:%Y-%m-%d}", _SUBJECT.to(self.language)
        return f'vacation :days {DAYS} :handle "{handle}" :subject "{subject}" {quoted(self.said(text))};'
