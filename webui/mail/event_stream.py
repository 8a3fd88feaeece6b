"""News for the browser: counts of the folders, as a stream of events (WHATWG HTML, Server-sent events).

A stream carries no mail: only how many messages each folder shows as new, and its next UID, how many are flagged and
how many letters are planned. Its first event is all of that, unless the browser has seen just this state
(`Last-Event-ID`); then come the counts that moved, also of folders that others share, and that folders came, went or
were renamed, for which the browser asks for their column anew; who has reached a mailbox since is told with the next
sign of life. Streams are few: one a browser (the pages see to that),
`PER_ACCOUNT` an account, a part of the connections in all.
"""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.responses import Response, StreamingResponse

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Limits
from mailserver.model.errors import Temporary
from mailserver.model.identity import State
from mailserver.store.account import sessions
from mailserver.store.web.webmail import visitors
from webui.http import headers
from webui.page.context import Services, Visit
from webui.page.shell import mail_shell

log = structlog.get_logger("webui")

HEARTBEAT_SECONDS = 25.0
"""Between two signs of life; the session is looked at as often."""
GATHER_SECONDS = 0.3
"""Changes that come together are told together."""
OTHERS_SECONDS = 1.0
"""The same in mailboxes that others share: one that everybody reaches and that never rests costs no more than this."""
STREAM_SECONDS = 3600.0
"""Then the browser connects anew by itself."""
RETRY_MS = 5000
PER_ACCOUNT = 6
SHARE = 3
"""One connection in so many may be a stream."""

