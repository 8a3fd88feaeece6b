"""Flags of a range of messages each, in many mailboxes: on PostgreSQL one statement, one transaction and one sync of
the disk for all of them, where each by itself is three journeys.

Nothing is read first: whoever asks says at which mod-sequence they knew the mailbox. One that has moved since, or that
somebody else works on, is left out. So nothing in it waits for anybody.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, case, column, func, select, update
from sqlalchemy.dialects import postgresql

from mailserver.store.engine import news
from mailserver.store.engine.arrays import Numbers
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.mail.messages import mailbox, message


class RangeOfFlags(NamedTuple):
    """What becomes of the messages of a mailbox from one UID to another."""

    box: int
    account: int
    since: int
    """The mailbox's mod-sequence when the messages were looked at."""
    low: int
    high: int
    """Below `low`: no message has to be changed, if they are still as they were."""
    keep: int
    """A mask: other flags are taken away."""
    put: int
    """A mask: these are added."""
    unread: int
    """How many more are unread, and flagged, afterwards."""
    starred: int

    @property
    def changes(self) -> bool:
        return self.low <= self.high


def _statement() -> Statement:
    """It answers the places of those that were done."""
    names = RangeOfFlags._fields
    arrays = [bindparam(name, type_=postgresql.ARRAY(BigInteger())) for name in names]
    table = func.unnest(*arrays).table_valued(
        *[column(name, BigInteger) for name in names], with_ordinality="nth", name="given"
    )
    given = table.render_derived()
    free = (
        select(mailbox.c.id, mailbox.c.account_id, mailbox.c.modseq)
        .where(mailbox.c.id == func.any(bindparam("box", type_=postgresql.ARRAY(BigInteger()))))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("free")
    )
    unmoved = (free.c.id == given.c.box) & (free.c.account_id == given.c.account) & (free.c.modseq == given.c.since)
    here = select(*given.c).join_from(given, free, unmoved).cte("here")
    counted = (
        update(mailbox)
        .where(mailbox.c.id == here.c.box, here.c.low <= here.c.high)
        .values(
            modseq=here.c.since + 1,
            flags_modseq=here.c.since + 1,
            unseen=mailbox.c.unseen + here.c.unread,
            flagged=mailbox.c.flagged + here.c.starred,
        )
        .returning(here.c.box, here.c.since, here.c.low, here.c.high, here.c.keep, here.c.put)
        .cte("counted")
    )
    flagged = (
        update(message)
        .where(message.c.mailbox_id == counted.c.box, message.c.uid.between(counted.c.low, counted.c.high))
        .values(flags=message.c.flags.op("&")(counted.c.keep).op("|")(counted.c.put), modseq=counted.c.since + 1)
    )
    told = bindparam("news", type_=Text)
    telling = select(case((told != "", func.pg_notify(news.CHANNEL, told)))).scalar_subquery()
    return Statement(select(here.c.nth, telling).add_cte(flagged.cte("flagged")))


_SET = _statement()


def set_flags(tx: Tx, wanted: Sequence[RangeOfFlags], told: str = "") -> list[bool]:
    """Change what is `wanted`, each of another mailbox; whether each was done. `told`: what a NOTIFY says of it, where
    this is no part of a transaction that does. On PostgreSQL alone."""
    values = {name: Numbers(some) for name, some in zip(RangeOfFlags._fields, zip(*wanted, strict=True), strict=True)}
    done = [False] * len(wanted)
    for row in tx.all(_SET, **values, news=told):
        done[row[0] - 1] = True
    return done
