"""Agendas, task lists and address books: the collections of an account (their items: `agenda_items`).

Every change of a collection locks its row and takes its next modseq: "what changed since m?" is then
exact, in commit order, for any number of workers.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_deletions
from mailserver.store.engine.given_rows import given_rows, insert_missing, packed
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.schema.agendas import agenda_feed, agenda_home, collection, collection_grant, item, item_gone

MAX_COLLECTIONS = 100
"""Of one account."""
MAX_NAME = 255
"""Octets of a collection's name in UTF-8."""
MAX_PROPS = 100
MAX_PROPS_OCTETS = 64 * 1024
"""All properties of a collection together."""

CALENDAR: Final = "VCALENDAR"
ADDRESS_BOOK: Final = "VADDRESSBOOK"
SUBSCRIPTION: Final = "VSUBSCRIBED"
TAGS = frozenset({CALENDAR, ADDRESS_BOOK, SUBSCRIPTION})

COMPONENTS: Final = "C:supported-calendar-component-set"
DISPLAY_NAME: Final = "D:displayname"
COLOUR: Final = "ICAL:calendar-color"

FIRST_COLLECTIONS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("agenda", CALENDAR, {DISPLAY_NAME: "Agenda", COMPONENTS: "VEVENT", COLOUR: "#2f6fb3ff"}),
    ("taches", CALENDAR, {DISPLAY_NAME: "Tâches", COMPONENTS: "VTODO", COLOUR: "#3d8b5fff"}),
    ("contacts", ADDRESS_BOOK, {DISPLAY_NAME: "Contacts"}),
)
"""What every account starts with. Apple's clients want events and tasks apart."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A calendar, task list or address book."""

    id: int
    account_id: int
    name: str
    tag: str
    props: Mapping[str, str]
    modseq: int
    floor: int
    items: int
    octets: int
    changed: int
    source: str
    """The web address it is filled from; empty: by people."""

    @property
    def components(self) -> frozenset[str]:
        """The components it takes (RFC 4791 section 5.2.3); empty: any."""
        return frozenset(filter(None, self.props.get(COMPONENTS, "").split(",")))


COLUMNS = [
    collection.c[name]
    for name in (
        "id",
        "account_id",
        "name",
        "tag",
        "props",
        "modseq",
        "floor",
        "items",
        "octets",
        "changed",
        "source",
    )
]
_COLLECTION = select(*COLUMNS).where(collection.c.account_id == bindparam("account"))
_LISTING = Statement(_COLLECTION.order_by(collection.c.id))
_BY_NAME = Statement(_COLLECTION.where(collection.c.name == bindparam("wanted")))
_BY_ID = Statement(_COLLECTION.where(collection.c.id == bindparam("collection")))
_LOCK = Statement(_COLLECTION.where(collection.c.id == bindparam("collection")).with_for_update())
_ADVANCE = Statement(
    update(collection)
    .where(collection.c.id == bindparam("collection"))
    .values(
        modseq=bindparam("new_modseq"),
        items=bindparam("new_items"),
        octets=bindparam("new_octets"),
        changed=bindparam("now"),
    )
)
_ROOM = Statement(
    select(func.coalesce(func.sum(collection.c["items"]), 0), func.coalesce(func.sum(collection.c.octets), 0)).where(
        collection.c.account_id == bindparam("account")
    )
)
_HOME = Statement(select(agenda_home.c.created).where(agenda_home.c.account_id == bindparam("account")))
_HOME_LOCK = Statement(
    select(agenda_home.c.collections).where(agenda_home.c.account_id == bindparam("account")).with_for_update()
)
_HOME_COUNT = Statement(
    update(agenda_home).where(agenda_home.c.account_id == bindparam("account")).values(collections=bindparam("count"))
)


def provision(tx: Tx, account_id: int) -> None:
    """Give the account its first calendar, task list and address book, once in its life.

    Safe when two come together: only one of them inserts the home row, the other waits for it and finds
    it there. What the person deletes later does not come back.
    """
    if provisioned(tx, account_id):
        return
    if not tx.insert_ignore(agenda_home, _home(tx, account_id)):
        return
    for name, tag, props in FIRST_COLLECTIONS:
        _insert(tx, account_id, name, tag, props)
    tx.changed(account_id, 0)


