"""How many messages of somebody have each of some keywords."""

from collections import Counter
from collections.abc import Collection

from sqlalchemy import func, select

from mailserver.store.engine.statements import Tx
from mailserver.store.mail.flags import FIRST_KEYWORD_BIT
from mailserver.store.schema.mail.messages import keyword, mailbox, message


def tag_counts(tx: Tx, account_id: int, wanted: Collection[str]) -> Counter[str]:
    """By keyword, in lower case. Only mailboxes that know one of them are counted, each once."""
    found: Counter[str] = Counter()
    for box, bits in _bits(tx, account_id, {name.casefold() for name in wanted}).items():
        masks = (
            select(message.c.flags, func.count().label("messages"))
            .where(message.c.mailbox_id == box)
            .group_by(message.c.flags)
        )
        for row in tx.execute(masks):
            found.update({name: row.messages for bit, name in bits.items() if row.flags >> bit & 1})
    return found


def _bits(tx: Tx, account_id: int, wanted: Collection[str]) -> dict[int, dict[int, str]]:
    """By mailbox: the bit of each keyword."""
    known = (
        select(keyword.c.mailbox_id, keyword.c.bit, keyword.c.name)
        .select_from(keyword.join(mailbox, mailbox.c.id == keyword.c.mailbox_id))
        .where(mailbox.c.account_id == account_id)
    )
    found: dict[int, dict[int, str]] = {}
    for row in tx.execute(known):
        name = row.name.casefold()
        if name in wanted:
            found.setdefault(row.mailbox_id, {})[FIRST_KEYWORD_BIT + row.bit] = name
    return found
