"""Whether somebody accepted the authority's charter: kept with what they chose, and in the audit."""

from mailserver.store import audit, sessions
from mailserver.store.audit import Action, Origin
from mailserver.store.statements import Tx


def accept(tx: Tx, origin: Origin, account_id: int, digest: str) -> None:
    """They accept the text of this digest."""
    sessions.revise_preferences(tx, account_id, {"charter": digest})
    audit.record(tx, origin, Action.CHARTER_ACCEPTED, account_id, digest)
