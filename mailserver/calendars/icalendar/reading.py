"""A text as an item of the store: judged, parsed and measured exactly as what a client puts."""

import datetime
import re
from typing import Final

import radicale.item
import vobject  # type: ignore[import-untyped]

from mailserver.calendars.icalendar import cleaning, recurrence, recurrence_bounds
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import MAX_ITEM_OCTETS, NewItem
from mailserver.store.agenda.agendas import ADDRESS_BOOK, CALENDAR, octets

MAX_OCCURRENCES = recurrence_bounds.MAX_INSTANCES
"""Of a recurrence that ends."""
REHEARSED = 3
"""Occurrences that are looked at before an item is stored."""
_ZONE: Final = "BEGIN:VTIMEZONE"
_MARK: Final = re.compile(r"^(?:[^.;:\r\n]*\.)?(?:BEGIN|END)[;:].*$", re.IGNORECASE | re.MULTILINE)
_PLAIN_MARK: Final = re.compile(r"^(?:BEGIN|END):[A-Z0-9-]+\r?$", re.MULTILINE)


def read(href: str, text: str) -> NewItem:
    """An iCalendar object or a vCard under a name. Raises BadSyntax, Refused."""
    try:
        budget = Budget()
        cleaned = cleaning.clean(text.encode(), budget)
        recurrence_bounds.check_lengths(cleaned, budget)
        components = radicale.item.read_components(cleaned)
        tag = CALENDAR if components and components[0].name == "VCALENDAR" else ADDRESS_BOOK
        radicale.item.check_and_sanitize_items(components, 0, tag=tag)  # they were counted
        item = radicale.item.Item(collection_path="", vobject_item=components[0])
        item.prepare()
        return measured(href, item)
    except (BadSyntax, Refused):
        raise
    except Exception as error:  # vobject raises whatever it stumbles over
        raise BadSyntax("This cannot be read") from error


def measured(href: str, item: radicale.item.Item, sent: str = "") -> NewItem:
    """What the store keeps of an item Radicale has prepared: the text that was sent, if it says just the same.

    Raises Refused(INVALID).
    """
    if item.component_name in recurrence.KINDS:
        _rehearse(item)
    starts, ends = item.time_range
    text = written = item.serialize()
    if sent != written and _says_the_same(sent, written):
        text = sent
    etag = (item.etag if text is written else radicale.item.get_etag(text)).strip('"')
    return NewItem(href, item.uid, etag, item.name, item.component_name, starts, ends, text)


def as_sent(octets: bytes) -> str:
    """The text of a body that may be kept as it is; empty for one that only a few could read."""
    try:
        text = octets.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    breaks, lines = text.count("\r\n"), text.count("\n")
    if text.count("\r") != breaks or breaks not in (0, lines) or not text.endswith("\n"):
        return ""
    # Where components begin and end must be seen by whoever looks at lines, folded or not.
    if cleaning.UNUSABLE.search(text) or _MARK.findall(cleaning.unfolded(text)) != _PLAIN_MARK.findall(text):
        return ""
    return text


def _says_the_same(sent: str, written: str) -> bool:
    """Whether who reads what was sent reads what was judged; zones that are named must be there, for other clients."""
    if not sent or octets(sent) > MAX_ITEM_OCTETS or sent.count(_ZONE) != written.count(_ZONE):
        return False
    try:
        return bool(vobject.readOne(sent).serialize() == written)
    except Exception:  # noqa: BLE001 - vobject raises whatever it stumbles over
        return False


def _rehearse(item: radicale.item.Item) -> None:
    """Walk the first occurrences as a report will. Raises Refused(INVALID) when their dates do not fit together.

    Radicale stops at the start of a rule without end when it measures, so what it could not compute would
    show only later, and spoil every report over the collection.
    """
    seen = 0

    def visit(_start: datetime.datetime, _end: datetime.datetime, is_recurrence: bool) -> bool:
        nonlocal seen
        seen += 0 if is_recurrence else 1
        return seen >= REHEARSED

    try:
        recurrence.visit_time_ranges(item.vobject_item, item.component_name, visit, lambda _: False)
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError):
        raise Refused(Reason.INVALID, "Dates that do not fit together") from None
