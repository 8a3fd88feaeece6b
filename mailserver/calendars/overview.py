"""What a page of the agenda stands on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver.store.agenda import agenda_grants, agenda_reach
from mailserver.store.agenda.agenda_grants import Reach
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox


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
