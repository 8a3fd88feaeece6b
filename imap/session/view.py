"""What one client believes of its mailbox: its message numbers, and the news it has not been told yet.

RFC 3501 section 7.4.1 forbids EXPUNGE while a FETCH, STORE or SEARCH by message number runs, and when no
command runs at all. A message that another session expunged meanwhile stays here as a *ghost*: it keeps its
number until EXPUNGE may be said, though its content is gone (RFC 2180 section 4). News that may be said at any
time (EXISTS, RECENT, FLAGS, FETCH) is said at once, numbered with the ghosts.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imap.session.snapshot import PEAK, Difference, Snapshot, compare
from imap.wire.flags import RECENT, FlagNames
from imap.wire.sets import SequenceSet, ranges_of
from mailserver.model.errors import BadSyntax

LOT = 2000
"""Messages handled at once where nothing is read: about a millisecond, then the loop may turn."""
MAX_RECENT_RANGES = 1000
"""Claims of \\Recent one session keeps apart; beyond it the oldest lose the flag (which is only a hint)."""

Told = tuple[int, int, int, int]
"""(number, uid, mask with RECENT, modseq) of a message whose flags the client must hear."""


@dataclass(frozen=True, slots=True)
class News:
    """What to tell the client, in this order: EXPUNGE, EXISTS, RECENT, FLAGS, FETCH."""

    expunged: tuple[int, ...] = ()
    """Message numbers, descending: each is right after the ones before it have been removed."""
    vanished: tuple[int, ...] = ()
    """The same messages by UID, ascending (RFC 7162 section 3.2.10)."""
    exists: int | None = None
    recent: int | None = None
    names: FlagNames | None = None
    """The mailbox has new keywords."""
    flags: tuple[Told, ...] = ()

    def __bool__(self) -> bool:
        return self != NOTHING


NOTHING = News()


def cut(slices: Iterable[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    """Groups of index ranges, each of at most `size` messages together."""
    group: list[tuple[int, int]] = []
    room = size
    for start, stop in slices:
        while start < stop:
            end = min(stop, start + room)
            group.append((start, end))
            room -= end - start
            start = end
            if not room:
                yield group
                group, room = [], size
    if group:
        yield group


@dataclass(frozen=True, slots=True)
class Lot:
    """Some messages that exist, as columns: their numbers, UIDs, masks with RECENT, mod-sequences."""

    numbers: Sequence[int]
    uids: "array[int]"
    flags: "array[int]"
    modseqs: "array[int]"

    def keep(self, places: Iterable[int]) -> "Lot":
        """The messages at these places of the lot."""
        chosen = list(places)
        columns = (self.uids, self.flags, self.modseqs)
        return Lot(
            [self.numbers[place] for place in chosen],
            *(array(column.typecode, [column[place] for place in chosen]) for column in columns),
        )

    def part(self, start: int, stop: int) -> "Lot":
        """The messages from one place of the lot to another."""
        return Lot(self.numbers[start:stop], self.uids[start:stop], self.flags[start:stop], self.modseqs[start:stop])


class View:
    """One selected mailbox as one client sees it. Pure: whoever owns it brings new snapshots."""

    __slots__ = (
        "_answered",
        "_ghosts",
        "_heard",
        "_recent",
        "_recent_told",
        "_tells_recent",
        "saved",
        "snapshot",
        "uids",
    )

    def __init__(self, snapshot: Snapshot, recent: tuple[int, int] = (0, 0)) -> None:
        """`recent` is the half-open range of UIDs this session was the first to be told of."""
        self.snapshot = snapshot
        self.uids: Sequence[int] = snapshot.uids
        """UID of each message number, ghosts included."""
        self.saved = array("I")
        """UIDs of the last result that was to be saved, ascending (RFC 5182)."""
        self._ghosts: set[int] = set()
        self._heard = snapshot.modseq
        """While there are ghosts: the mod-sequence before the first of them."""
        self._answered: set[int] = set()
        self._recent: list[tuple[int, int]] = []
        self._tells_recent = True
        self.claim(recent)
        self._recent_told = self.recent_count()

    def __len__(self) -> int:
        return len(self.uids)

    # ------------------------------------------------------------------ numbers

    def number(self, uid: int) -> int:
        """The message number of a UID the client knows."""
        return bisect_left(self.uids, uid) + 1

    def select(self, numbers: SequenceSet, by_uid: bool) -> list[tuple[int, int]]:
        """Half-open index ranges the client means. A message number that does not exist is its mistake.

        RFC 3501 section 9 (seq-number): such a number gets BAD; unknown UIDs are passed over in silence.
        """
        if numbers.saved:
            return self._saved_slices()
        if by_uid:
            return numbers.slices(self.uids)
        if numbers.beyond(len(self.uids)):
            raise BadSyntax("No such message number")
        return [(low - 1, high) for low, high in numbers.numbers(len(self.uids))]

    def _saved_slices(self) -> list[tuple[int, int]]:
        """Where the messages of the saved result stand; what was expunged is no longer in it (RFC 5182 section 2.1)."""
        there = [uid for uid in self.saved if uid not in self._ghosts] if self._ghosts else self.saved
        return SequenceSet(tuple(ranges_of(there))).slices(self.uids)

    def part(self, slices: Sequence[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
        """Of the messages at these index ranges those from the first to the last one, counted from 1; negative: from
        the end (RFC 9394 section 3.3). Ghosts are not counted."""
        if self._ghosts:
            there = [place for start, stop in slices for place in range(start, stop) if not self._is_ghost(place)]
            slices = [(low, high + 1) for low, high in ranges_of(there)]
        count = sum(stop - start for start, stop in slices)
        low, high = sorted((first, last)) if first > 0 else sorted((count + 1 + first, count + 1 + last))
        found = []
        passed = 0
        for start, stop in slices:
            begin, end = max(start, start + low - 1 - passed), min(stop, start + high - passed)
            passed += stop - start
            if begin < end:
                found.append((begin, end))
        return found

    def _is_ghost(self, place: int) -> bool:
        return self.uids[place] in self._ghosts

    def uids_of(self, slices: Sequence[tuple[int, int]]) -> "array[int]":
        """The UIDs at these index ranges, ascending; ghosts are left out."""
        found = array("I")
        for start, stop in slices:
            found.extend(self.uids[start:stop])
        if self._ghosts:
            found = array("I", [uid for uid in found if uid not in self._ghosts])
        return found

    def has_ghosts(self, slices: Sequence[tuple[int, int]]) -> bool:
        """True when one of these messages (ascending ranges) exists for the client only."""
        for uid in self._ghosts:
            place = bisect_left(self.uids, uid)
            behind = bisect_right(slices, place, key=lambda one: one[0]) - 1
            if behind >= 0 and place < slices[behind][1]:
                return True
        return False

    @property
    def ghosts(self) -> int:
        """How many expunged messages the client still counts."""
        return len(self._ghosts)

    @property
    def heard(self) -> int:
        """The mod-sequence up to which the client has been told of everything, removals too (RFC 7162 section 6)."""
        return self._heard if self._ghosts else self.snapshot.modseq

    # ------------------------------------------------------------------ \Recent

    def claim(self, recent: tuple[int, int]) -> None:
        """These UIDs (half-open range) are recent to this session (RFC 3501 section 2.3.2)."""
        low, high = recent
        if low >= high or not self._tells_recent:
            return
        if self._recent and self._recent[-1][1] == low:
            self._recent[-1] = (self._recent[-1][0], high)
        else:
            self._recent.append(recent)
        del self._recent[:-MAX_RECENT_RANGES]

    def forget_recent(self) -> None:
        """The client knows no \\Recent: nothing is, and RECENT is never told."""
        self._recent.clear()
        self._tells_recent = False

    def is_recent(self, uid: int) -> bool:
        return any(low <= uid < high for low, high in self._recent)

    def recent_ranges(self) -> tuple[tuple[int, int], ...]:
        """Half-open ranges of the UIDs that are recent to this session."""
        return tuple(self._recent)

    def recent_count(self) -> int:
        """How many of the messages the client knows are recent to it."""
        return sum(bisect_left(self.uids, high) - bisect_left(self.uids, low) for low, high in self._recent)

    def mask(self, uid: int, flags: int) -> int:
        """The stored flags of a message, with RECENT where it applies."""
        return flags | RECENT if self._recent and self.is_recent(uid) else flags

    # ------------------------------------------------------------------ lots

    def lot(self, slices: Sequence[tuple[int, int]], snapshot: Snapshot | None = None) -> "Lot":
        """What is known of the messages in these ascending index ranges; ghosts are left out.

        `snapshot`: one that has the messages of ours.
        """
        snapshot = snapshot or self.snapshot
        columns = (snapshot.uids, snapshot.flags, snapshot.modseqs)
        numbers: Sequence[int]
        if self._ghosts:
            known = [(place + 1, self.uids[place]) for start, stop in slices for place in range(start, stop)]
            found = [(number, uid) for number, uid in known if uid not in self._ghosts]
            numbers = [number for number, _ in found]
            places = [bisect_left(snapshot.uids, uid) for _, uid in found]
            uids, flags, modseqs = (array(column.typecode, [column[place] for place in places]) for column in columns)
        elif len(slices) == 1:
            start, stop = slices[0]
            numbers = range(start + 1, stop + 1)
            uids, flags, modseqs = (column[start:stop] for column in columns)
        else:
            numbers = [number for start, stop in slices for number in range(start + 1, stop + 1)]
            uids, flags, modseqs = (
                array(column.typecode, [column[number - 1] for number in numbers]) for column in columns
            )
        for low, high in self._recent:
            for place in range(bisect_left(uids, low), bisect_left(uids, high)):
                flags[place] |= RECENT
        return Lot(numbers, uids, flags, modseqs)

    def changed(self, slices: Sequence[tuple[int, int]], since: int) -> Iterator[tuple[int, int]]:
        """The messages among these that changed after a mod-sequence, as index ranges of one."""
        if since >= self.snapshot.modseq:
            return
        if self._ghosts:
            for group in cut(slices, LOT):
                lot = self.lot(group)
                for number, modseq in zip(lot.numbers, lot.modseqs, strict=True):
                    if modseq > since:
                        yield number - 1, number
            return
        modseqs, peak = self.snapshot.modseqs, self.snapshot.peak
        for start, stop in slices:
            for block in range(start // PEAK, -(-stop // PEAK)):
                if peak(block) > since:
                    places = range(max(start, block * PEAK), min(stop, (block + 1) * PEAK))
                    yield from ((place, place + 1) for place in places if modseqs[place] > since)

    # ------------------------------------------------------------------ news

    def answered(self, modseq: int) -> None:
        """The client has been told of the change with this mod-sequence: it asked for it."""
        self._answered.add(modseq)

    def renew(self, snapshot: Snapshot, *, expunge: bool, modseqs: bool = False) -> News:
        """Come to a newer snapshot; what the client must be told.

        `expunge` says whether EXPUNGE may be sent now; `modseqs` whether the client wants to hear of a
        mod-sequence that moved while the flags came back to what they were (RFC 7162 section 3.1).
        """
        old = self.snapshot
        if snapshot is old and not (expunge and self._ghosts):
            self._answered.clear()
            return NOTHING
        difference = compare(old, snapshot, self._answered)
        self._answered.clear()
        before = len(self.uids)
        if not self._ghosts:
            self._heard = old.modseq
        self._ghosts.update(difference.gone)
        removed = self._bury(snapshot, difference, expunge)
        self.snapshot = snapshot
        exists = len(self.uids) if len(self.uids) != before - len(removed) else None
        return News(
            expunged=tuple(number for number, _ in reversed(removed)),
            vanished=tuple(uid for _, uid in removed),
            exists=exists,
            recent=self._recent_news(exists is not None),
            names=snapshot.names if snapshot.names is not old.names else None,
            flags=tuple(self._flag_news(old, difference, modseqs)),
        )

    def _bury(self, snapshot: Snapshot, difference: Difference, expunge: bool) -> list[tuple[int, int]]:
        """Renumber; the (number, uid) of ghosts that were removed, ascending."""
        removed: list[tuple[int, int]] = []
        if expunge and self._ghosts:
            removed = [(self.number(uid), uid) for uid in sorted(self._ghosts)]
            self._ghosts.clear()
        if self._ghosts:
            self.uids = array("I", self.uids) + snapshot.uids[difference.known :]
        else:
            self.uids = snapshot.uids
        return removed

    def _recent_news(self, exists: bool) -> int | None:
        if not self._tells_recent:
            return None
        count = self.recent_count()
        if count == self._recent_told and not exists:
            return None
        self._recent_told = count
        return count

    def _flag_news(self, old: Snapshot, difference: Difference, modseqs: bool) -> list[Told]:
        """Messages whose change the client has not heard of."""
        snapshot = self.snapshot
        told: list[Told] = []
        for place in difference.changed:
            modseq = snapshot.modseqs[place]
            uid, flags = snapshot.uids[place], snapshot.flags[place]
            if not modseqs and old.flags[bisect_left(old.uids, uid)] == flags:
                continue
            number = self.number(uid) if self._ghosts else place + 1
            told.append((number, uid, self.mask(uid, flags), modseq))
        return told
