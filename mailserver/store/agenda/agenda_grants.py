"""Whom an agenda or address book is shared with, and what is shared with somebody.

Only the owner shares. Nothing has to be accepted: what is shared with somebody appears among theirs, and they may
leave it. What a grant lets its holder do with the items is `agenda_reach`. What the rules between populations forbid
does not count, whenever it was given.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import Sharing
from mailserver.store.account import accounts
from mailserver.store.account.populations import Ties, check_sharing
from mailserver.store.agenda import agendas
from mailserver.store.agenda.agendas import Collection
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import collection, collection_grant
from mailserver.texts.causes import Cause

MAX_GRANTS = 200
"""People one collection is shared with."""
MAX_RECEIVED = 150
"""Collections shared with one person: a client asks for each of them, and a form of the web names them all."""
MAX_FROM_ONE = 20
"""The same of one owner: nobody fills somebody else's home."""
SEPARATOR: Final = "~"
"""Between the owner's identifier and a collection's name in the address others know it by."""
SHAREABLE: Final = frozenset({agendas.CALENDAR, agendas.ADDRESS_BOOK})


class Role(StrEnum):
    """What a grant lets its holder do."""

    TIMES = "times"
    """See when its owner is busy, of an agenda, and nothing else."""
    READ = "read"
    WRITE = "write"
    """Add, change and delete items as well; never the collection."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Somebody a collection is shared with."""

    account_id: int
    login: str
    role: Role
    granted: int


@dataclass(frozen=True, slots=True)
class Reach:
    """A collection as somebody reaches it: their own, or one that is shared with them."""

    held: Collection
    owner: str = ""
    """The owner's identifier; empty: it is one's own."""
    role: Role | None = None
    colour: str = ""
    """The one its reader chose for it."""

    @property
    def name(self) -> str:
        """The segment of its address in the tree of whoever reaches it."""
        return f"{self.owner}{SEPARATOR}{self.held.name}" if self.owner else self.held.name

    @property
    def writable(self) -> bool:
        """True where items may be put and removed."""
        return self.role in (None, Role.WRITE) and not self.held.source


_GRANTED: Select[Any] = (
    select(*agendas.COLUMNS, account.c.login, collection_grant.c.role, collection_grant.c.colour)
    .select_from(
        collection_grant.join(collection, collection.c.id == collection_grant.c.collection_id).join(
            account, account.c.id == collection.c.account_id
        )
    )
    .where(collection_grant.c.account_id == bindparam("viewer"))
)
_RECEIVED = Statement(_GRANTED.order_by(account.c.login, collection.c.id).limit(MAX_RECEIVED))
_NAMED = Statement(_GRANTED.where(account.c.login == bindparam("login"), collection.c.name == bindparam("wanted")))
_ONE = Statement(_GRANTED.where(collection_grant.c.collection_id == bindparam("collection")))


def received(tx: Tx, account_id: int) -> list[Reach]:
    """What others share with somebody, by owner."""
    return _counting(tx, account_id, [_reach(row) for row in tx.all(_RECEIVED, viewer=account_id)])


def named(tx: Tx, account_id: int, name: str) -> Reach | None:
    """What is shared with somebody under a name `owner~collection`."""
    login, separator, inner = name.partition(SEPARATOR)
    row = tx.one(_NAMED, viewer=account_id, login=login, wanted=inner) if separator else None
    return _if_counting(tx, account_id, row)


def one(tx: Tx, account_id: int, collection_id: int) -> Reach | None:
    """The collection of this id, if it is shared with somebody."""
    return _if_counting(tx, account_id, tx.one(_ONE, viewer=account_id, collection=collection_id))


def _if_counting(tx: Tx, account_id: int, row: Row | None) -> Reach | None:
    return next(iter(_counting(tx, account_id, [_reach(row)])), None) if row is not None else None


def _counting(tx: Tx, account_id: int, reached: list[Reach]) -> list[Reach]:
    """What the rules between populations leave of what is shared with somebody."""
    if not reached:
        return []
    ties = Ties(tx, account_id, dict.fromkeys(reach.held.account_id for reach in reached))
    found = []
    for reach in reached:
        match ties.with_reader(reach.held.account_id):
            case Sharing.CHANGING:
                found.append(reach)
            case Sharing.READING:
                found.append(replace(reach, role=Role.READ) if reach.role is Role.WRITE else reach)
            case Sharing.NOTHING:
                continue
    return found


def grants(tx: Tx, account_id: int, collection_id: int) -> list[Grant]:
    """Whom a collection of the account is shared with, by identifier."""
    rows = tx.execute(
        select(collection_grant.c.account_id, account.c.login, collection_grant.c.role, collection_grant.c.granted)
        .join(account, account.c.id == collection_grant.c.account_id)
        .join(collection, collection.c.id == collection_grant.c.collection_id)
        .where(collection.c.id == collection_id, collection.c.account_id == account_id)
        .order_by(account.c.login)
    )
    return [Grant(row.account_id, row.login, Role(row.role), row.granted) for row in rows]


