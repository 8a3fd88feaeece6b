"""Somebody's address books, own and shared with them: what is in them, by name, and every change of them.

What lists and suggestions need of each card is kept in memory and brought up to date from the ETags whenever the
collection has moved: the store stays the only truth, and a card is read once, not once a page.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

from mailserver.addressbook import card as reading
from mailserver.addressbook import contentlines, rewriting
from mailserver.addressbook.card import UID_PREFIX, Card
from mailserver.addressbook.contentlines import Line
from mailserver.calendars.icalendar import reading as calendars
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_reach, agendas
from mailserver.store.agenda.agenda_grants import Reach
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.agenda.agendas import ADDRESS_BOOK, DISPLAY_NAME
from mailserver.store.engine.memory import Memory
from mailserver.store.engine.transactions import Store, Tx

MAX_TITLE = 100
"""Characters of a book's name."""
KEPT_OCTETS = 128 * 1024 * 1024
"""What the process remembers of books, by what their texts and entries take."""
ENTRY_OCTETS = 700
"""What an entry takes besides its texts."""
VALUE_OCTETS, WORD_OCTETS = 120, 60
"""The same of each of its addresses and numbers, and of each of its categories and members."""


@dataclass(frozen=True, slots=True)
class Book:
    """An address book. `name` is the one in its address, `title` the one people see."""

    id: int
    name: str
    title: str
    cards: int
    modseq: int
    octets: int = 0
    owner: str = ""
    """The identifier of whoever shares it; empty: it is one's own."""
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """A card as lists show it. Its note, its places and its picture are left out."""

    book: str
    href: str
    etag: str
    card: Card
    name: str
    order: str
    words: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it stands in an alphabetical list."""
        return self.order, self.book, self.href


@dataclass(frozen=True, slots=True)
class Stored:
    """A card whole: `lines` are what a change starts from."""

    book: Book
    href: str
    etag: str
    changed: int
    lines: tuple[Line, ...]
    card: Card


@dataclass(frozen=True, slots=True)
class _Kept:
    modseq: int
    entries: dict[str, Entry]


class AddressBooks:
    """One per process: the books of everybody, and what is remembered of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept = Memory(KEPT_OCTETS)
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        if not store.keeps_order:  # another server may be there now, which gives mod-sequences again
            store.changes.subscribe("lost", 0, self._kept.clear)

    # ------------------------------------------------------------------ looking

    async def books(self, account_id: int) -> list[Book]:
        """The address books, own ones first, oldest first; the first visit gives the first one."""
        if not await self._store.read(agendas.provisioned, account_id):
            await self._store.write(agendas.provision, account_id)
        return await self._store.read(_books, account_id)

    async def entries(self, account_id: int, name: str = "", *, own: bool = False) -> list[Entry]:
        """Every card of one book, or of all, or of one's own, in alphabetical order. Raises Refused(NOT_FOUND)."""
        async with self.alone(account_id):
            return await self._store.read(self.entries_of, account_id, name, own=own)

    @contextlib.asynccontextmanager
    async def alone(self, account_id: int) -> AsyncIterator[None]:
        """Hold while a person's cards are read: what is not remembered takes seconds for fifty thousand, and whoever
        asks again and again is not to have all threads that read."""
        turn = self._turns.setdefault(account_id, asyncio.Lock())
        async with turn:
            yield

    def entries_of(self, tx: Tx, account_id: int, name: str = "", *, own: bool = False) -> list[Entry]:
        """The same on a snapshot."""
        books = [book for book in _books(tx, account_id) if not (own and book.owner)]
        if name:
            books = [_named(books, name)]
        found = [entry for book in books for entry in self._read(tx, account_id, book).values()]
        return sorted(found, key=lambda entry: entry.key)

    async def get(self, account_id: int, name: str, href: str) -> Stored:
        """One card. Raises Refused(NOT_FOUND)."""
        return await self._store.read(get, account_id, name, href)

    async def texts(self, account_id: int, name: str = "") -> list[str]:
        """Every card of one book, or of all, as it is stored. Raises Refused(NOT_FOUND)."""
        return await self._store.read_slow(account_id, _texts, account_id, name)

    def _read(self, tx: Tx, account_id: int, book: Book) -> dict[str, Entry]:
        kept: _Kept | None = self._kept.get((book.id, book.name))
        if kept is not None and kept.modseq == book.modseq:
            return kept.entries
        before = kept.entries if kept is not None else {}
        entries: dict[str, Entry] = {}
        fresh = []
        for row in agenda_reach.stamps(tx, account_id, book.id):
            held = before.get(row.href)
            if held is not None and held.etag == row.etag:
                entries[row.href] = held
            else:
                fresh.append(row.href)
        for href, item in agenda_reach.several(tx, account_id, book.id, fresh).items():
            entries[href] = _entry(book.name, href, item.etag, item.text or "")
        octets = book.octets + sum(map(_weight, entries.values()))
        self._kept.put((book.id, book.name), _Kept(book.modseq, entries), octets)
        return entries

    # ------------------------------------------------------------------ changing

    async def put(
        self, account_id: int, name: str, href: str, lines: Sequence[Line], seen: str | None = None
    ) -> NewItem:
        """Store a card; `seen` is the ETag its page showed, None for a new one.

        Raises Refused(NOT_FOUND | CONFLICT | LIMIT | TOO_BIG | INVALID).
        """
        new = await asyncio.to_thread(measured, href, lines)
        await self._store.write(_put, account_id, name, new, seen)
        return new

    async def put_items(self, account_id: int, name: str, items: Sequence[tuple[NewItem, str | None]]) -> None:
        """Store several cards, each with the ETag seen, in one unit: all of them, or none. Raises as `put`."""
        await self._store.write(_put_many, account_id, name, items)

    async def merge(
        self, account_id: int, name: str, kept: tuple[str, Sequence[Line], str], gone: Sequence[tuple[str, str, str]]
    ) -> None:
        """Change one card and take others away, each (book, href, ETag seen), in one unit; groups that have one of
        these have the one that is kept. Raises as `put`."""
        new = await asyncio.to_thread(measured, kept[0], kept[1])
        groups = await self._regrouped(account_id, new.uid.removeprefix(UID_PREFIX), gone)
        await self._store.write(_merge, account_id, name, (new, kept[2]), list(gone), groups)

    async def _regrouped(
        self, account_id: int, uid: str, gone: Sequence[tuple[str, str, str]]
    ) -> list[tuple[str, NewItem, str]]:
        """One's own groups that have one of these, with the card of this UID instead: book, card, ETag seen."""
        entries = await self.entries(account_id, own=True)
        away = {(book, href) for book, href, _etag in gone}
        became = {one.card.uid: uid for one in entries if (one.book, one.href) in away and one.card.uid != uid}
        groups = []
        for entry in entries:
            stays = (entry.book, entry.href) not in away
            if entry.card.is_group and stays and not became.keys().isdisjoint(entry.card.members):
                stored = await self.get(account_id, entry.book, entry.href)
                lines = rewriting.with_members(stored.lines, became)
                groups.append((entry.book, await asyncio.to_thread(measured, stored.href, lines), stored.etag))
        return groups

    async def remove(self, account_id: int, name: str, href: str, seen: str) -> None:
        """Delete a card. Raises Refused(NOT_FOUND | CONFLICT)."""
        await self._store.write(_remove, account_id, name, href, seen)

    async def create(self, account_id: int, title: str) -> Book:
        """Make a book. Raises Refused(INVALID | LIMIT)."""
        props = {DISPLAY_NAME: checked_title(title)}
        made = await self._store.write(
            agendas.create, account_id, f"contacts-{self._store.clock.token(8).hex()}", ADDRESS_BOOK, props
        )
        return _book(Reach(made))

    async def rename(self, account_id: int, name: str, title: str) -> None:
        """Give a book another name. Raises Refused(INVALID | NOT_FOUND)."""
        await self._store.write(_rename, account_id, name, checked_title(title))

    async def drop(self, account_id: int, name: str, modseq: int) -> None:
        """Delete a book with its cards, if nothing changed since `modseq`. Raises Refused(NOT_FOUND | CONFLICT)."""
        await self._store.write(_drop, account_id, name, modseq)


