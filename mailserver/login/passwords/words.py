"""The words a password may not be built on: French and English, common passwords and first names.

The lists come from packages (pyspellchecker's dictionaries, zxcvbn's frequency lists); they are read in a
thread at the first password chosen, in steps that let the event loop run.
"""

import gzip
import re
from functools import cache
from importlib import resources

from mailserver.model.folding import strip_marks

LANGUAGES = ("fr", "en")
SHORTEST = 4
"""Letters: shorter words are in every random password."""
COMMON = 1000
"""How often the corpus of a dictionary has a word of four letters that counts; rarer ones are mostly noise."""
LONGEST = 24

_SIGNS = re.compile(r"[\W_]+")
_ENTRY = re.compile(r'"([^"\\]{4,24})": (\d+)')
_LISTS = ("passwords", "male_names", "female_names")
_KNOWN_HERE = """
    academie academique aqwzsx azertyui azsxdcfv boulanger bonsoir cheval chouchou coucou doudou ecole education
    eleve jesuis loulou lycee marseille mdpmdp messagerie mercredi motdepasse motdepasse1 nounours poiuytreza
    qsdfghjkl qsdfghjklm rectorat vacances wxcvbn
"""
"""What French keyboards and schools bring, and the lists of the packages lack."""
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d"})
_LEET = str.maketrans(
    {"4": "a", "@": "a", "3": "e", "€": "e", "1": "i", "!": "i", "|": "i", "0": "o", "5": "s", "$": "s", "7": "t"}
)
_LEET_OTHER = str.maketrans({"1": "l", "!": "l", "|": "l", "+": "t", "8": "b", "6": "g", "9": "g", "2": "z"})


@cache
def dictionary() -> frozenset[str]:
    """Every word, in lower case without accents. Takes half a second the first time."""
    words: set[str] = set()
    for language in LANGUAGES:
        packed = resources.files("spellchecker").joinpath("resources", f"{language}.json.gz").read_bytes()
        # One regular expression step a word: json.loads would hold the interpreter for 100 ms.
        for match in _ENTRY.finditer(gzip.decompress(packed).decode("utf-8")):
            word = match[1]
            if word.isalpha() and (len(word) > SHORTEST or int(match[2]) >= COMMON):
                words.add(word if word.isascii() else plain(word))
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

    for name in _LISTS:
        words.update(word for word in FREQUENCY_LISTS[name] if SHORTEST <= len(word) <= LONGEST and word.isalpha())
    return frozenset(words)


@cache
def common() -> dict[str, int]:
    """The French words that are written most, each with its rank from 1."""
    packed = resources.files("spellchecker").joinpath("resources", "fr.json.gz").read_bytes()
    counts: dict[str, int] = {}
    for match in _ENTRY.finditer(gzip.decompress(packed).decode("utf-8")):
        if len(match[2]) > 2 and match[1].isalpha():  # a hundred times or more: what is sorted in one step stays small
            word = plain(match[1])
            counts[word] = counts.get(word, 0) + int(match[2])
    ranked = sorted(counts, key=counts.__getitem__, reverse=True)
    return {word: rank for rank, word in enumerate(ranked, 1)}


@cache
def known() -> frozenset[str]:
    """Passwords that everybody knows, in lower case without accents."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    listed = (plain(word) for word in FREQUENCY_LISTS["passwords"] if len(word) >= SHORTEST)
    return frozenset(listed).union(_KNOWN_HERE.split())


def plain(text: str) -> str:
    """Without case, accents and ligatures."""
    return strip_marks(text).casefold().translate(_LETTERS)


def readings(text: str) -> tuple[str, ...]:
    """A password as the eye reads it: without case and accents; then with l33t spelling undone, both ways."""
    seen = plain(text)
    return tuple(dict.fromkeys((seen, seen.translate(_LEET), seen.translate(_LEET_OTHER).translate(_LEET))))


def joined(text: str) -> tuple[str, ...]:
    """The readings without the signs between the letters."""
    return tuple(dict.fromkeys(_SIGNS.sub("", reading) for reading in readings(text)))


def built_on(text: str) -> str:
    """The dictionary word that makes up half of a password or more, as it is read; empty when none does.

    The shortest words count only as they are written: in l33t spelling or backwards they are in every random password.
    A word that is spelt across signs is measured without them, as they are all that hides it.
    """
    seen, *undone = readings(text)
    shown = [*undone, *(one[::-1] for one in (seen, *undone))]
    found = [_half(seen, SHORTEST), *(_half(one, SHORTEST + 1) for one in shown)]
    for reading in joined(text):
        for one in (reading, reading[::-1]):
            word = _half(one, SHORTEST + 1)
            if word and not any(word in whole for whole in (seen, *shown)):
                found.append(word)
    return next(filter(None, found), "")


def _half(reading: str, shortest: int) -> str:
    word = _longest(reading, dictionary(), shortest)
    return word if word and len(word) * 2 >= len(reading) else ""


def longest_known(text: str) -> str:
    """The longest known password that a password contains; empty when there is none."""
    return _longest_of(text, known())


def _longest_of(text: str, words: frozenset[str]) -> str:
    seen, *undone = readings(text)
    best = _longest(seen, words, SHORTEST)
    across = joined(text)
    for reading in dict.fromkeys((*undone, *across, *(one[::-1] for one in across))):
        best = max(best, _longest(reading, words, SHORTEST + 1), key=len)
    return best


def _longest(reading: str, words: frozenset[str], shortest: int) -> str:
    best = ""
    for start in range(len(reading)):
        for end in range(start + max(shortest, len(best) + 1), min(start + LONGEST, len(reading)) + 1):
            if reading[start:end] in words:
                best = reading[start:end]
    return best
