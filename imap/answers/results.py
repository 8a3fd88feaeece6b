"""What searches answer and keep: the messages found, as the client names them; extended results; the saved result.

Places are indexes in the view's snapshot, in the order of the result: that of the mailbox, or sorted.
"""

import asyncio
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from imap.session.session import Session
from imap.session.view import View
from imap.wire.search import search_results
from imap.wire.search.search_program import Partial, Returns, SearchReturn
from imap.wire.search.search_results import Origin
from mailserver.model.errors import Refused, Temporary
from mailserver.model.messages.criteria import Criterion, mentions_modseq

_DATA = frozenset({SearchReturn.MIN, SearchReturn.MAX, SearchReturn.ALL, SearchReturn.COUNT, SearchReturn.PARTIAL})
LONG = 5000
"""Numbers that take a millisecond to write."""
_EVERY = frozenset({SearchReturn.ALL, SearchReturn.COUNT})


def numbers(view: View, places: Sequence[int], by_uid: bool) -> list[int]:
    """Messages as the client names them: by UID or by number."""
    uids = view.snapshot.uids
    if by_uid:
        return [uids[place] for place in places]
    if view.ghosts:
        return [view.number(uids[place]) for place in places]
    return [place + 1 for place in places]


async def extended(
    session: Session,
    origin: Origin,
    places: Sequence[int],
    returns: Returns,
    partial: Partial | None,
    criterion: Criterion,
) -> bytes:
    """The ESEARCH line (RFC 4731 section 3.1); nothing when the result was only to be saved (RFC 5182 section 2.1)."""
    view = session.mailbox.view
    if SearchReturn.SAVE in returns:
        view.saved = array("I", sorted(view.snapshot.uids[place] for place in chosen(places, returns, partial)))
        if not returns & _DATA:
            return b""
    modseq = highest(view, chosen(places, returns, partial)) if places and mentions_modseq(criterion) else None
    named = numbers(view, places, origin.by_uid)
    return await rendered(lambda: search_results.extended(origin, named, returns, partial, modseq), len(named))


async def rendered(render: Callable[[], bytes], count: int) -> bytes:
    """A line that names so many messages; a long one is made in a thread, since others wait for the loop."""
    return await asyncio.to_thread(render) if count > LONG else render()


def chosen(places: Sequence[int], returns: Returns, partial: Partial | None) -> Sequence[int]:
    """The messages that the saved result has, and that MODSEQ speaks of: those which were told, unless ALL or COUNT
    spoke of everything (RFC 4731 section 3.2, RFC 5182 section 2.4, RFC 9394 section 3.2)."""
    if not places or returns & _EVERY or not returns & _DATA:
        return places
    told: list[int] = []
    if SearchReturn.MIN in returns:
        told.append(places[0])
    if SearchReturn.MAX in returns:
        told.append(places[-1])
    if partial is not None:
        told += search_results.part(places, partial)
    return list(dict.fromkeys(told))


def highest(view: View, places: Sequence[int]) -> int:
    """The highest mod-sequence of these messages."""
    return max((view.snapshot.modseqs[place] for place in places), default=0)


@contextmanager
def saving(view: View | None, returns: Returns | None) -> Iterator[None]:
    """Around a search: one that was to be saved and fails with NO leaves an empty result (RFC 5182 section 2.1)."""
    try:
        yield
    except (Refused, Temporary):
        if view is not None and returns is not None and SearchReturn.SAVE in returns:
            view.saved = array("I")
        raise
