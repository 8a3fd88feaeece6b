"""Destinations take turns: a bad one costs its own mail only, and is left alone while it cannot be reached."""

import threading
from collections.abc import Iterator

import pytest

from mailserver.store.queue import spool
from mailserver.store.queue.spool import Leased, Signing
from mailserver.texts.causes import NOTHING, plain
from smtp.relay import pool, queue_runner
from smtp.relay.destinations import FIRST_SHARE, FIRST_WINDOW, MAX_KNOWN, SHARE, Destinations
from tests.clocks import StandingClock
from tests.smtp.conftest import HouseMaker
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import House
from tests.smtp.test_relay import MESSAGE, queue, report_in, submit
from tests.waiting import until


def row(number: int, domain: str) -> Leased:
    return Leased(
        id=number,
        lease=number,
        queued_id=number,
        domain=domain,
        attempts=1,
        warned=False,
        name="",
        content_id=1,
        account_id=0,
        reverse_path="",
        ret="",
        envid="",
        utf8=False,
        created=0,
        expires=0,
        signing=Signing.NONE,
        results="",
        size=0,
        recipients=(),
    )


def rows(domain: str, count: int, first: int = 0) -> list[Leased]:
    return [row(first + number, domain) for number in range(count)]


def begun(places: Destinations, most: int = 1000) -> list[str]:
    found: list[str] = []
    while len(found) < most and (one := places.next()) is not None:
        found.append(one.domain)
    return found


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def places(clock: StandingClock) -> Destinations:
    return Destinations(clock)


def test_destinations_take_turns(places: Destinations) -> None:
    places.add([*rows("a.fr", 20), *rows("b.fr", 3, 100), *rows("c.fr", 1, 200)])
    assert begun(places) == ["a.fr", "b.fr", "c.fr", "a.fr", "b.fr"]
    assert places.waiting == 24 - 5
    assert places.busy() == ["a.fr", "b.fr"], "who has rows here, or as many connections as it may, needs no more"
    assert not places.done("b.fr")
    assert begun(places) == ["b.fr"]


def test_a_window_grows_with_success_and_is_halved(places: Destinations) -> None:
    places.add(rows("a.fr", 1000))
    most = 8
    for _ in range(100):
        places.succeeded("a.fr", most, 1.0)
    assert len(begun(places)) == most
    for expected in (4, 2, 1, 1):
        places.failed("a.fr")
        for _ in range(most):
            places.done("a.fr")
        most = len(begun(places))
        assert most == expected
    grown = []
    for _ in range(12):
        places.succeeded("a.fr", 10, 1.0)
        places.done("a.fr")
        grown.append(len(begun(places)))
    assert grown[0] == 2
    assert sum(grown) - 12 == 4, "slowly: one more for as many as it has"


def test_until_it_has_failed_a_window_grows_by_what_was_taken(places: Destinations) -> None:
    """A server that takes its time gets what waits for it in few rounds."""
    places.add(rows("a.fr", 1000))
    rounds = []
    for _ in range(4):
        rounds.append(len(begun(places)))
        for _ in range(rounds[-1]):
            places.succeeded("a.fr", 10, 1.0)
            places.done("a.fr")
    assert rounds == [FIRST_WINDOW, 2 * FIRST_WINDOW, 4 * FIRST_WINDOW, 10]


def test_one_that_nothing_is_known_of_gets_little_together(places: Destinations) -> None:
    """So that every destination is tried early; has one taken something, more goes over its connections."""
    places.add(rows("a.fr", FIRST_SHARE))
    assert not places.proven
    begun(places)
    places.succeeded("a.fr", 10, 1.0)
    assert places.done("a.fr"), "as many as were asked for: there may be more"
    assert places.proven == {"a.fr"}
    places.add(rows("a.fr", FIRST_SHARE))
    begun(places)
    assert not places.done("a.fr"), "fewer than were asked for"
    places.failed("a.fr")
    assert not places.proven


def test_what_is_gone_in_a_moment_anyway_is_worth_no_further_connection(places: Destinations) -> None:
    for domain, seconds in (("vite.fr", 0.01), ("lent.fr", 0.5)):
        for _ in range(8):
            places.succeeded(domain, 10, seconds)
        places.add(rows(domain, 5))
    assert sorted(begun(places)) == [*["lent.fr"] * 3, "vite.fr"]
    assert not places.done("vite.fr")
    assert begun(places) == ["vite.fr"], "one after the other"
    assert len(places.give_up()) == 3 + 2, "those before them hang"
    places.add(rows("vite.fr", 3))
    assert len(begun(places)) == 3, "and are not waited for again"


def test_a_quick_one_with_much_mail_is_not_dialled_for_every_share(places: Destinations) -> None:
    """A whole share, so that more may wait in the store: what takes long all the same is worth more connections."""
    for domain, seconds in (("vite.fr", 0.002), ("loin.fr", 0.05)):
        for _ in range(20):
            places.succeeded(domain, 10, seconds)
        places.add(rows(domain, SHARE))
    assert sorted(begun(places)) == [*["loin.fr"] * 3, "vite.fr"]


