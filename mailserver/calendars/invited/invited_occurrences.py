"""What an iTIP message finds in an agenda, and what one about single occurrences does to the series that is there (RFC
5546, RECURRENCE-ID).

A REQUEST puts its occurrences in the place of those of the same name, a CANCEL takes them out, a REPLY says of them
what its attendee answers. The rest of the series stays as it is.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import icalendar

from mailserver.calendars.event_series import Series
from mailserver.calendars.invited import invitations
from mailserver.calendars.invited.invitations import Answer, Invitation
from mailserver.calendars.occurrences import ending
from mailserver.model.errors import Refused


@dataclass(frozen=True, slots=True)
class Known:
    """What an agenda has of just what an invitation is about."""

    answer: str = ""
    """What its reader said to it; empty: nothing yet, or nothing of it as it is now."""
    times: tuple[datetime.date, datetime.date] | None = None
    is_newer: bool = False
    """The invitation is an old version."""
    is_older: bool = False
    """The invitation says something new: another version, or another time."""


def known(stored: str, invitation: Invitation, addresses: Iterable[str]) -> Known:
    """What the agenda has of it, for the reader who has one of these addresses."""
    try:
        number, one = sequence(stored, invitation), _one(stored, invitation)
        start: datetime.date = one["DTSTART"].dt
        times = start, ending(one)
    except (Refused, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
        return Known()  # it does not take place there, or does not say when
    is_newer = number > invitation.sequence
    is_older = not is_newer and (number < invitation.sequence or times != (invitation.start, invitation.end))
    wanted = {address.casefold() for address in addresses}
    mine = next((who.answer for who in invitations.attendees(one) if who.address.casefold() in wanted), "")
    return Known("" if is_older else mine, times, is_newer, is_older)


def _one(stored: str, invitation: Invitation) -> Any:
    """The event, or the occurrence, that it is about. Raises Refused(NOT_FOUND)."""
    series = Series(stored)
    if not invitation.single:
        return series.master if series.master is not None else series.events[0]
    return series.shown(series.key_of(_about(invitation)[0]["RECURRENCE-ID"].dt))


def sequence(stored: str, invitation: Invitation) -> int:
    """SEQUENCE of what the agenda has of just what an invitation is about: each occurrence that was changed counts for
    itself (RFC 5546 section 2.1.4)."""
    series = Series(stored)
    if not invitation.single:
        return _number(series.master) if series.master is not None else max(map(_number, series.events))
    known = (series.override(event["RECURRENCE-ID"].dt) or series.master for event in _about(invitation))
    return max((_number(event) for event in known if event is not None), default=0)


def requested(stored: str, text: str) -> str:
    """The series with the occurrences of another text in it; one that was left out takes place again."""
    series, coming = Series(stored), Series(text)
    defined = {str(zone.get("TZID", "")) for zone in series.calendar.walk("VTIMEZONE")}
    for zone in coming.calendar.walk("VTIMEZONE"):
        if str(zone.get("TZID", "")) not in defined:
            series.calendar.subcomponents.insert(0, zone)
    for event in coming.events:
        when = series.named(event)
        if (former := series.override(when)) is not None:
            series.drop(former)
        series.take_up(when)
        series.add(event)
    return series.text()


def left_out(stored: str, invitation: Invitation) -> str | None:
    """The series without the occurrences of an invitation; None: nothing is left of it."""
    series = Series(stored)
    for event in _about(invitation):
        when = series.named(event)
        if not _goes_on(event):
            series.leave_out(when)
        elif series.begins_with(when):
            return None
        elif series.master is not None:
            series.end(when)
    return series.text() if series.happens() else None


def noted(stored: str, reply: Invitation) -> str | None:
    """The series with what an attendee answered of its occurrences; None: they are on none of them."""
    series, changed = Series(stored), False
    for event in _about(reply):
        who = next(iter(invitations.attendees(event)), None)
        if who is None or who.answer not in set(Answer):
            continue
        one = series.alone(series.key_of(event["RECURRENCE-ID"].dt))
        changed |= invitations.mark(one, [who.address], Answer(who.answer))
    return series.text() if changed else None


def alone(stored: str, key: str) -> str:
    """One occurrence as an event of its own, to be answered by itself. Raises Refused(NOT_FOUND)."""
    series = Series(stored)
    one = series.alone(key)
    calendar: Any = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", str(series.calendar.get("PRODID", "")))
    for part in (*series.calendar.walk("VTIMEZONE"), one):
        calendar.add_component(part)
    octets: bytes = calendar.to_ical()
    return octets.decode()


def marked(stored: str, key: str, addresses: Iterable[str], answer: Answer) -> str:
    """The series with what one of these attendees answers to one occurrence. Raises Refused(NOT_FOUND)."""
    series = Series(stored)
    one = series.alone(key)
    invitations.mark(one, addresses, answer)
    invitations.show(one, answer)
    return series.text()


def without(stored: str, key: str) -> str | None:
    """The series without one occurrence; None: nothing is left of it. Raises Refused(NOT_FOUND)."""
    series = Series(stored)
    series.leave_out(series.key(key))
    return series.text() if series.happens() else None


def _about(invitation: Invitation) -> list[Any]:
    """The occurrences that an invitation names."""
    return [event for event in Series(invitation.text).events if "RECURRENCE-ID" in event]


def _goes_on(event: Any) -> bool:
    """Whether it is about all that follow, too."""
    return str(event["RECURRENCE-ID"].params.get("RANGE", "")).upper() == "THISANDFUTURE"


def _number(event: Any) -> int:
    return int(event.get("SEQUENCE", 0))
