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

_VARIABLE = "${subject}"
_SUBJECT = Text("Réponse automatique : {subject}", subject=_VARIABLE)
_SPECIAL = re.compile(r'["\\$\x00-\x1f\x7f-\x9f\ud800-\udfff]')
"""What would be no subject, or another command, in a quoted string."""
MAX_WRITTEN = 200
"""Characters of a day, and of a subject."""
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
    return_day: str = ""
    """The first day after it as answers write it. This and `subject_line` are values: words and dates of another
    version of this program must not make another script of what was kept. Empty: as they are written today."""
    subject_line: str = ""
    """The subject of answers, with a variable for that of the message."""

    def __post_init__(self) -> None:
        if not EARLIEST <= self.first <= LATEST:
            raise Wrong("first", Text("Donnez le premier jour de l’absence."))
        if self.last is not None and not self.first <= self.last <= LATEST:
            raise Wrong("last", Text("Le dernier jour vient avant le premier."))
        if self.last is not None and self.last - self.first > LONGEST:
            raise Wrong("last", Text("Une absence dure trois ans au plus."))
        self._check("inside", self.inside, wanted=not self.off)
        self._check("outside", self.outside, wanted=not self.off and self.others is not Others.NOBODY)
        if self.end is not None and not self.return_day:
            object.__setattr__(self, "return_day", written_day(self.end, "EEEE d MMMM y", self.language))
        if not self.subject_line:
            object.__setattr__(self, "subject_line", _SUBJECT.to(self.language))
        self._check_written()

    def _check_written(self) -> None:
        rest = self.subject_line.replace(_VARIABLE, "", 1)
        is_whole = rest != self.subject_line and not _SPECIAL.search(rest)
        if not is_whole or max(len(self.return_day), len(self.subject_line)) > MAX_WRITTEN:
            raise Wrong("inside", Text("La réponse a des caractères qui ne peuvent pas être envoyés."))
        if UNSPEAKABLE.search(self.return_day) or "\n" in self.return_day:
            raise Wrong("inside", Text("La réponse a des caractères qui ne peuvent pas être envoyés."))

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
        for name in RETURN.values():
            text = text.replace(name, self.return_day)
        return text

    def subject(self, subject: str) -> str:
        """The subject of the answer to a message of this subject."""
        return self.subject_line.replace(_VARIABLE, subject)

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
        handle = f"absence {self.first:%Y-%m-%d}"
        return f'vacation :days {DAYS} :handle "{handle}" :subject "{self.subject_line}" {quoted(self.said(text))};'
