"""Identifiers and addresses: the academy's rules, and claims that never collide nor come back."""

import itertools
import multiprocessing
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from directory.issuing import enrolment, issuing
from directory.issuing.enrolment import Academy, Enrolled
from directory.issuing.issuing import Issued, Wish, is_reserved
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.model.credentials.proofs import Proofs
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import NewPerson, PersonChange, Role
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import claims
from mailserver.store.record.audit import Origin
from tests.directory.conftest import DOMAIN

ACADEMY = Academy(DOMAIN, Proofs(b"k" * 32))
ORIGIN = Origin("tester", "test")


@pytest.mark.parametrize(
    ("given_name", "surname", "login", "local"),
    [
        ("Émilie", "Dupont", "edupont", "emilie.dupont"),
        ("Marc", "Le Dupond", "mle-dupond", "marc.le-dupond"),
        ("Jean-Pierre", "de La Tour", "jde-la-tour", "jean-pierre.de-la-tour"),
        ("Françoise", "D’Œuvre", "fdoeuvre", "francoise.doeuvre"),
        ("Loïc", "L'Hôte", "llhote", "loic.lhote"),
        ("Ægir", "Straße", "astrasse", "aegir.strasse"),
        ("Łukasz", "Đurić", "lduric", "lukasz.duric"),
        ("Øyvind", "Sørensen", "osorensen", "oyvind.sorensen"),
        ("ZOÉ", "ÇELİK", "zcelik", "zoe.celik"),
        ("Anne", "Dupont--Durand ", "adupont-durand", "anne.dupont-durand"),
        ("Anne", "St. Martin", "ast-martin", "anne.st-martin"),
        ("", "Administration", "administration", "administration"),
        ("Administration", "", "administration", "administration"),
        ("Wang", "王", "wang", "wang"),
        ("É", "N'Guyễn", "enguyen", "e.nguyen"),
    ],
)
def test_the_rules(given_name: str, surname: str, login: str, local: str) -> None:
    assert issuing.identifier(given_name, surname) == login
    assert issuing.local_part(given_name, surname) == local


def test_a_name_we_cannot_write_needs_an_identifier() -> None:
    with pytest.raises(Refused) as refused:
        issuing.identifier("王", "伟")
    assert refused.value.reason is Reason.INVALID


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_is_issued_is_ascii_bounded_and_an_identifier(given_name: str, surname: str) -> None:
    local = issuing.local_part(given_name, surname)
    assert len(local) <= 61
    if local:
        login = issuing.identifier(given_name, surname)
        assert len(login) <= 31
        assert issuing.is_login(login)
        assert issuing.is_login(local)


@pytest.mark.parametrize("uai", ["9720963P", "0370884K", "0451526P", "0751717J", "0690078K", "0210006T"])
def test_uai_check_letters(uai: str) -> None:
    assert issuing.is_uai(uai)
    assert issuing.uai_letter(uai[:7]) == uai[7]


@pytest.mark.parametrize("uai", ["", "0210006", "0210006t", "0210006TT", "٠٢١٠٠٠٦T", "0450000AA"])
def test_what_is_no_uai(uai: str) -> None:
    assert not issuing.is_uai(uai)


def test_shapes_of_numen_and_ine() -> None:
    assert issuing.is_numen("21E2600123ABC")
    assert not any(map(issuing.is_numen, ("21E2600123AB", "21e2600123abc", "21E260012٣ABC", "21E2600123ABCD")))
    assert all(map(issuing.is_ine, ("1234567890A", "123456789AB")))
    assert not any(map(issuing.is_ine, ("12345678901", "12345678ABC", "1234567890a", "1234567890AB")))


# ---------------------------------------------------------------------- claims


def enrol(store: Store, given_name: str, surname: str, login: str = "") -> Enrolled:
    person = enrolment.checked(NewPerson(given_name, surname, Role.TEACHER, login=login))
    return store.write_now(enrolment.enrol, ACADEMY, person, ORIGIN)


def test_nothing_is_issued_again_after_its_owner_left(store: Store) -> None:
    first = enrol(store, "Florence", "Durand")
    store.write_now(accounts.close, first.account_id, "")
    second = enrol(store, "Florence", "Durand")
    assert (second.login, second.address) == ("fdurand1", f"florence.durand1@{DOMAIN}")
    for login in ("fdurand", "FDurand"):
        with pytest.raises(Refused) as refused:
            enrol(store, "Fanny", "Durand", login)
        assert refused.value.reason is Reason.CONFLICT


