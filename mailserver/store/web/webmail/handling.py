"""What somebody does with what they chose in a mailbox, their own or another's that they reach: unit by unit.

Each call is one unit about the next messages of what was chosen; the caller goes on from `Step.last` until it is 0.
Rights are asked for in every unit (`store.mail.access`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import select

from mailserver.model.errors import Reason, Refused
from mailserver.model.messages import objectids
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import access, mailboxes, messages, muting, snooze
from mailserver.store.mail.access import Rights, Viewer
from mailserver.store.mail.flags import names
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.mail.messages import Quota
from mailserver.store.octets.files import BlobFolder
from mailserver.store.schema.mail.messages import content, message
from mailserver.store.web.webmail import undo_records
from mailserver.store.web.webmail.choosing import BATCH, Chosen, next_uids
from mailserver.store.web.webmail.reading import Line, Stored, lines, octets, stored
from mailserver.store.web.webmail.undo_records import Undo
from mailserver.store.web.webmail.views import View, listed, neighbours

Marks = tuple[Sequence[str], Sequence[str]]
"""Flags to set and flags to clear."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a unit did."""

    count: int
    last: int
    """The last UID it looked at; 0: there are no more."""
    undoable: bool = False
    """It is remembered, to be taken back."""


def mark(tx: Tx, viewer: Viewer, mailbox_id: int, chosen: Chosen, after: int, mode: str, flags: Sequence[str]) -> Step:
    """Set ("+") or clear ("-") flags. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | LIMIT)."""
    uids = _next(tx, viewer, mailbox_id, "", chosen, after)
    if uids:
        access.store_flags(tx, viewer, mailbox_id, uids, mode, flags)
    return _step(uids)


def put(
    tx: Tx,
    viewer: Viewer,
    mailbox_id: int,
    target_id: int,
    chosen: Chosen,
    after: int,
    undo: tuple[bytes, int],
    marks: Marks,
    quota: Quota,
) -> Step:
    """Move, set and clear `marks`; it can be undone (token hash, seconds) by whoever may move them back.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | OVER_QUOTA | LIMIT).
    """
    uids = _next(tx, viewer, mailbox_id, "rte", chosen, after)
    if not uids or mailbox_id == target_id:
        return Step(0, 0)
    owner, _ = access.require(tx, viewer, mailbox_id, "rte")
    target_owner, _ = access.require(tx, viewer, target_id, "i")
    if owner == target_owner == viewer.account_id:
        moved = messages.move(tx, owner, mailbox_id, target_id, uids)
    else:
        name = _name(tx, viewer, target_id)
        moved = access.move(tx, viewer, mailbox_id, name, uids, quota, whole=False)
    there, here = access.rights_on(tx, viewer, target_owner, target_id), access.rights_on(tx, viewer, owner, mailbox_id)
    undoable = there >= frozenset("rte") and "i" in here
    if undoable:
        what = Undo(mailbox_id, target_id, tuple(moved.target_uids))
        _remember(tx, viewer.account_id, undo, what, first=not after)
    for mode, flags in zip("+-", marks, strict=True):
        if flags and moved.target_uids:
            access.store_flags(tx, viewer, target_id, moved.target_uids, mode, flags)
    return replace(_step(uids), undoable=undoable)


@dataclass(frozen=True, slots=True)
class PutBack:
    """A move that was taken back."""

    mailbox_id: int
    """Where the messages are again."""
    count: int
    reported: int = 0
    """The one message of the viewer's own that had been put among the junk as phishing; 0: it was something else."""


def put_back(tx: Tx, viewer: Viewer, token_hash: bytes, quota: Quota) -> PutBack:
    """Take a move back, with what the move said of the messages.

    Raises Refused(NOT_FOUND | NO_SUCH_MAILBOX | FORBIDDEN | OVER_QUOTA): it is too late, or no longer permitted.
    """
    what = undo_records.take_undo(tx, token_hash, viewer.account_id)
    owner, _ = access.require(tx, viewer, what.place_id, "rte")
    back_to, rights = access.require(tx, viewer, what.origin_id, "i")
    if owner == back_to == viewer.account_id:
        back = messages.move(tx, owner, what.place_id, what.origin_id, list(what.uids))
    else:
        name = _name(tx, viewer, what.origin_id)
        back = access.move(tx, viewer, what.place_id, name, list(what.uids), quota, whole=False)
    said = {"\\Junk": "$Junk"}.get(mailboxes.by_id(tx, owner, what.place_id).special_use)
    said = said or {"\\Junk": "$NotJunk"}.get(mailboxes.by_id(tx, back_to, what.origin_id).special_use)
    is_own = owner == back_to == viewer.account_id
    reported = _reported(tx, owner, what.origin_id, back.target_uids) if said == "$Junk" and is_own else 0
    if said and back.target_uids and "w" in rights:
        marks = [said, "$Phishing"] if reported else [said]
        access.store_flags(tx, viewer, what.origin_id, back.target_uids, "-", marks)
    return PutBack(what.origin_id, len(back.target_uids), reported)


