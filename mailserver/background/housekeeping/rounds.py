"""`Housekeeper`: its rounds, its lease, and what it does how often."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mailserver.background.housekeeping import archive_openings, mail, states
from mailserver.background.housekeeping.archive_openings import ArchiveOpenings
from mailserver.background.housekeeping.archive_sizes import ArchiveSizes
from mailserver.background.housekeeping.auto_replies import Answers
from mailserver.background.housekeeping.certificates import CertificateNotices
from mailserver.background.housekeeping.forwards import NewForwards
from mailserver.background.housekeeping.logins import UnusualLogins
from mailserver.background.housekeeping.notices import NOTICES, Letters
from mailserver.background.housekeeping.sending import Post
from mailserver.delivery import Delivery
from mailserver.delivery.forwarding import Forwards
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import DAY, HOUR, Clock
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory
from mailserver.notices.house import house_of
from mailserver.outbound.submission.submit import Submission
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import tombstones
from mailserver.store.mail.posts import archived_posts
from mailserver.store.people.mailing_lists import outside_members
from mailserver.store.queue import list_posts, traces
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.store.reports import received
from mailserver.store.upkeep import caretaking, measures

log = structlog.get_logger("housekeeping")

PERIOD = 1.0
"""Seconds between two looks at the calendar: a planned suspension is felt everywhere within five of its time."""
ANSWER_SECONDS = 4.0
"""Between two looks at the mail of closed accounts, if anything was committed meanwhile."""
SLOW_SECONDS = 600.0
"""Between two looks for what is measured in days: passwords to renew, rows to sweep away."""
TOMBSTONE_LOOKS = 40
"""Times in a slow round that mailboxes with tombstones are looked through, `TOMBSTONE_BOXES` of them each time."""
TOMBSTONE_BOXES = 50


class Housekeeper:
    """One per worker; a lease in the store lets one of them work."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        submission: Submission,
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._clock = clock
        self._changes = changes
        self._upkeep = TrustedClock(store, clock)
        house = house_of(settings)
        post = Post(settings=settings, store=store, delivery=delivery, submission=submission)
        self._letters = Letters(
            settings=settings, store=store, directory=directory, post=post, house=house, clock=clock
        )
        self._answers = Answers(
            settings=settings, store=store, directory=directory, post=post, house=house, clock=clock
        )
        self._certificates = CertificateNotices(settings=settings, store=store, post=post, house=house, clock=clock)
        self._new_forwards = NewForwards(store=store, directory=directory, post=post, house=house, clock=clock)
        self._openings = ArchiveOpenings(store=store, directory=directory, post=post, house=house, clock=clock)
        self._archive_sizes = ArchiveSizes(settings=settings, store=store, clock=clock)
        self._unusual_logins = UnusualLogins(store=store, directory=directory, post=post, house=house, clock=clock)
        self._forwards = Forwards(
            settings=settings,
            store=store,
            directory=directory,
            delivery=delivery,
            clock=clock,
            post=submission.post,
        )
        self._looked = -ANSWER_SECONDS
        self._seen = -1
        """Generation of the store when the mail of closed accounts was last looked at."""
        self._slow = -SLOW_SECONDS
        self._tombs = 0
        """The mailbox whose tombstones were looked at last."""

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(PERIOD)

    async def round(self) -> None:
        """Do what the calendar wants now, unless another worker is at it, or the clock is in doubt."""
        if not await self._upkeep.may_go_on():
            return
        slow = self._clock.monotonic() - self._slow >= SLOW_SECONDS
        news = self._mail_may_have_come()
        if not slow and not news:
            notices = self._settings.accounts.closing_notices
            if not await self._store.read(caretaking.anything, notices):
                return
        if not await self._store.write(caretaking.take_lease, self._store.worker):
            self._seen = -1  # whoever works may end before it has looked
            return
        store, terms = self._store, self._settings.accounts
        await self._try("suspensions", lambda: states.suspend(store))
        await self._try("resumptions", lambda: states.resume(store))
        await self._try("closings", lambda: states.close(store, terms))
        await self._try("closing notices", self._letters.closing)
        await self._try("creation notices", self._letters.welcome)
        await self._try("messages put off", lambda: mail.wake(store))
        if news:
            await self._try("answers", self._answers.answer)
            await self._try("new forwards", self._new_forwards.tell)
            await self._try("unusual logins", self._unusual_logins.tell)
            await self._try("muted conversations", lambda: mail.silence(store))
        if slow and await self._slow_round():
            self._slow = self._clock.monotonic()
        await self._try("erasures", lambda: states.erase(store, self._directory))

    def _mail_may_have_come(self) -> bool:
        """Whether to look at what closed accounts got: at most every few seconds, and only if anything moved."""
        now, generation = self._clock.monotonic(), self._changes.generation()
        if now - self._looked < ANSWER_SECONDS or generation == self._seen:
            return False
        self._looked, self._seen = now, generation
        return True

    async def _slow_round(self) -> bool:
        """What is measured in days; False when there is more of it, for the next round."""
        told = await self._try("renewal notices", self._letters.renewal)
        ending = await self._try("notices of lists that end", self._letters.endings)
        await self._try("notices of members of lists", self._letters.ended_members)
        await self._try("certificate that ends", self._certificates.tell)
        swept = await self._try("sweeping", self._sweep)
        await self._try("tombstones", self._forget)
        await self._try("forwards that are refused", self._forwards.end_failing)
        cleared = await self._try("folders that are cleared", lambda: mail.clear(self._store))
        ended = await self._try("removed messages", self._let_go)
        counted = await self._try("counters", self._count)
        forgotten = await self._try("traces", self._forget_traces)
        pruned = await self._try("reports", self._forget_reports)
        posts = await self._try("messages of lists", self._forget_posts)
        await self._try("members of lists", self._forget_members)
        archived = await self._try("archives of lists", self._forget_archived)
        archived = max(archived, await self._try("size of archives", self._archive_sizes.keep))
        opened = await self._try("archives opened to more people", self._openings.tell)
        is_done = posts < list_posts.PRUNED and told < NOTICES and ending < NOTICES and swept < caretaking.SWEPT
        is_done = is_done and opened < archive_openings.TOLD
        is_done = is_done and max(cleared, ended) < mail.CLEAR_UNITS and archived < archived_posts.PRUNED
        return is_done and counted < measures.COUNTED and forgotten < measures.COUNTED and pruned < received.PRUNED

    async def _sweep(self) -> int:
        return await self._store.write(caretaking.sweep, self._settings.accounts.undo_hours * HOUR)

    async def _let_go(self) -> int:
        kept = self._settings.retention.deleted_days * DAY
        return await mail.let_go(self._store, int(self._clock.now()) - kept)

    async def _count(self) -> int:
        """Count what the traces say, and once an hour how much there is."""
        if not await self._store.read(measures.is_measured):
            await self._store.write(measures.keep, await self._store.read(measures.gauges))
        return await self._store.write(measures.tally)

    async def _forget_traces(self) -> int:
        oldest = int(self._clock.now()) - self._settings.audit.trace_days * 24 * HOUR
        return await self._store.write(traces.prune, oldest, measures.COUNTED)

    async def _forget_posts(self) -> int:
        oldest = int(self._clock.now()) - self._settings.audit.trace_days * 24 * HOUR
        return await self._store.write(list_posts.prune, oldest)

    async def _forget_archived(self) -> int:
        oldest = int(self._clock.now()) - self._settings.lists.archive_days * 24 * HOUR
        return await self._store.write(archived_posts.prune, oldest)

    async def _forget_members(self) -> int:
        found = await self._store.read(outside_members.forgettable)
        return await self._store.write(outside_members.prune, found) if found else 0

    async def _forget_reports(self) -> int:
        oldest = int(self._clock.now()) - self._settings.reports.days * 24 * HOUR
        return await self._store.write(received.prune, oldest)

    async def _forget(self) -> int:
        """Forget tombstones that are too many or too old, of the next mailboxes in turn."""
        removed = 0
        for _ in range(TOMBSTONE_LOOKS):
            found, self._tombs = await self._store.read(tombstones.surplus, self._tombs, TOMBSTONE_BOXES)
            for one in found:
                while done := await self._store.write(tombstones.forget, one):
                    removed += done
            if not self._tombs:
                break
        return removed

    async def _try(self, what: str, work: Callable[[], Awaitable[int]]) -> int:
        """One kind of work; whatever happens to it, the other kinds still have their turn."""
        try:
            return await work() if await self._upkeep.may_go_on() else 0
        except Temporary as error:
            log.warning("housekeeper waits", work=what, why=str(error))
        except Exception:
            log.exception("housekeeper's work failed", work=what)
        return 0
