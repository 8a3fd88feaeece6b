"""What left a mailbox while a client was away: VANISHED (EARLIER) (RFC 7162 sections 3.2.5, 3.2.6).

Messages the client still counts are never told here: it hears of them by VANISHED, when that may be said.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Iterator, Sequence

from imap.session.session import Session
from imap.wire import responses
from imap.wire.commands import Resync
from imap.wire.sets import SequenceSet, ranges_of
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import tombstones

FEW = 200
"""Removals that are told without waking a thread: one device catches up with another."""
BLOCK = 512
"""Messages without a gap between them are passed over so many at once."""

Ranges = Sequence[tuple[int, int]]


async def vanished(session: Session, wanted: Ranges, since: int) -> AsyncGenerator[bytes, None]:
    """What of these UIDs (ascending ranges) left since a mod-sequence. Raises Refused(NO_SUCH_MAILBOX)."""
    selected = session.mailbox
    view = selected.view
    last = view.snapshot.uidnext - 1
    ranges = [(low, min(high, last)) for low, high in wanted if low <= last]
    if not ranges or since >= view.snapshot.modseq:
        return
    store, asked = session.services.store, (selected.owner, selected.shared.mailbox_id, since, ranges, view.uids)
    gone = await store.read_inline(_gone, *asked, FEW)
    if gone is None:
        gone = await store.read(_gone, *asked)
    for line in responses.vanished_earlier(gone or ()):
        yield line
        await asyncio.sleep(0)


def _gone(
    tx: Tx, account_id: int, mailbox_id: int, since: int, wanted: Ranges, here: Sequence[int], most: int = 0
) -> Ranges | None:
    """The removed UIDs among `wanted`: those removed since, or where that is forgotten all that are not `here`.

    `most`: None when it takes more than so many tombstones to find out.
    """
    limit = most + 1 if most else tombstones.ALL
    left = tombstones.since(tx, account_id, mailbox_id, since, wanted[0][0], wanted[-1][1], limit)
    if most and (left is None or len(left) > most):
        return None
    if left is None:
        return list(absent(here, wanted))
    known = (uid for start, stop in SequenceSet(tuple(wanted)).slices(left) for uid in left[start:stop])
    return list(ranges_of(uid for uid in known if not _has(here, uid)))


def _has(uids: Sequence[int], uid: int) -> bool:
    place = bisect_left(uids, uid)
    return place < len(uids) and uids[place] == uid


def absent(uids: Sequence[int], wanted: Ranges) -> Iterator[tuple[int, int]]:
    """What of the ascending ranges `wanted` is not among the ascending `uids`, as ranges."""
    for low, high in wanted:
        place = bisect_left(uids, low)
        while low <= high:
            if place >= len(uids) or uids[place] > low:
                end = min(high, uids[place] - 1) if place < len(uids) else high
                yield low, end
                low = end + 1
                continue
            dense = place + BLOCK <= len(uids) and uids[place + BLOCK - 1] == low + BLOCK - 1
            step = BLOCK if dense else 1
            place += step
            low += step


def known_up_to(resync: Resync, uids: Sequence[int]) -> int:
    """The UID up to which the client's sample shows that it knows every removal (RFC 7162 section 3.2.5.2); 0: none."""
    if resync.matched_numbers is None or resync.matched_uids is None:
        return 0
    best = 0
    for number, uid, length in _pairs(resync.matched_numbers, resync.matched_uids):
        found = _last_match(uids, number, uid, min(length, len(uids) - number + 1))
        best = max(best, found)
    return best


def _pairs(numbers: SequenceSet, uids: SequenceSet) -> Iterator[tuple[int, int, int]]:
    """The two sets side by side, as runs: first number, first UID, length."""
    left, right = iter(numbers.ranges), iter(uids.ranges)
    number = uid = 1
    last_number = last_uid = 0
    while True:
        if number > last_number:
            number, last_number = next(left, (0, -1))
        if uid > last_uid:
            uid, last_uid = next(right, (0, -1))
        length = min(last_number - number, last_uid - uid) + 1
        if length <= 0:
            return
        yield number, uid, length
        number += length
        uid += length


def _last_match(uids: Sequence[int], number: int, uid: int, length: int) -> int:
    """The highest UID of a run that stands at its number; 0: none does."""
    # UIDs ascend, so the distance from what the client believes never shrinks.
    place = bisect_right(range(length), 0, key=lambda step: uids[number - 1 + step] - (uid + step)) - 1
    if place < 0 or uids[number - 1 + place] != uid + place:
        return 0
    return uid + place