def _reported(tx: Tx, account_id: int, mailbox_id: int, uids: Sequence[int]) -> int:
    """The content of one message that was reported as phishing."""
    if len(uids) != 1:
        return 0
    ((_, mask, content_id),) = messages.fetch_uids(tx, account_id, mailbox_id, ("uid", "flags", "content_id"), uids)
    return int(content_id) if "$Phishing" in names(mask, mailboxes.keywords(tx, mailbox_id)) else 0


def duplicate(
    tx: Tx, viewer: Viewer, mailbox_id: int, target_id: int, chosen: Chosen, after: int, quota: Quota
) -> Step:
    """Copy. Raises as `put`."""
    uids = _next(tx, viewer, mailbox_id, "r", chosen, after)
    if not uids:
        return Step(0, 0)
    access.copy(tx, viewer, mailbox_id, _name(tx, viewer, target_id), uids, quota, whole=False)
    return _step(uids)


def wipe(tx: Tx, viewer: Viewer, mailbox_id: int, chosen: Chosen, after: int) -> Step:
    """Remove for good. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    uids = _next(tx, viewer, mailbox_id, "te", chosen, after)
    if uids:
        access.store_flags(tx, viewer, mailbox_id, uids, "+", ("\\Deleted",))
        access.expunge(tx, viewer, mailbox_id, uids)
    return _step(uids)


def put_off(
    tx: Tx, account_id: int, mailbox_id: int, chosen: Chosen, after: int, until: int, undo: tuple[bytes, int]
) -> Step:
    """Move to the mailbox of what waits until a moment (`store.mail.snooze`). Raises Refused(NO_SUCH_MAILBOX)."""
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    uids = next_uids(tx, box, chosen, after)
    if not uids:
        return Step(0, 0)
    place_id, moved = snooze.put_off(tx, account_id, mailbox_id, uids, until)
    _remember(tx, account_id, undo, Undo(mailbox_id, place_id, tuple(moved)), first=not after)
    return _step(uids)


def mute(tx: Tx, account_id: int, mailbox_id: int, chosen: Chosen) -> list[int]:
    """Hear no more of the conversations of these messages; the content ids that stand for them whole."""
    threads = _threads(tx, account_id, mailbox_id, chosen)
    muting.mute(tx, account_id, sorted(set(threads.values())))
    return list(threads)


def unmute(tx: Tx, account_id: int, mailbox_id: int, chosen: Chosen) -> int:
    """Hear of them again; how many conversations were muted."""
    return muting.unmute(tx, account_id, sorted(set(_threads(tx, account_id, mailbox_id, chosen).values())))


def _threads(tx: Tx, account_id: int, mailbox_id: int, chosen: Chosen) -> dict[int, str]:
    """Content ids of what was chosen with the THREADIDs of their conversations."""
    box = mailboxes.by_id(tx, account_id, mailbox_id)
    rows = tx.execute(
        select(content.c.id, content.c.refs, content.c.in_reply_to, content.c.message_id)
        .join(message, message.c.content_id == content.c.id)
        .where(message.c.mailbox_id == mailbox_id, message.c.uid.in_(next_uids(tx, box, chosen)))
    )
    named = {row.id: objectids.thread_id(row.refs or row.in_reply_to or row.message_id) for row in rows}
    return {content_id: thread for content_id, thread in named.items() if thread}


def chosen_messages(tx: Tx, viewer: Viewer, mailbox_id: int, chosen: Chosen, after: int = 0) -> tuple[int, list[int]]:
    """The mailbox's owner, and the next UIDs that were chosen, to be read. Raises Refused."""
    owner, _ = access.require(tx, viewer, mailbox_id, "r")
    return owner, next_uids(tx, mailboxes.by_id(tx, owner, mailbox_id), chosen, after)


def readable(tx: Tx, viewer: Viewer, mailbox_id: int) -> Mailbox:
    """A mailbox that somebody may read. Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN)."""
    owner, _ = access.require(tx, viewer, mailbox_id, "r")
    return mailboxes.by_id(tx, owner, mailbox_id)


