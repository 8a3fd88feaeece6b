"""Any update whatever: it is carried out or refused with a result code, and nothing else ever happens."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from directory.entries.tree import CARRIED, Kind
from directory.schema import matching_rules, schema
from directory.server.faults import Fault
from directory.server.reading.entries import Viewer
from directory.server.wire.messages import Request
from directory.server.wire.updates import Add, Delete, Edit, Modification, Modify, Rename, Update
from tests.directory.server.door import ADMIN, BASE, SCHOOL, Academy, academy
from tests.directory.server.test_ldap_units import ORIGIN, TAGS
from tests.examples import examples

PERSON, CONTACT = f"uid=edupont,ou=people,{BASE}", f"cn=Zoé,ou=contacts,{BASE}"
LIST, PLACE = f"cn=profs,ou=groups,{BASE}", f"ou={SCHOOL},ou=structures,{BASE}"
TERM = f"acadClass={SCHOOL}$4B,{PLACE}"
RELATIVES = [
    "uid=a",
    "cn=a",
    "cn=a+sn=b",
    "ou=0210015C",
    f"acadClass={SCHOOL}$5C",
    "acadFunction=X",
    "cn=\\00",
    "x",
    "ou=people",
]
PARENTS = [f"ou={name},{BASE}" for name in ("people", "contacts", "groups", "structures", "functions", "nothing")]

MADE: dict[str, Add] = {
    PERSON: Add(
        PERSON,
        (
            ("objectClass", (b"inetOrgPerson", b"eduPerson", b"supannPerson", b"acadPerson")),
            *(("cn", (b"Emma Dupont",)), ("sn", (b"Dupont",)), ("givenName", (b"Emma",))),
        ),
    ),
    CONTACT: Add(CONTACT, (("objectClass", (b"inetOrgPerson",)), ("sn", (b"Martin",)))),
    LIST: Add(
        LIST,
        (
            ("objectClass", (b"groupOfNames", b"acadList")),
            *(("mail", (b"profs@ac-exemple.fr",)), ("member", (PERSON.encode(),))),
        ),
    ),
    PLACE: Add(PLACE, (("objectClass", (b"organizationalUnit", b"acadStructure")), ("acadUAI", (SCHOOL.encode(),)))),
    TERM: Add(TERM, (("objectClass", (b"acadTerm",)),)),
}
"""Entries to work on: they are made again before each example, if they are gone."""
KINDS = {
    PERSON: Kind.PERSON,
    CONTACT: Kind.PERSON,
    LIST: Kind.GROUP,
    PLACE: Kind.STRUCTURE,
    TERM: Kind.CLASS,
}
WORDS = {
    matching_rules.DN: [PERSON, CONTACT, LIST, PLACE, "cn=x", f"uid=nobody,ou=people,{BASE}"],
    matching_rules.BOOLEAN: ["TRUE", "FALSE"],
    matching_rules.TIME: ["20300101000000Z", "20200101000000Z", "999912312359Z"],
    matching_rules.INTEGER: ["7", "-1", "0", str(2**62)],
    matching_rules.OID: [
        "inetOrgPerson",
        "acadPerson",
        "groupOfNames",
        "acadList",
        "acadFunctionalBox",
        "top",
        "eduPerson",
    ],
}
TEXT = [
    *("Dupont", "Martin", "Emma", "edupont", "teacher", "pupil", "admin", "active", "closed", "suspended", "M.", "Mme"),
    *(SCHOOL, "0210015C", f"{SCHOOL}$4B", f"{SCHOOL}$function$ENS", f"$school${SCHOOL}", "$", "ENS", "{UAI}0210015C"),
    *("a@ac-exemple.fr", "edupont@ac-exemple.fr", "emma.dupont@ac-exemple.fr", "a@b.example", "profs@ac-exemple.fr"),
    *("members", "owners", "role:teacher", "not-activated", "@", " ", "x" * 300),
]


def values_of(name: str) -> st.SearchStrategy[tuple[bytes, ...]]:
    """Mostly values of the attribute's syntax, now and then none."""
    known = schema.attribute(name)
    words = WORDS.get(known.syntax if known is not None else "", TEXT)
    sound = st.sampled_from(words).map(str.encode)
    wild = st.one_of(st.binary(max_size=6), st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace")))
    return st.lists(st.one_of(sound, sound, sound, wild), max_size=3, unique=True).map(tuple)


def names_for(dn: str) -> st.SearchStrategy[str]:
    """Attributes that the entry may have, and now and then any."""
    carried = sorted(CARRIED[KINDS[dn]])
    anything = [*(known.name for known in schema.ATTRIBUTES), "cn;lang-fr", "nothing", "", "userPassword"]
    return st.one_of(st.sampled_from(carried), st.sampled_from(carried), st.sampled_from(anything))


@st.composite
def changes(draw: st.DrawFn, dn: str) -> Modify:
    found = []
    for _ in range(draw(st.integers(1, 4))):
        name = draw(names_for(dn))
        edit = draw(st.sampled_from([Edit.ADD, Edit.DELETE, Edit.REPLACE, Edit.REPLACE, Edit.INCREMENT]))
        found.append(Modification(edit, name, draw(values_of(name))))
    return Modify(dn, tuple(found))


@st.composite
def additions(draw: st.DrawFn, dn: str) -> Add:
    """An entry like one that is fine, under another name, with more or other attributes."""
    held = dict(MADE[dn].attributes)
    for _ in range(draw(st.integers(0, 4))):
        name = draw(names_for(dn))
        held[name] = draw(values_of(name)) or (b"x",)
    relative = draw(st.sampled_from(RELATIVES))
    parent = draw(st.sampled_from([dn.partition(",")[2], *PARENTS]))
    return Add(f"{relative},{parent}", tuple(held.items()))


some = st.sampled_from(sorted(MADE))
updates: st.SearchStrategy[Update] = st.one_of(
    some.flatmap(changes),
    some.flatmap(changes),
    some.flatmap(additions),
    st.builds(Rename, some, st.sampled_from(RELATIVES), st.booleans(), st.none() | st.sampled_from([*PARENTS, PERSON])),
    st.builds(Delete, st.sampled_from([*sorted(MADE), BASE, ADMIN, "", "x", *PARENTS])),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Academy]:
    with academy(tmp_path_factory.mktemp("fuzz"), sqlite_template) as running:
        yield running


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(updates, min_size=1, max_size=5), st.sampled_from([True, True, True, False]))
def test_any_update_is_carried_out_or_refused(house: Academy, wanted: list[Update], administrator: bool) -> None:
    viewer = Viewer(ADMIN, None, True) if administrator else Viewer(PERSON, "edupont")
    told: list[str] = []

    async def run(update: Update, who: Viewer) -> None:
        try:
            await house.door.services.updater.run(Request(1, TAGS[type(update)], update), update, who, ORIGIN)
        except Fault as fault:
            told.append(fault.text)

    async def everything() -> None:
        for made in MADE.values():
            await run(made, Viewer(ADMIN, None, True))
        for update in wanted:
            await run(update, viewer)

    asyncio.run_coroutine_threadsafe(everything(), house.loop).result(240)
    assert all(text.isprintable() for text in told)
