"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4), extended results (RFC 4731), MODSEQ (RFC 7162 section 3.1.5)."""

from collections.abc import AsyncGenerator, Sequence

from imap.matching import find
from imap.session import Session
from imap.view import View
from imap.wire import commands, responses
from imap.wire.codes import Code, CodeName
from imap.wire.commands import SearchReturn
from imap.wire.responses import Reply, ok
from mailserver.criteria import mentions_modseq

Outputs = AsyncGenerator[bytes | Reply, None]


async def search(session: Session, command: commands.Search) -> Outputs:
    """RFC 3501 section 6.4.4. Messages another session expunged are not found (RFC 2180 section 4.3)."""
    view = session.mailbox.view
    with_modseq = mentions_modseq(command.criterion)
    if with_modseq:
        yield session.enable_condstore()
    uids = await find(session, command.criterion)
    modseq = _highest(view, _reported(uids, command.returns)) if with_modseq and uids else None
    numbers = uids if command.by_uid else _numbers(view, uids)
    if command.returns is None:
        yield responses.search(numbers, modseq)
    else:
        yield responses.extended_search(session.tag, numbers, command.returns, by_uid=command.by_uid, modseq=modseq)
    if view.ghosts and not command.by_uid:
        yield ok("SEARCH completed", Code(CodeName.EXPUNGEISSUED))
    else:
        yield ok("SEARCH completed")


def _numbers(view: View, uids: Sequence[int]) -> list[int]:
    return [view.number(uid) for uid in uids]


def _reported(uids: Sequence[int], returns: frozenset[SearchReturn] | None) -> Sequence[int]:
    """The messages the answer's MODSEQ speaks of (RFC 4731 section 3.2): only MIN and MAX if only they were asked."""
    if returns is None or returns & {SearchReturn.ALL, SearchReturn.COUNT}:
        return uids
    ends = []
    if SearchReturn.MIN in returns:
        ends.append(uids[0])
    if SearchReturn.MAX in returns:
        ends.append(uids[-1])
    return ends


def _highest(view: View, uids: Sequence[int]) -> int:
    snapshot = view.snapshot
    places = (snapshot.index(uid) for uid in uids)
    return max((snapshot.modseqs[place] for place in places if place is not None), default=0)
