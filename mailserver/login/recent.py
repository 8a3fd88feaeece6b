"""The last logins of an account, of every outcome."""

from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Wanted

OUTCOMES = (Action.LOGIN, Action.LOGIN_FAILED, Action.LOGIN_REFUSED)
READ = 60
"""Rows of each outcome that are read: failures do not push the logins out of sight."""


def logins(tx: Tx, account_id: int) -> list[Event]:
    """Newest first."""
    found = [event for action in OUTCOMES for event in audit.find(tx, Wanted(account_id, action), READ)]
    return sorted(found, key=lambda event: event.id, reverse=True)
