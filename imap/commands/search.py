"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4), extended results (RFC 4731), MODSEQ (RFC 7162 section 3.1.5)."""

from collections.abc import AsyncGenerator

from imap.matching import Places, find
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
    found = await find(session, command.criterion)
    modseq = _highest(view, _reported(found, command.returns)) if with_modseq and found else None
    numbers = _names(view, found, command.by_uid)
    if command.returns is None:
        yield responses.search(numbers, modseq)
    else:
        yield responses.extended_search(session.tag, numbers, command.returns, by_uid=command.by_uid, modseq=modseq)
    if view.ghosts and not command.by_uid:
        yield ok("SEARCH completed", Code(CodeName.EXPUNGEISSUED))
    else:
        yield ok("SEARCH completed")


def _names(view: View, places: Places, by_uid: bool) -> list[int]:
    """Messages as the client names them: by UID or by number."""
    uids = view.snapshot.uids
    if by_uid:
        return [uids[place] for place in places]
    return [view.number(uids[place]) for place in places] if view.ghosts else [place + 1 for place in places]


def _reported(places: Places, returns: frozenset[SearchReturn] | None) -> Places:
    """The messages the answer's MODSEQ speaks of (RFC 4731 section 3.2): only MIN and MAX if only they were asked."""
    if returns is None or returns & {SearchReturn.ALL, SearchReturn.COUNT}:
        return places
    ends = []
    if SearchReturn.MIN in returns:
        ends.append(places[0])
    if SearchReturn.MAX in returns:
        ends.append(places[-1])
    return ends


def _highest(view: View, places: Places) -> int:
    return max((view.snapshot.modseqs[place] for place in places), default=0)
