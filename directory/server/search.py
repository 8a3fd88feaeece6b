"""The search operation: which entries, which attributes of them, and how many (RFC 4511 section 4.5).

Entries are looked at on the event loop in short slices: after a millisecond of work the others get
their turn. Between pages no transaction is open, so a client that reads slowly costs memory for one
chunk of output and nothing else.
"""

import asyncio
import contextlib

from directory.entries import tree
from directory.entries.tree import Entry, Kind, Tree
from directory.schema import names
from directory.server import root
from directory.server.answer import Answer, Stop
from directory.server.reading import entries, matching
from directory.server.reading.entries import Entries, People, Position, Viewer, Walk
from directory.server.reading.selection import View, asks_ties
from directory.server.wire.filters import Filter
from directory.server.wire.messages import Code, Scope
from mailserver.model.errors import BadSyntax

_FIXED = frozenset({Kind.BASE, Kind.ADMIN, *tree.BRANCHES})


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


class Searcher:
    """Answers searches over one tree."""

    def __init__(self, tree: Tree, entries: Entries) -> None:
        self._tree = tree
        self._entries = entries
        self._base = names.comparable(names.parse(tree.base))

    async def run(self, answer: Answer, assertion: Filter | None, tls_offered: bool) -> None:
        """Answer one search, result included: with nothing where the assertion does not hold of the base (RFC 4528)."""
        try:
            async with asyncio.timeout(answer.time_limit):
                await self._collect(answer, assertion, tls_offered)
            code, text, matched = Code.SUCCESS, "", ""
        except Stop as stop:
            code, text, matched = stop.code, stop.text, stop.matched
        except TimeoutError:
            code, text, matched = Code.TIME_LIMIT_EXCEEDED, "", ""
        except BadSyntax as error:
            code, text, matched = Code.INVALID_DN_SYNTAX, str(error), ""
        await answer.done(code, text, matched)

    async def _collect(self, answer: Answer, assertion: Filter | None, tls_offered: bool) -> None:
        search, viewer = answer.search, answer.viewer
        # Most clients spell the base as we do.
        base = self._base if search.base == self._tree.base else names.comparable(names.parse(search.base))
        # A search below the empty name covers the one tree we hold.
        outside = root.outside(self._tree, base, tls_offered) if base or search.scope is Scope.BASE else None
        if outside is not None:
            _hold(assertion, outside, root.PUBLIC)
            if search.scope is Scope.BASE or (base and search.scope is Scope.SUBTREE):
                await answer.offer(outside, root.PUBLIC)
            return None
        if not viewer.known:
            raise Stop(Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first: the directory is not public")
        place = self._tree.place(base or self._base)
        entry = await self._entries.at(place, viewer) if place is not None else None
        if place is None or entry is None:
            raise Stop(Code.NO_SUCH_OBJECT, matched=await self._entries.nearest(search.base, viewer))
        _hold(assertion, entry, _readable(entry, viewer))
        if search.scope is Scope.BASE:
            return await answer.offer(entry, _readable(entry, viewer))
        if answer.abandoned:
            return None
        start = answer.start()
        if place.kind in entries.LEAF_KINDS and search.scope is Scope.SUBTREE and start == Position():
            await answer.offer(entry, _readable(entry, viewer), Position(0, 1))
        kinds = [kind for kind in scope_kinds(place.kind, search.scope) if kind is not place.kind or kind in _FIXED]
        ties = answer.selection.ties or asks_ties(search.filter)
        walk = self._entries.walk(Walk(kinds, search.filter, viewer, place, ties, answer.limit), start)
        async with contextlib.aclosing(walk):
            async for found in walk:
                if isinstance(found, People):
                    await answer.offer_people(found)
                else:
                    position, entry = found
                    await answer.offer(entry, _readable(entry, viewer), position)
        return None


def _hold(assertion: Filter | None, base: Entry, readable: frozenset[str] | None) -> None:
    """Raises Stop where what is asserted of the base object is not so, as far as its attributes may be read."""
    if assertion is not None and not matching.compile_filter(assertion)(View(base, readable)):
        raise Stop(Code.ASSERTION_FAILED, "the assertion does not hold")


def _readable(entry: Entry, viewer: Viewer) -> frozenset[str] | None:
    return tree.readable(entry, None if viewer.administrator else viewer.login)
