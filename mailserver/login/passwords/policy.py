"""What a person may choose as password, by the profile of the settings.

`academie`: at least 8 characters with a lower case letter, an upper case letter, a digit and another character;
not built on a dictionary word, which means that no word makes up half of it or more, even in l33t spelling, across
signs or backwards; hard to guess by zxcvbn's estimate, which decides about several words; nothing of the person's own
data; none of the last ones.
`cnil`: 80 bits as the CNIL counts them (deliberation 2022-100: 12 characters of four kinds, 14 of three, or a
phrase of seven words), no known password, nothing of the person's own data.

What the console, an import or the LDAP administrator sets is taken as it is.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from mailserver.foundation.settings import Passwords
from mailserver.login.passwords import personal_data, strength, words
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.account.accounts import Marks
from mailserver.texts.text import Text, both

Profile = Literal["academie", "cnil"]

SHORTEST = 8
LONGEST = 128
"""Characters a person may choose; the work of the rules is bounded by it."""
KNOWN_SHARE = 2
"""A known password counts when it makes up half of the new one."""
FOUR_KINDS, THREE_KINDS = 12, 14
"""Characters of four, of three kinds that hold 80 bits."""
PHRASE_WORDS = 7

_WORD = re.compile(r"[^\W\d_]{2,}")
_REPEATED = re.compile(r"(.{4,16}?)\1+|(.)\2{2,}|(.{2,3}?)\3{2,}", re.DOTALL)


class Weakness(Enum):
    """Why a password is refused."""

    TOO_SHORT = Text("Au moins {shortest} caractères", shortest=SHORTEST)
    TOO_LONG = Text("Au plus {longest} caractères", longest=LONGEST)
    NO_LOWER = Text("Au moins une lettre minuscule")
    NO_UPPER = Text("Au moins une lettre majuscule")
    NO_DIGIT = Text("Au moins un chiffre")
    NO_SPECIAL = Text("Au moins un caractère spécial")
    TOO_SIMPLE = Text(
        "Au moins {four} caractères (minuscule, majuscule, chiffre et signe), {three} de trois de ces sortes, "
        "ou une phrase de {words} mots",
        four=FOUR_KINDS,
        three=THREE_KINDS,
        words=PHRASE_WORDS,
    )
    WORD = Text("Pas fait surtout d'un mot du dictionnaire")
    GUESSABLE = Text("Pas facile à deviner")
    KNOWN = Text("Pas de mot de passe connu")
    OWN = Text("Rien de vos données personnelles")
    FORMER = Text("Aucun de vos derniers mots de passe")


class WeakPassword(Refused):
    """A password that breaks rules. `text` says each on a line, in both languages."""

    def __init__(self, broken: Sequence[Weakness]) -> None:
        super().__init__(Reason.WEAK_PASSWORD, "\n".join(both(weakness.value) for weakness in broken))
        self.broken = frozenset(broken)


def rules(passwords: Passwords) -> tuple[Weakness, ...]:
    """The rules of the profile, as they are shown to whoever chooses."""
    if passwords.profile == "cnil":
        return (Weakness.TOO_SIMPLE, Weakness.OWN, Weakness.KNOWN)
    former = (Weakness.FORMER,) if passwords.history else ()
    return (
        Weakness.TOO_SHORT,
        Weakness.NO_LOWER,
        Weakness.NO_UPPER,
        Weakness.NO_DIGIT,
        Weakness.NO_SPECIAL,
        Weakness.OWN,
        Weakness.WORD,
        Weakness.GUESSABLE,
        *former,
    )


def weaknesses(
    secret: Secret,
    person: Principal,
    marks: Marks,
    proofs: Proofs,
    profile: Profile = "academie",
    school: str = "",
) -> tuple[Weakness, ...]:
    """Every rule the password breaks; empty when it may be chosen. Takes milliseconds: not for the event loop.

    `school` is the name of the person's school, whose words are the person's own. The last passwords are not
    looked at here (`mailserver.login.passwords.history`).
    """
    # As it is hashed: a letter and its accent are one character, however the keyboard sends them.
    text = _normal(secret)
    if len(text) > LONGEST:
        return (Weakness.TOO_LONG,)
    broken = _too_simple(text) if profile == "cnil" else _academic(text)
    broken[Weakness.OWN] = personal_data.holds(text, person, marks, proofs, school)
    return tuple(weakness for weakness in Weakness if broken.get(weakness, False))


@dataclass(frozen=True, slots=True)
class Trouble:
    """A rule that a password breaks by what it is made of, and the piece that does it."""

    weakness: Weakness
    piece: str = field(repr=False)


def troubles(secret: Secret, profile: Profile = "academie") -> tuple[Trouble, ...]:
    """What in a password is a word or easily guessed, for whoever chooses it. Nothing here depends on the person.

    Takes milliseconds: not for the event loop.
    """
    text = _normal(secret)[:LONGEST]
    if profile == "cnil":
        known = words.longest_known(text)
        return (Trouble(Weakness.KNOWN, known),) if len(known) * KNOWN_SHARE >= max(len(text), 1) else ()
    if word := words.built_on(text):
        return (Trouble(Weakness.WORD, word),)
    guesses, pieces = strength.estimate(text)
    return (Trouble(Weakness.GUESSABLE, ", ".join(pieces)),) if guesses < strength.ENOUGH else ()


def _normal(secret: Secret) -> str:
    return unicodedata.normalize("NFC", secret.reveal()[: 4 * LONGEST])


def _academic(text: str) -> dict[Weakness, bool]:
    return {
        Weakness.TOO_SHORT: len(text) < SHORTEST,
        Weakness.NO_LOWER: not any(character.islower() for character in text),
        Weakness.NO_UPPER: not any(character.isupper() for character in text),
        Weakness.NO_DIGIT: not any(character.isdigit() for character in text),
        Weakness.NO_SPECIAL: all(character.isalnum() for character in text),
        Weakness.WORD: bool(words.built_on(text)),
        Weakness.GUESSABLE: len(text) >= SHORTEST and strength.estimate(text)[0] < strength.ENOUGH,
    }


def _too_simple(text: str) -> dict[Weakness, bool]:
    return {
        Weakness.TOO_SIMPLE: not _has_80_bits(text),
        Weakness.KNOWN: len(words.longest_known(text)) * KNOWN_SHARE >= max(len(text), 1),
    }


def _has_80_bits(text: str) -> bool:
    """As the CNIL counts; what is repeated counts once, or `Aa1!Aa1!Aa1!` would do."""
    if len({word.casefold() for word in _WORD.findall(text)}) >= PHRASE_WORDS:
        return True
    counted = _REPEATED.sub(lambda match: match[1] or match[2] or match[3], text)
    kinds = (
        any(character.islower() for character in text),
        any(character.isupper() for character in text),
        any(character.isdigit() for character in text),
        any(not character.isalnum() for character in text),
    )
    needed = {4: FOUR_KINDS, 3: THREE_KINDS}.get(sum(kinds))
    return needed is not None and len(counted) >= needed
