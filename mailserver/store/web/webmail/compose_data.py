"""What the form of a new message needs to know of the person."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web import signatures
from mailserver.store.web.signatures import ModelName, Signature


@dataclass(frozen=True, slots=True)
class ComposeData:
    """What the person writes with."""

    boxes: Sequence[Mailbox]
    signatures: Sequence[Signature]
    models: Sequence[ModelName]


def find(tx: Tx, account_id: int) -> ComposeData:
    """On one snapshot."""
    return ComposeData(
        mailboxes.listing(tx, account_id),
        signatures.signatures(tx, account_id),
        signatures.model_names(tx, account_id),
    )
