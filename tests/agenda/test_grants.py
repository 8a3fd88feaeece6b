"""Who reaches which collection, and what a private event tells others: on both engines."""

from collections.abc import Callable

import pytest

from mailserver.model.errors import Reason, Refused
from mailserver.store.agenda import agenda_changes, agenda_grants, agenda_items, agenda_reach, agendas
from mailserver.store.agenda.agenda_changes import Step
from mailserver.store.agenda.agenda_grants import Role
from mailserver.store.agenda.agenda_items import ANY, NewItem
from mailserver.store.agenda.agenda_masks import BUSY, is_private
from mailserver.store.agenda.agendas import CALENDAR, DISPLAY_NAME, Collection
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import erasure
from tests.agenda.conftest import event as text_of
from tests.agenda.test_store import create_account, event, named
from tests.store.test_moments import behind

ORIGIN = Origin("emilie", "web", "192.0.2.1")
SECRET = "DESCRIPTION:Cardiologue\nLOCATION:Hôpital\nCLASS:{}\nBEGIN:VALARM\nDESCRIPTION:Partir\nEND:VALARM\n"


@pytest.fixture
def people(store: Store) -> tuple[int, int, int]:
    """Émilie, who shares; Marc; and Zoé, with whom nothing is shared."""
    ids = [store.write_now(create_account, login) for login in ("edupont", "mmartin", "zzola")]
    for account_id in ids:
        store.write_now(agendas.provision, account_id)
    return ids[0], ids[1], ids[2]


@pytest.fixture
def agenda(store: Store, people: tuple[int, int, int]) -> Collection:
    return named(store, people[0], "agenda")


def item(name: str, more: str = "") -> NewItem:
    text = text_of(name, "Rendez-vous secret", more=more)
    return NewItem(f"{name}.ics", name, f"etag-{name}-{len(text)}", "VCALENDAR", "VEVENT", 0, 10, text)


def refusal(store: Store, function: object, *args: object) -> Reason:
    with pytest.raises(Refused) as refused:
        store.write_now(function, *args)  # type: ignore[arg-type]
    return refused.value.reason


def test_a_reader_looks_and_changes_nothing(store: Store, people: tuple[int, int, int], agenda: Collection) -> None:
    emilie, marc, zoe = people
    store.write_now(agenda_items.put, emilie, agenda.id, event("a"))
    assert store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.READ, ORIGIN)
    assert not store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.READ, ORIGIN)
    reach = store.read_now(agenda_reach.find, marc, "edupont~agenda")
    assert reach is not None
    assert (reach.held.id, reach.name, reach.writable) == (agenda.id, "edupont~agenda", False)
    assert [one.href for one in store.read_now(agenda_reach.stamps, marc, agenda.id)] == ["a.ics"]
    assert store.read_now(agenda_reach.holder, marc, agenda.id, "a") == "a.ics"
    own = named(store, marc, "agenda").id
    store.write_now(agenda_items.put, marc, own, event("m"))
    for function, args in (
        (agenda_reach.put, (agenda.id, event("b"))),
        (agenda_reach.remove, (agenda.id, "a.ics")),
        (agenda_reach.move, ((own, "m.ics"), (agenda.id, "m.ics"))),
        (agenda_reach.move, ((agenda.id, "a.ics"), (own, "a.ics"))),
        (agenda_changes.apply, ([Step(agenda.id, "a.ics", ANY, None)],)),
    ):
        assert refusal(store, function, marc, *args) is Reason.READ_ONLY
        assert refusal(store, function, zoe, *args) is Reason.NOT_FOUND
    with pytest.raises(Refused):
        store.read_now(agenda_reach.get, zoe, agenda.id, "a.ics")
    assert store.read_now(agenda_reach.find, zoe, "edupont~agenda") is None