def test_one_whose_share_was_cut_is_asked_about_again(places: Destinations) -> None:
    places.add([*rows("a.fr", 1), *rows("b.fr", 1, 10)])
    for name in ("a.fr", "b.fr"):
        places.succeeded(name, 10, 0.001)
    begun(places)
    for name in ("a.fr", "b.fr"):
        places.done(name)
    places.add([*rows("a.fr", 1, 100), *rows("b.fr", 1, 200)], is_cut=True)
    begun(places)
    assert not places.done("a.fr"), "fewer than its share: there are no more"
    assert places.done("b.fr")


def test_slow_ones_come_first_when_all_that_was_here_has_begun(places: Destinations) -> None:
    """They are waited for in the end; each is named once, until there was more for it."""
    for name, seconds in (("vite.fr", 0.001), ("lent.fr", 1.0)):
        places.succeeded(name, 100, seconds)
        places.add(rows(name, SHARE))
    begun(places)
    for name in ("vite.fr", "lent.fr"):
        while not places.done(name):
            begun(places)
    assert places.first() == ["lent.fr"]
    assert places.first() == []


def test_one_that_has_no_room_is_asked_about_again(places: Destinations) -> None:
    """What came for it meanwhile was left out when rows were leased."""
    places.succeeded("a.fr", 1, 0.01)
    places.add(rows("a.fr", 1))
    begun(places)
    assert places.busy() == ["a.fr"]
    assert places.done("a.fr")


def test_one_whose_rows_wait_here_is_asked_about_again_when_they_are_done(places: Destinations) -> None:
    """What came for it while they waited was left out, too, and nobody tells of it again."""
    places.succeeded("a.fr", 1, 0.01)
    places.add(rows("a.fr", 2))
    assert begun(places) == ["a.fr"]
    assert places.busy() == ["a.fr"]
    assert not places.done("a.fr")
    assert begun(places) == ["a.fr"]
    assert places.done("a.fr")
    places.add(rows("a.fr", 1, 10))
    begun(places)
    places.busy()
    places.forget_left_out()
    assert not places.done("a.fr"), "nothing was due for it"


def test_one_that_is_away_is_told_of_until_its_time_or_the_operator(places: Destinations, clock: StandingClock) -> None:
    places.keep_away("a.fr", 60, "4.4.1", plain("no answer"))
    assert places.kept_away("a.fr") == (60, "4.4.1", plain("no answer"))
    assert (places.away, places.kept_away("b.fr")) == (1, (0.0, "", NOTHING))
    clock.step(61)
    assert places.kept_away("a.fr")[0] == 0
    places.keep_away("a.fr", 60, "4.4.1", plain("no answer"))
    places.forget()
    assert (places.away, places.kept_away("a.fr")[0]) == (0, 0)


def test_what_is_given_up_is_not_begun(places: Destinations) -> None:
    places.add(rows("a.fr", 7))
    begun(places, 2)
    assert [one.id for one in places.give_up()] == [2, 3, 4, 5, 6]
    assert begun(places) == []
    assert places.done("a.fr"), "it is due again"


def test_what_is_remembered_is_bounded(places: Destinations) -> None:
    places.add(rows("a.fr", 7))
    for number in range(MAX_KNOWN + 10):
        places.failed(f"d{number}.fr")
    assert len(places._known) <= MAX_KNOWN
    assert len(begun(places)) == FIRST_WINDOW


# ---------------------------------------------------------------------- with servers


@pytest.fixture
def stuck() -> Iterator[Elsewhere]:
    """Takes a connection and answers no message."""
    elsewhere = Elsewhere().start()
    elsewhere.inbox.hold.clear()
    yield elsewhere
    elsewhere.inbox.hold.set()
    elsewhere.stop()


@pytest.fixture
def good() -> Iterator[Elsewhere]:
    elsewhere = Elsewhere().start()
    yield elsewhere
    elsewhere.stop()


def open_house(make_house: HouseMaker, routes: dict[str, str], **outbound: object) -> House:
    return make_house(clock=StandingClock(), outbound={"routes": routes, "retry": (60, 300), **outbound})


def test_one_that_hangs_keeps_no_other_waiting(make_house: HouseMaker, stuck: Elsewhere, good: Elsewhere) -> None:
    """However much waits for it, and for however long it has."""
    house = open_house(make_house, {"lent.fr": stuck.target, "bon.fr": good.target}, concurrency=4)
    for number in range(3 * SHARE):
        submit(house, f"x{number}@lent.fr")
    submit(house, "y@bon.fr")
    house.start_relay()
    until(lambda: good.inbox.taken)
    assert stuck.inbox.held <= FIRST_WINDOW
    assert not stuck.inbox.taken
    assert sum(one.sending for one in queue(house) if one.domain == "lent.fr") <= FIRST_WINDOW
    stuck.inbox.hold.set()
    until(lambda: not queue(house))
    assert len(stuck.inbox.taken) == 3 * SHARE


