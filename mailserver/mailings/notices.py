"""The mail about a mailing to its author, as parts of the unit that decides."""

import structlog

from mailserver.delivery import Delivery, Part
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices import mailings as notices
from mailserver.notices.house import house_for, house_of
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.mailings import Mailing
from mailserver.texts.text import Text

log = structlog.get_logger("mailings")


class AuthorNotices:
    """Writes them. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, delivery: Delivery, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._house = house_of(settings)

    async def not_sent(self, one: Mailing, why: Text) -> list[Part]:
        """It is not sent; nothing where its author can no longer read it. Raises Temporary."""
        principal = await self._directory.by_account(one.account_id) if one.account_id else None
        if principal is None or principal.state is State.CLOSED:
            return []
        try:
            found = await self._delivery.resolve(principal.address)
        except Refused as refusal:
            log.info("notice not deliverable", why=refusal.reason.value)
            return []
        octets = notices.not_sent(
            await house_for(self._store, self._house, principal.account_id),
            Correspondent(principal.name, principal.address),
            notices.About(one.subject, one.people + one.outside, principal.address),
            why,
            token=self._clock.token(12),
            now=self._clock.now(),
        )
        prepared = await self._delivery.prepare(return_path("") + octets)
        return [Part(prepared, "", found.accounts, found.remote, provenance=Provenance(Door.SERVICE))]
