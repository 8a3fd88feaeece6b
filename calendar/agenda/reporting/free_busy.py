"""Free and busy times of one calendar, or of all in a home (RFC 4791 section 7.10).

Radicale tells how each event keeps its owner busy; what is free needs no saying.
"""

import datetime
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Final

from radicale import xmlutils
from radicale.app.report import freebusy_periods, render_freebusy
from radicale.item.filter import parse_time_range

from agenda.collection import Collection
from agenda.request_context import MAX_OCCURRENCES, TooMuchWork

_Period = tuple[datetime.datetime, datetime.datetime, str]
_TIME_RANGE: Final = xmlutils.make_clark("C:time-range")
_COMPONENT: Final = xmlutils.make_clark("C:comp-filter")


def text(collections: Iterable[Collection], query: ET.Element) -> str:
    """A VFREEBUSY. Raises TooMuchWork, Refused."""
    when = query.find(_TIME_RANGE)
    assert when is not None  # `documents` has seen to it
    start, end = parse_time_range(when)
    busy: list[_Period] = []
    for one in collections:
        for item, _ in one.get_filtered([_filter(when)]):
            try:
                found = freebusy_periods(item, start, end, MAX_OCCURRENCES)
            except ValueError:
                raise TooMuchWork from None
            busy += [period for period in found if period[2] != "FREE"]
            if len(busy) > MAX_OCCURRENCES:
                raise TooMuchWork
    # An object like others, with a UID (RFC 5545 section 3.6.4).
    return render_freebusy(busy, start, end).replace(
        "BEGIN:VFREEBUSY\r\n", f"BEGIN:VFREEBUSY\r\nUID:{uuid.uuid4()}\r\n", 1
    )


def _filter(when: ET.Element) -> ET.Element:
    whole = ET.Element(xmlutils.make_clark("C:filter"))
    outer = ET.SubElement(whole, _COMPONENT, {"name": "VCALENDAR"})
    ET.SubElement(outer, _COMPONENT, {"name": "VEVENT"}).append(when)
    return whole