def counts(tx: Tx, account_id: int) -> dict[int, int]:
    """With how many people each collection of an account is shared; only where it is."""
    rows = tx.execute(
        select(collection_grant.c.collection_id, func.count().label("others"))
        .join(collection, collection.c.id == collection_grant.c.collection_id)
        .where(collection.c.account_id == account_id)
        .group_by(collection_grant.c.collection_id)
    )
    return {int(row.collection_id): int(row.others) for row in rows}


def grant(tx: Tx, account_id: int, collection_id: int, grantee_id: int, role: Role, origin: Origin) -> bool:
    """Share a collection of the account with somebody, or change their role; True when they did not have it before.

    Raises Refused(NOT_FOUND | INVALID | LIMIT | AUTHENTICATION), Denied.
    """
    accounts.still_in(tx, origin)
    held = agendas.lock(tx, account_id, collection_id)
    unfit = (role is Role.TIMES and held.tag != agendas.CALENDAR) or bool(held.source)
    if held.tag not in SHAREABLE or grantee_id == account_id or unfit:
        raise Refused(Reason.INVALID, "This cannot be shared")
    check_sharing(tx, (account_id,), grantee_id, Sharing.CHANGING if role is Role.WRITE else Sharing.READING)
    here = _row(collection_id, grantee_id)
    before = tx.execute(select(collection_grant.c.role).where(here)).scalar()
    if before == role:
        return False
    if before is not None:
        tx.execute(update(collection_grant).where(here).values(role=role.value))
    else:
        _check_room(tx, held, grantee_id)
        values = {"collection_id": collection_id, "account_id": grantee_id, "role": role.value, "granted": tx.now}
        tx.execute(insert(collection_grant), values)
    _told(tx, held, grantee_id, origin, before or "nothing", role.value)
    return before is None


def revoke(tx: Tx, account_id: int, collection_id: int, grantee_id: int, origin: Origin) -> None:
    """Stop sharing a collection of the account with somebody. Raises Refused(NOT_FOUND)."""
    held = agendas.lock(tx, account_id, collection_id)
    _end(tx, held, grantee_id, origin, "nothing")


def leave(tx: Tx, account_id: int, collection_id: int, origin: Origin) -> None:
    """Somebody does not want any more what is shared with them. Raises Refused(NOT_FOUND)."""
    row = tx.one(_ONE, viewer=account_id, collection=collection_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "No such collection")
    _end(tx, _reach(row).held, account_id, origin, "left")


def paint(tx: Tx, account_id: int, collection_id: int, colour: str) -> None:
    """The colour in which somebody sees what is shared with them. Raises Refused(NOT_FOUND)."""
    changed = update(collection_grant).where(_row(collection_id, account_id)).values(colour=colour)
    if not tx.execute(changed).rowcount:
        raise Refused(Reason.NOT_FOUND, "No such collection")
    tx.changed(account_id, 0)


def _row(collection_id: int, grantee_id: int) -> Any:
    return (collection_grant.c.collection_id == collection_id) & (collection_grant.c.account_id == grantee_id)


def _reach(row: Row) -> Reach:
    width = len(agendas.COLUMNS)
    login, role, colour = row[width : width + 3]
    return Reach(agendas.collection_of(row), login, Role(role), colour)


def _check_room(tx: Tx, held: Collection, grantee_id: int) -> None:
    """Raises Refused(INVALID | LIMIT)."""
    if tx.execute(select(account.c.id).where(account.c.id == grantee_id)).scalar() is None:
        raise Refused(Reason.INVALID, "No such account")
    given = select(func.count()).select_from(collection_grant)
    theirs = collection_grant.c.account_id == grantee_id
    owned = select(collection.c.id).where(collection.c.account_id == held.account_id)
    full = (
        (collection_grant.c.collection_id == held.id, MAX_GRANTS),
        (theirs, MAX_RECEIVED),
        (theirs & collection_grant.c.collection_id.in_(owned), MAX_FROM_ONE),
    )
    if any(tx.execute(given.where(which)).scalar_one() >= most for which, most in full):
        raise Refused(Reason.LIMIT, "Shared with too many, or too much shared with this person")


def _end(tx: Tx, held: Collection, grantee_id: int, origin: Origin, said: str) -> None:
    here = _row(held.id, grantee_id)
    before = tx.execute(select(collection_grant.c.role).where(here)).scalar()
    if not tx.execute(delete(collection_grant).where(here)).rowcount:
        raise Refused(Reason.NOT_FOUND, "Not shared with this person")
    _told(tx, held, grantee_id, origin, before or "nothing", said)


def _told(tx: Tx, held: Collection, grantee_id: int, origin: Origin, before: str, said: str) -> None:
    """On record, and both look again."""
    login = tx.execute(select(account.c.login).where(account.c.id == grantee_id)).scalar_one()
    where = f"/dav/ {held.name}"
    detail = Cause("mailbox-rights", mailbox=where, number=held.id, who=login, before=(before,), rights=(said,))
    audit.record(tx, origin, Action.RIGHTS_CHANGED, held.account_id, detail)
    tx.changed(held.account_id, 0)
    tx.changed(grantee_id, 0)
