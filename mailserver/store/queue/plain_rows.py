"""Deliveries to one mailbox each, on SQLite: six statements for all that wait, where each by itself is five.

What a statement costs here is less its work than that it lets go of the interpreter and has to wait for it again. It is
within the transaction of the group, beside which nobody writes: what was read of a mailbox stays so until the commit.
"""

from collections.abc import Sequence
from functools import cache

from mailserver.store.engine.statements import Tx
from mailserver.store.mail.messages.append import (
    INSERT_BLOB,
    INSERT_CONTENT,
    INSERT_MESSAGE,
    Placing,
    appearance,
    blob_row,
    content_row,
)
from mailserver.store.queue import traces
from mailserver.store.queue.plain_delivery import PlainDelivery

MOST = 32
"""Deliveries of one statement: its text is kept ready for each number of them."""


def deliver(tx: Tx, deliveries: Sequence[PlainDelivery]) -> list[int]:
    """Store them, each for itself; their contents, 0 for those whose mailbox is gone or somebody else's.

    Raises NotAll: one content is there already, and nothing may be kept.
    """
    contents: list[int] = []
    for start in range(0, len(deliveries), MOST):
        contents += _deliver(tx, deliveries[start : start + MOST])
    return contents


def _deliver(tx: Tx, deliveries: Sequence[PlainDelivery]) -> list[int]:
    boxes = _boxes(tx, list(dict.fromkeys(one.mailbox_id for one in deliveries)))
    here = [one for one in deliveries if one.mailbox_id in boxes and boxes[one.mailbox_id].account_id == one.account_id]
    if not here:
        return [0] * len(deliveries)
    now = tx.now
    last = tx.many_at_once(INSERT_CONTENT, [content_row(one.prepared) for one in here])
    ids = range(last - len(here) + 1, last + 1)
    tx.many_at_once(
        INSERT_BLOB,
        [{"content_id": content_id, **blob_row(one.prepared)} for content_id, one in zip(ids, here, strict=True)],
    )
    rows = [
        {**boxes[one.mailbox_id].next(one.prepared.size), **appearance(_placing(one, content_id), now)}
        for content_id, one in zip(ids, here, strict=True)
    ]
    tx.many_at_once(INSERT_MESSAGE, rows)
    _count(tx, [box for box in boxes.values() if box.more])
    tx.many_at_once(traces.INSERT, [traces.row_of(one.trace, now) for one in here])
    for one in here:
        tx.changed(one.account_id, one.mailbox_id)
    found = {id(one): content_id for content_id, one in zip(ids, here, strict=True)}
    return [found.get(id(one), 0) for one in deliveries]


def _placing(one: PlainDelivery, content_id: int) -> Placing:
    return Placing(content_id, one.prepared.size, provenance=one.provenance)


class _Box:
    """A mailbox as it was read, and what is added to it."""

    __slots__ = ("account_id", "id", "modseq", "more", "octets", "uidnext")

    def __init__(self, row: str) -> None:
        self.id, self.account_id, self.uidnext, self.modseq = map(int, row.split())
        self.more = self.octets = 0

    def next(self, size: int) -> dict[str, int]:
        """What the next message in it is told of its place."""
        place = {"mailbox_id": self.id, "uid": self.uidnext + self.more, "modseq": self.modseq + self.more + 1}
        self.more += 1
        self.octets += size
        return place


def _boxes(tx: Tx, ids: Sequence[int]) -> dict[int, _Box]:
    """Mailboxes by their ids, in one row."""
    (told,) = tx.given(_read_text(len(ids)), ids)[0]
    boxes = [_Box(row) for row in told.split(",")] if told else []
    return {box.id: box for box in boxes}


def _count(tx: Tx, boxes: Sequence[_Box]) -> None:
    """Each has so many messages more, unread."""
    tx.given(_count_text(len(boxes)), [value for box in boxes for value in (box.id, box.more, box.octets)])


@cache
def _read_text(count: int) -> str:
    asked = ", ".join("?" * count)
    row = "id || ' ' || account_id || ' ' || uidnext || ' ' || modseq"
    return f"SELECT group_concat({row}) FROM mailbox WHERE id IN ({asked})"  # noqa: S608 - of marks for values


@cache
def _count_text(count: int) -> str:
    counted = ", ".join(f"{name} = {name} + given.column2" for name in ("uidnext", "modseq", "messages", "unseen"))
    given = ", ".join(["(?, ?, ?)"] * count)
    return (
        f"UPDATE mailbox SET {counted}, octets = octets + given.column3"  # noqa: S608 - of our own names
        f" FROM (VALUES {given}) AS given WHERE mailbox.id = given.column1"
    )
