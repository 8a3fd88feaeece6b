"""What the form of a new message needs to know of the person."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.identity import Role
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web import academy_models, signatures
from mailserver.store.web.academy_models import AcademyModelName
from mailserver.store.web.signatures import ModelName, Signature


@dataclass(frozen=True, slots=True)
class ComposeData:
    """What the person writes with."""

    boxes: Sequence[Mailbox]
    signatures: Sequence[Signature]
    models: Sequence[ModelName]
    academy: Sequence[AcademyModelName]
    """Models of the academy for the person's role."""


def find(tx: Tx, account_id: int, role: Role) -> ComposeData:
    """On one snapshot."""
    return ComposeData(
        mailboxes.listing(tx, account_id),
        signatures.signatures(tx, account_id),
        signatures.model_names(tx, account_id),
        academy_models.names(tx, role),
    )
