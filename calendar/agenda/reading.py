"""A text as an item of the store: judged, parsed and measured exactly as what a client puts."""

import radicale.item

from agenda import ical
from agenda.budget import Budget
from mailserver.store.agenda_items import NewItem
from mailserver.store.agendas import ADDRESS_BOOK, CALENDAR

MAX_OCCURRENCES = 10_000
"""Of a recurrence that ends."""


def read(href: str, text: str) -> NewItem:
    """An iCalendar object or a vCard under a name. Raises BadSyntax, Refused, ValueError."""
    components = radicale.item.read_components(ical.clean(text.encode(), Budget()))
    tag = CALENDAR if components and components[0].name == "VCALENDAR" else ADDRESS_BOOK
    radicale.item.check_and_sanitize_items(components, MAX_OCCURRENCES, tag=tag)
    item = radicale.item.Item(collection_path="", vobject_item=components[0])
    item.prepare()
    return measured(href, item)


def measured(href: str, item: radicale.item.Item) -> NewItem:
    """What the store keeps of an item Radicale has prepared."""
    starts, ends = item.time_range
    return NewItem(href, item.uid, item.etag.strip('"'), item.name, item.component_name, starts, ends, item.serialize())
