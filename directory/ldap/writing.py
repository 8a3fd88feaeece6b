"""Changes to a directory of our own, as plain functions over one connection."""

from collections.abc import Mapping, Sequence

import ldap3

from directory.entries.tree import PERSON_CLASSES, Attributes
from directory.ldap.lookups import search
from directory.ldap.pool import SUCCESS, check
from mailserver.model.errors import Reason, Refused

NO_SUCH_ATTRIBUTE, NO_SUCH_OBJECT, ALREADY_EXISTS = 16, 32, 68
_SCHEMA_CODES = frozenset({17, 21, 65})
"""undefinedAttributeType, invalidAttributeSyntax, objectClassViolation."""


def add_entry(connection: ldap3.Connection, dn: str, classes: Sequence[str], attributes: Attributes) -> None:
    """Raises Refused(CONFLICT) when there is an entry of this name already."""
    _, result, _, _ = connection.add(  # type: ignore[no-untyped-call]
        dn, list(classes), {name: list(values) for name, values in attributes.items()}
    )
    if result["result"] == ALREADY_EXISTS:
        raise Refused(Reason.CONFLICT, f"{dn}: this entry exists already")
    _succeeded(result, dn)


def ensure_entry(connection: ldap3.Connection, dn: str, classes: Sequence[str], attributes: Attributes) -> None:
    """The same; an entry that is there already and carries our account number becomes this one.

    So an addition whose answer was lost, or that a crash cut short, can be made again.
    """
    try:
        add_entry(connection, dn, classes, attributes)
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT or not _carries(connection, dn, attributes.get("acadAccountId", ())):
            raise
        replace(connection, dn, _without_name(dn, attributes))


def put_entry(connection: ldap3.Connection, dn: str, classes: Sequence[str], attributes: Attributes) -> None:
    """Make an entry, or give the one that is there these attributes."""
    try:
        add_entry(connection, dn, classes, attributes)
    except Refused as refusal:
        if refusal.reason is not Reason.CONFLICT:
            raise
        replace(connection, dn, _without_name(dn, attributes))


def _without_name(dn: str, attributes: Attributes) -> Attributes:
    """What the name of the entry is made of is never replaced (RFC 4511 section 4.6)."""
    naming = dn.partition("=")[0].lower()
    return {name: values for name, values in attributes.items() if name.lower() != naming}


def _carries(connection: ldap3.Connection, dn: str, number: Sequence[str]) -> bool:
    """True when the entry of this name carries this account number."""
    found = search(connection, dn, "(objectClass=*)", ("acadAccountId",), scope="BASE")
    return bool(number) and bool(found) and tuple(found[0].attributes.get("acadAccountId", ())) == tuple(number)


def replace(connection: ldap3.Connection, dn: str, attributes: Attributes) -> None:
    """Give attributes new values; of no values: remove. Raises Refused(NOT_FOUND)."""
    changes = {name: [(ldap3.MODIFY_REPLACE, list(values))] for name, values in attributes.items()}
    _, result, _, _ = connection.modify(  # type: ignore[no-untyped-call]
        dn, changes
    )
    _succeeded(result, dn)


def exchange(connection: ldap3.Connection, dn: str, attribute: str, old: str, new: str) -> bool:
    """Give an attribute another value in place of this one, in one step; False when it has another already."""
    changes = {attribute: [(ldap3.MODIFY_DELETE, [old]), (ldap3.MODIFY_ADD, [new])]}
    _, result, _, _ = connection.modify(  # type: ignore[no-untyped-call]
        dn, changes
    )
    if result["result"] == NO_SUCH_ATTRIBUTE:
        return False
    _succeeded(result, dn)
    return True


def replace_person(connection: ldap3.Connection, dn: str, attributes: Attributes) -> None:
    """The same for a person, whose entry gets the object classes that it lacks: it may be older than our schema is."""
    try:
        replace(connection, dn, attributes)
    except Refused as refusal:
        if refusal.reason is not Reason.CANNOT or not _widened(connection, dn):
            raise
        replace(connection, dn, attributes)


def _widened(connection: ldap3.Connection, dn: str) -> bool:
    """Add the classes of people that an entry has not; True when there was any."""
    found = search(connection, dn, "(objectClass=*)", ("objectClass",), scope="BASE")
    held = {name.lower() for entry in found for name in entry.attributes.get("objectClass", ())}
    missing = [name for name in PERSON_CLASSES if name.lower() not in held]
    if not held or not missing:
        return False
    change = {"objectClass": [(ldap3.MODIFY_ADD, missing)]}
    _, result, _, _ = connection.modify(dn, change)  # type: ignore[no-untyped-call]
    return bool(result["result"] == SUCCESS)


def remove(connection: ldap3.Connection, dn: str) -> None:
    """Take an entry out; one that is gone already is as good."""
    _, result, _, _ = connection.delete(dn)  # type: ignore[no-untyped-call]
    if result["result"] != NO_SUCH_OBJECT:
        _succeeded(result, dn)


def add_number(connection: ldap3.Connection, dn: str, number: int) -> None:
    """Write our account number into an entry that has none."""
    found, result, _, _ = connection.modify(  # type: ignore[no-untyped-call]
        dn,
        {
            "objectClass": [(ldap3.MODIFY_ADD, ["acadPerson"])],
            "acadAccountId": [(ldap3.MODIFY_ADD, [str(number)])],
        },
    )
    if not found:
        # The class may be there already; then only the number is missing.
        _, result, _, _ = connection.modify(  # type: ignore[no-untyped-call]
            dn, {"acadAccountId": [(ldap3.MODIFY_ADD, [str(number)])]}
        )
    _succeeded(result, dn)


def _succeeded(result: Mapping[str, object], dn: str) -> None:
    check(result)
    code = result["result"]
    if code == SUCCESS:
        return
    if code == NO_SUCH_OBJECT:
        raise Refused(Reason.NOT_FOUND, f"{dn}: no such entry")
    if code in _SCHEMA_CODES:
        raise Refused(Reason.CANNOT, "the directory lacks our schema: load deploy/mailserver.schema")
    raise Refused(Reason.CANNOT, f"the directory refuses the change: {result['description']}")
