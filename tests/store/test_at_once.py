"""What two ask for at the same moment is there once, and an error for neither."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record.audit import Origin
from mailserver.store.web import push_subscriptions
from mailserver.store.web.push_subscriptions import NewSubscription
from tests.waiting import PATIENCE


async def both(store: Store, first: Callable[[Tx], Any], second: Callable[[Tx], Any]) -> list[Any]:
    """The second begins before the first is committed."""
    done, goes_on = threading.Event(), threading.Event()

    def held(tx: Tx) -> None:
        first(tx)
        done.set()
        assert goes_on.wait(PATIENCE)

    def begun(tx: Tx) -> None:
        goes_on.set()
        second(tx)

    before = asyncio.create_task(store.write(held))
    assert await asyncio.to_thread(done.wait, PATIENCE)
    after = asyncio.create_task(store.write(begun))
    if store.keeps_order:  # where one writes, the other waits before it has begun
        goes_on.set()
    return list(await asyncio.gather(before, after, return_exceptions=True))


async def test_an_announcement_is_closed_twice(store: Store, edupont: int) -> None:
    number = await store.write(bulletins.post, Origin("admin", "test"), Draft(Kind.ANNOUNCEMENT, 0, 0, "Ceci"))
    (one,) = await store.read(bulletins.listing)

    def close(tx: Tx) -> None:
        bulletins.close(tx, edupont, number, one.written)

    assert await both(store, close, close) == [None, None]
    assert set(await store.read(bulletins.closed, edupont)) == {number}


async def test_two_people_subscribe_with_one_endpoint(store: Store, edupont: int, mmartin: int) -> None:
    def subscribe(account_id: int) -> Callable[[Tx], Any]:
        browser = bytes([account_id]) * 32
        new = NewSubscription("https://push.example.org/a", b"p", b"s", browser, "Firefox", "fr")
        return lambda tx: push_subscriptions.subscribe(tx, account_id, new)

    first, second = await both(store, subscribe(edupont), subscribe(mmartin))
    assert first is None
    assert second is None or (isinstance(second, Refused) and second.reason is Reason.CONFLICT)
    told = [await store.read(push_subscriptions.listing, account_id) for account_id in (edupont, mmartin)]
    assert [len(one) for one in told] == ([0, 1] if second is None else [1, 0])
