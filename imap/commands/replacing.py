"""REPLACE and UID REPLACE (RFC 8508): a message takes the place of another, both halves or neither."""

from collections.abc import AsyncGenerator

from imap.answers import untagged
from imap.commands.change import GONE, files_of, flag_names, prepare, reached
from imap.session.session import Session
from imap.wire import codes, commands
from imap.wire.responses import Reply, no, ok
from imap.wire.sets import SequenceSet
from mailserver.model.errors import Reason, Refused
from mailserver.store.mail import access

Outputs = AsyncGenerator[bytes | Reply, None]


async def replace(session: Session, command: commands.Replace) -> Outputs:
    """RFC 8508 section 3.3: APPENDUID goes before the EXPUNGE of the old message."""
    message = command.message
    if not message.octets:
        raise Refused(Reason.INVALID, "An empty message: nothing is replaced")
    selected = session.writable()
    slices = selected.view.select(SequenceSet(((command.number, command.number),)), command.by_uid)
    uids = selected.view.uids_of(slices)
    if not uids:
        yield no("The message to replace does not exist", GONE if slices else None)
        return
    folder = session.services.store.blobs
    prepared = await prepare(message.octets, folder, session.services.settings.limits)
    new = (prepared, flag_names(message.flags), message.received)
    async with files_of([new], folder) as unused:
        appended, spare = await session.services.store.write(
            access.replace,
            session.viewer,
            selected.shared.mailbox_id,
            uids[0],
            command.mailbox,
            new,
            session.quota,
        )
        unused += spare
    session.made(appended.uidvalidity, [appended.uid])
    yield ok("Replacement stored", codes.append_uid(appended.uidvalidity, [appended.uid])).encode()
    yield await untagged.news(session, expunge=True)
    yield ok("REPLACE completed", reached(session, removed=True))  # as UID EXPUNGE (RFC 8508 section 4.5)
