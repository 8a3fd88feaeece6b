"""Which messages of a view a search finds.

What the snapshot knows (flags, numbers, UIDs, \\Recent, mod-sequences) is answered here, without SQL or a thread;
what needs texts or dates goes to `store.search.search` in one question, about the messages the rest has left over.
"""

import asyncio
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import cache

from imap.session.session import Session
from imap.session.view import View
from imap.wire.flags import FIRST_KEYWORD, SYSTEM_BITS
from imap.wire.sets import SequenceSet, batched, ranges_of
from mailserver.model.budget import Budget
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.criteria import (
    All,
    And,
    Criterion,
    Flag,
    LastResult,
    ModSeq,
    Not,
    Numbers,
    Or,
    Recent,
    Uids,
    rewrite,
    walk,
)
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.octets.files import BlobFolder
from mailserver.store.search import search

BUSY = 5000
"""Messages looked at before the loop may turn: a search of a thousand keys must not keep it."""

MOST_LOOKED = 50_000_000
"""Messages looked at for one search, those of each key counted: two seconds or so of the loop."""

STRETCH = 20_000
"""Messages looked at in one go: a millisecond or so."""

RANGES = 100
"""Ranges of a set that are looked up at once; one costs as much as a hundred messages."""

FEW = 16
"""So small a part of the messages is looked up one by one."""

_KNOWN = (All, And, Or, Not, Flag, Numbers, Uids, Recent, ModSeq)

Places = Sequence[int]
"""Ascending indexes in a snapshot."""


async def scope(view: View, criterion: Criterion) -> Places:
    """Where the messages stand that a criterion names by number or UID: those that are to be searched."""
    terms = criterion.terms if isinstance(criterion, And) else (criterion,)
    named = tuple(term for term in terms if isinstance(term, (Numbers, Uids)))
    return await _Known(view).match(And(named), range(len(view.snapshot)))


async def find(session: Session, criterion: Criterion, among: Places | None = None) -> Places:
    """Where the messages of the session's view that meet a criterion stand in its snapshot; only `among` these."""
    selected = session.mailbox
    view, snapshot = selected.view, selected.view.snapshot
    here, there = _split(rewrite(criterion, lambda leaf: _last_result(view, leaf)))
    places: Places = await _Known(view).match(here, range(len(snapshot)) if among is None else among)
    if there is None or not places:
        return places
    wanted = And(tuple([rewrite(term, lambda leaf: _as_uids(view, leaf)) for term in there.terms]))
    store = session.services.store
    modseq, found = await store.read_slow_brief(
        session.account_id,
        _among,
        selected.owner,
        selected.shared.mailbox_id,
        wanted,
        store.blobs,
        snapshot.uids,
        places,
        cache(search.budget),
    )
    if modseq != snapshot.modseq:
        # What is gone there may not have been heard of here; the news behind the answer look.
        selected.shared.note()
    return found


def _among(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    wanted: And,
    folder: BlobFolder,
    uids: "array[int]",
    places: Places,
    budget: Callable[[], Budget],
) -> tuple[int, Places]:
    """In a reader's thread, perhaps twice, on one budget: the mailbox's mod-sequence, and those of these places of a
    snapshot where the store finds what is wanted."""
    left = budget()
    if len(places) < len(uids):
        wanted = And((Uids(tuple(ranges_of(uids[place] for place in places))), *wanted.terms))
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    found = search.among(tx, account_id, [box], wanted, folder, left)[mailbox_id]
    return box.modseq, _places(uids, places, found)


def _places(uids: "array[int]", places: Places, found: Sequence[int]) -> Places:
    """Where these UIDs stand in a snapshot, as far as they are to be searched."""
    if len(found) > len(places) // FEW:
        among = set(found)
        return [place for place in places if uids[place] in among]
    stands = [bisect_left(uids, uid) for uid in found]
    # Not in its place: it came after the snapshot, or is not to be searched.
    return [place for place, uid in zip(stands, found, strict=True) if _has(uids, place, uid) and _is_in(places, place)]


def _has(uids: "array[int]", place: int, uid: int) -> bool:
    return place < len(uids) and uids[place] == uid


def _is_in(places: Places, place: int) -> bool:
    if isinstance(places, range):
        return place in places
    at = bisect_left(places, place)
    return at < len(places) and places[at] == place


def fixed(view: View, criterion: Criterion) -> Criterion:
    """A criterion that means the same messages later: numbers and the last result become UIDs."""
    return rewrite(
        criterion, lambda leaf: _uids_of(view, leaf) if isinstance(leaf, Numbers) else _last_result(view, leaf)
    )


def _last_result(view: View, leaf: Criterion) -> Criterion:
    """`$` as UIDs (RFC 5182)."""
    return Uids(tuple(ranges_of(view.saved))) if isinstance(leaf, LastResult) else leaf


def _as_uids(view: View, leaf: Criterion) -> Criterion:
    """What only a session knows, as the store can know it."""
    match leaf:
        case Numbers():
            return _uids_of(view, leaf)
        case Recent():
            return _recent(view)
        case _:
            return leaf


