"""One suite for the `Directory` port: every adapter gives the same answers."""

import asyncio
import statistics
import time
from typing import Any

import pytest

from mailserver.model.credentials.sasl import Secret
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Affiliation, Directory, NewPerson, PersonChange, Principal, Role, State, Tie
from tests.directory.conftest import DOMAIN, OTHER_DOMAIN, House

PASSWORD = Secret("Soixante-dix-8!")
UAI = "0210006T"


def teacher(given_name: str, surname: str, **more: Any) -> NewPerson:
    return NewPerson(given_name, surname, Role.TEACHER, **more)


async def add(writer: Directory, given_name: str, surname: str, password: Secret | None = PASSWORD) -> Principal:
    person = await writer.add(teacher(given_name, surname, uai=UAI, discipline="Mathématiques"))
    if password is not None:
        await writer.set_password(person.account_id, password)
    return person


async def test_a_person_as_issued(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont")
    person = await directory.find("edupont")
    assert person is not None
    assert (person.login, person.address, person.aliases) == (
        "edupont",
        f"emilie.dupont@{DOMAIN}",
        (f"edupont@{DOMAIN}",),
    )
    assert (person.given_name, person.surname, person.role) == ("Émilie", "Dupont", Role.TEACHER)
    assert (person.uai, person.discipline, person.state) == (UAI, "Mathématiques", State.ACTIVE)
    assert person.account_id > 0
    assert person.quota_bytes > 0


@pytest.mark.parametrize(
    "login",
    ["edupont", "EDUPONT", f"edupont@{DOMAIN}", f"Emilie.Dupont@{DOMAIN}", f"EDUPONT@{DOMAIN.upper()}"],
)
async def test_found_by_identifier_and_any_address(directory: Directory, writer: Directory, login: str) -> None:
    person = await add(writer, "Émilie", "Dupont")
    found = await directory.find(login)
    assert found is not None
    assert found.account_id == person.account_id
    assert await directory.authenticate(login, PASSWORD) is not None


async def test_found_in_every_domain_of_ours(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont")
    assert await directory.find(f"edupont@{OTHER_DOMAIN}") is not None
    assert await directory.find(f"emilie.dupont@{OTHER_DOMAIN}") is not None


@pytest.mark.parametrize(
    "login",
    ["", "nobody", "edupont@elsewhere.example", "edupont\0", "*", "edu*", "a" * 10_000, "(uid=*)", "é"],
)
async def test_unknown_is_none(directory: Directory, writer: Directory, login: str) -> None:
    await add(writer, "Émilie", "Dupont")
    assert await directory.find(login) is None
    assert await directory.authenticate(login, PASSWORD) is None


async def test_who_was_asked_for_before_they_existed_is_found(directory: Directory, writer: Directory) -> None:
    assert await directory.find("edupont") is None
    await add(writer, "Émilie", "Dupont")
    assert await directory.find("edupont") is not None


async def test_by_account(directory: Directory, writer: Directory) -> None:
    person = await add(writer, "Émilie", "Dupont")
    found = await directory.by_account(person.account_id)
    assert found is not None
    assert found.login == "edupont"
    assert await directory.by_account(person.account_id + 999) is None


async def test_right_and_wrong_passwords(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont")
    found = await directory.authenticate("edupont", PASSWORD)
    assert found is not None
    assert found.login == "edupont"
    for wrong in ("", "soixante-dix-8!", PASSWORD.reveal() + " ", "x" * 5000, "\0"):
        assert await directory.authenticate("edupont", Secret(wrong)) is None


async def test_without_password_nobody_enters(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont", None)
    assert await directory.authenticate("edupont", Secret("")) is None
    assert await directory.authenticate("edupont", PASSWORD) is None


async def test_a_new_password_replaces_the_old_one(directory: Directory, writer: Directory) -> None:
    person = await add(writer, "Émilie", "Dupont")
    before = await directory.by_account(person.account_id)
    await writer.set_password(person.account_id, Secret("Tout-autre-chose-9"))
    assert await directory.authenticate("edupont", PASSWORD) is None
    after = await directory.authenticate("edupont", Secret("Tout-autre-chose-9"))
    assert before is not None
    assert after is not None
    assert after.login_version > before.login_version


async def test_a_password_that_was_chosen_before_the_account_was_taken_back(
    directory: Directory, writer: Directory
) -> None:
    person = await add(writer, "Émilie", "Dupont")
    before = await writer.by_account(person.account_id)
    assert before is not None
    await writer.set_password(person.account_id, Secret("Tout-autre-chose-9"))
    with pytest.raises(Refused) as refused:
        await writer.set_password(person.account_id, Secret("Bien-trop-tard-7"), before.login_version)
    assert refused.value.reason is Reason.AUTHENTICATION
    assert await directory.authenticate("edupont", Secret("Bien-trop-tard-7")) is None
    after = await directory.authenticate("edupont", Secret("Tout-autre-chose-9"))
    assert after is not None
    await writer.set_password(person.account_id, Secret("Juste-a-temps-5"), after.login_version)
    assert await directory.authenticate("edupont", Secret("Juste-a-temps-5")) is not None


async def test_unicode_passwords_in_either_normal_form(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont", Secret("Été-à-la-mer-1"))
    assert await directory.authenticate("edupont", Secret("E\u0301te\u0301-a\u0300-la-mer-1")) is not None


@pytest.mark.alone
@pytest.mark.usefixtures("true_hashing")
async def test_unknown_logins_take_as_long(directory: Directory, writer: Directory) -> None:
    """Enumeration by time: what an unknown login costs is what a wrong password costs."""
    await add(writer, "Émilie", "Dupont")
    spans: dict[str, list[float]] = {"edupont": [], "nobody": []}
    for _ in range(7):
        for login, taken in spans.items():
            began = time.perf_counter()
            assert await directory.authenticate(login, Secret("wrong")) is None
            taken.append(time.perf_counter() - began)
    # An adapter may imitate what it has seen of late: the middle of that, on a busy machine, is any of it.
    known = spans["edupont"]
    assert min(known) / 2.5 < statistics.median(spans["nobody"]) < 2.5 * max(known), spans


async def test_homonyms_are_numbered_from_one(directory: Directory, writer: Directory) -> None:
    for _ in range(3):
        await add(writer, "Florence", "Durand", None)
    for number in ("", "1", "2"):
        person = await directory.find(f"fdurand{number}")
        assert person is not None
        assert person.address == f"florence.durand{number}@{DOMAIN}"
    assert await directory.find("fdurand3") is None


async def test_a_wanted_identifier(directory: Directory, writer: Directory) -> None:
    person = await writer.add(teacher("Jean", "Martin", login="Jean.Martin"))
    assert (person.login, person.address, person.aliases) == ("jean.martin", f"jean.martin@{DOMAIN}", ())
    with pytest.raises(Refused) as refused:
        await writer.add(teacher("Jeanne", "Martinez", login="jean.martin"))
    assert refused.value.reason is Reason.CONFLICT
    assert await directory.find("jmartinez") is None


@pytest.mark.parametrize("login", ["a b", "x@y", "../etc", "-a", "a..b", "a" * 65, "é"])
async def test_an_identifier_that_cannot_be(writer: Directory, login: str) -> None:
    with pytest.raises(Refused) as refused:
        await writer.add(teacher("Jean", "Martin", login=login))
    assert refused.value.reason is Reason.INVALID


@pytest.mark.parametrize(
    "fields",
    [
        {"numen": "21E2600123AB"},
        {"ine": "123"},
        {"uai": "0210006"},
        {"birth_date": "31/02/2000"},
        {"discipline": "x" * 300},
        {"discipline": "a\x07b"},
        {"recovery_address": "not an address"},
    ],
)
async def test_fields_that_cannot_be(writer: Directory, fields: dict[str, str]) -> None:
    with pytest.raises(Refused) as refused:
        await writer.add(teacher("Jean", "Martin", **fields))
    assert refused.value.reason is Reason.INVALID


async def test_one_numen_is_one_person(writer: Directory) -> None:
    await writer.add(teacher("Jean", "Martin", numen="21E2600123ABC"))
    with pytest.raises(Refused) as refused:
        await writer.add(teacher("Paul", "Petit", numen="21e2600123abc"))
    assert refused.value.reason is Reason.CONFLICT


async def test_concurrent_issuing_never_collides(writer: Directory) -> None:
    people = await asyncio.gather(*(writer.add(teacher("Anne", "Roy")) for _ in range(12)))
    assert {person.login for person in people} == {"aroy", *(f"aroy{number}" for number in range(1, 12))}
    assert len({person.address for person in people}) == 12
    assert len({person.account_id for person in people}) == 12


async def test_a_new_name_brings_a_new_address_and_keeps_the_old(directory: Directory, writer: Directory) -> None:
    person = await add(writer, "Émilie", "Dupont")
    changed = await writer.change(person.account_id, PersonChange(surname="Durand"))
    assert (changed.login, changed.address) == ("edupont", f"emilie.durand@{DOMAIN}")
    assert set(changed.aliases) == {f"emilie.dupont@{DOMAIN}", f"edupont@{DOMAIN}"}
    for login in (f"emilie.durand@{DOMAIN}", f"emilie.dupont@{DOMAIN}", "edupont"):
        found = await directory.find(login)
        assert found is not None
        assert (found.account_id, found.surname) == (person.account_id, "Durand")
    back = await writer.change(person.account_id, PersonChange(surname="Dupont"))
    assert back.address == f"emilie.dupont@{DOMAIN}"
    assert f"emilie.durand@{DOMAIN}" in back.aliases


async def test_other_changes_leave_the_address(directory: Directory, writer: Directory) -> None:
    person = await add(writer, "Émilie", "Dupont")
    await writer.change(person.account_id, PersonChange(role=Role.STAFF, uai="0751717J", discipline=""))
    found = await directory.find("edupont")
    assert found is not None
    assert (found.role, found.uai, found.discipline, found.address) == (
        Role.STAFF,
        "0751717J",
        "",
        f"emilie.dupont@{DOMAIN}",
    )


async def test_changing_nobody(writer: Directory) -> None:
    for attempt in (writer.change(987_654, PersonChange(surname="X")), writer.set_password(987_654, PASSWORD)):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.reason is Reason.NOT_FOUND


async def test_search_is_the_address_book(directory: Directory, writer: Directory) -> None:
    await add(writer, "Émilie", "Dupont", None)
    await add(writer, "Marc", "Le Dupond", None)
    await add(writer, "Samira", "Kaci", None)

    async def logins(text: str, limit: int = 10) -> set[str]:
        return {person.login for person in await directory.search(text, limit)}

    assert await logins("dupon") == {"edupont", "mle-dupond"}
    assert await logins("DUPONT") == {"edupont"}
    assert await logins("skaci") == {"skaci"}
    assert await logins("samira.kaci@") == {"skaci"}
    assert await logins("emilie") == {"edupont"}
    assert await logins("zzz") == set()
    assert await logins("") == set()
    assert await logins("*") == set()
    assert await logins("%") == set()
    assert len(await directory.search("dupon", 1)) == 1


async def test_the_address_book_shows_whom_the_viewer_may_see(directory: Directory, writer: Directory) -> None:
    here, there = "0210006T", "0580031U"
    pupil = NewPerson("Samira", "Vue", Role.PUPIL, uai=here)
    further = (Affiliation(Tie.SCHOOL, here, here),)
    people = {
        "pupil": await writer.add(pupil),
        "comrade": await writer.add(NewPerson("Luc", "Vue", Role.PUPIL, uai=here)),
        "teacher": await writer.add(NewPerson("Emma", "Vue", Role.TEACHER, uai=here)),
        "visitor": await writer.add(NewPerson("Marc", "Vue", Role.TEACHER, uai=there, affiliations=further)),
        "stranger": await writer.add(NewPerson("Nina", "Vue", Role.TEACHER, uai=there)),
        "hidden": await writer.add(NewPerson("Paul", "Vue", Role.TEACHER, uai=here, hidden=True)),
        "admin": await writer.add(NewPerson("Ana", "Vue", Role.ADMIN)),
    }
    grown = {"teacher", "visitor", "stranger", "admin"}
    seen = {
        "pupil": grown | {"pupil"},
        "teacher": grown | {"pupil", "comrade"},
        "visitor": grown | {"pupil", "comrade"},
        "stranger": grown,
        "hidden": grown | {"hidden", "pupil", "comrade"},
        "admin": set(people),
    }
    for viewer, expected in seen.items():
        found = await directory.search("vue", 50, people[viewer])
        assert {one.login for one in found} == {people[name].login for name in expected}, viewer
    everybody = {one.login for one in await directory.search("vue", 50)}
    assert everybody == {person.login for name, person in people.items() if name != "hidden"}


async def test_administrators(directory: Directory, writer: Directory) -> None:
    assert list(await directory.administrators()) == []
    admin = await writer.add(NewPerson("Administration", "", Role.ADMIN, login="admin"))
    await add(writer, "Émilie", "Dupont", None)
    assert [person.account_id for person in await directory.administrators()] == [admin.account_id]


async def test_lists_and_lists_within_lists(house: House) -> None:
    for given_name, surname in (("Émilie", "Dupont"), ("Marc", "Petit")):
        await add(house.writer, given_name, surname, None)
    inner, outer = f"profs@{DOMAIN}", f"tous@{DOMAIN}"
    house.add_list(inner, "Professeurs", (f"emilie.dupont@{DOMAIN}", f"marc.petit@{DOMAIN}"))
    house.add_list(outer, "Tous", (inner, f"emilie.dupont@{DOMAIN}"))
    found = await house.directory.expand(inner.upper())
    assert found is not None
    assert (found.address, found.name) == (inner, "Professeurs")
    assert set(found.members) == {f"emilie.dupont@{DOMAIN}", f"marc.petit@{DOMAIN}"}
    found = await house.directory.expand(outer)
    assert found is not None
    assert sorted(found.members) == [f"emilie.dupont@{DOMAIN}", f"marc.petit@{DOMAIN}"]
    for unknown in ("", "profs", f"nobody@{DOMAIN}", f"emilie.dupont@{DOMAIN}", f"*@{DOMAIN}"):
        assert await house.directory.expand(unknown) is None
