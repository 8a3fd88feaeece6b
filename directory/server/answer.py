"""One answer to a search as it grows: filter, limits, page, output."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import NoReturn

from directory.entries import tree
from directory.entries.tree import Entry
from directory.server.reading import matching
from directory.server.reading.entries import People, Position, Viewer
from directory.server.reading.rendering import Render
from directory.server.reading.selection import PersonView, View, selection_of
from directory.server.wire import ber, messages
from directory.server.wire.messages import Code, Page, Search, Tag
from mailserver.foundation.metrics import catalogue

SLICE = 0.001
"""Seconds of work before the event loop is given back: a request of somebody else takes several turns of the loop."""
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

Send = Callable[[bytes], Awaitable[None]]


class Stop(Exception):
    """The search ends here with this code."""

    def __init__(self, code: Code, text: str = "", matched: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.matched = matched


class Answer:
    """One answer as it grows: filter, limits, page, output."""

    def __init__(self, message_id: int, search: Search, viewer: Viewer, page: Page | None, send: Send) -> None:
        self.search = search
        self.viewer = viewer
        most = ADMINISTRATOR_TIME_LIMIT if viewer.administrator else TIME_LIMIT
        self.time_limit = min(search.time_limit or most, most)
        self._id = message_id
        self._number = ber.integer(message_id)
        self._send = send
        self._matches = matching.compile_filter(search.filter)
        self.selection = selection_of(search.attributes)
        self._page = page
        # A page as large as the size limit would be the last one (RFC 2696 section 3).
        self._paged = page is not None and not 0 < search.size_limit <= page.size
        self.limit = self._most()
        self._last = Position()
        self._cookie = b""
        self._count = 0
        self._output = bytearray()
        self._slice_end = monotonic() + SLICE

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
            raise Stop(Code.UNWILLING_TO_PERFORM, "this cookie belongs to another search")
        try:
            self._last = Position(int(step), int(after), bytes.fromhex(key.decode("ascii")).decode("utf-8"))
        except ValueError:
            raise Stop(Code.UNWILLING_TO_PERFORM, "this cookie belongs to another search") from None
        return self._last

    def _mark(self) -> bytes:
        """Tells this search from others, so that no cookie is used in the wrong one."""
        asked = (self.search.base, self.search.scope, self.search.filter)
        return hashlib.blake2b(repr(asked).encode(), digest_size=8).hexdigest().encode()

    async def offer_people(self, page: People) -> None:
        """Send those of a page who match. Raises Stop at a limit."""
        at = 0
        while at < len(page.found):
            await self._breathe()
            at = self._look(page, at)
            if len(self._output) > CHUNK:
                await self._flush()

    def _look(self, page: People, at: int) -> int:
        """Look at people from one of them on, until this slice is over; whose turn is next. Raises Stop at a limit."""
        every = self._matches is matching.always
        readable, render = self._reading(own=False)
        output, sent, full = self._output, 0, False
        while at < len(page.found):
            facts = page.found[at]
            if page.own and facts.account_id == page.own:
                readable, render = self._reading(own=True)
            if every or self._matches(facts if readable is None else PersonView(facts, readable)):
                full = self._is_full()
                if full:
                    break
                self._count += 1
                sent = facts.account_id
                output += messages.entry_of_rows(self._number, facts.dn, render(facts))
            if page.own and facts.account_id == page.own:
                readable, render = self._reading(own=False)
            at += 1
            if len(output) > CHUNK or monotonic() > self._slice_end:
                break
        if sent:
            # Only of who was sent, as in `offer`.
            self._last = Position(page.step, sent)
        if full:
            self._end_early()
        return at

    def _reading(self, *, own: bool) -> tuple[frozenset[str] | None, Render]:
        """What the viewer may read of people, None: everything; and what makes octets of it."""
        readable = None if self.viewer.administrator else tree.OWN if own else tree.PUBLIC
        return readable, self.selection.of_people(readable, self.search.types_only)

    def _is_full(self) -> bool:
        return bool(self.limit) and self._count == self.limit

    async def _breathe(self) -> None:
        """Give the event loop back when this slice is over."""
        if monotonic() > self._slice_end:
            await asyncio.sleep(0)
            self._slice_end = monotonic() + SLICE

    async def offer(self, entry: Entry, readable: frozenset[str] | None, position: Position | None = None) -> None:
        """Send the entry if it matches. Raises Stop at a limit."""
        await self._breathe()
        view = View(entry, readable)
        if self._matches(view):
            if self._is_full():
                self._end_early()
            self._count += 1
            chosen = self.selection.of(view, self.search.types_only)
            self._output += messages.entry(self._id, entry.dn, chosen)
            if len(self._output) > CHUNK:
                await self._flush()
            # Only of what was sent: where candidates were looked at and left out, a cookie would tell of attributes
            # that the viewer may ask about but not read.
            if position is not None:
                self._last = position

    def _end_early(self) -> NoReturn:
        if not self._paged:
            raise Stop(Code.SIZE_LIMIT_EXCEEDED)
        last = self._last
        self._cookie = self._mark() + b":%d.%d.%s" % (last.step, last.after, last.key.encode("utf-8").hex().encode())
        raise Stop(Code.SUCCESS)

    async def _flush(self) -> None:
        octets = bytes(self._output)
        self._output.clear()
        await self._send(octets)

    async def done(self, code: Code, text: str, matched: str) -> None:
        """Send what is left, and the result."""
        controls = [Page(0, self._cookie).control()] if self._page is not None else []
        catalogue.LDAP_ANSWERS.add(code.name.lower())
        self._output += messages.result(self._id, Tag.SEARCH_DONE, code, text, matched, controls)
        await self._flush()
