"""FETCH lines of what a snapshot knows, a lot at a time, so that the loop turns between two lots.

A lot bounds the memory of an answer and the time it keeps the loop.
"""

from collections.abc import Iterable, Iterator, Sequence

from imap.session.fetch_cache import FetchCache
from imap.session.snapshot import Snapshot
from imap.session.view import LOT, Lot, View, cut
from imap.wire.fetch import blocks
from imap.wire.fetch.fetch_items import Attribute

WORTH_KEEPING = 100
"""Messages whose UIDs are worth remembering as text."""


def column(lot: Lot, attribute: Attribute) -> Sequence[int]:
    """A lot's values of an attribute of a snapshot."""
    if attribute is Attribute.UID:
        return lot.uids
    return lot.flags if attribute is Attribute.FLAGS else lot.modseqs


def flag_lines(
    view: View,
    slices: Iterable[tuple[int, int]],
    attributes: Sequence[Attribute],
    renderings: FetchCache,
    without: Iterable[int] = (),
    *,
    uid_only: bool = False,
    snapshot: Snapshot | None = None,
) -> Iterator[bytes]:
    """FETCH lines of attributes of a snapshot, a lot at a time; messages with the UIDs `without` are left out.

    `uid_only`: UIDFETCH lines (RFC 9586). `snapshot`: one with the messages of the view's, to be told of instead of it.
    """
    told = snapshot or view.snapshot
    attributes, left_out = tuple(attributes), frozenset(without)
    for group in cut(slices, LOT):
        lot = view.lot(group, told)
        if left_out:
            lot = lot.keep(place for place, uid in enumerate(lot.uids) if uid not in left_out)
        if not lot.uids:
            continue
        question = told.mailbox_id, attributes, lot.uids[0], len(lot.uids)
        block = renderings.find(question, lot.uids)
        if block is None:
            lasting = [lot.uids for attribute in attributes if attribute not in blocks.DYNAMIC]
            block = blocks.make(attributes, lot.uids, lasting)
            if len(lot.uids) >= WORTH_KEEPING:
                renderings.offer(question, block)
        yield blocks.lines(block, lot.numbers, lot.flags, lot.modseqs, told.names, uid_only=uid_only)
