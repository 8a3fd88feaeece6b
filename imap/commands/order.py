"""SORT and THREAD with their UID forms (RFC 5256), sorting by what people see of addresses (RFC 5957), ESORT and
CONTEXT=SORT (RFC 5267).

Texts compare by i;unicode-casemap (RFC 5255 section 4.3: I18NLEVEL=1): without case, but with accents. Sorting,
threading and the rendering of what comes out run in the store's threads, and are remembered there.
"""

from array import array
from collections.abc import AsyncGenerator

from imap.answers import results
from imap.search import contexts
from imap.search.matcher import find
from imap.search.sort import sort_places, sorted_line, threads_line
from imap.session.session import Session
from imap.wire import commands
from imap.wire.responses import Reply, ok
from imap.wire.search import search_results
from imap.wire.search.search_program import SearchReturn
from imap.wire.search.search_results import Origin
from mailserver.model.messages.criteria import mentions_modseq

Outputs = AsyncGenerator[bytes | Reply, None]


async def sort(session: Session, command: commands.Sort) -> Outputs:
    """RFC 5256 BASE.6.4.SORT; with RETURN RFC 5267 section 3."""
    view, criterion, returns = session.mailbox.view, command.criterion, command.returns
    contexts.check_tag(session, returns)
    if mentions_modseq(criterion):
        yield session.enable_condstore()
    with results.saving(view, returns):
        found_places = array("I", await find(session, criterion))
        if returns is None and not mentions_modseq(criterion):
            yield await sorted_line(session, found_places, command.keys, by_uid=command.by_uid)
            yield ok("SORT completed")
            return
        places = await sort_places(session, found_places, command.keys)
    if returns is None:
        yield search_results.sort(results.numbers(view, places, command.by_uid), results.highest(view, places))
    else:
        origin = Origin(session.tag, command.by_uid)
        yield await results.extended(session, origin, places, returns, command.partial, criterion)
        if SearchReturn.UPDATE in returns:
            yield contexts.follow(session, origin, criterion, places, command.keys, command.items)
    yield ok("SORT completed")


async def thread(session: Session, command: commands.Thread) -> Outputs:
    """RFC 5256 BASE.6.4.THREAD: THREAD=REFERENCES and THREAD=ORDEREDSUBJECT."""
    if mentions_modseq(command.criterion):
        yield session.enable_condstore()
    places = await find(session, command.criterion)
    yield await threads_line(session, array("I", places), command.algorithm, by_uid=command.by_uid)
    yield ok("THREAD completed")
