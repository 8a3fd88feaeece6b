"""The requests that change the tree, as frozen values read from the wire (RFC 4511 sections 4.6 to 4.9)."""

from dataclasses import dataclass
from enum import IntEnum

from directory.server.wire import ber
from mailserver.model.errors import BadSyntax

MAX_VALUES = 10_000
"""Attribute values of one request: reading them takes a hundredth of a second. Longer lists come in steps."""
MAX_CHANGES = 1_000
"""Attributes of an add, or changes of a modify."""


class Edit(IntEnum):
    """What a modification does with its values (RFC 4511 section 4.6; RFC 4525 for the last)."""

    ADD = 0
    DELETE = 1
    REPLACE = 2
    INCREMENT = 3


@dataclass(frozen=True, slots=True)
class Modification:
    edit: Edit
    attribute: str
    values: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Modify:
    entry: str
    changes: tuple[Modification, ...]


@dataclass(frozen=True, slots=True)
class Add:
    entry: str
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...]


@dataclass(frozen=True, slots=True)
class Delete:
    entry: str


@dataclass(frozen=True, slots=True)
class Rename:
    """`superior` None: the entry stays where it is."""

    entry: str
    relative: str
    delete_old: bool
    superior: str | None


Update = Add | Modify | Delete | Rename


def read_modify(reader: ber.Reader) -> Modify:
    """Raises BadSyntax."""
    entry, changes = reader.text(), reader.inside()
    reader.finish()
    found: list[Modification] = []
    count = 0
    while changes:
        change = changes.inside()
        edit = change.integer(ber.ENUMERATED)
        if edit not in tuple(Edit):
            raise BadSyntax("unknown kind of modification")
        attribute, values = _attribute(change.inside())
        change.finish()
        count = _bounded(found, count + len(values))
        found.append(Modification(Edit(edit), attribute, values))
    return Modify(entry, tuple(found))


def read_add(reader: ber.Reader) -> Add:
    """Raises BadSyntax."""
    entry, attributes = reader.text(), reader.inside()
    reader.finish()
    found: list[tuple[str, tuple[bytes, ...]]] = []
    count = 0
    while attributes:
        attribute, values = _attribute(attributes.inside())
        if not values:
            raise BadSyntax(f"{attribute}: an attribute of a new entry has a value")
        count = _bounded(found, count + len(values))
        found.append((attribute, values))
    return Add(entry, tuple(found))


def read_rename(reader: ber.Reader) -> Rename:
    """Raises BadSyntax."""
    entry, relative, delete_old = reader.text(), reader.text(), reader.boolean()
    superior = reader.text(0x80) if reader.tag() == 0x80 else None
    reader.finish()
    return Rename(entry, relative, delete_old, superior)


def read_delete(reader: ber.Reader) -> Delete:
    """The name is the whole content. Raises BadSyntax."""
    try:
        return Delete(reader.rest().decode("utf-8"))
    except UnicodeDecodeError:
        raise BadSyntax("a string is not UTF-8") from None


def _attribute(reader: ber.Reader) -> tuple[str, tuple[bytes, ...]]:
    """A PartialAttribute: its description and the set of its values (RFC 4511 section 4.1.7)."""
    name, inside = reader.text(), reader.inside(ber.SET)
    reader.finish()
    values: list[bytes] = []
    while inside:
        if len(values) == MAX_VALUES:
            raise BadSyntax(f"more than {MAX_VALUES} values")
        values.append(inside.octets())
    return name, tuple(values)


def _bounded(found: list[Modification] | list[tuple[str, tuple[bytes, ...]]], values: int) -> int:
    if len(found) == MAX_CHANGES:
        raise BadSyntax(f"more than {MAX_CHANGES} attributes")
    if values > MAX_VALUES:
        raise BadSyntax(f"more than {MAX_VALUES} values")
    return values