def provision_new(tx: Tx, account_ids: Sequence[int]) -> None:
    """The same for many accounts, by a few statements for all of them."""
    homes, collections = _NEW[tx.dialect]
    given = packed((one,) for one in account_ids)
    # Another unit that comes at the same time was waited for, and has made its own.
    new = sorted(int(row[0]) for row in tx.all(homes, given=given, moment=tx.now))
    tx.run(collections, given=packed((one,) for one in new), moment=tx.now)
    for one in new:
        tx.changed(one, 0)


def _home(tx: Tx, account_id: int) -> dict[str, int]:
    return {"account_id": account_id, "collections": len(FIRST_COLLECTIONS), "created": tx.now}


def provisioned(tx: Tx, account_id: int) -> bool:
    """True when the account was given its first collections."""
    return tx.one(_HOME, account=account_id) is not None


def listing(tx: Tx, account_id: int) -> list[Collection]:
    """Every collection of the account, oldest first."""
    return [collection_of(row) for row in tx.all(_LISTING, account=account_id)]


def held(tx: Tx, account_id: int) -> tuple[int, int]:
    """How many items all collections of the account hold, and their octets."""
    items, size = tx.one(_ROOM, account=account_id) or (0, 0)
    return int(items), int(size)


def find(tx: Tx, account_id: int, name: str) -> Collection | None:
    """A collection by the name in its address."""
    row = tx.one(_BY_NAME, account=account_id, wanted=name)
    return collection_of(row) if row is not None else None


def by_id(tx: Tx, account_id: int, collection_id: int) -> Collection | None:
    """A collection of the account by its id."""
    row = tx.one(_BY_ID, account=account_id, collection=collection_id)
    return collection_of(row) if row is not None else None


def create(tx: Tx, account_id: int, name: str, tag: str, props: Mapping[str, str]) -> Collection:
    """Make a collection. Raises Refused(CONFLICT | LIMIT | INVALID)."""
    provision(tx, account_id)
    count = _lock_home(tx, account_id)
    if find(tx, account_id, name) is not None:
        raise Refused(Reason.CONFLICT, "A collection of this name exists")
    if count >= MAX_COLLECTIONS:
        raise Refused(Reason.LIMIT, "Too many collections")
    if not name or octets(name) > MAX_NAME:
        raise Refused(Reason.INVALID, "Unusable collection name")
    _insert(tx, account_id, name, tag, props)
    tx.run(_HOME_COUNT, account=account_id, count=count + 1)
    tx.changed(account_id, 0)
    made = find(tx, account_id, name)
    assert made is not None  # inserted above
    return made


def describe(tx: Tx, account_id: int, collection_id: int, props: Mapping[str, str]) -> None:
    """Set all properties of a collection. Raises Refused(NOT_FOUND | LIMIT)."""
    held = lock(tx, account_id, collection_id)
    set_props(tx, held.id, props)
    advance(tx, held, items=0, octets=0)


def rename(tx: Tx, account_id: int, collection_id: int, name: str) -> None:
    """Give a collection another name in its address. Raises Refused(NOT_FOUND | CONFLICT | INVALID)."""
    _lock_home(tx, account_id)
    held = lock(tx, account_id, collection_id)
    if find(tx, account_id, name) is not None:
        raise Refused(Reason.CONFLICT, "A collection of this name exists")
    if not name or octets(name) > MAX_NAME:
        raise Refused(Reason.INVALID, "Unusable collection name")
    tx.execute(update(collection).where(collection.c.id == held.id).values(name=name))
    tx.changed(account_id, 0)


def drop(tx: Tx, account_id: int, collection_id: int, seen: int | None = None) -> None:
    """Delete a collection with its items, which are kept for a while, for whomever it is shared with too.

    `seen` is the modseq the caller saw, None for any.

    Raises Refused(NOT_FOUND | CONFLICT).
    """
    count = _lock_home(tx, account_id)
    held = lock(tx, account_id, collection_id)
    if seen is not None and seen != held.modseq:
        raise Refused(Reason.CONFLICT, "The collection changed meanwhile")
    if not held.source:
        agenda_deletions.keep_collection(tx, account_id, held.id)
    for table in (item, item_gone, collection_grant, agenda_feed):
        tx.execute(delete(table).where(table.c.collection_id == held.id))
    tx.execute(delete(collection).where(collection.c.id == held.id))
    tx.run(_HOME_COUNT, account=account_id, count=max(count - 1, 0))
    tx.changed(account_id, 0)


