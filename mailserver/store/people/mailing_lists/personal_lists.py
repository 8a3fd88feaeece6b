"""People's own distribution lists. Every function is scoped by account: nobody reads or uses another's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.people.rosters import personal_list, personal_list_member

PREFIX = "liste."
"""Behind the `+` of the owner's identifier, before the list's key: `edupont+liste.chorale@…`."""
MAX_LISTS = 200
MAX_MEMBERS = 1000
MAX_NAME = 100
MAX_KEY = 40


@dataclass(frozen=True, slots=True)
class PersonalList:
    """One list; `members` how many."""

    id: int
    name: str
    key: str
    members: int

    def address(self, login: str, domain: str) -> str:
        """What its owner writes to."""
        return f"{login}+{PREFIX}{self.key}@{domain}"


_COUNTED = (
    select(personal_list.c.id, personal_list.c.name, personal_list.c.key, func.count(personal_list_member.c.member))
    .select_from(personal_list)
    .outerjoin(personal_list_member, personal_list_member.c.list_id == personal_list.c.id)
    .group_by(personal_list.c.id, personal_list.c.name, personal_list.c.key)
)
_BY_KEY = Statement(
    select(personal_list.c.id).where(
        personal_list.c.account_id == bindparam("account"), personal_list.c.key == bindparam("key")
    )
)
_MEMBERS = Statement(
    select(personal_list_member.c.member)
    .join(personal_list, personal_list.c.id == personal_list_member.c.list_id)
    .where(personal_list.c.account_id == bindparam("account"), personal_list.c.id == bindparam("row"))
    .order_by(personal_list_member.c.member)
)


def listing(tx: Tx, account_id: int) -> list[PersonalList]:
    """A person's lists, by name."""
    rows = tx.execute(_COUNTED.where(personal_list.c.account_id == account_id).order_by(personal_list.c.key))
    return [PersonalList(*tuple(row)) for row in rows]


def get(tx: Tx, account_id: int, list_id: int) -> PersonalList:
    """One of a person's lists. Raises Refused(NOT_FOUND)."""
    row = tx.execute(_COUNTED.where(personal_list.c.account_id == account_id, personal_list.c.id == list_id)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    return PersonalList(*tuple(row))


def named(tx: Tx, account_id: int, name: str) -> PersonalList | None:
    """The one with this name or key, as its owner types it."""
    key = key_of(name)
    row = tx.execute(_COUNTED.where(personal_list.c.account_id == account_id, personal_list.c.key == key)).first()
    return PersonalList(*tuple(row)) if row is not None and key else None


def members(tx: Tx, account_id: int, list_id: int) -> tuple[str, ...]:
    """The addresses on one of a person's lists."""
    return tuple(row[0] for row in tx.all(_MEMBERS, account=account_id, row=list_id))


def members_of(tx: Tx, account_id: int, key: str) -> tuple[str, ...] | None:
    """The same by key; None: there is no such list."""
    row = tx.one(_BY_KEY, account=account_id, key=key)
    return members(tx, account_id, int(row[0])) if row is not None else None


def create(tx: Tx, account_id: int, name: str, addresses: Sequence[str]) -> int:
    """Make a list; its id. Raises Refused(CONFLICT | INVALID | LIMIT)."""
    clean, key = _checked(name)
    count = tx.execute(select(func.count()).where(personal_list.c.account_id == account_id)).scalar_one()
    if count >= MAX_LISTS:
        raise Refused(Reason.LIMIT, f"at most {MAX_LISTS} lists")
    if tx.one(_BY_KEY, account=account_id, key=key) is not None:
        raise Refused(Reason.CONFLICT, "a list with this name exists")
    values = {"account_id": account_id, "name": clean, "key": key, "created": tx.now, "modified": tx.now}
    list_id = int(tx.execute(insert(personal_list).values(values).returning(personal_list.c.id)).scalar_one())
    _fill(tx, list_id, addresses)
    return list_id


def change(tx: Tx, account_id: int, list_id: int, name: str, addresses: Sequence[str]) -> None:
    """Set name and members. A new name is a new address. Raises Refused(NOT_FOUND | CONFLICT | INVALID | LIMIT)."""
    clean, key = _checked(name)
    held = tx.one(_BY_KEY, account=account_id, key=key)
    if held is not None and held[0] != list_id:
        raise Refused(Reason.CONFLICT, "a list with this name exists")
    done = tx.execute(
        update(personal_list)
        .where(personal_list.c.account_id == account_id, personal_list.c.id == list_id)
        .values(name=clean, key=key, modified=tx.now)
    )
    if not done.rowcount:
        raise Refused(Reason.NOT_FOUND)
    tx.execute(delete(personal_list_member).where(personal_list_member.c.list_id == list_id))
    _fill(tx, list_id, addresses)


def remove(tx: Tx, account_id: int, list_id: int) -> None:
    """Delete a list. Raises Refused(NOT_FOUND)."""
    get(tx, account_id, list_id)
    tx.execute(delete(personal_list_member).where(personal_list_member.c.list_id == list_id))
    tx.execute(delete(personal_list).where(personal_list.c.account_id == account_id, personal_list.c.id == list_id))


def key_of(name: str) -> str:
    """What stands in the address for a name: letters, digits and hyphens; empty when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", search_key(name)).strip("-")[:MAX_KEY].strip("-")


def _checked(name: str) -> tuple[str, str]:
    clean = " ".join(name.split())
    key = key_of(clean)
    if not key or len(clean) > MAX_NAME or not clean.isprintable():
        raise Refused(Reason.INVALID, f"a name has 1 to {MAX_NAME} characters, a letter or digit among them")
    return clean, key


def _fill(tx: Tx, list_id: int, addresses: Sequence[str]) -> None:
    wanted = list(dict.fromkeys(addresses))
    if len(wanted) > MAX_MEMBERS:
        raise Refused(Reason.LIMIT, f"at most {MAX_MEMBERS} members")
    if wanted:
        tx.execute(insert(personal_list_member), [{"list_id": list_id, "member": member} for member in wanted])
