"""Attempts that ended as most do are settled together: everybody has the message, and nobody is told of it.

While some are committed others gather. Between two units the writer is left to others: mail that comes in waits for it,
too.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.model.errors import Temporary
from mailserver.store.account import forwards
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import spool, traces
from mailserver.store.queue.spool import Leased
from mailserver.store.queue.traces import Trace

SETTLED_TOGETHER = 50
"""Attempts of one unit."""
MOST_UNSETTLED = 50
"""Where so many wait no further attempt begins: what a relay that is killed has not put down leaves once more."""
REST = 2.0
"""Times as long as a unit held the writer until the next one,"""
SHORTEST_REST, LONGEST_REST = 0.02, 0.1
"""but so long at least, since many cost less together, and at most."""
STANDING_SECONDS = 0.02
"""Of the loop, while a unit is written."""


@dataclass(frozen=True, slots=True)
class Taken:
    """All recipients of a row are in another server's hands."""

    row: Leased
    steps: Sequence[Trace]
    addresses: Sequence[str]


class Settling:
    """Of one relay."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock = store.clock
        self._waiting: deque[tuple[Taken, asyncio.Future[None]]] = deque()
        self._others: list[asyncio.Future[None]] = []
        """Whose units go with the next one."""
        self._work: asyncio.Task[None] | None = None
        self._unsettled = 0
        self._hurries = False

    @property
    def has_room(self) -> bool:
        """Whether few enough wait to be put down."""
        return self._unsettled < MOST_UNSETTLED

    async def settle(self, taken: Taken) -> None:
        """Returns once it is on disk. Who is cancelled leaves it to be settled all the same.

        Raises Temporary, and what breaks the unit where this attempt alone is in it.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, done))
        self._unsettled += 1
        self._see_to_it()
        await done

    async def turn(self) -> None:
        """Until the next unit is written: what is begun then is committed with it, at a third of the cost."""
        if self._hurries:
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._others.append(turn)
        self._see_to_it()
        await turn

    def _see_to_it(self) -> None:
        if self._work is None:
            self._work = asyncio.create_task(self._settle_all())

    def hurry(self) -> None:
        """The relay stops: nobody waits for a turn until `finish`, since who is cut off in it has put nothing down."""
        self._hurries = True
        self._release()

    async def finish(self) -> None:
        """Wait until nothing is left to settle."""
        while self._work is not None:
            await asyncio.wait([self._work])
        self._hurries = False

    async def _settle_all(self) -> None:
        try:
            while self._waiting or self._others:
                self._release()
                await asyncio.sleep(0)  # they begin
                group = [self._waiting.popleft() for _ in range(min(len(self._waiting), SETTLED_TOGETHER))]
                took = await self._settle(group)
                self._unsettled -= len(group)
                await asyncio.sleep(min(max(REST * took, SHORTEST_REST), LONGEST_REST))
        finally:
            self._work = None

    def _release(self) -> None:
        others, self._others = self._others, []
        for turn in others:
            if not turn.done():
                turn.set_result(None)

    async def _settle(self, group: Sequence[tuple[Taken, "asyncio.Future[None]"]]) -> float:
        """For how many seconds the writer was held."""
        took = 0.0
        try:
            several = [taken for taken, _ in group]
            steps = traces.prepare([step for taken in several for step in taken.steps], int(self._clock.now()))
            _, took = await self._store.write_standing(STANDING_SECONDS, conclude_taken, several, steps)
        except Exception as error:  # noqa: BLE001 - told to who waits
            if len(group) > 1 and not isinstance(error, Temporary):
                return sum([await self._settle([one]) for one in group])
            for _, done in group:
                if not done.done():
                    done.set_exception(error)
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)
        return took


def conclude_taken(tx: Tx, several: Sequence[Taken], steps: str) -> None:
    """Settle rows and trace them (`steps`: `traces.prepare`). Of one that was thrown away meanwhile, or that another
    relay has, the trace says that it has left all the same."""
    held = spool.settle_whole(tx, [taken.row for taken in several])
    traces.record_prepared(tx, steps)
    addresses: dict[int, list[str]] = {}
    for taken in several:
        if taken.row.account_id and taken.row.id in held:
            addresses.setdefault(taken.row.account_id, []).extend(taken.addresses)
    for account_id in sorted(addresses):
        forwards.judge(tx, account_id, addresses[account_id], ())
