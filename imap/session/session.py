"""One client's session: its state, who it is, what it enabled, the mailbox it selected."""

import asyncio
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from imap.session.account_check import AccountCheck
from imap.session.annotations import AnnotationNews
from imap.session.appends import Appends
from imap.session.capabilities import CAPABILITIES
from imap.session.notify import Notifier
from imap.session.snapshot import Difference
from imap.session.snapshot_cache import Shared, SnapshotCache
from imap.session.states import State, Turn
from imap.session.view import View
from imap.wire import codes, responses
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.sets import ranges_of
from mailserver.foundation.changes import Changes
from mailserver.foundation.large_answers import LargeAnswers
from mailserver.foundation.settings import Limits, Settings
from mailserver.login import Login
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal
from mailserver.policy.viewers import Sharing
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access
from mailserver.store.mail.access import ALL, CHANGING, Rights, Viewer, annotations
from mailserver.store.mail.messages import Quota
from mailserver.store.record.notices import DIRECTORY


class Ended(Exception):
    """The server ends the session; the text goes into its BYE, with a code where the reason has one."""

    def __init__(self, text: str, reason: Reason | None = None) -> None:
        super().__init__(text)
        self.reason = reason


class Connection(Protocol):
    """What a session knows of its connection. It never writes to it."""

    peer: str
    """The client's address, for throttling and the log."""
    loopback: bool
    secure: bool
    """TLS is on."""

    @property
    def compressed(self) -> bool:
        """DEFLATE is on (RFC 4978)."""

    def identify(self, account_id: int) -> bool:
        """The client has proved which account it is; False when that has too many connections."""

    def line(self) -> "asyncio.Future[bytes]":
        """The next line of a dialogue within a command (SASL, IDLE), without its CRLF.

        Raises BadSyntax through the future when the line is too long or malformed.
        """

    def account_moved(self) -> None:
        """The account moved: whoever waits for the client's next word looks at `account_changed` now."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every session of a worker shares."""

    settings: Settings
    store: Store
    changes: Changes
    snapshots: SnapshotCache
    login: Login
    can_start_tls: bool
    account_check: AccountCheck
    sharing: Sharing
    large: LargeAnswers = field(default_factory=LargeAnswers)
    """Sections that lie on the disk until their readers have them."""


class Updates(Protocol):
    """Searches that are kept up (RFC 5267 section 4.3), as the news tell of them."""

    def leave(self, view: View, gone: Iterable[int]) -> bytes:
        """What expunged messages leave, said before EXPUNGE."""

    async def catch_up(self, session: "Session", difference: Difference) -> bytes:
        """What else changed, said after EXISTS and FETCH."""

    def to_fetch(self) -> dict[int, tuple[FetchItem, ...]]:
        """What the searches want of new messages, by UID, since this was asked the last time."""


@dataclass(slots=True)
class Selected:
    """The mailbox of a session in the selected state."""

    shared: Shared
    view: View
    name: str
    read_only: bool
    rights: Rights = ALL
    """What the session's account may do in it (RFC 4314)."""
    updates: Updates | None = None
    """Searches that are kept up (RFC 5267)."""
    behind: bool = False
    """The client was told that removals are still to be told."""

    untold: bool = False
    """Messages came that NOTIFY did not want to be told of."""
    fetched: int = 0
    """The UID from which on messages are new to NOTIFY, which may want more of them than EXISTS."""
    own: list[tuple[int, int]] = field(default_factory=list)
    """Ranges of UIDs among those that the client itself brought in."""

    @property
    def owner(self) -> int:
        """The account whose mailbox it is: what the store is asked about it is asked of this account."""
        return self.shared.account_id


