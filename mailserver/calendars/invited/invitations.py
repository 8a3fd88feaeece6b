"""Invitations in mail: what an iTIP message says (RFC 5546), the event it becomes, and the answer to it.

Texts come from strangers: `icalendar.cleaning` judges them before any library parses them, and what is stored goes
through `icalendar.reading` like any other item. Nothing here sends, stores or knows a page.
"""

import copy
import datetime
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import icalendar

from mailserver import __version__
from mailserver.calendars.icalendar import cleaning
from mailserver.calendars.icalendar.zone_names import parsed
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Refused

MAX_OCTETS = 256 * 1024
"""An invitation with its exceptions."""
SECONDS = 2.0
"""Of CPU until it is judged: a few recurrences that were made for it take longer than all others (`cleaning`)."""
MAX_ATTENDEES = 500
MAX_LINE = 500
MAX_DESCRIPTION = 4000
MAX_COMMENT = 1000
_HEAD: Final = re.compile(r"BEGIN:VCALENDAR\r?\n", re.IGNORECASE)


class Method(StrEnum):
    """What an iTIP message is for (RFC 5546 section 1.4)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    REPLY = "REPLY"
    COUNTER = "COUNTER"


class Answer(StrEnum):
    """What an attendee says (RFC 5545 section 3.2.12)."""

    YES = "ACCEPTED"
    MAYBE = "TENTATIVE"
    NO = "DECLINED"


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody who is invited."""

    name: str
    address: str
    answer: str
    """PARTSTAT, NEEDS-ACTION when they have not said anything."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """An iTIP message about one event."""

    method: Method
    uid: str
    sequence: int
    summary: str
    place: str
    description: str
    organizer: Attendee
    attendees: tuple[Attendee, ...]
    start: datetime.date
    """A datetime (naive: floating) or, of whole days, a date."""
    end: datetime.date
    """After the last moment or day."""
    zone: str
    """TZID the organizer wrote; empty for UTC, floating times and whole days."""
    recurs: bool
    single: bool
    """It is about one occurrence of a recurring event (RECURRENCE-ID)."""
    comment: str
    """What the sender adds (RFC 5545 section 3.8.1.4)."""
    text: str
    """The whole message, cleaned."""

    def invited(self, addresses: Iterable[str]) -> Attendee | None:
        """The attendee who has one of these addresses."""
        wanted = {address.casefold() for address in addresses}
        return next((attendee for attendee in self.attendees if attendee.address.casefold() in wanted), None)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Another time for an event: two aware datetimes, or two dates of which the second is the day after."""

    start: datetime.date
    end: datetime.date
    comment: str = ""


def read(octets: bytes) -> Invitation | None:
    """The invitation in a text/calendar part; None for anything else, and for what cannot be understood. Not on the
    event loop, however short it is."""
    if len(octets) > MAX_OCTETS:
        return None
    try:
        text = cleaning.clean(octets, Budget(SECONDS))
        calendar = parsed(text)
        method = Method(str(calendar.get("METHOD", "")).strip().upper())
        events = [vevent for vevent in calendar.walk("VEVENT") if str(vevent.get("UID", ""))]
        uids = {str(vevent["UID"]) for vevent in events}
        return _read(text, method, events) if len(uids) == 1 else None
    except (BadSyntax, Refused, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, LookupError):
        return None


def stored(text: str) -> Invitation | None:
    """The invitation that an event of an agenda came from; None when it cannot be understood as one."""
    return read(_HEAD.sub(f"BEGIN:VCALENDAR\r\nMETHOD:{Method.REQUEST}\r\n", text, count=1).encode())


