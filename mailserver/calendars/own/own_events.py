"""Events in somebody's own agendas that an invitation meets: the one it is about, and those at the same time."""

import datetime
from dataclasses import dataclass

from mailserver.model.clock import DAY
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_items import Item, NewItem
from mailserver.store.engine.statements import Tx


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """An event of one's own agendas."""

    collection_id: int
    href: str
    etag: str
    text: str


def find(tx: Tx, account_id: int, uid: str) -> OwnEvent | None:
    """The event of this UID in one of the person's agendas; what a subscription brings is not theirs to answer."""
    for collection in _written(tx, account_id):
        href = agenda_items.holder(tx, account_id, collection.id, uid)
        item = agenda_items.get(tx, account_id, collection.id, href) if href else None
        if item is not None and item.text:
            return OwnEvent(collection.id, item.href, item.etag, item.text)
    return None


def around(
    tx: Tx, account_id: int, start: datetime.datetime, end: datetime.datetime, component: str = "VEVENT"
) -> list[tuple[int, Item]]:
    """Events, or tasks, of all agendas whose span touches these moments, a day more on either side for floating
    times."""
    low, high = int(start.timestamp()) - DAY, int(end.timestamp()) + DAY
    return [
        (collection.id, item)
        for collection in _calendars(tx, account_id)
        for item in agenda_items.between(tx, account_id, collection.id, low, high, component)
    ]


def put(tx: Tx, account_id: int, held: OwnEvent | None, item: NewItem) -> None:
    """Store an event in place of the one that is there, or in the first agenda that takes events.

    Raises Refused(CONFLICT | LIMIT …).
    """
    if held is not None:
        agenda_items.put(tx, account_id, held.collection_id, item, held.etag)
        return
    agendas.provision(tx, account_id)
    takes = [
        calendar for calendar in _written(tx, account_id) if not calendar.components or "VEVENT" in calendar.components
    ]
    if not takes:
        names = {calendar.name for calendar in agendas.listing(tx, account_id)}
        name = next(name for number in range(len(names) + 1) if (name := f"agenda{number or ''}") not in names)
        takes = [agendas.create(tx, account_id, name, agendas.CALENDAR, {})]
    collection = takes[0]
    agenda_items.put(tx, account_id, collection.id, item, None)


def _written(tx: Tx, account_id: int) -> list[agendas.Collection]:
    """Those that something can be put into: of a subscription all is gone with the next look at its address."""
    return [collection for collection in _calendars(tx, account_id) if not collection.source]


def _calendars(tx: Tx, account_id: int) -> list[agendas.Collection]:
    return [collection for collection in agendas.listing(tx, account_id) if collection.tag == agendas.CALENDAR]
