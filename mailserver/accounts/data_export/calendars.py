"""An agenda as one iCalendar file (RFC 5545 section 3.4): the components of all its items in one VCALENDAR.

Items are stored one by one, each with the time zones it needs; here each zone stands once.
"""

import re
from collections.abc import Iterator

_FOLD = re.compile(r"\r?\n[ \t]")
_LINE = re.compile(r"\r\n|\r|\n")
HEAD = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//mailserver//export//FR\r\nCALSCALE:GREGORIAN\r\n"
FOOT = "END:VCALENDAR\r\n"


class Calendar:
    """Merges the items of one agenda."""

    def __init__(self) -> None:
        self._zones: set[str] = set()

    def components(self, text: str) -> Iterator[str]:
        """The components of one item that the file does not have yet, each with CRLF line ends."""
        for component in _components(text):
            if component[0].upper() == "BEGIN:VTIMEZONE":
                name = _zone(component)
                if name in self._zones:
                    continue
                self._zones.add(name)
            yield "".join(f"{line}\r\n" for line in component)


def _components(text: str) -> Iterator[list[str]]:
    """The components within the outer VCALENDAR, line by line as they are."""
    depth = 0
    lines: list[str] = []
    for line in _LINE.split(text):
        folded = line[:1] in (" ", "\t")
        word = "" if folded else line.strip().upper()
        if word.startswith("BEGIN:"):
            depth += 1
        if depth > 1 and line:
            lines.append(line)
        if word.startswith("END:"):
            depth -= 1
            if depth == 1:
                yield lines
                lines = []


def _zone(component: list[str]) -> str:
    unfolded = _FOLD.sub("", "\n".join(component))
    return next((line for line in unfolded.split("\n") if line.upper().startswith("TZID")), unfolded)
