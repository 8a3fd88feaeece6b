"""How many reports have gone on to an address on a day, added up over all workers; addresses as keyed hashes alone."""

from sqlalchemy import bindparam, delete, func, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.outgoing.outbound_returns import returned_count

MOST_ROWS = 100_000
"""Of one day; whoever would be one more is sent none."""
SWEPT = 1000
"""Old rows that one unit removes."""

_MINE = (returned_count.c.key == bindparam("wanted"), returned_count.c.day == bindparam("today"))
_OF = Statement(select(returned_count.c["count"]).where(*_MINE))
_MORE = Statement(
    update(returned_count)
    .where(*_MINE, returned_count.c["count"] < bindparam("most"))
    .values(count=returned_count.c["count"] + 1)
)


def of(tx: Tx, key: bytes, day: int) -> int:
    """How many there were."""
    row = tx.one(_OF, wanted=key, today=day)
    return int(row[0]) if row is not None else 0


def count(tx: Tx, key: bytes, day: int, most: int) -> bool:
    """One more; False: there were so many already."""
    if tx.run(_MORE, wanted=key, today=day, most=most):
        return True
    if of(tx, key, day):
        return False
    here = select(returned_count.c.key).where(returned_count.c.day == day).limit(MOST_ROWS).subquery()
    if tx.execute(select(func.count()).select_from(here)).scalar_one() >= MOST_ROWS:
        return False
    _sweep(tx, day)
    if tx.insert_ignore(returned_count, {"key": key, "day": day, "count": 1}):
        return True
    return bool(tx.run(_MORE, wanted=key, today=day, most=most))


def _sweep(tx: Tx, day: int) -> None:
    old = select(returned_count.c.key).where(returned_count.c.day < day).limit(SWEPT)
    gone = list(tx.execute(old).scalars())
    if gone:
        tx.execute(delete(returned_count).where(returned_count.c.key.in_(gone), returned_count.c.day < day))
