"""Collections and their items as Radicale asks for them: one's own, and what others share."""

import contextlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC
from email.utils import formatdate
from typing import Any, Concatenate, ParamSpec, TypeVar, overload
from urllib.parse import quote, unquote

import radicale.item
from radicale import storage
from radicale.item import filter as radicale_filter

from agenda import filtering
from agenda.errors import Unmet
from agenda.properties import live_properties
from agenda.properties.dead_properties import ZONE, Change, changed, plain
from agenda.request_context import VISIT
from mailserver.calendars.icalendar import zones
from mailserver.calendars.icalendar.reading import measured
from mailserver.calendars.icalendar.recurrence import FLOATING, KINDS
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.store.agenda import agenda_items, agenda_reach, agendas
from mailserver.store.agenda.agenda_grants import SEPARATOR, Reach
from mailserver.store.agenda.agenda_items import ANY, NewItem, Position, UidTaken
from mailserver.store.agenda.agenda_reach import EVER
from mailserver.store.agenda.agendas import COLOUR, DISPLAY_NAME
from mailserver.store.engine.transactions import Store, Tx

P = ParamSpec("P")
T = TypeVar("T")

TEXTS_AT_ONCE = 200
"""Texts read together when a listing turns out to need them."""

MARGIN = 24 * 3600
"""Seconds: the store takes times without a zone as UTC, and no zone is further away."""

_BREAK = re.compile(r"\r?\n")
_TOKEN = re.compile(r"urn:mailserver:sync:([0-9]{1,18}):([0-9]{1,18})(?::([0-9]{1,18}):([!-~]{1,1500}))?", re.ASCII)
"""The collection, how far it was read; within that change: from when on, and to which href."""


class StoredItem(radicale.item.Item):
    """An item whose text is read when somebody asks for it."""

    def __init__(self, shelf: "Collection", row: agenda_items.Item) -> None:
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
        """The text, or what the request asks to see of it instead."""
        text, visit = self._whole(), VISIT.get()
        if visit.of_whole:
            return _BREAK.sub("\r\n", text)
        return text if visit.view is None else visit.view.shown(self, text)

    @property
    def vobject_item(self) -> Any:
        VISIT.get().budget.check()
        self._whole()
        return super().vobject_item

    def _whole(self) -> str:
        if not self._text and self.href is not None:
            self._text = self._shelf.text(self.href)
        return super().serialize()


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
        if key is None:
            return self._props
        return self._props.get(key) or live_properties.of(self, key)

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


