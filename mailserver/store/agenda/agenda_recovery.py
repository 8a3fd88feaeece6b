"""Events, tasks and contacts that were deleted, and that come back to their owner while they are kept.

Not shown is what is still in some collection of the owner's: programs move by writing and
deleting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, exists, func, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_items, agendas
from mailserver.store.agenda.agenda_deletions import KEPT
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.agenda.agendas import Collection
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit, trusted_clock
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.agendas import collection, item
from mailserver.store.schema.mail.deletions import deleted_collection, deleted_item
from mailserver.texts.causes import Cause

AT_ONCE = 200
BEGINNING = 64 * 1024
"""Characters of an item that a list reads."""
LET_GO = 500
"""Rows that one unit lets go of."""


@dataclass(frozen=True, slots=True)
class KeptItem:
    """A deleted event, task or contact, as a list shows it."""

    id: int
    at: int
    uid: str
    kind: str
    component: str
    text: str
    """Its beginning."""
    shown: str
    """Of its collection, as people see it."""


_newer = deleted_item.alias("newer")
_ALL = (
    select(
        *(deleted_item.c[name] for name in ("id", "at", "uid", "kind", "component")),
        func.substr(deleted_item.c.text, 1, BEGINNING).label("text"),
        deleted_item.c.collection_id,
    )
    .where(
        ~exists().where(
            _newer.c.account_id == deleted_item.c.account_id,
            _newer.c.uid == deleted_item.c.uid,
            _newer.c.kind == deleted_item.c.kind,
            _newer.c.id > deleted_item.c.id,
        ),
        ~exists().where(
            collection.c.account_id == deleted_item.c.account_id,
            item.c.collection_id == collection.c.id,
            item.c.uid == deleted_item.c.uid,
            item.c.kind == deleted_item.c.kind,
        ),
    )
    .order_by(deleted_item.c.id.desc())
)


def find(tx: Tx, account_id: int, days: int, limit: int, before: int = 0) -> list[KeptItem]:
    """The next ones, the newest deletion first; of several of one UID the last. Ids lower than `before`; 0: any."""
    mine = _ALL.where(deleted_item.c.account_id == account_id, deleted_item.c.at > tx.now - days * DAY).limit(limit)
    rows = tx.execute(mine.where(deleted_item.c.id < before) if before else mine).all()
    names = {one.id: _shown(one) for one in (*agendas.listing(tx, account_id), *_gone(tx, account_id))}
    return [
        KeptItem(row.id, row.at, row.uid, row.kind, row.component, row.text, names.get(row.collection_id, ""))
        for row in rows
    ]


def _shown(one: Collection) -> str:
    return one.props.get(agendas.DISPLAY_NAME) or one.name


def _gone(tx: Tx, account_id: int) -> list[Collection]:
    """Collections that were deleted."""
    found = tx.execute(select(deleted_collection).where(deleted_collection.c.account_id == account_id))
    return [
        agendas.collection_of((row.collection_id, account_id, row.name, row.tag, row.props, 0, 0, 0, 0, row.at, ""))
        for row in found
    ]


def recover(tx: Tx, account_id: int, origin: Origin, numbers: Sequence[int], days: int) -> int:
    """Bring these back, each into its collection, which is made anew where it is gone; how many.

    Raises Refused(LIMIT): there is no room; then none of them.
    """
    rows = tx.execute(
        select(deleted_item)
        .where(
            deleted_item.c.id.in_(list(numbers)[:AT_ONCE]),
            deleted_item.c.account_id == account_id,
            deleted_item.c.at > tx.now - days * DAY,
        )
        .order_by(deleted_item.c.id)
        .with_for_update()
    ).all()
    count = 0
    for row in rows:
        count += _put_back(tx, account_id, row)
    tx.execute(delete(deleted_item).where(deleted_item.c.id.in_([row.id for row in rows])))
    if count:
        audit.record(tx, origin, Action.ITEMS_RECOVERED, account_id, Cause("items-recovered", count=count))
    return count


def _put_back(tx: Tx, account_id: int, row: Any) -> bool:
    """False when it is there already."""
    held = _target(tx, account_id, row)
    if agenda_items.holder(tx, account_id, held.id, row.uid) is not None:
        return False
    values = {name: getattr(row, name) for name in KEPT if name != "octets"}
    if agenda_items.get(tx, account_id, held.id, row.href) is not None:
        values["href"] = f"{row.id}-{row.etag[:16]}{'.vcf' if row.kind == 'VCARD' else '.ics'}"
    agenda_items.put(tx, account_id, held.id, NewItem(**values), None)
    return True


def _target(tx: Tx, account_id: int, row: Any) -> Collection:
    held = agendas.by_id(tx, account_id, row.collection_id)
    if held is not None and not held.source:
        return held
    tag = agendas.ADDRESS_BOOK if row.kind == "VCARD" else agendas.CALENDAR
    gone = next((one for one in _gone(tx, account_id) if one.id == row.collection_id and one.tag == tag), None)
    if gone is not None:
        return _anew(tx, account_id, gone)
    agendas.provision(tx, account_id)
    for one in agendas.listing(tx, account_id):
        if one.tag == tag and not one.source and (not one.components or row.component in one.components):
            return one
    raise Refused(Reason.LIMIT, "There is no agenda or address book to bring it back to")


def _anew(tx: Tx, account_id: int, gone: Collection) -> Collection:
    """The collection that was deleted; once it is made again what else was in it comes back to the same."""
    name = f"recupere-{gone.id}"
    known = agendas.find(tx, account_id, name)
    return known or agendas.create(tx, account_id, name, gone.tag, gone.props)


def record_shown(tx: Tx, origin: Origin, account_id: int, count: int) -> None:
    """Put on record that somebody looked at what another deleted."""
    audit.record(tx, origin, Action.REMOVED_SHOWN, account_id, Cause("items-shown", count=count))


def let_go(tx: Tx, before: int) -> int:
    """Let go of a part of what was deleted before a moment; how many. 0: nothing is left. Raises ClockJumped."""
    trusted_clock.check(tx)
    old = select(deleted_item.c.id).where(deleted_item.c.at <= before).limit(LET_GO)
    gone = tx.execute(delete(deleted_item).where(deleted_item.c.id.in_(old))).rowcount
    if not gone:
        gone = tx.execute(delete(deleted_collection).where(deleted_collection.c.at <= before)).rowcount
    return int(gone)
