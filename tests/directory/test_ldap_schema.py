"""One schema in three places: our table, the files of deploy/ as OpenLDAP reads them, and the standards it ships."""

import re

import ldap3
import pytest

from directory.schema import schema
from directory.schema.schema import AttributeType, ObjectClass
from tests.directory import slapd
from tests.directory.slapd import Slapd

pytestmark = pytest.mark.needs("slapd")

OUR_FILES = (schema.ARC, "1.3.6.1.4.1.5923.", "1.3.6.1.4.1.7135.", "1.3.6.1.4.1.25178.")
"""What deploy/ defines: there both sides say the same, word for word."""


@pytest.fixture(scope="module")
def theirs(openldap: Slapd) -> dict[str, list[str]]:
    """What OpenLDAP publishes in its subschema entry."""
    if not openldap.running:
        openldap.start()
    server = ldap3.Server(openldap.url, get_info=ldap3.NONE)
    connection = ldap3.Connection(server, slapd.ADMIN, slapd.PASSWORD, client_strategy=ldap3.SAFE_SYNC)
    connection.bind()
    wanted = ["attributeTypes", "objectClasses"]
    _, _, response, _ = connection.search("cn=Subschema", "(objectClass=subschema)", "BASE", attributes=wanted)
    connection.unbind()
    return {name: [value.decode() for value in response[0]["raw_attributes"][name]] for name in wanted}


def described(definitions: list[str], oid: str) -> str:
    """The definition with this number."""
    return next(text for text in definitions if text.startswith(f"( {oid} "))


def word(text: str, keyword: str) -> str:
    found = re.search(rf" {keyword} ([^ {{]+)", text)
    return found[1] if found else ""


def inherited(definitions: list[str], oid: str, keyword: str) -> str:
    """A keyword of a definition, or of the type it is derived from."""
    text = described(definitions, oid)
    parent = word(text, "SUP")
    return word(text, keyword) or (
        inherited(definitions, schema.BY_NAME[parent.lower()].oid, keyword) if parent else ""
    )


@pytest.mark.parametrize("known", schema.ATTRIBUTES, ids=lambda known: known.name)
def test_attribute_types(theirs: dict[str, list[str]], known: AttributeType) -> None:
    definitions = theirs["attributeTypes"]
    text = described(definitions, known.oid)
    for name in known.names:
        assert f"'{name}'" in text
    assert ("SINGLE-VALUE" in text) == known.single or known.operational
    rule = inherited(definitions, known.oid, "EQUALITY")
    if known.rule is None:
        return  # we compare nothing with it, whatever they do
    assert rule.lower() in (known.rule.name.lower(), "objectidentifierfirstcomponentmatch", "")
    assert inherited(definitions, known.oid, "SYNTAX") == known.syntax
    if rule == known.rule.name:
        assert bool(inherited(definitions, known.oid, "SUBSTR")) == known.substrings
        assert bool(inherited(definitions, known.oid, "ORDERING")) == known.ordering


@pytest.mark.parametrize("known", schema.CLASSES, ids=lambda known: known.name)
def test_object_classes(theirs: dict[str, list[str]], known: ObjectClass) -> None:
    text = described(theirs["objectClasses"], known.oid)
    assert f"'{known.name}'" in text
    assert known.kind in text
    assert (word(text, "SUP") or "") in (known.superior, "top", "")
    if known.oid.startswith(OUR_FILES):
        assert members(text, "MUST") == set(known.must)
        assert members(text, "MAY") == set(known.may)
    else:
        assert set(known.must) <= members(text, "MUST")
        assert set(known.may) <= members(text, "MAY") | members(text, "MUST")


def members(text: str, keyword: str) -> set[str]:
    """The attributes after MUST or MAY."""
    found = re.search(rf" {keyword} (?:\( ([^)]*) \)|([^ ]+))", text)
    return set((found[1] or found[2]).split(" $ ")) if found else set()


def test_our_arc_is_the_uuid_it_says() -> None:
    assert re.fullmatch(r"2\.25\.[1-9][0-9]{30,38}", schema.ARC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("19700101000000Z", 0.0),
        ("197001010000Z", 0.0),
        ("1970010101Z", 3600.0),
        ("19700101000000.5Z", 0.5),
        ("1970010100.5Z", 1800.0),
        ("19700101020000+0200", 0.0),
        ("19691231233000-0030", 0.0),
        ("19700101000000", None),
        ("19701301000000Z", None),
        ("x", None),
    ],
)
def test_generalized_time(text: str, seconds: float | None) -> None:
    assert schema.TIME_MATCH.read(text) == seconds
