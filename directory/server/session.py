"""What one client may do: who it is, and each operation's answer (RFC 4511 section 4, RFC 4513).

Knows nothing of transports: it is handed requests one by one, and functions that send and that start TLS.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from directory.entries import tree
from directory.entries.tree import Tree
from directory.schema import names, schema
from directory.server import root
from directory.server.administrator import ACTOR, SERVICE
from directory.server.answer import Answer, Send
from directory.server.binding import Binder, Bound
from directory.server.controls import SERVED, wishes
from directory.server.faults import Fault
from directory.server.password_modify import PasswordModify
from directory.server.passwords import NewPassword, generated_password
from directory.server.reading import matching
from directory.server.reading.entries import NOBODY, Entries, Viewer
from directory.server.reading.selection import View
from directory.server.search import Searcher
from directory.server.updating import Updater
from directory.server.wire import messages
from directory.server.wire.filters import Equality
from directory.server.wire.messages import (
    RESPONSES,
    Bind,
    Code,
    Compare,
    Extended,
    Page,
    Request,
    Search,
    Tag,
)
from directory.server.wire.updates import Add, Delete, Modify, Rename, Update
from mailserver.foundation.changes import Changes
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.network.peers import Account, Entry
from mailserver.login import Login
from mailserver.model.errors import BadSyntax, Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.store.record.audit import Origin

log = structlog.get_logger("ldap")

MAX_FAILURES = 5
"""Failed binds on one connection; then it is closed. Accounts and addresses are throttled by `Login`."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every session of the door shares."""

    tree: Tree
    entries: Entries
    searcher: Searcher
    login: Login
    changes: Changes
    binder: Binder
    updater: Updater
    password_modify: PasswordModify


@dataclass(frozen=True, slots=True)
class Channel:
    """The session's hold on its transport."""

    entry: Entry
    """Who it is to the door's count of connections."""
    send: Send
    start_tls: Callable[[bytes], Awaitable[None]]
    """Send these last octets in the clear, then negotiate."""


