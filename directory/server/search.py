"""The search operation: which entries, which attributes of them, and how many (RFC 4511 section 4.5).

Entries are looked at on the event loop in short slices: after a few milliseconds of work the others get
their turn. Between pages no transaction is open, so a client that reads slowly costs memory for one
chunk of output and nothing else.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from directory import names, schema, tree
from directory.server import entries, filters, matching, messages, root
from directory.server.entries import Entries, Position, Viewer, Walk
from directory.server.messages import Code, Page, Scope, Search, Tag
from directory.tree import Entry, Kind, Tree
from mailserver.errors import BadSyntax

SLICE = 0.002
"""Seconds of work before the event loop is given back."""
CHUNK = 32 * 1024
"""Octets gathered before they are written."""
SIZE_LIMIT = 1000
"""Entries of one answer to a person; more are read by pages. The administrator has no limit."""
PAGE_LIMIT = 1000
"""Entries of one page."""
TIME_LIMIT = 60.0
"""Seconds one search may take for a person."""
ADMINISTRATOR_TIME_LIMIT = 3600.0

MAX_COOKIE = 600
"""Octets of a cookie: the longest names a class of a school."""
_FIXED = frozenset({Kind.BASE, Kind.ADMIN, *tree.BRANCHES})

Send = Callable[[bytes], Awaitable[None]]


class _Stop(Exception):
    """The search ends here with this code."""

    def __init__(self, code: Code, text: str = "", matched: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.matched = matched


@dataclass(frozen=True, slots=True)
class View:
    """An entry as a viewer sees it."""

    entry: Entry
    readable: frozenset[str] | None

    @property
    def dn(self) -> str:
        return self.entry.dn

    def values(self, attribute: str) -> Sequence[str]:
        if self.readable is not None and attribute not in self.readable:
            return ()
        return self.entry.attributes.get(attribute, ())


class Selection:
    """Which attributes the client wants (RFC 4511 section 4.5.1.8, RFC 3673)."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._user = not wanted or "*" in wanted
        self._operational = "+" in wanted
        named = (schema.attribute(name) for name in wanted if ";" not in name)
        self._known: dict[str, bool] = {}
        self._named = {kind.name for known in named if known is not None for kind in schema.kinds(known)}
        self._whole = self._user or self._operational
        self._taken: dict[frozenset[str] | None, frozenset[str]] = {}

    def takes(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            operational = schema.BY_NAME[name.lower()].operational
            known = name in self._named or (self._operational if operational else self._user)
            self._known[name] = known
        return known

    def of(self, view: View, types_only: bool) -> Iterator[tuple[str, Sequence[str]]]:
        """The chosen attributes that the viewer may read."""
        if not self._whole:
            for name in self._named:
                held = view.values(name)
                if held:
                    yield name, () if types_only else held
            return
        taken = self._taken.get(view.readable)
        if taken is None:
            taken = self._taken[view.readable] = self._all_of(view.readable)
        for name, values in view.entry.attributes.items():
            if name in taken and values:
                yield name, () if types_only else values

    def _all_of(self, readable: frozenset[str] | None) -> frozenset[str]:
        """Every attribute that is wanted and may be read."""
        known = (one.name for one in schema.ATTRIBUTES)
        return frozenset(name for name in known if self.takes(name) and (readable is None or name in readable))


def scope_kinds(kind: Kind, scope: Scope) -> tuple[Kind, ...]:
    """The kinds of entries below a base, for the scopes that go below it."""
    if kind is Kind.BASE:
        return entries.ORDER if scope is Scope.SUBTREE else (Kind.ADMIN, *tree.BRANCHES)
    below = {
        Kind.PEOPLE: (Kind.PERSON, Kind.CONTACT),
        Kind.STRUCTURES: (Kind.STRUCTURE,),
        Kind.STRUCTURE: (Kind.CLASS, Kind.SUBGROUP),
    }.get(kind, (tree.LEAVES[kind],) if kind in tree.LEAVES else ())
    if scope is not Scope.SUBTREE:
        return below
    return (kind, *below, *(scope_kinds(Kind.STRUCTURE, Scope.ONE) if kind is Kind.STRUCTURES else ()))


TIES = frozenset(
    {
        *("acadUAI", "acadFunction", "acadClass", "acadGroup", "acadDisciplineCode", "acadPost"),
        *("supannEtablissement", "supannEntiteAffectation"),
    }
)
"""Attributes that say where people are what: they are read only when somebody asks for them."""


def wants_ties(search: Search) -> bool:
    """Whether affiliations are to be read to answer a search."""
    wanted = Selection(search.attributes)
    return any(wanted.takes(name) for name in TIES) or _asks_ties(search.filter)


def _asks_ties(wanted: filters.Filter) -> bool:
    match wanted:
        case filters.And(items) | filters.Or(items):
            return any(map(_asks_ties, items))
        case filters.Not(item):
            return _asks_ties(item)
        case filters.Extensible(_, "", _, _):
            return True
    known = schema.attribute(wanted.attribute)
    return known is not None and known.name in TIES


class Searcher:
    """Answers searches over one tree."""

    def __init__(self, tree: Tree, entries: Entries) -> None:
        self._tree = tree
        self._entries = entries

    async def run(
        self, message_id: int, search: Search, viewer: Viewer, page: Page | None, tls_offered: bool, send: Send
    ) -> None:
        """Answer one search, result included."""
        answer = _Answer(message_id, search, viewer, page, send)
        try:
            async with asyncio.timeout(answer.time_limit):
                await self._collect(answer, tls_offered)
            code, text, matched = Code.SUCCESS, "", ""
        except _Stop as stop:
            code, text, matched = stop.code, stop.text, stop.matched
        except TimeoutError:
            code, text, matched = Code.TIME_LIMIT_EXCEEDED, "", ""
        except BadSyntax as error:
            code, text, matched = Code.INVALID_DN_SYNTAX, str(error), ""
        await answer.done(code, text, matched)

    async def _collect(self, answer: "_Answer", tls_offered: bool) -> None:
        search, viewer = answer.search, answer.viewer
        base = names.comparable(names.parse(search.base))
        if search.scope is Scope.BASE and not base:
            return await answer.offer(root.root_dse(self._tree, tls_offered), root.PUBLIC)
        if base == names.parse(self._tree.subschema_dn):
            if search.scope is Scope.BASE:
                await answer.offer(root.subschema(self._tree), root.PUBLIC)
            return None
        if not viewer.known:
            raise _Stop(Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first: the directory is not public")
        # A subtree search from the empty name covers the one tree we hold.
        place = self._tree.locate(search.base if base else self._tree.base)
        entry = await self._entries.at(place, viewer) if place is not None else None
        if place is None or entry is None:
            raise _Stop(Code.NO_SUCH_OBJECT, matched=await self._entries.nearest(search.base))
        if search.scope is Scope.BASE:
            return await answer.offer(entry, _readable(entry, viewer))
        if answer.abandoned:
            return None
        start = answer.start()
        if place.kind in entries.LEAF_KINDS and search.scope is Scope.SUBTREE and start == Position():
            await answer.offer(entry, _readable(entry, viewer), Position(0, 1))
        kinds = [kind for kind in scope_kinds(place.kind, search.scope) if kind is not place.kind or kind in _FIXED]
        walk = self._entries.walk(Walk(kinds, search.filter, viewer, place, wants_ties(search)), start)
        async with contextlib.aclosing(walk):
            async for position, found in walk:
                await answer.offer(found, _readable(found, viewer), position)
        return None


def _readable(entry: Entry, viewer: Viewer) -> frozenset[str] | None:
    return tree.readable(entry, None if viewer.administrator else viewer.login)


class _Answer:
    """One answer as it grows: filter, limits, page, output."""

    def __init__(self, message_id: int, search: Search, viewer: Viewer, page: Page | None, send: Send) -> None:
        self.search = search
        self.viewer = viewer
        most = ADMINISTRATOR_TIME_LIMIT if viewer.administrator else TIME_LIMIT
        self.time_limit = min(search.time_limit or most, most)
        self._id = message_id
        self._send = send
        self._matches = matching.compile_filter(search.filter)
        self._selection = Selection(search.attributes)
        self._page = page
        # A page as large as the size limit would be the last one (RFC 2696 section 3).
        self._paged = page is not None and not 0 < search.size_limit <= page.size
        self._limit = self._most()
        self._last = Position()
        self._cookie = b""
        self._count = 0
        self._output = bytearray()
        self._loop = asyncio.get_running_loop()
        self._slice_end = self._loop.time() + SLICE

    @property
    def abandoned(self) -> bool:
        """A page of size zero ends a paged search (RFC 2696 section 3)."""
        return self._page is not None and self._page.size == 0 and bool(self._page.cookie)

    def _most(self) -> int:
        """How many entries this answer may hold; 0: any number."""
        if self._paged and self._page is not None:
            return min(self._page.size or PAGE_LIMIT, PAGE_LIMIT)
        own = 0 if self.viewer.administrator else SIZE_LIMIT
        return min(self.search.size_limit or own, own or self.search.size_limit)

    def start(self) -> Position:
        """Where this page begins. A cookie carries no right: it says where in one's own answer to go on."""
        if self._page is None or not self._page.cookie:
            return Position()
        mark, _, place = self._page.cookie.partition(b":")
        step, _, rest = place.partition(b".")
        after, _, key = rest.partition(b".")
        ours = mark == self._mark() and len(place) <= MAX_COOKIE and step.isdigit() and after.isdigit()
        if not ours or len(step + after) > 24:
            raise _Stop(Code.UNWILLING_TO_PERFORM, "this cookie belongs to another search")
        try:
            self._last = Position(int(step), int(after), bytes.fromhex(key.decode("ascii")).decode("utf-8"))
        except ValueError:
            raise _Stop(Code.UNWILLING_TO_PERFORM, "this cookie belongs to another search") from None
        return self._last

    def _mark(self) -> bytes:
        """Tells this search from others, so that no cookie is used in the wrong one."""
        asked = (self.search.base, self.search.scope, self.search.filter)
        return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest().encode()

    async def offer(self, entry: Entry, readable: frozenset[str] | None, position: Position | None = None) -> None:
        """Send the entry if it matches. Raises _Stop at a limit."""
        if self._loop.time() > self._slice_end:
            await asyncio.sleep(0)
            self._slice_end = self._loop.time() + SLICE
        view = View(entry, readable)
        if self._matches(view):
            if self._limit and self._count == self._limit:
                self._end_early()
            self._count += 1
            chosen = self._selection.of(view, self.search.types_only)
            self._output += messages.entry(self._id, entry.dn, chosen)
            if len(self._output) > CHUNK:
                await self._flush()
            # Only of what was sent: where candidates were looked at and left out, a cookie would tell of attributes
            # that the viewer may ask about but not read.
            if position is not None:
                self._last = position

    def _end_early(self) -> NoReturn:
        if not self._paged:
            raise _Stop(Code.SIZE_LIMIT_EXCEEDED)
        last = self._last
        self._cookie = self._mark() + b":%d.%d.%s" % (last.step, last.after, last.key.encode("utf-8").hex().encode())
        raise _Stop(Code.SUCCESS)

    async def _flush(self) -> None:
        octets = bytes(self._output)
        self._output.clear()
        await self._send(octets)

    async def done(self, code: Code, text: str, matched: str) -> None:
        """Send what is left, and the result."""
        controls = [Page(0, self._cookie).control()] if self._page is not None else []
        self._output += messages.result(self._id, Tag.SEARCH_DONE, code, text, matched, controls)
        await self._flush()
