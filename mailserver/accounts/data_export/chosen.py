"""Messages that somebody chose in a mailbox, one after the other, each in a short snapshot of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailserver.model.errors import Damaged, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.access import Viewer
from mailserver.store.octets.files import BlobFolder
from mailserver.store.web.webmail import Chosen, handling
from mailserver.store.web.webmail.choosing import BATCH

MAX_MESSAGES = 20_000
STAND_IN = (
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nSubject: message abime\r\n\r\n"
    "Ce message est abîmé dans le stockage du service et n'a pas pu être emporté.\r\n"
    "This message is damaged in the service's storage and could not be taken along.\r\n"
).encode()
"""In the place of a message that cannot be read."""


@dataclass(frozen=True, slots=True)
class ChosenMessage:
    """A message with what goes into a file beside it."""

    octets: bytes
    received: int
    """INTERNALDATE."""
    flags: int
    keywords: tuple[str, ...]
    """Of its mailbox."""
    subject: str


def read(store: Store, viewer: Viewer, box_id: int, chosen: Chosen) -> Iterator[ChosenMessage]:
    """At most MAX_MESSAGES; those that go meanwhile are left out. Not on the event loop. Raises Refused."""
    after = count = 0
    while count < MAX_MESSAGES:
        owner, uids = store.read_now(handling.chosen_messages, viewer, box_id, chosen, after)
        for uid in uids:
            found = store.read_now(_message, owner, box_id, uid, store.blobs)
            if found is not None:
                yield found
        count += len(uids)
        if (chosen.everything is None and len(uids) < BATCH) or not uids:
            return
        after = uids[-1]


def _message(tx: Tx, owner: int, box_id: int, uid: int, folder: BlobFolder) -> ChosenMessage | None:
    rows = messages.fetch_uids(tx, owner, box_id, ("uid", "internal_date", "flags", "subject"), [uid])
    try:
        octets = messages.octets(tx, owner, box_id, uid, folder) if rows else b""
    except Damaged:
        octets = STAND_IN
    except Refused:
        return None
    if not rows:
        return None
    _, received, mask, subject = rows[0]
    return ChosenMessage(octets, received, mask, mailboxes.keywords(tx, box_id), subject)
