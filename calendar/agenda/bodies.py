"""What a PUT brings, judged before any library reads it (RFC 4791 section 5.3.2.1, RFC 6352 section 6.3.2.1)."""

import re
from itertools import pairwise
from typing import Final

from agenda.errors import Unmet
from mailserver.addressbook import versions
from mailserver.calendars.icalendar import cleaning, recurrence_bounds
from mailserver.calendars.icalendar.recurrence import KINDS
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused

_CARD_TYPES: Final = ("text/vcard", "text/x-vcard", "text/directory")
_TYPES: Final = ("text/calendar", *_CARD_TYPES, "application/octet-stream", "application/x-www-form-urlencoded")
"""What may be said of a body; the last two are what curl and others say of anything."""
_OUTERMOST: Final = ("BEGIN:VCALENDAR", "BEGIN:VCARD", "BEGIN:VLIST")
_METHOD: Final = re.compile(r"^METHOD[;:].*\r?\n", re.IGNORECASE | re.MULTILINE)
_UID: Final = re.compile(r"^(?:[A-Z0-9-]+\.)?UID[;:]", re.IGNORECASE | re.MULTILINE)
_CARD: Final = re.compile(r"^BEGIN:VCARD\s", re.IGNORECASE | re.MULTILINE)
_OBJECTS: Final = (*KINDS, "VFREEBUSY", "VAVAILABILITY", "VPOLL")


def cleaned(octets: bytes, content_type: str, budget: Budget, *, of_cards: bool, is_item: bool) -> str:
    """The text of a body, one property a line, safe to parse. Raises Unmet, Refused(TOO_BIG | LIMIT)."""
    if content_type and content_type not in _TYPES:
        raise unsupported(of_cards=of_cards)
    try:
        text = cleaning.clean(octets, budget)
        recurrence_bounds.check_lengths(text, budget)
    except BadSyntax:
        raise invalid(of_cards=of_cards) from None
    except cleaning.OutOfTime as refused:
        raise Unmet("C:max-date-time" if refused.late else "C:min-date-time") from None
    except recurrence_bounds.TooManyInstances:
        raise Unmet("C:max-instances") from None
    except Refused as refused:
        if refused.reason is Reason.INVALID:
            raise invalid(of_cards=of_cards) from None
        raise
    if text and text.partition("\r\n")[0].strip().upper() not in _OUTERMOST:
        raise invalid(of_cards=of_cards)
    cards = [found.start() for found in _CARD.finditer(text)]
    if text[:15].upper() != "BEGIN:VCALENDAR":
        for start, end in pairwise((*cards, len(text))):
            _check_card(text[start:end])
    if is_item and not cards:
        _check_object(text)
    # Of a file that somebody puts whole; the text is unfolded, a line is a property.
    return _METHOD.sub("", text)


def invalid(*, of_cards: bool) -> Unmet:
    return Unmet("CR:valid-address-data" if of_cards else "C:valid-calendar-data")


def unsupported(*, of_cards: bool) -> Unmet:
    return Unmet("CR:supported-address-data" if of_cards else "C:supported-calendar-data")


def _check_card(text: str) -> None:
    """Raises Unmet for a version that is not announced: what one client wrote, all others must be able to read."""
    version = versions.version_of(text)
    if not version or len(_UID.findall(text)) > 1:
        raise invalid(of_cards=True)
    if version not in versions.KNOWN:
        raise unsupported(of_cards=True)


def _check_object(text: str) -> None:
    """One kind of component, of one UID, and no message to anybody (RFC 4791 section 4.1). Raises Unmet."""
    kinds: set[str] = set()
    uids: list[str] = []
    depth = components = 0
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        match name.partition(";")[0].upper():
            case "BEGIN":
                depth += 1
                if depth == 2 and value.strip().upper() in _OBJECTS:
                    kinds.add(value.strip().upper())
                    components += 1
            case "END":
                depth -= 1
            case "UID" if depth == 2:
                uids.append(value.strip())
            case "METHOD" if depth == 1:
                raise Unmet("C:valid-calendar-object-resource")
    if len(kinds) == 1 and not kinds <= set(KINDS):
        raise Unmet("C:supported-calendar-component")
    if text[:15].upper() == "BEGIN:VCALENDAR" and (len(kinds) != 1 or len(set(uids)) != 1 or len(uids) < components):
        raise Unmet("C:valid-calendar-object-resource")
