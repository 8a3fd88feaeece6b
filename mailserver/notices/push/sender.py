"""Telling closed browsers of new mail and of what rings in the agenda: the work in the background.

Who is due is asked of the database, each browser by itself: its row says up to where it was told, so nothing is lost
when a push service or a worker fails, and what came meanwhile is told together. A lease in the row keeps two workers
apart.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.calendars.own.reminders import Reminder
from mailserver.calendars.school.quiet_hours import QuietHours
from mailserver.foundation.changes import Changes
from mailserver.foundation.network.safe_fetch import SafeFetch, Unreachable
from mailserver.foundation.settings import Push, Settings, SettingsError
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory
from mailserver.notices.push import notifications, vapid
from mailserver.notices.push.encryption import SALT, BrowserKeys, pack, seal
from mailserver.notices.push.notifications import Note
from mailserver.notices.push.reminder_plans import ReminderPlans
from mailserver.notices.push.vapid import Vapid
from mailserver.store.engine.transactions import Store
from mailserver.store.web import push_subscriptions
from mailserver.store.web.push_subscriptions import Due
from mailserver.texts.languages import FRENCH, LANGUAGES, LanguageCode

log = structlog.get_logger("push")

PERIOD = 5.0
"""Seconds between two looks at who is due."""
RETRY_LOOK = 30.0
"""The same while nothing was committed: those whose push service failed come back."""
REMIND_LOOK = 15.0
"""The same at what rings."""
BATCH = 200
LANES = 8
"""Push services that a worker talks to at a time, about mail and about agendas."""
SECONDS = 10.0
TIME_TO_LIVE = 12 * 3600
"""How long a push service keeps what a browser that is switched off has not fetched (RFC 8030 section 5.2)."""
LEAST_TO_LIVE = 5 * 60
"""The same of what is over already: whoever is on the way to a network is told all the same."""
MEDIA_TYPE = "application/octet-stream"
GONE = frozenset({404, 410})
TOO_LARGE = 413
"""It will be so at each try, and stands in the way of nothing else."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a push service answered."""

    status: int = 0
    """0: nothing."""
    wait: int = 0
    """Seconds that it asks to be left alone for."""

    @property
    def settled(self) -> bool:
        return 200 <= self.status < 300 or self.status == TOO_LARGE


