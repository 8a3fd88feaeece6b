"""Changes to a directory of our own, as plain functions over one connection."""

from collections.abc import Mapping, Sequence

import ldap3

from directory.ldap.pool import SUCCESS, check
from directory.tree import Attributes
from mailserver.errors import Reason, Refused

NO_SUCH_OBJECT, ALREADY_EXISTS = 32, 68
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


def replace(connection: ldap3.Connection, dn: str, attributes: Attributes) -> None:
    """Give attributes new values; of no values: remove. Raises Refused(NOT_FOUND)."""
    changes = {name: [(ldap3.MODIFY_REPLACE, list(values))] for name, values in attributes.items()}
    _, result, _, _ = connection.modify(  # type: ignore[no-untyped-call]
        dn, changes
    )
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
