"""What may come back into a mailbox once it was removed: one answer, whether it was kept aside or is in a backup."""

from collections.abc import Sequence

from sqlalchemy import select, union

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.mail.junk import infected
from mailserver.store.schema.mail.messages import message
from mailserver.store.schema.mail.withdrawal import withdrawal, withdrawn

IN_LIST = 200


def barred(tx: Tx, content_ids: Sequence[int]) -> set[int]:
    """Those of these contents that may not: the academy has taken them back, or a virus was found in them."""
    ids, found = sorted(set(content_ids)), set[int]()
    for start in range(0, len(ids), IN_LIST):
        part = ids[start : start + IN_LIST]
        taken = (
            select(withdrawn.c.content_id)
            .join_from(withdrawn, withdrawal, withdrawal.c.id == withdrawn.c.withdrawal_id)
            .where(withdrawn.c.content_id.in_(part), withdrawal.c.refused_until > tx.now)
        )
        harmful = select(infected.c.content_id).where(infected.c.content_id.in_(part))
        found.update(tx.execute(union(taken, harmful)).scalars())
    return found


def held(tx: Tx, content_ids: Sequence[int], mailbox_ids: Sequence[int]) -> set[int]:
    """Those of these contents that some of the mailboxes show."""
    ids, found = sorted(set(content_ids)), set[int]()
    for start in range(0, len(mailbox_ids), IN_LIST):
        here = message.c.mailbox_id.in_(mailbox_ids[start : start + IN_LIST])
        for first in range(0, len(ids), IN_LIST):
            these = message.c.content_id.in_(ids[first : first + IN_LIST])
            found.update(tx.execute(select(message.c.content_id).where(these, here)).scalars())
    return found