def test_identifiers_and_addresses_share_one_space(store: Store) -> None:
    """`identifier@domain` always delivers: an identifier may not take what is somebody's address."""
    assert enrol(store, "Jean", "Martin").address == f"jean.martin@{DOMAIN}"
    with pytest.raises(Refused) as refused:
        enrol(store, "Paul", "Petit", "jean.martin")
    assert refused.value.reason is Reason.CONFLICT
    store.write_now(claims.take_for_function, f"ppetit@{DOMAIN}")
    assert enrol(store, "Paul", "Petit").login == "ppetit1"


def test_names_of_functions_are_not_issued(store: Store) -> None:
    assert enrol(store, "Paul", "Ostmaster").login == "postmaster1"
    assert enrol(store, "Ab", "Use").login == "ause"
    assert enrol(store, "", "Abuse").address == f"abuse1@{DOMAIN}"
    assert enrol(store, "Administration", "", "admin").login == "admin"
    for name in ("postmaster", "abuse", "root", "support", "chorale-owner", "chorale-bounces", "0210006t"):
        with pytest.raises(Refused, match="means a function"):
            enrol(store, "Anne", "Roy", name)


def test_nobody_is_issued_the_address_of_a_school_or_of_its_lists(store: Store) -> None:
    """A name in an export that reads like one must not take a school's mail."""
    assert enrol(store, "Direction", "0210006T").address == f"direction.0210006t1@{DOMAIN}"
    assert enrol(store, "", "0210006T").address == f"0210006t1@{DOMAIN}"
    assert enrol(store, "4e-B", "0210006T").address == f"4e-b.0210006t1@{DOMAIN}"
    assert enrol(store, "Jean", "X-Owner").address == f"jean.x-owner1@{DOMAIN}"
    person = enrol(store, "Anne", "Roy")
    wanted = PersonChange(given_name="Eleves", surname="0210006T")
    changed = store.write_now(enrolment.change, ACADEMY, person.account_id, wanted, ORIGIN)
    assert changed.address == f"eleves.0210006t1@{DOMAIN}"


def test_gaps_are_passed_over_and_the_300th_homonym_is_quick(store: Store) -> None:
    enrol(store, "Jean", "Martin")
    enrol(store, "X", "Y", "jmartin2")

    def crowd(tx: Tx) -> None:
        for number in range(3, 300):
            claims.take(tx, 1, (f"jmartin{number}", f"jmartin{number}@{DOMAIN}", f"jean.martin{number}@{DOMAIN}"))

    assert enrol(store, "Jean", "Martin").login == "jmartin1"
    store.write_now(crowd)
    asked = 0

    def count(number: int) -> bool:
        nonlocal asked
        asked += 1
        return number >= 300

    assert issuing._first(count) == 300
    assert asked < 30
    assert enrol(store, "Jean", "Martin").login == "jmartin300"


class Given(dict[str, int]):
    """`issuing.Names` over a dictionary; counts questions."""

    asked = 0

    def taken(self, names: Collection[str]) -> dict[str, int]:
        self.asked += 1
        return {name: self[name] for name in names if name in self}

    def numbered(self, base: str) -> dict[str, int]:
        self.asked += 1
        return {name: owner for name, owner in self.items() if f"{base}0" <= name < f"{base}:"}

    def one_by_one(self, wishes: Sequence[Wish]) -> list[Issued | None]:
        """The same by the plainest rule: the lowest number that is free, one person after the other."""
        done: list[Issued | None] = []
        for wish in wishes:
            base = issuing.identifier(wish.given_name, wish.surname)
            local = issuing.local_part(wish.given_name, wish.surname)
            free = (f"{base}{number or ''}" for number in itertools.count())
            login = wish.login or next(
                one for one in free if one not in self and f"{one}@{DOMAIN}" not in self and not is_reserved(one)
            )
            alias = f"{login}@{DOMAIN}"
            if login in self or alias in self:
                done.append(None)
                continue
            addresses = ((f"{local}{number or ''}", f"{local}{number or ''}@{DOMAIN}") for number in itertools.count())
            address = next(
                one for name, one in addresses if one == alias or (one not in self and not is_reserved(name))
            )
            done.append(Issued(login, address, (alias,) if alias != address else ()))
            self.update(dict.fromkeys((login, alias, address), 1))
        return done


_NAME = st.sampled_from(
    [
        ("Jean", "Martin"),
        ("Jeanne", "Martin"),
        ("", "Abuse"),
        ("Anne", "Roy"),
        ("Anne-Roy", ""),
        ("Direction", "0210006T"),
    ]
)
_WISH = st.builds(
    lambda name, login: Wish(name[0], name[1], login),
    _NAME,
    st.sampled_from(["", "", "", "jmartin1", "anne.roy", "aroy2", "jean.martin1"]),
)
_HAD = st.sampled_from(["jmartin", "jmartin1", "jmartin3", f"jean.martin@{DOMAIN}", f"aroy@{DOMAIN}", "abuse1"])


