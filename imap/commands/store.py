"""STORE (RFC 3501 section 6.4.6; UNCHANGEDSINCE: RFC 7162 section 3.1.3; lost messages: RFC 2180 section 4.2).

Two ways: by what the database says of each message, or, in a mailbox of one's own whose state the worker holds, by
setting ranges of it (`store.mail.whole_mailboxes.bulk_flags`). The second spends its time in the database's own code,
without the interpreter:
of many messages the answer is made meanwhile, of what will be when nobody else comes between, and thrown away if
somebody did.
"""

import asyncio
import functools
from array import array
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from imap.answers import untagged
from imap.answers.batches import flag_lines
from imap.commands.change import GONE, flag_names
from imap.session import message_limit
from imap.session.session import Selected, Session
from imap.session.snapshot import Snapshot, reflag
from imap.session.view import LOT, View, cut
from imap.wire import codes, commands
from imap.wire.commands import StoreAction
from imap.wire.fetch.fetch_items import Attribute
from imap.wire.flags import RECENT
from imap.wire.responses import Reply, no, ok
from mailserver.model.messages.criteria import STAR
from mailserver.store.mail import access
from mailserver.store.mail import flags as bits
from mailserver.store.mail.whole_mailboxes import bulk_flags

Outputs = AsyncGenerator[bytes | Reply, None]

MODES = {StoreAction.REPLACE: "=", StoreAction.ADD: "+", StoreAction.REMOVE: "-"}

Slices = Sequence[tuple[int, int]]

EVERY = ((1, STAR),)
"""`1:*`."""
FORESEEN = 2 * 1024 * 1024
"""Octets of lines that may wait for the commit: of fifty thousand messages, or of fewer with long keywords."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What came of a STORE."""

    modseq: int
    """Of the change; 0: nothing changed."""
    modified: Sequence[int] = ()
    """UIDs that UNCHANGEDSINCE kept from it."""
    foreseen: "_Foreseen | None" = None


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What a mailbox becomes when nobody else changes it meanwhile, and the lines that tell of it."""

    snapshot: Snapshot
    lines: Sequence[bytes]


async def store(session: Session, command: commands.Store) -> Outputs:
    """RFC 3501 section 6.4.6."""
    selected = session.writable()
    view, before = selected.view, selected.view.snapshot
    if command.unchanged_since is not None:
        yield session.enable_condstore()
    slices, limit = message_limit.last(view, _wanted(view, command), session.most)
    uids = view.uids_of(slices)
    change = _Change(0)
    if uids:
        change = await _change_flags(session, selected, slices, uids, command)
        if change.modseq:
            view.answered(change.modseq)
        yield await untagged.news(session, expunge=False)
        told: Iterable[tuple[int, int]] = slices
        if command.silent:
            told = _to_tell(view, before, slices, command, change.modseq, modseqs=session.condstore)
        for lines in _lines(session, view, told, command, change):
            yield lines
            await asyncio.sleep(0)
    for output in message_limit.ending(_stored(view, slices, command, change.modified), limit):
        yield output


def _wanted(view: View, command: commands.Store) -> Slices:
    """The messages that the client means.

    Tolerated beyond RFC 3501 section 9, where `*` is nothing a client may say of an empty mailbox: `1:*` there is no
    message. Thunderbird does not count its own expunges, and "Empty Trash" said twice would show people BAD.
    """
    if not view and command.numbers.ranges == EVERY:
        return []
    return view.select(command.numbers, command.by_uid)


def _lines(
    session: Session, view: View, told: Iterable[tuple[int, int]], command: commands.Store, change: _Change
) -> Iterable[bytes]:
    """What the client hears of the messages' flags."""
    foreseen = change.foreseen
    if foreseen is not None and foreseen.lines and view.snapshot is foreseen.snapshot:
        return foreseen.lines
    attributes, kept = _attributes(session, command), session.services.snapshots.renderings
    return flag_lines(view, told, attributes, kept, change.modified, uid_only=session.uid_only)


def _attributes(session: Session, command: commands.Store) -> tuple[Attribute, ...]:
    attributes = session.flag_attributes
    if command.by_uid and not session.condstore and not session.uid_only:
        return (Attribute.UID, *attributes)
    return tuple(attributes)


async def _change_flags(
    session: Session, selected: Selected, slices: Slices, uids: "array[int]", command: commands.Store
) -> _Change:
    view, mailbox_id = selected.view, selected.shared.mailbox_id
    if command.unchanged_since is None and not view.ghosts and selected.owner == session.account_id:
        return await _set_ranges(session, selected, slices, uids, command)
    mode, names = MODES[command.action], flag_names(command.flags)
    modseq, rows, modified = await session.services.store.write(
        access.store_flags, session.viewer, mailbox_id, uids, mode, names, command.unchanged_since
    )
    if len(rows) + len(modified) < len(uids):
        selected.shared.note()  # some are gone: that is to be told, if word of it has arrived or not
    return _Change(modseq, modified)


