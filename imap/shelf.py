"""The snapshots of a worker: one per mailbox in use, shared by its sessions, brought up to date on demand.

Nothing polls. Before an answer that may carry news a session asks for a `fresh` snapshot; when nothing was
committed to the store since (`Changes.generation`, microseconds) the one at hand is it. Otherwise one read
asks what moved since its mod-sequence, whoever else waits for the same mailbox waits for that read.
Mailboxes nobody has selected stay for a while, so that the next SELECT reads only what is new.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace

from imap.snapshot import Snapshot, advance, pack
from imap.wire.flags import FlagNames
from mailserver.changes import Changes
from mailserver.store import mailboxes, messages
from mailserver.store.messages import Changed
from mailserver.store.transactions import Store, Tx

KEPT_MESSAGES = 1_000_000
"""Messages in snapshots nobody uses (20 octets each); the least recently used go first."""
KEPT_MAILBOXES = 10_000


@dataclass(frozen=True, slots=True)
class _CaughtUp:
    """What a read found: everything (`base` None) or what moved since `base`."""

    base: Snapshot | None
    changed: Changed
    keywords: tuple[str, ...]

    def snapshot(self) -> Snapshot:
        box = self.changed.box
        if self.base is None:
            uids, flags, modseqs = pack(self.changed.rows)
            names = FlagNames(self.keywords)
            return Snapshot(box.id, box.uidvalidity, box.uidnext, box.modseq, box.recent, names, uids, flags, modseqs)
        if box.modseq == self.base.modseq and box.recent == self.base.recent:
            return self.base
        return advance(
            self.base,
            self.changed.rows,
            self.changed.vanished,
            uidnext=box.uidnext,
            modseq=box.modseq,
            recent=box.recent,
            keywords=self.keywords,
        )


def _catch_up(tx: Tx, account_id: int, mailbox_id: int, base: Snapshot | None) -> _CaughtUp:
    """What moved since `base`, in one snapshot of the database."""
    if base is None:
        box = mailboxes.by_id(tx, account_id, mailbox_id)
        rows = messages.state(tx, mailbox_id)
        return _CaughtUp(None, Changed(box, rows, []), mailboxes.keywords(tx, mailbox_id))
    changed = messages.changed_since(tx, account_id, mailbox_id, base.modseq, base.uidnext)
    keywords = mailboxes.keywords(tx, mailbox_id) if changed.rows else base.names.keywords
    return _CaughtUp(base, changed, keywords)


class Shared:
    """One mailbox in use by this worker."""

    __slots__ = ("_generation", "_lock", "_shelf", "account_id", "mailbox_id", "snapshot", "users")

    def __init__(self, shelf: "Shelf", account_id: int, snapshot: Snapshot, generation: int) -> None:
        self._shelf = shelf
        self._lock = asyncio.Lock()
        self._generation = generation
        self.account_id = account_id
        self.mailbox_id = snapshot.mailbox_id
        self.snapshot = snapshot
        self.users = 0

    def current(self) -> bool:
        """True when nothing can have moved since the snapshot was made."""
        return self._shelf.changes.generation() == self._generation

    async def fresh(self) -> Snapshot:
        """A snapshot that holds everything committed before the call. Raises Refused(NO_SUCH_MAILBOX)."""
        if self.current():
            return self.snapshot
        async with self._lock:
            while (generation := self._shelf.changes.generation()) != self._generation:
                store = self._shelf.store
                found = await store.read(_catch_up, self.account_id, self.mailbox_id, self.snapshot)
                if self.accept(found, generation):
                    break
        return self.snapshot

    def accept(self, found: _CaughtUp, generation: int) -> bool:
        """Take the result of a read that began at `generation`, unless another was taken meanwhile."""
        if found.base is not self.snapshot:
            return False
        self.snapshot = found.snapshot()
        self._generation = generation
        return True

    async def claim(self) -> tuple[int, int]:
        """Claim the \\Recent messages of the mailbox for one session: their half-open UID range.

        RFC 3501 section 2.3.2: one session is told of each. Empty when another one was faster.
        """
        async with self._lock:
            if self.snapshot.recent >= self.snapshot.uidnext:
                return 0, 0
            store = self._shelf.store
            first, box = await store.write(messages.mark_seen_by_session, self.account_id, self.mailbox_id)
            self.snapshot = replace(self.snapshot, recent=box.uidnext)
        return first, box.uidnext


class Shelf:
    """The shared mailboxes of one worker, by mailbox id."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self.store = store
        self.changes = changes
        self._used: dict[int, Shared] = {}
        self._kept: OrderedDict[int, tuple[Shared, int]] = OrderedDict()
        self._kept_messages = 0

    async def open(self, account_id: int, name: str) -> Shared:
        """Take a mailbox into use; `release` it afterwards. Raises Refused(NO_SUCH_MAILBOX)."""
        generation = self.changes.generation()
        found = await self.store.read(self._look_up, account_id, name)
        mailbox_id = found.changed.box.id
        shared = self._find(mailbox_id)
        if shared is None:
            shared = Shared(self, account_id, found.snapshot(), generation)
        self._use(shared)
        try:
            if shared.snapshot is not found.base or not shared.accept(found, generation):
                await shared.fresh()
        except BaseException:
            self.release(shared)
            raise
        return shared

    def release(self, shared: Shared) -> None:
        """One session less."""
        shared.users -= 1
        if shared.users:
            return
        del self._used[shared.mailbox_id]
        self._kept[shared.mailbox_id] = shared, len(shared.snapshot)
        self._kept_messages += len(shared.snapshot)
        while self._kept_messages > KEPT_MESSAGES or len(self._kept) > KEPT_MAILBOXES:
            _, (_, weight) = self._kept.popitem(last=False)
            self._kept_messages -= weight

    def _look_up(self, tx: Tx, account_id: int, name: str) -> _CaughtUp:
        """In a reader thread: find the mailbox, and catch up with the snapshot that is on the shelf."""
        box = mailboxes.get(tx, account_id, name)
        known = self._find(box.id)
        return _catch_up(tx, account_id, box.id, known.snapshot if known is not None else None)

    def _find(self, mailbox_id: int) -> Shared | None:
        used = self._used.get(mailbox_id)
        if used is not None:
            return used
        kept = self._kept.get(mailbox_id)
        return kept[0] if kept is not None else None

    def _use(self, shared: Shared) -> None:
        kept = self._kept.pop(shared.mailbox_id, None)
        if kept is not None:
            self._kept_messages -= kept[1]
        self._used[shared.mailbox_id] = shared
        shared.users += 1
