"""How much is kept of what one account removed: each content once, and of what it put there itself as much as it may
hold at once. Else a program that appends and expunges in a loop fills the disk, and no quota sees it.

What came through a door is not counted: each door has bounds of its own. Of too much, what was stored last goes first:
whoever got into an account cannot push out what its owner had removed, nor versions of a draft what is older.
"""

from sqlalchemy import BigInteger, bindparam, case, func, select, union_all

from mailserver.model.messages.provenance import Door
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.mail.messages.quotas import Quota, quota
from mailserver.store.schema.mail.deletions import deleted_mailbox, deleted_message, deletion
from mailserver.store.schema.mail.messages import mailbox

ROWS = 20_000
"""Kept messages of one account among which nobody looks for doubles."""
LOOKED = 500_000
"""Rows that one look reads, the newest first."""
LEAST = 4096
"""Octets that the smallest message takes, with its rows."""

_ACCOUNT = bindparam("account", type_=BigInteger)
_OWNER = Statement(
    union_all(
        select(mailbox.c.account_id).where(mailbox.c.id == bindparam("mailbox")),
        select(deleted_mailbox.c.account_id).where(deleted_mailbox.c.mailbox_id == bindparam("mailbox")),
    )
)
_of_account = deletion.c.mailbox_id.in_(
    union_all(
        select(mailbox.c.id).where(mailbox.c.account_id == _ACCOUNT),
        select(deleted_mailbox.c.mailbox_id).where(deleted_mailbox.c.account_id == _ACCOUNT),
    )
)
_is_one = deleted_message.c.id.between(deletion.c.low, deletion.c.high) & (
    deleted_message.c.deletion_id == deletion.c.id
)
_takes = case((deleted_message.c.size < LEAST, LEAST), else_=deleted_message.c.size)
_is_own = deleted_message.c.door == int(Door.APPENDED)
_SUM = Statement(
    select(func.count(), func.coalesce(func.sum(case((_is_own, _takes), else_=0)), 0))
    .select_from(deletion.join(deleted_message, _is_one))
    .where(_of_account)
)
_ALL = Statement(
    select(deleted_message.c.id, deleted_message.c.content_id, _takes, case((_is_own, 1), else_=0))
    .select_from(deletion.join(deleted_message, _is_one))
    .where(_of_account)
    .order_by(deleted_message.c.id.desc())
    .limit(LOOKED)
)


def excess(tx: Tx, mailbox_id: int, default: Quota) -> list[tuple[int, int]]:
    """Kept messages (number, content) that are too many for the owner of a mailbox. It may take a while."""
    owner = tx.one(_OWNER, mailbox=mailbox_id)
    if owner is None:
        return []
    account_id = int(owner[0])
    most = quota(tx, account_id, default).octets
    row = tx.one(_SUM, account=account_id)
    count, own = row if row is not None else (0, 0)
    if count <= ROWS and (not most or own <= most):
        return []
    newest: dict[int, tuple[int, int, int]] = {}
    gone: list[tuple[int, int]] = []
    for number, content_id, takes, is_own in tx.all(_ALL, account=account_id):
        if content_id in newest:
            gone.append((number, content_id))
        else:
            newest[content_id] = (number, takes, is_own)
    room = most
    for content_id in sorted(newest):
        number, takes, is_own = newest[content_id]
        if not is_own or not most:
            continue
        room -= takes
        if room < 0:
            gone.append((number, content_id))
    return gone
