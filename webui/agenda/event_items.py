"""Items behind the pages: found within what the account reaches, changed in a thread, stored under the ETag seen."""

import asyncio
import base64
import binascii
import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ParamSpec, TypeVar
from zoneinfo import ZoneInfo

from mailserver.accounts.provision import provision
from mailserver.calendars import overview
from mailserver.calendars.icalendar import reading
from mailserver.calendars.icalendar.cleaning import unfolded
from mailserver.calendars.occurrences import Expansion, spread
from mailserver.calendars.school.school_classes import class_of
from mailserver.mime.body.text import fold
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_changes, agenda_reach, agendas
from mailserver.store.agenda.agenda_changes import Step
from mailserver.store.agenda.agenda_items import MAX_HREF, Item
from mailserver.store.agenda.agenda_masks import is_private
from webui.agenda import mini_month, words
from webui.agenda.collections_shown import Shelf, arranged
from webui.agenda.mini_month import MiniMonth
from webui.granting import people_of
from webui.page.agenda_links import item_id
from webui.page.agenda_turn import alone
from webui.page.context import SIMPLE, Services, Visit
from webui.page.shell.mail_shell import MailShell, surround

P = ParamSpec("P")
T = TypeVar("T")

UNDO_SECONDS = 600
MARGIN = 86400
"""Stored spans take floating times as UTC."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event, and the agenda it is in."""

    shelf: Shelf
    row: Item
    key: str
    """Which occurrence; empty for the whole."""

    @property
    def id(self) -> str:
        return item_id(self.shelf.id, self.row.href)

    @property
    def text(self) -> str:
        return self.row.text or ""

    @property
    def hidden(self) -> bool:
        """True for an event of somebody else of which the time alone is known."""
        return self.shelf.times_only or (bool(self.shelf.owner) and is_private(self.text))

    @property
    def closed(self) -> bool:
        """True where the person may change nothing."""
        return self.shelf.read_only or self.hidden


@dataclass(frozen=True, slots=True)
class Desk:
    """What every agenda page stands on."""

    frame: MailShell
    shelves: tuple[Shelf, ...]
    month: MiniMonth | None = None
    """This month, beside pages of no day of their own."""

    def shelf(self, collection_id: int) -> Shelf:
        """The agenda of that id. Raises Refused(NOT_FOUND)."""
        found = next((shelf for shelf in self.shelves if shelf.id == collection_id), None)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "No such agenda")
        return found

    @property
    def writable(self) -> tuple[Shelf, ...]:
        """Where events can be put."""
        return tuple(shelf for shelf in self.shelves if shelf.events and not shelf.read_only)

    @property
    def shown(self) -> tuple[Shelf, ...]:
        """Whose events are shown."""
        return tuple(shelf for shelf in self.shelves if shelf.shown and shelf.events)