def _split(criterion: Criterion) -> tuple[And, And | None]:
    """The part a snapshot answers, and the part (if any) that must hold too but needs the store."""
    terms = criterion.terms if isinstance(criterion, And) else (criterion,)
    known = tuple(term for term in terms if all(isinstance(inner, _KNOWN) for inner in walk(term)))
    other = tuple(term for term in terms if term not in known)
    return And(known), And(other) if other else None


def _uids_of(view: View, numbers: Numbers) -> Uids:
    """The UIDs of message numbers; numbers that do not exist find nothing."""
    ranges = SequenceSet(numbers.ranges).numbers(len(view))
    return Uids(tuple((view.uids[low - 1], view.uids[high - 1]) for low, high in ranges))


def _recent(view: View) -> Uids:
    return Uids(tuple((low, high - 1) for low, high in view.recent_ranges()))


class _Known:
    """Criteria over one snapshot. Each criterion costs time in proportion to the messages asked about."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._snapshot = view.snapshot
        self._looked = 0
        self._since = 0
        """The same since the loop turned."""

    async def match(self, criterion: Criterion, places: Places) -> Places:
        """Those of these messages that meet the criterion."""
        match criterion:
            case And(terms):
                for term in terms:
                    places = await self.match(term, places)
                return places
            case Or(terms):
                return await self._any(terms, places)
            case Not(term) if not isinstance(term, Flag):
                without = await self.match(term, places)
                return await self._without(places, without)
            case Recent():
                return await self._within(_recent(self._view), places)
            case Numbers():
                return await self._within(_uids_of(self._view, criterion), places)
            case Uids():
                return await self._within(criterion, places)
            case All():
                return places
            case _:
                return await self._by_stretch(criterion, places)

    async def _any(self, terms: Sequence[Criterion], places: Places) -> Places:
        """Those that meet one of the terms: each is asked about what those before it left over."""
        found: list[Places] = []
        for term in terms:
            some = await self.match(term, places)
            if some:
                found.append(some)
                places = await self._without(places, some)
        if len(found) < 2:
            return found[0] if found else ()
        await self._turn(sum(map(len, found)))
        return sorted(place for some in found for place in some)

    async def _without(self, places: Places, some: Places) -> Places:
        """Those of the first that are not among the second, which are some of them."""
        if not some or len(some) == len(places):
            return () if some else places
        await self._turn(len(places))
        left_out = set(some)
        return [place for place in places if place not in left_out]

    async def _turn(self, count: int) -> None:
        """Let the loop turn now and then, before so many messages are looked at. Raises Refused(LIMIT)."""
        self._looked += count
        self._since += count
        if self._looked > MOST_LOOKED:
            raise Refused(Reason.LIMIT, "The search needs too much computing")
        if self._since > BUSY:
            self._since = 0
            await asyncio.sleep(0)

    async def _by_stretch(self, criterion: Criterion, places: Places) -> Places:
        """A criterion that is looked up in each message: of many a stretch, then the loop may turn."""
        if len(places) <= STRETCH:
            await self._turn(len(places))
            return self._leaf(criterion, places)
        found: list[int] = []
        for start in range(0, len(places), STRETCH):
            some = places[start : start + STRETCH]
            await self._turn(len(some))
            found.extend(self._leaf(criterion, some))
        return found

    def _leaf(self, criterion: Criterion, places: Places) -> Places:
        snapshot = self._snapshot
        match criterion:
            case Flag(name):
                bit, flags = self._bit(name), snapshot.flags
                return [place for place in places if flags[place] & bit] if bit else ()
            case Not(Flag(name)):  # UNSEEN and its kin
                bit, flags = self._bit(name), snapshot.flags
                return [place for place in places if not flags[place] & bit] if bit else places
            case ModSeq(value):
                modseqs = snapshot.modseqs
                return [place for place in places if modseqs[place] >= value]
        raise AssertionError(criterion)

    def _bit(self, name: str) -> int:
        """The bit of a flag; 0 when the mailbox has no such keyword."""
        system = SYSTEM_BITS.get(name.upper())
        if system is not None:
            return system
        wanted = name.casefold()
        for bit, keyword in enumerate(self._snapshot.names.keywords, FIRST_KEYWORD):
            if keyword.casefold() == wanted:
                return 1 << bit
        return 0

    async def _within(self, uids: Uids, places: Places) -> Places:
        """The messages in these UID ranges."""
        known = self._snapshot.uids
        found: list[int] = []
        await self._turn(len(places))
        for some in batched(SequenceSet(uids.ranges).normal(known[-1] if known else 0), RANGES):
            await self._turn(100 * len(some))
            for low, high in some:
                start, stop = bisect_left(known, low), bisect_right(known, high)
                if start < stop:
                    found.extend(places[_before(places, start) : _before(places, stop)])
        return found


def _before(places: Places, place: int) -> int:
    """How many of these places stand before one; those of a whole mailbox are not looked through."""
    if isinstance(places, range) and places.step == 1:
        return min(max(place - places.start, 0), len(places))
    return bisect_left(places, place)
