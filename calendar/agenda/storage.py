"""Radicale's storage over `mailserver.store`: no file, no lock across processes, real sync tokens."""

import contextlib
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Final, overload

import radicale.item
from radicale import config, pathutils, storage
from radicale.item import filter as radicale_filter

from mailserver.budget import Budget
from mailserver.calendars.reading import measured
from mailserver.errors import Reason, Refused
from mailserver.identity import Principal
from mailserver.store import agenda_items, agendas
from mailserver.store.agenda_items import ANY, MAX_HREF, NewItem, Seen
from mailserver.store.transactions import Store, Tx

LOCKS = 64
"""Locks a process has; people share them by account id."""
TEXTS_AT_ONCE = 200
"""Texts read together when a listing turns out to need them."""
_EVER = 2**62

_TOKEN = re.compile(r"urn:mailserver:sync:([0-9]{1,18}):([0-9]{1,18})")
_SUFFIXES: Final = {agendas.CALENDAR: ".ics", agendas.ADDRESS_BOOK: ".vcf", agendas.SUBSCRIPTION: ".ics"}


class UnsupportedComponent(Refused):
    """The collection does not take this (RFC 4791 section 5.3.2.1, supported-calendar-component)."""

    def __init__(self) -> None:
        super().__init__(Reason.FORBIDDEN, "The collection does not take this kind of item")


@dataclass(slots=True)
class Visit:
    """One request in its thread: who asks, what they may spend, what Radicale has seen under its lock."""

    principal: Principal
    budget: Budget
    seen: dict[tuple[str, str], str | None] = field(default_factory=dict)
    overwrite: bool = False
    """Nothing is compared any more."""
    expanding: bool = False
    """The report asks for occurrences."""
    whole: bool = False
    """Answer it with whole items instead."""

    def expected(self, collection: str, href: str) -> Seen:
        """What a write must find in place of an item."""
        return ANY if self.overwrite else self.seen.get((collection, href), ANY)


VISIT: ContextVar[Visit] = ContextVar("visit")


class StoredItem(radicale.item.Item):
    """An item whose text is read when somebody asks for it."""

    def __init__(self, shelf: "Shelf", row: agenda_items.Item) -> None:
        super().__init__(
            collection=shelf,
            href=row.href,
            last_modified=formatdate(row.changed, usegmt=True),
            text=row.text or "",
            etag=f'"{row.etag}"',
            uid=row.uid,
            name=row.kind,
            component_name=row.component,
            time_range=(row.starts, row.ends),
        )
        self._shelf = shelf

    def serialize(self) -> str:
        if not self._text and self.href is not None:
            self._text = self._shelf.text(self.href)
        return super().serialize()

    @property
    def vobject_item(self) -> Any:
        VISIT.get().budget.check()
        self.serialize()
        return super().vobject_item


class Folder(storage.BaseCollection):
    """What holds collections, not items: the root, or a person's home (their principal, RFC 3744 section 2)."""

    def __init__(self, path: str, props: Mapping[str, str]) -> None:
        self._path = path
        self._props = props

    @property
    def path(self) -> str:
        return self._path

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...
    @overload
    def get_meta(self, key: str) -> str | None: ...
    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        return self._props if key is None else self._props.get(key)

    def set_meta(self, props: Mapping[str, str]) -> None:
        raise Refused(Reason.FORBIDDEN, "These properties are protected")

    def get_all(self) -> Iterable[radicale.item.Item]:
        return ()

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, radicale.item.Item | None]]:
        return ((href, None) for href in hrefs)

    def delete(self, href: str | None = None) -> None:
        raise Refused(Reason.FORBIDDEN, "This cannot be deleted")

    @property
    def last_modified(self) -> str:
        return formatdate(0, usegmt=True)


