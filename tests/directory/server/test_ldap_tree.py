"""The shape of the tree: names both ways, entries both ways, and who may read what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.entries import tree
from directory.entries.tree import Group, Kind, Person, Place, Tree
from mailserver.model.errors import BadSyntax
from mailserver.model.identity import Affiliation, Role, Tie
from mailserver.store.people import affiliations

BASE = "dc=ac-exemple,dc=fr"
TREE = Tree(BASE, "ac-exemple.fr")

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda t: t.strip() == t
)
logins = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
addresses = st.builds("{}@ac-exemple.fr".format, logins)


@pytest.mark.parametrize(
    ("dn", "place"),
    [
        (BASE, Place(Kind.BASE)),
        ("DC=AC-Exemple, DC=FR", Place(Kind.BASE)),
        (f"ou=People,{BASE}", Place(Kind.PEOPLE)),
        (f"uid=EDupont,ou=people,{BASE}", Place(Kind.PERSON, "edupont")),
        (f"ou=0210006T,ou=structures,{BASE}", Place(Kind.STRUCTURE, "0210006t")),
        (f"cn=profs.maths,ou=groups,{BASE}", Place(Kind.GROUP, "profs.maths")),
        (f"cn=Admin,{BASE}", Place(Kind.ADMIN)),
        ("", None),
        ("dc=fr", None),
        ("dc=ac-autre,dc=fr", None),
        (f"cn=EDupont,ou=people,{BASE}", Place(Kind.CONTACT, "cn=edupont,ou=people")),
        (f"uid=a+cn=B,ou=people,{BASE}", Place(Kind.CONTACT, "cn=b+uid=a,ou=people")),
        (f"mail=Z@x.fr, ou=contacts,{BASE}", Place(Kind.CONTACT, "mail=z@x.fr,ou=contacts")),
        (f"acadClass=0210006T$4B,ou=0210006T,ou=structures,{BASE}", Place(Kind.CLASS, "0210006t$4b")),
        (f"acadGroup=0210006T$4B,ou=0210006T,ou=structures,{BASE}", Place(Kind.SUBGROUP, "0210006t$4b")),
        (f"acadClass=0210007U$4B,ou=0210006T,ou=structures,{BASE}", None),
        (f"acadClass=0210006T$4B,ou=structures,{BASE}", None),
        (f"acadDisciplineCode=L1300,ou=disciplines,{BASE}", Place(Kind.DISCIPLINE, "l1300")),
        (f"acadFunction=ENS,ou=functions,{BASE}", Place(Kind.FUNCTION, "ens")),
        (f"acadFunction=ENS,ou=disciplines,{BASE}", None),
        (f"uid=a,uid=b,ou=people,{BASE}", None),
        (f"uid=a,cn=admin,{BASE}", None),
        (f"uid=admin,{BASE}", None),
    ],
)
def test_places(dn: str, place: Place | None) -> None:
    assert TREE.locate(dn) == place


def test_bad_names() -> None:
    with pytest.raises(BadSyntax):
        TREE.locate("uid")
    with pytest.raises(BadSyntax):
        Tree("nonsense", "ac-exemple.fr")


@given(words)
def test_every_login_has_a_place(login: str) -> None:
    place = TREE.locate(TREE.person_dn(login))
    assert place is not None
    assert place.kind is Kind.PERSON
    assert tree.uid_of(TREE.person_dn(login)) == login


def test_lists_are_named_by_local_part_or_address() -> None:
    for address in ("profs@ac-exemple.fr", "profs@ac-autre.fr"):
        assert TREE.group_address(TREE.group_name(address)) == address


ties = st.builds(
    Affiliation,
    st.sampled_from(Tie),
    st.sampled_from(["4B", "4e b", "ENS", "A$B", "0210006T"]),
    st.sampled_from(["", "0210006T", "0580031U"]),
)


def _is_place(tie: Affiliation) -> bool:
    return tie.kind is not Tie.SCHOOL or bool(tie.uai)


people = st.builds(
    Person,
    login=logins,
    given_name=words,
    surname=words,
    address=addresses,
    aliases=st.lists(addresses, max_size=3, unique=True).map(tuple),
    role=st.sampled_from(Role),
    account_id=st.integers(0, 2**40),
    uai=st.sampled_from(["", "0210006T"]),
    discipline=st.one_of(st.just(""), words),
    school=st.one_of(st.just(""), words),
    title=st.sampled_from(["", "M.", "Mme"]),
    hidden=st.booleans(),
    affiliations=st.lists(ties.filter(_is_place), max_size=6).map(affiliations.canonical),
    expires=st.sampled_from(["", "20270831000000Z"]),
    extra=st.dictionaries(st.sampled_from(tree.PERSON_ATTRIBUTES[-6:]), st.tuples(words), max_size=3),
).filter(lambda person: person.address not in person.aliases)


@given(people)
def test_people_survive_the_tree(person: Person) -> None:
    assert tree.read_person(tree.person_attributes(person)) == person


@given(people)
def test_the_order_of_addresses_does_not_matter(person: Person) -> None:
    """Values of an LDAP attribute are a set."""
    attributes = tree.person_attributes(person)
    shuffled = tree.read_person({**attributes, "mail": tuple(reversed(attributes["mail"]))})
    assert shuffled is not None
    assert shuffled.address == person.address
    assert set(shuffled.aliases) == set(person.aliases)


def test_lists_survive_the_tree() -> None:
    group = Group("profs@ac-exemple.fr", "Profs", (TREE.person_dn("edupont"),), ("x@y.example",), TREE.person_dn("a"))
    assert tree.read_group(tree.group_attributes(group)) == group


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"uid": ["a"]},
        {"uid": ["a"], "mail": ["nothing"]},
        {"mail": ["a@b"]},
        {"uid": ["a b"], "mail": ["a@b"]},
        {"uid": [""], "mail": [""]},
    ],
)
def test_entries_that_are_nobody(attributes: dict[str, list[str]]) -> None:
    assert tree.read_person(attributes) is None


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "9" * 30, "²"])
def test_a_senseless_number_is_none(number: str) -> None:
    person = tree.read_person({"uid": ["a"], "mail": ["a@b.fr"], "acadAccountId": [number]})
    assert person is not None
    assert person.account_id == 0


@pytest.mark.parametrize(
    ("attributes", "role"),
    [
        ({"employeeType": ["teacher"]}, Role.TEACHER),
        ({"employeeType": ["Enseignant"]}, Role.TEACHER),
        ({"eduPersonAffiliation": ["member", "student"]}, Role.PUPIL),
        ({"employeeType": ["whatever"]}, Role.STAFF),
        ({}, Role.STAFF),
    ],
)
def test_roles_of_other_directories(attributes: dict[str, list[str]], role: Role) -> None:
    person = tree.read_person({"uid": ["a"], "mail": ["a@b.fr"], **attributes})
    assert person is not None
    assert person.role is role


def test_only_the_administrator_and_oneself_read_more_than_the_address_book() -> None:
    entry = TREE.person(Person("edupont", "Emma", "Dupont", "e@ac-exemple.fr", account_id=1, state="active"), 1, 2)
    assert tree.readable(entry, None) is None
    assert tree.readable(entry, "edupont") == tree.OWN
    assert tree.readable(entry, "skaci") == tree.PUBLIC
    assert "acadState" not in tree.PUBLIC
    assert entry.attributes["createTimestamp"] == ("19700101000001Z",)


def test_identifiers_of_entries_are_stable() -> None:
    entry = TREE.person(Person("edupont", "Emma", "Dupont", "e@ac-exemple.fr"))
    assert entry.attributes["entryUUID"] == TREE.person(Person("edupont", "X", "Y", "z@a.fr")).attributes["entryUUID"]
    assert entry.attributes["entryUUID"] != TREE.person(Person("edupont1", "X", "Y", "z@a.fr")).attributes["entryUUID"]
