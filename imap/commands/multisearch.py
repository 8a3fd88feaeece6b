"""ESEARCH: one search in several mailboxes (RFC 7377, MULTISEARCH).

The selected mailbox is searched as its session sees it, the others as they are now, all of them by UID. A mailbox
that is named and not there, or that one may not read (RFC 4314), has no messages: that is no error.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence

from imap.answers import results
from imap.search import contexts
from imap.search.matcher import find
from imap.session.session import Session
from imap.session.states import State
from imap.wire.responses import Reply, ok
from imap.wire.search import search_results
from imap.wire.search.search_program import MailboxFilter, MultiSearch, Scope, SearchReturn
from imap.wire.search.search_results import Origin
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.messages.criteria import LastResult, mentions_modseq, walk
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes, messages
from mailserver.store.mail.access import ALL, Reach, Viewer
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.octets.files import BlobFolder
from mailserver.store.search import search as searching

Outputs = AsyncGenerator[bytes | Reply, None]


async def esearch(session: Session, command: MultiSearch) -> Outputs:
    """RFC 7377 section 2: one ESEARCH line for each mailbox in which something was found."""
    _check(session, command)
    criterion, returns = command.criterion, command.returns
    if mentions_modseq(criterion):
        yield session.enable_condstore()
    selected = session.selected
    own = selected.shared.mailbox_id if selected is not None else 0
    if any(access.is_foreign(name) for source in command.sources for name in source.names):
        await session.refresh_groups()
    with results.saving(selected.view if selected is not None else None, returns):
        reached = await session.services.store.read(_sources, session.viewer, command.sources, own)
        others = [reach.box for reach in reached if reach.box.id != own]
        if others and any(isinstance(term, LastResult) for term in walk(criterion)):
            raise Refused(Reason.INVALID, "The last result is about the selected mailbox")
        elsewhere = await _elsewhere(session, others, command)
        for reach in reached:
            box = reach.box
            origin = Origin(session.tag, True, reach.name, box.uidvalidity, session.utf8)
            if box.id == own:
                yield await _here(session, origin, command)
            elif box.id in elsewhere:
                uids, modseq = elsewhere[box.id]
                yield search_results.extended(origin, uids, returns, command.partial, modseq)
    if SearchReturn.UPDATE in returns and all(reach.box.id != own for reach in reached):
        yield contexts.refuse(session.tag, "The selected mailbox is not searched")
    yield ok("ESEARCH completed")


def _check(session: Session, command: MultiSearch) -> None:
    """Raises BadSyntax for what needs a selected mailbox (RFC 7377 section 2.2), and for a tag in use."""
    scopes = {source.scope for source in command.sources}
    selected = session.state is State.SELECTED
    if Scope.SELECTED in scopes and not selected:
        raise BadSyntax("No mailbox is selected")
    if SearchReturn.SAVE in command.returns and scopes != {Scope.SELECTED}:
        raise BadSyntax("SAVE is for the selected mailbox alone")
    if SearchReturn.UPDATE in command.returns and not selected:
        raise BadSyntax("UPDATE needs a selected mailbox")
    contexts.check_tag(session, command.returns)


async def _here(session: Session, origin: Origin, command: MultiSearch) -> bytes:
    """The selected mailbox."""
    places = await find(session, command.criterion)
    said = b""
    if places or SearchReturn.SAVE in command.returns:
        said = await results.extended(session, origin, places, command.returns, command.partial, command.criterion)
    if SearchReturn.UPDATE in command.returns:
        return (said if places else b"") + contexts.follow(
            session, origin, command.criterion, places, items=command.items
        )
    return said if places else b""


_Found = dict[int, tuple[list[int], int | None]]
"""Mailbox id -> UIDs, and the highest mod-sequence of what is told when the search names one."""


async def _elsewhere(session: Session, boxes: Sequence[Mailbox], command: MultiSearch) -> _Found:
    """What was found in these mailboxes, where anything was."""
    if not boxes:
        return {}
    folder = session.services.store.blobs
    return await session.services.store.read_slow(session.account_id, _search, boxes, command, folder)


def _search(tx: Tx, boxes: Sequence[Mailbox], command: MultiSearch, folder: BlobFolder) -> _Found:
    """In a reader's thread, on one budget whosever they are. `\\Recent` is what no session was told of yet."""
    known: _Found = {}
    by_owner: dict[int, list[Mailbox]] = {}
    for box in boxes:
        by_owner.setdefault(box.account_id, []).append(box)
    matching: dict[int, list[int]] = {}
    left = searching.budget()
    for owner, theirs in by_owner.items():
        matching |= searching.among(tx, owner, theirs, command.criterion, folder, left)
    for box_id, uids in matching.items():
        modseq = None
        if uids and mentions_modseq(command.criterion):
            told = sorted(results.chosen(uids, command.returns, command.partial))
            modseq = max((row[2] for row in messages.state(tx, box_id, told)), default=0)
        if uids:
            known[box_id] = uids, modseq
    return known


def _sources(tx: Tx, viewer: Viewer, filters: Sequence[MailboxFilter], selected: int) -> list[Reach]:
    """The mailboxes that the filters name and that may be read, each once, by name (RFC 7377 section 2.2)."""
    account_id = viewer.account_id
    every = [Reach(box, box.name, ALL) for box in mailboxes.listing(tx, account_id)]
    every += [reach for reach in access.listing(tx, viewer) if "r" in reach.rights]
    subscribed = mailboxes.subscriptions(tx, account_id) if _asks(filters, Scope.SUBSCRIBED) else set()
    chosen = {
        reach.box.id: reach
        for reach in every
        if any(_within(source, reach, account_id, selected, subscribed) for source in filters)
    }
    return sorted(chosen.values(), key=lambda reach: reach.name)


def _asks(filters: Iterable[MailboxFilter], scope: Scope) -> bool:
    return any(source.scope is scope for source in filters)


def _within(source: MailboxFilter, reach: Reach, account_id: int, selected: int, subscribed: set[str]) -> bool:
    box, name = reach.box, reach.name
    match source.scope:
        case Scope.SELECTED:
            return box.id == selected
        case Scope.PERSONAL | Scope.INBOXES:  # a person's rules may deliver into any (RFC 5465 section 6.3)
            return box.account_id == account_id
        case Scope.SUBSCRIBED:
            return name in subscribed
        case Scope.SUBTREE | Scope.SUBTREE_ONE | Scope.MAILBOXES:
            return source.holds(name)