class Shelf(storage.BaseCollection):
    """A calendar, task list or address book, as its row was when the request looked."""

    def __init__(self, store: Store, held: agendas.Collection, login: str) -> None:
        self._store = store
        self._held = held
        self._path = f"{login}/{held.name}"
        self._meta = {**held.props, "tag": held.tag}
        self._listed: list[str] = []
        self._texts: dict[str, str] = {}

    @property
    def path(self) -> str:
        return self._path

    @property
    def held(self) -> agendas.Collection:
        """The row behind."""
        return self._held

    @property
    def etag(self) -> str:
        """Also the collection's ctag."""
        return f'"{self._held.id}-{self._held.modseq}"'

    @property
    def last_modified(self) -> str:
        return formatdate(self._held.changed, usegmt=True)

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """What changed since a token; everything without one, read only if somebody looks.

        Raises ValueError for a token the history does not reach: Radicale answers `valid-sync-token`.
        """
        held = self._held
        if not old_token:
            return self._token(held.modseq), self._hrefs()
        match = _TOKEN.fullmatch(old_token)
        if match is None:
            raise ValueError("Not a token of ours")
        collection_id, modseq = (int(group) for group in match.groups())
        try:
            delta = self._store.read_now(agenda_items.since, held.account_id, held.name, collection_id, modseq)
        except Refused as refused:
            raise ValueError(refused.text) from None
        return self._token(delta.modseq), delta.hrefs

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, radicale.item.Item | None]]:
        wanted = list(dict.fromkeys(hrefs))
        found = self._store.read_now(agenda_items.several, self._held.account_id, self._held.id, wanted)
        for href in wanted:
            row = found.get(href)
            yield href, StoredItem(self, row) if row is not None else None

    def get_all(self) -> Iterable[radicale.item.Item]:
        return (item for item, _ in self._between(-_EVER, _EVER))

    def get_filtered(self, filters: Iterable[ET.Element]) -> Iterable[tuple[radicale.item.Item, bool]]:
        component, start, end, simple = radicale_filter.simplify_prefilters(filters, self.tag)
        for item, (starts, ends) in self._between(start, end, component or ""):
            yield item, simple and (start <= starts or ends <= end)

    def has_uid(self, uid: str) -> bool:
        owner = self._store.read_now(agenda_items.holder, self._held.account_id, self._held.id, uid)
        if owner is not None and VISIT.get().seen.get((self._held.name, owner), ANY) is None:
            raise Refused(Reason.CONFLICT, "The item came while we looked")
        return owner is not None

    def upload(self, href: str, item: radicale.item.Item) -> tuple[radicale.item.Item, radicale.item.Item | None]:
        new = measured(href, item)
        self.check_component(new)
        seen = VISIT.get().expected(self._held.name, href)
        self._store.write_now(agenda_items.put, self._held.account_id, self._held.id, new, seen)
        row = agenda_items.Item(
            href, new.uid, new.etag, new.kind, new.component, new.starts, new.ends, self._held.changed, new.text
        )
        return StoredItem(self, row), None

    def delete(self, href: str | None = None) -> None:
        held = self._held
        if href is None:
            seen = None if VISIT.get().overwrite else held.modseq
            self._store.write_now(agendas.drop, held.account_id, held.id, seen)
            return
        expected = VISIT.get().expected(held.name, href)
        self._store.write_now(agenda_items.remove, held.account_id, held.id, href, expected)

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...
    @overload
    def get_meta(self, key: str) -> str | None: ...
    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        return self._meta if key is None else self._meta.get(key)

    def set_meta(self, props: Mapping[str, str]) -> None:
        if props.get("tag", "") != self._held.tag:
            raise Refused(Reason.FORBIDDEN, "The kind of a collection does not change")
        own = {name: value for name, value in props.items() if name != "tag"}
        self._store.write_now(agendas.describe, self._held.account_id, self._held.id, own)

    def text(self, href: str) -> str:
        """The text of an item that was listed without; its neighbours' texts are read along."""
        if href not in self._texts:
            start = self._listed.index(href) if href in self._listed else 0
            batch = self._listed[start : start + TEXTS_AT_ONCE] or [href]
            self._listed = self._listed[start:]
            rows = self._store.read_now(agenda_items.several, self._held.account_id, self._held.id, batch)
            self._texts = {name: row.text or "" for name, row in rows.items()}
        return self._texts.get(href, "")

    def listing(self) -> Iterator[radicale.item.Item]:
        """Every item, without texts."""
        rows = self._store.read_now(agenda_items.stamps, self._held.account_id, self._held.id)
        self._listed = [row.href for row in rows]
        return (StoredItem(self, row) for row in rows)

    def check_component(self, new: NewItem) -> None:
        """Raises UnsupportedComponent for a task in an agenda of events, a contact in a calendar."""
        check_component(self._held.tag, self._held.components, new)

    def _hrefs(self) -> Iterator[str]:
        yield from self._store.read_now(agenda_items.hrefs, self._held.account_id, self._held.name).hrefs

    def _token(self, modseq: int) -> str:
        return f"urn:mailserver:sync:{self._held.id}:{modseq}"

    def _between(
        self, start: int, end: int, component: str = ""
    ) -> Iterator[tuple[radicale.item.Item, tuple[int, int]]]:
        rows = self._store.read_now(agenda_items.between, self._held.account_id, self._held.id, start, end, component)
        for row in rows:
            yield StoredItem(self, row), (row.starts, row.ends)


