"""One event as one line: for people, or as JSON for machines. Pure functions; nothing that a peer said can begin a new
line or steer a terminal."""

import json
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

EVENT_WIDTH = 30
LEVEL_WIDTH = 9
INDENT = "  "
FIRST = ("timestamp", "level", "part", "event")
APART = frozenset((*FIRST, "exception"))
_NUMBERS = frozenset((int, float, bool, type(None)))
_PLAIN = re.compile(r"[!#-&(-<>-~]+")
"""What needs neither quotes nor a second look."""
_NEEDS_QUOTES = frozenset(" \t=\"'")
_encode = json.JSONEncoder(ensure_ascii=False, default=str, check_circular=False).encode
_plain_encode = json.JSONEncoder(ensure_ascii=True, default=str).encode


def stamp(now: float) -> str:
    """RFC 3339 in UTC, with microseconds."""
    second, part = divmod(now, 1)
    return f"{_second(int(second))}.{int(part * 1_000_000):06d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def console(fields: Mapping[str, Any]) -> str:
    """The way structlog writes without colours; a traceback follows."""
    event = str(printable(str(fields["event"])))
    words = [f"{fields['timestamp']} [{fields['level']:<{LEVEL_WIDTH}}] {event:<{EVENT_WIDTH}}"]
    for name in sorted(fields):
        if name not in APART:
            value = fields[name]
            is_plain = value.__class__ in _NUMBERS or (value.__class__ is str and _PLAIN.fullmatch(value))
            words.append(f"{name}={value if is_plain else _quoted(value)}")
    line = " ".join(words).rstrip()
    return f"{line}\n{told(fields['exception'])}" if "exception" in fields else line


def told(exception: object) -> str:
    """A traceback as lines that cannot be taken for events: an error says what a peer or another server has said."""
    lines = str(exception).split("\n")
    return "\n".join(INDENT + (line if line.isprintable() else repr(line)) for line in lines)


def printable(value: object) -> object:
    """The same, without what steers a terminal."""
    return value if not isinstance(value, str) or value.isprintable() else repr(value)


def _quoted(value: object) -> str:
    if isinstance(value, str) and value.isprintable() and not _NEEDS_QUOTES.intersection(value):
        return value
    text = repr(value)
    return text if text.isprintable() else repr(text)


def as_json(fields: Mapping[str, Any]) -> str:
    """RFC 8259; what stands in every line comes first."""
    try:
        line = _encode(fields)
        line.encode()
    except (UnicodeEncodeError, ValueError, TypeError):  # halves of surrogates, keys that are no texts
        line = _plain_encode({str(name): value for name, value in fields.items()})
    return line


RENDERERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"console": console, "json": as_json}
