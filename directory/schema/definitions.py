"""The attribute types and object classes of the tree: one table for everything that speaks of them.

The standard ones carry their own numbers (RFC 4519, RFC 2798, eduPerson, SUPANN, SCHAC). Ours live under one
arc made from a UUID (ITU-T X.667: 2.25.N needs no registration): `.1` attribute types, `.2` object classes. A
number, once given, keeps its meaning for ever.
"""

from dataclasses import dataclass

from directory.schema.matching_rules import (
    ATTRIBUTE_TYPE,
    BOOLEAN,
    BOOLEAN_MATCH,
    CASE_EXACT,
    CASE_IGNORE,
    CASE_IGNORE_IA5,
    CLASS,
    DN,
    DN_MATCH,
    FAX,
    IA5,
    INTEGER,
    INTEGER_MATCH,
    JPEG,
    MATCHING_RULE,
    OCTETS,
    OCTETS_MATCH,
    OID,
    OID_MATCH,
    PRINTABLE,
    STRING,
    SYNTAX,
    TELEPHONE,
    TELEPHONE_MATCH,
    TIME,
    TIME_MATCH,
    UUID,
    UUID_MATCH,
    Rule,
)

ARC = "2.25.214369060024592588636620914225914994140"


@dataclass(frozen=True, slots=True)
class AttributeType:
    """`substrings` and `ordering` say whether such assertions apply; `kinds` are its subtypes and itself."""

    oid: str
    names: tuple[str, ...]
    syntax: str
    rule: Rule | None
    substrings: bool = False
    ordering: bool = False
    single: bool = False
    operational: bool = False
    superior: str = ""

    @property
    def name(self) -> str:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class ObjectClass:
    oid: str
    name: str
    kind: str
    superior: str
    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()


# ---------------------------------------------------------------------------- attribute types


def _string(oid: str, *spellings: str, superior: str = "", single: bool = False) -> AttributeType:
    return AttributeType(oid, spellings, STRING, CASE_IGNORE, True, single=single, superior=superior)


def _ia5(oid: str, *spellings: str, single: bool = False) -> AttributeType:
    return AttributeType(oid, spellings, IA5, CASE_IGNORE_IA5, True, single=single)


def _dn(oid: str, name: str, *, superior: str = "", operational: bool = False) -> AttributeType:
    return AttributeType(oid, (name,), DN, DN_MATCH, single=operational, operational=operational, superior=superior)


def _phone(oid: str, *spellings: str) -> AttributeType:
    return AttributeType(oid, spellings, TELEPHONE, TELEPHONE_MATCH, True)


def _about_server(oid: str, name: str, syntax: str = OID, rule: Rule | None = OID_MATCH) -> AttributeType:
    return AttributeType(oid, (name,), syntax, rule, operational=True)


def _equal(oid: str, name: str, *, single: bool = False) -> AttributeType:
    """A string that is compared whole only."""
    return AttributeType(oid, (name,), STRING, CASE_IGNORE, single=single)


def _exact(oid: str, name: str, *, single: bool = False) -> AttributeType:
    return AttributeType(oid, (name,), STRING, CASE_EXACT, True, single=single)


def _boolean(oid: str, name: str) -> AttributeType:
    return AttributeType(oid, (name,), BOOLEAN, BOOLEAN_MATCH, single=True)


_COSINE = "0.9.2342.19200300.100.1"
_NETSCAPE = "2.16.840.1.113730.3.1"
_EDUPERSON = "1.3.6.1.4.1.5923.1.1.1"
_SUPANN = "1.3.6.1.4.1.7135.1.2.1"
_SCHAC = "1.3.6.1.4.1.25178.1.2"

