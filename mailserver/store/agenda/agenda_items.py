"""Events, tasks and contacts: the items of a collection, and what changed since a sync token.

Texts are kept as the agenda door hands them over, with what it computed once (UID, ETag, span of time), so
that no query parses iCalendar. A change names the ETag its caller saw. The caller may have looked long
before, in another transaction; if the item moved meanwhile the unit refuses with CONFLICT (RFC 9110
section 13.1.1) and nothing is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, insert, or_, select, union_all, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_deletions, agendas
from mailserver.store.agenda.agendas import Collection, octets
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.schema.agendas import collection, item, item_gone

MAX_ITEMS = 10_000
"""Of one collection."""
MAX_ITEM_OCTETS = 1024 * 1024
"""An event with its exceptions, or a contact with its photo."""
MAX_COLLECTION_OCTETS = 32 * 1024 * 1024
"""A report may have to hold a whole collection in memory."""
MAX_HOME_ITEMS = 50_000
MAX_HOME_OCTETS = 128 * 1024 * 1024
"""Of all collections of an account: a page shows all of its agendas, or the contacts of all of its books."""
MAX_HREF = 500
MAX_UID = 1000
"""Octets in UTF-8; both are keys of an index."""
KEPT_GONE = 5000
"""Tombstones kept per collection; older sync tokens are refused and the client starts over."""
PRUNE_EVERY = 256
"""Removals between two looks at the tombstones."""
_IN_LIST = 500

ANY: Final = "*"
"""Whatever is there, or nothing."""
Seen = str | None
"""The ETag the caller saw, None when there was nothing, or ANY."""


class UidTaken(Refused):
    """Another item of the collection has this UID (RFC 4791 section 5.3.2.1, no-uid-conflict)."""

    def __init__(self) -> None:
        super().__init__(Reason.CONFLICT, "Another item has this UID")


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to store; `etag` is a digest of `text`, `starts` and `ends` enclose every occurrence."""

    href: str
    uid: str
    etag: str
    kind: str
    component: str
    starts: int
    ends: int
    text: str


@dataclass(frozen=True, slots=True)
class Item:
    """A stored item; `text` is None where the caller did not ask for texts."""

    href: str
    uid: str
    etag: str
    kind: str
    component: str
    starts: int
    ends: int
    changed: int
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """What differs from an earlier modseq: the hrefs that changed, came or went."""

    modseq: int
    hrefs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """How far somebody has read the history of a collection: to this href within the changes of this modseq."""

    modseq: int
    href: str = ""
    since: int = 0
    """What went before this modseq they never had."""


_STAMPED = (
    select(
        item.c.href,
        item.c.uid,
        item.c.etag,
        item.c.kind,
        item.c.component,
        item.c.starts,
        item.c.ends,
        item.c.changed,
    )
    .join(collection, collection.c.id == item.c.collection_id)
    .where(collection.c.account_id == bindparam("account"), item.c.collection_id == bindparam("collection"))
)
_WHOLE = _STAMPED.add_columns(item.c.text)
_STAMPS = Statement(_STAMPED.order_by(item.c.href))
_SPAN = _WHOLE.where(item.c.starts < bindparam("end"), item.c.ends > bindparam("start"))
_BETWEEN = Statement(_SPAN.order_by(item.c.href))
_BETWEEN_OF = Statement(_SPAN.where(item.c.component == bindparam("inner_name")).order_by(item.c.href))
_ONE = Statement(_WHOLE.where(item.c.href == bindparam("wanted")))
_UID = Statement(
    select(item.c.href)
    .join(collection, collection.c.id == item.c.collection_id)
    .where(
        collection.c.account_id == bindparam("account"),
        item.c.collection_id == bindparam("collection"),
        item.c.uid == bindparam("wanted"),
    )
)
_IN_COLLECTION = item.c.collection_id == bindparam("collection")
_HREFS = Statement(select(item.c.href).where(_IN_COLLECTION).order_by(item.c.href))
_CURRENT = Statement(
    select(item.c.etag, item.c.uid, item.c.octets).where(_IN_COLLECTION, item.c.href == bindparam("wanted"))
)
_INSERT = Statement(insert(item), keys=tuple(column.name for column in item.columns))
_REMOVE = Statement(delete(item).where(_IN_COLLECTION, item.c.href == bindparam("wanted")))
_CHANGED = Statement(select(item.c.href).where(_IN_COLLECTION, item.c.modseq > bindparam("since")))
_GONE_FROM = item_gone.c.collection_id == bindparam("collection")
_BURY = Statement(insert(item_gone), keys=("collection_id", "href", "modseq"))
_UNBURY = Statement(delete(item_gone).where(_GONE_FROM, item_gone.c.href == bindparam("wanted")))
_GONE = Statement(select(item_gone.c.href).where(_GONE_FROM, item_gone.c.modseq > bindparam("since")))
_BEYOND = Statement(
    union_all(
        *(
            select(table.c.href, table.c.modseq).where(
                table.c.collection_id == bindparam("collection"),
                table.c.modseq > bindparam("since") if table is item_gone else table.c.modseq > 0,
                or_(
                    table.c.modseq > bindparam("modseq"),
                    (table.c.modseq == bindparam("modseq")) & (table.c.href > bindparam("wanted")),
                ),
            )
            for table in (item, item_gone)
        )
    )
    .order_by("modseq", "href")
    .limit(bindparam("most"))
)
_OLDEST_KEPT = Statement(
    select(item_gone.c.modseq).where(_GONE_FROM).order_by(item_gone.c.modseq.desc()).limit(1).offset(KEPT_GONE)
)


