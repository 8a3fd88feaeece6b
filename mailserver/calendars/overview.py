"""What a page of the agenda stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.store import agenda_grants, agenda_reach, mailboxes
from mailserver.store.agenda_grants import Reach
from mailserver.store.mailboxes import Mailbox
from mailserver.store.statements import Tx


@dataclass(frozen=True, slots=True)
class Overview:
    """Folders of mail, and the agendas somebody reaches."""

    boxes: Sequence[Mailbox]
    reaches: Sequence[Reach]
    shared: Mapping[int, int]
    """With how many each of their own is shared."""


def find(tx: Tx, account_id: int) -> Overview:
    """On one snapshot."""
    boxes = mailboxes.listing(tx, account_id)
    return Overview(boxes, agenda_reach.listing(tx, account_id), agenda_grants.counts(tx, account_id))
