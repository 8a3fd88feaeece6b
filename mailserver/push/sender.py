"""Telling closed browsers of new mail and of what rings in the agenda: the work in the background.

Who is due is asked of the database, each browser by itself: its row says up to where it was told, so nothing is lost
when a push service or a worker fails, and what came meanwhile is told together. A lease in the row keeps two workers
apart.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from mailserver.calendars.quiet_hours import QuietHours
from mailserver.calendars.reminders import Reminder
from mailserver.foundation.changes import Changes
from mailserver.foundation.safe_fetch import SafeFetch, Unreachable
from mailserver.foundation.settings import Push, Settings, SettingsError
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.identity import Directory
from mailserver.push import notifications, vapid
from mailserver.push.encryption import SALT, BrowserKeys, seal
from mailserver.push.notifications import Note
from mailserver.push.reminder_plans import ReminderPlans
from mailserver.push.vapid import Vapid
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
"""Push services that a worker talks to at a time."""
SECONDS = 10.0
TIME_TO_LIVE = 12 * 3600
"""How long a push service keeps what a browser that is switched off has not fetched (RFC 8030 section 5.2)."""
MEDIA_TYPE = "application/octet-stream"
GONE = frozenset({404, 410})


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
        """Look who is due until cancelled; an idle store is asked now and then only."""
        seen, looked, reminded = -1, -RETRY_LOOK, -REMIND_LOOK
        while True:
            generation, now = self._changes.generation(), self._clock.monotonic()
            if self._settings.push.enabled:
                if generation != seen or now - looked >= RETRY_LOOK:
                    seen, looked = generation, now
                    await self.round()
                if now - reminded >= REMIND_LOOK:
                    reminded = now
                    await self.remind()
            await asyncio.sleep(PERIOD)

    async def round(self) -> int:
        """Tell every browser whose owner has new mail; how many there were."""
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
            return await self._tell_all(ringing[:BATCH])
        except Temporary as error:
            log.warning("reminders wait", why=str(error))
            return 0

    async def _tell_all(self, waiting: list[int]) -> int:
        count = len(waiting)
        async with asyncio.TaskGroup() as group:
            for _ in range(min(LANES, count)):
                group.create_task(self._lane(waiting))
        return count

    async def _lane(self, waiting: list[int]) -> None:
        while waiting:
            number = waiting.pop()
            try:
                await self.tell(number)
            except Temporary as error:
                log.warning("notification waits", subscription=number, why=str(error))
            except Exception:  # the others have their turn; this one is claimed, and looked at again later
                log.exception("notification failed", subscription=number)

    async def tell(self, number: int) -> None:
        """Tell one browser what it does not know. Raises Temporary."""
        due = await self._store.write(push_subscriptions.claim, number)
        if due is None:
            return
        now = int(self._clock.now())
        rings = self._plans.rings(due.account_id, due.reminded, now)
        quiet = await self._is_quiet(due, now)
        notes = self._notes(due, rings or [], quiet=quiet)
        status = 0
        for note in notes:
            status = await self._post(due, note, urgent=quiet)
            if not 200 <= status < 300:
                break
        if status in GONE:
            log.info("subscription is gone", account=due.account_id)
            await self._store.write(push_subscriptions.gone, due)
        elif notes and not 200 <= status < 300:
            kept = await self._store.write(push_subscriptions.failed, due)
            log.warning("notification not taken", account=due.account_id, status=status, given_up=not kept)
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
            urgent = [line for line in due.lines if line.id in due.urgent]
            return notifications.of_urgent_mail(urgent, chosen.push_shows, language)
        rung = notifications.of_reminders(rings, chosen.push_shows, language) if chosen.push_reminders else []
        return [*rung, *notifications.of_mail(due.lines, chosen.push_shows, language)]

    async def _post(self, due: Due, note: Note, *, urgent: bool = False) -> int:
        """What a push service answers; 0: nothing, or it is none that may be asked any more."""
        if not is_allowed(self._settings.push, due.endpoint):
            return 410
        keys = BrowserKeys(due.public, due.secret)
        own, salt = ec.generate_private_key(ec.SECP256R1()), self._clock.token(SALT)
        body = seal(note.octets(), keys, own, salt)
        fields = [
            ("Authorization", self._vapid().authorization(due.endpoint, self._clock.now())),
            ("Content-Encoding", "aes128gcm"),
            ("TTL", str(TIME_TO_LIVE)),
            ("Urgency", "high" if urgent else "normal"),
        ]
        try:
            return await self._outside.post(due.endpoint, body, MEDIA_TYPE, fields)
        except Unreachable as why:
            log.info("push service not reached", why=str(why))
            return 0

    def _vapid(self) -> Vapid:
        """Raises Temporary: the key cannot be read."""
        if self._key is None:
            try:
                self._key = vapid.own(self._settings)
            except (OSError, ValueError, SettingsError) as error:
                raise Temporary(f"VAPID key: {error}") from error
        return self._key


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
