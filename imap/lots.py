"""FETCH lines of what a snapshot knows, a lot at a time, so that the loop turns between two lots.

A lot bounds the memory of an answer and the time it keeps the loop (DESIGN.md section 4, invariant 8).
"""

from collections.abc import Iterable, Iterator, Sequence

from imap.view import LOT, Lot, View, cut
from imap.wire import fetchlines
from imap.wire.fetch import Attribute

KNOWN = frozenset({Attribute.UID, Attribute.FLAGS, Attribute.MODSEQ})
"""What a snapshot answers without the store."""


def column(lot: Lot, attribute: Attribute) -> Sequence[int]:
    """A lot's values of an attribute of KNOWN."""
    if attribute is Attribute.UID:
        return lot.uids
    return lot.flags if attribute is Attribute.FLAGS else lot.modseqs


def flag_lines(
    view: View,
    slices: Iterable[tuple[int, int]],
    attributes: Sequence[Attribute],
    without: Iterable[int] = (),
    *,
    uid_only: bool = False,
) -> Iterator[bytes]:
    """FETCH lines of attributes of KNOWN, a lot at a time; messages with the UIDs `without` are left out.

    `uid_only`: UIDFETCH lines (RFC 9586).
    """
    left_out = frozenset(without)
    for group in cut(slices, LOT):
        lot = view.lot(group)
        columns = [column(lot, attribute) for attribute in attributes]
        rows = list(zip(lot.uids if uid_only else lot.numbers, *columns, strict=True))
        if left_out:
            rows = [row for row, uid in zip(rows, lot.uids, strict=True) if uid not in left_out]
        yield fetchlines.lines(attributes, rows, view.snapshot.names, uid_only=uid_only)
