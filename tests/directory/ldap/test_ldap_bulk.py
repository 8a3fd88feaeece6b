"""Writing to an LDAP server of our own: wide entries, interrupted additions, many changes at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.entries import tree
from directory.entries.tree import Person, Tree
from directory.ldap import LdapDirectory, lookups, writing
from directory.ldap.bulk import Add, Bulk, Put, Remove, Replace
from directory.ldap.pool import Pool
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Affiliation, NewPerson, PersonChange, Role, Tie
from tests.directory.ldap.test_ldap_adapter import Home
from tests.directory.slapd import BASE, PASSWORD, Slapd

pytestmark = pytest.mark.needs("slapd", "ldapadd", "ldapdelete")

EMMA = NewPerson("Emma", "Dupont", Role.TEACHER, birth_date="1980-01-02", uai="0210006T", discipline="Maths")
CLASS = Affiliation(Tie.CLASS, "4B", "0210006T")
FUNCTION = Affiliation(Tie.FUNCTION, "ENS", "0210006T")


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path, openldap: Slapd) -> Iterator[Home]:
    openldap.empty()
    made = Home(tmp_path / "home", sqlite_template, openldap)
    yield made
    made.close()


@pytest.fixture
def directory(home: Home) -> LdapDirectory:
    return home.directory()


@pytest.fixture
def bulk(home: Home) -> Iterator[Bulk]:
    pool = Pool(home.section, PASSWORD)
    yield Bulk(pool, BASE)
    pool.close()


def person(number: int, surname: str = "") -> Person:
    login, address = f"zloeuf{number}", f"zoe{number}@ac-exemple.fr"
    surname = surname or f"Lœuf{number}"
    return Person(login, "Zoé", surname, address, account_id=1000 + number, role=Role.PUPIL, uai="0210006T")


def added(one: Person) -> Add:
    return Add(Tree(BASE, "ac-exemple.fr").person_dn(one.login), tree.PERSON_CLASSES, tree.person_attributes(one))


# ---------------------------------------------------------------------- one person


async def test_everything_an_entry_holds(directory: LdapDirectory) -> None:
    wide = NewPerson(
        *("Jean", "Ÿzerman", Role.SECRETARIAT), uai="0210006T", title="M.", hidden=True, affiliations=(FUNCTION, CLASS)
    )
    made = await directory.add(wide)
    assert not await directory.search("yzerman", 10), "hidden people are in no address book"
    change = PersonChange(title="Mme", hidden=False, affiliations=(CLASS,), extra='{"roomNumber":["B12"]}')
    await directory.change(made.account_id, change)
    assert [one.login for one in await directory.search("yzerman", 10)] == ["jyzerman"]
    known = await directory._known(made.account_id)
    assert (known.person.title, known.person.hidden, known.person.affiliations) == ("Mme", False, (CLASS,))
    assert known.person.extra == {"roomNumber": ("B12",)}


async def test_pupils_are_seen_by_their_own_school(directory: LdapDirectory) -> None:
    pupil = await directory.add(NewPerson("Samir", "Kaci", Role.PUPIL, uai="0210006T"))
    other = await directory.add(NewPerson("Emma", "Dupont", Role.TEACHER, uai="0890001T"))
    visiting = await directory.add(NewPerson("Max", "Martin", Role.TEACHER, uai="0890001T", affiliations=(CLASS,)))
    assert [one.login for one in await directory.search("kaci", 10, visiting)] == [pupil.login]
    assert not await directory.search("kaci", 10, other)
    assert not await directory.search("kaci", 10, await directory.add(NewPerson("Léa", "Petit", Role.PUPIL)))
    assert [one.login for one in await directory.search("kaci", 10, pupil)] == [pupil.login], "people see themselves"


async def test_an_entry_of_before_gets_the_classes_it_lacks(directory: LdapDirectory, openldap: Slapd) -> None:
    openldap.add(
        f"dn: uid=mmartin,ou=people,{BASE}\nobjectClass: inetOrgPerson\nobjectClass: acadPerson\nuid: mmartin\n"
        "cn: Max Martin\nsn: Martin\ngivenName: Max\nmail: max.martin@ac-exemple.fr\n"
    )
    found = await directory.find("mmartin")
    assert found is not None
    changed = await directory.change(found.account_id, PersonChange(title="M.", uai="0210006T"))
    assert changed.uai == "0210006T"
    assert (await directory._known(found.account_id)).person.title == "M."


async def test_an_interrupted_addition_is_taken_up(directory: LdapDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*args: object, **more: object) -> None:
        raise Temporary("The directory is out of reach")

    with monkeypatch.context() as broken:
        broken.setattr(writing, "ensure_entry", unreachable)
        with pytest.raises(Temporary):
            await directory.add(EMMA)
    homonym = NewPerson("Emma", "Dupont", Role.TEACHER, birth_date="1991-09-09")
    assert (await directory.add(homonym)).login == "edupont1", "somebody else does not get her account"
    made = await directory.add(EMMA)
    assert (made.login, made.address) == ("edupont", "emma.dupont@ac-exemple.fr")
    assert await directory.find("edupont") == made
    assert (await directory.add(EMMA)).login == "edupont2", "who has an entry is not taken up again"


async def test_an_interrupted_addition_is_known_by_its_marks(
    directory: LdapDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*args: object, **more: object) -> None:
        raise Refused(Reason.CANNOT, "the directory lacks our schema")

    with monkeypatch.context() as broken:
        broken.setattr(writing, "ensure_entry", refusing)
        with pytest.raises(Refused):
            await directory.add(NewPerson("Ema", "Dupond", Role.TEACHER, numen="21E2600123ABC"))
    made = await directory.add(NewPerson("Emma", "Dupont", Role.TEACHER, numen="21E2600123ABC"))
    assert (made.login, made.address) == ("edupond", "emma.dupont@ac-exemple.fr"), "the identifier never changes"
    with pytest.raises(Refused, match="another person's"):
        await directory.add(NewPerson("Emma", "Dupont", Role.TEACHER, numen="21E2600123ABC"))


# ---------------------------------------------------------------------- many people


def test_many_changes_at_once(bulk: Bulk) -> None:
    people = [person(number) for number in range(130)]
    assert bulk.write([added(one) for one in people]) == [""] * 130
    found = bulk.by_logins([*(one.login for one in people), "nobody", "a*)(uid=*"])
    assert {login: known.person for login, known in found.items()} == {one.login: one for one in people}
    assert [holder.person.login for holder in bulk.holders(["zoe7@ac-exemple.fr", "nobody@ac-exemple.fr"])] == [
        "zloeuf7"
    ]
    assert [one.person.login for one in bulk.named(["ZOÉ LŒUF9", "Personne"])] == ["zloeuf9"]
    dns = [found[one.login].dn for one in people]
    outcomes = bulk.write(
        [
            Replace(dns[0], {"sn": ("Neuf",), "acadDiscipline": ()}),
            Replace(f"uid=nobody,ou=people,{BASE}", {"sn": ("X",)}),
            Remove(dns[1]),
            Remove(dns[1]),
            Replace(dns[2], {"acadNonsense": ("X",)}),
        ]
    )
    assert [bool(reason) for reason in outcomes] == [False, True, False, False, True]
    assert "no such entry" in outcomes[1]
    left = bulk.by_logins(["zloeuf0", "zloeuf1"])
    assert [one.person.surname for one in left.values()] == ["Neuf"]


def test_an_addition_made_twice(bulk: Bulk) -> None:
    """An answer that was lost: what carries our number is ours; what does not is somebody else's."""
    assert bulk.write([added(person(1))]) == [""]
    assert bulk.write([added(person(1, surname="Autre"))]) == [""]
    assert bulk.by_logins(["zloeuf1"])["zloeuf1"].person.surname == "Autre"
    stranger = Person("zloeuf1", "Zoé", "Lœuf", "z@ac-exemple.fr", account_id=7)
    assert "exists already" in bulk.write([added(stranger)])[0]


