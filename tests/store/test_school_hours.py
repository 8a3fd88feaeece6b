"""The quiet hours that a school decided, when the school goes or gets another UAI; and those of the academy."""

from collections.abc import Callable

import pytest

from mailserver.model.account.quiet_hours import Hours
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people import academy_hours, bulk_people, removals, school_hours, schools
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin, Wanted

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


def test_those_of_the_academy_are_one_decision(store: Store) -> None:
    """Each takes the place of the one before; what changes nothing is not on record."""
    made = [store.write_now(academy_hours.decide, ORIGIN, hours) for hours in (LATE, LATE, Hours(), None, None)]
    assert made == [True, False, True, True, False]
    assert store.read_now(academy_hours.decided) is None
    store.write_now(academy_hours.decide, ORIGIN, LATE)
    assert store.read_now(academy_hours.decided) == LATE
    events = store.read_now(audit.find, Wanted(action=Action.QUIET_HOURS_SET), 10)
    assert len(events) == 4
    with pytest.raises(Refused) as refused:
        store.write_now(academy_hours.decide, ORIGIN, Hours(begins=17))
    assert refused.value.reason is Reason.INVALID
