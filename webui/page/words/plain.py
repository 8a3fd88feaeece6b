"""Texts of strangers, made fit to stand among ours: nothing in them turns, hides or joins what is around them."""

import re

from mailserver.model.unicode import strip_invisible

_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""Marks piled on one letter climb over the lines above."""


def line(text: str, limit: int = 1000) -> str:
    """A name, a subject or a file name in one line, without tricks of direction or invisible characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:limit]
    return " ".join(_MARKS.sub(r"\1", strip_invisible(text)).split())[:limit]


def has_tricks(text: str) -> bool:
    """True when a name holds what only somebody who wants to deceive writes into it: marks of direction."""
    return not text.isascii() and bool(re.search("[\u202a-\u202e\u2066-\u2069]", text))
