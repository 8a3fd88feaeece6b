"""Who may have people told of a letter in spite of their quiet hours, and how many more times today.

A letter asks for it by its field `Priority: urgent` (RFC 2156 section 5.3.6, RFC 4021), whichever door it comes
through; whether its author may is asked here, and what is granted is a row that the delivering unit writes
(`mailserver.store.mail.urgent_letters`).
"""

from mailserver.foundation.settings import Settings
from mailserver.model.folding import code_key
from mailserver.model.identity import Principal, Tie
from mailserver.store.engine.statements import Tx
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import urgent_letters
from mailserver.store.mail.urgent_letters import Urgent
from mailserver.store.people import affiliations
from mailserver.store.record.audit import Origin

FIELD, VALUE = "Priority", "urgent"


class UrgentLetters:
    """One per worker; settings are read when they are asked for."""

    def __init__(self, *, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store

    async def left(self, principal: Principal) -> int | None:
        """How many more somebody may send within this day; None: they may send none at all. Raises Temporary."""
        if not await self._store.read(self._may, principal):
            return None
        sent = await self._store.read(urgent_letters.sent, principal.account_id)
        return max(0, self._settings.quiet.urgent_daily - sent)

    async def granted(self, principal: Principal | None, name: str, *, asked: bool) -> Urgent | None:
        """What goes with the copies of a letter that asks for it; None: its author may not. Raises Temporary."""
        if not asked or principal is None or not await self._store.read(self._may, principal):
            return None
        origin = Origin(principal.login, "submission")
        return Urgent(principal.account_id, name, self._settings.quiet.urgent_daily, 0, origin)

    def _may(self, tx: Tx, principal: Principal) -> bool:
        quiet = self._settings.quiet
        if not quiet.urgent_daily:
            return False
        if principal.role.value in quiet.urgent_roles:
            return True
        wanted = {code_key(code) for code in quiet.urgent_functions}
        ties = affiliations.of(tx, [principal.account_id]).get(principal.account_id, ()) if wanted else ()
        return any(tie.kind is Tie.FUNCTION and tie.code in wanted for tie in ties)
