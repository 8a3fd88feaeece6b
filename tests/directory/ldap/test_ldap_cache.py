"""Answers kept for a while: once asked, once told, absence included, forgotten in time."""

import asyncio

import pytest

from directory.ldap import cache
from directory.ldap.cache import Cache
from mailserver.model.errors import Temporary


class Oracle:
    """Counts the questions it gets; time is ours."""

    def __init__(self) -> None:
        self.asked = 0
        self.now = 0.0
        self.answer: str | None = "Emma"
        self.gate = asyncio.Event()
        self.gate.set()

    def time(self) -> float:
        return self.now

    async def ask(self) -> str | None:
        self.asked += 1
        await self.gate.wait()
        return self.answer


def test_an_answer_is_kept_for_its_time() -> None:
    async def scene() -> None:
        oracle = Oracle()
        kept: Cache[str | None] = Cache(60, oracle.time)
        assert [await kept.get("edupont", oracle.ask) for _ in range(3)] == ["Emma"] * 3
        assert oracle.asked == 1
        oracle.now, oracle.answer = 60.1, None
        assert await kept.get("edupont", oracle.ask) is None
        oracle.answer = "Emma"
        assert await kept.get("edupont", oracle.ask) is None, "absence is an answer"
        assert oracle.asked == 2

    asyncio.run(scene())


def test_questions_at_once_are_asked_once() -> None:
    async def scene() -> None:
        oracle = Oracle()
        oracle.gate.clear()
        kept: Cache[str | None] = Cache(60, oracle.time)
        waiting = [asyncio.create_task(kept.get("edupont", oracle.ask)) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
        oracle.gate.set()
        assert await asyncio.gather(*waiting[1:]) == ["Emma"] * 49
        assert oracle.asked == 1

    asyncio.run(scene())


def test_what_was_asked_before_a_change_is_not_kept() -> None:
    async def scene() -> None:
        oracle = Oracle()
        oracle.gate.clear()
        kept: Cache[str | None] = Cache(60, oracle.time)
        old = asyncio.create_task(kept.get("edupont", oracle.ask))
        await asyncio.sleep(0)
        kept.clear()
        new = asyncio.create_task(kept.get("edupont", oracle.ask))
        await asyncio.sleep(0)
        oracle.gate.set()
        assert list(await asyncio.gather(old, new)) == ["Emma", "Emma"]
        assert oracle.asked == 2
        assert len(kept) == 1

    asyncio.run(scene())


def test_failures_are_not_kept() -> None:
    async def fail() -> str | None:
        raise Temporary("away")

    async def scene() -> None:
        oracle = Oracle()
        kept: Cache[str | None] = Cache(60, oracle.time)
        with pytest.raises(Temporary):
            await kept.get("edupont", fail)
        assert await kept.get("edupont", oracle.ask) == "Emma"

    asyncio.run(scene())


def test_strangers_names_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        oracle = Oracle()
        kept: Cache[str | None] = Cache(60, oracle.time)
        for number in range(50):
            await kept.get(str(number), oracle.ask)
        assert len(kept) == 10
        await kept.get("49", oracle.ask)
        assert oracle.asked == 50

    monkeypatch.setattr(cache, "MAX_ENTRIES", 10)
    asyncio.run(scene())


def test_zero_seconds_keep_nothing() -> None:
    async def scene() -> None:
        oracle = Oracle()
        kept: Cache[str | None] = Cache(0, oracle.time)
        await kept.get("a", oracle.ask)
        await kept.get("a", oracle.ask)
        assert oracle.asked == 2

    asyncio.run(scene())
