"""What a report shows of each item: occurrences, parts, a version of vCard (RFC 4791 9.6, RFC 6352 10.4)."""

import datetime
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from radicale import xmlutils

from agenda.errors import Unmet
from agenda.reporting import expansion, partial
from mailserver.addressbook import versions
from mailserver.calendars.icalendar import recurrence

if TYPE_CHECKING:
    from agenda.collection import StoredItem

Span = tuple[datetime.datetime, datetime.datetime]

CALENDAR_DATA, ADDRESS_DATA = xmlutils.make_clark("C:calendar-data"), xmlutils.make_clark("CR:address-data")
_EXPAND, _RECURRENCES, _COMPONENT, _ALL, _CARD_PROPERTY = (
    xmlutils.make_clark(name) for name in ("C:expand", "C:limit-recurrence-set", "C:comp", "CR:allprop", "CR:prop")
)
_STAMP: Final = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class View:
    """How the items of one answer are shown."""

    expand: Span | None = None
    recurrences: Span | None = None
    """Of the exceptions only those are shown that have to do with this range (RFC 4791 section 9.6.6)."""
    parts: ET.Element | None = None
    properties: tuple[ET.Element, ...] = ()
    """Of contacts; empty: all."""
    version: str = ""
    """Of contacts; empty: as they are stored."""

    def shown(self, item: "StoredItem", text: str) -> str:
        """Raises TooMuchWork, Refused(LIMIT)."""
        if item.name == "VCALENDAR":
            return self._calendar(item, text)
        if item.name == "VCARD":
            text = versions.converted(text, self.version) if self.version else text
            return partial.card(text, list(self.properties)) if self.properties else text
        return text

    def _calendar(self, item: "StoredItem", text: str) -> str:
        if self.expand is not None and item.component_name in recurrence.KINDS:
            text = expansion.expanded(text, item.component_name, *self.expand)
        if self.recurrences is not None and "RECURRENCE-ID" in text:
            kind = item.component_name
            kept = recurrence.within(item.vobject_item, kind, *self.recurrences)
            text = partial.without(text, lambda name, place: name != kind or place >= len(kept) or kept[place])
        return text if self.parts is None else partial.calendar(text, self.parts)


WHOLE: Final = View()


def asked(data: ET.Element) -> View:
    """What a `calendar-data` or `address-data` element asks for. Raises Unmet."""
    kind, version = data.get("content-type", "").partition(";")[0].strip().lower(), data.get("version", "")
    if data.tag == CALENDAR_DATA:
        if kind not in ("", "text/calendar") or version not in ("", "2.0"):
            raise Unmet("C:supported-calendar-data")
        return View(_span(data.find(_EXPAND)), _span(data.find(_RECURRENCES)), data.find(_COMPONENT))
    if kind not in ("", "text/vcard") or version not in ("", *versions.KNOWN):
        raise Unmet("CR:supported-address-data")
    properties = () if data.find(_ALL) is not None else tuple(data.iterfind(_CARD_PROPERTY))
    return View(properties=properties, version=version or versions.DEFAULT)


def _span(element: ET.Element | None) -> Span | None:
    if element is None:
        return None
    start, end = (
        datetime.datetime.strptime(element.get(name, ""), _STAMP).replace(tzinfo=datetime.UTC)
        for name in ("start", "end")
    )
    return start, end