@pytest.mark.parametrize("make_store", ["postgresql"], indirect=True)
@pytest.mark.parametrize("act", ["put", "remove", "move"])
def test_a_right_that_is_taken_back_is_gone_for_who_waits(
    store: Store, make_store: Callable[[], Store], people: tuple[int, int, int], agenda: Collection, act: str
) -> None:
    emilie, marc, _ = people
    own = named(store, marc, "agenda")
    store.write_now(agenda_items.put, emilie, agenda.id, event("a"))
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)
    acts: dict[str, Callable[[Tx], None]] = {
        "put": lambda tx: agenda_reach.put(tx, marc, agenda.id, event("b"), None),
        "remove": lambda tx: agenda_reach.remove(tx, marc, agenda.id, "a.ics"),
        "move": lambda tx: agenda_reach.move(tx, marc, (agenda.id, "a.ics"), (own.id, "a.ics")),
    }

    def take_back(tx: Tx) -> None:
        agenda_grants.revoke(tx, emilie, agenda.id, marc, ORIGIN)

    assert behind(make_store, take_back, acts[act]) == [None, Reason.NOT_FOUND]
    assert [one.href for one in store.read_now(agenda_items.stamps, emilie, agenda.id)] == ["a.ics"]


def test_a_writer_changes_items_and_never_the_collection(
    store: Store, people: tuple[int, int, int], agenda: Collection
) -> None:
    """What a writer adds is the owner's, in history and quota."""
    emilie, marc, zoe = people
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.READ, ORIGIN)
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)
    before = store.read_now(agendas.held, emilie), store.read_now(agendas.held, marc)
    store.write_now(agenda_reach.put, marc, agenda.id, event("a"), None)
    assert store.read_now(agendas.held, emilie)[0] == before[0][0] + 1
    assert store.read_now(agendas.held, marc) == before[1]
    assert refusal(store, agenda_reach.put, marc, agenda.id, event("a", text="y"), "other") is Reason.CONFLICT
    own = named(store, marc, "agenda").id
    store.write_now(agenda_reach.move, marc, (agenda.id, "a.ics"), (own, "z.ics"))
    assert store.read_now(agenda_items.get, marc, own, "z.ics") is not None
    store.write_now(agenda_reach.move, marc, (own, "z.ics"), (agenda.id, "b.ics"))
    store.write_now(agenda_reach.remove, marc, agenda.id, "b.ics")
    assert store.read_now(agenda_items.stamps, emilie, agenda.id) == []
    for function, args in (
        (agendas.drop, (agenda.id,)),
        (agendas.describe, (agenda.id, {})),
        (agenda_items.replace, (agenda.id, {}, [])),
        (agenda_grants.grant, (agenda.id, zoe, Role.READ, ORIGIN)),
        (agenda_grants.revoke, (agenda.id, marc, ORIGIN)),
    ):
        assert refusal(store, function, marc, *args) is Reason.NOT_FOUND


def test_what_is_taken_back_is_gone_at_once(store: Store, people: tuple[int, int, int], agenda: Collection) -> None:
    emilie, marc, _ = people
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)
    store.write_now(agenda_grants.revoke, emilie, agenda.id, marc, ORIGIN)
    assert store.read_now(agenda_reach.find, marc, "edupont~agenda") is None
    assert refusal(store, agenda_reach.put, marc, agenda.id, event("a")) is Reason.NOT_FOUND
    assert refusal(store, agenda_grants.revoke, emilie, agenda.id, marc, ORIGIN) is Reason.NOT_FOUND
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.READ, ORIGIN)
    store.write_now(agenda_grants.leave, marc, agenda.id, Origin("marc", "web"))
    assert store.read_now(agenda_grants.grants, emilie, agenda.id) == []
    said = [(one.actor, one.detail) for one in store.read_now(audit.history, emilie)]
    assert said[:3] == [
        ("marc", "/dav/ agenda: mmartin left"),
        ("emilie", "/dav/ agenda: mmartin read"),
        ("emilie", "/dav/ agenda: mmartin nothing"),
    ]


