"""How names are compared: logins and addresses exactly but for case, people's names also without accents; and which of
them could be taken for an address."""

import re
import unicodedata

from mailserver.model.unicode import normalize

MAX_NAME = 320
"""Characters of a login or address: 64 + 1 + 255 (RFC 5321 section 4.5.3.1)."""


def fold_login(name: str) -> str:
    """The form in which an identifier or address is stored and looked up; empty when it cannot be one.

    Addresses compare without regard to case on both sides of the at sign: the academy issues no two that
    differ by case only.
    """
    if len(name) > MAX_NAME:
        return ""
    folded = normalize("NFC", name.strip()).casefold()
    return folded if folded.isprintable() and " " not in folded else ""


def strip_marks(text: str) -> str:
    """Letters without their accents and other combining marks."""
    if text.isascii():  # most names are, and an import folds a million
        return text
    decomposed = normalize("NFKD", text)
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def search_key(text: str) -> str:
    """The form in which people's names are searched: no case, no accents, single spaces."""
    return " ".join(strip_marks(text).casefold().split())


def code_key(text: str) -> str:
    """The form in which codes of classes, functions and disciplines are kept: upper case, single spaces."""
    shown = "".join(char for char in normalize("NFKC", text) if char.isprintable() or char.isspace())
    return normalize("NFKC", " ".join(shown.casefold().split()).upper())


_AT_SIGNS = re.compile("[@\ufe6b\uff20]")


def could_be_address(name: str) -> bool:
    """True for a display name with an at sign, of whatever shape: people would take it for where the mail is from."""
    return _AT_SIGNS.search(name) is not None
