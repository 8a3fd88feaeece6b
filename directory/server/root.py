"""The two entries outside the tree: what the server can do, and the schema it speaks (RFC 4512 sections 4.2, 5.1)."""

from directory.entries.person_attributes import SUBSCHEMA
from directory.entries.tree import Entry, Kind, Place, Tree
from directory.schema import names, schema
from directory.server import controls
from directory.server.wire import messages
from mailserver import __version__

MANAGE_DSA_IT = "2.16.840.1.113730.3.4.2"
"""RFC 3296: see referrals as entries. We have none, so the wish is granted by doing nothing."""
CONTROLS = frozenset({messages.PAGED_RESULTS, MANAGE_DSA_IT, *controls.SERVED})
ALL_OPERATIONAL = "1.3.6.1.4.1.4203.1.5.1"
"""`+` (RFC 3673)."""
TRUE_FALSE_FILTERS = "1.3.6.1.4.1.4203.1.5.3"
"""`(&)` and `(|)` (RFC 4526)."""
INCREMENT = "1.3.6.1.1.14"
"""Modify-Increment (RFC 4525)."""

PUBLIC = frozenset(known.name for known in schema.ATTRIBUTES)
_NOWHERE = Place(Kind.BASE)
_SUBSCHEMA = names.comparable(names.parse(SUBSCHEMA))


def root_dse(tree: Tree, tls: bool) -> Entry:
    """The root of everything; StartTLS is offered while there is something to start."""
    extensions = (messages.WHO_AM_I, messages.PASSWORD_MODIFY, *((messages.START_TLS,) if tls else ()))
    return Entry(
        "",
        _NOWHERE,
        {
            "objectClass": ("top",),
            "namingContexts": (tree.base,),
            "subschemaSubentry": (tree.subschema_dn,),
            "supportedLDAPVersion": ("3",),
            "supportedControl": tuple(sorted(CONTROLS)),
            "supportedExtension": extensions,
            "supportedFeatures": (ALL_OPERATIONAL, TRUE_FALSE_FILTERS, INCREMENT),
            "vendorName": ("mailserver",),
            "vendorVersion": (__version__,),
            "entryDN": ("",),
        },
    )


def outside(tree: Tree, name: names.Name, tls: bool) -> Entry | None:
    """The one of the two that has this name."""
    if not name:
        return root_dse(tree, tls)
    return subschema(tree) if name == _SUBSCHEMA else None


def subschema(tree: Tree) -> Entry:
    """Everything the tree's entries are made of."""
    return Entry(
        tree.subschema_dn,
        _NOWHERE,
        {
            "objectClass": ("top", "subschema"),
            "cn": ("subschema",),
            "attributeTypes": tuple(schema.describe_attribute(known) for known in schema.ATTRIBUTES),
            "objectClasses": tuple(schema.describe_class(known) for known in schema.CLASSES),
            "matchingRules": tuple(schema.describe_rules()),
            "ldapSyntaxes": tuple(schema.describe_syntaxes()),
            "entryDN": (tree.subschema_dn,),
            "subschemaSubentry": (tree.subschema_dn,),
        },
    )
