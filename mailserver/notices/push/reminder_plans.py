"""What will ring in the agendas of those whose closed browsers are told, looked up for some hours at once.

A plan is made anew when it ends, and soon after the account's agendas or settings may have changed. Each worker has
its own; that a reminder is told once is the affair of the subscription's row.
"""

import asyncio
import datetime
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from mailserver.calendars.own import reminders
from mailserver.calendars.own.reminders import Reminder
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.store.account import stored_preferences
from mailserver.store.agenda.agenda_items import Item
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store

AHEAD = datetime.timedelta(hours=4)
"""How far a plan reaches."""
MISSED = datetime.timedelta(minutes=5)
"""What rang so recently is told, too; what is older is over."""
SECONDS_AT_ONCE = 2.0
"""How long plans are made at one look, one after the other: each takes a moment of a thread."""
REST_SECONDS = 60
"""Between two plans of one account, however often it changes."""


@dataclass(slots=True)
class _Plan:
    """What rings for an account until a moment."""

    made: float
    until: float
    found: tuple[Reminder, ...]
    stale: bool = False
    end: Callable[[], None] = field(default=lambda: None)

    def turn_stale(self) -> None:
        self.stale = True


class ReminderPlans:
    """Those of one worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, changes: Changes) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._changes = changes
        self._plans: dict[int, _Plan] = {}

    async def refresh(self, accounts: Collection[int]) -> None:
        """Make the plans that are missing or over, then those of what has changed, the oldest first and no more than
        a moment allows; those of other accounts go. Raises Temporary."""
        for gone in self._plans.keys() - set(accounts):
            self._plans.pop(gone).end()
        now = self._clock.now()
        wanted = [account_id for account_id in accounts if self._is_wanted(account_id, now)]
        began = self._clock.monotonic()
        for account_id in sorted(wanted, key=lambda one: self._rank(one, now)):
            await self._make(account_id, now)
            if self._clock.monotonic() - began >= SECONDS_AT_ONCE:
                break

    def rings(self, account_id: int, since: float, now: float) -> list[Reminder] | None:
        """What rang after `since` and not too long ago; None: nobody knows yet."""
        plan = self._plans.get(account_id)
        if plan is None or plan.until < now:
            return None
        first = max(since, now - MISSED.total_seconds())
        return [one for one in plan.found if first < one.at.timestamp() <= now]

    def _is_wanted(self, account_id: int, now: float) -> bool:
        plan = self._plans.get(account_id)
        return plan is None or plan.until < now or (plan.stale and now - plan.made >= REST_SECONDS)

    def _rank(self, account_id: int, now: float) -> tuple[bool, float]:
        """Whoever has no plan that holds is told nothing meanwhile: they come before those whose plan is stale."""
        plan = self._plans.get(account_id)
        return (plan is not None and plan.until >= now, plan.made if plan is not None else 0.0)

    async def _make(self, account_id: int, now: float) -> None:
        if (former := self._plans.pop(account_id, None)) is not None:
            former.end()
        plan = _Plan(now, 0.0, ())
        # Heard from now on: what changes while the plan is made makes it stale.
        plan.end = self._changes.subscribe("agenda", account_id, plan.turn_stale)
        self._plans[account_id] = plan
        start = datetime.datetime.fromtimestamp(now, datetime.UTC) - MISSED
        end = start + MISSED + AHEAD
        zone, rows = await self._store.read(_asked, account_id, start, end)
        zone_info = ZoneInfo(zone or self._settings.web.timezone)
        plan.found = await asyncio.to_thread(reminders.due, rows, start, end, zone_info)
        plan.until = now + AHEAD.total_seconds()


def _asked(
    tx: Tx, account_id: int, start: datetime.datetime, end: datetime.datetime
) -> tuple[str, list[tuple[int, Item]]]:
    """The person's time zone, and the events and tasks with alarms that may ring."""
    return stored_preferences.preferences(tx, account_id).zone, reminders.rows(tx, account_id, start, end)
