"""A series as its occurrences, for clients that do not compute them (RFC 4791 section 9.6.5).

Each stands for itself: in UTC where it has a zone, named by RECURRENCE-ID, without rule and zone. Exceptions count
with their own times. Floating times and dates are taken as UTC, as everywhere in queries. What cannot be computed is
given as it is: every client can show that.
"""

import datetime
from collections.abc import Iterator
from typing import Any, Final

from icalendar import vDDDTypes

from agenda.request_context import VISIT
from mailserver.calendars import occurrences
from mailserver.model.errors import BadSyntax, Reason, Refused

_TIMES: Final = ("DTSTART", "DTEND", "RECURRENCE-ID")
_HEAD, _FOOT = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "END:VCALENDAR\r\n"


def expanded(text: str, start: datetime.datetime, end: datetime.datetime) -> str:
    """The occurrences of an event in [start, end) as one iCalendar object. Raises TooMuchWork, Refused(LIMIT)."""
    try:
        parts = "".join(_between(text, start, end))
    except Refused as refused:
        if refused.reason is Reason.LIMIT:
            raise
        return text
    except (BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
        return text
    program = next((line for line in text.splitlines() if line.upper().startswith("PRODID")), "PRODID:-//mailserver//")
    return f"{_HEAD}{program}\r\n{parts}{_FOOT}"


def _between(text: str, start: datetime.datetime, end: datetime.datetime) -> Iterator[str]:
    visit = VISIT.get()
    margin = occurrences.MARGIN
    for event, recurs in occurrences.components(text, start - margin, end + margin, visit.budget):
        begins = occurrences.moment(event["DTSTART"].dt, datetime.UTC)
        ends = occurrences.moment(occurrences.ending(event), datetime.UTC)
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
