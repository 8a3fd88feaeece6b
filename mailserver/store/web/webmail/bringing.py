"""Messages that a person brings along: those that a mailbox has already are left out, and those that IT took back."""

from collections.abc import Iterable, Sequence

from sqlalchemy import select

from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import lessons, mailboxes, messages, withheld
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.messages import Quota
from mailserver.store.schema.mail.messages import content, message

New = tuple[Prepared, Iterable[str], int]
"""A message, its flags, and when it came (0: as its Date field says)."""


def append_new(tx: Tx, account_id: int, mailbox_id: int, brought: Sequence[New], quota: Quota) -> tuple[int, list[str]]:
    """Append what is not there yet; how many that were, and the files that are not needed after the commit.

    Raises Refused(NO_SUCH_MAILBOX | OVER_QUOTA | LIMIT).
    """
    use = mailboxes.by_id(tx, account_id, mailbox_id).special_use
    new: dict[bytes, New] = {}
    spare: list[str] = []
    for one in brought:
        prepared = one[0]
        if prepared.hash in new or _is_there(tx, mailbox_id, prepared.hash) or _is_withheld(tx, prepared.hash):
            spare += _file(prepared)
        else:
            new[prepared.hash] = one
    messages.check_quota(tx, account_id, quota, sum(one[0].size for one in new.values()), len(new))
    provenance = Provenance(Door.APPENDED, account_id)
    # Contents before the mailbox: the order in which rows are locked (`store.mail.messages`).
    stored = [(messages.store_content(tx, one[0]), one) for one in new.values()]
    mailboxes.lock(tx, account_id, mailbox_id)
    count = 0
    for (content_id, fresh), (prepared, flags, received) in stored:
        spare += [] if fresh else _file(prepared)
        if not fresh and _is_there(tx, mailbox_id, prepared.hash):
            continue  # by now: somebody brings the same twice at once
        count += 1
        flags = tuple(flags)
        mask = messages.ensure_flags(tx, mailbox_id, flags)
        came = received or prepared.scan.sent_at or None
        placed = messages.place(tx, account_id, mailbox_id, content_id, prepared.size, mask, came, provenance)
        lessons.note_appended(tx, account_id, mailbox_id, use, [placed.uid], [flags])
    return count, spare


def _file(prepared: Prepared) -> list[str]:
    return [] if prepared.file is None else [prepared.file]


def _is_there(tx: Tx, mailbox_id: int, digest: bytes) -> bool:
    here = select(message.c.uid).join(content, content.c.id == message.c.content_id)
    return tx.execute(here.where(message.c.mailbox_id == mailbox_id, content.c.hash == digest)).first() is not None


def _is_withheld(tx: Tx, digest: bytes) -> bool:
    row = tx.execute(select(content.c.id).where(content.c.hash == digest)).first()
    return row is not None and withheld.is_withheld(tx, row[0])
