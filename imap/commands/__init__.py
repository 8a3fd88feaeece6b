"""What each command does: the dispatch table, and the one funnel every command passes.

A command's function is an async generator over (session, command): it yields octets as they are ready and
ends with one `Reply`. It raises domain errors; `run` turns them into tagged replies.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

import structlog

from imap.answers import untagged
from imap.commands import (
    basic,
    change,
    early_refusal,
    fetch,
    folders,
    idle,
    metadata,
    multisearch,
    notify,
    order,
    quota,
    replacing,
    rights,
    search,
    selection,
    store,
)
from imap.session.session import Ended, Session
from imap.session.states import AFTER_LOGIN, ANY, BEFORE_LOGIN, IN_MAILBOX, State
from imap.wire import commands as c
from imap.wire.codes import Code, CodeName
from imap.wire.extensions import metadata as wire_metadata
from imap.wire.extensions import notify as wire_notify
from imap.wire.extensions import quota as wire_quota
from imap.wire.extensions import rights as wire_rights
from imap.wire.responses import Condition, Reply, bad, bye, no
from mailserver.foundation.metrics import catalogue
from mailserver.model.errors import BadSyntax, Reason, Refused, Temporary
from mailserver.model.messages.criteria import Numbers, walk
from mailserver.model.rules import Denied
from mailserver.store.mail.access import MissingTarget
from mailserver.texts.languages import ENGLISH

log = structlog.get_logger("imap")


@dataclass(frozen=True, slots=True)
class Entry:
    """How a command is run."""

    states: frozenset[State]
    function: Callable[[Session, Any], AsyncGenerator[bytes | Reply, None]]
    looks: bool = False
    """The command reads the mailbox: the client first hears what it may hear."""


TABLE: dict[type[c.Command], Entry] = {
    c.Capability: Entry(ANY, basic.capability),
    c.Noop: Entry(ANY, basic.noop),
    c.Logout: Entry(ANY, basic.logout),
    c.Identify: Entry(ANY, basic.identify),
    c.StartTls: Entry(BEFORE_LOGIN, basic.start_tls),
    c.Authenticate: Entry(BEFORE_LOGIN, basic.authenticate),
    c.Login: Entry(BEFORE_LOGIN, basic.log_in),
    c.Enable: Entry(AFTER_LOGIN, basic.enable),
    c.Compress: Entry(AFTER_LOGIN, basic.compress),
    c.Unauthenticate: Entry(AFTER_LOGIN, basic.unauthenticate),
    wire_notify.Notify: Entry(AFTER_LOGIN, notify.notify),
    c.Idle: Entry(AFTER_LOGIN, idle.idle),
    c.Select: Entry(AFTER_LOGIN, selection.select),
    c.Check: Entry(IN_MAILBOX, selection.check),
    c.Close: Entry(IN_MAILBOX, selection.close),
    c.Unselect: Entry(IN_MAILBOX, selection.unselect),
    c.Create: Entry(AFTER_LOGIN, folders.create),
    c.Delete: Entry(AFTER_LOGIN, folders.delete),
    c.Rename: Entry(AFTER_LOGIN, folders.rename),
    c.Subscribe: Entry(AFTER_LOGIN, folders.subscribe),
    c.Unsubscribe: Entry(AFTER_LOGIN, folders.unsubscribe),
    c.List: Entry(AFTER_LOGIN, folders.list_),
    c.Lsub: Entry(AFTER_LOGIN, folders.lsub),
    c.Namespace: Entry(AFTER_LOGIN, folders.namespace),
    c.Status: Entry(AFTER_LOGIN, folders.status),
    wire_metadata.GetMetadata: Entry(AFTER_LOGIN, metadata.get_metadata),
    wire_metadata.SetMetadata: Entry(AFTER_LOGIN, metadata.set_metadata),
    wire_quota.GetQuota: Entry(AFTER_LOGIN, quota.get_quota),
    wire_quota.GetQuotaRoot: Entry(AFTER_LOGIN, quota.get_quota_root),
    wire_quota.SetQuota: Entry(AFTER_LOGIN, quota.set_quota),
    wire_rights.SetAcl: Entry(AFTER_LOGIN, rights.set_acl),
    wire_rights.DeleteAcl: Entry(AFTER_LOGIN, rights.delete_acl),
    wire_rights.GetAcl: Entry(AFTER_LOGIN, rights.get_acl),
    wire_rights.ListRights: Entry(AFTER_LOGIN, rights.list_rights),
    wire_rights.MyRights: Entry(AFTER_LOGIN, rights.my_rights),
    c.Append: Entry(AFTER_LOGIN, change.append),
    c.Replace: Entry(IN_MAILBOX, replacing.replace),
    c.Unwanted: Entry(AFTER_LOGIN, early_refusal.unwanted),
    c.Expunge: Entry(IN_MAILBOX, change.expunge),
    c.Store: Entry(IN_MAILBOX, store.store),
    c.Copy: Entry(IN_MAILBOX, change.copy),
    c.Move: Entry(IN_MAILBOX, change.move),
    c.Fetch: Entry(IN_MAILBOX, fetch.fetch, looks=True),
    c.Search: Entry(IN_MAILBOX, search.search, looks=True),
    c.MultiSearch: Entry(AFTER_LOGIN, multisearch.esearch, looks=True),
    c.CancelUpdate: Entry(IN_MAILBOX, search.cancel_update),
    c.Sort: Entry(IN_MAILBOX, order.sort, looks=True),
    c.Thread: Entry(IN_MAILBOX, order.thread, looks=True),
}


class UidRequired(BadSyntax):
    """A message number where only UIDs are spoken: BAD [UIDREQUIRED] (RFC 9586 section 3)."""


CODES: dict[Reason, CodeName] = {
    Reason.AUTHENTICATION: CodeName.AUTHENTICATIONFAILED,
    Reason.NOT_ACTIVATED: CodeName.CONTACTADMIN,
    Reason.SUSPENDED: CodeName.CONTACTADMIN,
    Reason.CLOSED: CodeName.CONTACTADMIN,
    Reason.THROTTLED: CodeName.UNAVAILABLE,
    Reason.PASSWORD_EXPIRED: CodeName.EXPIRED,
    Reason.APP_PASSWORD: CodeName.ALERT,
    Reason.OVER_QUOTA: CodeName.OVERQUOTA,
    Reason.TOO_BIG: CodeName.TOOBIG,
    Reason.NO_SUCH_MAILBOX: CodeName.NONEXISTENT,
    Reason.MAILBOX_EXISTS: CodeName.ALREADYEXISTS,
    Reason.HAS_CHILDREN: CodeName.CANNOT,
    Reason.CANNOT: CodeName.CANNOT,
    Reason.READ_ONLY: CodeName.NOPERM,
    Reason.LIMIT: CodeName.LIMIT,
    Reason.NOT_FOUND: CodeName.EXPUNGEISSUED,
    Reason.FORBIDDEN: CodeName.NOPERM,
    Reason.CONFLICT: CodeName.INUSE,
    Reason.INVALID: CodeName.CANNOT,
    Reason.DAMAGED: CodeName.CORRUPTION,
}
"""Reason -> response code (RFC 5530); a reason that cannot come up here has none."""

SEARCHES = (c.Search, c.Sort, c.Thread)
SILENT = (c.Fetch, c.Store, *SEARCHES)
"""RFC 3501 section 7.4.1: no EXPUNGE during these, unless they speak of UIDs."""


async def run(session: Session, tagged: c.Tagged) -> AsyncGenerator[bytes, None]:
    """Run one command; every octet of its answer, the tagged line last."""
    command, session.tag = tagged.command, tagged.tag
    reply: Reply = no("Internal error", Code(CodeName.SERVERBUG))
    try:
        entry = TABLE.get(type(command))
        if entry is None:
            raise BadSyntax("Unknown command")
        if session.state not in entry.states:
            raise BadSyntax(f"Not allowed in the {session.state.value} state")
        if session.uid_only and speaks_of_numbers(command):
            raise UidRequired("Message numbers are not spoken once UIDONLY is enabled")
        if not session.appends.begun(command):
            await session.check_account()
        if entry.looks:
            yield await untagged.news(session, expunge=False)
        async with aclosing(entry.function(session, command)) as outputs:
            async for output in outputs:
                if isinstance(output, bytes):
                    yield output
                    if session.account_changed and output.endswith(b")\r\n"):  # between two lines of a long FETCH
                        await session.check_account()
                else:
                    reply = output
    except Ended as end:
        yield farewell(session, end)
        return
    except Exception as error:  # noqa: BLE001 - the one funnel; what is not ours to expect is logged there
        reply = _answer(error, type(command).__name__)
    session.faults = session.faults + 1 if reply.condition is Condition.BAD else 0
    last = b""  # the news and the tagged line are one write where they can be
    # What SELECT tells is a whole: what came since then is told with the next command, or to whoever used NOTIFY now.
    try:
        if not (isinstance(command, c.Select) and session.notifier is None):
            async with aclosing(untagged.tell(session, fetch.new_lines, expunge=may_expunge(command))) as told:
                async for octets in told:
                    if last:
                        yield last
                    last = octets
        last += untagged.standing(session)
        reply = _hint(session, command, reply)
        catalogue.IMAP_ANSWERS.add(reply.condition.name)
    except Ended as end:
        yield last + farewell(session, end)
        return
    except Exception as error:  # noqa: BLE001 - the command is done: what cannot be told now is told next time
        _answer(error, "news")
    yield last + reply.encode(tagged.tag)


def _hint(session: Session, command: c.Command, reply: Reply) -> Reply:
    """A search says so when another session expunged, before or meanwhile, what this one still counts (RFC 5530 section
    3, EXPUNGEISSUED; RFC 2180 section 4.3): it is not among what was found."""
    found = isinstance(command, SEARCHES) and reply.condition is Condition.OK and reply.code is None
    if found and not may_expunge(command) and session.mailbox.view.ghosts:
        return replace(reply, code=Code(CodeName.EXPUNGEISSUED))
    return reply


async def push(session: Session) -> AsyncGenerator[bytes, None]:
    """What a client that used NOTIFY is told while no command runs (RFC 5465 section 3). Raises Ended."""
    group = session.notifier.selected if session.notifier is not None else None
    try:
        expunge = group is not None and not group.delayed
        async with aclosing(untagged.tell(session, fetch.new_lines, expunge=expunge)) as told:
            async for octets in told:
                yield octets
    except Ended:
        raise
    except Exception as error:  # noqa: BLE001 - nobody asked: what cannot be told now is told with a command
        _answer(error, "news")


def may_expunge(command: c.Command) -> bool:
    """Whether EXPUNGE or VANISHED may be sent before this command's tagged line (RFC 3501 section 7.4.1, RFC 7162
    section 3.2.10.2)."""
    return not isinstance(command, SILENT) or not speaks_of_numbers(command)


def speaks_of_numbers(command: c.Command) -> bool:
    """Whether a command names messages by their number, which UIDONLY forbids (RFC 9586 sections 3.2, 3.5, 3.7)."""
    if isinstance(command, c.Select):
        return command.resync is not None and command.resync.matched_numbers is not None
    if not getattr(command, "by_uid", True):
        return True
    criterion = getattr(command, "criterion", None)
    return criterion is not None and any(isinstance(term, Numbers) for term in walk(criterion))


def farewell(session: Session, end: Ended) -> bytes:
    """End the session; the BYE that says why (RFC 3501 section 7.1.5)."""
    session.unselect()
    session.state = State.LOGOUT
    code = CODES.get(end.reason) if end.reason not in (None, Reason.AUTHENTICATION) else None
    return bye(str(end), Code(code) if code else None).encode()


def _answer(error: Exception, what: str) -> Reply:
    """The tagged reply of a command that failed."""
    match error:
        case UidRequired():
            return bad(str(error), Code(CodeName.UIDREQUIRED))
        case BadSyntax():
            return bad(str(error))
        case MissingTarget(text=text):
            return no(text, Code(CodeName.TRYCREATE))
        case change.UnknownEncoding(text=text):
            return no(text, Code(CodeName.UNKNOWN_CTE))
        case Denied(said=said):  # the text of a response is ASCII (RFC 3501 section 9)
            return no(said.to(ENGLISH), Code(CodeName.NOPERM))
        case Refused(reason=reason, text=text):
            code = CODES.get(reason)
            return no(text, Code(code) if code else None)
        case Temporary():
            return no(str(error) or "Try again later", Code(CodeName.UNAVAILABLE))
        case _:
            log.exception("command failed", command=what, exc_info=error)
            return no("Internal error", Code(CodeName.SERVERBUG))
