"""That an administrator came in and looked is itself on record."""

from mailserver.store import audit
from mailserver.store.audit import Action, Origin
from mailserver.store.statements import Tx
from mailserver.store.traces import Wanted


def record_entry(tx: Tx, origin: Origin, account_id: int) -> None:
    """Somebody entered the console."""
    audit.record(tx, origin, Action.CONSOLE_ENTERED, account_id)


def record_search(tx: Tx, origin: Origin, wanted: Wanted) -> None:
    """Somebody looked for messages by their envelopes."""
    fields = ("from", wanted.sender), ("to", wanted.recipient), ("id", wanted.name)
    audit.record(tx, origin, Action.TRACED, 0, ", ".join(f"{name} {text}" for name, text in fields if text))


def record_export(tx: Tx, origin: Origin) -> None:
    """Somebody took rows of the audit away."""
    audit.record(tx, origin, Action.AUDIT_READ, 0, "exported")


def record_verification(tx: Tx, origin: Origin) -> None:
    """Somebody had the seals of the audit computed again."""
    audit.record(tx, origin, Action.AUDIT_READ, 0, "verified")
