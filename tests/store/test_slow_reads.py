"""Reads that take long: threads of their own, one at a time for each account."""

import asyncio
import threading

import pytest

from mailserver.store.engine.transactions import SLOW_READERS, Store, Tx
from tests.waiting import PATIENCE, becomes


async def test_one_account_never_takes_all_threads(store: Store) -> None:
    go = threading.Event()
    begun: list[int] = []

    def long(tx: Tx, number: int) -> int:
        begun.append(number)
        assert go.wait(PATIENCE)
        return number

    first = [asyncio.create_task(store.read_slow(1, long, number)) for number in range(8)]
    try:
        await becomes(lambda: begun)
        for number in range(2 * SLOW_READERS):
            assert await store.read_slow(2, lambda tx, number=number: number) == number  # type: ignore[misc]
            assert await store.read(lambda tx: "read") == "read"
        assert begun == [0]
    finally:
        go.set()
    assert await asyncio.gather(*first) == list(range(8))


async def test_whoever_goes_away_counts_until_the_end(store: Store) -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()

    def long(tx: Tx) -> None:
        begun.set()
        assert go.wait(PATIENCE)
        ended.set()

    left = asyncio.create_task(store.read_slow(1, long))
    assert await asyncio.to_thread(begun.wait, PATIENCE)
    waiting = asyncio.create_task(store.read_slow(1, lambda tx: ended.is_set()))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    gone = asyncio.create_task(store.read_slow(1, lambda tx: None))
    await asyncio.sleep(0)
    gone.cancel()
    assert not waiting.done()
    go.set()
    assert await waiting is True
    assert await store.read_slow(1, lambda tx: 3) == 3


async def test_an_error_gives_the_turn_back(store: Store) -> None:
    def broken(tx: Tx) -> None:
        raise LookupError

    for _ in range(3):
        with pytest.raises(LookupError):
            await store.read_slow(1, broken)
