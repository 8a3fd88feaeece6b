"""The words' index never hides anybody, and who sees whom is one rule in two languages."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from directory.people.embedded import EmbeddedDirectory
from mailserver.model import visibility
from mailserver.model.identity import Affiliation, NewPerson, PersonChange, Role, Tie
from mailserver.model.visibility import Seen, Viewer
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import affiliations, people
from mailserver.store.people.search import candidates, words
from mailserver.store.people.search.conditions import (
    All,
    AtSchool,
    Condition,
    Contains,
    Equals,
    Everything,
    Field,
    Negation,
    Some,
    Tied,
    clause,
    visible,
)
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import name_word, person, person_word
from tests.examples import examples

HERE, THERE = "0210006T", "0580031U"
NAMES = [
    ("Emma", "Dupont"),
    ("Émile", "Dupont"),
    ("Hélène", "Müller"),
    ("Marc", "Le Dupond"),
    ("Jean-Pierre", "d'Hérouville"),
    ("Emma", "Dupont"),
    ("Loïc", "Œuvrard"),
    ("", "Mononyme"),
    ("Ulla", "Strauß"),
    ("Ana (dite Nina)", "O'Brien"),
]


@pytest.fixture
async def academy(store: Store, embedded: EmbeddedDirectory) -> Store:
    """A few people in two schools."""
    for number, (given_name, surname) in enumerate(NAMES):
        role = list(Role)[number % len(Role)]
        ties = (Affiliation(Tie.CLASS, "4B", THERE),) if number % 4 == 0 else ()
        made = NewPerson(given_name, surname, role, uai=HERE if number % 3 else "", affiliations=ties)
        await embedded.add(replace(made, display_name="Ville Nobody-Ü") if number % 4 == 2 else made)
    return store


def looked_at(tx: Tx, condition: Condition) -> list[int]:
    """Accounts of whom a condition holds when everybody is looked at."""
    joined = select(person.c.account_id).join_from(person, account, account.c.id == person.c.account_id)
    return list(tx.execute(joined.where(clause(condition)).order_by(person.c.account_id)).scalars())


def found(tx: Tx, condition: Condition) -> list[int]:
    """And when the indexes are asked first."""
    return [entry.account_id for entry in people.matching(tx, condition, 1000)]


texts = st.sampled_from(
    [
        *("dupont", "Dup", "upon", "e", "em", "mma", "emma dup", "a dupont", "d'h", "ville", "-pierre", "Ü", "œ", "ss"),
        *("@", "@ac-exemple.fr", "exemple", "dupont@ac", "emma.dupont", "dupont1", "1", "ac", ".fr", " ", "", "brien"),
        *("jean-pierre.dherouville", "edupont@", "nobody", "(dite", "o'b"),
    ]
)
fields = st.sampled_from(
    [Field.NAME, Field.SURNAME, Field.GIVEN_NAME, Field.LOGIN, Field.ADDRESS, Field.PRIMARY_ADDRESS]
)
leaves = st.one_of(
    st.builds(Equals, fields, texts),
    st.builds(Contains, fields, texts, st.lists(texts, max_size=2).map(tuple), texts),
    st.builds(Contains, fields, st.just(""), st.lists(texts, min_size=1, max_size=1).map(tuple), st.just("")),
    st.builds(Contains, st.just(Field.SHOWN_NAME), texts, st.lists(texts, max_size=2).map(tuple), texts),
    st.builds(Equals, st.just(Field.ROLE), st.sampled_from([role.value for role in Role])),
    st.just(Equals(Field.UAI, HERE)),
    st.just(AtSchool(Equals(Field.UAI, THERE))),
    st.just(Tied(Tie.CLASS, "4b")),
    st.just(Everything()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: Some(tuple(parts))),
        inner.map(Negation),
    ),
    max_leaves=5,
)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(condition=conditions)
@example(condition=Contains(Field.LOGIN, "e", (), "emma dup"))
@example(condition=Contains(Field.SHOWN_NAME, "", ("nobody",), ""))
def test_nobody_is_hidden_by_an_index(academy: Store, condition: Condition) -> None:
    assert academy.read_now(found, condition) == academy.read_now(looked_at, condition)
    by_name = academy.read_now(people.by_name, condition, 1000)
    assert sorted(entry.account_id for entry in by_name) == academy.read_now(looked_at, condition)


async def test_substrings_ask_the_index(academy: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "ENOUGH", 0)

    def chosen(tx: Tx, condition: Condition) -> set[int] | None:
        return candidates.candidates(tx, condition)

    assert await academy.read(chosen, Contains(Field.NAME, middle=("upon",))) == {1, 2, 4, 6}
    assert await academy.read(chosen, Contains(Field.NAME, middle=("a dup",))) == {1, 6}
    assert await academy.read(chosen, Contains(Field.ADDRESS, middle=("exemple",))) is None
    assert await academy.read(chosen, Contains(Field.ADDRESS, final="herouville@ac-exemple.fr")) == {5}
    assert await academy.read(chosen, Negation(Equals(Field.LOGIN, "edupont"))) is None


async def test_too_many_words_or_people_are_no_help(academy: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "MAX_WORDS", 3)
    assert await academy.read(candidates.candidates, Contains(Field.NAME, middle=("e",))) is None
    monkeypatch.setattr(words, "MAX_PEOPLE", 1)
    assert await academy.read(candidates.candidates, Contains(Field.NAME, middle=("dupont",))) is None
    assert len(await academy.read(people.matching, Contains(Field.NAME, middle=("dupont",)), 10)) == 3


async def test_words_follow_names(academy: Store, embedded: EmbeddedDirectory) -> None:
    martin = Contains(Field.NAME, middle=("arti",))
    assert await academy.read(found, martin) == []
    await embedded.change(3, PersonChange(surname="Martin"))
    assert await academy.read(found, martin) == [3]
    assert await academy.read(found, Contains(Field.NAME, middle=("mull",))) == []
    # The old address still leads there.
    assert await academy.read(found, Contains(Field.ADDRESS, middle=("mull",))) == [3]
    await academy.write(people.change_entry, 3, {"aliases": ""})

    def kept(tx: Tx) -> list[str]:
        return list(tx.execute(select(name_word.c.word).where(name_word.c.word == "muller")).scalars())

    assert await academy.read(kept) == []


async def test_identifiers_are_no_words_of_names(academy: Store) -> None:
    """A common name is part of hundreds of identifiers, which a search for the name need not look at."""
    whole = await academy.read(people.by_account, 1)
    assert whole is not None
    assert whole.login == "edupont"
    for middle, owners in (("edup", set[int]()), ("dupo", {1, 2, 4, 6})):
        assert await academy.read(candidates.candidates, Contains(Field.NAME, middle=(middle,))) == owners
    assert await academy.read(candidates.candidates, Contains(Field.LOGIN, middle=("edup",))) == {1, 2, 6}
    assert await academy.read(candidates.candidates, Contains(Field.ADDRESS, middle=("edup",))) == {1, 2, 6}
    assert await academy.read(found, Contains(Field.LOGIN, middle=("edup",))) == [1, 2, 6]


async def test_people_from_before_the_index_are_found(academy: Store, embedded: EmbeddedDirectory) -> None:
    def forget(tx: Tx) -> None:
        tx.execute(delete(person_word))
        tx.execute(delete(name_word))

    await academy.write(forget)
    dupont = Contains(Field.NAME, middle=("upon",))
    assert await academy.read(found, dupont) == [1, 2, 4, 6]
    assert await academy.read(candidates.candidates, dupont) is None
    await embedded.add(NewPerson("Ida", "Dupont", Role.STAFF))
    assert await academy.read(candidates.candidates, dupont) == {1, 2, 4, 6, 11}

    def doubled(tx: Tx) -> int:
        grouped = select(person_word.c.word_id).group_by(person_word.c.word_id, person_word.c.account_id)
        return int(
            tx.execute(select(func.count()).select_from(grouped.having(func.count() > 1).subquery())).scalar_one()
        )

    assert await academy.read(doubled) == 0


# ---------------------------------------------------------------------------- who sees whom

SCHOOLS = [frozenset[str](), frozenset({HERE}), frozenset({THERE}), frozenset({HERE, THERE})]
VIEWERS = [
    visibility.SERVICE,
    visibility.ADMINISTRATOR,
    visibility.NOBODY,
    *(Viewer(1 + index, role, schools) for index, (role, schools) in enumerate(itertools.product(Role, SCHOOLS))),
]


@pytest.mark.parametrize(
    ("who", "person", "seen"),
    [
        (Viewer(1, Role.TEACHER, frozenset({HERE})), Seen(2, Role.PUPIL, frozenset({HERE})), True),
        (Viewer(1, Role.TEACHER, frozenset({HERE})), Seen(2, Role.PUPIL, frozenset({THERE})), False),
        (Viewer(1, Role.TEACHER, frozenset({HERE})), Seen(2, Role.TEACHER, frozenset({THERE})), True),
        (Viewer(1, Role.TEACHER, frozenset({HERE})), Seen(2, Role.TEACHER, frozenset(), hidden=True), False),
        (Viewer(1, Role.STAFF, frozenset()), Seen(2, Role.PUPIL, frozenset()), False),
        (Viewer(1, Role.PUPIL, frozenset({HERE})), Seen(2, Role.PUPIL, frozenset({HERE})), False),
        (Viewer(2, Role.PUPIL, frozenset({HERE})), Seen(2, Role.PUPIL, frozenset({HERE}), hidden=True), True),
        (Viewer(1, Role.PUPIL, frozenset({HERE})), Seen(2, Role.TEACHER, frozenset({THERE})), True),
        (Viewer(1, Role.ADMIN), Seen(2, Role.PUPIL, frozenset(), hidden=True, closed=True), True),
        (visibility.SERVICE, Seen(2, Role.PUPIL, frozenset()), True),
        (visibility.SERVICE, Seen(2, Role.STAFF, frozenset(), closed=True), False),
        (visibility.NOBODY, Seen(2, Role.PUPIL, frozenset()), False),
    ],
)
def test_who_sees_whom(who: Viewer, person: Seen, seen: bool) -> None:
    assert visibility.sees(who, person) is seen


async def test_the_database_applies_the_same_rule(store: Store, embedded: EmbeddedDirectory) -> None:
    everybody: list[Seen] = []
    for role, schools, kind in itertools.product(Role, SCHOOLS, ("shown", "hidden", "closed")):
        main, *further = [*sorted(schools), ""]
        ties = tuple(Affiliation(Tie.SCHOOL, uai, uai) for uai in further if uai)
        made = await embedded.add(NewPerson("Luc", "Vu", role, uai=main, affiliations=ties, hidden=kind == "hidden"))
        if kind == "closed":
            await store.write(accounts.close, made.account_id, "")
        assert visibility.schools_of(main, ties) == schools
        everybody.append(Seen(made.account_id, role, schools, kind == "hidden", kind == "closed"))
    for who in VIEWERS:
        expected = [one.account_id for one in everybody if visibility.sees(who, one)]
        assert await store.read(found, visible(who)) == expected
    held = await store.read(affiliations.of, [one.account_id for one in everybody])
    assert len(held) == sum(len(one.schools) == 2 for one in everybody)


@pytest.mark.parametrize(
    ("field", "initial", "who"),
    [
        (Field.LOGIN, "edu", ["edupont", "edupont1", "edupont2"]),
        (Field.LOGIN, "jd-", []),
        (Field.LOGIN, "mle-", ["mle-dupond"]),
        (Field.NAME, "jean-p", ["jdherouville"]),
        (Field.UAI, "021", ["edupont1", "hmuller", "jdherouville", "edupont2", "mononyme", "ustrauss"]),
    ],
)
async def test_a_prefix_is_one_whatever_the_language_of_the_database(
    academy: Store, field: Field, initial: str, who: list[str]
) -> None:
    """Databases order text by their language, in which signs may count for nothing."""

    def ask(tx: Tx) -> list[str]:
        joined = select(account.c.login).join_from(person, account, account.c.id == person.c.account_id)
        wanted = joined.where(clause(Contains(field, initial))).order_by(person.c.account_id)
        return list(tx.execute(wanted).scalars())

    assert await academy.read(ask) == who
