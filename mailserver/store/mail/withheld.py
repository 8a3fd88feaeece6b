"""Contents that IT has taken back: whoever kept a copy on a disk does not put the very same octets back meanwhile."""

from collections.abc import Iterable

from sqlalchemy import bindparam, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.withdrawal import withdrawal, withdrawn

_WITHHELD = Statement(
    select(withdrawn.c.id)
    .join_from(withdrawn, withdrawal, withdrawal.c.id == withdrawn.c.withdrawal_id)
    .where(withdrawn.c.content_id == bindparam("content"), withdrawal.c.refused_until > bindparam("moment"))
    .limit(1)
)


def is_withheld(tx: Tx, content_id: int) -> bool:
    """Whether further copies of a stored content are refused."""
    return tx.one(_WITHHELD, content=content_id, moment=tx.now) is not None


def check(tx: Tx, stored: Iterable[tuple[int, bool]]) -> None:
    """Contents and whether they are new, which somebody puts into a mailbox. Raises Refused(CANNOT)."""
    if any(not new and is_withheld(tx, content_id) for content_id, new in stored):
        raise Refused(Reason.CANNOT, "This message has been taken back by the academy: it is not accepted any more")
