"""ENVELOPE, BODY and BODYSTRUCTURE for clients that take UTF-8 (RFC 9755 section 3, RFC 9051 section 7.5.2).

What is stored is 7-bit, for every client. Few messages have 8-bit octets in a header, and only those are read again:
the stored form of such a message always shows one of the marks, which says little of the others.
"""

from collections.abc import Sequence

from mailserver.mime.body.scanning import international
from mailserver.model.errors import Damaged, Reason, Refused
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.octets.files import BlobFolder

_COLUMNS = ("envelope", "body", "bodystructure")
"""In the order of `scanning.international`."""
_MARKS = (b"=?utf-8?", b"xn--", b'"message" "global"')

Places = tuple[tuple[int, int], ...]
"""(place in a row, place among `_COLUMNS`)."""
Shown = tuple[bytes, bytes, bytes]


def places(names: Sequence[str]) -> Places:
    """Which of these columns are written for 7-bit clients."""
    return tuple((place, _COLUMNS.index(name)) for place, name in enumerate(names) if name in _COLUMNS)


def suspects(uids: Sequence[int], rows: Sequence[Row], where: Places) -> list[int]:
    """The UIDs of messages that may have UTF-8 in a header; `rows` run beside `uids`."""
    return [
        uid
        for uid, row in zip(uids, rows, strict=True)
        if any(mark in row[place] for place, _ in where for mark in _MARKS)
    ]


def read(
    tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int], where: Places, folder: BlobFolder
) -> dict[int, Shown]:
    """Of these messages those that have UTF-8 in a header. For ENVELOPE alone no body is read."""
    header_is_enough = all(index == 0 for _, index in where)
    found: dict[int, Shown] = {}
    for uid in uids:
        try:
            octets = _octets(tx, account_id, mailbox_id, uid, folder, header=header_is_enough)
        except Damaged:
            continue  # what was rendered at delivery is there
        if not octets.isascii() or b"message/global" in octets.lower():
            found[uid] = international(octets)
    return found


def _octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: BlobFolder, *, header: bool) -> bytes:
    """The header alone, or the message; empty when it is gone meanwhile."""
    if header:
        rows = messages.fetch_uids(tx, account_id, mailbox_id, ("uid", "header"), [uid])
        return blobs.expand(rows[0][1]) if rows else b""
    try:
        return messages.octets(tx, account_id, mailbox_id, uid, folder)
    except Refused as refusal:
        if refusal.reason is Reason.NOT_FOUND:
            return b""
        raise


def put(row: Row, shown: Shown, where: Places) -> Row:
    """A row with these columns replaced."""
    values = list(row)
    for place, index in where:
        values[place] = shown[index]
    return tuple(values)