class PushSender:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        outside: SafeFetch,
        clock: Clock,
        changes: Changes,
    ) -> None:
        self._settings = settings
        self._store = store
        self._outside = replace(outside, seconds=SECONDS)
        self._clock = clock
        self._changes = changes
        self._key: Vapid | None = None
        self._directory = directory
        self._quiet = QuietHours(settings=settings, store=store, clock=clock, changes=changes)
        self._plans = ReminderPlans(settings=settings, store=store, clock=clock, changes=changes)

    async def run(self) -> None:
        """Look who is due until cancelled: neither waits for what the other has to tell."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_mail())
            group.create_task(self._watch_agendas())

    async def _watch_mail(self) -> None:
        """An idle store is asked now and then only."""
        seen, looked = -1, -RETRY_LOOK
        while True:
            generation, now = self._changes.generation(), self._clock.monotonic()
            if self._settings.push.enabled and (generation != seen or now - looked >= RETRY_LOOK):
                seen, looked = generation, now
                while await self.round() == BATCH:
                    pass
            await asyncio.sleep(PERIOD)

    async def _watch_agendas(self) -> None:
        while True:
            if self._settings.push.enabled:
                await self.remind()
            await asyncio.sleep(REMIND_LOOK)

    async def round(self) -> int:
        """Tell browsers whose owners have new mail; how many had their turn, of `BATCH` at most."""
        try:
            return await self._tell_all(await self._store.read(push_subscriptions.with_news, BATCH))
        except Temporary as error:
            log.warning("notifications wait", why=str(error))
            return 0

    async def remind(self) -> int:
        """Tell every browser in whose owner's agenda something rings; how many there were."""
        try:
            known = await self._store.read(push_subscriptions.reminded)
            await self._plans.refresh(known)
            now = self._clock.now()
            ringing = [
                number
                for account_id, waiting in known.items()
                for number, since in waiting
                if self._plans.rings(account_id, since, now)
            ]
            return await self._tell_all(ringing)
        except Temporary as error:
            log.warning("reminders wait", why=str(error))
            return 0

    async def _tell_all(self, waiting: list[int]) -> int:
        """How many had their turn: none whom the store knows nothing of just now."""
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._lane(waiting)) for _ in range(min(LANES, len(waiting)))]
        return sum(lane.result() for lane in lanes)

    async def _lane(self, waiting: list[int]) -> int:
        told = 0
        while waiting:
            number = waiting.pop()
            try:
                await self.tell(number)
                told += 1
            except Temporary as error:
                log.warning("notification waits", subscription=number, why=str(error))
            except Exception:  # the others have their turn; this one is claimed, and looked at again later
                log.exception("notification failed", subscription=number)
        return told

    async def tell(self, number: int) -> None:
        """Tell one browser what it does not know. Raises Temporary."""
        due = await self._store.write(push_subscriptions.claim, number)
        if due is None:
            return
        now = int(self._clock.now())
        rings = self._plans.rings(due.account_id, due.reminded, now)
        quiet = await self._is_quiet(due, now)
        notes = self._notes(due, rings or [], quiet=quiet)
        outcome = await self._post_all(due, notes, urgent=quiet)
        if outcome.status in GONE:
            log.info("subscription is gone", account=due.account_id)
            await self._store.write(push_subscriptions.gone, due)
        elif notes and not outcome.settled:
            kept = await self._store.write(push_subscriptions.failed, due, outcome.wait)
            log.warning("notification not taken", account=due.account_id, status=outcome.status, given_up=not kept)
        else:
            # Where nobody has looked into the agenda yet, nothing counts as told.
            reminded = due.reminded if rings is None else now
            await self._store.write(push_subscriptions.told, due, reminded, pause=bool(notes))

    async def _is_quiet(self, due: Due, now: int) -> bool:
        """Whether quiet hours of its owner run. Raises Temporary."""
        owner = await self._directory.by_account(due.account_id) if due.preferences.quiet is None else None
        return (await self._quiet.of(owner.uai if owner else "", due.preferences)).holds(now)

    def _notes(self, due: Due, rings: Sequence[Reminder], *, quiet: bool) -> Sequence[Note]:
        chosen, language = due.preferences, language_of(due)
        if quiet:
            return notifications.of_urgent_mail(due.urgent, chosen.push_shows, language)
        rung = notifications.of_reminders(rings, chosen.push_shows, language) if chosen.push_reminders else []
        return [*rung, *notifications.of_mail(due.arrived, chosen.push_shows, language)]

    async def _post_all(self, due: Due, notes: Sequence[Note], *, urgent: bool) -> _Outcome:
        """What was answered last: to the first note that was not taken, if there is one."""
        outcome = _Outcome()
        for note in notes:
            outcome = await self._post(due, note, urgent=urgent)
            if outcome.status == TOO_LARGE:
                log.warning("notification too large", account=due.account_id)
            if not outcome.settled:
                break
        return outcome

    async def _post(self, due: Due, note: Note, *, urgent: bool) -> _Outcome:
        """One that may not be asked any more answers as if the subscription were gone."""
        if not is_allowed(self._settings.push, due.endpoint):
            return _Outcome(410)
        keys = BrowserKeys(due.public, due.secret)
        own, salt, now = ec.generate_private_key(ec.SECP256R1()), self._clock.token(SALT), self._clock.now()
        body = seal(note.octets(), keys, own, salt)
        fields = [
            ("Authorization", self._vapid().authorization(due.endpoint, now)),
            ("Content-Encoding", "aes128gcm"),
            ("TTL", str(int(max(LEAST_TO_LIVE, min(note.until - now, TIME_TO_LIVE))))),
            ("Urgency", "high" if urgent else "normal"),
            ("Topic", topic_of(due, note)),
        ]
        try:
            answer = await self._outside.post(due.endpoint, body, MEDIA_TYPE, fields)
        except Unreachable as why:
            log.info("push service not reached", why=str(why))
            return _Outcome()
        return _Outcome(answer.status, answer.wait(now))

    def _vapid(self) -> Vapid:
        """Raises Temporary: the key cannot be read."""
        if self._key is None:
            try:
                self._key = vapid.own(self._settings)
            except (OSError, ValueError, SettingsError) as error:
                raise Temporary(f"VAPID key: {error}") from error
        return self._key


def topic_of(due: Due, note: Note) -> str:
    """What the push service lets take the place of an earlier one that was not fetched (RFC 8030 section 5.4), as the
    browser does by its mark; without the browser's secret nobody learns from it what it is about."""
    return pack(hashlib.sha256(due.secret + note.mark.encode("utf-8", "replace")).digest()[:24])


def language_of(due: Due) -> LanguageCode:
    """What the person chose, else the language of the page where the browser subscribed."""
    wanted = due.preferences.language or due.language
    return next((code for code in LANGUAGES if code == wanted), FRENCH)


def is_allowed(push: Push, endpoint: str) -> bool:
    """True for an address of one of the push services that the settings name."""
    try:
        parts = urlsplit(endpoint)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    return parts.scheme == "https" and any(host == one or host.endswith(f".{one}") for one in push.services)