def test_grants_go_with_the_collection_and_stay_with_its_name(
    store: Store, people: tuple[int, int, int], agenda: Collection
) -> None:
    emilie, marc, zoe = people
    club = store.write_now(agendas.create, emilie, "club", CALENDAR, {})
    for collection_id in (agenda.id, club.id):
        store.write_now(agenda_grants.grant, emilie, collection_id, marc, Role.READ, ORIGIN)
    store.write_now(agenda_grants.grant, emilie, agenda.id, zoe, Role.WRITE, ORIGIN)
    assert store.read_now(agenda_grants.counts, emilie) == {agenda.id: 2, club.id: 1}
    store.write_now(agendas.describe, emilie, agenda.id, {DISPLAY_NAME: "Autre nom"})
    store.write_now(agendas.drop, emilie, club.id)
    (kept,) = store.read_now(agenda_grants.received, marc)
    assert kept.held.props == {DISPLAY_NAME: "Autre nom"}
    store.write_now(agenda_grants.paint, marc, agenda.id, "#6a3d9aff")
    assert [one.colour for one in store.read_now(agenda_grants.received, marc)] == ["#6a3d9aff"]
    assert [one.colour for one in store.read_now(agenda_grants.received, zoe)] == [""]
    while store.write_now(erasure.step, marc):
        pass
    assert [one.login for one in store.read_now(agenda_grants.grants, emilie, agenda.id)] == ["zzola"]
    while store.write_now(erasure.step, emilie):
        pass
    assert store.read_now(agenda_grants.received, zoe) == []


def test_bounds_of_grants(
    store: Store, people: tuple[int, int, int], agenda: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    emilie, marc, zoe = people
    assert refusal(store, agenda_grants.grant, emilie, agenda.id, emilie, Role.READ, ORIGIN) is Reason.INVALID
    assert refusal(store, agenda_grants.grant, emilie, agenda.id, 999_999, Role.READ, ORIGIN) is Reason.INVALID
    subscribed = store.write_now(agendas.create, emilie, "abonnement", agendas.SUBSCRIPTION, {})
    assert refusal(store, agenda_grants.grant, emilie, subscribed.id, marc, Role.READ, ORIGIN) is Reason.INVALID
    monkeypatch.setattr(agenda_grants, "MAX_GRANTS", 1)
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.READ, ORIGIN)
    assert refusal(store, agenda_grants.grant, emilie, agenda.id, zoe, Role.READ, ORIGIN) is Reason.LIMIT
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)  # who has it already, has it
    other = named(store, emilie, "contacts").id
    for bound in ("MAX_RECEIVED", "MAX_FROM_ONE"):
        with monkeypatch.context() as patch:
            patch.setattr(agenda_grants, bound, 1)
            assert refusal(store, agenda_grants.grant, emilie, other, marc, Role.READ, ORIGIN) is Reason.LIMIT
    store.write_now(agenda_grants.grant, emilie, other, marc, Role.READ, ORIGIN)


@pytest.mark.parametrize("kind", ["PRIVATE", "CONFIDENTIAL", "private", "X-SECRET"])
def test_private_events_show_their_time_alone(
    store: Store, people: tuple[int, int, int], agenda: Collection, kind: str
) -> None:
    emilie, marc, _ = people
    rule = "RRULE:FREQ=WEEKLY;COUNT=3\n"
    store.write_now(agenda_items.put, emilie, agenda.id, item("p", rule + SECRET.format(kind)))
    store.write_now(agenda_items.put, emilie, agenda.id, item("o", "CLASS:PUBLIC\n"))
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)
    for rows in (
        store.read_now(agenda_reach.stamps, marc, agenda.id),
        store.read_now(agenda_reach.between, marc, agenda.id, 0, 10, "VEVENT"),
        list(store.read_now(agenda_reach.several, marc, agenda.id, ["o.ics", "p.ics"]).values()),
    ):
        shown = {row.href: row for row in rows}
        assert "Rendez-vous secret" in (shown["o.ics"].text or "")
        text = shown["p.ics"].text or ""
        for hidden in ("secret", "Cardiologue", "Hôpital", "Partir", "VALARM"):
            assert hidden not in text
        for kept in (f"SUMMARY:{BUSY}", "DTSTART:20260907T080000Z", "DTEND:", "UID:p", rule.strip(), "CLASS:"):
            assert kept in text
        assert shown["p.ics"].etag != item("p", rule + SECRET.format(kind)).etag
    one = store.read_now(agenda_reach.get, marc, agenda.id, "p.ics")
    assert one is not None
    assert is_private(one.text or "")
    mine = store.read_now(agenda_reach.get, emilie, agenda.id, "p.ics")
    assert mine is not None
    assert "Cardiologue" in (mine.text or "")