class Ended(Exception):
    """The session is over; the peer is told why in a Notice of Disconnection."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Session:
    """State of one connection: TLS or not, and on whose behalf it asks."""

    def __init__(self, services: Services, channel: Channel, *, tls: bool) -> None:
        self._services = services
        self._channel = channel
        self.tls = tls
        self.viewer = NOBODY
        self._principal: Principal | None = None
        self._failures = 0
        self._stale = False
        self._unsubscribe: Callable[[], None] | None = None

    def close(self) -> None:
        self._become(NOBODY, None)

    async def perform(self, request: Request) -> None:
        """Carry out one request and answer it. Raises Ended."""
        unknown = next((c.type for c in request.controls if c.critical and not _serves(request.tag, c.type)), "")
        if unknown:
            text = f"control {unknown} is not supported here"
            return await self._result(request, Code.UNAVAILABLE_CRITICAL_EXTENSION, text)
        if self._stale:
            await self._look_again()
        match request.operation:
            case Bind() as bind:
                await self._bind(request, bind)
            case Search() as search:
                await self._search(request, search)
            case Compare() as compare:
                await self._compare(request, compare)
            case Extended() as extended:
                await self._extended(request, extended)
            case Add() | Modify() | Rename() | Delete() as update:
                await self._update(request, update)
        return None

    async def _result(
        self,
        request: Request,
        code: Code,
        text: str = "",
        matched: str = "",
        controls: Sequence[messages.Control] = (),
    ) -> None:
        catalogue.LDAP_ANSWERS.add(code.name.lower())
        answer = messages.result(request.id, RESPONSES[request.tag], code, text, matched, controls)
        await self._channel.send(answer)

    # ------------------------------------------------------------------ bind

    async def _bind(self, request: Request, bind: Bind) -> None:
        """A failed bind leaves the client anonymous (RFC 4513 section 4)."""
        self._become(NOBODY, None)
        self._channel.entry.forget()
        try:
            bound = await self._services.binder.authenticate(bind, self._channel.entry.peer, protected=self._protected)
        except Fault as fault:
            await self._result(request, fault.code, fault.text)
            if fault.code is Code.INVALID_CREDENTIALS:
                self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise Ended(Code.UNAVAILABLE, "too many failed binds") from None
        else:
            if bound.viewer.known and not self._channel.entry.identify(_account(bound)):
                raise Ended(Code.BUSY, "too many connections of this account")
            self._become(bound.viewer, bound.principal)
            log.info("bind", peer=self._channel.entry.peer, dn=self.viewer.dn, tls=self.tls)
            await self._result(request, Code.SUCCESS)

    @property
    def _protected(self) -> bool:
        """Whether a secret may pass: nobody listens to TLS, or to this machine talking to itself."""
        return self.tls or self._channel.entry.is_loopback

    def _become(self, viewer: Viewer, principal: Principal | None) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self.viewer, self._principal, self._stale = viewer, principal, False
        if principal is not None:
            self._unsubscribe = self._services.changes.subscribe("account", principal.account_id, self._moved)

    def _moved(self) -> None:
        """Something about the account moved: look again before the next answer."""
        self._stale = True

    async def _look_again(self) -> None:
        """A suspension or a new password ends what was opened with the old one. Raises Ended."""
        self._stale = False
        known = self._principal
        if known is None:
            return
        try:
            await self._services.login.stays(known)
        except Refused as refusal:
            self._become(NOBODY, None)
            raise Ended(Code.INSUFFICIENT_ACCESS_RIGHTS, refusal.text) from None
        except Temporary as error:
            raise Ended(Code.UNAVAILABLE, str(error)) from None

    # ------------------------------------------------------------------ reading

    async def _search(self, request: Request, search: Search) -> None:
        asked = next((c for c in request.controls if c.type == messages.PAGED_RESULTS), None)
        try:
            page = Page.read(asked.value) if asked is not None else None
        except BadSyntax as error:
            return await self._result(request, Code.PROTOCOL_ERROR, f"paged results: {error}")
        try:
            assertion = wishes(request.controls, request.tag).assertion
        except BadSyntax as error:
            return await self._result(request, Code.PROTOCOL_ERROR, str(error))
        answer = Answer(request.id, search, self.viewer, page, self._channel.send)
        return await self._services.searcher.run(answer, assertion, not self.tls)

    async def _compare(self, request: Request, compare: Compare) -> None:
        """RFC 4511 section 4.10, over what the viewer may read."""
        try:
            view = await self._compared(compare)
            assertion = wishes(request.controls, request.tag).assertion
        except Fault as fault:
            return await self._result(request, fault.code, fault.text, fault.matched)
        except BadSyntax as error:
            return await self._result(request, Code.PROTOCOL_ERROR, str(error))
        known = schema.attribute(compare.attribute)
        if known is None:
            return await self._result(request, Code.UNDEFINED_ATTRIBUTE_TYPE)
        if assertion is not None and not matching.compile_filter(assertion)(view):
            return await self._result(request, Code.ASSERTION_FAILED)
        if not any(view.values(kind.name) for kind in schema.kinds(known)):
            return await self._result(request, Code.NO_SUCH_ATTRIBUTE)
        truth = matching.compile_filter(Equality(compare.attribute, compare.value))(view)
        if truth is None:
            code = Code.INAPPROPRIATE_MATCHING if known.rule is None else Code.INVALID_ATTRIBUTE_SYNTAX
            return await self._result(request, code)
        return await self._result(request, Code.COMPARE_TRUE if truth else Code.COMPARE_FALSE)

    async def _compared(self, compare: Compare) -> View:
        """The entry that a comparison is about, as the viewer may read it. Raises Fault."""
        services = self._services
        try:
            name = names.comparable(names.parse(compare.entry))
        except BadSyntax as error:
            raise Fault(Code.INVALID_DN_SYNTAX, str(error)) from None
        entry = root.outside(services.tree, name, not self.tls)
        if entry is not None:
            return View(entry, root.PUBLIC)
        if not self.viewer.known:
            raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
        place = services.tree.place(name)
        entry = await services.entries.at(place, self.viewer) if place is not None else None
        if entry is None:
            matched = await services.entries.nearest(compare.entry, self.viewer)
            raise Fault(Code.NO_SUCH_OBJECT, matched=matched)
        return View(entry, tree.readable(entry, None if self.viewer.administrator else self.viewer.login))

    # ------------------------------------------------------------------ writing

    async def _update(self, request: Request, update: Update) -> None:
        """RFC 4511 sections 4.6 to 4.9: the administrator's business, and a little of everybody's own."""
        try:
            self._require_protection()
            controls = await self._services.updater.run(request, update, self.viewer, self._origin())
        except Fault as fault:
            return await self._result(request, fault.code, fault.text, fault.matched)
        log.info("update", peer=self._channel.entry.peer, by=self.viewer.dn, operation=request.tag.name)
        return await self._result(request, Code.SUCCESS, controls=controls)

    def _require_protection(self) -> None:
        """What is written holds secrets and people's data. Raises Fault."""
        if self.viewer.known and not self._protected:
            raise Fault(Code.CONFIDENTIALITY_REQUIRED, "start TLS first")

    def _origin(self) -> Origin:
        """How the audit names who asks."""
        actor = ACTOR if self.viewer.administrator else "self"
        return Origin(actor, SERVICE, self._channel.entry.peer)

    async def _password_modify(self, request: Request, value: bytes | None) -> None:
        """RFC 3062."""
        operation = self._services.password_modify
        try:
            self._require_protection()
            wanted = NewPassword.read(value)
            if self.viewer.administrator:
                done = await operation.anybodys(wanted, self._origin())
            elif self._principal is not None:
                done = await operation.own(wanted, self._principal, self._channel.entry.peer)
            else:
                raise Fault(Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
        except BadSyntax as error:
            return await self._channel.send(messages.extended(request.id, Code.PROTOCOL_ERROR, str(error)))
        except Fault as fault:
            return await self._channel.send(messages.extended(request.id, fault.code, fault.text))
        if done.principal is not None:
            # Who just proved both passwords need not bind again.
            self._become(self.viewer, done.principal)
        made = generated_password(done.made) if done.made is not None else None
        return await self._channel.send(messages.extended(request.id, Code.SUCCESS, value=made))

    # ------------------------------------------------------------------ extended operations

    async def _extended(self, request: Request, extended: Extended) -> None:
        send = self._channel.send
        if extended.name == messages.WHO_AM_I:
            # RFC 4532: an empty authzId means anonymous.
            identity = f"dn:{self.viewer.dn}" if self.viewer.known else ""
            await send(messages.extended(request.id, Code.SUCCESS, value=identity.encode()))
        elif extended.name == messages.START_TLS:
            await self._start_tls(request)
        elif extended.name == messages.PASSWORD_MODIFY:
            await self._password_modify(request, extended.value)
        else:
            await send(messages.extended(request.id, Code.PROTOCOL_ERROR, "unknown extended operation"))

    async def _start_tls(self, request: Request) -> None:
        """RFC 4511 section 4.14. The identity of the plain session does not survive."""
        if self.tls:
            text = "TLS is already established"
            refusal = messages.extended(request.id, Code.OPERATIONS_ERROR, text, messages.START_TLS)
            return await self._channel.send(refusal)
        answer = messages.extended(request.id, Code.SUCCESS, name=messages.START_TLS)
        await self._channel.start_tls(answer)
        self.tls = True
        self._become(NOBODY, None)
        self._channel.entry.forget()
        return None


def _account(bound: Bound) -> Account:
    """Whose connection it is, to the count: the administrator has a name and no account."""
    return bound.principal.account_id if bound.principal is not None else bound.viewer.dn


def _serves(tag: Tag, control: str) -> bool:
    """Whether a control means something to an operation (RFC 4511 section 4.1.11)."""
    if control == messages.PAGED_RESULTS:
        return tag is Tag.SEARCH
    if control in SERVED:
        return tag in SERVED[control]
    return control in root.CONTROLS or tag in (Tag.UNBIND, Tag.ABANDON)