def test_places_are_put_whoever_made_them(bulk: Bulk) -> None:
    dn = Tree(BASE, "ac-exemple.fr").structure_dn("0210006T")
    for name in ("Collège", "Lycée"):
        attributes = {"ou": ("0210006T",), "acadUAI": ("0210006T",), "displayName": (name,), "supannCodeEntite": ("a",)}
        put = Put(dn, tree.STRUCTURE_CLASSES, {**attributes, "supannEtablissement": ("{UAI}0210006T",)})
        assert bulk.write([put]) == [""]


def test_a_server_that_is_gone(bulk: Bulk, openldap: Slapd) -> None:
    assert bulk.write([added(person(1))]) == [""]
    openldap.stop()
    try:
        with pytest.raises(Temporary):
            bulk.write([added(person(number)) for number in range(100)])
        with pytest.raises(Temporary):
            bulk.by_logins(["zloeuf1"])
    finally:
        openldap.start()


def test_values_in_filters_are_escaped(bulk: Bulk) -> None:
    bulk.write([added(person(1))])
    for nasty in ("*", "zloeuf1)(uid=*", "\0", "(", "\\2a"):
        assert bulk.by_logins([nasty]) == {}
        assert bulk.holders([nasty]) == []
    assert lookups.equals("uid", "*") == "(uid=\\2a)"
