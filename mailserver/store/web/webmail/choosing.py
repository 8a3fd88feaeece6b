"""What was chosen in a list: messages, whole conversations, or everything that the list shows."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from mailserver.store.engine.statements import Tx
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.schema.mail.messages import message
from mailserver.store.web.webmail.reading import MAX_CHOSEN
from mailserver.store.web.webmail.views import View, conversation_uids, matching

BATCH = 500
"""Messages that one unit acts on: writers of other accounts have their turn in between."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Messages by content id."""

    ids: Sequence[int] = ()
    whole: Sequence[int] = ()
    """Those of them that stand for their conversation."""
    everything: View | None = None
    """Everything that this view shows, instead."""
    before: int = 0
    """Of conversations only what has a smaller UID: nobody chose what came after the page was made; 0: all of them."""


def next_uids(tx: Tx, box: Mailbox, chosen: Chosen, after: int = 0) -> list[int]:
    """The next UIDs above `after`, ascending, at most BATCH. Not scoped: the caller has opened the mailbox."""
    if chosen.everything is not None:
        return matching(tx, box, chosen.everything, after, BATCH)
    singles = _uids(tx, box.id, chosen.ids)
    if chosen.whole:
        whole = conversation_uids(tx, box, _uids(tx, box.id, chosen.whole))
        singles += [uid for uid in whole if uid < chosen.before or not chosen.before]
    return [uid for uid in sorted(set(singles)) if uid > after][:BATCH]


def _uids(tx: Tx, mailbox_id: int, ids: Sequence[int]) -> list[int]:
    if not ids:
        return []
    rows = tx.execute(
        select(message.c.uid).where(
            message.c.mailbox_id == mailbox_id, message.c.content_id.in_(list(ids[:MAX_CHOSEN]))
        )
    )
    return [int(row[0]) for row in rows]
