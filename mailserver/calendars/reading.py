"""A text as an item of the store: judged, parsed and measured exactly as what a client puts."""

import datetime

import radicale.item
from radicale.item import filter as radicale_filter

from mailserver.calendars import cleaning
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.agenda.agendas import ADDRESS_BOOK, CALENDAR

MAX_OCCURRENCES = 10_000
"""Of a recurrence that ends."""
REHEARSED = 3
"""Occurrences that are looked at before an item is stored."""


def read(href: str, text: str) -> NewItem:
    """An iCalendar object or a vCard under a name. Raises BadSyntax, Refused."""
    try:
        components = radicale.item.read_components(cleaning.clean(text.encode(), Budget()))
        tag = CALENDAR if components and components[0].name == "VCALENDAR" else ADDRESS_BOOK
        radicale.item.check_and_sanitize_items(components, MAX_OCCURRENCES, tag=tag)
        item = radicale.item.Item(collection_path="", vobject_item=components[0])
        item.prepare()
        return measured(href, item)
    except (BadSyntax, Refused):
        raise
    except Exception as error:  # vobject raises whatever it stumbles over
        raise BadSyntax("This cannot be read") from error


def measured(href: str, item: radicale.item.Item) -> NewItem:
    """What the store keeps of an item Radicale has prepared. Raises Refused(INVALID)."""
    if item.component_name in ("VEVENT", "VTODO", "VJOURNAL"):
        _rehearse(item)
    starts, ends = item.time_range
    return NewItem(href, item.uid, item.etag.strip('"'), item.name, item.component_name, starts, ends, item.serialize())


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
        radicale_filter.visit_time_ranges(item.vobject_item, item.component_name, visit, lambda _: False)
    except (ValueError, TypeError, AttributeError, ArithmeticError, LookupError):
        raise Refused(Reason.INVALID, "Dates that do not fit together") from None
