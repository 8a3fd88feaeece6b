"""Distribution lists of the embedded directory. Members are addresses, resolved at delivery."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update

from mailserver.errors import Reason, Refused
from mailserver.folding import fold_login, search_key
from mailserver.store.notices import DIRECTORY
from mailserver.store.schema.rosters import list_member, mailing_list
from mailserver.store.statements import Statement, Tx

MAX_MEMBERS = 50_000
"""Of one list: the whole staff of the largest academy fits."""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A list without its members."""

    address: str
    name: str
    owner: str
    created: int
    modified: int


_ALL: Select[Any] = select(
    mailing_list.c.address,
    mailing_list.c.name,
    mailing_list.c.owner,
    mailing_list.c.created,
    mailing_list.c.modified,
)
_GET = Statement(_ALL.where(mailing_list.c.address == bindparam("address")))
_MEMBERS = Statement(
    select(list_member.c.member).where(list_member.c.list == bindparam("address")).order_by(list_member.c.member)
)


def listing(tx: Tx) -> list[ListEntry]:
    """Every list, by address."""
    return [ListEntry(*tuple(row)) for row in tx.execute(_ALL.order_by(mailing_list.c.address))]


def get(tx: Tx, address: str) -> ListEntry | None:
    """A list by its address."""
    row = tx.one(_GET, address=fold_login(address))
    return ListEntry(*row) if row is not None else None


def members(tx: Tx, address: str) -> tuple[str, ...]:
    """The addresses of a list's members, in order."""
    return tuple(row[0] for row in tx.all(_MEMBERS, address=fold_login(address)))


def containing(tx: Tx, addresses: Sequence[str]) -> list[str]:
    """Addresses of the lists that have one of these among their members."""
    rows = tx.execute(
        select(list_member.c.list)
        .where(list_member.c.member.in_([fold_login(address) for address in addresses]))
        .distinct()
        .order_by(list_member.c.list)
    )
    return [row[0] for row in rows]


def create(tx: Tx, address: str, name: str, owner: str) -> None:
    """Add a list; its address is claimed already. Raises Refused(CONFLICT) when there is one."""
    values = {
        "address": fold_login(address),
        "name": name,
        "name_key": search_key(name),
        "owner": owner,
        "created": tx.now,
        "modified": tx.now,
    }
    if not tx.insert_ignore(mailing_list, values):
        raise Refused(Reason.CONFLICT, f"{address}: this list exists already")
    tx.changed(DIRECTORY, 0)


def add_members(tx: Tx, address: str, added: Iterable[str]) -> int:
    """Add members; how many were new. Raises Refused(LIMIT) beyond MAX_MEMBERS."""
    new = sum(tx.insert_ignore(list_member, {"list": address, "member": member}) for member in added)
    held = tx.execute(select(func.count()).where(list_member.c.list == address)).scalar_one()
    if held > MAX_MEMBERS:
        raise Refused(Reason.LIMIT, f"a list has at most {MAX_MEMBERS} members")
    _touch(tx, address)
    return new


def remove_members(tx: Tx, address: str, removed: Sequence[str]) -> int:
    """Remove members; how many were there."""
    done = tx.execute(delete(list_member).where(list_member.c.list == address, list_member.c.member.in_(removed)))
    _touch(tx, address)
    return int(done.rowcount)


def remove(tx: Tx, address: str) -> bool:
    """Delete a list with its members; False when there was none."""
    tx.execute(delete(list_member).where(list_member.c.list == address))
    done = tx.execute(delete(mailing_list).where(mailing_list.c.address == address))
    tx.changed(DIRECTORY, 0)
    return bool(done.rowcount)


def _touch(tx: Tx, address: str) -> None:
    tx.execute(update(mailing_list).where(mailing_list.c.address == address).values(modified=tx.now))
    tx.changed(DIRECTORY, 0)