class Collection(storage.BaseCollection):
    """A calendar, task list or address book, as its row was when the request looked."""

    def __init__(self, store: Store, reach: Reach) -> None:
        principal = VISIT.get().principal
        self._store = store
        self._reach = reach
        self._held = reach.held
        self._viewer = principal.account_id
        self._path = f"{principal.login}/{reach.name}"
        self._meta = {**_props(reach), "tag": reach.held.tag}
        VISIT.get().kinds[self._path] = reach.held.tag
        self._listed: list[str] = []
        self._texts: dict[str, str] = {}

    @property
    def path(self) -> str:
        return self._path

    @property
    def reach(self) -> Reach:
        """The row behind, and how the person reaches it."""
        return self._reach

    @property
    def owner(self) -> str:
        """Whose it is (RFC 3744 section 5.1)."""
        return self._reach.owner or super().owner

    @property
    def etag(self) -> str:
        """Also the collection's ctag."""
        return f'"{self._held.id}-{self._held.modseq}"'

    @property
    def last_modified(self) -> str:
        return formatdate(self._held.changed, usegmt=True)

    def serialize(self, *args: Any, **kwargs: Any) -> str:
        """All items as one text: Radicale takes them apart at ends of lines as it writes them itself."""
        visit = VISIT.get()
        visit.of_whole = True
        try:
            return super().serialize(*args, **kwargs)
        finally:
            visit.of_whole = False

    def sync(self, old_token: str = "") -> tuple[str, Iterable[str]]:
        """What changed since a token; everything without one, read only if somebody looks. No more than the request
        wants: then the new token goes on from there.

        Raises ValueError for a token the history does not reach: it is answered with `valid-sync-token`.
        """
        visit = VISIT.get()
        after = self._position(old_token) if old_token else None
        if not visit.limit and (after is None or not after.href):
            if after is None:
                return self._token(self._held.modseq), self._hrefs()
            delta = self._tried(agenda_reach.since, (self._held.id, after.modseq))
            return self._token(delta.modseq), delta.hrefs
        most = visit.limit or agenda_items.MAX_ITEMS + agenda_items.KEPT_GONE + agenda_items.PRUNE_EVERY
        found = self._tried(agenda_reach.page, self._held.id, after, most + 1)
        visit.truncated = len(found) > most
        if not visit.truncated:
            return self._token(max(self._held.modseq, *(one.modseq for one in found), 0)), [one.href for one in found]
        last = found[most - 1]
        token = f"{self._token(last.modseq)}:{last.since}:{quote(last.href, safe='')}"
        return token, [one.href for one in found[:most]]

    def _position(self, token: str) -> Position:
        match = _TOKEN.fullmatch(token)
        if match is None or int(match[1]) != self._held.id:
            raise ValueError("Not a token of this collection")
        modseq = int(match[2])
        return Position(modseq, unquote(match[4] or ""), int(match[3] or modseq))

    def _tried(self, function: Callable[Concatenate[Tx, int, int, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._read(function, *args, **kwargs)
        except Refused as refused:
            raise ValueError(refused.text) from None

    def get_multi(self, hrefs: Iterable[str]) -> Iterable[tuple[str, radicale.item.Item | None]]:
        self.use_zone()
        wanted = list(dict.fromkeys(hrefs))
        found = self._read(agenda_reach.several, [href for href in wanted if "\0" not in href])
        for href in wanted:
            VISIT.get().charge()
            row = found.get(href)
            yield href, StoredItem(self, row) if row is not None else None

    def get_all(self) -> Iterable[radicale.item.Item]:
        return (item for item, _ in self._between(-EVER, EVER))

    def get_filtered(self, filters: Iterable[ET.Element]) -> Iterable[tuple[radicale.item.Item, bool]]:
        """What meets the filters, no more than the request wants: Radicale is told that it need not look again."""
        self.use_zone()
        asked, visit = list(filters), VISIT.get()
        for one in asked:
            filtering.check(one)
        component, start, end, simple = radicale_filter.simplify_prefilters(asked, self.tag)
        if component and component not in KINDS:  # the store knows items by these alone
            component, simple = "", False
        for item, (starts, ends) in self._between(start - MARGIN, end + MARGIN, component or ""):
            first = start + MARGIN <= starts and starts + MARGIN < end
            last = start + MARGIN < ends and ends + MARGIN <= end
            if (simple and (first or last)) or all(filtering.meets(item, one) for one in asked):
                visit.matches += 1
                if visit.limit and visit.matches > visit.limit:
                    visit.truncated = True
                    return
                yield item, True

    def meets(self, item: radicale.item.Item, filters: Iterable[ET.Element]) -> bool:
        """Whether one item meets all filters. Raises InvalidFilter, Unmet."""
        self.use_zone()
        asked = list(filters)
        for one in asked:
            filtering.check(one)
        return all(filtering.meets(item, one) for one in asked)

    def use_zone(self) -> None:
        """Times without a zone are in the one that the request names, or the collection (RFC 4791 section 9.8)."""
        zone, text = VISIT.get().zone, self._meta.get(ZONE, "")
        if zone is None and text:
            with contextlib.suppress(BadSyntax):
                zone = zones.read(text)
        FLOATING.set(zone or UTC)

    def has_uid(self, uid: str) -> bool:
        owner = self._read(agenda_reach.holder, uid)
        if owner is not None and VISIT.get().seen.get((self._reach.name, owner), ANY) is None:
            raise Refused(Reason.CONFLICT, "The item came while we looked")
        if owner is not None:
            VISIT.get().holder = f"/{self._path}/{owner}"
        return owner is not None

    def upload(self, href: str, item: radicale.item.Item) -> tuple[radicale.item.Item, radicale.item.Item | None]:
        visit = VISIT.get()
        new = judged(href, item, visit.sent)
        self.check_component(new)
        visit.kept = bool(visit.sent) and new.text == visit.sent
        seen = visit.expected(self._reach.name, href)
        try:
            self._store.write_now(agenda_reach.put, self._viewer, self._held.id, new, seen)
        except UidTaken:
            self.has_uid(new.uid)
            raise
        row = agenda_items.Item(
            href, new.uid, new.etag, new.kind, new.component, new.starts, new.ends, self._held.changed, new.text
        )
        return StoredItem(self, row), None

    def delete(self, href: str | None = None) -> None:
        if href is None:
            seen = None if VISIT.get().overwrite else self._held.modseq
            self._store.write_now(agendas.drop, self._viewer, self._held.id, seen)
            return
        expected = VISIT.get().expected(self._reach.name, href)
        self._store.write_now(agenda_reach.remove, self._viewer, self._held.id, href, expected)

    @overload
    def get_meta(self, key: None = None) -> Mapping[str, str]: ...
    @overload
    def get_meta(self, key: str) -> str | None: ...
    def get_meta(self, key: str | None = None) -> Mapping[str, str] | str | None:
        if key is None:
            return self._meta
        return self._meta[key] if key in self._meta else live_properties.of(self, key)

    def set_meta(self, props: Mapping[str, str]) -> None:
        raise Refused(Reason.FORBIDDEN, "Properties are changed one by one")

    def change(self, wanted: list[Change]) -> None:
        """Set and remove properties: all, or none. Raises Refused(NOT_FOUND | LIMIT)."""
        self._store.write_now(_change, self._viewer, self._held.id, wanted)

    def rename(self, name: str) -> None:
        """Give the collection another address. Raises Refused(NOT_FOUND | FORBIDDEN | CONFLICT | INVALID)."""
        if SEPARATOR in name or self._held.source:
            raise Refused(Reason.FORBIDDEN, "Names like this are for what others share")
        self._store.write_now(agendas.rename, self._viewer, self._held.id, name)

    def text(self, href: str) -> str:
        """The text of an item that was listed without; its neighbours' texts are read along."""
        if href not in self._texts:
            start = self._listed.index(href) if href in self._listed else 0
            batch = self._listed[start : start + TEXTS_AT_ONCE] or [href]
            self._listed = self._listed[start:]
            rows = self._read(agenda_reach.several, batch)
            self._texts = {name: row.text or "" for name, row in rows.items()}
        return self._texts.get(href, "")

    def listing(self) -> Iterator[radicale.item.Item]:
        """Every item; their texts are read when somebody asks for them."""
        rows = self._read(agenda_reach.stamps)
        self._listed = [row.href for row in rows]
        return (StoredItem(self, row) for row in rows)

    def item(self, href: str) -> radicale.item.Item | None:
        """One item, and what a write will compare."""
        row = self._read(agenda_reach.get, href)
        VISIT.get().seen[self._reach.name, href] = row.etag if row is not None else None
        return StoredItem(self, row) if row is not None else None

    def check_component(self, new: NewItem) -> None:
        """Raises Unmet for a task in an agenda of events, a contact in a calendar."""
        check_component(self._held.tag, self._held.components, new)

    def _read(self, function: Callable[Concatenate[Tx, int, int, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return self._store.read_now(function, self._viewer, self._held.id, *args, **kwargs)

    def _hrefs(self) -> Iterator[str]:
        yield from self._read(agenda_reach.hrefs).hrefs

    def _token(self, modseq: int) -> str:
        return f"urn:mailserver:sync:{self._held.id}:{modseq}"

    def _between(
        self, start: int, end: int, component: str = ""
    ) -> Iterator[tuple[radicale.item.Item, tuple[int, int]]]:
        for row in self._read(agenda_reach.between, start, end, component):
            VISIT.get().charge()
            yield StoredItem(self, row), (row.starts, row.ends)


def _change(tx: Tx, account_id: int, collection_id: int, wanted: list[Change]) -> None:
    held = agendas.lock(tx, account_id, collection_id)
    agendas.describe(tx, account_id, held.id, changed(held.props, wanted))


def _props(reach: Reach) -> Mapping[str, str]:
    """What a client is told of a collection; of another's whose it is, and the colour its reader chose."""
    held = {DISPLAY_NAME: reach.name, **plain(reach.held.props)}
    if not reach.owner:
        return held
    colour = reach.colour or held.get(COLOUR, "")
    named = {**held, DISPLAY_NAME: f"{held.get(DISPLAY_NAME, '') or reach.held.name} ({reach.owner})"}
    return {**named, COLOUR: colour} if colour else named


def judged(href: str, item: radicale.item.Item, sent: str = "") -> NewItem:
    """An item as it is stored. Raises Unmet for dates that do not fit together, Refused(LIMIT)."""
    try:
        return measured(href, item, sent)
    except Refused as refused:
        if refused.reason is not Reason.INVALID:
            raise
        raise Unmet("C:valid-calendar-data" if item.name == "VCALENDAR" else "CR:valid-address-data") from None


def check_component(tag: str, components: frozenset[str], new: NewItem) -> None:
    """Raises Unmet unless a collection of this kind takes the item."""
    if tag == agendas.ADDRESS_BOOK:
        if new.kind == "VCALENDAR":
            raise Unmet("CR:supported-address-data")
    elif new.kind != "VCALENDAR":
        raise Unmet("C:supported-calendar-data")
    elif new.component not in (components or KINDS):
        raise Unmet("C:supported-calendar-component")