class Storage(storage.BaseStorage):
    """Finds and makes collections of the person whose request it is."""

    _is_collision_free = True
    _supports_unicode = True
    _supports_trailing_whitespace = True
    _supports_problematic_chars = True

    def __init__(self, configuration: "config.Configuration", store: Store) -> None:
        super().__init__(configuration)
        self._store = store
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))

    def discover(
        self,
        path: str,
        depth: str = "0",
        child_context_manager: object = None,
        user_groups: set[str] = frozenset(),  # type: ignore[assignment]
    ) -> Iterator[storage.BaseCollection | radicale.item.Item]:
        """What is at a path, and one level below unless depth is "0"."""
        visit = VISIT.get()
        home = Folder(visit.principal.login, {agendas.DISPLAY_NAME: visit.principal.name})
        parts = pathutils.strip_path(path).split("/")
        if parts == [""]:
            yield Folder("", {})
            if depth != "0":
                yield home
        elif parts[0] == visit.principal.login:
            if len(parts) == 1:
                yield home
                if depth != "0":
                    yield from self._shelves(visit)
            elif len(parts) <= 3:
                yield from self._inside(visit, parts[1], parts[2:], depth)

    def _shelves(self, visit: Visit) -> Iterator[Shelf]:
        for held in self._store.read_now(agendas.listing, visit.principal.account_id):
            yield Shelf(self._store, held, visit.principal.login)

    def _inside(
        self, visit: Visit, name: str, href: list[str], depth: str
    ) -> Iterator[storage.BaseCollection | radicale.item.Item]:
        held = self._store.read_now(agendas.find, visit.principal.account_id, name)
        shelf = Shelf(self._store, held, visit.principal.login) if held is not None else None
        if href:
            row = None
            if held is not None:
                row = self._store.read_now(agenda_items.get, held.account_id, held.id, href[0])
            visit.seen[name, href[0]] = row.etag if row is not None else None
            if row is not None and shelf is not None:
                yield StoredItem(shelf, row)
        elif shelf is not None:
            yield shelf
            if depth != "0":
                yield from shelf.listing()

    def move(self, item: radicale.item.Item, to_collection: storage.BaseCollection, to_href: str) -> None:
        source = item.collection
        if not isinstance(source, Shelf) or not isinstance(to_collection, Shelf) or item.href is None:
            raise Refused(Reason.FORBIDDEN, "Only items can be moved")
        visit = VISIT.get()
        to_collection.check_component(measured(to_href, item))
        self._store.write_now(
            agenda_items.move,
            visit.principal.account_id,
            (source.held.id, item.href),
            (to_collection.held.id, to_href),
            (
                visit.expected(source.held.name, item.href),
                visit.expected(to_collection.held.name, to_href),
            ),
        )

    def create_collection(
        self,
        href: str,
        items: Iterable[radicale.item.Item] | None = None,
        props: Mapping[str, str] | None = None,
    ) -> tuple[storage.BaseCollection, dict[str, radicale.item.Item], list[str]]:
        """Make a collection, or give an existing one these items. Raises Refused, UidTaken."""
        visit = VISIT.get()
        parts = pathutils.strip_path(href).split("/")
        own = dict(props or {})
        tag = own.pop("tag", "")
        if len(parts) != 2 or parts[0] != visit.principal.login or not tag:
            raise Refused(Reason.FORBIDDEN, "A collection belongs in a person's home")
        new = [measured(_href(item.uid, tag), item) for item in items] if items is not None else None
        held = self._store.write_now(_make, visit.principal.account_id, parts[1], tag, own, new)
        return Shelf(self._store, held, parts[0]), {}, [one.href for one in new or ()]

    @contextlib.contextmanager
    def acquire_lock(self, mode: str, user: str = "", *args: object, **kwargs: object) -> Iterator[None]:
        """Writers of one person take turns in this process. No transaction is open under it."""
        visit = VISIT.get()
        visit.seen.clear()
        if mode == "r":
            yield
            return
        with self._locks[visit.principal.account_id % LOCKS]:
            yield

    def verify(self) -> bool:
        return True


def check_component(tag: str, components: frozenset[str], new: NewItem) -> None:
    """Raises UnsupportedComponent unless a collection of this kind takes the item."""
    if tag == agendas.ADDRESS_BOOK:
        fits = new.kind != "VCALENDAR"
    else:
        fits = new.kind == "VCALENDAR" and (not components or new.component in components)
    if not fits:
        raise UnsupportedComponent


def _make(
    tx: Tx, account_id: int, name: str, tag: str, props: Mapping[str, str], items: list[NewItem] | None
) -> agendas.Collection:
    """One unit: the collection with all its items, or nothing."""
    held = agendas.find(tx, account_id, name)
    if held is not None and items is None:
        raise Refused(Reason.CONFLICT, "A collection of this name exists")
    if held is not None and held.tag != tag:
        raise Refused(Reason.FORBIDDEN, "The kind of a collection does not change")
    held = held or agendas.create(tx, account_id, name, tag, props)
    if items is not None:
        for new in items:
            check_component(held.tag, held.components, new)
        agenda_items.replace(tx, account_id, held.id, {**held.props, **props}, items)
    return held


def _href(uid: str, tag: str) -> str:
    """A name for an item that came without: its UID, or a digest where the UID cannot stand in an address."""
    suffix = _SUFFIXES.get(tag, "")
    if uid.isascii() and uid.isprintable() and not set(uid) & set('/\\?#%"<> ') and len(uid) < MAX_HREF - len(suffix):
        return uid.lstrip(".") + suffix if uid.lstrip(".") else radicale.item.get_etag(uid).strip('"') + suffix
    return radicale.item.get_etag(uid).strip('"') + suffix
