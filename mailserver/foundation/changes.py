"""News: which mailboxes and accounts have moved, told to whoever subscribed on this worker's loop.

A callback carries no data. Whoever is woken asks the store "what changed since m?", so a doubled or
merged call is harmless and a late one loses nothing. The store publishes after its commit; a carrier
(`mailserver.store.engine.news`) brings what other workers committed.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

Kind = Literal["mailbox", "account", "agenda", "lost"]
"""`agenda`: of an account what is of no mailbox. Deliveries and flags, which are frequent, do not wake these. `lost`,
with key 0: news may have been lost (`publish_all`), nothing else."""

RECENT = 4096
"""Changes told, of which is remembered which mailboxes they were of."""
MANY = 1000
"""Changes told at once, above which the subscriptions are gone through instead."""


@dataclass(frozen=True, slots=True)
class Change:
    """A mailbox of an account has new state; mailbox_id 0: its folder list, agendas or settings moved."""

    account_id: int
    mailbox_id: int


class Changes:
    """Subscriptions of one process. Everything but `publish_soon` runs on the event loop's thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: dict[tuple[Kind, int], dict[int, Callable[[], None]]] = {}
        self._next = 0
        self._awaited = 0
        """Subscriptions to one account or mailbox."""
        self._generation: Callable[[], int] = lambda: 0
        self._catch_up: Callable[[], None] = lambda: None
        self._ring: Callable[[], None] = lambda: None
        self._told = 0
        self._recent: deque[int] = deque(maxlen=RECENT)
        """The mailboxes of those that were told last."""
        self._commits = 0
        self._counting = threading.Lock()

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        generation: Callable[[], int],
        catch_up: Callable[[], None] = lambda: None,
        ring: Callable[[], None] = lambda: None,
    ) -> None:
        """Bind to the loop that delivers, the store's counter of commits, the carrier's `catch_up` and `ring`."""
        self._loop = loop
        self._generation = generation
        self._catch_up = catch_up
        self._ring = ring

    def catch_up(self) -> None:
        """Wake at once whoever subscribed to something that was committed by now; microseconds if nothing was.

        Afterwards a subscriber that was not woken is up to date: this process publishes its own commits before
        it answers for them, SQLite shows what others committed. (PostgreSQL's news of other processes arrive
        when they arrive.)
        """
        self._catch_up()

    def generation(self) -> int:
        """A number that moves whenever any process has committed to the store. Costs microseconds."""
        return self._generation() + self._commits

    def committed(self) -> None:
        """This process has committed; called from writer threads before anybody is answered."""
        with self._counting:  # several writer threads: a lost step would hide a commit
            self._commits += 1

    def told(self) -> int:
        """How much was told so far, for `has_told_since`."""
        return self._told

    def has_told_since(self, told: int, mailbox_id: int) -> bool:
        """Whether news of a mailbox was told since, or may have been: for who finds out which it is, and only then
        subscribes. On the loop's thread."""
        count = self._told - told
        return count > len(self._recent) or mailbox_id in islice(reversed(self._recent), count)

    def subscribe(self, kind: Kind, key: int, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after every commit that touches the mailbox or account; returns how to stop it."""
        self._next += 1
        token = self._next
        self._subscribers.setdefault((kind, key), {})[token] = callback
        self._awaited += key > 0

        def unsubscribe() -> None:
            group = self._subscribers.get((kind, key))
            if group is not None and group.pop(token, None) is not None:
                self._awaited -= key > 0
                if not group:
                    del self._subscribers[kind, key]

        return unsubscribe

    @property
    def awaited(self) -> bool:
        """True while somebody waits for the news of an account or a mailbox: a session is there. What services keep for
        all (keys that are no id: zero and below) can be a moment old."""
        return self._awaited > 0

    def publish(self, changes: Collection[Change]) -> None:
        """Wake the subscribers; on the loop's thread only."""
        if len(changes) > MANY:
            self._forget()
        else:
            self._told += len(changes)
            self._recent.extend([change.mailbox_id for change in changes])
        if not self._subscribers:
            return
        if len(changes) > MANY:
            self._publish_many(changes)
            return
        for change in changes:
            keys: tuple[tuple[Kind, int], ...] = (
                ("mailbox", change.mailbox_id),
                ("account", change.account_id),
                *((("agenda", change.account_id),) if change.mailbox_id == 0 else ()),
            )
            for key in keys:
                for callback in list(self._subscribers.get(key, {}).values()):
                    callback()

    def _publish_many(self, changes: Collection[Change]) -> None:
        """The same by the other end: a message to fifty thousand people wakes the few who watch."""
        moved: dict[Kind, set[int]] = {
            "mailbox": {change.mailbox_id for change in changes},
            "account": {change.account_id for change in changes},
            "agenda": {change.account_id for change in changes if change.mailbox_id == 0},
        }
        for (kind, key), group in list(self._subscribers.items()):
            if key in moved[kind]:
                for callback in list(group.values()):
                    callback()

    def publish_all(self) -> None:
        """Wake every subscriber: news may have been lost."""
        self._forget()
        for group in list(self._subscribers.values()):
            for callback in list(group.values()):
                callback()

    def _forget(self) -> None:
        """From now on nothing is known of what was told before."""
        self._told += RECENT + 1

    def publish_soon(self, changes: Iterable[Change]) -> None:
        """Publish what this process committed, to the others, too; from the thread that committed.

        Without a loop (command line) nobody listens here.
        """
        self._ring()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.publish, tuple(changes))
