"""What people are where, the academy's vocabulary, and its schools, on both engines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from directory.people.embedded import EmbeddedDirectory
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import code_key
from mailserver.model.identity import Affiliation, NewPerson, Role, Tie
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, schools, vocabulary_entries
from mailserver.store.people.schools import Facts
from mailserver.store.schema.people.entries import person

SCHOOL, OTHER = "0210006T", "0580031U"


async def people(directory: EmbeddedDirectory, count: int) -> list[int]:
    added = [await directory.add(NewPerson("Emma", f"Nom{n}", Role.TEACHER)) for n in range(count)]
    return [principal.account_id for principal in added]


def test_canonical() -> None:
    given = (
        Affiliation(Tie.CLASS, " 4e  b ", "0210006t", "Quatrième  B"),
        Affiliation(Tie.CLASS, "4E B", SCHOOL, "again"),
        Affiliation(Tie.SCHOOL, "", OTHER),
    )
    kept = affiliations.canonical(given)
    assert kept == (Affiliation(Tie.CLASS, "4E B", SCHOOL, "Quatrième B"), Affiliation(Tie.SCHOOL, OTHER, OTHER))
    assert affiliations.canonical(kept) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        [Affiliation(Tie.FUNCTION, " ")],
        [Affiliation(Tie.FUNCTION, "x" * 200)],
        [Affiliation(Tie.FUNCTION, "ENS", "0210006TT")],
        [Affiliation(Tie.FUNCTION, "ENS", "", "a\x00b")],
        [Affiliation(Tie.GROUP, str(number), SCHOOL) for number in range(affiliations.MAX_TIES + 1)],
    ],
)
def test_bounds(wrong: list[Affiliation]) -> None:
    with pytest.raises(Refused):
        affiliations.canonical(wrong)


@given(st.text(max_size=12))
def test_code_keys_are_stable_and_know_no_case(text: str) -> None:
    key = code_key(text)
    assert code_key(key) == key
    assert code_key(text.casefold()) == key


async def test_replace(store: Store, embedded: EmbeddedDirectory) -> None:
    first, second, third = await people(embedded, 3)
    teaches = Affiliation(Tie.FUNCTION, "ENS", SCHOOL, "Enseignant")
    classes = tuple(Affiliation(Tie.CLASS, code, SCHOOL) for code in ("4A", "4B"))
    assert await store.write(affiliations.replace_many, {first: (teaches, *classes), second: classes}) == {
        first,
        second,
    }
    held = await store.read(affiliations.of, [first, second, third])
    assert held == {first: (*classes, teaches), second: classes}
    assert not await store.write(affiliations.replace, first, (*classes, teaches))
    renamed = Affiliation(Tie.CLASS, "4B", SCHOOL, "4e B")
    assert await store.write(affiliations.replace, first, (renamed,))
    assert await store.read(affiliations.of, [first]) == {first: (renamed,)}
    assert await store.write(affiliations.replace, first, ())
    assert await store.read(affiliations.of, [first]) == {}


async def test_a_changed_affiliation_changes_the_entry_s_time(store: Store, embedded: EmbeddedDirectory) -> None:
    (one,) = await people(embedded, 1)

    def back(tx: Tx) -> None:
        tx.execute(update(person).values(modified=5))

    def modified(tx: Tx) -> int:
        return int(tx.execute(select(person.c.modified)).scalar_one())

    await store.write(back)
    await store.write(affiliations.replace, one, (Affiliation(Tie.FUNCTION, "ENS"),))
    assert await store.read(modified) > 5


async def test_vocabulary(store: Store) -> None:
    wanted = vocabulary_entries.terms_of(
        [
            Affiliation(Tie.CLASS, "4b", "0210006t", ""),
            Affiliation(Tie.CLASS, "4B", SCHOOL, "4e B"),
            Affiliation(Tie.FUNCTION, "ENS", SCHOOL, "Enseignant"),
            Affiliation(Tie.DISCIPLINE, "L1300", SCHOOL),
            Affiliation(Tie.CLASS, "9Z"),
            Affiliation(Tie.SCHOOL, OTHER, OTHER),
        ]
    )
    assert wanted == {
        (Tie.CLASS, SCHOOL, "4B"): "4e B",
        (Tie.FUNCTION, "", "ENS"): "Enseignant",
        (Tie.DISCIPLINE, "", "L1300"): "",
    }
    assert await store.write(vocabulary_entries.ensure_many, wanted) == 3
    assert await store.write(vocabulary_entries.ensure_many, wanted) == 0
    named = {(Tie.DISCIPLINE, "", "L1300"): "Mathématiques", (Tie.FUNCTION, "", "ENS"): "Other"}
    assert await store.write(vocabulary_entries.ensure_many, named) == 1
    assert [term.name for term in await store.read(vocabulary_entries.listing, Tie.FUNCTION)] == ["Enseignant"]
    await store.write(vocabulary_entries.rename, Tie.DISCIPLINE, "", "l1300", "Maths")
    found = await store.read(vocabulary_entries.get, Tie.DISCIPLINE, "", "L1300")
    assert found is not None
    assert found.name == "Maths"
    assert await store.read(vocabulary_entries.listing, Tie.CLASS, OTHER) == []
    assert len(await store.read(vocabulary_entries.listing, Tie.CLASS, SCHOOL)) == 1
    with pytest.raises(Refused) as refused:
        await store.write(vocabulary_entries.rename, Tie.CLASS, OTHER, "4B", "x")
    assert refused.value.reason is Reason.NOT_FOUND
    assert await store.write(vocabulary_entries.remove, Tie.CLASS, SCHOOL, "4B")
    assert not await store.write(vocabulary_entries.remove, Tie.CLASS, SCHOOL, "4B")


async def test_schools(store: Store) -> None:
    lycee = Facts(SCHOOL, "Lycée Carnot", "LYC", "PU", "16 boulevard Thiers", "21000", "Dijon", "0380680000", "7")
    await store.write(schools.ensure, [OTHER])
    assert await store.write(schools.upsert, [lycee, Facts(OTHER, "Collège")]) == {SCHOOL, OTHER}
    assert await store.write(schools.upsert, [lycee, Facts(OTHER, "Collège")]) == set()
    found = await store.read(schools.get, "0210006t")
    assert found is not None
    assert found.facts == lycee
    assert [school.name for school in await store.read(schools.listing)] == ["Lycée Carnot", "Collège"]