async def computed(visit: Visit, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what parses iCalendar in a heavy thread of the worker; one at a time for a person, so nobody holds both."""
    async with alone(visit.account_id):
        return await asyncio.to_thread(function, *args, **kwargs)


def home(visit: Visit) -> str:
    """Prefix of the agenda's addresses in this interface."""
    return "/s/agenda" if visit.interface == SIMPLE else "/agenda"


async def desk(services: Services, visit: Visit) -> Desk:
    """The surroundings and the agendas; an account that has none yet gets its first ones."""
    found = await services.store.read(overview.find, visit.account_id)
    none_own = all(reach.owner for reach in found.reaches)
    if none_own and not await services.store.read(agendas.provisioned, visit.account_id):
        await services.store.write(provision, visit.account_id)
        found = await services.store.read(overview.find, visit.account_id)
    owners = await people_of(services, (reach.owner for reach in found.reaches))
    month = None
    if visit.interface != SIMPLE:
        month = mini_month.around(services, visit, visit.preferences.agenda_view, words.today(visit))
    return Desk(surround(visit, found.boxes), arranged(visit, found.reaches, owners, found.shared), month)


async def find(
    services: Services, visit: Visit, place: Desk, key: str, item: str = "", component: str = "VEVENT"
) -> Found:
    """The event that the address names, or `item` does, within what the account reaches. Raises Refused(NOT_FOUND)."""
    number, _, encoded = (item or str(visit.request.path_params["item"])).partition("-")
    if not number.isascii() or not number.isdigit() or len(number) > 18 or len(encoded) > 2 * MAX_HREF:
        raise Refused(Reason.NOT_FOUND)
    try:
        href = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        raise Refused(Reason.NOT_FOUND) from None
    shelf = place.shelf(int(number))
    row = await services.store.read(agenda_reach.get, visit.account_id, shelf.id, href)
    if row is None or row.component != component:
        raise Refused(Reason.NOT_FOUND, "No such event")
    return Found(shelf, row, key)


def moment(visit: Visit) -> datetime.datetime:
    """Now, for the marks of what is changed."""
    return datetime.datetime.fromtimestamp(int(visit.now), datetime.UTC)


def step(collection_id: int, href: str, seen: str | None, text: str | None) -> Step:
    """A text to store, or None to remove. In a thread. Raises Refused(INVALID | TOO_BIG | LIMIT)."""
    if text is None:
        return Step(collection_id, href, seen, None)
    try:
        return Step(collection_id, href, seen, reading.read(href, text))
    except (BadSyntax, ValueError) as error:
        raise Refused(Reason.INVALID, "This cannot be stored") from error


async def store(services: Services, visit: Visit, steps: Sequence[Step]) -> str:
    """Take the steps; the token that takes them back. Raises Refused(CONFLICT | LIMIT …)."""
    token = services.keys.new_token()
    kept = await services.store.write(
        agenda_changes.apply, visit.account_id, steps, services.keys.stored(token), UNDO_SECONDS
    )
    return token if kept else ""


async def take_back(services: Services, visit: Visit, token: str) -> bool:
    """Undo what a token stands for; False when it is too late. Raises Refused(CONFLICT)."""
    token_hash = services.keys.stored(token[:100])
    former = await services.store.read(agenda_changes.former, visit.account_id, token_hash)
    if not former:
        return False
    steps = [await computed(visit, step, one.collection_id, one.href, one.left, one.text) for one in former]
    await services.store.write(agenda_changes.take_back, visit.account_id, token_hash, steps)
    return True


async def texts(
    services: Services, visit: Visit, shelves: Sequence[Shelf], start: int, end: int
) -> tuple[list[tuple[int, Item]], tuple[Shelf, ...]]:
    """Events of these agendas that may touch [start, end), and the agendas that could not be read."""
    rows: list[tuple[int, Item]] = []
    missing: list[Shelf] = []
    for shelf in shelves:
        try:
            found = await services.store.read(agenda_reach.between, visit.account_id, shelf.id, start, end, "VEVENT")
        except Refused:
            missing.append(shelf)
            continue
        rows += [(shelf.id, row) for row in found]
    return rows, tuple(missing)


async def occurrences(
    services: Services, visit: Visit, place: Desk, first: datetime.date, after: datetime.date, query: str = ""
) -> tuple[Expansion, tuple[Shelf, ...]]:
    """What happens in the agendas that are shown between two days, and those that could not be read."""
    zone = words.zone_of(visit)
    start, end = (datetime.datetime.combine(day, datetime.time(), zone) for day in (first, after))
    async with alone(visit.account_id):
        rows, missing = await texts(
            services, visit, place.shown, int(start.timestamp()) - MARGIN, int(end.timestamp()) + MARGIN
        )
        return await asyncio.to_thread(_expand, rows, start, end, zone, query), missing


def _expand(
    rows: Sequence[tuple[int, Item]], start: datetime.datetime, end: datetime.datetime, zone: ZoneInfo, query: str
) -> Expansion:
    """In a thread: the occurrences, only those whose title, place or class holds the words when some are sought."""
    if not query:
        return spread(rows, start, end, zone)
    needle, likely = fold(query), rows
    if not class_of(query, ()):  # a class may be written otherwise than it is told
        likely = [row for row in rows if needle in fold(unfolded(row[1].text or ""))]
    expansion = spread(likely, start, end, zone)
    found = tuple(
        occurrence
        for occurrence in expansion.occurrences
        if needle in fold(f"{occurrence.title} {occurrence.place} {occurrence.school_class}")
    )
    return Expansion(found, expansion.cut, expansion.unreadable)
