"""Events, tasks and contacts that were deleted come back as they were, while they are kept, and only to their owner."""

from dataclasses import replace

import pytest

from mailserver.accounts import removed_items
from mailserver.accounts.removed_items import RemovedItem
from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_deletions, agenda_feeds, agenda_items, agenda_recovery, agendas
from mailserver.store.agenda.agendas import Collection
from mailserver.store.engine.transactions import Store
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from tests.agenda.test_store import agenda, create_account, edupont, event, named

__all__ = ["agenda", "edupont"]
WEB = Origin("edupont", "web")
TEXT = (
    "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nDTSTART:19700101T000000\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n"
    'DTSTART;TZID="Europe/Paris":20261130T080000\r\nSUMMARY;ALTREP="http://x":Conseil\\, de\r\n  classe\r\n'
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def kept(store: Store, account_id: int, days: int = 30) -> list[RemovedItem]:
    return [removed_items.line_of(one) for one in store.read_now(agenda_recovery.find, account_id, days, 50)]


def uids(store: Store, account_id: int) -> list[str]:
    return [one.uid for one in store.read_now(agenda_recovery.find, account_id, 30, 50)]


def listing_with_items(store: Store, account_id: int) -> list[Collection]:
    return [one for one in store.read_now(agendas.listing, account_id) if one.items]


def back(store: Store, account_id: int, numbers: list[int]) -> int:
    return store.write_now(agenda_recovery.recover, account_id, WEB, numbers, 30)


def test_a_deleted_event_comes_back_as_it_was(store: Store, edupont: int, agenda: Collection) -> None:
    new = event("a", text=TEXT, starts=5, ends=9)
    for _ in range(2):
        store.write_now(agenda_items.put, edupont, agenda.id, new)
        store.write_now(agenda_items.remove, edupont, agenda.id, new.href)
    (line,) = kept(store, edupont)
    assert (line.title, str(line.day), line.component, line.shown) == (
        "Conseil, de classe",
        "2026-11-30",
        "VEVENT",
        "Agenda",
    )
    token = named(store, edupont, "agenda").modseq
    other = store.write_now(create_account, "mmartin")
    assert kept(store, other) == []
    assert back(store, other, [line.id]) == 0
    assert back(store, edupont, [line.id]) == 1
    (item,) = store.read_now(agenda_items.between, edupont, agenda.id, 0, 100)
    assert (item.href, item.uid, item.etag, item.text) == (new.href, new.uid, new.etag, TEXT)
    changed = store.read_now(agenda_items.since, edupont, "agenda", agenda.id, token)
    assert changed.hrefs == (new.href,), "programs that synchronise are told"
    assert back(store, edupont, [line.id]) == 0, "pressed twice"
    assert kept(store, edupont) == []
    assert [one.action for one in store.read_now(audit.history, edupont)].count(Action.ITEMS_RECOVERED) == 1


def test_what_is_there_is_not_shown(store: Store, edupont: int, agenda: Collection) -> None:
    """Moved by a program that writes it elsewhere; changed; filled from the web."""
    other = store.write_now(agendas.create, edupont, "autre", agendas.CALENDAR, {})
    for name in ("a", "b"):
        store.write_now(agenda_items.put, edupont, agenda.id, event(name))
    store.write_now(agenda_items.put, edupont, other.id, event("a"))
    store.write_now(agenda_items.remove, edupont, agenda.id, "a.ics")
    store.write_now(agenda_items.move, edupont, (agenda.id, "b.ics"), (other.id, "b.ics"))
    assert kept(store, edupont) == []
    store.write_now(agenda_items.replace, edupont, other.id, {}, [event("a")])
    assert [line.shown for line in kept(store, edupont)] == ["autre"]
    feed = store.write_now(agenda_feeds.subscribe, edupont, "feed", {}, "https://a.fr/x.ics", b"d" * 32, [event("c")])
    store.write_now(agendas.drop, edupont, feed)
    assert len(kept(store, edupont)) == 1


def test_what_is_written_over_or_carried_off_is_kept(store: Store, edupont: int, agenda: Collection) -> None:
    """Another event under the same name, by PUT, MOVE or with the whole agenda; MOVE to the agenda of somebody else."""
    for name in ("a", "b", "c", "d"):
        store.write_now(agenda_items.put, edupont, agenda.id, event(name))
    store.write_now(agenda_items.put, edupont, agenda.id, replace(event("x"), href="a.ics"))
    store.write_now(agenda_items.move, edupont, (agenda.id, "a.ics"), (agenda.id, "b.ics"))
    assert sorted(uids(store, edupont)) == ["a", "b"], "the event x is there"
    whole = [event("d"), replace(event("y"), href="c.ics"), replace(event("x"), href="z.ics")]
    store.write_now(agenda_items.replace, edupont, agenda.id, {}, whole)
    assert sorted(uids(store, edupont)) == ["a", "b", "c"]
    other = store.write_now(create_account, "mmartin")
    theirs = store.write_now(agendas.create, other, "autre", agendas.CALENDAR, {})
    store.write_now(agenda_items.move, edupont, (agenda.id, "d.ics"), (theirs.id, "d.ics"), target_account=other)
    assert sorted(uids(store, edupont)) == ["a", "b", "c", "d"]
    assert uids(store, other) == []


def test_a_deleted_agenda_is_made_anew_once(store: Store, edupont: int) -> None:
    made = store.write_now(agendas.create, edupont, "sorties", agendas.CALENDAR, {agendas.DISPLAY_NAME: "Sorties"})
    for name in ("a", "b", "c"):
        store.write_now(agenda_items.put, edupont, made.id, event(name))
    store.write_now(agenda_items.remove, edupont, made.id, "c.ics")
    store.write_now(agendas.drop, edupont, made.id)
    lines = kept(store, edupont)
    assert [line.shown for line in lines] == ["Sorties"] * 3
    for line in lines:
        assert back(store, edupont, [line.id]) == 1
    (anew,) = [
        one for one in store.read_now(agendas.listing, edupont) if one.props.get(agendas.DISPLAY_NAME) == "Sorties"
    ]
    assert anew.items == 3


def test_bounds(store: Store, edupont: int, agenda: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of one account is bounded, the oldest give way; without room nothing comes back; in time it goes."""
    monkeypatch.setattr(agenda_deletions, "MOST", 3)
    monkeypatch.setattr(agenda_deletions, "SWEEP", 1)
    for number in range(5):
        store.write_now(agenda_items.put, edupont, agenda.id, event(f"e{number}"))
        store.write_now(agenda_items.remove, edupont, agenda.id, f"e{number}.ics")
    numbers = [line.id for line in kept(store, edupont)]
    assert len(numbers) == 3
    assert kept(store, edupont, days=0) == []
    monkeypatch.setattr(agenda_items, "MAX_ITEMS", 2)
    with pytest.raises(Refused) as refused:
        back(store, edupont, numbers)
    assert refused.value.reason is Reason.LIMIT
    assert len(kept(store, edupont)) == 3, "none of them"
    now = int(store.clock.now())
    assert store.write_now(agenda_recovery.let_go, now - DAY) == 0
    assert store.write_now(agenda_recovery.let_go, now) == 3
    assert store.write_now(agenda_recovery.let_go, now) == 0


def test_deleted_agendas_are_bounded(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Made, filled and deleted again and again, each left its properties behind for a month, which no quota saw and a
    page read at once. The oldest give way, and what was in them does not."""
    monkeypatch.setattr(agenda_deletions, "MOST_COLLECTIONS", 2)
    for number in range(4):
        made = store.write_now(agendas.create, edupont, f"a{number}", agendas.CALENDAR, {"x": "y" * 1000})
        store.write_now(agenda_items.put, edupont, made.id, event(f"e{number}"))
        store.write_now(agendas.drop, edupont, made.id)
    lines = kept(store, edupont)
    assert [line.shown for line in lines] == ["a3", "a2", "", ""]
    assert back(store, edupont, [line.id for line in lines]) == 4
    assert {"recupere", "agenda"} == {one.name.partition("-")[0] for one in listing_with_items(store, edupont)}
