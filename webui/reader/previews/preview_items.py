"""Events and contacts that a message brings as a file: what is in it, and where it could be put."""

import asyncio
import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.addressbook import importing
from mailserver.calendars import occurrences, overview, transfer
from mailserver.model.errors import BadSyntax, Refused, Temporary
from mailserver.previews.service import Take
from mailserver.store.agenda import agendas
from webui.page.context import Services, Visit
from webui.page.words import plain

SHOWN = 100
"""Events or cards of a file that are named."""


@dataclass(frozen=True, slots=True)
class Item:
    """One of them, as people know it."""

    title: str
    details: Sequence[str]


@dataclass(frozen=True, slots=True)
class Shelf:
    """An agenda or an address book that takes them."""

    value: str
    title: str


@dataclass(frozen=True, slots=True)
class Items:
    """What a file holds; none: it could not be read, or is empty."""

    shown: Sequence[Item]
    count: int
    shelves: Sequence[Shelf]


async def events(services: Services, visit: Visit, take: Take) -> Items:
    """The events of an iCalendar file, and the agendas one may write in."""
    try:
        async with services.previews.turn(visit.account_id):
            octets = await take()
            if len(octets) > transfer.MAX_FILE:
                return Items((), 0, ())
            parcel = await asyncio.to_thread(transfer.unpack, octets)
    except (BadSyntax, Refused):
        return Items((), 0, ())
    found = [Item(one.title or visit._("(sans titre)"), (_day(visit, one),)) for one in parcel.events[:SHOWN]]
    reached = await services.store.read(overview.find, visit.account_id)
    shelves = [
        Shelf(str(reach.held.id), await _titled(services, reach.held.props, reach.held.name, reach.owner))
        for reach in reached.reaches
        if reach.held.tag == agendas.CALENDAR
        and reach.writable
        and (not reach.held.components or "VEVENT" in reach.held.components)
    ]
    return Items(found, len(parcel.events), shelves)


def _day(visit: Visit, event: transfer.Incoming) -> str:
    moment = occurrences.moment(event.start, visit.language.zone)
    day = visit.language.written(moment.date(), "EEEE d MMMM y")
    return f"{day}, {moment:%H:%M}" if isinstance(event.start, datetime.datetime) else day


async def _titled(services: Services, props: Mapping[str, str], name: str, owner: str) -> str:
    title = " ".join(props.get(agendas.DISPLAY_NAME, "").split())[:100] or name
    return f"{title} ({await _name(services, owner)})" if owner else title


async def _name(services: Services, login: str) -> str:
    """Whose something is."""
    try:
        found = await services.directory.find(login)
    except Temporary:
        return login
    return found.name if found is not None else login


async def cards(services: Services, visit: Visit, take: Take) -> Items:
    """The contacts of a vCard file, and the books one may write in."""
    try:
        async with services.previews.turn(visit.account_id):
            octets = await take()
            if len(octets) > importing.MAX_OCTETS:
                return Items((), 0, ())
            read = await asyncio.to_thread(importing.read, octets)
    except ValueError:
        return Items((), 0, ())
    found = []
    for one in read[:SHOWN]:
        values = [value.text for value in (*one.card.emails[:3], *one.card.phones[:3])]
        found.append(
            Item(plain.line(one.card.name, 200) or visit._("(sans nom)"), [plain.line(v, 200) for v in values])
        )
    books = await services.books.books(visit.account_id)
    shelves = [
        Shelf(book.name, f"{book.title} ({await _name(services, book.owner)})" if book.owner else book.title)
        for book in books
        if book.writable
    ]
    return Items(found, len(read), shelves)