def get(tx: Tx, account_id: int, name: str, href: str) -> Stored:
    """One card. Raises Refused(NOT_FOUND)."""
    book = _named(_books(tx, account_id), name)
    item = agenda_reach.get(tx, account_id, book.id, href)
    if item is None:
        raise Refused(Reason.NOT_FOUND, "No such contact")
    lines = next(contentlines.cards(item.text or ""), [])
    return Stored(book, href, item.etag, item.changed, tuple(lines), reading.read(lines))


def checked_title(title: str) -> str:
    """A book's name as it is kept. Raises Refused(INVALID)."""
    clean = " ".join(title.split())
    if not clean or len(clean) > MAX_TITLE or not clean.isprintable():
        raise Refused(Reason.INVALID, f"a name has 1 to {MAX_TITLE} characters")
    return clean


def measured(href: str, lines: Sequence[Line]) -> NewItem:
    """A card as the store keeps it, judged as what a client puts, its lines as they are. Raises Refused(INVALID).

    What Radicale could not read would spoil every report over the collection.
    """
    text = contentlines.write(lines)
    try:
        judged = calendars.read(href, text)
    except (BadSyntax, Refused):
        raise Refused(Reason.INVALID, "A card that cannot be read") from None
    etag = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    return replace(judged, etag=etag, text=text)


