"""People written straight from facts say what their entries say, whatever is remembered of others."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.entries import tree
from directory.entries.person_attributes import values_of
from directory.entries.person_entries import Person, facts_of
from directory.entries.tree import Tree
from directory.schema import schema
from directory.server.reading.selection import Selection, View, selection_of
from directory.server.wire import ber
from tests.directory.server.test_ldap_tree import people

TREE = Tree("dc=ac-exemple,dc=fr", "ac-exemple.fr")
ADDRESS_BOOK = ("cn", "mail")
EVERYTHING = ("*", "+")
NAMES = [known.name for known in schema.ATTRIBUTES]
moments = st.integers(0, 2**31)
selections = st.one_of(
    st.sampled_from([(), ("*",), ("+",), EVERYTHING, ADDRESS_BOOK, ("1.1",), ("name",), ("cn;lang-fr",)]),
    st.lists(st.sampled_from(NAMES), max_size=5).map(tuple),
)
readers = st.sampled_from([None, tree.PUBLIC, tree.OWN])


def read(rows: bytes) -> dict[str, set[str]]:
    """PartialAttributes by name; a name that comes twice, or a value, is a mistake."""
    found: dict[str, set[str]] = {}
    reader = ber.Reader(rows)
    while reader:
        row = reader.inside()
        name, values = row.text(), row.inside(ber.SET)
        row.finish()
        held = []
        while values:
            held.append(schema.as_text(values.octets()))
        assert name not in found
        assert len(set(held)) == len(held)
        found[name] = set(held)
    return found


def said(chosen: Iterable[tuple[str, Iterable[str]]]) -> dict[str, set[str]]:
    return {name: set(values) for name, values in chosen}


@given(people, moments, moments, selections, readers, st.booleans())
def test_octets_say_what_the_entry_says(
    person: Person, created: int, modified: int, wanted: tuple[str, ...], readable: frozenset[str] | None, types: bool
) -> None:
    facts = facts_of(person, TREE.person_dn(person.login), created, modified)
    entry = TREE.person(person, created, modified)
    rows = selection_of(wanted).of_people(readable, types)(facts)
    assert read(rows) == said(Selection(wanted).of(View(entry, readable), types))


@given(people, moments)
def test_attributes_one_by_one_are_those_of_the_whole(person: Person, created: int) -> None:
    entry = TREE.person(person, created, 0)
    whole = dict(entry.attributes.items())
    facts = facts_of(person, entry.dn, created, 0)
    assert {name: values for name in NAMES if (values := values_of(facts, name))} == whole
    assert set(whole) <= tree.CARRIED[tree.Kind.PERSON]


@pytest.mark.parametrize("size", [1, 90, 127, 128, 255, 256, 70_000])
def test_values_of_every_length(size: int) -> None:
    person = Person("edupont", "É" * size, "Dupont", "e@ac-exemple.fr", ("x" * size + "@ac-exemple.fr",))
    rows = selection_of(("givenName", "mail", "cn")).of_people(None, False)(facts_of(person))
    assert read(rows) == {
        "givenName": {"É" * size},
        "mail": {"e@ac-exemple.fr", *person.aliases},
        "cn": {f"{'É' * size} Dupont"},
    }


def test_what_is_remembered_of_one_is_not_said_of_another() -> None:
    render = selection_of(EVERYTHING).of_people(None, False)
    here = Person("a", "A", "A", "a@ac-exemple.fr", uai="0210006T", school="Lycée Carnot", discipline="Maths")
    renamed = Person("b", "B", "B", "b@ac-exemple.fr", uai="0210006T", school="Lycée Eiffel", hidden=True)
    assert read(render(facts_of(here)))["o"] == {"Lycée Carnot"}
    assert read(render(facts_of(renamed)))["o"] == {"Lycée Eiffel"}
    assert read(render(facts_of(renamed)))["supannListeRouge"] == {"TRUE"}
    assert "acadDiscipline" not in read(render(facts_of(renamed)))
    assert read(render(facts_of(here)))["supannListeRouge"] == {"FALSE"}