def test_times_alone_are_shown_of_everything(store: Store, people: tuple[int, int, int], agenda: Collection) -> None:
    emilie, marc, _ = people
    store.write_now(agenda_items.put, emilie, agenda.id, item("o"))
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.TIMES, ORIGIN)
    (shown,) = store.read_now(agenda_reach.stamps, marc, agenda.id)
    assert f"SUMMARY:{BUSY}" in (shown.text or "")
    assert "secret" not in (shown.text or "")
    store.write_now(agenda_items.put, emilie, agenda.id, item("o", "DESCRIPTION:Ordre du jour\u2028Status: secret\n"))
    (shown,) = store.read_now(agenda_reach.stamps, marc, agenda.id)
    assert "secret" not in (shown.text or ""), "a break that is none of lines begins no property"
    assert refusal(store, agenda_reach.put, marc, agenda.id, item("o")) is Reason.READ_ONLY
    book = named(store, emilie, "contacts").id
    assert refusal(store, agenda_grants.grant, emilie, book, marc, Role.TIMES, ORIGIN) is Reason.INVALID


def test_nobody_else_changes_or_makes_private_events(
    store: Store, people: tuple[int, int, int], agenda: Collection
) -> None:
    emilie, marc, _ = people
    own = named(store, marc, "agenda").id
    private = SECRET.format("PRIVATE")
    store.write_now(agenda_items.put, emilie, agenda.id, item("p", private))
    store.write_now(agenda_items.put, marc, own, item("m", private))
    store.write_now(agenda_grants.grant, emilie, agenda.id, marc, Role.WRITE, ORIGIN)
    for function, args in (
        (agenda_reach.put, (agenda.id, item("p"))),
        (agenda_reach.put, (agenda.id, item("n", private))),
        (agenda_reach.remove, (agenda.id, "p.ics")),
        (agenda_reach.move, ((agenda.id, "p.ics"), (own, "p.ics"))),
        (agenda_reach.move, ((own, "m.ics"), (agenda.id, "m.ics"))),
        (agenda_reach.move, ((own, "m.ics"), (agenda.id, "p.ics"))),
        (agenda_changes.apply, ([Step(agenda.id, "p.ics", ANY, None)], b"j" * 32, 60)),
    ):
        assert refusal(store, function, marc, *args) is Reason.FORBIDDEN
    store.write_now(agenda_reach.put, emilie, agenda.id, item("p"))
    store.write_now(agenda_reach.remove, marc, agenda.id, "p.ics")


@pytest.mark.parametrize(
    ("line", "private"),
    [
        ("CLASS:PUBLIC", False),
        ("class:public ", False),
        ("CLASS:", False),
        ("DESCRIPTION:CLASS:PRIVATE", False),
        ("CLASSIFICATION:PRIVATE", False),
        ("CLASS;X-A=b:PRIVATE", True),
        ('CLASS;X-A="a:PUBLIC":PRIVATE', True),
        ("CLASS;X-A=b:PRI\n VATE", True),
        ("CLASS;X-A=b\n\t:CONFIDENTIAL", True),
        ("CLASS:X-ORG-ONLY", True),
        ("CLASS: PUBLIC", True),
        ("CLASS: ", False),
    ],
)
def test_what_is_private(line: str, private: bool) -> None:
    """RFC 5545 sections 3.1 and 3.8.1.3: folded lines, parameters, unknown classes."""
    assert is_private(text_of("a", more=f"{line}\n")) is private
