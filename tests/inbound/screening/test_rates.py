"""What a peer may bring in a minute and in an hour, counted by several workers over one store."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.foundation.network import peers
from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import rates
from mailserver.inbound.screening.rates import PeerRates, wait
from mailserver.model.errors import RateExceeded, Temporary
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import peer_counts
from mailserver.store.queue.peer_counts import Window
from tests.clocks import StandingClock

PEER, OTHER = "192.0.2.1", "192.0.2.9"
LIMITS = {"connections_per_minute": 10, "connections_per_hour": 100, "messages_per_minute": 20, "unknown_recipients": 5}


class Workers:
    """So many workers over one store, at one time of day."""

    def __init__(self, store: Store, **limits: object) -> None:
        self.store = store
        self.clock = StandingClock()
        self.clock.step(-self.clock.now() % 3600)  # an hour begins
        self.settings = Settings.model_validate(
            {
                "domain": "ac-exemple.fr",
                "directory": Path("/nowhere"),
                "peers": {**LIMITS, **limits},
                "smtp": {"relays": ["192.0.2.200"]},
                "limits": {"known_networks": ["198.51.100.0/24"]},
            }
        )

    def one(self) -> PeerRates:
        return PeerRates(settings=self.settings, store=self.store, clock=self.clock)


@pytest.fixture
def workers(store: Store) -> Workers:
    return Workers(store)


def count(act: Callable[[], object], most: int = 1000) -> int:
    """How often something may be done at once."""
    for done in range(most):
        try:
            act()
        except RateExceeded:
            return done
    return most


@pytest.fixture
def alone() -> Workers:
    """Without a store: nothing is shared in these tests."""
    return Workers(None)  # type: ignore[arg-type]


def test_a_minute_slides(alone: Workers) -> None:
    one = alone.one()
    assert count(lambda: one.connect(PEER)) == 10
    assert count(lambda: one.connect(OTHER)) == 10
    alone.clock.step(59)
    assert count(lambda: one.connect(PEER)) == 0
    alone.clock.step(31)  # half of the minute before still lies within
    assert count(lambda: one.connect(PEER)) == 5
    alone.clock.step(120)
    assert count(lambda: one.connect(PEER)) == 10


def test_an_hour_bounds_what_its_minutes_allow(alone: Workers) -> None:
    one, taken = alone.one(), 0
    for _ in range(30):
        taken += count(lambda: one.connect(PEER))
        alone.clock.step(119)
    assert taken == 100
    alone.clock.step(7200)
    assert count(lambda: one.connect(PEER)) == 10


def test_what_is_refused_does_not_count(alone: Workers) -> None:
    """Who tries again and again goes on at the rate of the limit."""
    one = alone.one()
    for _ in range(200):
        count(lambda: one.connect(PEER), 1)
    alone.clock.step(120)
    assert count(lambda: one.connect(PEER)) == 10


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_what_counts_as_one_peer(alone: Workers, first: str, second: str, same: bool) -> None:
    one = alone.one()
    assert count(lambda: one.connect(first)) == 10
    assert count(lambda: one.connect(second)) == (0 if same else 10)


def test_who_has_a_48_brings_no_more_for_all_its_64s(alone: Workers) -> None:
    one = alone.one()
    sites = (f"2001:db8:1:{site:x}::1" for site in range(1000))
    assert count(lambda: one.connect(next(sites))) == 10 * peers.WIDER
    assert count(lambda: one.connect("2001:db8:2:1::1")) == 10, "another one does not pay for it"


def test_who_guesses_from_everywhere_in_a_48_waits_and_is_held_back(alone: Workers) -> None:
    one = alone.one()
    sites = (f"2001:db8:1:{site:x}::1" for site in range(1000))
    waits = [one.guess(next(sites)) for _ in range(5 * peers.WIDER)]
    assert waits[0] == 0.0
    assert count(lambda: one.guess(next(sites))) == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1", "192.0.2.200", ""])
def test_loopback_and_relays_are_exempt(alone: Workers, address: str) -> None:
    one = alone.one()
    assert count(lambda: one.connect(address)) == 1000
    assert [one.guess(address) for _ in range(100)] == [0.0] * 100


def test_switched_off(store: Store) -> None:
    one = Workers(store, enabled=False).one()
    assert count(lambda: one.connect(PEER)) == 1000


def test_who_is_known_may_bring_more(alone: Workers) -> None:
    one = alone.one()
    assert count(lambda: one.begin_message("198.51.100.7")) == 200
    for done in range(60):
        one.begin_message(PEER)
        one.take(PEER)
        if done == 18:
            alone.clock.step(60)
    assert count(lambda: one.begin_message(PEER)) == 61, "as long as half of what it brings is proven"
    alone.clock.step(120)
    assert count(lambda: one.begin_message(PEER)) == 20


def test_guesses_wait_longer_and_longer_and_then_end(alone: Workers) -> None:
    alone.settings.peers.__dict__["unknown_recipients"] = 20
    one = alone.one()
    waits: list[float] = []
    assert count(lambda: waits.append(one.guess(PEER))) == 20
    assert waits[: rates.FREE_GUESSES] == [0.0] * rates.FREE_GUESSES
    assert waits == sorted(waits)
    assert (len(waits), waits[rates.FREE_GUESSES], waits[-1]) == (20, rates.FIRST_WAIT, 20.0)
    with pytest.raises(RateExceeded, match="unknown recipients"):
        one.connect(PEER)
    one.connect(OTHER)
    alone.clock.step(7200)
    one.connect(PEER)


def test_unknown_recipients_among_many_known_ones_are_no_guesses(alone: Workers) -> None:
    """A list whose addresses are old is no harvester."""
    one = alone.one()
    one.serve(PEER, range(200))
    assert [one.guess(PEER) for _ in range(200)] == [0.0] * 200
    one.connect(PEER)


def test_recipients_who_get_nothing_excuse_no_guess(alone: Workers) -> None:
    """Nor does the same again and again, nor more than are told apart."""
    one = alone.one()

    def alternate() -> None:
        one.add_recipient(PEER)
        one.serve(PEER, [1])
        one.guess(PEER)

    assert count(alternate) == LIMITS["unknown_recipients"] + 1
    alone.clock.step(7200)
    one.serve(OTHER, range(2 * rates.MOST_SERVED))
    assert count(lambda: one.guess(OTHER), 2000) == rates.MOST_SERVED + LIMITS["unknown_recipients"]
    alone.clock.step(7200)
    one.serve(OTHER, [1])
    assert count(lambda: one.guess(OTHER)) == LIMITS["unknown_recipients"] + 1, "in another hour it counts anew"


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.integers(0, 60))
def test_no_wait_is_longer_than_the_setting(guesses: float, most: int) -> None:
    assert 0.0 <= wait(guesses, most) <= most


# ---------------------------------------------------------------------- several workers


async def test_workers_share_what_they_count(workers: Workers) -> None:
    first, second = workers.one(), workers.one()
    assert count(lambda: first.connect(PEER), 6) == 6
    await first.exchange()
    second.connect(PEER)
    await second.exchange()
    assert count(lambda: second.connect(PEER)) == 3
    await second.exchange()
    await first.exchange()
    assert count(lambda: first.connect(PEER)) == 4, "what it has not heard of yet"
    await first.exchange()
    assert count(lambda: first.connect(PEER)) == 0
    workers.clock.step(60)
    assert count(lambda: first.connect(PEER)) == 0, "the minute before counts in full at its end"
    assert count(lambda: second.connect(OTHER)) == 10


async def test_harvesters_are_known_to_all(workers: Workers) -> None:
    first, second = workers.one(), workers.one()
    assert count(lambda: first.guess(PEER)) == 5
    await first.exchange()
    assert count(lambda: second.guess(PEER), 2) == 2, "it has not heard of it yet"
    await second.exchange()
    with pytest.raises(RateExceeded):
        second.connect(PEER)


async def test_whom_others_have_told_to_go_is_known_where_it_comes_next(workers: Workers) -> None:
    first, second = workers.one(), workers.one()
    assert count(lambda: first.guess(PEER)) == 5
    await first.exchange()
    second.connect(PEER)
    await second.exchange()
    with pytest.raises(RateExceeded):
        second.connect(PEER)
    third = workers.one()
    third.connect(OTHER)
    await third.exchange()
    assert count(lambda: first.guess(OTHER)) == 5
    await first.exchange()
    await third.exchange()
    third.connect(OTHER)
    workers.clock.step(rates.HEARD_FOR)
    third.connect(OTHER)
    await third.exchange()
    with pytest.raises(RateExceeded):
        third.connect(OTHER)
    assert await workers.store.read(peer_counts.listing, 60, 0, 10) != [], "two were told of, by whoever counted them"


async def test_two_workers_at_once_lose_nothing(workers: Workers) -> None:
    several = [workers.one() for _ in range(4)]
    for one in several:
        for peer in (PEER, OTHER):
            assert count(partial(one.add_recipient, peer), 500) == 500
    await asyncio.gather(*(one.exchange() for one in several))
    found = await workers.store.read(peer_counts.listing, 3600, 0, 10)
    assert [(window.peer, tally[rates.Kind.RECIPIENTS]) for window, tally in found] == [(PEER, 2000), (OTHER, 2000)]


async def test_many_peers_are_told_of_in_small_units_who_waits_longest_first(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "MOST_SHARED", 2)
    monkeypatch.setattr(rates, "UNITS", 2)
    one, peers = workers.one(), [f"192.0.2.{number}" for number in (5, 3, 9, 1, 7)]
    for peer in peers:
        one.connect(peer)
    told: list[list[str]] = []
    write = workers.store.write

    async def noted(unit: Callable[..., object], more: object, names: list[str]) -> object:
        told.append(names)
        return await write(unit, more, names)

    monkeypatch.setattr(workers.store, "write", noted)
    await one.exchange()
    await one.exchange()
    assert told == [peers[:2], peers[2:4], peers[4:]]


async def test_a_store_that_is_away_costs_no_count(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    one = workers.one()
    count(lambda: one.connect(PEER), 5)

    async def away(*_: object) -> None:
        raise Temporary("away")

    with monkeypatch.context() as patch:
        patch.setattr(workers.store, "write", away)
        await one.share()
    await one.share()
    ((window, tally),) = await workers.store.read(peer_counts.listing, 60, 0, 10)
    assert (window.peer, tally[rates.Kind.CONNECTIONS]) == (PEER, 5)


async def test_an_operator_has_a_peer_forgotten(workers: Workers) -> None:
    one = workers.one()
    assert count(lambda: one.connect(PEER)) == 10
    await one.exchange()
    assert await workers.store.write(peer_counts.forget, [PEER]) == 2
    assert count(lambda: one.connect(PEER)) == 0
    await one.exchange()
    assert count(lambda: one.connect(PEER)) == 10


async def test_what_is_over_goes(store: Store) -> None:
    now = int(store.clock.now())
    told = {
        Window(PEER, 3600, now - peer_counts.KEPT_SECONDS - 5): (1, 1, 1, 0, 0, 0),
        Window(OTHER, 3600, now - 60): (1, 1, 1, 0, 0, 0),
    }
    await store.write(peer_counts.exchange, told, [])
    assert [window.peer for window, _ in await store.read(peer_counts.listing, 3600, 0, 10)] == [OTHER]


async def test_peers_that_come_once_are_not_shared_and_forgotten_first(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers.settings.peers.__dict__["connections_per_minute"] = 100
    monkeypatch.setattr(rates, "MOST_PEERS", 50)
    one = workers.one()
    for number in range(200):
        one.connect(f"203.0.113.{number}")
    await one.exchange()
    assert await workers.store.read(peer_counts.listing, 60, 0, 10) == []
    assert len(one._peers) == 50
