"""Commands that change mailboxes: APPEND, STORE, COPY, MOVE, EXPUNGE, and their UIDPLUS answers."""

import asyncio
import functools
from array import array
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from imap import bounds, telling
from imap.lots import flag_lines
from imap.session import Selected, Session
from imap.snapshot import Snapshot, reflag
from imap.view import LOT, View, cut
from imap.wire import codes, commands
from imap.wire.codes import Code, CodeName
from imap.wire.commands import StoreAction
from imap.wire.fetch import Attribute
from imap.wire.flags import DELETED, RECENT, Flags
from imap.wire.responses import Reply, no, ok
from mailserver.errors import Reason, Refused, Temporary
from mailserver.mime import binary
from mailserver.store import access, blobs, packed
from mailserver.store import flags as bits
from mailserver.store.blobs import Prepared
from mailserver.store.messages import Appended, Copied
from mailserver.store.transactions import Uncertain

Outputs = AsyncGenerator[bytes | Reply, None]

MODES = {StoreAction.REPLACE: "=", StoreAction.ADD: "+", StoreAction.REMOVE: "-"}

Slices = Sequence[tuple[int, int]]

GONE = Code(CodeName.EXPUNGEISSUED)
New = tuple[Prepared, tuple[str, ...], int | None]
"""A message ready to be stored, its flags, its internal date."""


class UnknownEncoding(Refused):
    """Octets that no transfer encoding makes fit for IMAP: NO [UNKNOWN-CTE] (RFC 3516 section 4.4)."""


# ---------------------------------------------------------------------- APPEND


async def append(session: Session, command: commands.Append) -> Outputs:
    """RFC 3501 section 6.3.11, several messages at once by RFC 3502: all are stored, or none.

    An empty message is how a client gives the command up (RFC 3502 section 6.3.11).
    The answer carries APPENDUID (RFC 4315 section 3) and comes after the commit is on disk.
    """
    appended = await session.appends.outcome(command, functools.partial(_append, session))
    yield ok("APPEND completed", codes.append_uid(appended[0].uidvalidity, [one.uid for one in appended]))


async def _append(session: Session, command: commands.Append) -> list[Appended]:
    """Store the messages of one command, behind those of the commands before it."""
    if not all(message.octets for message in command.messages):
        raise Refused(Reason.INVALID, "An empty message: nothing is appended")
    store, folder = session.services.store, session.services.store.blobs
    batch: list[New] = []
    async with files_of(batch, folder) as unused:
        async with session.appends.turn:
            for message in command.messages:
                if batch:
                    await asyncio.sleep(0)  # many small messages must not keep the loop
                batch.append((await prepare(message.octets, folder), flag_names(message.flags), message.received))
            stored = store.begin(access.append, session.viewer, command.mailbox, batch, session.quota)
            if not store.keeps_order:
                await stored
        appended, spare = await stored
        unused += spare
    session.made(appended[0].uidvalidity, [one.uid for one in appended])
    return appended


async def prepare(octets: bytes, folder: Path) -> Prepared:
    """A message ready to be stored, without NUL (RFC 3516 section 4.4). Raises UnknownEncoding."""
    if binary.NUL in octets:
        octets = await asyncio.to_thread(_textual, octets)
    if blobs.is_quick(octets):
        return blobs.prepare(octets, folder)
    return await asyncio.to_thread(blobs.prepare, octets, folder)


def _textual(octets: bytes) -> bytes:
    found = binary.textual(octets)
    if found is None:
        raise UnknownEncoding(Reason.INVALID, "NUL stands where no transfer encoding can carry it")
    return found


@asynccontextmanager
async def files_of(batch: Sequence[New], folder: Path) -> AsyncGenerator[list[str], None]:
    """Around the unit that stores messages: no file of theirs stays that no row names.

    The unit's caller adds to the list what it found to be stored already.
    """
    unused: list[str] = []
    try:
        yield unused
    except Uncertain:  # the collector finds out whether they are needed
        raise
    except (Refused, Temporary):  # nothing was stored
        unused += [prepared.file for prepared, _, _ in batch if prepared.file is not None]
        raise
    finally:
        for name in unused:
            await asyncio.to_thread(blobs.remove_file, folder, name)


def flag_names(flags: Flags) -> tuple[str, ...]:
    """What a client named, as the store takes it."""
    return (*bits.names(flags.system, ()), *flags.keywords)


# ---------------------------------------------------------------------- STORE


async def store(session: Session, command: commands.Store) -> Outputs:
    """RFC 3501 section 6.4.6; UNCHANGEDSINCE by RFC 7162 section 3.1.3; lost messages by RFC 2180 section 4.2."""
    selected = session.writable()
    view, before = selected.view, selected.view.snapshot
    if command.unchanged_since is not None:
        yield session.enable_condstore()
    slices, limit = bounds.last(view, view.select(command.numbers, command.by_uid), session.most)
    uids = view.uids_of(slices)
    modified: list[int] = []
    if uids:
        modseq, modified = await _change_flags(session, selected, slices, command)
        if modseq:
            view.answered(modseq)
        yield await telling.news(session, expunge=False)
        attributes = session.flag_attributes
        if command.by_uid and not session.condstore and not session.uid_only:
            attributes = (Attribute.UID, *attributes)
        told: Iterable[tuple[int, int]] = slices
        if command.silent:
            told = _to_tell(view, before, slices, command, modseq, modseqs=session.condstore)
        kept = session.services.shelf.renderings
        for lines in flag_lines(view, told, attributes, kept, modified, uid_only=session.uid_only):
            yield lines
            await asyncio.sleep(0)
    for output in bounds.ending(_stored(view, slices, command, modified), limit):
        yield output