Boxes = Mapping[str, Mapping[str, int | str]]
"""By mailbox id: `n` how many are new, `t` what they are called, `u` the next UID, `c` that it is quiet hours, in which
the window's title counts nothing; by `FLAGGED` and `PLANNED` alike."""
FLAGGED, PLANNED = "suivis", "programmes"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a browser knows."""

    boxes: Boxes
    name: str
    shared: frozenset[int] = frozenset()
    """Those of them that are of others."""
    places: frozenset[tuple[int, str]] = frozenset()
    """Every folder with its name."""


class EventStream:
    """The streams of one worker."""

    def __init__(self, limits: Limits) -> None:
        """`limits` say how many connections this worker takes in all."""
        self._limits = limits
        self._open: Counter[int] = Counter()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """End every stream; browsers come back to another worker, or to this one once it is up again."""
        self._stopping.set()

    async def state(self, services: Services, visit: Visit) -> Response:
        """GET /flux/etat: the counts once, for browsers that cannot listen."""
        told = await _look(services, visit)
        fields = {**headers.page(visit.secure), "Content-Type": "application/json"}
        return Response(json.dumps(told.boxes, ensure_ascii=False), 200, fields)

    async def listen(self, services: Services, visit: Visit) -> Response:
        """GET /flux: the stream; 429 when there are too many."""
        if self._is_full(visit.account_id) or self._stopping.is_set():
            return Response("Too many streams", 429, headers.page(visit.secure), media_type="text/plain")
        fields = {**headers.page(visit.secure), "X-Accel-Buffering": "no"}
        return StreamingResponse(
            self._events(services, visit), 200, fields, media_type="text/event-stream; charset=utf-8"
        )

    def _is_full(self, account_id: int) -> bool:
        return self._open[account_id] >= PER_ACCOUNT or self._open.total() >= max(1, self._limits.connections // SHARE)

    async def _events(self, services: Services, visit: Visit) -> AsyncGenerator[str, None]:
        moved = asyncio.Event()
        account_id = visit.account_id
        if self._is_full(account_id):  # of many that were let in at the same moment, the last ones end at once
            return
        unsubscribe = services.store.changes.subscribe("account", account_id, moved.set)
        watched = _Watched(services.store.changes, moved)
        self._open[account_id] += 1
        gone = asyncio.ensure_future(_gone(visit))
        began = looked = services.clock.monotonic()
        known = _Told({}, visit.request.headers.get("last-event-id", "")[:64])
        try:
            yield f"retry: {RETRY_MS}\n\n"
            moved.set()
            while services.clock.monotonic() - began < STREAM_SECONDS and not self._stopping.is_set():
                news_came = await self._wait(moved, gone)
                # However much news there is: a session that was closed hears no more of it.
                if not news_came or services.clock.monotonic() - looked >= HEARTBEAT_SECONDS:
                    if gone.done() or not await _is_open(services, visit):
                        yield _event("session", {}, "")
                        return
                    looked = services.clock.monotonic()
                if not news_came:
                    yield ": \n\n"
                moved.clear()
                told = await _look(services, visit)
                if watched.only(told.shared):
                    moved.set()  # what happened there between the two lines is not lost
                news = {id_: box for id_, box in told.boxes.items() if known.boxes.get(id_) != box}
                if known.places and told.places != known.places:
                    yield _event("places", {}, told.name)
                if told.name != known.name and news:
                    yield _event("dossiers", news, told.name)
                known = told
                await asyncio.sleep(GATHER_SECONDS)
        except Temporary:
            log.warning("stream ends: the store is out of reach", account=account_id)
        finally:
            gone.cancel()
            unsubscribe()
            watched.only(frozenset())
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]

    async def _wait(self, moved: asyncio.Event, gone: "asyncio.Future[None]") -> bool:
        """True when something moved; False when it is time for a sign of life, to stop, or the browser is gone."""
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(one.wait()) for one in (moved, self._stopping)]
        try:
            await asyncio.wait([*waiting, gone], timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waiting:
                one.cancel()
        return moved.is_set() and not self._stopping.is_set() and not gone.done()


class _Watched:
    """The mailboxes of others whose changes a stream hears of: those that one reaches at the moment."""

    def __init__(self, changes: Changes, moved: asyncio.Event) -> None:
        self._changes = changes
        self._moved = moved
        self._ends: dict[int, Callable[[], None]] = {}
        self._told: asyncio.TimerHandle | None = None

    def only(self, boxes: frozenset[int]) -> bool:
        """Hear of these and no others; True when some are new."""
        for box_id in self._ends.keys() - boxes:
            self._ends.pop(box_id)()
        new = boxes - self._ends.keys()
        for box_id in new:
            self._ends[box_id] = self._changes.subscribe("mailbox", box_id, self._heard)
        if not boxes and self._told is not None:
            self._told.cancel()
        return bool(new)

    def _heard(self) -> None:
        if self._told is None:
            self._told = asyncio.get_running_loop().call_later(OTHERS_SECONDS, self._tell)

    def _tell(self) -> None:
        self._told = None
        self._moved.set()


async def _gone(visit: Visit) -> None:
    """Returns when the browser has closed the connection: nothing that is sent would say so."""
    while (await visit.request.receive())["type"] != "http.disconnect":
        pass


async def _look(services: Services, visit: Visit) -> _Told:
    viewer = await services.sharing.viewer(visit.principal)
    own, shared, planned = await services.store.read(visitors.counted, viewer)
    others = [reach.box for reach in shared[: mail_shell.MAX_SHARED]]
    shown: dict[str, dict[str, int | str]] = {}
    hours = await services.quiet.of(visit.principal.uai, visit.preferences)
    calm: dict[str, int | str] = {"c": 1} if hours.holds(services.clock.now()) else {}
    for box in (*own, *others):
        folder = mail_shell.folder(visit, box, 0)
        shown[str(box.id)] = {"n": folder.count, "t": folder.counted, "u": box.uidnext, **calm}
    flagged, ngettext = mail_shell.flagged(own), visit.language.texts.ngettext
    shown[FLAGGED] = {"n": flagged, "t": ngettext("message suivi", "messages suivis", flagged)}
    shown[PLANNED] = {"n": planned, "t": ngettext("message programmé", "messages programmés", planned)}
    text = json.dumps(shown, sort_keys=True)
    name = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    places = frozenset((box.id, box.name) for box in (*own, *others))
    return _Told(shown, name, frozenset(box.id for box in others), places)


async def _is_open(services: Services, visit: Visit) -> bool:
    """Whether the session still is what it was when the stream began."""
    found = await services.store.read(sessions.find, visit.session.token_hash)
    return found is not None and found[0].current and found[0].state == State.ACTIVE


def _event(kind: str, value: object, name: str) -> str:
    told = f"id: {name}\n" if name else ""
    return f"{told}event: {kind}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"
