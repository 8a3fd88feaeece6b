"""Agendas that are filled from a web address: what came of it, and when it is looked at next.

Only the filling writes into such an agenda; people and their programs read it (`agenda_grants.Reach.writable`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, func, insert, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_grants import SEPARATOR
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.agenda.agendas import CALENDAR
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import agenda_feed, collection

MAX_FEEDS = 20
"""Of one account."""
REFRESH_SECONDS = 4 * 3600
"""Between two looks at an address that answers."""
SPREAD_SECONDS = 1800
"""By which looks are put apart, so that those who subscribed at once do not all come back at once."""
RETRY_SECONDS = 1800
"""After the first failure; twice as long after each further one, up to a day."""
CLAIM_SECONDS = 600
"""How long whoever looks has to say what came of it, before another does."""
MARK: Final = SEPARATOR
"""How the name of such an agenda begins: no client makes one like it, and the door asks what may be done with it."""


@dataclass(frozen=True, slots=True)
class Feed:
    """An agenda that is filled from elsewhere. Times in seconds since the epoch."""

    collection_id: int
    account_id: int
    source: str
    digest: bytes
    refreshed: int
    due: int
    failures: int
    fault: str


_FEED: Select[Any] = select(
    agenda_feed.c.collection_id,
    agenda_feed.c.account_id,
    collection.c.source,
    agenda_feed.c.digest,
    agenda_feed.c.refreshed,
    agenda_feed.c.due,
    agenda_feed.c.failures,
    agenda_feed.c.fault,
).join(collection, collection.c.id == agenda_feed.c.collection_id)


def listing(tx: Tx, account_id: int) -> dict[int, Feed]:
    """The feeds of an account, by the id of their agenda."""
    rows = tx.execute(_FEED.where(agenda_feed.c.account_id == account_id))
    return {row.collection_id: Feed(*tuple(row)) for row in rows}


def find(tx: Tx, account_id: int, collection_id: int) -> Feed:
    """One of them. Raises Refused(NOT_FOUND)."""
    here = (agenda_feed.c.account_id == account_id) & (agenda_feed.c.collection_id == collection_id)
    row = tx.execute(_FEED.where(here)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such subscription")
    return Feed(*tuple(row))


def is_due(tx: Tx) -> bool:
    """True when there is something to look at. Feeds of accounts that are not in use wait."""
    return tx.execute(_due(tx)).first() is not None


def claim(tx: Tx) -> Feed | None:
    """The feed that waits longest, which nobody else gets for CLAIM_SECONDS; None when none is due."""
    row = tx.execute(_due(tx).with_for_update(skip_locked=True, of=agenda_feed)).first()
    if row is None:
        return None
    _set(tx, row.collection_id, due=tx.now + CLAIM_SECONDS)
    return Feed(*tuple(row))


def subscribe(
    tx: Tx, account_id: int, token: str, props: Mapping[str, str], source: str, digest: bytes, items: Sequence[NewItem]
) -> int:
    """Make an agenda that is filled from `source`, with what is there now; its id.

    Raises Refused(CONFLICT) for an address that one fills an agenda from already, Refused(LIMIT | TOO_BIG | INVALID).
    """
    mine = collection.c.account_id == account_id
    # First, because it makes two of one person take turns: what is counted below cannot change meanwhile.
    made = agendas.create(tx, account_id, f"{MARK}{token}", CALENDAR, props)
    if tx.execute(select(collection.c.id).where(mine, collection.c.source == source)).first() is not None:
        raise Refused(Reason.CONFLICT, "An agenda is filled from this address already")
    held = select(func.count()).select_from(agenda_feed).where(agenda_feed.c.account_id == account_id)
    if tx.execute(held).scalar_one() >= MAX_FEEDS:
        raise Refused(Reason.LIMIT, "Too many subscriptions")
    tx.execute(update(collection).where(collection.c.id == made.id).values(source=source))
    values = {"collection_id": made.id, "account_id": account_id, "digest": digest, "refreshed": tx.now}
    tx.execute(insert(agenda_feed), {**values, "due": _next(tx, made.id)})
    agenda_items.replace(tx, account_id, made.id, props, items)
    return made.id


def fill(tx: Tx, feed: Feed, digest: bytes, items: Sequence[NewItem] | None) -> None:
    """Keep what was found at the address; None: the same as before.

    Raises Refused(NOT_FOUND) when nobody subscribes to it any more, Refused(LIMIT | TOO_BIG | INVALID).
    """
    held = agendas.lock(tx, feed.account_id, feed.collection_id)
    if items is not None:
        agenda_items.replace(tx, feed.account_id, feed.collection_id, held.props, items)
    _set(tx, held.id, digest=digest, refreshed=tx.now, due=_next(tx, held.id), failures=0, fault="")


def fail(tx: Tx, feed: Feed, fault: str) -> None:
    """Keep that nothing could be had; what was there before stays."""
    wait = min(RETRY_SECONDS << min(feed.failures, 10), DAY)
    _set(tx, feed.collection_id, due=tx.now + wait, failures=min(feed.failures + 1, 1000), fault=fault)


def _due(tx: Tx) -> Select[Any]:
    used = _FEED.join(account, account.c.id == agenda_feed.c.account_id).where(account.c.state == State.ACTIVE.value)
    return used.where(agenda_feed.c.due <= tx.now).order_by(agenda_feed.c.due).limit(1)


def _set(tx: Tx, collection_id: int, **values: object) -> None:
    tx.execute(update(agenda_feed).where(agenda_feed.c.collection_id == collection_id).values(**values))


def _next(tx: Tx, collection_id: int) -> int:
    return tx.now + REFRESH_SECONDS + collection_id * 97 % SPREAD_SECONDS