def test_as_many_begin_as_may_though_none_ends(make_house: HouseMaker, stuck: Elsewhere) -> None:
    """Few in one turn of the loop, and the others in the next ones."""
    count = 2 * queue_runner.BEGUN_TOGETHER + 3
    house = open_house(make_house, {f"lent{number}.fr": stuck.target for number in range(count)}, concurrency=count)
    for number in range(count):
        submit(house, f"x@lent{number}.fr")
    house.start_relay()
    until(lambda: stuck.inbox.held == count)
    stuck.inbox.hold.set()
    until(lambda: not queue(house))


def test_large_messages_that_are_taken_slowly_keep_no_other_waiting(
    make_house: HouseMaker, stuck: Elsewhere, good: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those that wait for room in memory themselves hold up what needs none."""
    monkeypatch.setattr(queue_runner, "LARGE_AT_ONCE", 1)
    monkeypatch.setattr(queue_runner, "LARGE_SECONDS", 0.01)
    house = open_house(make_house, {"lent.fr": stuck.target, "bon.fr": good.target}, concurrency=2)
    large = MESSAGE + (b"x" * 76 + b"\r\n") * (queue_runner.LARGE // 78 + 1)
    for name in ("x", "y"):
        submit(house, f"{name}@lent.fr", octets=large)
    house.start_relay()
    until(lambda: stuck.inbox.held == 1)
    submit(house, "z@bon.fr")
    until(lambda: good.inbox.taken)
    assert stuck.inbox.held == 1
    assert [one.attempts for one in queue(house) if one.recipients != ("z@bon.fr",)] in ([1, 0], [0, 1])
    stuck.inbox.hold.set()


def test_a_message_that_many_get_is_sent_over_few_connections(
    make_house: HouseMaker, good: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 3600.0)  # however slow the machine is
    house = open_house(make_house, {"bon.fr": good.target}, concurrency=4)
    for number in range(40):
        submit(house, f"x{number}@bon.fr")
    house.start_relay()
    until(lambda: not queue(house))
    assert len(good.inbox.taken) == 40
    assert sum(one.startswith("EHLO") for one in good.inbox.said) <= 4


def test_a_relay_that_failed_sends_once_it_runs_again(
    make_house: HouseMaker, good: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an error that nobody foresaw."""
    failed = threading.Event()

    def fail(*_: object, **__: object) -> None:
        failed.set()
        raise ZeroDivisionError

    house = open_house(make_house, {"bon.fr": good.target})
    submit(house, "x@bon.fr")
    with monkeypatch.context() as broken:
        broken.setattr(spool, "lease", fail)
        relay = house.start_relay()
        until(failed.is_set)
        house.stop_relays()
    house.run_again(relay)
    until(lambda: good.inbox.taken)


def test_all_that_is_due_for_a_dead_destination_waits_for_one_call(make_house: HouseMaker, good: Elsewhere) -> None:
    """As long as the first, and longer each time; the rows say why. An operator ends it."""
    dead = Elsewhere()
    house = open_house(make_house, {"mort.fr": dead.target, "bon.fr": good.target}, concurrency=1)
    count = SHARE + 5
    for number in range(count):
        submit(house, f"x{number}@mort.fr")
    house.start_relay()

    def waits(attempts: int) -> bool:
        return [(one.attempts, one.sending) for one in queue(house)] == [(attempts, False)] * count

    assert isinstance(house.clock, StandingClock)
    for attempts, seconds in ((1, 60), (2, 300)):
        if attempts > 1:
            house.store.write_now(spool.retry)
        until(lambda attempts=attempts: waits(attempts))  # type: ignore[misc]
        assert {one.due for one in queue(house)} == {int(house.clock.now()) + seconds}
        assert all("refuses the connection" in one.error for one in queue(house))
    dead.start()
    house.store.write_now(spool.retry)
    until(lambda: not queue(house))
    assert len(dead.inbox.taken) == count
    dead.stop()


def test_what_is_late_or_over_is_not_put_off_unseen(make_house: HouseMaker) -> None:
    """Its sender is told in time, though its destination is not dialled for it."""
    dead = Elsewhere()
    house = open_house(make_house, {"mort.fr": dead.target}, retry=(3600,), delay_warning=1800, lifetime=86400)
    for number in range(SHARE + 2):
        submit(house, f"x{number}@mort.fr")
    house.start_relay()
    until(lambda: all((one.attempts, one.sending) == (1, False) for one in queue(house)))
    assert isinstance(house.clock, StandingClock)
    house.stop_relays()  # a lease that is being taken would end with the step
    house.clock.step(3601)
    house.start_relay()
    until(lambda: len(house.mail("ada")) == SHARE + 2)
    assert "Action: delayed" in report_in(house.mail("ada")[0])[1]
