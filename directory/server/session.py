"""What one client may do: who it is, and each operation's answer (RFC 4511 section 4, RFC 4513).

Knows nothing of transports: it is handed requests one by one, and functions that send and that start TLS.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from directory import schema, tree
from directory.server import matching, messages, root
from directory.server.entries import NOBODY, Entries, Viewer
from directory.server.filters import Equality
from directory.server.messages import (
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
from directory.server.search import Searcher, Send, View
from directory.server.updates import Add, Delete, Modify, Rename
from directory.tree import Kind, Tree
from mailserver.changes import Changes
from mailserver.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.folding import fold_login
from mailserver.identity import Directory, Principal
from mailserver.login import Login
from mailserver.sasl import Secret

log = structlog.get_logger("ldap")

MAX_FAILURES = 5
"""Failed binds on one connection; then it is closed. Accounts and addresses are throttled by `Login`."""
FAILURE_DELAY = 0.5
"""Seconds that a wrong administrator's password costs."""

REFUSALS = {
    Reason.AUTHENTICATION: Code.INVALID_CREDENTIALS,
    Reason.NOT_ACTIVATED: Code.INVALID_CREDENTIALS,
    Reason.SUSPENDED: Code.INVALID_CREDENTIALS,
    Reason.CLOSED: Code.INVALID_CREDENTIALS,
    Reason.PASSWORD_EXPIRED: Code.INVALID_CREDENTIALS,
    Reason.APP_PASSWORD: Code.INVALID_CREDENTIALS,
    Reason.THROTTLED: Code.BUSY,
}
"""The one table from reasons to result codes; anything else is unwillingToPerform."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every session of the door shares."""

    tree: Tree
    entries: Entries
    searcher: Searcher
    login: Login
    directory: Directory
    changes: Changes
    administrator: Secret