def _read(text: str, method: Method, events: list[Any]) -> Invitation:
    event = next((vevent for vevent in events if "RECURRENCE-ID" not in vevent), events[0])
    start = event["DTSTART"].dt
    end = _end(event, start)
    zone = event["DTSTART"].params.get("TZID", "")
    return Invitation(
        method=method,
        uid=str(event["UID"])[:1000],
        sequence=max(0, int(event.get("SEQUENCE", 0))),
        summary=_line(event.get("SUMMARY", "")),
        place=_line(event.get("LOCATION", "")),
        description=_words(event.get("DESCRIPTION", ""), MAX_DESCRIPTION),
        organizer=_attendee(event.get("ORGANIZER", "")),
        attendees=attendees(event),
        start=start,
        end=end,
        zone=str(zone)[:100],
        recurs="RRULE" in event or "RDATE" in event,
        single="RECURRENCE-ID" in event,
        comment=_words(_first(event.get("COMMENT", "")), MAX_COMMENT),
        text=text,
    )


def attendees(event: Any) -> tuple[Attendee, ...]:
    """Who is invited, at most MAX_ATTENDEES."""
    values = event.get("ATTENDEE", [])
    listed = values if isinstance(values, list) else [values]
    return tuple(_attendee(value) for value in listed[:MAX_ATTENDEES])


def _end(event: Any, start: datetime.date) -> datetime.date:
    """RFC 5545 section 3.6.1. Raises ValueError when it is not of the start's kind, or before it."""
    if "DTEND" in event:
        end: datetime.date = event["DTEND"].dt
    elif "DURATION" in event:
        end = start + event["DURATION"].dt
    else:
        end = start if isinstance(start, datetime.datetime) else start + datetime.timedelta(days=1)
    if isinstance(end, datetime.datetime) != isinstance(start, datetime.datetime) or end < start:
        raise ValueError("An end that does not fit the start")
    return end


def _attendee(value: Any) -> Attendee:
    params = getattr(value, "params", {})
    text = str(value)
    address = text[7:] if text[:7].lower() == "mailto:" else ""
    answer = str(params.get("PARTSTAT", "NEEDS-ACTION")).upper()
    return Attendee(_line(params.get("CN", "")), _line(address), answer[:30])


def _first(value: object) -> object:
    """Of a property that may stand several times."""
    return value[0] if isinstance(value, list) else value


def _words(value: object, most: int) -> str:
    return str(value).replace("\r\n", "\n").strip()[:most]


def _line(value: object) -> str:
    return " ".join(str(value).split())[:MAX_LINE]


# ---------------------------------------------------------------------- what becomes of it


def event(invitation: Invitation, addresses: Iterable[str], answer: Answer, held: str = "") -> str:
    """The event to be stored: the invitation without its method, and with what its reader answered. The alarms are
    those that the reader has set in the event that is there (`held`)."""
    calendar: Any = parsed(invitation.text)
    calendar.pop("METHOD", None)
    alarms = _alarms(held) if held else []
    for vevent in calendar.walk("VEVENT"):
        mark(vevent, addresses, answer)
        if answer is Answer.MAYBE:
            show(vevent, answer)
        for alarm in [part for part in vevent.subcomponents if part.name == "VALARM"]:
            vevent.subcomponents.remove(alarm)  # whose programs they run on is not for the organizer to say
        for alarm in alarms:
            vevent.add_component(alarm)
    return str(calendar.to_ical().decode("utf-8"))


def _alarms(stored: str) -> list[Any]:
    calendar: Any = parsed(stored)
    events = calendar.walk("VEVENT")
    one = next((vevent for vevent in events if "RECURRENCE-ID" not in vevent), events[0])
    return [part for part in one.subcomponents if part.name == "VALARM"]


def noted(stored: str, reply: Invitation) -> str | None:
    """A stored event with what an attendee answered to it; None when the attendee is not on it."""
    calendar: Any = parsed(stored)
    if not reply.attendees:
        return None
    who = reply.attendees[0]
    try:
        answer = Answer(who.answer)
    except ValueError:
        return None
    changed = [mark(vevent, [who.address], answer) for vevent in calendar.walk("VEVENT")]
    return str(calendar.to_ical().decode("utf-8")) if any(changed) else None