def stamps(tx: Tx, account_id: int, collection_id: int) -> list[Item]:
    """Every item of a collection, without texts."""
    return [Item(*row) for row in tx.all(_STAMPS, account=account_id, collection=collection_id)]


def between(tx: Tx, account_id: int, collection_id: int, start: int, end: int, component: str = "") -> list[Item]:
    """Items whose span of time touches [start, end), of one component if given, with texts.

    A recurring item answers by its whole span: the caller looks at the occurrences.
    """
    if component:
        rows = tx.all(
            _BETWEEN_OF,
            account=account_id,
            collection=collection_id,
            start=start,
            end=end,
            inner_name=component,
        )
    else:
        rows = tx.all(_BETWEEN, account=account_id, collection=collection_id, start=start, end=end)
    return [Item(*row) for row in rows]


def get(tx: Tx, account_id: int, collection_id: int, href: str) -> Item | None:
    """One item with its text."""
    row = tx.one(_ONE, account=account_id, collection=collection_id, wanted=href)
    return Item(*row) if row is not None else None


def several(tx: Tx, account_id: int, collection_id: int, hrefs: Iterable[str]) -> dict[str, Item]:
    """The items of these hrefs that exist, with texts."""
    found: dict[str, Item] = {}
    wanted = list(dict.fromkeys(hrefs))
    for start in range(0, len(wanted), _IN_LIST):
        clause = _WHOLE.where(item.c.href.in_(wanted[start : start + _IN_LIST]))
        rows = tx.execute(clause, {"account": account_id, "collection": collection_id}).all()
        found.update((row[0], Item(*tuple(row))) for row in rows)
    return found


def holder(tx: Tx, account_id: int, collection_id: int, uid: str) -> str | None:
    """The href of the item that has this UID."""
    row = tx.one(_UID, account=account_id, collection=collection_id, wanted=uid)
    return str(row[0]) if row is not None else None


def put(tx: Tx, account_id: int, collection_id: int, new: NewItem, seen: Seen = ANY) -> None:
    """Store an item under its href, new or in place of the one the caller saw.

    Raises Refused(NOT_FOUND | CONFLICT | LIMIT | TOO_BIG | INVALID), UidTaken.
    """
    _check(new)
    _put(tx, agendas.lock(tx, account_id, collection_id), new, seen)


def remove(tx: Tx, account_id: int, collection_id: int, href: str, seen: Seen = ANY) -> None:
    """Delete an item, which is kept for a while, and leave a tombstone. Raises Refused(NOT_FOUND | CONFLICT)."""
    held = agendas.lock(tx, account_id, collection_id)
    if not held.source:
        agenda_deletions.keep(tx, account_id, held.id, [href])
    _remove(tx, held, href, seen)


