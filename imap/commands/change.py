"""Commands that change mailboxes: APPEND, COPY, MOVE, EXPUNGE, and their UIDPLUS answers."""

import asyncio
import functools
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

from imap.answers import untagged
from imap.session import message_limit
from imap.session.session import Selected, Session
from imap.wire import codes, commands
from imap.wire.codes import Code, CodeName
from imap.wire.flags import DELETED, Flags
from imap.wire.responses import Reply, no, ok
from mailserver.foundation.settings import Limits
from mailserver.mime.header import header_limit
from mailserver.mime.writing import binary
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.store.engine.transactions import Uncertain
from mailserver.store.mail import access, blobs
from mailserver.store.mail import flags as bits
from mailserver.store.mail.blobs import Prepared
from mailserver.store.mail.messages import Appended, Copied
from mailserver.store.octets.files import BlobFolder

Outputs = AsyncGenerator[bytes | Reply, None]

PREPARING_SECONDS = 0.003
"""The messages of one command are made ready without the loop turning: a dozen small ones."""

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
    yield ok("APPEND completed", codes.append_uid(appended[0].uidvalidity, [message.uid for message in appended]))


async def _append(session: Session, command: commands.Append) -> list[Appended]:
    """Store the messages of one command, behind those of the commands before it."""
    if not all(message.octets for message in command.messages):
        raise Refused(Reason.INVALID, "An empty message: nothing is appended")
    store, folder = session.services.store, session.services.store.blobs
    batch: list[New] = []
    async with files_of(batch, folder) as unused:
        async with session.appends.turn:
            began = monotonic()
            for message in command.messages:
                if monotonic() - began > PREPARING_SECONDS:
                    await asyncio.sleep(0)
                    began = monotonic()
                prepared = await prepare(message.octets, folder, session.services.settings.limits)
                batch.append((prepared, flag_names(message.flags), message.received))
            stored = store.begin(access.append, session.viewer, command.mailbox, batch, session.quota)
            if not store.keeps_order:
                await stored
        appended, spare = await stored
        unused += spare
    session.made(appended[0].uidvalidity, [message.uid for message in appended])
    _hold(session, batch, appended)
    return appended


def _hold(session: Session, batch: Sequence[New], appended: Sequence[Appended]) -> None:
    """Who appends a message, or hears of it, reads it next."""
    for (prepared, _, _), stored in zip(batch, appended, strict=True):
        if prepared.file is None:
            octets = {"header": prepared.header, "octets": prepared.octets, "file": None, "size": prepared.size}
            session.services.snapshots.messages.put(stored.mailbox_id, stored.uid, octets)


async def prepare(octets: bytes, folder: BlobFolder, limits: Limits) -> Prepared:
    """A message ready to be stored, without NUL (RFC 3516 section 4.4). Raises Refused(TOO_BIG), UnknownEncoding."""
    header_limit.check(octets, limits.header_size, limits.header_fields)
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
async def files_of(batch: Sequence[New], folder: BlobFolder) -> AsyncGenerator[list[str], None]:
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
    yield await untagged.news(session, expunge=True)
    code = reached(session, removed=bool(copied.source_uids))
    for output in message_limit.ending(ok("MOVE completed", code), limit):
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
    yield await untagged.news(session, expunge=True)
    for output in message_limit.ending(ok("EXPUNGE completed", reached(session, removed=bool(removed))), limit):
        yield output


def reached(session: Session, *, removed: bool) -> Code | None:
    """The mod-sequence up to which the client has now been told of everything, after a removal of its own."""
    if not removed or not session.condstore:
        return None
    return codes.number(CodeName.HIGHESTMODSEQ, session.mailbox.view.heard)
