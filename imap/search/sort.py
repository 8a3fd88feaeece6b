"""Messages of a view in another order: places sorted, and threads as a line, made in the store's reader threads."""

from array import array
from collections.abc import Sequence

from imap.answers.results import numbers
from imap.session.session import Session
from imap.session.view import View
from imap.wire.search import search_results
from imap.wire.search.search_program import SortField, SortKey, ThreadAlgorithm
from mailserver.store.engine.statements import Tx
from mailserver.store.mail.whole_mailboxes import order
from mailserver.store.mail.whole_mailboxes.columns import Field

_FIELDS = {field: Field[field.name] for field in SortField}
_ALGORITHMS: dict[ThreadAlgorithm, order.Algorithm] = {
    ThreadAlgorithm.REFERENCES: order.by_references,
    ThreadAlgorithm.ORDEREDSUBJECT: order.by_subject,
}


async def sort_places(session: Session, places: "array[int]", keys: Sequence[SortKey]) -> "array[int]":
    """Places of the session's snapshot in sorted order; messages that were just expunged are left out.

    Raises Refused(NO_SUCH_MAILBOX), Temporary.
    """
    if not places:
        return places
    selected = session.mailbox
    return await session.services.store.read_slow(
        session.account_id,
        order.sort,
        selected.owner,
        selected.shared.mailbox_id,
        selected.view.snapshot.uids,
        places,
        tuple((_FIELDS[key.field], key.reverse) for key in keys),
    )


async def sorted_line(session: Session, places: "array[int]", keys: Sequence[SortKey], *, by_uid: bool) -> bytes:
    """The SORT line of these messages, made where they are sorted. Raises as `sort_places`."""
    if not places:
        return search_results.sort(())
    selected = session.mailbox
    named = array("I", numbers(selected.view, places, by_uid))
    fields = tuple((_FIELDS[key.field], key.reverse) for key in keys)
    return await session.services.store.read_slow(
        session.account_id,
        _sorted,
        selected.owner,
        selected.shared.mailbox_id,
        selected.view.snapshot.uids,
        places,
        named,
        fields,
    )


def _sorted(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    uids: "array[int]",
    places: "array[int]",
    named: "array[int]",
    fields: tuple[tuple[Field, bool], ...],
) -> bytes:
    """In a reader's thread. The line depends on nothing but the messages and their names."""
    name = ("sort line", mailbox_id, fields)
    known = tx.memory.get(name)
    if known is not None and known[0] == uids and known[1] == places and known[2] == named:
        return known[3]  # type: ignore[no-any-return]
    ordered = order.sort(tx, account_id, mailbox_id, uids, places, fields)
    if len(places) == len(uids):
        line = search_results.sort([named[place] for place in ordered])
    else:
        by_place = dict(zip(places, named, strict=True))
        line = search_results.sort([by_place[place] for place in ordered])
    tx.memory.put(name, (uids, places, named, line), 8 * len(uids) + len(line))
    return line


async def threads_line(session: Session, places: "array[int]", algorithm: ThreadAlgorithm, *, by_uid: bool) -> bytes:
    """The THREAD line of these messages. Raises Refused(NO_SUCH_MAILBOX), Temporary."""
    if not places:
        return search_results.thread((), {}, ())
    selected = session.mailbox
    named = array("I", numbers(selected.view, places, by_uid))
    return await session.services.store.read_slow(
        session.account_id, _thread, selected.owner, selected.shared.mailbox_id, selected.view, places, named, algorithm
    )


def _thread(
    tx: Tx,
    account_id: int,
    mailbox_id: int,
    view: View,
    places: "array[int]",
    named: "array[int]",
    algorithm: ThreadAlgorithm,
) -> bytes:
    """In a reader's thread. The line depends on nothing but the messages and their names."""
    uids = array("I", [view.snapshot.uids[place] for place in places])
    name = ("thread line", mailbox_id, algorithm, named is uids or named == uids)
    known = tx.memory.get(name)
    if known is not None and known[0] == uids and known[1] == named:
        return known[2]  # type: ignore[no-any-return]
    there, forest = _ALGORITHMS[algorithm](tx, account_id, mailbox_id, view.snapshot.uids, places)
    kept = named
    if len(there) != len(places):
        by_place = dict(zip(places, named, strict=True))
        kept = array("I", [by_place[place] for place in there])
    line = search_results.thread(forest.roots, forest.children, kept)
    tx.memory.put(name, (uids, named, line), 8 * len(uids) + len(line))
    return line
