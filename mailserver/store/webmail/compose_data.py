"""What the form of a new message needs to know of the person."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store import mailboxes, phrases
from mailserver.store.mailboxes import Mailbox
from mailserver.store.phrases import Model, Signature
from mailserver.store.statements import Tx


@dataclass(frozen=True, slots=True)
class ComposeData:
    """What the person writes with."""

    boxes: Sequence[Mailbox]
    signatures: Sequence[Signature]
    models: Sequence[Model]


def find(tx: Tx, account_id: int) -> ComposeData:
    """On one snapshot."""
    return ComposeData(
        mailboxes.listing(tx, account_id),
        phrases.signatures(tx, account_id),
        phrases.models(tx, account_id),
    )