def href_of(uid: str) -> str:
    """The name of a new card in its book."""
    return f"{uid}.vcf"


def _texts(tx: Tx, account_id: int, name: str) -> list[str]:
    books = _books(tx, account_id)
    texts = []
    for book in [_named(books, name)] if name else books:
        hrefs = [row.href for row in agenda_reach.stamps(tx, account_id, book.id)]
        texts += [row.text or "" for row in agenda_reach.several(tx, account_id, book.id, hrefs).values()]
    return texts


def _entry(book: str, href: str, etag: str, text: str) -> Entry:
    lines = next(contentlines.cards(text), [])
    said = reading.read(lines)
    slim = replace(said, note="", places=(), sites=())
    return Entry(book, href, etag, slim, said.name, said.order, said.words)


def _weight(entry: Entry) -> int:
    """What it takes besides its texts."""
    card = entry.card
    values, words = len(card.emails) + len(card.phones), len(card.categories) + len(card.members)
    return ENTRY_OCTETS + VALUE_OCTETS * values + WORD_OCTETS * words


def _books(tx: Tx, account_id: int) -> list[Book]:
    return [_book(reach) for reach in agenda_reach.listing(tx, account_id) if reach.held.tag == ADDRESS_BOOK]


def _book(reach: Reach) -> Book:
    held = reach.held
    title = held.props.get(DISPLAY_NAME, "") or held.name
    return Book(
        held.id, reach.name, title, held.items, held.modseq, held.octets, owner=reach.owner, writable=reach.writable
    )


def _named(books: Sequence[Book], name: str) -> Book:
    for book in books:
        if book.name == name:
            return book
    raise Refused(Reason.NOT_FOUND, "No such address book")


def _put(tx: Tx, account_id: int, name: str, new: NewItem, seen: str | None) -> None:
    agenda_reach.put(tx, account_id, _named(_books(tx, account_id), name).id, new, seen)


def _put_many(tx: Tx, account_id: int, name: str, new: Sequence[tuple[NewItem, str | None]]) -> None:
    book = _named(_books(tx, account_id), name)
    for item, seen in new:
        agenda_reach.put(tx, account_id, book.id, item, seen)


def _merge(
    tx: Tx,
    account_id: int,
    name: str,
    kept: tuple[NewItem, str],
    gone: Sequence[tuple[str, str, str]],
    groups: Sequence[tuple[str, NewItem, str]],
) -> None:
    _put(tx, account_id, name, *kept)
    for book, group, seen in groups:
        _put(tx, account_id, book, group, seen)
    for book, href, seen in gone:
        _remove(tx, account_id, book, href, seen)


def _remove(tx: Tx, account_id: int, name: str, href: str, seen: str) -> None:
    agenda_reach.remove(tx, account_id, _named(_books(tx, account_id), name).id, href, seen)


def _rename(tx: Tx, account_id: int, name: str, title: str) -> None:
    book = _named(_books(tx, account_id), name)
    held = agendas.lock(tx, account_id, book.id)
    agendas.describe(tx, account_id, book.id, {**held.props, DISPLAY_NAME: title})


def _drop(tx: Tx, account_id: int, name: str, modseq: int) -> None:
    agendas.drop(tx, account_id, _named(_books(tx, account_id), name).id, modseq)