@dataclass(frozen=True, slots=True)
class Channel:
    """The session's hold on its transport."""

    peer: str
    loopback: bool
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
            case Add() | Modify() | Rename() | Delete():
                text = "this directory is changed with the mailserver command, not over LDAP"
                await self._result(request, Code.UNWILLING_TO_PERFORM, text)
        return None

    async def _result(self, request: Request, code: Code, text: str = "", matched: str = "") -> None:
        answer = messages.result(request.id, RESPONSES[request.tag], code, text, matched)
        await self._channel.send(answer)

    # ------------------------------------------------------------------ bind

    async def _bind(self, request: Request, bind: Bind) -> None:
        """Simple bind (RFC 4513 section 5.1). A failed bind leaves the client anonymous (section 4)."""
        self._become(NOBODY, None)
        try:
            await self._authenticate(bind)
        except _BindRefused as refused:
            await self._result(request, refused.code, refused.text)
            if refused.code is Code.INVALID_CREDENTIALS:
                self._failures += 1
            if self._failures >= MAX_FAILURES:
                raise Ended(Code.UNAVAILABLE, "too many failed binds") from None
        else:
            log.info("bind", peer=self._channel.peer, dn=self.viewer.dn, tls=self.tls)
            await self._result(request, Code.SUCCESS)

    async def _authenticate(self, bind: Bind) -> None:
        """Set the viewer, or raise _BindRefused."""
        if bind.version != 3:
            raise _BindRefused(Code.PROTOCOL_ERROR, "only LDAP version 3 is spoken here")
        if bind.secret is None:
            raise _BindRefused(Code.AUTH_METHOD_NOT_SUPPORTED, "only simple binds are supported")
        if not bind.secret.reveal():
            if bind.name:
                # RFC 4513 section 5.1.2: a forgotten password must not look like a success.
                raise _BindRefused(Code.UNWILLING_TO_PERFORM, "a bind needs a password")
            return
        if not self.tls and not self._channel.loopback:
            raise _BindRefused(Code.CONFIDENTIALITY_REQUIRED, "start TLS before sending a password")
        login = self._login_of(bind.name)
        if login is None:
            await self._bind_administrator(bind.secret)
        else:
            await self._bind_person(login, bind.secret)

    def _login_of(self, name: str) -> str | None:
        """The login a bind name stands for; None: the administrator.

        Besides distinguished names, the identifier and any of the person's addresses are taken as they
        are, as at every other door. A name that leads nowhere goes on as a login nobody has, so that it
        costs the same time as a wrong password.
        """
        if "=" not in name:
            return name
        try:
            place = self._services.tree.locate(name)
        except BadSyntax as error:
            raise _BindRefused(Code.INVALID_DN_SYNTAX, str(error)) from None
        if place is not None and place.kind is Kind.ADMIN:
            return None
        return place.key if place is not None and place.kind is Kind.PERSON else name

    async def _bind_administrator(self, secret: Secret) -> None:
        # Compared in constant time: the time of an answer tells nothing of the password.
        given, expected = secret.reveal().encode(), self._services.administrator.reveal().encode()
        if not hmac.compare_digest(given, expected):
            log.warning("administrator refused", peer=self._channel.peer)
            await asyncio.sleep(FAILURE_DELAY)
            raise _BindRefused(Code.INVALID_CREDENTIALS, "")
        self._become(Viewer(self._services.tree.admin_dn, None, True), None)

    async def _bind_person(self, login: str, secret: Secret) -> None:
        try:
            principal = await self._services.login.login(login, secret, self._channel.peer, "ldap")
        except Refused as refused:
            text = "" if refused.reason is Reason.AUTHENTICATION else refused.text
            raise _BindRefused(REFUSALS.get(refused.reason, Code.UNWILLING_TO_PERFORM), text) from None
        except Temporary as error:
            raise _BindRefused(Code.UNAVAILABLE, str(error)) from None
        dn = self._services.tree.person_dn(principal.login)
        self._become(Viewer(dn, fold_login(principal.login)), principal)

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
        return await self._services.searcher.run(
            request.id, search, self.viewer, page, not self.tls, self._channel.send
        )

    async def _compare(self, request: Request, compare: Compare) -> None:
        """RFC 4511 section 4.10, over what the viewer may read."""
        if not self.viewer.known:
            return await self._result(request, Code.INSUFFICIENT_ACCESS_RIGHTS, "bind first")
        services = self._services
        try:
            place = services.tree.locate(compare.entry)
        except BadSyntax as error:
            return await self._result(request, Code.INVALID_DN_SYNTAX, str(error))
        entry = await services.entries.at(place, self.viewer) if place is not None else None
        if entry is None:
            matched = services.tree.nearest(compare.entry)
            return await self._result(request, Code.NO_SUCH_OBJECT, matched=matched)
        known = schema.attribute(compare.attribute)
        if known is None:
            return await self._result(request, Code.UNDEFINED_ATTRIBUTE_TYPE)
        readable = tree.readable(entry, None if self.viewer.administrator else self.viewer.login)
        view = View(entry, readable)
        if not any(view.values(kind.name) for kind in schema.kinds(known)):
            return await self._result(request, Code.NO_SUCH_ATTRIBUTE)
        truth = matching.compile_filter(Equality(compare.attribute, compare.value))(view)
        if truth is None:
            code = Code.INAPPROPRIATE_MATCHING if known.rule is None else Code.INVALID_ATTRIBUTE_SYNTAX
            return await self._result(request, code)
        return await self._result(request, Code.COMPARE_TRUE if truth else Code.COMPARE_FALSE)

    # ------------------------------------------------------------------ extended operations

    async def _extended(self, request: Request, extended: Extended) -> None:
        send = self._channel.send
        if extended.name == messages.WHO_AM_I:
            # RFC 4532: an empty authzId means anonymous.
            identity = f"dn:{self.viewer.dn}" if self.viewer.known else ""
            await send(messages.extended(request.id, Code.SUCCESS, value=identity.encode()))
        elif extended.name == messages.START_TLS:
            await self._start_tls(request)
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
        return None


class _BindRefused(Exception):
    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def _serves(tag: Tag, control: str) -> bool:
    """Whether a control means something to an operation (RFC 4511 section 4.1.11)."""
    if control == messages.PAGED_RESULTS:
        return tag is Tag.SEARCH
    return control in root.CONTROLS or tag in (Tag.UNBIND, Tag.ABANDON)
