"""One folder as an mbox file in an archive, message by message."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo

import structlog

from mailserver.accounts.data_export import mbox
from mailserver.accounts.data_export.zipping import Zip, path
from mailserver.model.errors import Damaged, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import mailboxes, messages
from mailserver.store.mail.mailboxes import SEPARATOR, Mailbox
from mailserver.store.octets.files import BlobFolder
from mailserver.texts.text import Text, both

log = structlog.get_logger("data_export")

BATCH = 200
"""Messages whose rows are read at once."""


LOST_NAME = "MESSAGES-ABIMES.txt"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the rows still tell of a message whose octets cannot be read."""

    received: int
    sender: str
    subject: str


LOST = Text(
    "Ces messages sont abîmés dans le stockage du service et n'ont pas pu être emportés. "
    "Demandez à l'assistance s'il y a\n"
    "une sauvegarde.\n\n"
)


@dataclass(slots=True)
class Losses:
    """The messages that an archive had to leave out."""

    lines: list[str] = field(default_factory=list)

    def note(self, box: str, uid: int, summary: Summary) -> None:
        """One more."""
        day = time.strftime("%Y-%m-%d", time.gmtime(summary.received))
        shown = " ".join(summary.subject.split())[:200]
        self.lines.append(f"{box} | {uid} | {day} | {summary.sender} | {shown}\n")

    def put(self, made: Zip) -> None:
        """The list, as a file of the archive, if there is anything in it."""
        if self.lines:
            made.add(LOST_NAME, (both(LOST, "") + "".join(self.lines)).encode("utf-8", "replace"))


def stream(store: Store, account_id: int, box: Mailbox, zone: tzinfo) -> Iterator[bytes]:
    """The octets of a zip file with a folder and those below it. Blocking: for a thread. Raises Temporary."""
    made = Zip(store.clock.now(), zone)
    losses = Losses()
    below = box.name + SEPARATOR
    for one in store.read_now(mailboxes.listing, account_id):
        if one.id == box.id or one.name.startswith(below):
            yield from write(store, made, account_id, one, path(one.name), losses)
    losses.put(made)
    yield made.close()


def write(
    store: Store,
    made: Zip,
    account_id: int,
    box: Mailbox,
    name: str,
    losses: Losses,
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
                if isinstance(octets, Summary):
                    log.error("message is damaged: an export leaves it out", mailbox=box.id, uid=uid)
                    losses.note(box.name, uid, octets)
                    continue
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


def _octets(tx: Tx, account_id: int, mailbox_id: int, uid: int, folder: BlobFolder) -> bytes | Summary | None:
    """A message; what is known of it when it is damaged, None when it is gone meanwhile."""
    try:
        return messages.octets(tx, account_id, mailbox_id, uid, folder)
    except Damaged:
        columns = ("uid", "internal_date", "sender", "subject")
        rows = messages.fetch_uids(tx, account_id, mailbox_id, columns, [uid])
        return Summary(int(rows[0][1]), str(rows[0][2]), str(rows[0][3])) if rows else None
    except Refused:
        return None
