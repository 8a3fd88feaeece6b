"""The quiet hours that a school decided, when the school goes or gets another UAI."""

from collections.abc import Callable

import pytest

from mailserver.model.quiet_hours import Hours
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import bulk_people, removals, school_hours, schools
from mailserver.store.record.audit import Origin

OLD, NEW = "0219801P", "0219802R"
ORIGIN = Origin("tests", "tests")
LATE = Hours(begins=22, ends=6)


@pytest.fixture
def decided(store: Store) -> Store:
    """A store with a school that has decided."""
    store.write_now(schools.upsert, [schools.Facts(OLD, "Collège")])
    store.write_now(school_hours.decide, ORIGIN, OLD, LATE)
    return store


def test_they_follow_a_school_that_gets_another_uai(decided: Store) -> None:
    decided.write_now(removals.rename_school, OLD, NEW)
    assert decided.read_now(school_hours.listing) == {NEW: LATE}


@pytest.mark.parametrize("remove", [removals.remove_school, bulk_people.remove_school])
def test_they_go_with_the_school(decided: Store, remove: Callable[[Tx, str], bool]) -> None:
    assert decided.write_now(remove, OLD)
    decided.write_now(schools.upsert, [schools.Facts(OLD, "Lycée")])
    assert decided.read_now(school_hours.listing) == {}
