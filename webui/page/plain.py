"""Texts of strangers, made fit to stand among ours: nothing in them turns, hides or joins what is around them."""

import re

_TRICKS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
"""Marks of direction, which show `exe.gpj` for `jpg.exe`; what is there and not seen; tags."""
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""Marks piled on one letter climb over the lines above."""


def line(text: str, limit: int = 1000) -> str:
    """A name, a subject or a file name in one line, without tricks of direction or invisible characters."""
    if text.isascii():
        return " ".join(text.split())[:limit]
    return " ".join(_MARKS.sub(r"\1", _TRICKS.sub("", text)).split())[:limit]


def has_tricks(text: str) -> bool:
    """True when a name holds what only somebody who wants to deceive writes into it: marks of direction."""
    return not text.isascii() and bool(re.search("[\u202a-\u202e\u2066-\u2069]", text))
