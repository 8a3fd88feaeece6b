"""Work in step: one kind after the other, whoever it is for."""

import asyncio

from mailserver.foundation.in_step import in_step


async def test_all_come_as_far_as_one() -> None:
    done: list[str] = []

    async def message(name: str) -> None:
        for stage in "12":
            await in_step()
            done.append(name + stage)

    await asyncio.gather(message("a"), message("b"))
    assert done == ["a1", "b1", "a2", "b2"]
