"""Whether somebody accepted the authority's charter: kept with what they chose, and in the audit."""

from mailserver.store.account import stored_preferences
from mailserver.store.engine.statements import Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause


def accept(tx: Tx, origin: Origin, account_id: int, digest: str) -> None:
    """They accept the text of this digest."""
    stored_preferences.revise_preferences(tx, account_id, {"charter": digest})
    audit.record(tx, origin, Action.CHARTER_ACCEPTED, account_id, Cause("charter", digest=digest))
