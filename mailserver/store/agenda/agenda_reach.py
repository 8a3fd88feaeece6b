"""Agendas and address books as somebody reaches them: their own, and those that others share with them.

Every look and every change names who asks; the unit that changes asks for the grant itself, so one that was withdrawn
is gone at once. Of a private event others see its time alone, and may not change it (`agenda_masks`). What is put into
somebody's collection counts for its owner.
"""

from collections.abc import Iterable

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_grants, agenda_items, agendas
from mailserver.store.agenda.agenda_grants import Reach, Role
from mailserver.store.agenda.agenda_items import ANY, Delta, Item, NewItem, Position, Seen
from mailserver.store.agenda.agenda_masks import is_private, masked
from mailserver.store.engine.statements import Tx

EVER = 2**62


def listing(tx: Tx, account_id: int) -> list[Reach]:
    """One's own collections, oldest first; then what others share, by owner."""
    own = [Reach(held) for held in agendas.listing(tx, account_id)]
    return own + agenda_grants.received(tx, account_id)


def find(tx: Tx, account_id: int, name: str) -> Reach | None:
    """A collection by the name in its address: one's own, or `owner~name`."""
    held = agendas.find(tx, account_id, name)
    return Reach(held) if held is not None else agenda_grants.named(tx, account_id, name)


def require(tx: Tx, account_id: int, collection_id: int) -> Reach:
    """A collection by its id. Raises Refused(NOT_FOUND) for one that is neither one's own nor shared."""
    held = agendas.by_id(tx, account_id, collection_id)
    reach = Reach(held) if held is not None else agenda_grants.one(tx, account_id, collection_id)
    if reach is None:
        raise Refused(Reason.NOT_FOUND, "No such collection")
    return reach


def stamps(tx: Tx, account_id: int, collection_id: int) -> list[Item]:
    """Every item of a collection. The texts are left out, unless it takes them to know what is private."""
    reach = require(tx, account_id, collection_id)
    if _masks(reach):
        return _shown(reach, agenda_items.between(tx, reach.held.account_id, collection_id, -EVER, EVER))
    return agenda_items.stamps(tx, reach.held.account_id, collection_id)


def between(tx: Tx, account_id: int, collection_id: int, start: int, end: int, component: str = "") -> list[Item]:
    """Items whose span of time touches [start, end), as `agenda_items.between`."""
    reach = require(tx, account_id, collection_id)
    return _shown(reach, agenda_items.between(tx, reach.held.account_id, collection_id, start, end, component))


def get(tx: Tx, account_id: int, collection_id: int, href: str) -> Item | None:
    """One item with its text."""
    reach = require(tx, account_id, collection_id)
    found = agenda_items.get(tx, reach.held.account_id, collection_id, href)
    return next(iter(_shown(reach, [found])), None) if found is not None else None


def several(tx: Tx, account_id: int, collection_id: int, hrefs: Iterable[str]) -> dict[str, Item]:
    """The items of these hrefs that exist, with texts."""
    reach = require(tx, account_id, collection_id)
    found = agenda_items.several(tx, reach.held.account_id, collection_id, hrefs)
    return {item.href: item for item in _shown(reach, found.values())}


def holder(tx: Tx, account_id: int, collection_id: int, uid: str) -> str | None:
    """The href of the item that has this UID."""
    reach = require(tx, account_id, collection_id)
    return agenda_items.holder(tx, reach.held.account_id, collection_id, uid)


def since(tx: Tx, account_id: int, collection_id: int, token: tuple[int, int]) -> Delta:
    """What changed after a collection's id and modseq. Raises Refused(INVALID), as `agenda_items.since`."""
    held = require(tx, account_id, collection_id).held
    return agenda_items.since(tx, held.account_id, held.name, *token)


def page(
    tx: Tx, account_id: int, collection_id: int, token_of: int, after: Position | None, most: int
) -> list[Position]:
    """The next changes of a collection, as `agenda_items.page`. Raises Refused(INVALID)."""
    held = require(tx, account_id, collection_id).held
    return agenda_items.page(tx, held.account_id, held.name, token_of, after, most)


