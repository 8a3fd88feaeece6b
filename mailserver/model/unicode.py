"""Unicode normalisation in linear time, whatever the text; characters that nobody sees.

Normalising sorts the combining marks behind a letter by insertion, so a text of nothing but marks costs the square of
its length: 80 KB of them take 5 s. No writing puts more than a few on one letter; after 30 a COMBINING GRAPHEME JOINER
ends the run, as the Stream-Safe Text Format does (Unicode Standard Annex 15, section 13).
"""

import functools
import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

JOINER = "\u034f"

_UNSEEN = (
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_INVISIBLE = re.compile(_UNSEEN)
"""Control characters, what is there and not seen, marks of direction, which show `exe.gpj` for `jpg.exe`; tags."""
_CONTROLS = frozenset(("Cc", "Cs", "Zl", "Zp"))
"""Categories of what cuts a line, or is no character."""
_EUROPEAN = "A-Za-z\u00c0-\u024f\u0370-\u052f"
_WITHIN_WORD = re.compile(f"[{_EUROPEAN}](?!\ufffd){_UNSEEN}+[{_EUROPEAN}]")
"""Other writing needs some of them between letters. U+FFFD stands for what was broken on its way."""


def _marks() -> str:
    """A character class of all that may end up being sorted: characters that are marks, or decompose into some."""
    ranges: list[list[int]] = []
    for code in range(0x300, 0x20000):
        one = chr(code)
        if one.isascii() or not (unicodedata.combining(one) or _begins_with_mark(one)):
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)


def _begins_with_mark(one: str) -> bool:
    decomposition = unicodedata.decomposition(one)
    return bool(decomposition) and bool(unicodedata.combining(unicodedata.normalize("NFKD", one)[0]))


@functools.cache
def _run() -> re.Pattern[str]:
    """Thirty marks before another. Most texts never ask for it, and it takes a tenth of a second to make."""
    mark = f"[{_marks()}]"
    return re.compile(f"({mark}{{30}})(?={mark})")


_FOREIGN = re.compile("[^\x00-\u02ff][^\x00-\u02ff]{30}")
"""What `_run` needs to match, looked for several times as fast; in most texts there is none."""


def normalize(form: Form, text: str) -> str:
    """`unicodedata.normalize`, but for marks beyond the 30th on one character, which stand by themselves."""
    if text.isascii():
        return text
    if _FOREIGN.search(text):
        text = _run().sub(rf"\1{JOINER}", text)
    return unicodedata.normalize(form, text)


def has_controls(text: str) -> bool:
    """True for control characters, ends of lines, halves of surrogate pairs: what no name has."""
    return any(unicodedata.category(char) in _CONTROLS for char in text)


def strip_invisible(text: str) -> str:
    """A text without what is in it and not seen: what somebody reads of it."""
    return _INVISIBLE.sub("", text)


def hides_within_word(text: str) -> bool:
    """True where something that nobody sees stands between two letters, so that the word is another to a program."""
    return not text.isascii() and _WITHIN_WORD.search(text) is not None
