"""Entries of the address book that are nobody's account: they claim no identifier and never log in.

What such an entry says is a bounded set of LDAP attributes, kept as JSON; two folded columns find it by its
names and its addresses.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, false, insert, or_, select, true, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login, search_key
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.people.search.conditions import All, Condition, Contains, Equals, Field, Nothing, Some, Undefined
from mailserver.store.record.notices import DIRECTORY
from mailserver.store.schema.people.entries import contact_entry

MAX_VALUES = 200
"""Values of one entry."""
MAX_VALUE = 4096
"""Characters of one value."""
MAX_BINARY = 32768
"""Octets of one value that is not text: a photograph."""
MAX_OCTETS = 65536
"""Of one entry's JSON."""
MAX_KEY = 2000
"""Octets of all names of an entry, folded: an index row of PostgreSQL ends at 2,704."""

NAMES = ("cn", "sn", "givenName", "displayName", "uid")
"""Attributes by which an entry is found by name; `mail` finds it by address."""

_OCTETS = "octets"
"""Key of a value that is not text, in the JSON."""

Attributes = Mapping[str, Sequence[str]]
"""Values as text; octets that are none as surrogates (`surrogateescape`)."""


@dataclass(frozen=True, slots=True)
class Contact:
    """An entry as kept. `rdn` is its relative name as written; `key` the same, comparable."""

    id: int
    key: str
    rdn: str
    attributes: Attributes
    created: int
    modified: int


_ALL: Select[Any] = select(
    contact_entry.c.id,
    contact_entry.c.rdn_key,
    contact_entry.c.rdn,
    contact_entry.c.attributes,
    contact_entry.c.created,
    contact_entry.c.modified,
)
_GET = Statement(_ALL.where(contact_entry.c.rdn_key == bindparam("key")))
_STANDS = Statement(select(contact_entry.c.id).where(contact_entry.c.rdn_key == bindparam("key")))


def get(tx: Tx, key: str) -> Contact | None:
    """The entry of this relative name, comparable."""
    row = tx.one(_GET, key=key)
    return _contact(row) if row is not None else None


def stands(tx: Tx, key: str) -> bool:
    """Whether there is an entry of this relative name."""
    return tx.one(_STANDS, key=key) is not None


def matching(tx: Tx, condition: Condition, limit: int, after: int = 0) -> list[Contact]:
    """Entries that may satisfy a condition (too many perhaps, never too few), by ids greater than `after`."""
    rows = tx.execute(
        _ALL.where(contact_entry.c.id > after, _clause(condition)).order_by(contact_entry.c.id).limit(limit)
    )
    return [_contact(tuple(row)) for row in rows]


def any_below(tx: Tx, branch: str) -> bool:
    """Whether there is an entry in a branch of the tree, by its `ou`."""
    ending = contact_entry.c.rdn_key.endswith(f",ou={branch}", autoescape=True)
    return tx.execute(select(contact_entry.c.id).where(ending).limit(1)).first() is not None


def add(tx: Tx, key: str, rdn: str, attributes: Attributes) -> int:
    """Add an entry; its id. Raises Refused(CONFLICT | LIMIT)."""
    values = {"rdn_key": key, "rdn": rdn, **_columns(attributes), "created": tx.now, "modified": tx.now}
    if stands(tx, key):
        raise Refused(Reason.CONFLICT, "this entry exists already")
    made = tx.execute(insert(contact_entry).values(**values).returning(contact_entry.c.id)).scalar_one()
    tx.changed(DIRECTORY, 0)
    return int(made)


def change(tx: Tx, contact_id: int, attributes: Attributes) -> None:
    """Set everything an entry says. Raises Refused(NOT_FOUND | LIMIT)."""
    _set(tx, contact_id, _columns(attributes))


def rename(tx: Tx, contact_id: int, key: str, rdn: str, attributes: Attributes) -> None:
    """Give an entry another relative name. Raises Refused(CONFLICT | NOT_FOUND | LIMIT)."""
    other = get(tx, key)
    if other is not None and other.id != contact_id:
        raise Refused(Reason.CONFLICT, "this entry exists already")
    _set(tx, contact_id, {"rdn_key": key, "rdn": rdn, **_columns(attributes)})


