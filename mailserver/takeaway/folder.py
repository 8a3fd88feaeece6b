"""One folder as an mbox file in an archive, message by message."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mailserver.errors import Refused
from mailserver.store import mailboxes, messages
from mailserver.store.mailboxes import SEPARATOR, Mailbox
from mailserver.store.transactions import Store, Tx
from mailserver.takeaway import mbox
from mailserver.takeaway.zipping import Zip, path

BATCH = 200
"""Messages whose rows are read at once."""


def stream(store: Store, account_id: int, box: Mailbox) -> Iterator[bytes]:
    """The octets of a zip file with a folder and those below it. Blocking: for a thread. Raises Temporary."""
    made = Zip(time.gmtime(store.clock.now())[:6])
    below = box.name + SEPARATOR
    for one in store.read_now(mailboxes.listing, account_id):
        if one.id == box.id or one.name.startswith(below):
            yield from write(store, made, account_id, one, path(one.name))
    yield made.close()


def write(
    store: Store,
    made: Zip,
    account_id: int,
    box: Mailbox,
    name: str,
    told: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """Put a folder into an archive as `name`.mbox; what of it is ready. `told`: of each message's octets."""
    keywords = store.read_now(mailboxes.keywords, box.id)
    with made.open(name, ".mbox") as file:
        after = 0
        while rows := store.read_now(_page, account_id, box.id, after):
            after = rows[-1][0]
            for uid, mask, received in rows:
                octets = store.read_now(_octets, account_id, box.id, uid, store.blobs)
                if octets is None:
                    continue
                file.write(mbox.entry(octets, received, mask, keywords))
                told(len(octets))
                if made.is_due:
                    yield made.take()
    yield made.take()


def _page(tx: Tx, account_id: int, mailbox_id: int, after: int) -> list[tuple[int, int, int]]:
    """(uid, flags, internal date) of the next messages."""
    columns = ("uid", "flags", "internal_date")
    rows = messages.fetch(tx, account_id, mailbox_id, columns, after + 1, limit=BATCH)
    return [(int(row[0]), int(row[1]), int(row[2])) for row in rows]


def _octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: Path) -> bytes | None:
    """A message, None when it is gone meanwhile."""
    try:
        return messages.octets(tx, account_id, mailbox_id, uid, folder)
    except Refused:
        return None
