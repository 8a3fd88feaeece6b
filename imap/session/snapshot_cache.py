"""The snapshots of a worker: one per mailbox in use, shared by its sessions, brought up to date on demand.

Nothing polls. A mailbox in use is subscribed to; before an answer that may carry news a session asks for a
`fresh` snapshot, and when nobody has committed anything to the mailbox (`Changes.catch_up`, microseconds) the
one at hand is it. Otherwise one read asks what moved since its mod-sequence; whoever else waits for the same
mailbox waits for that read.
Mailboxes nobody has selected stay for a while, so that the next SELECT reads only what is new.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, replace

from imap.session.fetch_cache import FetchCache
from imap.session.message_cache import MessageCache
from imap.session.snapshot import Snapshot, advance
from imap.wire.flags import DELETED, FlagNames
from mailserver.foundation.changes import Changes
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import Rights, Viewer
from mailserver.store.mail.whole_mailboxes import states
from mailserver.store.mail.whole_mailboxes.mailboxes_together import get_each

KEPT_MESSAGES = 1_000_000
"""Messages in snapshots nobody uses (20 octets each); the least recently used go first."""
KEPT_MAILBOXES = 10_000


@dataclass(frozen=True, slots=True)
class _CaughtUp:
    """A snapshot that a read made of an earlier one, or of nothing."""

    base: Snapshot | None
    snapshot: Snapshot


def _catch_up(tx: Tx, account_id: int, mailbox_id: int, base: Snapshot | None) -> _CaughtUp:
    """The mailbox now, made in the reader's thread of what moved since `base`."""
    if base is None:
        return _CaughtUp(None, _read(tx, mailboxes.by_id(tx, account_id, mailbox_id)))
    changed = messages.changed_since(tx, account_id, mailbox_id, base.modseq, base.uidnext)
    box = changed.box
    if changed.vanished is None or not _follows(base, box):
        return _CaughtUp(base, _read(tx, box))
    known = _as_known(base, box)
    if known is not None:
        return known
    keywords = mailboxes.keywords(tx, mailbox_id) if changed.rows else base.names.keywords
    made = advance(
        base,
        changed.rows,
        changed.vanished,
        uidnext=box.uidnext,
        modseq=box.modseq,
        recent=box.recent,
        keywords=keywords,
    )
    return _CaughtUp(base, made)


def _follows(base: Snapshot, box: mailboxes.Mailbox) -> bool:
    """Whether it can have become this: numbers that were given once may be given again by another server."""
    if box.uidvalidity != base.uidvalidity or box.modseq < base.modseq:
        return False
    return box.uidnext == base.uidnext if box.modseq == base.modseq else box.uidnext >= base.uidnext


def _as_known(base: Snapshot | None, box: mailboxes.Mailbox) -> _CaughtUp | None:
    """What its row alone tells when no message has moved since; None when more is to be read."""
    if base is None or box.modseq != base.modseq or not _follows(base, box):
        return None
    return _CaughtUp(base, base if box.recent == base.recent else replace(base, recent=box.recent))


def _read(tx: Tx, box: mailboxes.Mailbox) -> Snapshot:
    """The whole mailbox."""
    names = FlagNames(mailboxes.keywords(tx, box.id))
    return Snapshot(box.id, box.uidvalidity, box.uidnext, box.modseq, box.recent, names, *states.read(tx, box))


def _named_as(base: Snapshot, snapshot: Snapshot) -> Snapshot:
    """With the names of before where they are the same: new ones are told to every client."""
    same = snapshot.names is not base.names and snapshot.names.keywords == base.names.keywords
    return replace(snapshot, names=base.names) if same else snapshot


