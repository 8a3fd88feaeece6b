"""Collections and items in the store: history, preconditions, bounds, on both engines."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import insert, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_feeds, agenda_items, agendas
from mailserver.store.agenda.agenda_feeds import Feed
from mailserver.store.agenda.agenda_items import ANY, NewItem, UidTaken
from mailserver.store.agenda.agendas import CALENDAR, Collection
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.agendas import agenda_feed


def create_account(tx: Tx, login: str) -> int:
    row = tx.execute(insert(account).values(login=login, state="active", created=tx.now).returning(account.c.id)).one()
    return int(row[0])


@pytest.fixture
def edupont(store: Store) -> int:
    account_id = store.write_now(create_account, "edupont")
    store.write_now(agendas.provision, account_id)
    return account_id


@pytest.fixture
def agenda(store: Store, edupont: int) -> Collection:
    return named(store, edupont, "agenda")


def named(store: Store, account_id: int, name: str) -> Collection:
    found = store.read_now(agendas.find, account_id, name)
    assert found is not None
    return found


def event(name: str, *, uid: str = "", text: str = "x", starts: int = 0, ends: int = 10) -> NewItem:
    return NewItem(f"{name}.ics", uid or name, f"etag-{name}-{hash(text)}", "VCALENDAR", "VEVENT", starts, ends, text)


def test_first_collections_come_once(store: Store, edupont: int) -> None:
    """Provisioning again changes nothing, and what the person deleted does not come back."""
    assert [one.name for one in store.read_now(agendas.listing, edupont)] == ["agenda", "taches", "contacts"]
    store.write_now(agendas.drop, edupont, named(store, edupont, "taches").id)
    store.write_now(agendas.provision, edupont)
    assert [one.name for one in store.read_now(agendas.listing, edupont)] == ["agenda", "contacts"]


def test_first_collections_when_two_processes_come_together(make_store: Callable[[], Store]) -> None:
    stores = [make_store() for _ in range(3)]
    account_id = stores[0].write_now(create_account, "mmartin")
    barrier = threading.Barrier(len(stores))

    def come(store: Store) -> None:
        barrier.wait()
        store.write_now(agendas.provision, account_id)

    threads = [threading.Thread(target=come, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores[0].read_now(agendas.listing, account_id)) == 3


def test_history_of_a_collection(store: Store, edupont: int, agenda: Collection) -> None:
    """Since a modseq: what came, changed and went, each once; nothing since the newest."""
    put = agenda_items.put
    for name in ("a", "b", "c"):
        store.write_now(put, edupont, agenda.id, event(name))
    start = store.read_now(agenda_items.hrefs, edupont, "agenda")
    assert set(start.hrefs) == {"a.ics", "b.ics", "c.ics"}
    store.write_now(put, edupont, agenda.id, event("a", text="moved"))
    store.write_now(agenda_items.remove, edupont, agenda.id, "b.ics")
    store.write_now(put, edupont, agenda.id, event("d"))
    delta = store.read_now(agenda_items.since, edupont, "agenda", agenda.id, start.modseq)
    assert sorted(delta.hrefs) == ["a.ics", "b.ics", "d.ics"]
    assert store.read_now(agenda_items.since, edupont, "agenda", agenda.id, delta.modseq).hrefs == ()
    store.write_now(put, edupont, agenda.id, event("b"))
    again = store.read_now(agenda_items.since, edupont, "agenda", agenda.id, start.modseq)
    assert sorted(again.hrefs) == ["a.ics", "b.ics", "d.ics"]
    held = named(store, edupont, "agenda")
    assert (held.items, held.octets) == (4, len("moved") + 3)


def test_storing_the_same_text_again_changes_nothing(store: Store, edupont: int, agenda: Collection) -> None:
    store.write_now(agenda_items.put, edupont, agenda.id, event("a"))
    before = named(store, edupont, "agenda").modseq
    store.write_now(agenda_items.put, edupont, agenda.id, event("a"))
    assert named(store, edupont, "agenda").modseq == before


@pytest.mark.parametrize("token", [-1, 10**9])
def test_token_from_nowhere_is_refused(store: Store, edupont: int, agenda: Collection, token: int) -> None:
    with pytest.raises(Refused) as refused:
        store.read_now(agenda_items.since, edupont, "agenda", agenda.id, token)
    assert refused.value.reason is Reason.INVALID


def test_token_of_a_deleted_collection_does_not_fit_its_successor(store: Store, edupont: int) -> None:
    first = store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    store.write_now(agendas.drop, edupont, first.id)
    second = store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    assert second.id != first.id
    with pytest.raises(Refused):
        store.read_now(agenda_items.since, edupont, "club", first.id, 1)


def test_tombstones_are_bounded(
    store: Store, edupont: int, agenda: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound the oldest history is forgotten, and tokens from before it are refused."""
    monkeypatch.setattr(agenda_items, "PRUNE_EVERY", 1)
    few = agenda_items.Statement(agenda_items._OLDEST_KEPT._clause.offset(3))  # type: ignore[attr-defined]
    monkeypatch.setattr(agenda_items, "_OLDEST_KEPT", few)
    start = named(store, edupont, "agenda").modseq
    for number in range(6):
        store.write_now(agenda_items.put, edupont, agenda.id, event(str(number)))
        store.write_now(agenda_items.remove, edupont, agenda.id, f"{number}.ics")
    held = named(store, edupont, "agenda")
    assert held.floor > start
    with pytest.raises(Refused):
        store.read_now(agenda_items.since, edupont, "agenda", agenda.id, start)
    delta = store.read_now(agenda_items.since, edupont, "agenda", agenda.id, held.floor)
    assert sorted(delta.hrefs) == ["3.ics", "4.ics", "5.ics"]


