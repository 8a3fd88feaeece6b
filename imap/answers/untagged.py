"""What a client is told unasked: its mailbox (RFC 3501 section 7), other mailboxes (NOTIFY), annotations."""

from bisect import bisect_left
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace

from imap.session.session import Ended, Selected, Session, recent
from imap.session.snapshot import compare
from imap.session.view import News, Told
from imap.wire import codes, responses
from imap.wire.extensions.notify import MESSAGE_EVENTS, Event, Events
from imap.wire.fetch import fetch_lines
from imap.wire.fetch.fetch_items import Attribute, FetchItem
from imap.wire.flags import FlagNames
from mailserver.model.errors import Refused


async def news(session: Session, *, expunge: bool) -> bytes:
    """What the client must be told of its mailbox now.

    Raises Ended when another session deleted it (RFC 2180 section 3.3 lets us disconnect).
    """
    selected = session.selected
    if selected is None:
        return b""
    shared, view = selected.shared, selected.view
    wanted = MESSAGE_EVENTS if session.notifier is None else session.notifier.selected_events
    if Event.MESSAGE_NEW not in wanted:
        expunge = False
    elif selected.untold:
        selected.untold = False
        return responses.exists(len(view)) + await news(session, expunge=expunge)
    if shared.snapshot is view.snapshot and not (expunge and view.ghosts) and shared.current():
        return b""
    try:
        snapshot = await shared.fresh()
        if snapshot.uidnext != view.snapshot.uidnext:
            first = max(snapshot.recent, view.snapshot.uidnext)
            view.claim(await recent(shared, first, selected.read_only or session.rev2))
    except Refused:
        raise Ended("The selected mailbox was deleted") from None
    snapshot = shared.snapshot
    difference = compare(view.snapshot, snapshot) if selected.updates is not None else None
    said = selected.updates.leave(view, difference.gone) if selected.updates and difference else b""
    renewed = view.renew(snapshot, expunge=expunge, modseqs=session.condstore)
    said += _render(session, _wanted(renewed, wanted, selected), snapshot.names)
    if selected.updates and difference:
        said += await selected.updates.catch_up(session, difference)
    return said


def silent(session: Session) -> bool:
    """True when there is nothing to tell, and nothing that could be: asked without waiting, it may say no too often."""
    selected = session.selected
    if selected is None or session.notifier is not None or session.annotation_news is not None:
        return False
    shared, view = selected.shared, selected.view
    told = not (selected.untold or selected.behind or view.ghosts or selected.updates)
    return told and shared.snapshot is view.snapshot and shared.current()


def _wanted(news: News, wanted: Events, selected: Selected) -> News:
    """Of the news those that NOTIFY asked for (RFC 5465 section 3); removals it left out are ghosts still."""
    if Event.MESSAGE_NEW not in wanted:
        selected.untold = selected.untold or news.exists is not None
        news = replace(news, exists=None, recent=None)
    return news if Event.FLAG_CHANGE in wanted else replace(news, flags=())


def _render(session: Session, news: News, names: FlagNames) -> bytes:
    """News as untagged responses."""
    if not news:
        return b""
    by_uid = session.qresync or session.uid_only
    said = [responses.vanished(news.vanished) if by_uid else responses.expunge(news.expunged)]
    if news.exists is not None:
        said.append(responses.exists(news.exists))
    if news.recent is not None:
        said.append(responses.recent(news.recent))
    if news.names is not None:
        said.append(responses.flags(news.names.every()))
    if news.flags:
        attributes = session.flag_attributes
        if session.notifier is not None and not session.uid_only and Attribute.UID not in attributes:
            attributes = (Attribute.UID, *attributes)  # RFC 5465 section 5.1
        rows = [_row(told, attributes, session.uid_only) for told in news.flags]
        said.append(fetch_lines.lines(attributes, rows, names, uid_only=session.uid_only))
    return b"".join(said)


def standing(session: Session) -> bytes:
    """HIGHESTMODSEQ while removals wait to be told, and once they have been (RFC 7162 sections 3.2, 6).

    Without it a client that was told of later changes would take their mod-sequence for what it has heard.
    """
    selected = session.selected
    if selected is None or not session.condstore or not (selected.behind or selected.view.ghosts):
        return b""
    selected.behind = selected.view.ghosts > 0
    text = "Removals are still to be told" if selected.behind else "Removals have been told"
    return responses.ok(text, codes.number(codes.CodeName.HIGHESTMODSEQ, selected.view.heard)).encode()


Fetching = Callable[[Session, Sequence[FetchItem], Sequence[int]], AsyncGenerator[bytes, None]]
"""FETCH lines of messages of the selected mailbox, by UID."""


async def tell(session: Session, fetching: Fetching, *, expunge: bool) -> AsyncGenerator[bytes, None]:
    """Everything the client is to hear now: of its mailbox, of others (NOTIFY), of annotations. Raises Ended."""
    notifier, selected = session.notifier, session.selected
    said = await news(session, expunge=expunge)
    if said:
        yield said
    if selected is not None:
        for items, uids in _new_messages(session, selected):
            async with aclosing(fetching(session, items, uids)) as lines:
                async for said in lines:
                    yield said
    if notifier is None:
        said = await metadata_news(session)
        if said:
            yield said
        return
    mailbox_id = selected.shared.mailbox_id if selected is not None else 0
    said = await notifier.told(session.viewer, mailbox_id, condstore=session.condstore, utf8=session.utf8)
    said += await metadata_news(session)
    if said:
        yield said


def _new_messages(session: Session, selected: Selected) -> list[tuple[tuple[FetchItem, ...], list[int]]]:
    """What is wanted of which new messages: one FETCH for each, of all that NOTIFY and searches that are kept up ask,
    behind EXISTS and ADDTO; not of what the client itself brought in (RFC 5465 section 5.2)."""
    uids = selected.view.snapshot.uids
    # From the last time on: the command itself may have counted new messages, too.
    first, selected.fetched = selected.fetched, selected.view.snapshot.uidnext
    own, selected.own = selected.own, []
    group = session.notifier.selected if session.notifier is not None else None
    asked = group.items if group is not None else ()
    wanted = selected.updates.to_fetch() if selected.updates is not None else {}
    if not asked and not wanted:
        return []
    found: list[tuple[tuple[FetchItem, ...], list[int]]] = []
    for uid in uids[bisect_left(uids, first) :]:
        items = tuple(dict.fromkeys((*asked, *wanted.get(uid, ()))))
        if not items or any(low <= uid <= high for low, high in own):
            continue
        if not found or found[-1][0] != items:
            found.append((items, []))
        found[-1][1].append(uid)
    return found


async def metadata_news(session: Session) -> bytes:
    """What others have changed in annotations, if the client wants to know. Raises Temporary."""
    notifier = session.notifier
    if session.annotation_news is None:
        return b""
    wants: Callable[[str], bool] = lambda name: True  # noqa: E731 - a name for each of two rules
    if notifier is not None:
        wants = notifier.wants_annotations
    return await session.annotation_news.told(session.viewer, session.utf8, wants)


def _row(told: Told, attributes: Sequence[Attribute], uid_only: bool) -> tuple[int, ...]:
    """A changed message as `fetch_lines` takes it."""
    number, uid, mask, modseq = told
    values = {Attribute.UID: uid, Attribute.FLAGS: mask, Attribute.MODSEQ: modseq}
    return (uid if uid_only else number, *[values[attribute] for attribute in attributes])