def move(
    tx: Tx,
    account_id: int,
    source: tuple[int, str],
    target: tuple[int, str],
    seen: tuple[Seen, Seen] = (ANY, ANY),
    *,
    target_account: int = 0,
) -> None:
    """Move an item (collection id, href) to another place, of the same account unless another is named, over what is
    there.

    Raises Refused(NOT_FOUND | CONFLICT | LIMIT | INVALID), UidTaken.
    """
    if source == target:
        return
    owners = {target[0]: target_account or account_id, source[0]: account_id}
    for collection_id in sorted(owners):  # always in this order: no deadlock
        agendas.lock(tx, owners[collection_id], collection_id)
    held = get(tx, account_id, *source)
    if held is None or held.text is None:
        raise Refused(Reason.NOT_FOUND, "No such item")
    origin = agendas.lock(tx, account_id, source[0])
    if owners[target[0]] != account_id and not origin.source:  # its owner has it no more
        agenda_deletions.keep(tx, account_id, origin.id, [source[1]])
    _remove(tx, origin, source[1], seen[0])
    new = NewItem(target[1], held.uid, held.etag, held.kind, held.component, held.starts, held.ends, held.text)
    _check(new)
    _put(tx, agendas.lock(tx, owners[target[0]], target[0]), new, seen[1])


def replace(tx: Tx, account_id: int, collection_id: int, props: Mapping[str, str], items: Sequence[NewItem]) -> None:
    """Make these the items and properties of a collection; what is equal keeps its history.

    Raises Refused(NOT_FOUND | LIMIT | TOO_BIG | INVALID), UidTaken.
    """
    held = agendas.lock(tx, account_id, collection_id)
    for new in items:
        _check(new)
    size = sum(octets(new.text) for new in items)
    if len(items) > MAX_ITEMS or size > MAX_COLLECTION_OCTETS:
        raise Refused(Reason.LIMIT, "Too much for one collection")
    _check_home(tx, held, len(items) - held.items, size - held.octets)
    wanted = {new.href for new in items}
    if len(wanted) != len(items) or len({new.uid for new in items}) != len(items):
        raise UidTaken
    before = stamps(tx, account_id, held.id)
    here = {old.href: old.etag for old in before}
    fresh = [new for new in items if here.get(new.href) != new.etag]
    gone = [href for href in here if href not in wanted]
    if not held.source:
        uids = {new.uid for new in items}
        agenda_deletions.keep(tx, account_id, held.id, [old.href for old in before if old.uid not in uids])
    for href in (*gone, *(new.href for new in fresh)):
        tx.run(_REMOVE, collection=held.id, wanted=href)
        tx.run(_UNBURY, collection=held.id, wanted=href)
    tx.many(_BURY, [_tombstone(held, href) for href in gone])
    tx.many(_INSERT, [_row(tx, held, new) for new in fresh])
    agendas.set_props(tx, held.id, props)
    agendas.advance(tx, held, items=len(items) - held.items, octets=size - held.octets)
    _prune(tx, held.id)


def since(tx: Tx, account_id: int, name: str, collection_id: int, modseq: int) -> Delta:
    """What changed after a modseq (RFC 6578 section 3.4): hrefs that came, changed or went.

    Raises Refused(INVALID) when the history does not reach that far, or the collection is another one.
    """
    held = _of_token(tx, account_id, name, collection_id)
    if not held.floor <= modseq <= held.modseq:
        raise Refused(Reason.INVALID, "The sync token is not valid any more")
    found = [row[0] for row in tx.all(_CHANGED, collection=held.id, since=modseq)]
    found += [row[0] for row in tx.all(_GONE, collection=held.id, since=modseq)]
    return Delta(held.modseq, tuple(found))


def page(
    tx: Tx, account_id: int, name: str, collection_id: int, position: Position | None, most: int
) -> list[Position]:
    """The next changes after a position in their order, of which the last says where to go on; None: from the start.

    Raises Refused(INVALID) as `since`.
    """
    held = _of_token(tx, account_id, name, collection_id)
    position = position or Position(0, "", held.modseq)
    reached = max(position.since, position.modseq - bool(position.href))
    if reached < held.floor or max(position.since, position.modseq) > held.modseq:
        raise Refused(Reason.INVALID, "The sync token is not valid any more")
    rows = tx.all(
        _BEYOND,
        collection=held.id,
        since=position.since,
        modseq=position.modseq + (not position.href),  # without a name all of that change is known
        wanted=position.href,
        most=most,
    )
    return [Position(int(row[1]), str(row[0]), position.since) for row in rows]


def hrefs(tx: Tx, account_id: int, name: str) -> Delta:
    """Every href of a collection, and the modseq that goes with them. Raises Refused(NOT_FOUND)."""
    held = agendas.find(tx, account_id, name)
    if held is None:
        raise Refused(Reason.NOT_FOUND, "No such collection")
    return Delta(held.modseq, tuple(row[0] for row in tx.all(_HREFS, collection=held.id)))


