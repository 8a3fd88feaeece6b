"""What others see of a private event: that its time is taken, and nothing else (RFC 5545 section 3.8.1.3).

Works on lines and parses nothing. An item is private as a whole when any of its components is: what one occurrence of
a series hides would show in the others.
"""

import hashlib
import re
from dataclasses import replace
from typing import Final

from mailserver.store.agenda.agenda_items import Item

BUSY: Final = "Occupé"
"""The title of a private event, in every client: a door cannot know its reader's language."""
WIDTH = 70
"""Characters of a line before it is folded (section 3.1)."""

_FOLD = re.compile(r"\r?\n[ \t]")
_CLASS = re.compile(r"^CLASS(?:;[^:\n]*+)?:(?!(?:PUBLIC)?[ \t\r]*+$)", re.IGNORECASE | re.MULTILINE)
"""Any other class than PUBLIC, unknown ones too: they are to be taken for PRIVATE."""
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=(?:"[^"]*"|[^";:])*)*):(.*)')
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*"|[^";:])*)')

_TIMES: Final = frozenset({
    "UID", "DTSTAMP", "DTSTART", "DTEND", "DUE", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID",
    "SEQUENCE", "STATUS", "TRANSP", "CLASS",
})  # fmt: skip
_ZONE: Final = frozenset({"DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE"})
_KEPT: Final = {
    "VCALENDAR": frozenset({"VERSION", "CALSCALE"}),
    "VEVENT": _TIMES,
    "VTODO": _TIMES,
    "VJOURNAL": _TIMES,
    "VTIMEZONE": frozenset({"TZID"}),
    "STANDARD": _ZONE,
    "DAYLIGHT": _ZONE,
}
"""Properties that stay, by component; other components (alarms) go whole."""
_PARAMETERS: Final = frozenset({"VALUE", "TZID", "RANGE"})
_TITLED: Final = frozenset({"VEVENT", "VTODO", "VJOURNAL"})


def is_private(text: str) -> bool:
    """True for an iCalendar object that its owner keeps from others."""
    return _CLASS.search(_FOLD.sub("", text)) is not None


def masked(item: Item, *, always: bool = False) -> Item:
    """An event as others see it: itself, or its time alone. Its ETag then tells nothing of what is hidden either."""
    if item.text is None or not (always or is_private(item.text)):
        return item
    text = _mask(item.text)
    return replace(item, text=text, etag=hashlib.sha256(text.encode()).hexdigest())


def _mask(text: str) -> str:
    lines: list[str] = []
    inside: list[str] = []
    hidden = 0
    """How deep in components that go."""
    for line in _FOLD.sub("", text).replace("\r\n", "\n").split("\n"):  # other breaks stand within a property
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        name, value = match[1].upper(), match[3]
        if name == "BEGIN":
            inside.append(value.strip().upper())
            hidden += bool(hidden) or inside[-1] not in _KEPT
        if not hidden:
            lines += _line(inside, name, match[2], value)
        if name == "END" and inside:
            hidden -= bool(hidden)
            inside.pop()
    return "".join(f"{line}\r\n" for line in lines)


def _line(inside: list[str], name: str, parameters: str, value: str) -> list[str]:
    """What stays of a line; the title of what begins stands right behind."""
    if name == "BEGIN":
        titled = [f"SUMMARY:{BUSY}"] if inside[-1] in _TITLED else []
        product = ["PRODID:-//mailserver//agenda//FR"] if inside[-1] == "VCALENDAR" else []
        return [f"BEGIN:{inside[-1]}", *product, *titled]
    if name == "END":
        return [f"END:{inside[-1]}"] if inside else []
    if not inside or name not in _KEPT[inside[-1]]:
        return []
    kept = "".join(
        f";{parameter[1]}={parameter[2]}"
        for parameter in _PARAMETER.finditer(parameters)
        if parameter[1].upper() in _PARAMETERS
    )
    whole = f"{name}{kept}:{value}"
    return ["\r\n ".join(whole[at : at + WIDTH] for at in range(0, len(whole), WIDTH))]
