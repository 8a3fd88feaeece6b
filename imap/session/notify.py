"""What a client that used NOTIFY is told, and the state it was last told of (RFC 5465).

Whenever something moves in the account, in the accounts whose mailboxes it reaches, or in what is shared, the names and
counters of all mailboxes are read and compared with those before: the difference is the news. Nothing is asked while
nothing moves.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from imap.session.visible_mailboxes import VisibleMailbox, changed_names, look, unreadable
from imap.wire import responses
from imap.wire.codes import Code, CodeName
from imap.wire.commands import StatusItem
from imap.wire.extensions.notify import MESSAGE_EVENTS, Event, EventGroup, Events
from imap.wire.search.search_program import Scope
from mailserver.foundation.changes import Changes
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.record.notices import DIRECTORY

MAX_LINES = 1000
"""News at once; more is an overflow (section 5.8)."""
DIRECTORY_PAUSE = 1.0
"""Seconds that news of the directory wait for more of them: an import is a flood of them."""
NOTHING: Events = frozenset()
ALL_NEW: Events = frozenset((Event.MESSAGE_NEW, Event.FLAG_CHANGE))


class Notifier:
    """Of one session, from its first NOTIFY on. Without groups nothing is told at all (NOTIFY NONE)."""

    def __init__(self, store: Store, changes: Changes, viewer: Viewer, standing: VisibleMailbox) -> None:
        self.groups: tuple[EventGroup, ...] = ()
        self.waiters: list[Callable[[], None]] = []
        """Rung when there may be news."""
        self.moved = False
        self._store = store
        self._changes = changes
        self._account_id = viewer.account_id
        self._standing = standing
        self._gone: dict[str, int] = {}
        """Names that no mailbox has, with the one that had it the last time."""
        self._stops: dict[int, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._watch()

    # ------------------------------------------------------------------ what is wanted

    @property
    def selected(self) -> EventGroup | None:
        """What is wanted of the selected mailbox."""
        return next((group for group in self.groups if group.mailboxes.scope is Scope.SELECTED), None)

    @property
    def selected_events(self) -> Events:
        group = self.selected
        return group.events if group is not None else NOTHING

    def wants(self, event: Event, name: str, standing: VisibleMailbox | None = None) -> bool:
        """Whether an event is told of a mailbox that is not selected, or is no message's (sections 5, 6).

        A group of NONE ends the search; an event that one group does not name may be another's.
        """
        subscribed = (standing or self._standing).subscribed
        for group in self.groups:
            if _matches(group, name, subscribed):
                if not group.events:
                    return False
                if event in group.events:
                    return True
        return False

    def wants_annotations(self, name: str) -> bool:
        """Whether changed annotations of a mailbox are told (section 5.6), or ("") of the server (section 5.7)."""
        if name:
            return self.wants(Event.MAILBOX_METADATA_CHANGE, name)
        return any(Event.SERVER_METADATA_CHANGE in group.events for group in self.groups)

    # ------------------------------------------------------------------ watching

    def _watch(self) -> None:
        """Listen to the accounts whose mailboxes are reached, and no longer to others."""
        wanted = {self._account_id, *(box.account_id for box in self._standing.boxes.values())}
        for account_id in wanted - self._stops.keys():
            self._stops[account_id] = self._changes.subscribe("account", account_id, self._note)
        if DIRECTORY not in self._stops:
            self._stops[DIRECTORY] = self._changes.subscribe("account", DIRECTORY, self._note_later)
        for account_id in self._stops.keys() - wanted - {DIRECTORY}:
            self._stops.pop(account_id)()

    def _note(self) -> None:
        self.moved = True
        for ring in self.waiters:
            ring()

    def _note_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(DIRECTORY_PAUSE, self._due)

    def _due(self) -> None:
        self._timer = None
        self._note()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        while self._stops:
            self._stops.popitem()[1]()

    # ------------------------------------------------------------------ telling

    def statuses(self, selected: int, *, condstore: bool, utf8: bool) -> bytes:
        """STATUS of every mailbox whose messages are of interest, the selected one excepted (section 3.1)."""
        items = (StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UIDVALIDITY, StatusItem.UNSEEN)
        said = []
        for name, box in sorted((name, self._standing.boxes[key]) for key, name in self._standing.names.items()):
            if box.id == selected or box.id not in self._standing.readable:
                continue
            if any(self.wants(event, name) for event in MESSAGE_EVENTS):
                modseq = condstore or self.wants(Event.FLAG_CHANGE, name)
                said.append(_status(name, box, items, modseq=modseq, utf8=utf8))
        return b"".join(said)

    def unreadable(self, *, utf8: bool) -> bytes:
        """LIST of the mailboxes of which events were asked that may not be read (section 3.1)."""
        return unreadable(self._standing, self.wants, utf8)

    @property
    def due(self) -> bool:
        """There may be news that the client wants."""
        return self.moved and bool(self.groups)

    async def refresh(self, viewer: Viewer) -> None:
        """What happened up to now is no news. Raises Temporary."""
        self.moved = False
        self._standing = await self._store.read(look, viewer)
        self._watch()

    async def told(self, viewer: Viewer, selected: int, *, condstore: bool, utf8: bool) -> bytes:
        """What changed since the last call, as STATUS and LIST responses. Raises Temporary."""
        if not self.due:
            return b""
        self.moved = False
        before = self._standing
        after = await self._store.read(look, viewer, before.withheld.union(before.names))
        self._standing = after
        self._watch()
        said = changed_names(before, after, self.wants, utf8)
        said += self._messages(before, after, selected, condstore=condstore, utf8=utf8)
        if len(said) > MAX_LINES:
            self.groups = ()
            code = Code(CodeName.NOTIFICATIONOVERFLOW)
            return responses.ok("Too much has changed at once: nothing more is told", code).encode()
        return b"".join(said)

    def _messages(
        self, before: VisibleMailbox, after: VisibleMailbox, selected: int, *, condstore: bool, utf8: bool
    ) -> Iterator[bytes]:
        """MessageNew, MessageExpunge and FlagChange of mailboxes that are not selected (sections 5.1 to 5.3)."""
        self._gone.update((name, key) for name, key in before.keys.items() if name not in after.keys)
        while len(self._gone) > MAX_LINES:
            del self._gone[next(iter(self._gone))]
        for key, name in sorted(after.names.items(), key=lambda pair: pair[1]):
            if key == selected or key not in after.readable:
                continue
            box = after.boxes[key]
            items: dict[StatusItem, None] = {}
            modseq = condstore
            other = self._gone.pop(name, before.keys.get(name, key)) != key
            happened = ALL_NEW if other else _happened(before.boxes.get(key), box)
            if other and any(self.wants(event, name, after) for event in MESSAGE_EVENTS):
                items[StatusItem.UIDVALIDITY] = None  # the name means another mailbox now (section 5.1)
            if any(self.wants(event, name, after) for event in happened - {Event.FLAG_CHANGE}):
                items.update(dict.fromkeys((StatusItem.MESSAGES, StatusItem.UIDNEXT, StatusItem.UNSEEN)))
            if Event.FLAG_CHANGE in happened and self.wants(Event.FLAG_CHANGE, name, after):
                items.update(dict.fromkeys((StatusItem.UIDVALIDITY, StatusItem.UNSEEN)))
                modseq = True
            if items:
                yield _status(name, box, tuple(items), modseq=modseq, utf8=utf8)


def _matches(group: EventGroup, name: str, subscribed: frozenset[str]) -> bool:
    """Whether a name is among the mailboxes of a group (section 6)."""
    match group.mailboxes.scope:
        case Scope.SELECTED:
            return False
        case Scope.INBOXES | Scope.PERSONAL:  # a person's rules may deliver into any of them (section 6.3)
            return not access.is_foreign(name)
        case Scope.SUBSCRIBED:
            return name in subscribed
        case Scope.SUBTREE | Scope.SUBTREE_ONE | Scope.MAILBOXES:
            return group.mailboxes.holds(name)


def _happened(old: Mailbox | None, new: Mailbox) -> Events:
    """What became of a mailbox's messages between two looks."""
    if old is None:
        return frozenset((Event.MESSAGE_NEW,)) if new.messages else NOTHING
    happened = set()
    arrived = new.uidnext - old.uidnext
    if arrived:
        happened.add(Event.MESSAGE_NEW)
    if old.messages + arrived > new.messages:
        happened.add(Event.MESSAGE_EXPUNGE)
    if new.flags_modseq != old.flags_modseq:
        happened.add(Event.FLAG_CHANGE)
    return frozenset(happened)


def _status(name: str, box: Mailbox, items: Sequence[StatusItem], *, modseq: bool, utf8: bool) -> bytes:
    """STATUS; with HIGHESTMODSEQ for a client of mod-sequences, and where flags are of interest (section 5.3)."""
    values: dict[StatusItem, int | str] = {
        StatusItem.MESSAGES: box.messages,
        StatusItem.UIDNEXT: box.uidnext,
        StatusItem.UIDVALIDITY: box.uidvalidity,
        StatusItem.UNSEEN: box.unseen,
        StatusItem.HIGHESTMODSEQ: box.modseq,
    }
    wanted = (*items, StatusItem.HIGHESTMODSEQ) if modseq else items
    return responses.status(name, [(item, values[item]) for item in wanted], utf8)