class Session:
    """State of one connection from greeting to logout."""

    def __init__(self, services: Services, connection: Connection) -> None:
        self.services: Services = services
        self.connection = connection
        self.state = State.NOT_AUTHENTICATED
        self.enabled: set[str] = set()
        self.selected: Selected | None = None
        self.turn: Turn | None = None
        """What the connection does after this command."""
        self.tag = ""
        """Of the command that runs: ESEARCH repeats it."""
        self.faults = 0
        """Commands in a row that were answered BAD."""
        self._principal: Principal | None = None
        self._stop_watching: Callable[[], None] | None = None
        self.account_changed = False
        """The account moved since its state was last looked at."""
        self.viewer = Viewer(0)
        """Who this is to lists of rights; only after login."""
        self.appends = Appends()
        self._rights_changed = False
        """Rights on the selected mailbox, which is another's, may have moved."""
        self._stop_watching_rights: list[Callable[[], None]] = []
        self.annotation_news: AnnotationNews | None = None
        self.notifier: Notifier | None = None
        """Since the first NOTIFY: what of all news the client wants."""

    # ------------------------------------------------------------------ who

    @property
    def may_start_tls(self) -> bool:
        return self.services.can_start_tls and not self.connection.secure

    @property
    def may_log_in(self) -> bool:
        """Passwords travel in clear only within this machine (RFC 3501 section 11.1)."""
        return self.connection.secure or self.connection.loopback

    @property
    def may_prove(self) -> bool:
        """SCRAM-SHA-256 is offered. A password chosen by a person can be guessed from what is said: not in clear."""
        return self.may_log_in and self.services.login.scram.ready

    @property
    def may_compress(self) -> bool:
        return not self.connection.compressed

    @property
    def principal(self) -> Principal:
        """Whoever logged in; only after login."""
        assert self._principal is not None
        return self._principal

    @property
    def account_id(self) -> int:
        return self.principal.account_id

    @property
    def limits(self) -> Limits:
        return self.services.settings.limits

    @property
    def quota(self) -> Quota:
        """What accounts without their own limits may hold."""
        return Quota.of(self.limits)

    def log_in(self, principal: Principal) -> None:
        """Enter the authenticated state."""
        self._principal = principal
        self.viewer = Viewer.of(principal.account_id, fold_login(principal.login))
        self.state = State.AUTHENTICATED
        self._stop_watching = self.services.changes.subscribe(
            "account", principal.account_id, self._note_account_change
        )

    async def refresh_groups(self) -> None:
        """Find out which groups this account is in now. Raises Temporary."""
        self.viewer = await self.services.sharing.viewer(self.principal)

    def _note_account_change(self) -> None:
        self.account_changed = True
        self.connection.account_moved()

    @property
    def must_be_looked_at(self) -> bool:
        """The account moved, and was not looked at a moment ago: `check_account` has something to do."""
        return self.account_changed and self.services.account_check.due(self.principal)

    async def check_account(self) -> None:
        """Raises Ended once the account was suspended or closed, or its password has changed, and Temporary.

        Costs nothing unless the account moved.
        """
        if not self.must_be_looked_at:
            return
        self.account_changed = False
        try:
            await self.services.account_check.check(self.principal)
            await self.refresh_groups()
            await self._check_rights()
        except Refused as refusal:
            raise Ended(refusal.text, refusal.reason) from None
        except Temporary:
            self.account_changed = True
            raise

    def capabilities(self) -> list[str]:
        """What is announced now (RFC 3501 section 7.2.1)."""
        return [
            capability.announce(self)
            for capability in CAPABILITIES
            if self.state in capability.states and capability.when(self)
        ]

    # ------------------------------------------------------------------ selected mailbox

    @property
    def mailbox(self) -> Selected:
        """The selected mailbox; only in that state."""
        assert self.selected is not None
        return self.selected

    def writable(self) -> Selected:
        """The selected mailbox if it may be changed. Raises Refused(READ_ONLY)."""
        if self.mailbox.read_only:
            raise Refused(Reason.READ_ONLY, "Mailbox is read-only")
        return self.mailbox

    async def select(self, name: str, *, read_only: bool) -> Selected:
        """Enter the selected state. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN).

        Without a right to change anything the mailbox is read-only (RFC 4314 section 4).
        """
        if access.is_foreign(name):
            await self.refresh_groups()
        shared, rights = await self.services.snapshots.open(self.viewer, name)
        read_only = read_only or not rights & CHANGING
        try:
            claimed = await recent(shared, shared.snapshot.recent, read_only or self.rev2)
        except BaseException:
            self.services.snapshots.release(shared)
            raise
        view = View(shared.snapshot, claimed)
        self.selected = Selected(shared, view, name, read_only, rights, fetched=shared.snapshot.uidnext)
        if self.rev2:
            self.selected.view.forget_recent()
        if self.selected.owner != self.account_id:
            self._watch_rights(shared.mailbox_id)
        self.state = State.SELECTED
        return self.selected

    def unselect(self) -> None:
        """Leave the selected state, if in it."""
        if self.selected is not None:
            self.services.snapshots.release(self.selected.shared)
            self.selected = None
            self.state = State.AUTHENTICATED
            while self._stop_watching_rights:
                self._stop_watching_rights.pop()()

    def _watch_rights(self, mailbox_id: int) -> None:
        """Hear of whatever may end the rights on a mailbox of another: its list of rights, a roster, a group."""
        changes = self.services.changes
        self._stop_watching_rights = [
            changes.subscribe("mailbox", mailbox_id, self._note_rights_change),
            changes.subscribe("account", DIRECTORY, self._note_rights_change),
        ]

    def _note_rights_change(self) -> None:
        self._rights_changed = True
        self._note_account_change()

    async def _check_rights(self) -> None:
        """Raises Ended when the selected mailbox may no longer be read, and Temporary."""
        selected = self.selected
        if not self._rights_changed or selected is None or selected.owner == self.account_id:
            return
        self._rights_changed = False
        store, shared = self.services.store, selected.shared
        try:
            selected.rights = await store.read(access.rights_on, self.viewer, selected.owner, shared.mailbox_id)
        except Temporary:
            self._rights_changed = True
            raise
        if "r" not in selected.rights:
            raise Ended("Your access to the selected mailbox has ended")
        selected.read_only = selected.read_only or not selected.rights & CHANGING

    def forget_result(self) -> None:
        """The saved result is empty from now on (RFC 5182 section 2.1)."""
        if self.selected is not None:
            self.selected.view.saved = array("I")

    @property
    def condstore(self) -> bool:
        """True once the client has shown that it knows mod-sequences (RFC 7162 section 3.1)."""
        return "CONDSTORE" in self.enabled

    @property
    def qresync(self) -> bool:
        """True once removals are told by UID (RFC 7162 section 3.2.3)."""
        return "QRESYNC" in self.enabled

    @property
    def uid_only(self) -> bool:
        """True once no message numbers are spoken (RFC 9586)."""
        return "UIDONLY" in self.enabled

    @property
    def flag_attributes(self) -> tuple[Attribute, ...]:
        """What a FETCH answer tells when flags changed (RFC 7162 section 3.2.4)."""
        if not self.condstore:
            return (Attribute.FLAGS,)
        uid = () if self.uid_only else (Attribute.UID,)
        return (*uid, Attribute.FLAGS, Attribute.MODSEQ)

    def enable_condstore(self) -> bytes:
        """A command of RFC 7162 was used: from now on FETCH answers carry MODSEQ (section 3.1.2).

        Returns what must be said about it.
        """
        if self.condstore:
            return b""
        self.enabled.add("CONDSTORE")
        if self.selected is None:
            return b""
        code = codes.number(codes.CodeName.HIGHESTMODSEQ, self.selected.view.heard)
        return responses.ok("Mod-sequences are told from now on", code).encode()

    @property
    def rev2(self) -> bool:
        """True when the client speaks IMAP4rev2 (RFC 9051 appendix A): it knows no \\Recent and no SEARCH answers."""
        return "IMAP4rev2" in self.enabled

    @property
    def utf8(self) -> bool:
        """True when mailbox names and headers travel as UTF-8 (RFC 9755 section 3, RFC 9051 section 5.1)."""
        return self.rev2 or "UTF8=ACCEPT" in self.enabled

    def enable_rev2(self) -> None:
        """RFC 9051 section 6.3.1: from now on nothing is recent to this session, and nothing more is claimed."""
        self.enabled.add("IMAP4rev2")
        if self.selected is not None:
            self.selected.view.forget_recent()

    @property
    def most(self) -> int:
        """Messages one command works on (RFC 9738)."""
        return self.services.settings.limits.command_messages

    # ------------------------------------------------------------------ what is told unasked

    def start_notifying(self, notifier: Notifier) -> None:
        """The client used NOTIFY (RFC 5465): from now on it is told of what it asked for, at any time."""
        self.notifier = notifier
        notifier.waiters.append(self.connection.account_moved)

    async def enable_metadata(self) -> None:
        """From now on the client is told which annotations others change (RFC 5464 section 4.4)."""
        if self.annotation_news is not None:
            return
        store, changes = self.services.store, self.services.changes
        self.annotation_news = AnnotationNews(store, changes, self.account_id, await store.read(annotations.latest))

    def made(self, uidvalidity: int, uids: Iterable[int]) -> None:
        """The client itself made these messages in the mailbox of this UIDVALIDITY: it needs not be told what is in
        them (RFC 5465 section 5.2)."""
        selected = self.selected
        if selected is not None and selected.view.snapshot.uidvalidity == uidvalidity:
            selected.own += ranges_of(uids)

    @contextmanager
    def watch(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever the selected mailbox or the account moves, in any worker."""
        bell = asyncio.Event()
        changes = self.services.changes
        stops = [changes.subscribe("account", self.account_id, bell.set)]
        if self.selected is not None:
            stops.append(changes.subscribe("mailbox", self.selected.shared.mailbox_id, bell.set))
        if self.annotation_news is not None or (self.selected is not None and self.selected.owner != self.account_id):
            stops.append(changes.subscribe("account", DIRECTORY, bell.set))
        if self.notifier is not None:
            waiters = self.notifier.waiters
            waiters.append(bell.set)
            stops.append(lambda: waiters.remove(bell.set))
        try:
            yield bell
        finally:
            for stop in stops:
                stop()

    def close(self) -> None:
        """The connection is gone."""
        self.unselect()
        self.state = State.LOGOUT
        self.appends.close()
        if self._stop_watching is not None:
            self._stop_watching()
            self._stop_watching = None
        if self.annotation_news is not None:
            self.annotation_news.close()
            self.annotation_news = None
        if self.notifier is not None:
            self.notifier.close()
            self.notifier = None


async def recent(shared: Shared, first: int, read_only: bool) -> tuple[int, int]:
    """The UIDs that become recent to a session: claimed, or for EXAMINE only looked at (RFC 3501 section 6.3.2)."""
    if read_only:
        return first, shared.snapshot.uidnext
    return await shared.claim()
