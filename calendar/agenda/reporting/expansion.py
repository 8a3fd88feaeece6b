"""A series as its occurrences, for clients that do not compute them (RFC 4791 section 9.6.5).

Each stands for itself: in UTC where it has a zone, named by RECURRENCE-ID, without rule and zone. Exceptions count
with their own times. Floating times and dates are in the zone of the query, and stay what they are. What cannot be
computed is given as it is: every client can show that.
"""

import datetime
from collections.abc import Iterator
from typing import Any, Final

from icalendar import vDDDTypes

from agenda.request_context import VISIT
from mailserver.calendars import occurrences
from mailserver.calendars.icalendar.recurrence import FLOATING
from mailserver.model.errors import BadSyntax, Reason, Refused

_TIMES: Final = ("DTSTART", "DTEND", "DUE", "RECURRENCE-ID")
_HEAD, _FOOT = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "END:VCALENDAR\r\n"


def expanded(text: str, kind: str, start: datetime.datetime, end: datetime.datetime) -> str:
    """The occurrences of an object in [start, end), as one such object. Raises TooMuchWork, Refused(LIMIT)."""
    try:
        parts = "".join(_between(text, kind, start, end))
    except Refused as refused:
        if refused.reason is Reason.LIMIT:
            raise
        return text
    except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
        return text
    program = next((line for line in text.splitlines() if line.upper().startswith("PRODID")), "PRODID:-//mailserver//")
    return f"{_HEAD}{program}\r\n{parts}{_FOOT}"


def _between(text: str, kind: str, start: datetime.datetime, end: datetime.datetime) -> Iterator[str]:
    visit, zone = VISIT.get(), FLOATING.get()
    margin = occurrences.MARGIN
    for event, recurs in occurrences.components(text, start - margin, end + margin, visit.budget, kind):
        begins = occurrences.moment(event["DTSTART" if "DTSTART" in event else "DUE"].dt, zone)
        ends = occurrences.moment(event["DUE"].dt if "DUE" in event else occurrences.ending(event), zone)
        if begins < end and (ends > start or begins >= start):
            octets = _single(event, recurs=recurs).to_ical()
            visit.count_occurrence(len(octets))
            yield octets.decode()


def _single(event: Any, *, recurs: bool) -> Any:
    if not recurs:
        event.pop("RECURRENCE-ID", None)
    for name in _TIMES:
        moment = event[name].dt if name in event else None
        if isinstance(moment, datetime.datetime) and moment.tzinfo is not None:
            event[name] = vDDDTypes(moment.astimezone(datetime.UTC))
    return event