def _of_token(tx: Tx, account_id: int, name: str, collection_id: int) -> Collection:
    """The collection that a token is of. Raises Refused(INVALID) for another one."""
    held = agendas.find(tx, account_id, name)
    if held is None or held.id != collection_id:
        raise Refused(Reason.INVALID, "The sync token is not valid any more")
    return held


def _check(new: NewItem) -> None:
    if not new.href or octets(new.href) > MAX_HREF or not new.uid or octets(new.uid) > MAX_UID:
        raise Refused(Reason.INVALID, "Unusable name or UID")
    if octets(new.text) > MAX_ITEM_OCTETS:
        raise Refused(Reason.TOO_BIG, "The item is too big")


def _check_home(tx: Tx, held: Collection, items: int, growth: int) -> None:
    """Raises Refused(LIMIT) when what is added is more than an account may have."""
    if items <= 0 and growth <= 0:
        return
    there, size = agendas.held(tx, held.account_id)
    if there + items > MAX_HOME_ITEMS or size + growth > MAX_HOME_OCTETS:
        raise Refused(Reason.LIMIT, "The account has as many events and contacts as it may")


def _row(tx: Tx, held: Collection, new: NewItem) -> dict[str, object]:
    return {
        "collection_id": held.id,
        "href": new.href,
        "uid": new.uid,
        "etag": new.etag,
        "kind": new.kind,
        "component": new.component,
        "starts": new.starts,
        "ends": new.ends,
        "modseq": held.modseq + 1,
        "changed": tx.now,
        "octets": octets(new.text),
        "text": new.text,
    }


def _tombstone(held: Collection, href: str) -> dict[str, object]:
    return {"collection_id": held.id, "href": href, "modseq": held.modseq + 1}


def _check_seen(row: Row | None, seen: Seen) -> None:
    """Compare with what the caller saw. Raises Refused(CONFLICT)."""
    if seen != ANY and seen != (row[0] if row is not None else None):
        raise Refused(Reason.CONFLICT, "The item changed meanwhile")


def _put(tx: Tx, held: Collection, new: NewItem, seen: Seen) -> None:
    row = tx.one(_CURRENT, collection=held.id, wanted=new.href)
    _check_seen(row, seen)
    if row is not None and row[0] == new.etag and row[1] == new.uid:
        return
    if row is not None and row[1] != new.uid and not held.source:  # another event is written over
        agenda_deletions.keep(tx, held.account_id, held.id, [new.href])
    if holder(tx, held.account_id, held.id, new.uid) not in (None, new.href):
        raise UidTaken
    growth = octets(new.text) - (int(row[2]) if row is not None else 0)
    if (row is None and held.items >= MAX_ITEMS) or held.octets + growth > MAX_COLLECTION_OCTETS:
        raise Refused(Reason.LIMIT, "The collection is full")
    _check_home(tx, held, 1 if row is None else 0, growth)
    tx.run(_UNBURY if row is None else _REMOVE, collection=held.id, wanted=new.href)
    tx.many(_INSERT, [_row(tx, held, new)])
    agendas.advance(tx, held, items=1 if row is None else 0, octets=growth)


def _remove(tx: Tx, held: Collection, href: str, seen: Seen) -> None:
    row = tx.one(_CURRENT, collection=held.id, wanted=href)
    if row is None and seen in (ANY, None):
        raise Refused(Reason.NOT_FOUND, "No such item")
    _check_seen(row, seen)
    assert row is not None  # the comparison refused it otherwise
    tx.run(_REMOVE, collection=held.id, wanted=href)
    tx.many(_BURY, [_tombstone(held, href)])
    agendas.advance(tx, held, items=-1, octets=-int(row[2]))
    if (held.modseq + 1) % PRUNE_EVERY == 0:
        _prune(tx, held.id)


def _prune(tx: Tx, collection_id: int) -> None:
    """Forget the oldest tombstones; tokens from before them are refused from now on."""
    row = tx.one(_OLDEST_KEPT, collection=collection_id)
    if row is None:
        return
    tx.execute(delete(item_gone).where(item_gone.c.collection_id == collection_id, item_gone.c.modseq <= row[0]))
    tx.execute(update(collection).where(collection.c.id == collection_id).values(floor=row[0]))
