"""Changes of several items as one unit, and what takes them back, on each engine."""

import pytest

from mailserver.calendars.icalendar import reading
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.agenda import agenda_changes, agenda_items, agendas
from mailserver.store.agenda.agenda_changes import MAX_UNDO, Step
from mailserver.store.agenda.agenda_items import NewItem
from mailserver.store.engine.transactions import Store
from tests.agenda.conftest import event


@pytest.fixture
def place(store: Store) -> tuple[int, int]:
    """An account and its agenda."""
    account_id = store.write_now(accounts.create, "edupont", State.ACTIVE)
    store.write_now(agendas.provision, account_id)
    held = store.read_now(agendas.find, account_id, "agenda")
    assert held is not None
    return account_id, held.id


def item(uid: str, summary: str = "Cours") -> NewItem:
    return reading.read(f"{uid}.ics", event(uid, summary))


def titles(store: Store, place: tuple[int, int]) -> list[str]:
    rows = store.read_now(agenda_items.between, *place, -(2**62), 2**62)
    return sorted(line[8:] for row in rows for line in (row.text or "").splitlines() if line.startswith("SUMMARY:"))


def test_all_steps_or_none(store: Store, place: tuple[int, int]) -> None:
    account_id, agenda = place
    first = item("a")
    store.write_now(agenda_changes.apply, account_id, [Step(agenda, "a.ics", None, first)])
    other = [Step(agenda, "b.ics", None, item("b")), Step(agenda, "a.ics", "autre", item("a", "Réunion"))]
    with pytest.raises(Refused) as refused:
        store.write_now(agenda_changes.apply, account_id, other, b"j" * 32, 60)
    assert refused.value.reason is Reason.CONFLICT
    assert titles(store, place) == ["Cours"]
    assert store.read_now(agenda_changes.former, account_id, b"j" * 32) == ()


def test_what_was_there_before_comes_back_once(store: Store, place: tuple[int, int]) -> None:
    account_id, agenda = place
    first, second = item("a"), item("a", "Réunion")
    store.write_now(agenda_changes.apply, account_id, [Step(agenda, "a.ics", None, first)])
    steps = [Step(agenda, "a.ics", first.etag, second), Step(agenda, "b.ics", None, item("b", "Suite"))]
    assert store.write_now(agenda_changes.apply, account_id, steps, b"j" * 32, 60)
    assert titles(store, place) == ["Réunion", "Suite"]
    other = store.write_now(accounts.create, "mmartin", State.ACTIVE)
    assert store.read_now(agenda_changes.former, other, b"j" * 32) == ()
    former = store.read_now(agenda_changes.former, account_id, b"j" * 32)
    back = [
        Step(one.collection_id, one.href, one.left, reading.read(one.href, one.text) if one.text else None)
        for one in former
    ]
    store.write_now(agenda_changes.take_back, account_id, b"j" * 32, back)
    assert titles(store, place) == ["Cours"]
    assert store.read_now(agenda_changes.former, account_id, b"j" * 32) == ()


def test_undo_does_not_overwrite_what_came_after(store: Store, place: tuple[int, int]) -> None:
    account_id, agenda = place
    first = item("a")
    store.write_now(agenda_changes.apply, account_id, [Step(agenda, "a.ics", None, first)], b"j" * 32, 60)
    store.write_now(agenda_items.put, account_id, agenda, item("a", "D’un autre"), first.etag)
    (former,) = store.read_now(agenda_changes.former, account_id, b"j" * 32)
    step = Step(former.collection_id, former.href, former.left, None)
    with pytest.raises(Refused):
        store.write_now(agenda_changes.take_back, account_id, b"j" * 32, [step])
    assert titles(store, place) == ["D’un autre"]


def test_only_the_last_changes_are_remembered(store: Store, place: tuple[int, int]) -> None:
    account_id, agenda = place
    for number in range(MAX_UNDO + 3):
        steps = [Step(agenda, f"a{number}.ics", None, item(f"a{number}"))]
        store.write_now(agenda_changes.apply, account_id, steps, bytes([number]) * 32, 60 + number)
    kept = [
        number
        for number in range(MAX_UNDO + 3)
        if store.read_now(agenda_changes.former, account_id, bytes([number]) * 32)
    ]
    assert kept == list(range(3, MAX_UNDO + 3))
