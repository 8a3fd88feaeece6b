"""What each peer brought to the exchange lately, added up over all workers: rows of one window of time each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.schema.service.screening import peer_count

COUNTED = ("connections", "messages", "recipients", "unknown", "proven", "served")
"""What is counted, in the order of a `Tally`."""
KEPT_SECONDS = 2 * 3600
"""After its beginning a window means nothing any more."""
SWEPT = 500
"""Old rows that one unit removes."""

Tally = Sequence[int]


@dataclass(frozen=True, slots=True)
class Window:
    """A peer within so many seconds from a moment."""

    peer: str
    seconds: int
    start: int


_COLUMNS = [peer_count.c[name] for name in COUNTED]
_KEY = (peer_count.c.peer, peer_count.c.seconds, peer_count.c.start)
_OF = ManyStatement(select(*_KEY, *_COLUMNS), peer_count.c.peer)
_OLD = Statement(
    select(*_KEY)
    .where(peer_count.c.start < bindparam("before"))
    .order_by(peer_count.c.start, *_KEY)  # every worker in the same order, as below
    .limit(SWEPT)
)
_DROP = Statement(
    delete(peer_count).where(
        peer_count.c.peer == bindparam("of_peer"),
        peer_count.c.seconds == bindparam("of_seconds"),
        peer_count.c.start == bindparam("from_start"),
    )
)


def exchange(tx: Tx, more: Mapping[Window, Tally], peers: Collection[str]) -> dict[Window, Tally]:
    """Add what a worker has counted, and remove what is over; what all of them have counted of these peers."""
    # In one order, so that two workers never wait for each other crosswise.
    windows = sorted(more, key=lambda one: (one.peer, one.seconds, one.start))
    rows = [{**asdict(one), **dict(zip(COUNTED, more[one], strict=True))} for one in windows]
    if rows:
        clause = (sqlite.insert if tx.dialect == "sqlite" else postgresql.insert)(peer_count)
        sums = {name: peer_count.c[name] + clause.excluded[name] for name in COUNTED}
        tx.execute(clause.on_conflict_do_update(index_elements=[*_KEY], set_=sums), rows)
    for row in tx.all(_OLD, before=tx.now - KEPT_SECONDS):
        tx.run(_DROP, of_peer=row[0], of_seconds=row[1], from_start=row[2])
    return totals(tx, peers)


def totals(tx: Tx, peers: Collection[str]) -> dict[Window, Tally]:
    """What all workers have counted of these peers."""
    return {Window(row[0], row[1], row[2]): row[3:] for row in _OF.rows(tx, sorted(peers))} if peers else {}


def listing(tx: Tx, seconds: int, since: int, limit: int) -> list[tuple[Window, Tally]]:
    """The busiest peers within windows of such a length that began since then, by messages and unknown recipients."""
    busiest = (peer_count.c.unknown.desc(), peer_count.c.messages.desc(), peer_count.c.connections.desc())
    found = select(*_KEY, *_COLUMNS).where(peer_count.c.seconds == seconds, peer_count.c.start >= since)
    rows = tx.execute(found.order_by(*busiest, peer_count.c.peer).limit(limit)).all()
    return [(Window(one.peer, one.seconds, one.start), [getattr(one, name) for name in COUNTED]) for one in rows]


def forget(tx: Tx, peers: Collection[str]) -> int:
    """Begin to count peers anew; how many rows that was."""
    return tx.execute(delete(peer_count).where(peer_count.c.peer.in_(sorted(peers)))).rowcount
