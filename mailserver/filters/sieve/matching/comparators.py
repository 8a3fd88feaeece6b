"""Comparators (RFC 5228 section 2.7.3, RFC 4790, RFC 5051).

A comparator folds a text into what is compared. Code points order as the octets of their UTF-8 do, so i;octet needs no
octets.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.mime.header.casemap import collate
from mailserver.model.unicode import normalize

Order = tuple[int, int, str]
"""Of numbers: infinity or not, how many digits, the digits."""

_DIGITS = re.compile("[0-9]+")
_INFINITE: Order = (1, 0, "")


@dataclass(frozen=True, slots=True)
class Comparator:
    """One way to compare."""

    name: str
    fold: Callable[[str], str]
    """For equality and substrings."""
    fold_character: Callable[[str], str]
    """One character for wildcards: mostly one character, too."""
    order: Callable[[str], str | Order]
    """For what is less and what is more."""
    caseless: bool
    substrings: bool = True
    """Whether :contains and :matches are defined for it."""
    same_length: bool = False
    """`fold` leaves every character where it stands."""


def _ascii_upper(text: str) -> str:
    """Only letters of ASCII, at the speed of C."""
    return (
        text.upper()
        if text.isascii()
        else text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")
    )


def _same(text: str) -> str:
    return text


def _composed(character: str) -> str:
    """As i;unicode-casemap compares it, but with accents on their letters: one character stays one for `?`."""
    return normalize("NFC", collate(character))


def number(text: str) -> Order:
    """i;ascii-numeric (RFC 4790 section 9.1): the digits a text begins with; infinity where it begins with none."""
    found = _DIGITS.match(text)
    if found is None:
        return _INFINITE
    digits = found.group().lstrip("0")
    return (0, len(digits), digits)


def _number_key(text: str) -> str:
    infinite, _, digits = number(text)
    return "infinity" if infinite else digits


OCTET = Comparator("i;octet", _same, _same, _same, caseless=False, same_length=True)
ASCII_CASEMAP = Comparator("i;ascii-casemap", _ascii_upper, _ascii_upper, _ascii_upper, caseless=True, same_length=True)
UNICODE_CASEMAP = Comparator("i;unicode-casemap", collate, _composed, collate, caseless=True)
ASCII_NUMERIC = Comparator("i;ascii-numeric", _number_key, _same, number, caseless=True, substrings=False)

COMPARATORS = {one.name: one for one in (OCTET, ASCII_CASEMAP, UNICODE_CASEMAP, ASCII_NUMERIC)}
ALWAYS = frozenset(("i;octet", "i;ascii-casemap", "i;unicode-casemap"))
"""Those that need no `require` (RFC 5228 section 2.7.3); Pigeonhole asks none for the last, and scripts rely on it."""

RELATIONS: dict[str, Callable[[object, object], bool]] = {}
"""`gt` and its kin (RFC 5231 section 4.1)."""


def _relations() -> None:
    import operator

    for name in ("gt", "ge", "lt", "le", "eq", "ne"):
        RELATIONS[name] = getattr(operator, name)


_relations()
