"""That an administrator came in and looked is itself on record."""

from collections.abc import Iterator

from mailserver.store.engine.statements import Tx
from mailserver.store.queue.traces import Wanted
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause


def record_entry(tx: Tx, origin: Origin, account_id: int) -> None:
    """Somebody entered the console."""
    audit.record(tx, origin, Action.CONSOLE_ENTERED, account_id)


def record_search(tx: Tx, origin: Origin, wanted: Wanted) -> None:
    """Somebody looked for messages by their envelopes."""
    audit.record(tx, origin, Action.TRACED, 0, Cause("looked-for", asked=tuple(_asked(wanted))))


def _asked(wanted: Wanted) -> Iterator[Cause]:
    if wanted.sender:
        yield Cause("looked-for-sender", sender=wanted.sender)
    if wanted.recipient:
        yield Cause("looked-for-recipient", recipient=wanted.recipient)
    if wanted.name:
        yield Cause("looked-for-name", name=wanted.name)
    if wanted.message_id:
        yield Cause("looked-for-message-id", message_id=wanted.message_id)


def record_export(tx: Tx, origin: Origin) -> None:
    """Somebody took rows of the audit away."""
    audit.record(tx, origin, Action.AUDIT_READ, 0, Cause("record-exported"))


def record_verification(tx: Tx, origin: Origin) -> None:
    """Somebody had the seals of the audit computed again."""
    audit.record(tx, origin, Action.AUDIT_READ, 0, Cause("record-verified"))