async def _set_ranges(
    session: Session, selected: Selected, slices: Slices, uids: "array[int]", command: commands.Store
) -> _Change:
    """Change flags by ranges of what the worker holds."""
    shared, base = selected.shared, selected.view.snapshot
    mode, names = MODES[command.action], flag_names(command.flags)
    spelt, new = bits.known_mask(names, base.names.keywords)
    known = bulk_flags.Known(base.modseq, uids, base.flags_of(slices))
    heard = shared.heard
    loop = asyncio.get_running_loop()
    begun = loop.create_future()
    services = session.services
    is_quick = not services.store.keeps_order and bulk_flags.is_plain(known, mode, names)
    writing = services.store.begin_together(
        bulk_flags.flag_together if is_quick else None,
        bulk_flags.flag,
        session.account_id,
        shared.mailbox_id,
        known,
        mode,
        names,
        functools.partial(loop.call_soon_threadsafe, _settle, begun),
    )
    writing.add_done_callback(lambda _: _settle(begun))
    foreseen = None
    try:
        if len(uids) >= bulk_flags.MANY:
            await begun
        if not new:  # else the worker knows no bits of the keywords yet
            after = functools.partial(bulk_flags.apply, mode, spelt)
            foreseen = await _foresee(session, selected.view, slices, command, after)
        done = await writing
    finally:
        writing.cancel()
    if done.missing:
        shared.note()
    if foreseen is not None and done.known and done.modseq == foreseen.snapshot.modseq:
        shared.replace(base, foreseen.snapshot, heard)
    return _Change(done.modseq, foreseen=foreseen)


def _settle(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


async def _foresee(
    session: Session, view: View, slices: Slices, command: commands.Store, after: Callable[[int], int]
) -> _Foreseen:
    """The mailbox when the change is the next thing that happens to it."""
    snapshot = reflag(view.snapshot, slices, after, view.snapshot.modseq + 1)
    lines: list[bytes] = []
    if not command.silent:
        attributes, kept = _attributes(session, command), session.services.snapshots.renderings
        room = FORESEEN
        for block in flag_lines(view, slices, attributes, kept, uid_only=session.uid_only, snapshot=snapshot):
            room -= len(block)
            if room < 0:  # they are made anew, one lot after the other, while the peer reads
                return _Foreseen(snapshot, ())
            lines.append(block)
            await asyncio.sleep(0)
    return _Foreseen(snapshot, lines)


def _stored(view: View, slices: Slices, command: commands.Store, modified: Sequence[int]) -> Reply:
    """How STORE ends."""
    lost = not command.by_uid and view.has_ghosts(slices)
    if lost and not (command.silent and view.uids_of(slices)):
        return no("Some of the messages have been deleted", GONE)
    if modified:
        named = modified if command.by_uid else [view.number(uid) for uid in modified]
        return ok("Some messages were changed meanwhile", codes.modified(named))
    return ok("STORE completed")


def _to_tell(
    view: View,
    before: Snapshot,
    slices: Slices,
    command: commands.Store,
    modseq: int,
    *,
    modseqs: bool,
) -> Iterator[tuple[int, int]]:
    """Of the messages of a .SILENT STORE, those the client must hear of all the same, as index ranges.

    Their flags are not what it expects, because somebody else changed them too (RFC 3501 section 6.4.6); or it
    wants to know the new mod-sequence (RFC 7162 section 3.1.3). Whom others changed last the news have told of, unless
    that brought back the flags from before the command.
    """
    snapshot = view.snapshot
    if not modseqs and snapshot.modseq == before.modseq + bool(modseq):
        return  # nobody else changed anything
    mask, _ = bits.known_mask(flag_names(command.flags), snapshot.names.keywords)
    for group in cut(slices, LOT):
        lot = view.lot(group)
        for number, uid, flags, changed in zip(lot.numbers, lot.uids, lot.flags, lot.modseqs, strict=True):
            place = before.index(uid)
            old, last = (before.flags[place], before.modseqs[place]) if place is not None else (0, 0)
            unexpected = flags & ~RECENT != _expected(old, command.action, mask)
            if changed == modseq:
                wanted = modseqs or unexpected
            else:
                wanted = not modseqs and changed != last and unexpected and flags & ~RECENT == old
            if wanted:
                yield number - 1, number


def _expected(flags: int, action: StoreAction, mask: int) -> int:
    if action is StoreAction.ADD:
        return flags | mask
    return flags & ~mask if action is StoreAction.REMOVE else mask