class Shared:
    """One mailbox in use by this worker."""

    __slots__ = (
        *("_doubted", "_holds", "_lock", "_shelf", "_stop"),
        *("account_id", "heard", "mailbox_id", "snapshot", "users"),
    )

    def __init__(self, snapshots: "SnapshotCache", account_id: int, snapshot: Snapshot) -> None:
        self._shelf = snapshots
        self._lock = asyncio.Lock()
        self.heard = 0
        """How often we were told that something was committed."""
        self._holds = 0
        """How much of that the snapshot is known to hold."""
        self._doubted = False
        """The snapshot may hold what the database does not."""
        self._stop = snapshots.changes.subscribe("mailbox", snapshot.mailbox_id, self.note)
        self.account_id = account_id
        self.mailbox_id = snapshot.mailbox_id
        self.snapshot = snapshot
        self.users = 0

    def note(self) -> None:
        """Something was committed."""
        self.heard += 1

    def doubt(self) -> None:
        """What the snapshot holds may have been lost: its mod-sequence says nothing of it, since it is given again."""
        self._doubted = True
        self.note()

    @property
    def is_doubted(self) -> bool:
        """Nothing of it has been read anew since."""
        return self._doubted

    def current(self) -> bool:
        """True when nothing has moved since the snapshot was made."""
        self._shelf.changes.catch_up()
        return self.heard == self._holds

    async def fresh(self) -> Snapshot:
        """A snapshot that holds everything committed before the call. Raises Refused(NO_SUCH_MAILBOX)."""
        self._shelf.changes.catch_up()
        wanted = self.heard
        while self._holds < wanted:
            async with self._lock:
                if self._holds >= wanted:  # the one before us asked late enough
                    break
                heard, base, known = self.heard, self.snapshot, None if self._doubted else self.snapshot
                found = await self._shelf.store.read_brief(_catch_up, self.account_id, self.mailbox_id, known)
                if base is self.snapshot and (known is None or not self._doubted):
                    self.snapshot, self._holds = _named_as(base, found.snapshot), heard
                    self._doubted = self._doubted and self.heard > heard
        return self.snapshot

    async def has_deleted(self) -> bool:
        """Whether a message is marked \\Deleted, even if no word of it has arrived yet (PostgreSQL's take a moment).

        Raises Refused(NO_SUCH_MAILBOX).
        """
        if any(mask & DELETED for mask in (await self.fresh()).flags):
            return True
        return await self._shelf.store.read(messages.count_deleted, self.mailbox_id) > 0

    def accept(self, found: _CaughtUp) -> None:
        """Take what a read found whose base is still the current snapshot."""
        if found.base is self.snapshot:
            self.snapshot = found.snapshot

    def replace(self, base: Snapshot, snapshot: Snapshot, heard: int) -> None:
        """Take a snapshot that a committed change of our own made of `base`, if that is still the current one.

        It saves reading again what we know. Whether others changed something is asked all the same, but where each
        commit is told by itself (writers of PostgreSQL commit unit by unit) and one was since `heard`: ours.
        """
        if base is not self.snapshot:
            return
        self.snapshot = snapshot
        is_alone = self._holds == heard and self.heard == heard + 1
        if is_alone and not self._doubted and not self._shelf.store.keeps_order:
            self._holds = self.heard

    def close(self) -> None:
        """Nobody uses it now."""
        self._stop()

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


class SnapshotCache:
    """The shared mailboxes of one worker, by mailbox id."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self.store = store
        self.changes = changes
        self._used: dict[int, Shared] = {}
        self._kept: OrderedDict[int, Snapshot] = OrderedDict()
        self._kept_messages = 0
        self._losses = 0
        """How often what is kept was forgotten."""
        self.renderings = FetchCache()
        self.messages = MessageCache()
        if not store.keeps_order:
            changes.subscribe("lost", 0, self._forget)

    def _forget(self) -> None:
        """A server that was away may be another one now, which lacks what the first had committed last: UIDs that are
        given again are of other messages."""
        self.renderings = FetchCache()
        self.messages = MessageCache()
        self._kept.clear()
        self._kept_messages = 0
        self._losses += 1
        for shared in self._used.values():
            shared.doubt()

    async def open(self, viewer: Viewer, name: str) -> tuple[Shared, Rights]:
        """Take a mailbox into use; `release` it afterwards. Raises Refused(NO_SUCH_MAILBOX)."""
        told, losses = self.changes.told(), self._losses
        reach = await self._find(viewer, name)
        mailbox_id = reach.box.id
        found = _as_known(self._at_hand(mailbox_id), reach.box)
        if found is None:
            found = await self.store.read_brief(self._catch_up, reach.box)
        shared = self._used.get(mailbox_id)
        if shared is None:
            base = self._take(mailbox_id)
            shared = self._used[mailbox_id] = Shared(
                self, reach.box.account_id, base if base is not None else found.snapshot
            )
            if base is not found.base or self.changes.has_told_since(told, mailbox_id):
                shared.note()  # told before we listened: ask again
            if self._losses != losses:
                shared.doubt()
        shared.users += 1
        try:
            shared.accept(found)
            await shared.fresh()
        except BaseException:
            self.release(shared)
            raise
        return shared, reach.rights

    async def _find(self, viewer: Viewer, name: str) -> access.Reach:
        """A mailbox of one's own is a single row; whether others' may be read takes several, which are to agree."""
        if access.is_foreign(name):
            return await self.store.read_inline(access.find, viewer, name, "r")
        box = await self.store.read_together(get_each, (viewer.account_id, name))
        return access.Reach(box, box.name, access.ALL)

    def release(self, shared: Shared) -> None:
        """One session less."""
        shared.users -= 1
        if shared.users:
            return
        shared.close()
        del self._used[shared.mailbox_id]
        if shared.is_doubted:
            return
        self._kept[shared.mailbox_id] = shared.snapshot
        self._kept_messages += len(shared.snapshot)
        while self._kept_messages > KEPT_MESSAGES or len(self._kept) > KEPT_MAILBOXES:
            _, oldest = self._kept.popitem(last=False)
            self._kept_messages -= len(oldest)

    def _take(self, mailbox_id: int) -> Snapshot | None:
        """Take a snapshot nobody used from the snapshots."""
        kept = self._kept.pop(mailbox_id, None)
        if kept is not None:
            self._kept_messages -= len(kept)
        return kept

    def _at_hand(self, mailbox_id: int) -> Snapshot | None:
        used = self._used.get(mailbox_id)
        return used.snapshot if used is not None else self._kept.get(mailbox_id)

    def _catch_up(self, tx: Tx, box: mailboxes.Mailbox) -> _CaughtUp:
        """In a reader's thread, from the snapshot that is at hand by then."""
        return _catch_up(tx, box.account_id, box.id, self._at_hand(box.id))
