"""Entering and leaving a mailbox: SELECT, EXAMINE, CHECK, CLOSE, UNSELECT; quick resynchronisation (RFC 7162)."""

import asyncio
from collections.abc import AsyncGenerator

from imap.answers.batches import flag_lines
from imap.answers.resync import known_up_to, vanished
from imap.session.session import Selected, Session
from imap.wire import codes, commands, responses
from imap.wire.codes import Code, CodeName
from imap.wire.responses import Reply, ok
from imap.wire.sets import LARGEST, SequenceSet
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.messages import objectids
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.flags import MAX_KEYWORDS

Outputs = AsyncGenerator[bytes | Reply, None]


async def select(session: Session, command: commands.Select) -> Outputs:
    """SELECT and EXAMINE (RFC 3501 sections 6.3.1, 6.3.2; RFC 9051 section 6.3.2; RFC 7162 sections 3.1.8, 3.2.5,
    3.2.11).

    The mailbox that was selected is left even when the new one cannot be entered.
    """
    resync = command.resync
    if resync is not None and not session.qresync:
        raise BadSyntax("QRESYNC is to be enabled first")
    if session.selected is not None:
        session.unselect()
        yield ok("The mailbox before is closed", Code(CodeName.CLOSED)).encode()
    if command.condstore:
        session.enable_condstore()
    selected = await session.select(command.mailbox, read_only=command.read_only)
    yield _describe(session, selected)
    if session.rev2:
        yield _named(command.mailbox)
    if resync is not None and resync.uidvalidity == selected.view.snapshot.uidvalidity:
        try:
            async for lines in _resynchronise(session, selected, resync):
                yield lines
        except Refused:  # it was deleted meanwhile
            session.unselect()
            raise
    yield ok(
        "EXAMINE completed" if command.read_only else "SELECT completed",
        Code(CodeName.READ_ONLY if selected.read_only else CodeName.READ_WRITE),
    )


async def _resynchronise(session: Session, selected: Selected, resync: commands.Resync) -> AsyncGenerator[bytes, None]:
    """What changed since the client was here (RFC 7162 sections 3.2.5.1, 3.2.5.2): removals first, then flags."""
    view = selected.view
    every = ((1, LARGEST),)
    known = every if resync.known_uids is None else resync.known_uids.normal(LARGEST)
    told = known_up_to(resync, view.snapshot.uids)
    unknown = [(max(low, told + 1), high) for low, high in known if high > told]
    async for lines in vanished(session, unknown, resync.modseq):
        yield lines
    slices = SequenceSet(tuple(known)).slices(view.uids)
    changed = view.changed(slices, resync.modseq)
    for lines in flag_lines(
        view, changed, session.flag_attributes, session.services.snapshots.renderings, uid_only=session.uid_only
    ):
        yield lines
        await asyncio.sleep(0)


def _named(name: str) -> bytes:
    """The LIST line of RFC 9051 section 6.3.2, with OLDNAME when the client spells the name otherwise."""
    spelled = mailboxes.canonical(name)
    return responses.mailbox_line(spelled, old=name if name != spelled else "", utf8=True)


def _describe(session: Session, selected: Selected) -> bytes:
    """Everything RFC 3501 section 6.3.1, RFC 7162 section 3.1.2.1 and RFC 8474 section 4.2 demand.

    RFC 9051 section 6.3.2 has no RECENT and no UNSEEN.
    """
    snapshot, view = selected.view.snapshot, selected.view
    permanent = b""
    changeable = access.changeable(selected.rights)
    if not selected.read_only and changeable == -1:
        permanent = snapshot.names.every(star=len(snapshot.names.keywords) < MAX_KEYWORDS)
    elif not selected.read_only:
        permanent = snapshot.names.among(changeable, star=len(snapshot.names.keywords) < MAX_KEYWORDS)
    said = [
        responses.flags(snapshot.names.every()),
        responses.ok("Flags that stay", codes.permanent_flags(permanent)).encode(),
        responses.exists(len(view)),
    ]
    if not session.rev2:
        said.append(responses.recent(view.recent_count()))
    unseen = snapshot.first_unseen()
    if unseen is not None and not session.uid_only and not session.rev2:  # it is a message number
        said.append(responses.ok("First unseen", codes.number(CodeName.UNSEEN, unseen + 1)).encode())
    identifier = objectids.mailbox_id(snapshot.uidvalidity)
    said.append(responses.mailbox_state(snapshot.uidvalidity, snapshot.uidnext, snapshot.modseq, identifier))
    return b"".join(said)


async def check(session: Session, command: commands.Check) -> Outputs:
    """RFC 3501 section 6.4.1: everything is on disk already."""
    yield ok("CHECK completed")


async def close(session: Session, command: commands.Close) -> Outputs:
    """RFC 3501 section 6.4.2: expunge in silence, then leave."""
    selected = session.mailbox
    shared = selected.shared
    try:
        if not selected.read_only and "e" in selected.rights and await shared.has_deleted():
            await session.services.store.write(access.expunge, session.viewer, shared.mailbox_id)
    except Refused as refusal:
        if refusal.reason is not Reason.NO_SUCH_MAILBOX:  # somebody else deleted it: left it is all the same
            raise
    finally:
        session.unselect()
    yield ok("CLOSE completed")


async def unselect(session: Session, command: commands.Unselect) -> Outputs:
    """RFC 3691: leave without expunging."""
    session.unselect()
    yield ok("UNSELECT completed")
