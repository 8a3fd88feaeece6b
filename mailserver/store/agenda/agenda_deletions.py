"""What is kept of events, tasks and contacts that somebody deleted: written as they go, in the same unit.

Agendas that are filled from the web are not kept: whoever fills them takes things away all the time. What one account
may have kept is bounded; the oldest give way.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, insert, literal, select

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.agendas import collection, item
from mailserver.store.schema.mail.deletions import deleted_collection, deleted_item

KEPT = ("href", "uid", "etag", "kind", "component", "starts", "ends", "octets", "text")
"""Columns of an item that it comes back with."""
MOST, MOST_OCTETS = 5000, 32 * 1024 * 1024
"""Of one account."""
MOST_COLLECTIONS = 200
"""The same of agendas and address books: each has properties of its own, and all are read at once."""
IN_LIST = 500

_NEWEST = (
    select(deleted_item.c.id, deleted_item.c.octets)
    .where(deleted_item.c.account_id == bindparam("account"))
    .order_by(deleted_item.c.id.desc())
)
_LAST = select(func.coalesce(func.max(deleted_item.c.id), 0))
SWEEP = 64
"""Deletions between two looks at how much there is."""


def keep(tx: Tx, account_id: int, collection_id: int, hrefs: Sequence[str]) -> None:
    """These items of a locked collection are about to go."""
    for start in range(0, len(hrefs), IN_LIST):
        _keep(tx, account_id, collection_id, list(hrefs[start : start + IN_LIST]))
    last = int(tx.execute(_LAST).scalar_one())
    if last % SWEEP < len(hrefs):
        _prune(tx, account_id)


def _keep(tx: Tx, account_id: int, collection_id: int, hrefs: Sequence[str] | None) -> None:
    here = item.c.collection_id == collection_id
    if hrefs is not None:
        here &= item.c.href.in_(hrefs)
    told = (literal(account_id), literal(collection_id), literal(tx.now))
    rows = select(*told, *(item.c[name] for name in KEPT)).where(here).order_by(item.c.href)
    tx.execute(insert(deleted_item).from_select(("account_id", "collection_id", "at", *KEPT), rows))


def keep_collection(tx: Tx, account_id: int, collection_id: int) -> None:
    """A locked collection is about to go, with what is in it; of an empty one that lost nothing, nothing is kept."""
    _keep(tx, account_id, collection_id, None)
    mine = select(deleted_item.c.id).where(
        deleted_item.c.account_id == account_id, deleted_item.c.collection_id == collection_id
    )
    if tx.execute(mine.limit(1)).first() is None:
        return
    described = (collection.c.name, collection.c.tag, collection.c.props)
    told = select(collection.c.id, collection.c.account_id, literal(tx.now), *described).where(
        collection.c.id == collection_id
    )
    columns = ("collection_id", "account_id", "at", "name", "tag", "props")
    tx.execute(insert(deleted_collection).from_select(columns, told))
    _prune(tx, account_id)
    _prune_collections(tx, account_id)


def _prune(tx: Tx, account_id: int) -> None:
    """Let the oldest go that are too many, or too much."""
    octets, gone = 0, []
    for count, row in enumerate(tx.execute(_NEWEST, {"account": account_id})):
        octets += row.octets
        if count >= MOST or octets > MOST_OCTETS:
            gone.append(row.id)
    for start in range(0, len(gone), IN_LIST):
        tx.execute(delete(deleted_item).where(deleted_item.c.id.in_(gone[start : start + IN_LIST])))


def _prune_collections(tx: Tx, account_id: int) -> None:
    """Let the oldest go that are too many; what was in them comes back to another."""
    latest = (deleted_collection.c.at.desc(), deleted_collection.c.collection_id.desc())
    mine = select(deleted_collection.c.collection_id).where(deleted_collection.c.account_id == account_id)
    gone = list(tx.execute(mine.order_by(*latest).offset(MOST_COLLECTIONS).limit(IN_LIST)).scalars())
    if gone:
        tx.execute(delete(deleted_collection).where(deleted_collection.c.collection_id.in_(gone)))
