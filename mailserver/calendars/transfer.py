"""Whole calendars as files: taken apart into items, and put together from them (RFC 5545 section 3.4)."""

import datetime
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import icalendar

from mailserver.calendars.events import PRODUCT
from mailserver.calendars.icalendar import cleaning, reading, zones
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Refused
from mailserver.store.agenda.agenda_items import MAX_HREF, Item, NewItem

MAX_FILE = 1_900_000
"""Octets of a file: it travels through a form twice."""
_END = b"END:VCALENDAR\r\n"
MAX_TITLES = 500
"""Characters of a title in a preview."""
_ESCAPED = re.compile(r"\\([\\;,nN])")


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event of a file, ready to be stored."""

    item: NewItem
    title: str
    start: datetime.date
    count: int
    """Components: the event and its exceptions."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a file holds."""

    events: tuple[Incoming, ...]
    other: int
    """Components that are no events."""
    refused: int
    """Events that cannot be stored."""
    name: str = ""
    """What the file calls itself."""
    text: str = ""
    """The file as it was read, whatever its letters were written in."""


def unpack(octets: bytes, prepare: Callable[[Any], None] | None = None) -> Parcel:
    """The events of a file, those of one UID together; `prepare` may change each before it is stored.

    Raises BadSyntax, Refused(TOO_BIG | INVALID | LIMIT).
    """
    budget = Budget()
    text = cleaning.clean(octets, budget)
    try:
        calendar: Any = parsed(text)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadSyntax("Not a calendar") from error
    zones_of = {str(zone.get("TZID", "")): zone for zone in calendar.walk("VTIMEZONE")}
    groups: dict[str, list[Any]] = {}
    other = 0
    for part in calendar.subcomponents:
        if part.name == "VEVENT":
            uid = str(part.get("UID", "")) or hashlib.sha256(part.to_ical()).hexdigest()
            groups.setdefault(uid, []).append(part)
        elif part.name != "VTIMEZONE":
            other += 1
    made: list[Incoming] = []
    refused = 0
    for uid, events in groups.items():
        budget.check()
        try:
            if prepare is not None:
                for event in events:
                    prepare(event)
            made.append(_incoming(uid, events, zones_of))
        except (BadSyntax, Refused, ValueError, TypeError, KeyError, AttributeError, LookupError):
            refused += 1
    name = " ".join(_unescaped(str(calendar.get("X-WR-CALNAME", ""))).split())[:MAX_TITLES]
    return Parcel(tuple(made), other, refused, name, text)


def _unescaped(text: str) -> str:
    """The text of a property that the library does not know (RFC 5545 section 3.3.11)."""
    return _ESCAPED.sub(lambda found: " " if found[1] in "nN" else found[1], text)


def _incoming(uid: str, events: list[Any], zones_of: dict[str, Any]) -> Incoming:
    whole: Any = icalendar.Calendar()
    whole.add("VERSION", "2.0")
    whole.add("PRODID", PRODUCT)
    used = {
        str(value.params["TZID"])
        for event in events
        for _, value in event.property_items(recursive=False)
        if "TZID" in getattr(value, "params", {})
    }
    for name in sorted(used & zones_of.keys()):
        whole.add_component(zones_of[name])
    for event in events:
        event.pop("UID", None)
        event.add("UID", uid)
        whole.add_component(event)
    zones.complete(whole)
    octets: bytes = whole.to_ical()
    item = reading.read(href(uid), octets.decode())
    master = next((event for event in events if "RECURRENCE-ID" not in event), events[0])
    title = " ".join(str(master.get("SUMMARY", "")).split())[:MAX_TITLES]
    return Incoming(item, title, master["DTSTART"].dt, len(events))


def href(uid: str) -> str:
    """A name for an imported item: its UID where that can stand in an address, else a digest of it."""
    plain = uid.isascii() and uid.isprintable() and not set(uid) & set('/\\?#%"<>&+ ') and not uid.startswith(".")
    return f"{uid if plain and len(uid) < MAX_HREF - 4 else hashlib.sha256(uid.encode()).hexdigest()}.ics"


def pack(name: str, rows: Iterable[Item]) -> bytes:
    """One calendar of all items, each zone once. Items that cannot be read are left out.

    Of each its text is kept, never what was parsed of it, which takes up to a hundred times as much.
    """
    calendar: Any = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", PRODUCT)
    calendar.add("X-WR-CALNAME", icalendar.vText(name), encode=False)
    zones_of: dict[str, bytes] = {}
    inside: list[bytes] = []
    for row in rows:
        try:
            parts = parsed(row.text or "").subcomponents
        except (ValueError, TypeError, KeyError, IndexError):
            continue
        for part in parts:
            zone = str(part.get("TZID", "")) if part.name == "VTIMEZONE" else ""
            if not zone:
                inside.append(part.to_ical())
            elif zone not in zones_of:
                zones_of[zone] = part.to_ical()
    octets: bytes = calendar.to_ical()
    head = octets.removesuffix(_END)
    return b"".join((head, *zones_of.values(), *inside, _END))


def named(item: NewItem, other: str) -> NewItem:
    """The same item under the name that one of its UID already has."""
    return replace(item, href=other)
