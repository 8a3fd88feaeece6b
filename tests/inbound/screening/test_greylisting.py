"""Who is asked to come again and who has, by several workers over one store."""

import asyncio
from pathlib import Path

import pytest

from mailserver.foundation.settings import Settings
from mailserver.inbound.screening import greylisting
from mailserver.inbound.screening.greylisting import Greylist, Stranger
from mailserver.model.errors import Greylisted
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import known_senders
from mailserver.store.queue import greylist
from mailserver.store.upkeep import caretaking
from tests.clocks import StandingClock
from tests.conftest import StoreMaker
from tests.store.conftest import create_account

DELAY, HOUR, DAY = 300, 3600, 86400


class Worker:
    """One, at a time of day that stands still."""

    def __init__(self, store: Store, **changes: object) -> None:
        self.clock = StandingClock()
        self.settings = Settings.model_validate(
            {
                "domain": "ac-exemple.fr",
                "directory": Path("/nowhere"),
                "greylisting": {"enabled": True, **changes},
                "smtp": {"relays": ["192.0.2.200"]},
                "limits": {"known_networks": ["198.51.100.0/24"]},
            }
        )
        self.greylist = Greylist(settings=self.settings, store=store, clock=self.clock)

    async def comes(
        self,
        peer: str = "203.0.113.5",
        sender: str = "x@ailleurs.fr",
        recipient: str = "ada@ac-exemple.fr",
        accounts: tuple[int, ...] = (),
    ) -> bool:
        """Whether a message gets in."""
        try:
            await self.greylist.check(Stranger(peer, sender, [recipient], accounts))
        except Greylisted:
            return False
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, store: Store) -> StandingClock:
    """The store's own time of day."""
    standing = StandingClock()
    monkeypatch.setattr(type(store.clock), "now", lambda _self: standing.now())
    return standing


async def test_who_comes_again_in_time_gets_in_and_stays_in(store: Store, clock: StandingClock) -> None:
    worker = Worker(store)
    assert not await worker.comes()
    clock.step(DELAY - 1)
    assert not await worker.comes(), "too early"
    clock.step(1)
    assert await worker.comes()
    clock.step(30 * DAY)
    assert await worker.comes(), "each message makes it last longer"
    clock.step(30 * DAY)
    assert await worker.comes()
    clock.step(36 * DAY)
    assert not await worker.comes(), "long ago"


async def test_who_comes_again_too_late_begins_anew(store: Store, clock: StandingClock) -> None:
    worker = Worker(store, window_hours=2)
    assert not await worker.comes()
    clock.step(2 * HOUR)
    assert not await worker.comes()
    clock.step(DELAY)
    assert await worker.comes()


async def test_what_is_remembered_of_a_sender(store: Store, clock: StandingClock) -> None:
    worker = Worker(store)
    assert not await worker.comes()
    clock.step(DELAY)
    assert await worker.comes("203.0.113.77", "Y@AILLEURS.fr", "bob@ac-exemple.fr"), "large senders try by another host"
    assert not await worker.comes("203.0.114.5")
    assert not await worker.comes(sender="x@autre.fr")
    assert not await worker.comes(sender="")
    assert not await worker.comes("2001:db8:1:2::3")
    clock.step(DELAY)
    assert await worker.comes("2001:db8:1:2:ffff::9")
    assert not await worker.comes("2001:db8:1:3::3")


async def test_relays_known_networks_and_whom_a_recipient_knows_are_not_asked(store: Store) -> None:
    worker = Worker(store)
    ada, bob = (store.write_now(create_account, name) for name in ("ada", "bob"))
    store.write_now(known_senders.trust, ada, "x@ailleurs.fr")
    assert await worker.comes("192.0.2.200")
    assert await worker.comes("198.51.100.9")
    assert await worker.comes("")
    assert await worker.comes(accounts=(bob, ada))
    assert not await worker.comes(accounts=(bob,))


async def test_it_is_off_unless_it_is_switched_on(store: Store) -> None:
    assert await Worker(store, enabled=False).comes()


async def test_two_workers_are_one(make_store: StoreMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = [make_store() for _ in range(2)]
    standing = StandingClock()
    monkeypatch.setattr(type(stores[0].clock), "now", lambda _self: standing.now())
    workers = [Worker(store) for store in stores]
    assert await asyncio.gather(*(worker.comes() for worker in workers * 8)) == [False] * 16
    standing.step(DELAY)
    assert await asyncio.gather(*(worker.comes() for worker in workers * 8)) == [True] * 16


async def test_so_many_are_waited_for_and_nobody_else(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greylist, "MOST", 3)
    worker = Worker(store)
    for number in range(3):
        assert not await worker.comes(sender=f"x@{number}.fr")
    worker.clock.step(greylisting.LOOKS)
    assert await worker.comes(sender="x@more.fr")
    monkeypatch.setattr(greylist, "MOST", 4)
    worker.clock.step(greylisting.LOOKS)
    assert not await worker.comes(sender="x@more.fr")


async def test_what_is_over_is_swept_away(store: Store, clock: StandingClock) -> None:
    worker = Worker(store, window_hours=1)
    for number in range(5):
        assert not await worker.comes(sender=f"x@{number}.fr")
    clock.step(DELAY)
    assert await worker.comes(sender="x@0.fr")
    clock.step(HOUR)
    assert await store.write(caretaking.sweep, 0) == 4
    assert await worker.comes(sender="x@0.fr")