def test_change_names_what_its_caller_saw(store: Store, edupont: int, agenda: Collection) -> None:
    first, second = event("a"), event("a", text="y")
    store.write_now(agenda_items.put, edupont, agenda.id, first, None)
    for seen in (None, "another"):
        with pytest.raises(Refused) as refused:
            store.write_now(agenda_items.put, edupont, agenda.id, second, seen)
        assert refused.value.reason is Reason.CONFLICT
    store.write_now(agenda_items.put, edupont, agenda.id, second, first.etag)
    with pytest.raises(Refused):
        store.write_now(agenda_items.remove, edupont, agenda.id, "a.ics", first.etag)
    store.write_now(agenda_items.remove, edupont, agenda.id, "a.ics", second.etag)
    with pytest.raises(Refused) as refused:
        store.write_now(agenda_items.remove, edupont, agenda.id, "a.ics")
    assert refused.value.reason is Reason.NOT_FOUND


def test_only_one_of_many_that_saw_the_same_wins(make_store: Callable[[], Store]) -> None:
    """Eight writers of two processes read one ETag; exactly one replaces it."""
    stores = [make_store(), make_store()]
    account_id = stores[0].write_now(create_account, "skaci")
    stores[0].write_now(agendas.provision, account_id)
    held = named(stores[0], account_id, "agenda")
    stores[0].write_now(agenda_items.put, account_id, held.id, event("a"))
    outcomes: list[bool] = []

    def replace(number: int) -> None:
        new = event("a", text=f"text {number}")
        try:
            stores[number % 2].write_now(agenda_items.put, account_id, held.id, new, event("a").etag)
        except Refused:
            outcomes.append(False)
        else:
            outcomes.append(True)

    threads = [threading.Thread(target=replace, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 7 + [True]


def test_uid_is_unique_in_its_collection(store: Store, edupont: int, agenda: Collection) -> None:
    store.write_now(agenda_items.put, edupont, agenda.id, event("a", uid="u"))
    with pytest.raises(UidTaken):
        store.write_now(agenda_items.put, edupont, agenda.id, event("b", uid="u"))
    other = store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    store.write_now(agenda_items.put, edupont, other.id, event("a", uid="u"))
    with pytest.raises(UidTaken):
        store.write_now(agenda_items.move, edupont, (other.id, "a.ics"), (agenda.id, "z.ics"))
    assert len(store.read_now(agenda_items.stamps, edupont, other.id)) == 1  # the move undid nothing by halves


def test_move_between_collections(store: Store, edupont: int, agenda: Collection) -> None:
    other = store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    store.write_now(agenda_items.put, edupont, agenda.id, event("a", text="hello"))
    start = named(store, edupont, "agenda").modseq
    store.write_now(agenda_items.move, edupont, (agenda.id, "a.ics"), (other.id, "b.ics"))
    moved = store.read_now(agenda_items.get, edupont, other.id, "b.ics")
    assert moved is not None
    assert moved.text == "hello"
    assert store.read_now(agenda_items.since, edupont, "agenda", agenda.id, start).hrefs == ("a.ics",)
    store.write_now(agenda_items.move, edupont, (other.id, "b.ics"), (other.id, "c.ics"))
    assert [one.href for one in store.read_now(agenda_items.stamps, edupont, other.id)] == ["c.ics"]


def test_replace_keeps_the_history_of_what_is_equal(store: Store, edupont: int, agenda: Collection) -> None:
    for name in ("a", "b"):
        store.write_now(agenda_items.put, edupont, agenda.id, event(name))
    start = named(store, edupont, "agenda").modseq
    store.write_now(agenda_items.replace, edupont, agenda.id, {"D:displayname": "Neuf"}, [event("a"), event("c")])
    delta = store.read_now(agenda_items.since, edupont, "agenda", agenda.id, start)
    assert sorted(delta.hrefs) == ["b.ics", "c.ics"]
    held = named(store, edupont, "agenda")
    assert (held.props["D:displayname"], held.items, held.octets) == ("Neuf", 2, 2)


def test_between_uses_the_span_of_time(store: Store, edupont: int, agenda: Collection) -> None:
    for name, starts, ends in (("past", 0, 10), ("now", 10, 20), ("always", 0, 10**12), ("later", 30, 40)):
        store.write_now(agenda_items.put, edupont, agenda.id, event(name, starts=starts, ends=ends))
    found = store.read_now(agenda_items.between, edupont, agenda.id, 10, 30)
    assert [one.href for one in found] == ["always.ics", "now.ics"]
    assert store.read_now(agenda_items.between, edupont, agenda.id, 10, 30, "VTODO") == []


def test_nobody_reaches_another_account(store: Store, edupont: int, agenda: Collection) -> None:
    """Every function is scoped: the right ids with the wrong account find nothing."""
    store.write_now(agenda_items.put, edupont, agenda.id, event("a"))
    other = store.write_now(create_account, "rleroy")
    store.write_now(agendas.provision, other)
    assert store.read_now(agenda_items.stamps, other, agenda.id) == []
    assert store.read_now(agenda_items.get, other, agenda.id, "a.ics") is None
    assert store.read_now(agenda_items.several, other, agenda.id, ["a.ics"]) == {}
    assert store.read_now(agenda_items.between, other, agenda.id, 0, 100) == []
    assert store.read_now(agenda_items.holder, other, agenda.id, "a") is None
    for write in (
        lambda tx: agenda_items.put(tx, other, agenda.id, event("b")),
        lambda tx: agenda_items.remove(tx, other, agenda.id, "a.ics"),
        lambda tx: agenda_items.replace(tx, other, agenda.id, {}, []),
        lambda tx: agendas.describe(tx, other, agenda.id, {}),
        lambda tx: agendas.drop(tx, other, agenda.id),
    ):
        with pytest.raises(Refused) as refused:
            store.write_now(write)
        assert refused.value.reason is Reason.NOT_FOUND


def test_bound_on_collections(store: Store, edupont: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agendas, "MAX_COLLECTIONS", 4)
    store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    with pytest.raises(Refused) as refused:
        store.write_now(agendas.create, edupont, "trop", CALENDAR, {})
    assert refused.value.reason is Reason.LIMIT


def test_bounds_on_items(store: Store, edupont: int, agenda: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agenda_items, "MAX_ITEMS", 2)
    monkeypatch.setattr(agenda_items, "MAX_COLLECTION_OCTETS", 100)
    monkeypatch.setattr(agenda_items, "MAX_ITEM_OCTETS", 60)
    cases = (
        (event("big", text="é" * 31), Reason.TOO_BIG),
        (event("x" * 600), Reason.INVALID),
        (event("u", uid="u" * 1001), Reason.INVALID),
    )
    for new, reason in cases:
        with pytest.raises(Refused) as refused:
            store.write_now(agenda_items.put, edupont, agenda.id, new, ANY)
        assert refused.value.reason is reason
    store.write_now(agenda_items.put, edupont, agenda.id, event("a", text="x" * 60))
    with pytest.raises(Refused) as refused:
        store.write_now(agenda_items.put, edupont, agenda.id, event("b", text="x" * 60))
    assert refused.value.reason is Reason.LIMIT
    store.write_now(agenda_items.put, edupont, agenda.id, event("b"))
    with pytest.raises(Refused) as refused:
        store.write_now(agenda_items.put, edupont, agenda.id, event("c"))
    assert refused.value.reason is Reason.LIMIT


def test_bounds_on_all_collections_of_an_account(
    store: Store, edupont: int, agenda: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page shows all of them: a hundred full ones would be three gigabytes in memory."""
    monkeypatch.setattr(agenda_items, "MAX_HOME_ITEMS", 3)
    other = store.write_now(agendas.create, edupont, "club", CALENDAR, {})
    for where, name in ((agenda, "a"), (other, "b"), (other, "c")):
        store.write_now(agenda_items.put, edupont, where.id, event(name), ANY)
    for again in (agenda, other):
        with pytest.raises(Refused) as refused:
            store.write_now(agenda_items.put, edupont, again.id, event("d"), ANY)
        assert refused.value.reason is Reason.LIMIT
    with pytest.raises(Refused):
        store.write_now(agenda_items.replace, edupont, agenda.id, {}, [event("x"), event("y")])
    store.write_now(agenda_items.replace, edupont, agenda.id, {}, [event("x")])
    monkeypatch.setattr(agenda_items, "MAX_HOME_OCTETS", store.read_now(agendas.held, edupont)[1])
    with pytest.raises(Refused):
        store.write_now(agenda_items.put, edupont, agenda.id, event("x", text="x" * 500), ANY)
    store.write_now(agenda_items.remove, edupont, other.id, event("b").href, ANY)  # what makes room is always taken


def test_bounds_on_properties(store: Store, edupont: int, agenda: Collection) -> None:
    for props in ({str(n): "" for n in range(101)}, {"D:displayname": "x" * 70_000}):
        with pytest.raises(Refused) as refused:
            store.write_now(agendas.describe, edupont, agenda.id, props)
        assert refused.value.reason is Reason.LIMIT


def subscribed(store: Store, account_id: int, number: int) -> int:
    source = f"https://edt.example.org/{number}.ics"
    items = [event(f"cours-{number}")]
    return store.write_now(agenda_feeds.subscribe, account_id, str(number), {}, source, b"d" * 32, items)


def test_each_feed_that_is_due_has_one_worker(make_store: Callable[[], Store]) -> None:
    """Three processes claim at once; none of the feeds is fetched twice, none is left."""
    stores = [make_store() for _ in range(3)]
    account_id = stores[0].write_now(create_account, "abonne")
    numbers = {subscribed(stores[0], account_id, number) for number in range(9)}
    stores[0].write_now(lambda tx: tx.execute(update(agenda_feed).values(due=0)))
    taken: list[Feed] = []
    barrier = threading.Barrier(len(stores))

    def work(store: Store) -> None:
        barrier.wait()
        while (feed := store.write_now(agenda_feeds.claim)) is not None:
            taken.append(feed)

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(feed.collection_id for feed in taken) == sorted(numbers)
    assert not stores[0].read_now(agenda_feeds.is_due)


def test_a_feed_that_ended_meanwhile_is_not_filled(store: Store, edupont: int) -> None:
    number = subscribed(store, edupont, 1)
    feed = store.read_now(agenda_feeds.find, edupont, number)
    store.write_now(agendas.drop, edupont, number)
    with pytest.raises(Refused) as refused:
        store.write_now(agenda_feeds.fill, feed, b"e" * 32, [event("autre")])
    assert refused.value.reason is Reason.NOT_FOUND
    store.write_now(agenda_feeds.fail, feed, "unreachable")
    assert store.read_now(agenda_feeds.listing, edupont) == {}
