"""What the name of a time zone (TZID) means: what the text that uses it defines, while that text is read.

Both libraries that read calendars keep one table of names for the whole process, and the first text to define a name
defines it for all others: a stranger's, or one that was written wrongly, would move everybody's events. Here each
thread has a table of its own, which is empty when a text begins. What is the same in two texts is worked out once:
Outlook's zones begin in 1601.
"""

import datetime
import threading
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import icalendar
import vobject  # type: ignore[import-untyped]
from icalendar.timezone import tzp
from vobject import icalendar as vobject_icalendar

from mailserver.store.engine.memory import Memory


class _Zones(threading.local, MutableMapping[str, datetime.tzinfo]):
    """The names that the text defines which this thread reads."""

    def __init__(self) -> None:
        self._zones: dict[str, datetime.tzinfo] = {}

    def __getitem__(self, name: str) -> datetime.tzinfo:
        return self._zones[name]

    def __setitem__(self, name: str, zone: datetime.tzinfo) -> None:
        self._zones[name] = zone

    def __delitem__(self, name: str) -> None:
        del self._zones[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._zones)

    def __len__(self) -> int:
        return len(self._zones)


_icalendar, _vobject = _Zones(), _Zones()
_SHARED = Memory(32 * 1024 * 1024)
"""Zones by what defines them: a few programs write nearly all."""
PARSED, RULES = 50, 200 * 1024
"""Octets that a zone takes for each of its text, and for the changes since 1601 that its rules remember."""


def _shared(definition: str, make: Callable[[], datetime.tzinfo]) -> datetime.tzinfo:
    """Raises what `make` raises."""
    zone: datetime.tzinfo | None = _SHARED.get(definition)
    if zone is None:
        zone = make()
        _SHARED.put(definition, zone, len(definition) * PARSED + RULES)
    return zone


def parsed(text: str) -> Any:
    """An iCalendar object (icalendar.Calendar), its zones its own. Raises what the library raises: ValueError,
    KeyError, TypeError, IndexError, AttributeError."""
    _icalendar.clear()
    try:
        return icalendar.Calendar.from_ical(text)
    finally:
        _icalendar.clear()


def name_of(zone: datetime.tzinfo) -> str | None:
    """The name of a zone that a text in hand of vobject uses, which means it from now on; None: it needs none."""
    name: str | None = vobject_icalendar.TimezoneComponent.registerTzinfo(zone)
    return name


# ---------------------------------------------------------------------- in the place of their tables


def _define(name: str | bytes, zone: datetime.tzinfo) -> None:
    _vobject[vobject_icalendar.toUnicode(name)] = zone


def _of_text(elsewhere: Any) -> Any:
    """The zone of a name: the text's, else the database's."""

    def zone_of(name: str | bytes, smart: bool = True) -> Any:
        found = _vobject.get(vobject_icalendar.toUnicode(name))
        return elsewhere(name, smart) if found is None else found

    return zone_of


def _registered(component: Any, zone: datetime.tzinfo) -> Any:
    """The name of a zone, which from now on means it; not a zone of the database (pytz), which is one of several."""
    name = component.pickTzid(zone)
    if name and not (hasattr(zone, "zone") and name in _vobject):
        _define(name, zone)
    return name


def _made_once(make: Any) -> Any:
    """Of a component of icalendar the zone."""
    return lambda component: _shared(component.to_ical().decode("utf-8", "replace"), lambda: make(component))


def _read_once(read: Any) -> Any:
    """The same of vobject, where a component without lines is no zone."""

    def zone_of(component: Any) -> Any:
        return _shared("\n".join(_content(component)), lambda: read(component)) if component.contents else None

    return zone_of


def _content(component: Any) -> Iterator[str]:
    yield component.name
    for line in component.lines():
        yield f"{line.name} {line.params!r} {line.value!r}"
    for part in component.components():
        yield from _content(part)


def _from_empty(read: Any) -> Any:
    def components(*args: Any, **kwargs: Any) -> Iterator[Any]:
        _vobject.clear()
        yield from read(*args, **kwargs)

    return components


tzp.__dict__["_TZP__tz_cache"] = _icalendar
vars(vobject_icalendar).update(registerTzid=_define, getTzid=_of_text(vobject_icalendar.getTzid))
vobject_icalendar.TimezoneComponent.registerTzinfo = classmethod(_registered)
tzp.__dict__["create_timezone"] = _made_once(tzp.create_timezone)
vobject_icalendar.TimezoneComponent.tzinfo = property(
    _read_once(vobject_icalendar.TimezoneComponent.gettzinfo), vobject_icalendar.TimezoneComponent.settzinfo
)
vobject.base.readComponents = vobject.readComponents = _from_empty(vobject.base.readComponents)