def lock(tx: Tx, account_id: int, collection_id: int) -> Collection:
    """The collection, its row locked until the commit. Raises Refused(NOT_FOUND)."""
    row = tx.one(_LOCK, account=account_id, collection=collection_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such collection")
    return collection_of(row)


def advance(tx: Tx, held: Collection, *, items: int, octets: int) -> None:
    """Take the next modseq of a locked collection and account for what came or went."""
    tx.run(
        _ADVANCE,
        collection=held.id,
        new_modseq=held.modseq + 1,
        new_items=held.items + items,
        new_octets=held.octets + octets,
        now=tx.now,
    )
    tx.changed(held.account_id, 0)


def set_props(tx: Tx, collection_id: int, props: Mapping[str, str]) -> None:
    """Write the properties of a locked collection. Raises Refused(LIMIT)."""
    tx.execute(update(collection).where(collection.c.id == collection_id).values(props=_pack(props)))


def octets(text: str) -> int:
    """Size of a text in UTF-8, without encoding it when it is ASCII."""
    return len(text) if text.isascii() else len(text.encode())


def collection_of(row: Row) -> Collection:
    """A collection from a row that begins with COLUMNS."""
    return Collection(row[0], row[1], row[2], row[3], json.loads(row[4]), *row[5:11])


def _lock_home(tx: Tx, account_id: int) -> int:
    """Lock the account's count of collections: creating and deleting take turns."""
    row = tx.one(_HOME_LOCK, account=account_id)
    return int(row[0]) if row is not None else 0


def _insert(tx: Tx, account_id: int, name: str, tag: str, props: Mapping[str, str]) -> None:
    if tag not in TAGS:
        raise Refused(Reason.INVALID, "Unknown kind of collection")
    tx.execute(insert(collection), _row(tx, account_id, name, tag, props))


def _row(tx: Tx, account_id: int, name: str, tag: str, props: Mapping[str, str]) -> dict[str, int | str]:
    return {"account_id": account_id, "name": name, "tag": tag, "props": _pack(props), "changed": tx.now}


def _pack(props: Mapping[str, str]) -> str:
    text = json.dumps(dict(props), ensure_ascii=False, sort_keys=True)
    if len(props) > MAX_PROPS or octets(text) > MAX_PROPS_OCTETS:
        raise Refused(Reason.LIMIT, "Too many properties")
    return text


def _new_rows(dialect: str) -> tuple[Statement, Statement]:
    """The homes of accounts, which it returns, and what they start with, of all that are `given`."""
    given, now = given_rows(dialect, "account"), bindparam("moment", type_=BigInteger)
    is_one = given.c.account > 0
    home = select(given.c.account, literal_column(str(len(FIRST_COLLECTIONS))), now).where(is_one)
    homes = insert_missing(dialect, agenda_home, ("account_id", "collections", "created"), home)
    each = (
        select(
            cast(place, Integer).label("place"),
            *(cast(text, Text).label(key) for key, text in (("name", name), ("tag", tag), ("props", _pack(props)))),
        )
        for place, (name, tag, props) in enumerate(FIRST_COLLECTIONS)
    )
    firsts = union_all(*each).subquery("firsts")
    rows = select(given.c.account, firsts.c.name, firsts.c.tag, firsts.c.props, now)
    rows = rows.select_from(given.join(firsts, is_one)).where(is_one).order_by(given.c.account, firsts.c.place)
    keys = ("account_id", "name", "tag", "props", "changed")
    return (
        Statement(homes.returning(agenda_home.c.account_id)),
        Statement(insert(collection).from_select(list(keys), rows)),
    )


_NEW = {dialect: _new_rows(dialect) for dialect in ("sqlite", "postgresql")}
