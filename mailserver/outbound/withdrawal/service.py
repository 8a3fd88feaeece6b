"""`Withdrawals`: what an act would reach, its beginning and its undoing, and the work itself, in the background.

An act is gone through at once, and again until nothing can come any more that was on its way before it began. Units are
short: their size follows from how long they take, and between two of them others have their turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Concatenate, ParamSpec

import structlog

from mailserver.foundation.metrics import catalogue
from mailserver.foundation.pace import Pace
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.messages.likeness import Likeness
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import deletions
from mailserver.store.octets.files import BlobFolder
from mailserver.store.record.audit import Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.withdrawal import finding, marking, reports, restoring, rows, taking
from mailserver.store.withdrawal.finding import Found, Reached, Sample
from mailserver.store.withdrawal.rows import State, Withdrawal

log = structlog.get_logger("withdrawal")
P = ParamSpec("P")
MarkUnit = Callable[[Tx, int, int, int, Sequence[int], marking.Key], tuple[marking.Key, int] | None]

LOOK_SECONDS = 2.0
"""Between two looks for work that nobody told of: after a crash, or of a command."""
AGAIN_SECONDS = 10.0
"""Between two passes of one act."""
SETTLED_SECONDS = 45
"""What was being delivered when the act began has been by then, the scanner's time besides: filters have their twenty
seconds, the writer is waited for, another worker believes what it read for two. It is looked for once more, and then no
longer."""
PAUSE = 0.005
"""Between two units: who waits for the writer has it then."""
FEWEST, FIRST, MOST = 50, 50, 500
"""Messages of one unit, on a slow machine, at first, and on a quick one. Of fewer what each costs by itself is most."""
FEWEST_MARKED, MOST_MARKED = 10, 200
"""Messages that one unit marks: each in a mailbox of its own, by a few statements."""
TIDY_SECONDS = 600.0
NOBODY = 0
"""Whose turn slow reads of this kind take (`Store.read_slow`)."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would do."""

    content_id: int
    likeness: Likeness
    reached: Reached
    same: Reached
    """Of that, what is the same message and not only of its campaign."""
    samples: tuple[Sample, ...]
    complete: bool
    """False: there may be more of the same text; an act looks for longer."""