def remove(tx: Tx, contact_id: int) -> bool:
    """Delete an entry; False when there was none."""
    done = tx.execute(delete(contact_entry).where(contact_entry.c.id == contact_id))
    tx.changed(DIRECTORY, 0)
    return bool(done.rowcount)


def _set(tx: Tx, contact_id: int, values: Mapping[str, str]) -> None:
    done = tx.execute(update(contact_entry).where(contact_entry.c.id == contact_id).values(**values, modified=tx.now))
    if not done.rowcount:
        raise Refused(Reason.NOT_FOUND)
    tx.changed(DIRECTORY, 0)


def _columns(attributes: Attributes) -> dict[str, str]:
    """What is kept of the attributes. Raises Refused(LIMIT)."""
    values = [value for found in attributes.values() for value in found]
    if len(values) > MAX_VALUES:
        raise Refused(Reason.LIMIT, f"an entry has at most {MAX_VALUES} values")
    packed = {name: [_packed(value) for value in found] for name, found in attributes.items() if found}
    text = json.dumps(packed, ensure_ascii=False)
    if len(text.encode("utf-8")) > MAX_OCTETS:
        raise Refused(Reason.LIMIT, f"an entry has at most {MAX_OCTETS} octets")
    named = "\n".join(dict.fromkeys(search_key(value) for name in NAMES for value in attributes.get(name, ())))
    if len(named.encode("utf-8")) > MAX_KEY:
        raise Refused(Reason.LIMIT, "the names of this entry are too long")
    mails = [fold_login(value) for value in attributes.get("mail", ())]
    return {
        "attributes": text,
        "name_key": named,
        "mail_key": f" {' '.join(mails)} " if mails else "",
    }


def _packed(value: str) -> str | dict[str, str]:
    """A value as JSON: what is not text came as surrogates, one an octet. Raises Refused(LIMIT)."""
    if value.isascii() or not any("\ud800" <= char <= "\udfff" for char in value):
        if len(value) > MAX_VALUE:
            raise Refused(Reason.LIMIT, f"a value has at most {MAX_VALUE} characters")
        return value
    octets = value.encode("utf-8", "surrogateescape")
    if len(octets) > MAX_BINARY:
        raise Refused(Reason.LIMIT, f"a value that is not text has at most {MAX_BINARY} octets")
    return {_OCTETS: base64.b64encode(octets).decode("ascii")}


def _unpacked(value: str | dict[str, str]) -> str:
    if isinstance(value, str):
        return value
    return base64.b64decode(value[_OCTETS]).decode("utf-8", "surrogateescape")


def _contact(row: Row) -> Contact:
    held = {name: tuple(map(_unpacked, found)) for name, found in json.loads(row[3]).items()}
    return Contact(row[0], row[1], row[2], held, row[4], row[5])


_NAMED = (Field.NAME, Field.GIVEN_NAME, Field.SURNAME, Field.LOGIN)


def _clause(condition: Condition) -> ColumnElement[bool]:
    """A looser condition over the two folded columns; what they cannot tell is let through."""
    match condition:
        case Nothing() | Undefined():
            return false()
        case All(conditions):
            return and_(true(), *map(_clause, conditions))
        case Some(conditions):
            return or_(false(), *map(_clause, conditions))
        case Equals(field, value):
            return _holds(field, value)
        case Contains(field, initial, middle, final):
            return and_(true(), *(_holds(field, piece) for piece in (initial, *middle, final) if piece))
        case _:
            return true()


def _holds(field: Field, piece: str) -> ColumnElement[bool]:
    if field in _NAMED:
        return contact_entry.c.name_key.contains(search_key(piece), autoescape=True)
    if field in (Field.ADDRESS, Field.PRIMARY_ADDRESS):
        return contact_entry.c.mail_key.contains(fold_login(piece), autoescape=True)
    return true()