def chosen_lines(tx: Tx, viewer: Viewer, mailbox_id: int, chosen: Chosen) -> list[Line]:
    """The first of what was chosen, newest first. Raises Refused."""
    _, uids = chosen_messages(tx, viewer, mailbox_id, chosen)
    return lines(tx, mailbox_id, uids)


def chosen_count(tx: Tx, viewer: Viewer, mailbox_id: int, chosen: Chosen) -> tuple[list[Line], int]:
    """The same, and how many messages were chosen in all. Raises Refused."""
    owner, uids = chosen_messages(tx, viewer, mailbox_id, chosen)
    found = lines(tx, mailbox_id, uids)
    if chosen.everything is None:
        return found, len(found)
    view = replace(chosen.everything, grouped=False)
    return found, listed(tx, mailboxes.by_id(tx, owner, mailbox_id), view, 1, 0).total


def reached(tx: Tx, viewer: Viewer, mailbox_id: int, content_id: int) -> tuple[Stored, Rights]:
    """A message in a mailbox that somebody may read, and their rights there; nothing of its owner's other folders.

    Raises Refused(NO_SUCH_MAILBOX | FORBIDDEN | NOT_FOUND).
    """
    owner, rights = access.require(tx, viewer, mailbox_id, "r")
    found = stored(tx, owner, content_id, mailbox_id)
    if found.box.id != mailbox_id:
        raise Refused(Reason.NOT_FOUND)
    return replace(found, boxes=[]), rights


def read(
    tx: Tx, viewer: Viewer, mailbox_id: int, content_id: int, folder: BlobFolder, upto: int | None = None
) -> tuple[Stored, bytes, Rights]:
    """The same with its octets (no more than the first `upto`), on one snapshot. Raises as `reached`."""
    found, rights = reached(tx, viewer, mailbox_id, content_id)
    return found, octets(tx, found.box.account_id, content_id, folder, upto), rights


def beside(tx: Tx, viewer: Viewer, mailbox_id: int, view: View, content_id: int) -> tuple[int, int]:
    """Content ids of what a view shows above and below a message in a mailbox that somebody may read, 0 at the ends.

    Raises as `reached`.
    """
    found, _ = reached(tx, viewer, mailbox_id, content_id)
    return neighbours(tx, found.box, view, found.uid)


def bin_of(tx: Tx, viewer: Viewer, mailbox_id: int, use: str) -> Mailbox:
    """Where a mailbox's messages are put for a special use such as `\\Trash` ("": INBOX): at its owner's, if one may
    put something there, else at one's own. Raises Refused(NO_SUCH_MAILBOX)."""
    owner, _ = access.require(tx, viewer, mailbox_id, "")
    for account_id in dict.fromkeys((owner, viewer.account_id)):
        box = mailboxes.by_use(tx, account_id, use) if use else mailboxes.get(tx, account_id, mailboxes.INBOX)
        if box is not None and "i" in access.rights_on(tx, viewer, account_id, box.id):
            return box
    raise Refused(Reason.NO_SUCH_MAILBOX)


def _next(tx: Tx, viewer: Viewer, mailbox_id: int, needs: str, chosen: Chosen, after: int) -> list[int]:
    owner, _ = access.require(tx, viewer, mailbox_id, needs)
    return next_uids(tx, mailboxes.by_id(tx, owner, mailbox_id), chosen, after)


def _step(uids: Sequence[int]) -> Step:
    return Step(len(uids), uids[-1] if len(uids) == BATCH else 0)


def _remember(tx: Tx, account_id: int, undo: tuple[bytes, int], what: Undo, *, first: bool) -> None:
    token_hash, seconds = undo
    if first:
        undo_records.remember_undo(tx, token_hash, account_id, seconds, what)
    else:
        undo_records.extend_undo(tx, token_hash, account_id, what.uids)


def _name(tx: Tx, viewer: Viewer, mailbox_id: int) -> str:
    """The name somebody knows a mailbox by. Raises Refused(NO_SUCH_MAILBOX)."""
    owner, _ = access.require(tx, viewer, mailbox_id, "")
    if owner == viewer.account_id:
        return mailboxes.by_id(tx, owner, mailbox_id).name
    for reach in access.listing(tx, viewer):
        if reach.box.id == mailbox_id:
            return reach.name
    raise Refused(Reason.NO_SUCH_MAILBOX)