def hrefs(tx: Tx, account_id: int, collection_id: int) -> Delta:
    """Every href of a collection, and the modseq that goes with them. Raises Refused(NOT_FOUND)."""
    held = require(tx, account_id, collection_id).held
    return agenda_items.hrefs(tx, held.account_id, held.name)


def put(tx: Tx, account_id: int, collection_id: int, new: NewItem, seen: Seen = ANY) -> None:
    """Store an item. Raises as `agenda_items.put`, and Refused(READ_ONLY | FORBIDDEN)."""
    reach = _writable(tx, account_id, collection_id, new.href)
    _check_open(reach, new.text)
    agenda_items.put(tx, reach.held.account_id, collection_id, new, seen)


def remove(tx: Tx, account_id: int, collection_id: int, href: str, seen: Seen = ANY) -> None:
    """Delete an item. Raises as `agenda_items.remove`, and Refused(READ_ONLY | FORBIDDEN)."""
    reach = _writable(tx, account_id, collection_id, href)
    agenda_items.remove(tx, reach.held.account_id, collection_id, href, seen)


def move(
    tx: Tx,
    account_id: int,
    source: tuple[int, str],
    target: tuple[int, str],
    seen: tuple[Seen, Seen] = (ANY, ANY),
) -> None:
    """Move an item (collection id, href) to another place, over what is there. Raises as `put` and `remove`."""
    places = {place: _reach_to_write(tx, account_id, place[0]) for place in (source, target)}
    owners = {place[0]: reach.held.account_id for place, reach in places.items()}
    for collection_id in sorted(owners):  # always in this order: no deadlock
        agendas.lock(tx, owners[collection_id], collection_id)
    places = {place: _reach_to_write(tx, account_id, place[0]) for place in places}
    for (_, href), reach in places.items():
        _check_item(tx, reach, href)
    item = agenda_items.get(tx, owners[source[0]], *source)
    _check_open(places[target], (item.text if item is not None else "") or "")
    agenda_items.move(tx, owners[source[0]], source, target, seen, target_account=owners[target[0]])


def _reach_to_write(tx: Tx, account_id: int, collection_id: int) -> Reach:
    reach = require(tx, account_id, collection_id)
    if not reach.writable:
        raise Refused(Reason.READ_ONLY, "What is in it is not yours to change")
    return reach


def _writable(tx: Tx, account_id: int, collection_id: int, href: str) -> Reach:
    """The collection, locked if it is another's, where this item may be changed."""
    reach = _reach_to_write(tx, account_id, collection_id)
    if reach.owner:
        reach = _locked(tx, account_id, reach)
        _check_item(tx, reach, href)
    return reach


def _locked(tx: Tx, account_id: int, reach: Reach) -> Reach:
    """It is asked again once the collection is locked: its owner may have taken the right back while we waited."""
    agendas.lock(tx, reach.held.account_id, reach.held.id)
    return _reach_to_write(tx, account_id, reach.held.id)


def _masks(reach: Reach) -> bool:
    return bool(reach.owner) and reach.held.tag == agendas.CALENDAR


def _shown(reach: Reach, rows: Iterable[Item]) -> list[Item]:
    times = reach.role is Role.TIMES
    return [masked(row, always=times) for row in rows] if _masks(reach) else list(rows)


def _check_item(tx: Tx, reach: Reach, href: str) -> None:
    if _masks(reach):
        item = agenda_items.get(tx, reach.held.account_id, reach.held.id, href)
        _check_open(reach, (item.text if item is not None else "") or "")


def _check_open(reach: Reach, text: str) -> None:
    """Raises Refused(FORBIDDEN) for what is private in somebody else's agenda: its owner's alone."""
    if _masks(reach) and is_private(text):
        raise Refused(Reason.FORBIDDEN, "What is private is its owner's alone to change")
