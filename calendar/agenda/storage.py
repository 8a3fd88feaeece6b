"""Radicale's storage over `mailserver.store`: no file, no lock across processes, real sync tokens."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import radicale.item
from radicale import config, pathutils, storage

from agenda.collection import Collection, Folder, check_component, judged
from agenda.request_context import VISIT
from mailserver.calendars.icalendar.reading import measured
from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_items, agenda_reach, agendas
from mailserver.store.agenda.agenda_grants import SEPARATOR, Reach
from mailserver.store.agenda.agenda_items import MAX_HREF, NewItem, UidTaken
from mailserver.store.engine.transactions import Store, Tx

LOCKS = 64
"""Locks a process has; people share them by account id."""
_SUFFIXES: Final = {agendas.CALENDAR: ".ics", agendas.ADDRESS_BOOK: ".vcf", agendas.SUBSCRIPTION: ".ics"}


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
        principal = VISIT.get().principal
        home = Folder(principal.login, {agendas.DISPLAY_NAME: principal.name})
        parts = pathutils.strip_path(path).split("/")
        if parts == [""]:
            yield Folder("", {})
            if depth == "infinity":
                yield from self.discover(f"/{principal.login}/", depth)
            elif depth != "0":
                yield home
        elif parts[0] == principal.login:
            if len(parts) == 1:
                yield home
                if depth != "0":
                    for reach in self._store.read_now(agenda_reach.listing, principal.account_id):
                        held = Collection(self._store, reach)
                        yield held
                        if depth == "infinity":
                            yield from held.listing()
            elif len(parts) <= 3:
                yield from self._inside(principal.account_id, parts[1], parts[2:], depth)

    def _inside(
        self, account_id: int, name: str, href: list[str], depth: str
    ) -> Iterator[storage.BaseCollection | radicale.item.Item]:
        reach = self._store.read_now(agenda_reach.find, account_id, name)
        if reach is None:
            return
        shelf = Collection(self._store, reach)
        if href:
            item = shelf.item(href[0])
            if item is not None:
                yield item
            return
        yield shelf
        if depth != "0":
            yield from shelf.listing()

    def move(self, item: radicale.item.Item, to_collection: storage.BaseCollection, to_href: str) -> None:
        if (
            not isinstance(item.collection, Collection)
            or not isinstance(to_collection, Collection)
            or item.href is None
        ):
            raise Refused(Reason.FORBIDDEN, "Only items can be moved")
        visit = VISIT.get()
        to_collection.check_component(measured(to_href, item))
        source, target = item.collection.reach, to_collection.reach
        try:
            self._store.write_now(
                agenda_reach.move,
                visit.principal.account_id,
                (source.held.id, item.href),
                (target.held.id, to_href),
                (visit.expected(source.name, item.href), visit.expected(target.name, to_href)),
            )
        except UidTaken:
            to_collection.has_uid(item.uid)
            raise

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
        new = [judged(_href(item.uid, tag), item) for item in items] if items is not None else None
        held = self._store.write_now(_make, visit.principal.account_id, parts[1], tag, own, new)
        return Collection(self._store, Reach(held)), {}, [item.href for item in new or ()]

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


def _make(
    tx: Tx, account_id: int, name: str, tag: str, props: Mapping[str, str], items: list[NewItem] | None
) -> agendas.Collection:
    """One unit: the collection with all its items, or nothing."""
    held = agendas.find(tx, account_id, name)
    if held is None and SEPARATOR in name:
        raise Refused(Reason.FORBIDDEN, "Names like this are for what others share")
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
