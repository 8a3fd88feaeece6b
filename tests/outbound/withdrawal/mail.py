"""Messages of the tests, as they come in: with trace fields on top that differ each time."""

from collections.abc import Sequence

from mailserver.foundation.settings import Settings
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.octets.files import BlobFolder
from mailserver.store.record.audit import Origin

BODY = "Votre boîte est pleine. Cliquez ici : https://evil.example/ac-exemple\r\n" * 5
SUBJECT = "Votre compte expire"
SENDER = "Support <support@evil.example>"
IT = Origin("achef", "console")


def letter(
    trace: int = 0,
    *,
    body: str = BODY,
    subject: str = SUBJECT,
    sender: str = SENDER,
    message_id: str = "<vague@evil.example>",
) -> bytes:
    return (
        f"Received: from x by y id {trace}\r\nFrom: {sender}\r\nSubject: {subject}\r\nMessage-ID: {message_id}\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{body}"
    ).encode()


def put(
    tx: Tx,
    folder: BlobFolder,
    octets: bytes,
    account_ids: Sequence[int],
    box: str = "INBOX",
    flags: Sequence[str] = (),
    door: Door = Door.SMTP,
    came: Provenance | None = None,
    at: int = 1_700_000_000,
) -> int:
    """The message in a mailbox of each account; its content."""
    content_id, _ = messages.store_content(tx, blobs.prepare(octets, folder))
    for account_id in account_ids:
        mailbox = mailboxes.get(tx, account_id, box)
        mask = messages.ensure_flags(tx, mailbox.id, flags)
        messages.place(tx, account_id, mailbox.id, content_id, len(octets), mask, at, came or Provenance(door))
    return content_id


def withdrawals(store: Store) -> Withdrawals:
    """One worker's."""
    settings = Settings(domain="ac-exemple.fr", hostname="mail.ac-exemple.fr", directory=store.data.parent)
    made = Withdrawals(settings=settings, store=store, clock=store.clock)
    made._folder = store.blobs
    return made


async def take(service: Withdrawals, content_id: int, *, alike: bool = False, refused_days: int = 7) -> int:
    """Begin an act and go through all mailboxes once; its id."""
    number = await service.begin(await service.preview(content_id, alike=alike), refused_days, IT)
    await service.work(number)
    return number