def marked(stored: str, addresses: Iterable[str], answer: Answer) -> str:
    """A stored event with what one of these attendees answers to it."""
    calendar: Any = parsed(stored)
    wanted = tuple(addresses)
    for vevent in calendar.walk("VEVENT"):
        mark(vevent, wanted, answer)
        show(vevent, answer)
    return str(calendar.to_ical().decode("utf-8"))


def show(event: Any, answer: Answer) -> None:
    """In the agenda an event stands as its reader has answered: what they come to perhaps is not sure."""
    status = str(event.get("STATUS", "")).upper()
    unsure = answer is Answer.MAYBE and status != "CANCELLED"
    if unsure or (answer is Answer.YES and status == "TENTATIVE"):
        event.pop("STATUS", None)
        event.add("STATUS", "TENTATIVE" if unsure else "CONFIRMED")


def organizer(stored: str) -> str:
    """Address of a stored event's organizer, lower case."""
    calendar: Any = parsed(stored)
    found = (_attendee(vevent.get("ORGANIZER", "")).address for vevent in calendar.walk("VEVENT"))
    return next(found, "").casefold()


def mark(one: Any, addresses: Iterable[str], answer: Answer) -> bool:
    """Write down what one of these attendees answers; False: none of them is on the event."""
    wanted = {address.casefold() for address in addresses}
    attendees = one.get("ATTENDEE", [])
    changed = False
    for who in attendees if isinstance(attendees, list) else [attendees]:
        if _attendee(who).address.casefold() in wanted:
            who.params["PARTSTAT"] = str(answer)
            who.params.pop("RSVP", None)
            changed = True
    return changed


def reply(invitation: Invitation, name: str, address: str, answer: Answer, now: datetime.datetime) -> str:
    """The answer to an organizer (RFC 5546 section 3.2.3): this attendee alone, and what they say."""
    return str(_said(invitation, Method.REPLY, name, address, answer, now).to_ical().decode("utf-8"))


def counter(invitation: Invitation, name: str, address: str, proposal: Proposal, now: datetime.datetime) -> str:
    """Another time, proposed to the organizer (RFC 5546 section 3.2.7); this attendee comes perhaps.

    Of an invitation to one event or one occurrence: a series cannot be answered so.
    """
    said = _said(invitation, Method.COUNTER, name, address, Answer.MAYBE, now)
    for vevent in said.walk("VEVENT"):
        for key in ("DTSTART", "DTEND", "DURATION"):
            vevent.pop(key, None)
        vevent.add("DTSTART", proposal.start)
        vevent.add("DTEND", proposal.end)
        if proposal.comment:
            vevent.add("COMMENT", proposal.comment)
    return str(said.to_ical().decode("utf-8"))


def _said(
    invitation: Invitation, method: Method, name: str, address: str, answer: Answer, now: datetime.datetime
) -> Any:
    source: Any = parsed(invitation.text)
    answered: Any = icalendar.Calendar()
    answered.add("PRODID", f"-//mailserver//{__version__}//FR")
    answered.add("VERSION", "2.0")
    answered.add("METHOD", str(method))
    for zone in source.walk("VTIMEZONE"):
        answered.add_component(zone)
    for vevent in source.walk("VEVENT"):
        said = icalendar.Event()
        for key in ("UID", "RECURRENCE-ID", "ORGANIZER", "DTSTART", "DTEND", "DURATION", "SUMMARY", "SEQUENCE"):
            if key in vevent:
                said[key] = copy.deepcopy(vevent[key])
        said.add("DTSTAMP", now.astimezone(datetime.UTC))
        who = icalendar.vCalAddress(f"mailto:{address}")
        who.params["CN"] = name
        who.params["PARTSTAT"] = str(answer)
        said.add("ATTENDEE", who, encode=False)
        answered.add_component(said)
    return answered
