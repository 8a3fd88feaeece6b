"""What a person may choose as password: the academy's rules (profile `academie`).

At least 8 characters with a lower case letter, an upper case letter, a digit and another character; not
built on a dictionary word, even in l33t spelling; nothing of the person's own data. What the console, an
import or the LDAP administrator sets is taken as it is.
"""

import datetime
import re
from enum import Enum

from mailserver.folding import strip_marks
from mailserver.identity import Principal
from mailserver.login import words
from mailserver.proofs import Proofs, same
from mailserver.sasl import Secret
from mailserver.store.accounts import Marks

SHORTEST = 8
LONGEST = 128
"""Characters a person may choose; the work of the rules is bounded by it."""
WORD_SHARE = 3
"""A word is what a password is built on when it makes up a third of it or more."""
SHORTEST_OWN = 3
"""Letters of a name that count: shorter ones are in every password."""

_SPLIT = re.compile(r"[^a-z0-9]+")
_DATE = re.compile(r"(?=(\d{8}))|(?=(\d{6}))")
_YEAR = re.compile(r"(?=((?:19|20)\d\d))")
_NUMEN = re.compile(r"(?=(\d{2}[a-z]\d{7}[a-z]{3}))")


class Weakness(Enum):
    """Why a password is refused: French, then English."""

    TOO_SHORT = f"Au moins {SHORTEST} caractères / At least {SHORTEST} characters"
    TOO_LONG = f"Au plus {LONGEST} caractères / At most {LONGEST} characters"
    NO_LOWER = "Au moins une lettre minuscule / At least one lower case letter"
    NO_UPPER = "Au moins une lettre majuscule / At least one upper case letter"
    NO_DIGIT = "Au moins un chiffre / At least one digit"
    NO_SPECIAL = "Au moins un caractère spécial / At least one special character"
    WORD = "Pas de mot du dictionnaire / No dictionary word"
    OWN = "Rien de vos données personnelles / Nothing of your own data"


def weaknesses(secret: Secret, person: Principal, marks: Marks, proofs: Proofs) -> tuple[Weakness, ...]:
    """Every rule the password breaks; empty when it may be chosen. Takes milliseconds: not for the event loop."""
    text = secret.reveal()
    if len(text) > LONGEST:
        return (Weakness.TOO_LONG,)
    broken = {
        Weakness.TOO_SHORT: len(text) < SHORTEST,
        Weakness.NO_LOWER: not any(character.islower() for character in text),
        Weakness.NO_UPPER: not any(character.isupper() for character in text),
        Weakness.NO_DIGIT: not any(character.isdigit() for character in text),
        Weakness.NO_SPECIAL: all(character.isalnum() for character in text),
        Weakness.WORD: len(words.longest_word(text)) * WORD_SHARE >= max(len(text), 1),
        Weakness.OWN: _holds_own(text, person, marks, proofs),
    }
    return tuple(weakness for weakness, is_broken in broken.items() if is_broken)


def _holds_own(text: str, person: Principal, marks: Marks, proofs: Proofs) -> bool:
    own = {
        piece
        for name in (person.login, person.given_name, person.surname, person.address.partition("@")[0], person.uai)
        for piece in _pieces(name)
        if len(piece) >= SHORTEST_OWN
    }
    for reading in words.readings(text):
        joined = _SPLIT.sub("", reading)
        if any(piece in reading or piece in joined for piece in own):
            return True
    return _holds_marked(strip_marks(text).casefold(), marks, proofs)


def _pieces(name: str) -> list[str]:
    plain = strip_marks(name).casefold()
    return [*_SPLIT.split(plain), _SPLIT.sub("", plain)]


def _holds_marked(text: str, marks: Marks, proofs: Proofs) -> bool:
    """Looks for the birth date and the NUMEN, of which only keyed hashes are kept."""
    if any(same(marks.numen, proofs.numen(match[1])) for match in _NUMEN.finditer(text)):
        return True
    if marks.birth_date is None:
        return False
    return any(same(marks.birth_date, proofs.birth_date(date)) for date in dict.fromkeys(_dates(text)))


def _dates(text: str) -> list[str]:
    """Every date that the digits may mean, and every day of a year that stands in them."""
    digits = re.sub(r"[^0-9]", "", text)
    found = []
    for match in _DATE.finditer(digits):
        eight, six = digits[match.start() : match.start() + 8], digits[match.start() : match.start() + 6]
        if len(eight) == 8:
            found += [_iso(eight[4:], eight[2:4], eight[:2]), _iso(eight[:4], eight[4:6], eight[6:])]
        found += [_iso(century + six[4:], six[2:4], six[:2]) for century in ("19", "20")]
    for match in _YEAR.finditer(digits):
        found += [(datetime.date(int(match[1]), 1, 1) + datetime.timedelta(days=day)).isoformat() for day in range(366)]
    return [date for date in found if date]


def _iso(year: str, month: str, day: str) -> str:
    try:
        return datetime.date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return ""
