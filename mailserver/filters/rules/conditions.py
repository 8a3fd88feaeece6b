"""When a rule holds for a message."""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.filters.rules import senders
from mailserver.filters.rules.environment import ATTACHED, AUTHOR, OUTSIDE
from mailserver.filters.rules.quoting import Faulty, Part, check_line, quoted, strings
from mailserver.texts.text import Text

MAX_VALUES = 20
MAX_VALUE = 200
"""Characters of a text that is looked for."""
MAX_MEBIBYTES = 1024
_CASEMAP = ':comparator "i;unicode-casemap"'


class Field(StrEnum):
    """What is looked at. The words stand in scripts."""

    SENDER = "sender"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    LIST = "list"
    """The list that sent it (RFC 2919)."""
    ATTACHMENT = "attachment"
    OUTSIDE = "outside"
    """Nobody of the academy surely wrote it."""
    SIZE = "size"


class Match(StrEnum):
    """How it is held against the values. The words stand in scripts."""

    IS = "is"
    CONTAINS = "contains"
    OVER = "over"
    UNDER = "under"


TEXTS = (Field.SENDER, Field.RECIPIENT, Field.SUBJECT, Field.LIST)
"""Fields that are held against texts."""
_FIELDS = {
    Field.SENDER: ("from",),
    Field.RECIPIENT: ("to", "cc"),
    Field.SUBJECT: ("subject",),
    Field.LIST: ("list-id",),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """One of them."""

    field: Field
    match: Match = Match.IS
    values: tuple[str, ...] = ()
    """One of these. Senders and recipients that something `is` are as `senders.normal` makes them."""
    mebibytes: int = 0
    negated: bool = False
    """It holds when that is not so."""

    def __post_init__(self) -> None:
        if self.field is Field.SIZE:
            is_possible = self.match in (Match.OVER, Match.UNDER) and not self.values
            if not is_possible or not 1 <= self.mebibytes <= MAX_MEBIBYTES or self.negated:
                raise Faulty(Text("Une taille est un nombre de Mo, de 1 à {most}.", most=MAX_MEBIBYTES))
            return
        if self.match in (Match.OVER, Match.UNDER) or self.mebibytes:
            raise Faulty(Text("Cette condition n’existe pas."))
        if self.field not in TEXTS:
            if self.match is not Match.IS or self.values:
                raise Faulty(Text("Cette condition n’existe pas."))
            return
        self._check_values()

    def _check_values(self) -> None:
        if not 1 <= len(self.values) <= MAX_VALUES or len(set(self.values)) != len(self.values):
            raise Faulty(Text("Une condition a de 1 à {most} textes.", most=MAX_VALUES))
        for value in self.values:
            check_line(value, senders.MAX_SENDER if self.is_addresses else MAX_VALUE)
        if self.is_addresses:
            senders.check(self.values)

    @property
    def is_addresses(self) -> bool:
        """Its values are addresses and domains."""
        return self.match is Match.IS and self.field in (Field.SENDER, Field.RECIPIENT)

    def script(self) -> Part:
        """The test."""
        tests, extensions = self._tests()
        test = tests[0] if len(tests) == 1 else f"anyof ({', '.join(tests)})"
        return Part((f"not {test}" if self.negated else test,), extensions)

    def _tests(self) -> tuple[list[str], frozenset[str]]:
        """Tests of which one holds."""
        environment = frozenset(("environment",))
        match self.field:
            case Field.SIZE:
                return [f"size :{self.match} {self.mebibytes}M"], frozenset()
            case Field.ATTACHMENT:
                return [f"environment :is {quoted(ATTACHED)} {quoted('yes')}"], environment
            case Field.OUTSIDE:
                return [f"environment :is {quoted(AUTHOR)} {quoted(OUTSIDE)}"], environment
        fields = _FIELDS[self.field]
        if self.is_addresses:
            return senders.test_of(fields, self.values), frozenset()
        if self.field is Field.LIST and self.match is Match.IS:
            identifiers = [f"<{value}>" for value in self.values]
            return [f"header {_CASEMAP} :contains {strings(fields)} {strings(identifiers)}"], frozenset()
        return [f"header {_CASEMAP} :{self.match} {strings(fields)} {strings(self.values)}"], frozenset()
