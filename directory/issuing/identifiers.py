"""What identifiers look like (UAI, NUMEN, INE, logins), and how they and addresses follow from names. Pure.

The rules follow the academies' own help pages: first letter of the given name and surname (`edupont`), spaces as
hyphens (`mle-dupond`), homonyms numbered from 1 (`fdurand`, `fdurand1`).
"""

import re
from functools import lru_cache

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, strip_marks
from mailserver.texts.causes import Cause

MAX_PART = 30
"""Letters taken from one name: two parts, a dot and a number stay under the 64 of RFC 5321 section 4.5.3.1.1."""
MAX_NAME = 200
"""Characters of a name as given."""

RESERVED = frozenset(
    (
        "abuse",
        "admin",
        "administrator",
        "anonymous",
        "ftp",
        "hostmaster",
        "mailer-daemon",
        "noc",
        "nobody",
        "noreply",
        "no-reply",
        "postmaster",
        "root",
        "security",
        "support",
        "usenet",
        "uucp",
        "webmaster",
        "www",
    )
)
"""Names that mean a function (RFC 2142), never issued to a person."""

_OF_LISTS = re.compile(r"(?:.*\.)?[0-9]{7}[a-z]|.*-(?:owner|bounces)")
"""Schools and the lists that are there without being made (`directory.lists.virtual_lists`), and owners of lists: a
person by this address would get their mail."""
GIVEN = frozenset({"admin"})
"""Names of functions that may be given as an identifier all the same: `mailserver init` does."""

_LETTERS = str.maketrans(
    {
        "œ": "oe",
        "æ": "ae",
        "ß": "ss",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "ø": "o",
        "þ": "th",
        "ħ": "h",
        "ı": "i",
        "ŋ": "n",
    }
)
"""Letters that do not decompose into a base letter and a mark."""
_APOSTROPHES = re.compile("['’‘ʼʹ′`´]")
_SEPARATORS = re.compile(r"[\s\-‐‑–—_./]+")
_FOREIGN = re.compile(r"[^a-z0-9-]")
_HYPHENS = re.compile("-+")
_LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_UAI = re.compile(r"\d{7}[A-Z]")
_NUMEN = re.compile(r"\d{2}[A-Z]\d{7}[A-Z]{3}")
_INE = re.compile(r"\d{10}[A-Z]|\d{9}[A-Z]{2}")
_UAI_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
"""23 letters: no I, O, Q."""


def is_uai(text: str) -> bool:
    """Seven digits and a letter, whether or not the letter checks."""
    return _UAI.fullmatch(text) is not None and text.isascii()


def uai_letter(digits: str) -> str:
    """The check letter of seven digits."""
    return _UAI_LETTERS[int(digits) % 23]


def is_numen(text: str) -> bool:
    """Academy, system, year, five digits, three letters: `21E2600123ABC`. No check letter is published."""
    return _NUMEN.fullmatch(text) is not None and text.isascii()


def is_ine(text: str) -> bool:
    """Ten digits and a letter (BEA, before 2018) or nine and two (RNIE)."""
    return _INE.fullmatch(text) is not None and text.isascii()


def is_login(text: str) -> bool:
    """What an identifier given from outside may look like; older ones are `prenom.nom`."""
    return _LOGIN.fullmatch(text) is not None and ".." not in text


def is_reserved(local: str) -> bool:
    """Whether a name or local part means a function, a school, or a list's owners: nobody gets it by the rules."""
    return local in RESERVED or _OF_LISTS.fullmatch(local) is not None


@lru_cache(maxsize=20_000)
def slug(name: str) -> str:
    """A name in ASCII, lower case, hyphens for spaces, bounded: what identifiers and addresses are made of."""
    text = strip_marks(name[:MAX_NAME]).casefold().translate(_LETTERS)
    text = _APOSTROPHES.sub("", strip_marks(text))
    text = _FOREIGN.sub("", _SEPARATORS.sub("-", text))
    return _HYPHENS.sub("-", text).strip("-")[:MAX_PART].rstrip("-")


def identifier(given_name: str, surname: str) -> str:
    """The identifier without number. Raises Refused(INVALID) when the names hold no letter we can write."""
    given, family = slug(given_name), slug(surname)
    base = (given[:1] + family) if family else given
    if not base:
        raise Refused(Reason.INVALID, Cause("no-letter"))
    return base


def local_part(given_name: str, surname: str) -> str:
    """The address's local part without number: `prenom.nom`; empty when the names hold no letter we can write."""
    return ".".join(part for part in (slug(given_name), slug(surname)) if part)


def numbered(base: str, number: int) -> str:
    """`fdurand`, then `fdurand1`, `fdurand2`, …"""
    return f"{base}{number}" if number else base


def given_login(login: str) -> str:
    """An identifier from outside, folded. Raises Refused(INVALID)."""
    folded = fold_login(login)
    if not is_login(folded):
        raise Refused(Reason.INVALID, Cause("not-identifier", login=login))
    if is_reserved(folded) and folded not in GIVEN:
        raise Refused(Reason.INVALID, Cause("function-name", login=folded))
    return folded
