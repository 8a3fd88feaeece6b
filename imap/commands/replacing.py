"""REPLACE and UID REPLACE (RFC 8508): a message takes the place of another, both halves or neither."""

from collections.abc import AsyncGenerator

from imap.commands.change import GONE, New, files_of, flag_names, prepare, target
from imap.session import Session
from imap.wire import codes, commands
from imap.wire.responses import Reply, no, ok
from imap.wire.sets import SequenceSet
from mailserver.errors import Reason, Refused
from mailserver.store import mailboxes, messages
from mailserver.store.messages import Appended, Quota
from mailserver.store.transactions import Tx

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
    folder = session.services.settings.data / "blobs"
    new = (await prepare(message.octets, folder), flag_names(message.flags), message.received)
    async with files_of([new], folder) as unused:
        appended, spare = await session.services.store.write(
            replace_with,
            session.account_id,
            selected.shared.mailbox_id,
            uids[0],
            command.mailbox,
            new,
            session.quota,
        )
        unused += spare
    yield ok("Replacement stored", codes.append_uid(appended.uidvalidity, [appended.uid])).encode()
    yield await session.news(expunge=True)
    yield ok("REPLACE completed")


def replace_with(
    tx: Tx, account_id: int, source_id: int, uid: int, name: str, new: New, quota: Quota
) -> tuple[Appended, list[str]]:
    """One unit: store the message in the mailbox of that name, and remove the one it replaces whatever its flags.

    Returns where it went, and the file that was written for a content the store had already.
    """
    prepared, flags, received = new
    target_id = target(tx, account_id, name)
    content_id, fresh = messages.store_content(tx, prepared)
    for mailbox_id in sorted({source_id, target_id}):  # in id order, as for COPY
        mailboxes.lock(tx, account_id, mailbox_id)
    old = messages.fetch_uids(tx, account_id, source_id, ("uid", "size"), [uid])
    if not old:
        raise Refused(Reason.NOT_FOUND, "The message to replace no longer exists")
    if prepared.size > old[0][1]:
        messages.check_quota(tx, account_id, quota, prepared.size - old[0][1])
    mask = messages.ensure_flags(tx, target_id, flags)
    appended = messages.place(tx, account_id, target_id, content_id, prepared.size, mask, received)
    messages.erase(tx, account_id, source_id, [uid])
    return appended, [prepared.file] if prepared.file is not None and not fresh else []
