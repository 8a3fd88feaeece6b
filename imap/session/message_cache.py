"""Columns and octets of messages that were read or stored lately, so that showing them again asks the database nothing.

What is here of a message never changes, and a UID of a mailbox means the same message (RFC 3501 section 2.3.1.1) as
long as it is the same server's: when another one may have taken its place, `SnapshotCache` empties it. Whether the
message is still there is the snapshot's to know.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

LIMIT = 48 * 1024 * 1024
"""Octets that a worker keeps; the message that was used least recently goes first."""
LARGEST = 64 * 1024
"""No message takes more."""
TOGETHER = 128
"""Messages of one answer that are kept: a page of a list. Who reads whole mailboxes comes once."""
_MESSAGE, _VALUE = 500, 60
"""Octets that Python takes besides for each."""

Values = Mapping[str, Any]


class MessageCache:
    """Values of `store.mail.messages.reading.COLUMNS` that never change, by mailbox and UID."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[int, int], tuple[Values, int]] = OrderedDict()
        """With the octets that each takes."""
        self.octets = 0
        """What is kept now."""

    def find(self, mailbox_id: int, uids: Sequence[int], names: Sequence[str]) -> list[tuple[Any, ...]] | None:
        """These values of each of the messages; None when one of them is not known."""
        if len(uids) > TOGETHER:
            return None
        held, rows = self._held, []
        pick = itemgetter(*names) if len(names) > 1 else None
        try:
            for uid in uids:
                values = held[mailbox_id, uid][0]
                rows.append(pick(values) if pick is not None else tuple([values[name] for name in names]))
        except KeyError:
            return None
        for uid in uids:
            held.move_to_end((mailbox_id, uid))
        return rows

    def keep(self, mailbox_id: int, uids: Sequence[int], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Remember what was read of messages, beside what is known of them."""
        if len(uids) > TOGETHER:
            return
        for uid, row in zip(uids, rows, strict=True):
            known = self._held.get((mailbox_id, uid))
            found = dict(zip(names, row, strict=True))
            self.put(mailbox_id, uid, found if known is None else {**known[0], **found})

    def put(self, mailbox_id: int, uid: int, values: Values) -> None:
        """Remember these values of a message, which is committed."""
        key = mailbox_id, uid
        _, before = self._held.pop(key, (None, 0))
        self.octets -= before
        octets = sum(len(value) + _VALUE if isinstance(value, bytes | str) else _VALUE for value in values.values())
        if octets > LARGEST:
            return
        self._held[key] = values, octets + _MESSAGE
        self.octets += octets + _MESSAGE
        while self.octets > LIMIT:
            _, (_, gone) = self._held.popitem(last=False)
            self.octets -= gone
