"""Letters that look alike: Unicode's confusables (UTS 39), and what people misread besides."""

import re
import unicodedata
from functools import cache, lru_cache
from string import ascii_lowercase, ascii_uppercase, digits

from mailserver.model.unicode import strip_invisible

MAX_TEXT = 1000
"""Characters of a text that are looked at."""

_MISREAD = {
    **dict(zip("аеорсухіјѕһԁԛԝѵкмтвнгп", "aeopcyxijshdqwvkmtbhrn", strict=True)),  # Cyrillic
    **dict(zip("ανορυτικχγεβηωμ", "avopytikxyebnwu", strict=True)),  # Greek
    **dict(zip("ıłøđꞁ", "ilodl", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True)),  # small capitals
    # White on black
    **{chr(first + at): letter for first in (0x1F150, 0x1F170) for at, letter in enumerate(ascii_lowercase)},
}
"""What readers take for a Latin letter; Unicode's table counts some of them as like nothing but a small capital."""
_DIGITS = str.maketrans("01358|", "olesbl")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"), ("ii", "u"))
_SCRIPTS = frozenset(("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "HEBREW", "ARABIC", "GEORGIAN"))
_WORD = re.compile(r"[^\W\d_]{2,64}")


@cache
def _table() -> dict[int, str]:
    # Only once it is needed: the file takes 20 ms to read, and what was read is not kept.
    from confusable_homoglyphs.utils import load  # type: ignore[import-untyped]

    confusables = load("confusables.json")
    found = dict(_MISREAD)
    for letter in ("-", ".", *digits, *ascii_uppercase, *ascii_lowercase):
        for one in confusables.get(letter, ()):
            if len(one["c"]) == 1 and not one["c"].isascii():
                found[one["c"]] = letter.lower()
    return {ord(char): letter for char, letter in found.items()}


def prepare() -> None:
    """Read the table of confusables, beside the event loop."""
    _table()


def is_prepared() -> bool:
    """Whether the table was read."""
    return _table.cache_info().currsize > 0


def latin(text: str) -> str:
    """A text in small Latin letters without marks, as far as its letters look like any."""
    text = strip_invisible(text)[:MAX_TEXT]
    if text.isascii():
        return text.lower()
    table = _table()
    decomposed = unicodedata.normalize("NFKD", text.translate(table))
    plain = "".join(char for char in decomposed if not unicodedata.category(char).startswith("M"))
    return plain.lower().translate(table)


@lru_cache(maxsize=4096)
def skeleton(text: str) -> str:
    """What is left of a host's name when look-alikes are one: also digits, and pairs of letters."""
    plain = latin(text).translate(_DIGITS)
    for pair, single in _PAIRS:
        plain = plain.replace(pair, single)
    return plain


def alphabets(word: str) -> frozenset[str]:
    """The alphabets of a word's letters, of those that look alike."""
    names = (unicodedata.name(char, "").partition(" ")[0] for char in word)
    return frozenset(name for name in names if name in _SCRIPTS)


def mixes_alphabets(text: str) -> bool:
    """True when one word holds letters of two alphabets that look alike, as no language writes them."""
    if text.isascii():
        return False
    return any(len(alphabets(word)) > 1 for word in _WORD.findall(strip_invisible(text)[:MAX_TEXT]))
