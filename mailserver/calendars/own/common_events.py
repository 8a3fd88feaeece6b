"""The next event of one's own agendas that somebody else is to come to, or has called: what one will meet them for."""

import datetime
from collections.abc import Iterable, Iterator
from typing import Any, Final

from mailserver.calendars.events import attendees
from mailserver.calendars.icalendar.cleaning import unfolded
from mailserver.calendars.occurrences import Occurrence, components, organizer, shown
from mailserver.calendars.own import own_events
from mailserver.model.budget import Budget
from mailserver.model.errors import BadSyntax, Refused
from mailserver.store.agenda.agenda_items import Item
from mailserver.store.engine.statements import Tx

AHEAD = datetime.timedelta(days=60)
MAX_EVENTS = 20
"""That are expanded: whoever meets somebody more often than that meets them soon."""
PAGE_SECONDS = 0.2
"""Of CPU for one look."""
_DECLINED: Final = "DECLINED"


def rows(tx: Tx, account_id: int, address: str, now: datetime.datetime) -> list[tuple[int, Item]]:
    """Events from now on that name an address. They are few: others cost a look into their text."""
    wanted = address.casefold()
    found = own_events.around(tx, account_id, now, now + AHEAD)
    return [(collection_id, item) for collection_id, item in found if _names(item.text or "", wanted)]


def following(
    found: Iterable[tuple[int, Item]], address: str, own: Iterable[str], now: datetime.datetime, zone: datetime.tzinfo
) -> Occurrence | None:
    """The first of their occurrences that is not over, is not cancelled, and that neither declined.

    Computes: call it in a thread.
    """
    budget, nearest = Budget(PAGE_SECONDS), list[Occurrence]()
    everybody = {one.casefold() for one in own}
    for collection_id, row in list(found)[:MAX_EVENTS]:
        try:
            nearest += _meetings(collection_id, row, address.casefold(), everybody, now, zone, budget)
        except (Refused, BadSyntax, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError):
            continue
    return min(nearest, key=lambda one: one.start, default=None)


def _meetings(
    collection_id: int,
    row: Item,
    address: str,
    own: set[str],
    now: datetime.datetime,
    zone: datetime.tzinfo,
    budget: Budget,
) -> Iterator[Occurrence]:
    for event, recurs in components(row.text or "", now, now + AHEAD, budget):
        made = shown(collection_id, row, event, zone, recurs=recurs)
        if made.end > now and not made.cancelled and _meets(event, address, own):
            yield made


def _meets(event: Any, address: str, own: set[str]) -> bool:
    answers = {one.address.casefold(): one.status for one in attendees(event)}
    if any(answers.get(one) == _DECLINED for one in (address, *own)):
        return False
    return address in answers or organizer(event).casefold() == address


def _names(text: str, address: str) -> bool:
    """Whether a text says an address, over the ends of its lines, too (RFC 5545 section 3.1)."""
    text = text.casefold()
    return ("organizer" in text or "attendee" in text) and address in unfolded(text)
