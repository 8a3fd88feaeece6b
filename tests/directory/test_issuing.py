"""Identifiers and addresses are claimed: they never collide nor come back."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from directory.issuing import enrolment, issuing
from directory.issuing.enrolment import Academy, Enrolled
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
