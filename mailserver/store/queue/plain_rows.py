"""Deliveries to one mailbox each, on SQLite: six statements for all that wait, where each by itself is five.

What a statement costs here is less its work than that it lets go of the interpreter and has to wait for it again. It is
within the transaction of the group, beside which nobody writes: what was read of a mailbox stays so until the commit.
"""

from collections.abc import Sequence
from functools import cache

from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
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
    found = _boxes(tx, deliveries)
    here = [(one, box) for one, box in zip(deliveries, found, strict=True) if box is not None]
    if not here:
        return [0] * len(deliveries)
    now = tx.now
    last = tx.many_at_once(INSERT_CONTENT, [content_row(one.prepared) for one, _ in here])
    ids = range(last - len(here) + 1, last + 1)
    tx.many_at_once(
        INSERT_BLOB,
        [{"content_id": content_id, **blob_row(one.prepared)} for content_id, (one, _) in zip(ids, here, strict=True)],
    )
    tx.many_at_once(
        INSERT_MESSAGE,
        [
            {**box.next(one.prepared.size), **appearance(_placing(one, content_id), now)}
            for content_id, (one, box) in zip(ids, here, strict=True)
        ],
    )
    _count(tx, list({box.id: box for _, box in here}.values()))
    tx.many_at_once(traces.INSERT, [traces.row_of(one.trace, now) for one, _ in here])
    for one, box in here:
        tx.changed(one.account_id, box.id)
    given = iter(ids)
    return [0 if box is None else next(given) for box in found]


def _placing(one: PlainDelivery, content_id: int) -> Placing:
    return Placing(content_id, one.prepared.size, provenance=one.provenance)


class _Box:
    """A mailbox as it was read, and what is added to it."""

    __slots__ = ("account_id", "id", "modseq", "more", "octets", "uidnext")

    def __init__(self, row: Sequence[str]) -> None:
        self.id, self.account_id, self.uidnext, self.modseq = map(int, row)
        self.more = self.octets = 0

    def next(self, size: int) -> dict[str, int]:
        """What the next message in it is told of its place."""
        place = {"mailbox_id": self.id, "uid": self.uidnext + self.more, "modseq": self.modseq + self.more + 1}
        self.more += 1
        self.octets += size
        return place


def _boxes(tx: Tx, deliveries: Sequence[PlainDelivery]) -> list[_Box | None]:
    """The mailbox of each, one object for all that go to it; None: it is gone, or not the account's."""
    ids = list(dict.fromkeys(one.mailbox_id for one in deliveries if not one.mailbox_name))
    names = list(dict.fromkeys(_name(one) for one in deliveries if one.mailbox_name))
    boxes: dict[int, _Box] = {}
    for row in _rows(tx, _by_id(len(ids)), ids) if ids else ():
        boxes[int(row[0])] = _Box(row)
    named: dict[tuple[int, str], int] = {}
    for nth, *row in _rows(tx, _by_name(len(names)), [value for name in names for value in name]) if names else ():
        named[names[int(nth)]] = int(row[0])
        boxes.setdefault(int(row[0]), _Box(row))
    found: list[_Box | None] = []
    for one in deliveries:
        box = boxes.get(named.get(_name(one), 0) if one.mailbox_name else one.mailbox_id)
        found.append(box if box is not None and box.account_id == one.account_id else None)
    return found


def _name(one: PlainDelivery) -> tuple[int, str]:
    return one.account_id, mailboxes.canonical(one.mailbox_name)


def _rows(tx: Tx, query: str, values: Sequence[object]) -> list[list[str]]:
    """Numbers of several rows, in one: reading a row lets go of the interpreter, too."""
    (told,) = tx.given(query, values)[0]
    return [row.split() for row in told.split(",")] if told else []


def _count(tx: Tx, boxes: Sequence[_Box]) -> None:
    """Each has so many messages more, unread."""
    tx.given(_count_text(len(boxes)), [value for box in boxes for value in (box.id, box.more, box.octets)])


_NUMBERS = "id || ' ' || account_id || ' ' || uidnext || ' ' || modseq"


@cache
def _by_id(count: int) -> str:
    asked = ", ".join("?" * count)
    return f"SELECT group_concat({_NUMBERS}) FROM mailbox WHERE id IN ({asked})"  # noqa: S608 - of marks for values


@cache
def _by_name(count: int) -> str:
    """Which of those that were asked for each is stands first."""
    asked = ", ".join(f"({nth}, ?, ?)" for nth in range(count))
    return (
        f"SELECT group_concat(asked.column1 || ' ' || {_NUMBERS}) FROM (VALUES {asked}) AS asked"  # noqa: S608
        " CROSS JOIN mailbox ON account_id = asked.column2 AND name = asked.column3"
    )


@cache
def _count_text(count: int) -> str:
    counted = ", ".join(f"{name} = {name} + given.column2" for name in ("uidnext", "modseq", "messages", "unseen"))
    given = ", ".join(["(?, ?, ?)"] * count)
    return (
        f"UPDATE mailbox SET {counted}, octets = octets + given.column3"  # noqa: S608 - of our own names
        f" FROM (VALUES {given}) AS given WHERE mailbox.id = given.column1"
    )