ATTRIBUTES = (
    AttributeType("2.5.4.0", ("objectClass",), OID, OID_MATCH),
    _string("2.5.4.41", "name"),
    _string("2.5.4.3", "cn", "commonName", superior="name"),
    _string("2.5.4.4", "sn", "surname", superior="name"),
    _string("2.5.4.42", "givenName", "gn", superior="name"),
    _string("2.5.4.43", "initials", superior="name"),
    _string("2.5.4.7", "l", "localityName", superior="name"),
    _string("2.5.4.8", "st", "stateOrProvinceName", superior="name"),
    _string("2.5.4.10", "o", "organizationName", superior="name"),
    _string("2.5.4.11", "ou", "organizationalUnitName", superior="name"),
    _string("2.5.4.12", "title", superior="name"),
    _string("2.5.4.9", "street", "streetAddress"),
    _string("2.5.4.13", "description"),
    _string("2.5.4.15", "businessCategory"),
    _string("2.5.4.17", "postalCode"),
    _string("2.5.4.19", "physicalDeliveryOfficeName"),
    _phone("2.5.4.20", "telephoneNumber"),
    AttributeType("2.5.4.23", ("facsimileTelephoneNumber", "fax"), FAX, None),
    _dn("2.5.4.49", "distinguishedName"),
    _dn("2.5.4.31", "member", superior="distinguishedName"),
    _dn("2.5.4.32", "owner", superior="distinguishedName"),
    _dn("2.5.4.34", "seeAlso", superior="distinguishedName"),
    AttributeType("2.5.4.35", ("userPassword",), OCTETS, OCTETS_MATCH),
    _string(f"{_COSINE}.1", "uid", "userid"),
    _ia5(f"{_COSINE}.3", "mail", "rfc822Mailbox"),
    _string(f"{_COSINE}.6", "roomNumber"),
    _dn(f"{_COSINE}.10", "manager"),
    _phone(f"{_COSINE}.20", "homePhone", "homeTelephoneNumber"),
    _ia5(f"{_COSINE}.25", "dc", "domainComponent", single=True),
    _phone(f"{_COSINE}.41", "mobile", "mobileTelephoneNumber"),
    _string(f"{_NETSCAPE}.1", "carLicense"),
    _string(f"{_NETSCAPE}.2", "departmentNumber"),
    _string(f"{_NETSCAPE}.3", "employeeNumber", single=True),
    _string(f"{_NETSCAPE}.4", "employeeType"),
    _string(f"{_NETSCAPE}.39", "preferredLanguage", single=True),
    _string(f"{_NETSCAPE}.241", "displayName", single=True),
    AttributeType("1.3.6.1.4.1.250.1.57", ("labeledURI",), STRING, CASE_EXACT),
    AttributeType(f"{_COSINE}.60", ("jpegPhoto",), JPEG, None),
    # eduPerson (Internet2).
    _equal(f"{_EDUPERSON}.1", "eduPersonAffiliation"),
    _equal(f"{_EDUPERSON}.2", "eduPersonNickname"),
    _equal(f"{_EDUPERSON}.5", "eduPersonPrimaryAffiliation", single=True),
    _equal(f"{_EDUPERSON}.6", "eduPersonPrincipalName", single=True),
    AttributeType(f"{_EDUPERSON}.7", ("eduPersonEntitlement",), STRING, CASE_EXACT),
    _equal(f"{_EDUPERSON}.9", "eduPersonScopedAffiliation"),
    # SUPANN 2009.6; without supannCodeINE, supannEtuId, supannEmpId and supannMailPerso, which are nobody's business.
    _boolean(f"{_SUPANN}.1", "supannListeRouge"),
    _string(f"{_SUPANN}.2", "supannActivite"),
    AttributeType(f"{_SUPANN}.4", ("supannCivilite",), PRINTABLE, CASE_IGNORE, True, single=True),
    _ia5(f"{_SUPANN}.6", "supannCodeEntite", single=True),
    _ia5(f"{_SUPANN}.7", "supannCodeEntiteParent"),
    _ia5(f"{_SUPANN}.8", "supannEntiteAffectation"),
    AttributeType(
        f"{_SUPANN}.12", ("supannAutreTelephone",), TELEPHONE, TELEPHONE_MATCH, True, superior="telephoneNumber"
    ),
    _ia5(f"{_SUPANN}.13", "supannEntiteAffectationPrincipale", single=True),
    _string(f"{_SUPANN}.14", "supannEtablissement"),
    _string(f"{_SUPANN}.16", "supannTypeEntite"),
    _exact(f"{_SUPANN}.20", "supannAliasLogin", single=True),
    _string(f"{_SUPANN}.23", "supannRoleGenerique"),
    _string(f"{_SUPANN}.24", "supannRoleEntite"),
    # SCHAC (REFEDS).
    AttributeType(f"{_SCHAC}.17", ("schacExpiryDate",), TIME, TIME_MATCH, ordering=True, single=True),
    # Ours: deploy/mailserver.schema.
    AttributeType(f"{ARC}.1.1", ("acadAccountId",), INTEGER, INTEGER_MATCH, ordering=True, single=True),
    _ia5(f"{ARC}.1.2", "acadAddress", single=True),
    _string(f"{ARC}.1.3", "acadUAI"),
    _string(f"{ARC}.1.4", "acadDiscipline"),
    _string(f"{ARC}.1.5", "acadState", single=True),
    _ia5(f"{ARC}.1.6", "acadMemberAddress"),
    _string(f"{ARC}.1.7", "acadFunction"),
    _string(f"{ARC}.1.8", "acadClass"),
    _string(f"{ARC}.1.9", "acadGroup"),
    _string(f"{ARC}.1.10", "acadDisciplineCode"),
    _string(f"{ARC}.1.11", "acadPost"),
    _string(f"{ARC}.1.12", "acadSchoolKind", single=True),
    _string(f"{ARC}.1.13", "acadContract", single=True),
    _string(f"{ARC}.1.14", "acadListQuery", single=True),
    _string(f"{ARC}.1.15", "acadListWriters", single=True),
    _boolean(f"{ARC}.1.16", "acadListModerated"),
    _boolean(f"{ARC}.1.17", "acadListHidden"),
    _ia5(f"{ARC}.1.18", "acadHolder"),
    # Operational (RFC 4512 sections 3.4, 4.2, 5.1).
    _dn("1.3.6.1.1.20", "entryDN", operational=True),
    AttributeType("1.3.6.1.1.16.4", ("entryUUID",), UUID, UUID_MATCH, ordering=True, single=True, operational=True),
    AttributeType("2.5.21.9", ("structuralObjectClass",), OID, OID_MATCH, single=True, operational=True),
    AttributeType("2.5.18.9", ("hasSubordinates",), BOOLEAN, BOOLEAN_MATCH, single=True, operational=True),
    AttributeType("2.5.18.1", ("createTimestamp",), TIME, TIME_MATCH, ordering=True, single=True, operational=True),
    AttributeType("2.5.18.2", ("modifyTimestamp",), TIME, TIME_MATCH, ordering=True, single=True, operational=True),
    _dn("2.5.18.10", "subschemaSubentry", operational=True),
    _about_server("2.5.21.4", "matchingRules", MATCHING_RULE, None),
    _about_server("2.5.21.5", "attributeTypes", ATTRIBUTE_TYPE, None),
    _about_server("2.5.21.6", "objectClasses", CLASS, None),
    _about_server("1.3.6.1.4.1.1466.101.120.16", "ldapSyntaxes", SYNTAX, None),
    _about_server("1.3.6.1.4.1.1466.101.120.5", "namingContexts", DN, DN_MATCH),
    _about_server("1.3.6.1.4.1.1466.101.120.13", "supportedControl"),
    _about_server("1.3.6.1.4.1.1466.101.120.7", "supportedExtension"),
    _about_server("1.3.6.1.4.1.4203.1.3.5", "supportedFeatures"),
    _about_server("1.3.6.1.4.1.1466.101.120.15", "supportedLDAPVersion", INTEGER, INTEGER_MATCH),
    _about_server("1.3.6.1.4.1.1466.101.120.14", "supportedSASLMechanisms", STRING, CASE_IGNORE),
    _about_server("1.3.6.1.1.4", "vendorName", STRING, CASE_EXACT),
    _about_server("1.3.6.1.1.5", "vendorVersion", STRING, CASE_EXACT),
)

