"""FETCH and UID FETCH (RFC 3501 section 6.4.5; MODSEQ, CHANGEDSINCE, VANISHED: RFC 7162 sections 3.1.4, 3.2.6;
EMAILID and THREADID: RFC 8474 section 5; SAVEDATE: RFC 8514; PREVIEW: RFC 8970; BINARY: RFC 3516; UIDFETCH: RFC 9586).

Of messages that another session expunged meanwhile nothing is said, and the command ends with NO [EXPUNGEISSUED]
(RFC 2180 section 4.1.2), unless it spoke of UIDs, where such are passed over in silence.
Messages that are damaged in the storage are left out, too, and named by NO [CORRUPTION] (RFC 5530).
"""

from collections.abc import AsyncGenerator, Sequence

from imap.answers import resync
from imap.answers.fetch_response import Answer
from imap.session import message_limit
from imap.session.session import Session
from imap.wire import codes, commands
from imap.wire.codes import Code, CodeName
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.responses import Reply, no, ok
from imap.wire.sets import SequenceSet, ranges_of, spell
from mailserver.model.errors import BadSyntax

TOLD_RANGES = 100
"""Ranges of damaged messages that a reply names."""

Outputs = AsyncGenerator[bytes | Reply, None]


async def fetch(session: Session, command: commands.Fetch) -> Outputs:
    """RFC 3501 section 6.4.5."""
    if command.vanished and not session.qresync:
        raise BadSyntax("QRESYNC is to be enabled first")
    if command.changed_since is not None or Attribute.MODSEQ in command.items:
        yield session.enable_condstore()
    selected = session.mailbox
    view = selected.view
    slices = view.select(command.numbers, command.by_uid)
    if command.partial is not None:  # RFC 9394 section 3.4: first the part, then what changed of it
        slices = view.part(slices, *command.partial)
        if message_limit.count(slices) > session.most:
            yield no("The part has too many messages", codes.message_limit(session.most))
            return
    slices, limit = message_limit.last(view, slices, session.most)
    wanted = slices if command.changed_since is None else view.changed(slices, command.changed_since)
    if command.vanished and command.changed_since is not None:
        # `*` is the last UID there was: what came behind the last message that is left may have vanished too.
        every = command.numbers.normal(view.snapshot.uidnext - 1)
        async for lines in resync.vanished(session, every, command.changed_since):
            yield lines
    answer = Answer(session, selected, command.items if session.uid_only else command.with_uid)
    async for octets in answer.lines(wanted):
        yield octets
    if answer.missing:
        selected.shared.note()  # word of it may still be on its way, but the next news are to tell
    reply = ok("FETCH completed")
    if not command.by_uid and (answer.missing or view.has_ghosts(slices)):
        reply = no("Some of the messages no longer exist", Code(CodeName.EXPUNGEISSUED))
    elif answer.damaged:
        reply = no(_damaged(answer.damaged), Code(CodeName.CORRUPTION))
    elif answer.undecodable:
        reply = no("Some parts have a transfer encoding unknown here", Code(CodeName.UNKNOWN_CTE))
    for output in message_limit.ending(reply, limit):
        yield output


def _damaged(numbers: Sequence[int]) -> str:
    """Which messages of the set have no line."""
    shown = spell(list(ranges_of(numbers))[:TOLD_RANGES]).decode()
    return f"Damaged in the storage, and left out: {shown}; tell your administrator"


def at_once(session: Session, command: commands.Fetch) -> bytes | None:
    """The lines of a FETCH that neither waits nor keeps the loop: what the snapshot knows of a lot of messages, what is
    stored of FEW small ones. None when it is another; then nothing has happened. Raises as `fetch`.
    """
    selected = session.mailbox
    view, since = selected.view, command.changed_since
    asks_modseqs = since is not None or Attribute.MODSEQ in command.items
    if command.vanished or command.partial is not None or (asks_modseqs and not session.condstore):
        return None
    if session.uid_only and not command.by_uid:
        return None
    slices = view.select(command.numbers, command.by_uid)
    if message_limit.count(slices) > session.most:
        return None
    if since is not None:
        slices = list(view.changed(slices, since))
    answer = Answer(session, selected, command.items if session.uid_only else command.with_uid)
    return answer.at_once(slices) if slices else b""


async def new_lines(session: Session, items: Sequence[FetchItem], uids: Sequence[int]) -> AsyncGenerator[bytes, None]:
    """What is told unasked of new messages of the selected mailbox (RFC 5465 sections 5.2, 7)."""
    selected = session.mailbox
    slices = selected.view.select(SequenceSet(tuple(ranges_of(uids))), by_uid=True)
    async for octets in Answer(session, selected, items).lines(slices):
        yield octets
