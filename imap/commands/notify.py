"""NOTIFY (RFC 5465): which news are told, also while no command runs."""

from collections.abc import AsyncGenerator

from imap.session.notify import Notifier
from imap.session.session import Session
from imap.session.visible_mailboxes import look
from imap.wire.extensions import notify as wire
from imap.wire.extensions.notify import Event
from imap.wire.fetch.fetch_items import Attribute
from imap.wire.responses import Reply, no, ok

Outputs = AsyncGenerator[bytes | Reply, None]

_METADATA = frozenset((Event.MAILBOX_METADATA_CHANGE, Event.SERVER_METADATA_CHANGE))


async def notify(session: Session, command: wire.Notify) -> Outputs:
    """RFC 5465 section 3: what was asked before is replaced; what waits comes before the tagged line."""
    if command.unknown:
        yield no(f"No such event: {' '.join(command.unknown)[:100]}", wire.bad_event())
        return
    await session.refresh_groups()
    if session.notifier is None:
        services = session.services
        standing = await services.store.read(look, session.viewer)
        session.start_notifying(Notifier(services.store, services.changes, session.viewer, standing))
    notifier = session.notifier
    assert notifier is not None
    if wire.events_of(command.groups) & _METADATA:
        await session.enable_metadata()
    selected = session.selected.shared.mailbox_id if session.selected is not None else 0
    # Up to here by the rules of before: what comes later is compared with what STATUS says now.
    yield await notifier.told(session.viewer, selected, condstore=session.condstore, utf8=session.utf8)
    await notifier.refresh(session.viewer)
    notifier.groups = command.groups
    if any(Attribute.MODSEQ in group.items for group in command.groups):
        yield session.enable_condstore()
    yield notifier.unreadable(utf8=session.utf8)
    if command.status:
        yield notifier.statuses(selected, condstore=session.condstore, utf8=session.utf8)
    yield ok("NOTIFY completed")
