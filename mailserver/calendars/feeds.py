"""Agendas that people subscribe to: a web address with an iCalendar file, fetched now and then into a collection of
theirs, where every door shows it.

What cannot be fetched, or is no calendar, changes nothing: what was there before stays, and the person is told where
they look. Alarms of strangers are left out: nobody else makes a person's telephone ring.
"""

import asyncio
import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import structlog

from mailserver.calendars import transfer
from mailserver.calendars.transfer import Parcel
from mailserver.foundation.network.safe_fetch import MAX_ADDRESS, SafeFetch, TooBig, Unreachable
from mailserver.model.clock import Clock
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.store.agenda import agenda_feeds
from mailserver.store.agenda.agenda_feeds import Feed
from mailserver.store.engine.transactions import Store

log = structlog.get_logger("feeds")

PERIOD = 15.0
"""Seconds between two looks at what is due."""
SECONDS = 20.0
"""For one address: programs that make a timetable when it is asked for take their time."""
MAX_OCTETS = 2 * 1024 * 1024
MAX_EVENTS = 3000
"""Stored in one unit, which others wait for."""
LANES = 4
"""Addresses that a worker looks at at a time."""
ACCEPT = "text/calendar"
_WEBCAL = re.compile(r"webcals?://", re.IGNORECASE)
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class Fault(StrEnum):
    """Why there is nothing to be had at an address."""

    ADDRESS = "address"
    """It is not one that is fetched."""
    UNREACHABLE = "unreachable"
    GONE = "gone"
    """There is nothing any more, or only for others."""
    NOT_CALENDAR = "not-calendar"
    TOO_BIG = "too-big"
    FULL = "full"
    """The account has as many events as it may."""


class Unfit(Exception):
    """Nothing came of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Found:
    """What is at an address now."""

    digest: bytes
    parcel: Parcel | None
    """None: the same as before."""


def address(typed: str) -> str:
    """The address to fetch of one that was typed or pasted: `webcal:` is a word for `https:`.

    Raises Unfit(ADDRESS).
    """
    text = _WEBCAL.sub("https://", typed.strip(), count=1)
    if not text[:8].lower().startswith("https://") or len(text) > MAX_ADDRESS or any(char.isspace() for char in text):
        raise Unfit(Fault.ADDRESS)
    return text


class Feeds:
    """Fetches agendas. One per worker."""

    def __init__(self, *, store: Store, outside: SafeFetch, clock: Clock) -> None:
        self._store = store
        self._outside = replace(outside, seconds=max(outside.seconds, SECONDS))
        self._clock = clock
        self._reading = asyncio.Lock()
        """Whoever parses: the worker's few threads for heavy work are not all taken by agendas."""

    async def run(self) -> None:
        """Look at what is due until cancelled; workers share it by claims."""
        while True:
            await self.round()
            await asyncio.sleep(PERIOD)

    async def round(self) -> int:
        """Refresh all that is due, LANES at a time: one slow address does not keep the others waiting; how many."""
        async with asyncio.TaskGroup() as group:
            lanes = [group.create_task(self._lane()) for _ in range(LANES)]
        return sum(lane.result() for lane in lanes)

    async def _lane(self) -> int:
        count = 0
        try:
            while (feed := await self._next()) is not None:
                count += 1
                try:
                    await self.refresh(feed)
                except Temporary:
                    raise
                except Exception:  # the others have their turn; this one is claimed, and looked at again later
                    log.exception("agenda's refreshing failed", account=feed.account_id, agenda=feed.collection_id)
        except Temporary as error:
            log.warning("agendas wait", why=str(error))
        return count

    async def _next(self) -> Feed | None:
        if not await self._store.read(agenda_feeds.is_due):  # asked first: to write costs more
            return None
        return await self._store.write(agenda_feeds.claim)

    async def refresh(self, feed: Feed) -> Fault | None:
        """Fetch one feed and keep what came; why nothing did, if so. Raises Temporary."""
        try:
            found = await self.look(feed.source, feed.digest)
            items = None if found.parcel is None else [event.item for event in found.parcel.events]
            await self._store.write(agenda_feeds.fill, feed, found.digest, items)
            return None
        except Unfit as unfit:
            fault = unfit.fault
        except Refused as refused:
            if refused.reason is Reason.NOT_FOUND:  # nobody subscribes to it any more
                return None
            fault = Fault.FULL
        await self._store.write(agenda_feeds.fail, feed, fault.value)
        log.info("agenda not refreshed", account=feed.account_id, agenda=feed.collection_id, why=fault.value)
        return fault

    async def look(self, source: str, known: bytes = b"") -> Found:
        """What is at an address, unless it is what is known. Raises Unfit."""
        try:
            answer = await self._outside.get(source, ACCEPT, MAX_OCTETS)
        except TooBig:
            raise Unfit(Fault.TOO_BIG) from None
        except Unreachable as why:
            log.info("agenda not fetched", why=str(why))
            raise Unfit(Fault.UNREACHABLE) from None
        if answer.status in (401, 403, 404, 410):
            raise Unfit(Fault.GONE)
        if answer.status != 200:
            raise Unfit(Fault.UNREACHABLE)
        digest = hashlib.sha256(answer.octets).digest()
        if digest == known:
            return Found(digest, None)
        if answer.octets.upper().count(b"BEGIN:VEVENT") > MAX_EVENTS:  # before a second of CPU is spent on each 1,000
            raise Unfit(Fault.TOO_BIG)
        try:
            async with self._reading:
                parcel = await asyncio.to_thread(transfer.unpack, answer.octets, _quieten)
        except (BadSyntax, Refused):
            raise Unfit(Fault.NOT_CALENDAR) from None
        if len(parcel.events) > MAX_EVENTS:
            raise Unfit(Fault.TOO_BIG)
        return Found(digest, parcel)

    async def subscribe(self, account_id: int, source: str, found: Found, props: Mapping[str, str]) -> int:
        """Make an agenda of what was found at an address; its id.

        Raises Refused(CONFLICT | LIMIT | TOO_BIG | INVALID).
        """
        items = [event.item for event in found.parcel.events] if found.parcel is not None else []
        token = self._clock.token(8).hex()
        return await self._store.write(agenda_feeds.subscribe, account_id, token, props, source, found.digest, items)


def _quieten(event: Any) -> None:
    """Leave out alarms, and the time of the fetch: many programs write that of now into every event's DTSTAMP, and each
    client would fetch each event anew. In its place stands when the event changed (RFC 5545 section 3.8.7.2)."""
    event.subcomponents = [part for part in event.subcomponents if part.name != "VALARM"]
    changed = getattr(event.get("LAST-MODIFIED") or event.get("CREATED"), "dt", None)
    is_moment = isinstance(changed, datetime.datetime) and changed.tzinfo is not None
    event.pop("DTSTAMP", None)
    event.add("DTSTAMP", changed if is_moment else _EPOCH)