# ---------------------------------------------------------------------------- object classes

_SUPANN_CLASS = "1.3.6.1.4.1.7135.1.2.2"
_PERSON_MAY = ("userPassword", "telephoneNumber", "seeAlso", "description")
_PLACE_MAY = (
    *("street", "postalCode", "physicalDeliveryOfficeName", "st", "l"),
    *("telephoneNumber", "facsimileTelephoneNumber"),
)
_UNIT_MAY = ("description", "businessCategory", "seeAlso", *_PLACE_MAY)

CLASSES = (
    ObjectClass("2.5.6.0", "top", "ABSTRACT", "", ("objectClass",)),
    ObjectClass("1.3.6.1.4.1.1466.344", "dcObject", "AUXILIARY", "top", ("dc",)),
    ObjectClass("2.5.6.4", "organization", "STRUCTURAL", "top", ("o",), ("userPassword", "description", *_PLACE_MAY)),
    ObjectClass("2.5.6.5", "organizationalUnit", "STRUCTURAL", "top", ("ou",), _UNIT_MAY),
    ObjectClass("2.5.6.6", "person", "STRUCTURAL", "top", ("sn", "cn"), _PERSON_MAY),
    ObjectClass("2.5.6.7", "organizationalPerson", "STRUCTURAL", "person", (), ("title", "ou", *_PLACE_MAY)),
    ObjectClass("2.5.6.8", "organizationalRole", "STRUCTURAL", "top", ("cn",), ("ou", "description", *_PLACE_MAY)),
    ObjectClass(
        "2.5.6.9",
        "groupOfNames",
        "STRUCTURAL",
        "top",
        ("member", "cn"),
        ("businessCategory", "seeAlso", "owner", "ou", "o", "description"),
    ),
    ObjectClass(
        "2.16.840.1.113730.3.2.2",
        "inetOrgPerson",
        "STRUCTURAL",
        "organizationalPerson",
        (),
        (
            *("businessCategory", "carLicense", "departmentNumber", "displayName", "employeeNumber"),
            *("employeeType", "givenName", "homePhone", "initials", "jpegPhoto", "labeledURI", "mail"),
            *("manager", "mobile", "o", "preferredLanguage", "roomNumber", "uid"),
        ),
    ),
    ObjectClass(
        "1.3.6.1.4.1.5923.1.1.2",
        "eduPerson",
        "AUXILIARY",
        "top",
        (),
        (
            *("eduPersonAffiliation", "eduPersonNickname", "eduPersonPrimaryAffiliation"),
            *("eduPersonPrincipalName", "eduPersonEntitlement", "eduPersonScopedAffiliation"),
        ),
    ),
    ObjectClass(
        f"{_SUPANN_CLASS}.1",
        "supannPerson",
        "AUXILIARY",
        "top",
        (),
        (
            *("supannListeRouge", "supannActivite", "supannCivilite", "supannEntiteAffectation"),
            *("supannAutreTelephone", "supannEntiteAffectationPrincipale", "supannEtablissement"),
            *("supannAliasLogin", "supannRoleGenerique", "supannRoleEntite"),
        ),
    ),
    ObjectClass(f"{_SUPANN_CLASS}.2", "supannOrg", "AUXILIARY", "top", (), ("supannEtablissement",)),
    ObjectClass(
        f"{_SUPANN_CLASS}.3",
        "supannEntite",
        "AUXILIARY",
        "top",
        ("supannCodeEntite",),
        ("supannTypeEntite", "supannCodeEntiteParent"),
    ),
    ObjectClass("1.3.6.1.4.1.25178.1.1.5", "schacEntryMetadata", "AUXILIARY", "top", (), ("schacExpiryDate",)),
    ObjectClass("2.5.20.1", "subschema", "AUXILIARY", "top"),
    ObjectClass(
        f"{ARC}.2.1",
        "acadPerson",
        "AUXILIARY",
        "top",
        (),
        (
            *("acadAccountId", "acadAddress", "acadUAI", "acadDiscipline", "acadState"),
            *("acadFunction", "acadClass", "acadGroup", "acadDisciplineCode", "acadPost"),
        ),
    ),
    ObjectClass(
        f"{ARC}.2.2",
        "acadStructure",
        "AUXILIARY",
        "top",
        ("acadUAI",),
        ("displayName", "mail", "acadSchoolKind", "acadContract"),
    ),
    ObjectClass(
        f"{ARC}.2.3",
        "acadList",
        "AUXILIARY",
        "top",
        ("mail",),
        (
            *("acadMemberAddress", "member", "owner", "displayName", "acadUAI"),
            *("acadListQuery", "acadListWriters", "acadListModerated", "acadListHidden"),
        ),
    ),
    ObjectClass(
        f"{ARC}.2.4",
        "acadTerm",
        "STRUCTURAL",
        "top",
        (),
        (
            *("acadFunction", "acadClass", "acadGroup", "acadDisciplineCode"),
            *("acadUAI", "description"),
        ),
    ),
    ObjectClass(f"{ARC}.2.5", "acadFunctionalBox", "AUXILIARY", "top", ("mail",), ("acadHolder", "acadUAI")),
)
