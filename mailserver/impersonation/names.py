"""Display names: those of services, and those of people as the directory has them."""

import re
from enum import IntEnum
from functools import lru_cache

from mailserver.impersonation.letters import latin
from mailserver.model.folding import search_key

MAX_NAME = 200
"""Characters of a name that are looked at."""
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
_ASIDE = re.compile(r"[(\[<|/].*|\s[-–—]\s.*|\s(?:via|par|at|chez)\s.*", re.DOTALL | re.IGNORECASE)
"""What stands behind a person's name: `Émilie Dupont (par Doodle)`."""


class Service(IntEnum):
    """How surely a name is that of a service of the academy."""

    NO = 0
    PERHAPS = 1
    """Any firm has an `Assistance`."""
    YES = 2


def service(name: str, house: frozenset[str]) -> Service:
    """Whether a display name is that of a service. `house`: the words of the academy's own name (`house_words`)."""
    words = [word for word in _WORDS.findall(latin(name[:MAX_NAME])) if word not in _FILLERS]
    if not words:
        return Service.NO
    found = frozenset(words)
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
    found = frozenset(_WORDS.findall(latin(name[:MAX_NAME]))) - _FILLERS
    if found - _HOUSE:
        return found
    first, _, rest = domain.rpartition(".")[0].partition("-")
    return frozenset(("academie", *rest.split("-"))) if first == "ac" and rest else frozenset()


@lru_cache(maxsize=4096)
def person_keys(name: str) -> tuple[str, ...]:
    """The names of people, as the directory folds them, that a display name may be: whichever comes first."""
    plain = search_key(_ASIDE.sub("", latin(name[:MAX_NAME])).replace(",", " "))
    words = [word for word in plain.replace(".", " ").strip("\"' ").split() if word not in _TITLES]
    if not 2 <= len(words) <= MAX_WORDS:
        return ()
    return tuple(dict.fromkeys(" ".join(words[at:] + words[:at]) for at in range(len(words))))
