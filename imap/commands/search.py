"""SEARCH and UID SEARCH (RFC 3501 section 6.4.4), and what extends them.

Extended results (RFC 4731), MODSEQ (RFC 7162 section 3.1.5), the saved result (RFC 5182), OLDER and YOUNGER (RFC 5032),
parts of results (RFC 9394), results that are kept up (RFC 5267 section 4). Texts compare without case and without
accents, which finds all that i;unicode-casemap would (RFC 5255 section 4.3).
"""

from collections.abc import AsyncGenerator
from dataclasses import replace

from imap.answers import results
from imap.search import contexts
from imap.search.matcher import find, scope
from imap.session import message_limit
from imap.session.session import Session
from imap.wire import codes, commands
from imap.wire.codes import Code
from imap.wire.responses import Reply, ok
from imap.wire.search import search_results
from imap.wire.search.search_program import SearchReturn
from imap.wire.search.search_results import Origin
from mailserver.model.errors import BadSyntax
from mailserver.model.messages.criteria import mentions_modseq

Outputs = AsyncGenerator[bytes | Reply, None]


def extended(session: Session, command: commands.Search) -> commands.Search:
    """Under IMAP4rev2 there is no SEARCH answer: a search without RETURN asks for ALL (RFC 9051 section 6.4.4)."""
    if not session.rev2 or command.returns is not None:
        return command
    return replace(command, returns=frozenset((SearchReturn.ALL,)))


async def search(session: Session, command: commands.Search) -> Outputs:
    """RFC 3501 section 6.4.4. Messages another session expunged are not found (RFC 2180 section 4.3)."""
    command = extended(session, command)
    view, criterion, returns = session.mailbox.view, command.criterion, command.returns
    contexts.check_tag(session, returns)
    if mentions_modseq(criterion):
        yield session.enable_condstore()
    limit: Code | None = None
    with results.saving(view, returns):
        among = await scope(view, criterion)
        if len(among) > session.most:
            among = among[-session.most :]
            limit = codes.message_limit(session.most, view.snapshot.uids[among[0]])
        places = await find(session, criterion, among)
    if returns is None:
        modseq = results.highest(view, places) if mentions_modseq(criterion) else None
        named = results.numbers(view, places, command.by_uid)
        yield await results.rendered(lambda: search_results.search(named, modseq), len(named))
    else:
        origin = Origin(session.tag, command.by_uid)
        yield await results.extended(session, origin, places, returns, command.partial, criterion)
        if SearchReturn.UPDATE in returns:
            yield contexts.follow(session, origin, criterion, places, items=command.items)
    for output in message_limit.ending(ok("SEARCH completed"), limit):
        yield output


async def cancel_update(session: Session, command: commands.CancelUpdate) -> Outputs:
    """RFC 5267 section 4.3.5. A tag nobody gave to a search with UPDATE is the client's mistake."""
    if not contexts.cancel(session, command.tags):
        raise BadSyntax("No such search is being kept up")
    yield ok("No further updates")