class Withdrawals:
    """One per worker. Whoever calls has made sure that it is IT."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._folder = store.blobs
        self._junk = settings.junk
        self._news = asyncio.Event()
        self._passed: dict[int, float] = {}
        """When this worker went through an act last."""
        self._tidied = -TIDY_SECONDS
        store.changes.subscribe("mailbox", rows.NEWS, self._news.set)

    async def report(self, account_id: int, content_id: int) -> bool:
        """Somebody reports a message of theirs as phishing; False: they did so already.

        Raises Refused(NOT_FOUND | CANNOT | LIMIT), Temporary.
        """
        likeness = await self._store.read(
            finding.likeness_of, content_id, self._folder, alike=True, account_id=account_id
        )
        return await self._store.write(reports.file, account_id, content_id, likeness)

    async def preview(
        self, content_id: int, *, alike: bool, likeness: Likeness | None = None, by_name: bool = False
    ) -> Preview:
        """What an act would reach. `likeness`: what a report kept of the message; `by_name`: only what has its
        Message-ID.

        Raises Refused(NOT_FOUND | CANNOT), Temporary.
        """
        if likeness is None:
            likeness = await self._store.read(finding.likeness_of, content_id, self._folder, alike=alike)
        likeness = replace(likeness, alike=alike and bool(likeness.facts.campaign), by_name=by_name)
        return await self._store.read_slow(NOBODY, _preview, content_id, likeness, self._folder)

    async def variants(self, account_id: int, message_id: str) -> list[tuple[int, Likeness]]:
        """What was sent under a Message-ID, by content. Raises Temporary."""
        return await self._store.read_slow(account_id, finding.variants, message_id, self._folder)

    async def shown(self, preview: Preview, origin: Origin) -> None:
        """Put on record that IT looked at messages of people that nobody had reported. Raises Temporary."""
        await self._store.write(rows.record_shown, origin, preview.likeness.facts.sender, preview.reached.messages)

    async def begin(
        self,
        preview: Preview,
        refused_days: int,
        origin: Origin,
        *,
        spares_read: bool = False,
        noted: Callable[[Tx, int], None] | None = None,
    ) -> int:
        """Begin to take away what was previewed; the act's id. It is over in seconds. `spares_read`: what was read
        stays, and is marked; `noted`: keeps the act's id in the same unit. Raises Refused, Temporary."""
        number = await self._store.write(_begin, origin, preview, refused_days, spares_read=spares_read, noted=noted)
        log.info("withdrawal begun", withdrawal=number, actor=origin.actor, messages=preview.reached.messages)
        return number

    async def undo(self, number: int, origin: Origin) -> None:
        """Begin to bring everything back. Raises Refused(NOT_FOUND | CONFLICT), Temporary."""
        await self._store.write(_undo, origin, number)
        log.info("withdrawal undone", withdrawal=number, actor=origin.actor)

    # ------------------------------------------------------------------ the work

    async def run(self) -> None:
        """Work off what was begun, and let go of what is over, for ever."""
        while True:
            await self.look()
            self._news.clear()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def look(self) -> None:
        """Go on with every act that is not finished and that nobody is at."""
        for number in await self._store.read(rows.unfinished):
            passed = self._passed.get(number)
            if passed is not None and self._clock.monotonic() - passed < AGAIN_SECONDS:
                continue
            if await self._store.write(rows.claim, number, self._store.worker):
                await self._go_on(number)
        if self._clock.monotonic() - self._tidied >= TIDY_SECONDS and await self._upkeep.may_go_on():
            await self.tidy()
            self._tidied = self._clock.monotonic()

    async def _go_on(self, number: int) -> None:
        """One of them. What fails costs itself, and none of those that come after it."""
        try:
            await self.work(number)
        except Refused:
            log.info("withdrawal left", withdrawal=number)
        except Temporary as error:
            log.warning("withdrawal waits", withdrawal=number, why=str(error))
        except Exception:
            catalogue.JOB_FAILURES.add()
            log.exception("withdrawal failed", withdrawal=number)
        else:
            return
        self._passed[number] = self._clock.monotonic()

    async def work(self, number: int) -> None:
        """Go through every mailbox for an act once, or bring everything back. Raises Refused(NOT_FOUND), Temporary."""
        act = await self._store.read(rows.get, number)
        if act.state is State.TAKING:
            await self._take(act)
            self._passed[number] = self._clock.monotonic()
        elif act.state is State.RESTORING:
            if act.spares_read:
                for part, _ in finding.portions(await self._find(act)):
                    await self._each(marking.unmark, number, part)
            await self._in_portions(restoring.restore, number, self._store.worker)
            self._passed.pop(number, None)
            log.info("withdrawal restored", withdrawal=number)

    async def _find(self, act: Withdrawal) -> Found:
        return await self._store.read_slow(NOBODY, finding.find, act.content_id, act.likeness, self._folder)

    async def _take(self, act: Withdrawal) -> None:
        settled = self._clock.now() - act.at >= SETTLED_SECONDS + self._junk.scanner_seconds
        found = await self._find(act)
        total = 0
        upto = await self._store.read(deletions.newest)
        while await self._store.write(deletions.index, upto):
            pass
        for part, only_alike in finding.portions(found):
            total += await self._in_portions(taking.take, act.id, self._store.worker, part, only_alike=only_alike)
            if act.spares_read:
                await self._each(marking.mark_read, act.id, part)
        if left := await self._store.write(_follow, act.id):
            log.info("reports left to decide", withdrawal=act.id, reports=left)
        if await self._store.write(taking.swept, act.id, settled=settled):
            log.info("withdrawal gone through", withdrawal=act.id, messages=total, settled=settled)

    async def _each(self, unit: MarkUnit, number: int, content_ids: Sequence[int]) -> None:
        """Appearances that were read of an act that spares them, some at a time. Raises Refused(NOT_FOUND),
        Temporary."""
        pace = Pace(FEWEST_MARKED, FEWEST_MARKED, MOST_MARKED)
        after: marking.Key | None = marking.BEGINNING
        while after is not None:
            most = pace.size
            done, took = await self._store.write_timed(unit, most, number, self._store.worker, content_ids, after)
            after = done[0] if done is not None and done[1] == most else None
            pace.took(most, took)
            await asyncio.sleep(PAUSE)

    async def _in_portions(
        self, unit: Callable[Concatenate[Tx, int, P], int | None], *args: P.args, **kwargs: P.kwargs
    ) -> int:
        """Units one after the other until one finds less than it may do; how much all of them did."""
        # To a PostgreSQL server each statement is a way there and back: it begins with more of them.
        first = MOST // 2 if self._store.backend.dialect == "postgresql" else FIRST
        total, pace = 0, Pace(FEWEST, max(FEWEST, first), MOST)
        while True:
            most = pace.size
            done, took = await self._store.write_timed(unit, most, *args, **kwargs)
            total += done or 0
            if (done or 0) < most:
                return total
            pace.took(most, took)
            await asyncio.sleep(PAUSE)

    async def tidy(self) -> int:
        """Let go of copies that can no longer be brought back, and of old rows; how many copies."""
        total = 0
        for number in await self._store.read(restoring.over):
            total += await self._in_portions(restoring.end, number)
        await self._store.write(reports.forget)
        await self._store.write(rows.forget)
        return total


def _preview(tx: Tx, content_id: int, likeness: Likeness, folder: BlobFolder) -> Preview:
    found = finding.find(tx, content_id, likeness, folder, finding.LOOKING_SECONDS)
    came = likeness.came
    samples = tuple(finding.samples(tx, found, came))
    same = finding.reached(tx, Found(found.same), came)
    return Preview(content_id, likeness, finding.reached(tx, found, came), same, samples, found.complete)


def _begin(
    tx: Tx,
    origin: Origin,
    preview: Preview,
    refused_days: int,
    *,
    spares_read: bool,
    noted: Callable[[Tx, int], None] | None,
) -> int:
    """The act, and what people reported of it: that an author thinks better of a message makes no report right."""
    number = rows.begin(tx, origin, preview.content_id, preview.likeness, refused_days, spares_read=spares_read)
    if not spares_read:
        reports.withdrawn(tx, number, preview.likeness)
    if noted is not None:
        noted(tx, number)
    return number


def _follow(tx: Tx, number: int) -> int:
    """Reports after a pass: those that came in meanwhile, too, and without those whose messages were left."""
    act = rows.locked(tx, number)
    if act.state is not State.TAKING or act.spares_read:
        return 0
    reports.withdrawn(tx, number, act.likeness)
    return reports.reopen(tx, number)


def _undo(tx: Tx, origin: Origin, number: int) -> None:
    rows.undo(tx, origin, number)
    reports.mistaken(tx, number)
