"""What a unit works with: the transaction, the tree, and who asks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from directory.entries.tree import Entry, Place, Tree
from directory.issuing.enrolment import Academy
from directory.issuing.hashing import Kept
from directory.lists.rosters import ListSettings
from directory.schema import names, schema
from directory.server.faults import Fault
from directory.server.wire.messages import Code
from directory.server.writing.modifying import Values
from mailserver.foundation.settings import Accounts as Terms
from mailserver.store.engine.statements import Tx
from mailserver.store.record.audit import Origin

Attributes = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Desk:
    """One unit's view of the world."""

    tx: Tx
    tree: Tree
    academy: Academy
    list_settings: ListSettings
    terms: Terms
    """What becomes of an account that is closed."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class Password:
    """What an update does with userPassword.

    `kept` is the new one; empty: there is none any more. `held` is the hash it was checked against; None: any.
    """

    kept: Kept
    held: str | None = None


class Writer(Protocol):
    """Turns attributes of one kind of entries into what the services know. All raise Fault and Refused."""

    loose: frozenset[str]
    """Attributes that may hold more afterwards than the client wrote."""
    free: frozenset[str]
    """Attributes that are read otherwise than they were written, by design."""

    def add(
        self, desk: Desk, place: Place, rdn: Sequence[names.Ava], values: Values, password: Password | None
    ) -> None:
        """Create the entry."""

    def modify(self, desk: Desk, entry: Entry, values: Values, password: Password | None) -> None:
        """Make the entry say `values`."""

    def rename(self, desk: Desk, entry: Entry, place: Place, rdn: Sequence[names.Ava], values: Values) -> None:
        """Give the entry the name of `place`, where nothing stands, and `values`."""

    def delete(self, desk: Desk, entry: Entry) -> None:
        """Take the entry away."""


def touched(before: Attributes, wanted: Attributes) -> frozenset[str]:
    """Attributes that a client wants otherwise than they are."""
    return frozenset(name for name in {*before, *wanted} if list(before.get(name, ())) != list(wanted.get(name, ())))


def hold_to(changed: frozenset[str], wanted: Attributes, after: Attributes, loose: frozenset[str]) -> None:
    """Every attribute that the client touched says what the client wrote. Raises Fault."""
    for name in sorted(changed):
        known = schema.BY_NAME[name.lower()]
        asked = {_key(known, value) for value in wanted.get(name, ())}
        kept = {_key(known, value) for value in after.get(name, ())}
        if asked != kept and not (name in loose and asked <= kept):
            raise Fault(Code.CONSTRAINT_VIOLATION, f"{name}: follows from other attributes here, or cannot be kept")


def refuse_password(password: Password | None) -> None:
    """For entries that never log in. Raises Fault."""
    if password is not None and password.kept.hash:
        raise Fault(Code.UNWILLING_TO_PERFORM, "userPassword: only accounts (acadPerson) have a password")


def _key(known: schema.AttributeType, value: str) -> object:
    key = schema.comparable(known, value)
    return value if key is None else key
