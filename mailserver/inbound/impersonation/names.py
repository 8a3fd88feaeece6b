"""Display names: those of services, and those of people as the directory has them."""

import re
from collections.abc import Iterator, Sequence
from enum import IntEnum
from functools import lru_cache, partial

from mailserver.inbound.impersonation.letters import latin
from mailserver.model.folding import search_key
from mailserver.model.unicode import strip_invisible

MAX_NAME = 200
"""Characters of a name that are looked at; those that nobody sees do not count."""
MAX_WORDS = 6
"""Of the name of a person."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = re.compile(r"[^\W_]+")
_ALWAYS = _words("rectorat dsden dasen")
"""Words that name nothing but an academy's office."""
_HEADS = _words("recteur rectrice")
_HOUSE = _words("academie academique academiques education nationale ministere inspection rectorat dsden dasen")
_OFFICES = (_words("education nationale"), _words("inspection academique"), _words("direction academique"))
_DESKS = _words(
    "assistance support helpdesk administrateur administratrice administrator webmaster messagerie webmail "
    "informatique dsi hotline depannage mailbox"
)
_AROUND = _words(
    "service services centre center equipe team technique technical numerique securite security systeme system serveur "
    "server compte comptes account mail email courriel courrier electronique notification notifications alerte alertes "
    "utilisateur utilisateurs user users it help desk aide admin direction postmaster"
)
_FILLERS = _words(
    "de du des la le les l d et votre notre vos nos the of your our au aux a pour en for no reply noreply"
)
_TITLES = _words("m mr mme mlle dr pr me monsieur madame mademoiselle docteur professeur")
_FUNCTIONS = _words(
    "principal principale proviseur proviseure directeur directrice recteur rectrice chef cheffe adjoint adjointe "
    "gestionnaire cpe etablissement inspecteur inspectrice l'inspecteur l'inspectrice"
)
"""What stands before a person's name, or behind it."""
_ARTICLES = _words("la le l")
_VOCABULARY = _ALWAYS | _HEADS | _HOUSE | _DESKS | _AROUND
_SPELLED = re.compile("|".join(sorted(_VOCABULARY - _words("it"), key=lambda word: (-len(word), word))))
_SPACED = re.compile(r"(?<![^\W_])[^\W\d_](?:[\W_]+[^\W\d_](?![^\W_])){3,}")
"""A word whose letters stand apart."""
_LETTERS = dict(zip(map(ord, "0134578"), "oieastb", strict=True))
"""Digits that are read as letters within a word; 1 is an l as well."""
_LONG_WORD = 6
"""Letters from which on an l in the place of an i is no word of its own."""
_DIGIT_WITHIN = re.compile(r"(?<=[^\W\d_])[0134578]|[0134578](?=[^\W\d_])")
_TITLED = re.compile(r"[,:;]")
_BETWEEN = re.compile(r"[^\w'’-]|_")
"""What stands in no name of a person, so that it parts two: pictures, too."""
_ASIDE = re.compile(r"[(\[<|/].*|\s[-–—]\s.*|\s(?:via|par|at|chez)\s.*", re.DOTALL | re.IGNORECASE)
"""What stands behind a person's name: `Émilie Dupont (par Doodle)`."""


class Service(IntEnum):
    """How surely a name is that of a service of the academy."""

    NO = 0
    PERHAPS = 1
    """Any firm has an `Assistance`."""
    YES = 2


def visible(name: str) -> str:
    """What a reader sees of a name, as far as it is looked at."""
    return strip_invisible(name)[:MAX_NAME]


def _read(name: str, house: frozenset[str]) -> list[str]:
    """The words that a reader finds in a name: also with digits in the place of letters, and letters set apart."""
    whole = "".join(_WORDS.findall(name))
    if not _SPELLED.sub("", whole):
        return _SPELLED.findall(whole)
    return [_meant(word, house) for word in _WORDS.findall(_SPACED.sub(_joined, name))]


def _joined(found: re.Match[str]) -> str:
    whole = "".join(_WORDS.findall(found.group()))
    return whole if _SPELLED.sub("", whole) else " ".join(_SPELLED.findall(whole))


def _meant(word: str, house: frozenset[str]) -> str:
    """A word of ours that another is read as, else that."""
    if word in _VOCABULARY or word in house or (word.isalpha() and len(word) < _LONG_WORD):
        return word
    known = _by_shape(house)
    bare = word.rstrip("0123456789")
    return known.get(_shape(word)) or (known.get(_shape(bare)) if len(bare) > 1 else None) or word


@lru_cache(maxsize=16)
def _by_shape(house: frozenset[str]) -> dict[str, str]:
    return {_shape(word): word for word in sorted(_VOCABULARY | house)}


def _shape(word: str) -> str:
    return word.translate(_LETTERS).replace("l", "i")


def service(name: str, house: frozenset[str]) -> Service:
    """Whether a display name is that of a service. `house`: the words of the academy's own name (`house_words`)."""
    found = frozenset(_read(latin(visible(name)), house)) - _FILLERS
    if not found:
        return Service.NO
    own = bool(house) and house <= found
    if found & _ALWAYS or own:
        return Service.YES
    if not found <= _HOUSE | _DESKS | _AROUND | _HEADS | _TITLES | house:
        return Service.NO
    if found & _HEADS or (found & _DESKS and found & _HOUSE) or any(office <= found for office in _OFFICES):
        return Service.YES
    return Service.PERHAPS if found & _DESKS else Service.NO


def house_words(name: str, domain: str) -> frozenset[str]:
    """The words of the academy's name; where that says nothing (`Académie`), those of its domain `ac-….fr`."""
    found = frozenset(_WORDS.findall(latin(visible(name)))) - _FILLERS
    if found - _HOUSE:
        return found
    first, _, rest = domain.rpartition(".")[0].partition("-")
    return frozenset(("academie", *rest.split("-"))) if first == "ac" and rest else frozenset()


@lru_cache(maxsize=4096)
def person_keys(name: str) -> tuple[str, ...]:
    """The names of people, as the directory folds them, that a display name may be: whichever comes first, with and
    without what stands behind a comma, and what somebody is."""
    text = _ASIDE.sub("", latin(visible(name)))
    found: dict[str, None] = {}
    for spelled in _spellings(text):
        for words in (_person(spelled), _person(_TITLED.split(spelled, maxsplit=1)[0])):
            for some in (words, _without_function(words)):
                found.update(dict.fromkeys(_turned(some)))
    return tuple(found)


def _spellings(text: str) -> Iterator[str]:
    """A name as it stands; with letters in the place of the digits within its words, else."""
    if _DIGIT_WITHIN.search(text) is None:
        yield text
        return
    for table in (_LETTERS, _LETTERS | {ord("1"): "l"}):
        yield _DIGIT_WITHIN.sub(partial(_letter, table), text)


def _letter(table: dict[int, str], digit: re.Match[str]) -> str:
    return digit.group().translate(table)


def _person(text: str) -> list[str]:
    words = (word.strip("'’-") for word in search_key(_BETWEEN.sub(" ", text)).split())
    return [word for word in words if word not in _TITLES and any(map(str.isalpha, word))]


def _without_function(words: Sequence[str]) -> Sequence[str]:
    bare = [word for word in words if word not in _FUNCTIONS]
    return words if len(bare) == len(words) else [word for word in bare if word not in _ARTICLES]


def _turned(words: Sequence[str]) -> Iterator[str]:
    """A name, whichever of its words it begins with."""
    if 2 <= len(words) <= MAX_WORDS:
        yield from (" ".join((*words[at:], *words[:at])) for at in range(len(words)))
