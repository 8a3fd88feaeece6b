"""Letters of which their recipients are told at once, whatever their quiet hours are: which, by whom, how many.

The row is written by the unit that delivers the letter; nothing in the octets of a letter makes it urgent to whoever
gets it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, distinct, func, select

from mailserver.model.clock import DAY, HOUR
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.outgoing.sending import urgent_letter
from mailserver.texts.causes import Cause

FRESH = 12 * HOUR
"""How long such a letter is told of in spite of quiet hours: whoever gets a copy of an old one is not woken."""
KEPT = 90 * DAY
"""How long its readers are told why they were told."""
SWEPT = 500

_MINE = urgent_letter.c
_COUNT = Statement(
    select(func.count(distinct(_MINE.name))).where(
        _MINE.account_id == bindparam("account"), _MINE.at > bindparam("since"), _MINE.name != bindparam("name")
    )
)
_KNOWN = Statement(
    select(_MINE.content_id).where(_MINE.account_id == bindparam("account"), _MINE.name == bindparam("name"))
)
_AMONG = ManyStatement(select(_MINE.content_id).where(_MINE.at > bindparam("since")), _MINE.content_id)


@dataclass(frozen=True, slots=True)
class Urgent:
    """What its author asks for; whether they have any left today is asked in the unit."""

    account_id: int
    name: str
    """The letter's."""
    per_day: int
    people: int
    origin: Origin


def sent(tx: Tx, account_id: int, *, besides: str = "") -> int:
    """How many letters of an account were urgent within a day, `besides` this one."""
    row = tx.one(_COUNT, account=account_id, since=tx.now - DAY, name=besides)
    return int(row[0]) if row is not None else 0


def mark(tx: Tx, content_id: int, urgent: Urgent) -> bool:
    """A letter with this content is delivered; False: its author has no more of them today, and it is as any other."""
    # The account's row is locked where rows can be: two that leave at once are counted one after the other.
    tx.execute(select(account.c.id).where(account.c.id == urgent.account_id).with_for_update())
    if sent(tx, urgent.account_id, besides=urgent.name) >= urgent.per_day:
        return False
    if tx.one(_KNOWN, account=urgent.account_id, name=urgent.name) is None:
        detail = Cause("urgent-letter", name=urgent.name, count=urgent.people)
        audit.record(tx, urgent.origin, Action.URGENT_SENT, urgent.account_id, detail)
        old = select(_MINE.id).where(_MINE.at < tx.now - KEPT).limit(SWEPT)
        tx.execute(delete(urgent_letter).where(_MINE.id.in_(old)))
    values = {"content_id": content_id, "account_id": urgent.account_id, "name": urgent.name, "at": tx.now}
    tx.insert_ignore(urgent_letter, values)
    return True


def among(tx: Tx, content_ids: Collection[int]) -> frozenset[int]:
    """Those of these contents that people are told of at any hour."""
    return frozenset(row[0] for row in _AMONG.rows(tx, list(content_ids), since=tx.now - FRESH))


def is_one(tx: Tx, content_id: int) -> bool:
    """Whether its readers were told at once."""
    return bool(_AMONG.rows(tx, [content_id], since=tx.now - KEPT))