@settings(max_examples=200, deadline=None)
@given(st.sets(_HAD), st.lists(st.lists(_WISH, max_size=8), max_size=4))
def test_many_at_a_time_are_as_one_after_the_other(had: set[str], batches: list[list[Wish]]) -> None:
    """Whatever was issued before, however people come in batches, and whatever was learned from the last one."""
    plain = Given(dict.fromkeys(had, 1))
    quick = Given(plain)
    hints: issuing.Hints = {}
    for batch in batches:
        answers, learned = issuing.issue_many(quick, DOMAIN, batch, hints)
        issuing.keep_hints(hints, learned)
        issued = [answer if isinstance(answer, Issued) else None for answer in answers]
        assert issued == plain.one_by_one(batch)
        quick.update({name: 1 for one in issued if one is not None for name in one.names})


@pytest.mark.parametrize("renamed_first", [False, True])
def test_a_new_person_and_a_new_name_of_one_batch_share_no_address(store: Store, renamed_first: bool) -> None:
    """The names that a batch has given out are taken, though nobody has claimed them yet."""
    known = enrol(store, "Jeanne", "Ancien")
    both = [Wish("Jeanne", "Martin"), Wish("Jeanne", "Martin", account_id=known.account_id), Wish("Jeanne", "Martin")]
    if renamed_first:
        both.reverse()
        both[0], both[1] = both[1], both[0]
    answers, _ = store.read_now(lambda tx: issuing.issue_many(issuing.ClaimedNames(tx), DOMAIN, both, {}))
    issued = [answer.address for answer in answers if isinstance(answer, Issued)]
    assert len(issued) == 3
    assert set(issued) == {f"jeanne.martin{number}@{DOMAIN}" for number in ("", 1, 2)}


def test_homonyms_by_the_thousand_cost_one_question() -> None:
    names = Given()
    hints: issuing.Hints = {}
    for _ in range(3):
        names.asked = 0
        answers, learned = issuing.issue_many(names, DOMAIN, [Wish("Jean", "Martin")] * 1000, hints)
        issuing.keep_hints(hints, learned)
        names.update({name: 1 for one in answers if isinstance(one, Issued) for name in one.names})
        assert names.asked == 1
    assert "jmartin2999" in names
    # A process that knows nothing yet learns all numbers of a name at once.
    names.asked = 0
    (answer,), _ = issuing.issue_many(names, DOMAIN, [Wish("Jean", "Martin")], {})
    assert isinstance(answer, Issued)
    assert (answer.login, names.asked < 10) == ("jmartin3000", True)


def test_hints_are_bounded() -> None:
    hints: issuing.Hints = {}
    for number in range(3):
        issuing.keep_hints(hints, {f"{number}-{one}": 1 for one in range(issuing.MAX_HINTS // 2)})
        assert len(hints) <= issuing.MAX_HINTS


def test_a_refused_person_claims_nothing(store: Store) -> None:
    enrol(store, "Jean", "Martin", "jm")
    with pytest.raises(Refused):
        enrol(store, "Zoé", "Zola", "jm")
    assert store.read_now(claims.is_free, "zzola", f"zoe.zola@{DOMAIN}")


def test_fifty_issuers_in_threads_never_collide(make_store: Callable[[], Store]) -> None:
    """Several stores over one database, as several workers: each thread issues for the same name."""
    stores = [make_store() for _ in range(3)]
    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(lambda number: enrol(stores[number % 3], "Anne", "Roy"), range(50)))
    assert {one.login for one in made} == {"aroy", *(f"aroy{number}" for number in range(1, 50))}
    assert len({one.address for one in made}) == 50
    assert len({one.account_id for one in made}) == 50


def _issue(url: str, folder: Path, count: int) -> list[str]:
    store = Store(url, folder, SystemClock(), Changes(), readers=1, writers=2)
    try:
        return [enrol(store, "Anne", "Roy").login for _ in range(count)]
    finally:
        store.close()


def test_issuers_in_processes_never_collide(store: Store) -> None:
    """The same across processes, whose only common ground is the database."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        rounds = pool.starmap(_issue, [(store.url, store.data, 13)] * 4)
    logins = [login for one in rounds for login in one]
    assert sorted(logins) == sorted({"aroy", *(f"aroy{number}" for number in range(1, 52))})