async def _change_flags(
    session: Session, selected: Selected, slices: Slices, command: commands.Store
) -> tuple[int, list[int]]:
    """Change the flags; the mod-sequence of that (0: nothing changed), and the UIDs UNCHANGEDSINCE kept from it."""
    view, mailbox_id = selected.view, selected.shared.mailbox_id
    uids, mode, names = view.uids_of(slices), MODES[command.action], flag_names(command.flags)
    write = session.services.store.write
    if command.unchanged_since is not None or view.ghosts or selected.owner != session.account_id:
        modseq, rows, modified = await write(
            access.store_flags, session.viewer, mailbox_id, uids, mode, names, command.unchanged_since
        )
        if len(rows) + len(modified) < len(uids):
            selected.shared.note()  # some are gone: that is to be told, if word of it has arrived or not
        return modseq, modified
    base = view.snapshot
    known = packed.Known(base.modseq, uids, base.flags_of(slices))
    done = await write(packed.flag, session.account_id, mailbox_id, known, mode, names)
    if done.missing:
        selected.shared.note()
    spelt, new = bits.known_mask(names, base.names.keywords)
    if done.known and done.modseq > base.modseq and not new:
        after = functools.partial(packed.apply, mode, spelt)
        selected.shared.replace(base, reflag(base, slices, after, done.modseq))
    return done.modseq, []


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


# ---------------------------------------------------------------------- COPY and MOVE


async def copy(session: Session, command: commands.Copy) -> Outputs:
    """RFC 3501 section 6.4.7, all messages or none; COPYUID by RFC 4315 section 3."""
    _, uids = _chosen(session, command)
    if not uids:
        yield ok("Nothing to copy")
        return
    if len(uids) > session.most:
        yield no("Too many messages to copy", codes.message_limit(session.most, uids[-session.most]))
        return
    copied = await session.services.store.write(
        access.copy,
        session.viewer,
        session.mailbox.shared.mailbox_id,
        command.mailbox,
        uids,
        session.quota,
        whole=not command.by_uid,
    )
    session.made(copied.uidvalidity, copied.target_uids)
    yield ok("COPY completed", _copy_uid(copied))


async def move(session: Session, command: commands.Move) -> Outputs:
    """RFC 6851: COPYUID goes before the EXPUNGE answers (section 4.3), HIGHESTMODSEQ after them (section 4.4)."""
    selected, uids = _chosen(session, command)
    session.writable()
    if not uids:
        yield ok("Nothing to move")
        return
    uids, limit = _last(session, uids)
    copied = await session.services.store.write(
        access.move,
        session.viewer,
        selected.shared.mailbox_id,
        command.mailbox,
        uids,
        session.quota,
        whole=not command.by_uid,
    )
    session.made(copied.uidvalidity, copied.target_uids)
    code = _copy_uid(copied)
    if code is not None:
        yield ok("Moved", code).encode()
    yield await telling.news(session, expunge=True)
    code = reached(session, removed=bool(copied.source_uids))
    for output in bounds.ending(ok("MOVE completed", code), limit):
        yield output


def _last(session: Session, uids: "array[int]") -> "tuple[array[int], Code | None]":
    """The last of these messages (RFC 9738), and MESSAGELIMIT when that are not all."""
    if len(uids) <= session.most:
        return uids, None
    uids = uids[-session.most :]
    return uids, codes.message_limit(session.most, uids[0])


def _chosen(session: Session, command: commands.Copy | commands.Move) -> "tuple[Selected, array[int]]":
    """The messages a COPY or MOVE means. Raises Refused when one is lost (RFC 2180 section 4.4)."""
    selected = session.mailbox
    slices = selected.view.select(command.numbers, command.by_uid)
    if not command.by_uid and selected.view.has_ghosts(slices):
        raise Refused(Reason.NOT_FOUND, "Some of the messages no longer exist")
    return selected, selected.view.uids_of(slices)


def _copy_uid(copied: Copied) -> Code | None:
    if not copied.source_uids:
        return None
    return codes.copy_uid(copied.uidvalidity, copied.source_uids, copied.target_uids)


# ---------------------------------------------------------------------- EXPUNGE


async def expunge(session: Session, command: commands.Expunge) -> Outputs:
    """RFC 3501 section 6.4.3; UID EXPUNGE by RFC 4315 section 2.1; HIGHESTMODSEQ by RFC 7162 section 3.2.7."""
    selected = session.writable()
    view = selected.view
    uids = None if command.uids is None else view.uids_of(view.select(command.uids, by_uid=True))
    removed: list[int] = []
    limit: Code | None = None
    if uids is not None and len(uids) > session.most:  # EXPUNGE itself knows no limit
        snapshot = await selected.shared.fresh()
        deleted = {uid for uid, mask in zip(snapshot.uids, snapshot.flags, strict=True) if mask & DELETED}
        uids, limit = _last(session, array("I", [uid for uid in uids if uid in deleted]))
    if (uids is None or uids) and await selected.shared.has_deleted():
        _, removed = await session.services.store.write(
            access.expunge, session.viewer, selected.shared.mailbox_id, uids
        )
        if not removed:
            selected.shared.note()  # another one was faster: that is to be told, if word of it has arrived or not
    yield await telling.news(session, expunge=True)
    for output in bounds.ending(ok("EXPUNGE completed", reached(session, removed=bool(removed))), limit):
        yield output


def reached(session: Session, *, removed: bool) -> Code | None:
    """The mod-sequence up to which the client has now been told of everything, after a removal of its own."""
    if not removed or not session.condstore:
        return None
    return codes.number(CodeName.HIGHESTMODSEQ, session.mailbox.view.heard)
