"""The mail about a mailing to its author, as parts of the unit that decides."""

from collections.abc import Callable
from functools import partial

import structlog

from mailserver.delivery import Delivery, Part
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, State
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices.house import house_for, house_of
from mailserver.notices.mail import mailings as notices
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
        self._domain = settings.domain

    async def not_sent(self, one: Mailing, why: Text) -> list[Part]:
        """It is not sent; nothing where its author can no longer read it. Raises Temporary."""
        return await self._to_author(one, notices.not_sent, 0, why)

    async def stopped(self, one: Mailing, until: int) -> list[Part]:
        """Somebody else has stopped it, and until when it may go on. Raises Temporary."""
        return await self._to_author(one, notices.stopped, until, one.done)

    async def abandoned(self, one: Mailing) -> list[Part]:
        """Nobody else gets it: to its author, and to IT. Raises Temporary."""
        mine = await self._to_author(one, notices.abandoned, 0, one.done)
        postmaster = f"postmaster@{self._domain}"
        about = _about(one, one.login or one.reverse_path)
        written = partial(notices.abandoned, self._house, Correspondent("", postmaster), about, one.done)
        return [*mine, *await self._part(postmaster, written)]

    async def _to_author(self, one: Mailing, write: Callable[..., bytes], until: int, *args: object) -> list[Part]:
        principal = await self._directory.by_account(one.account_id) if one.account_id else None
        if principal is None or principal.state is State.CLOSED:
            return []
        house = await house_for(self._store, self._house, principal.account_id)
        to = Correspondent(principal.name, principal.address)
        return await self._part(
            principal.address, partial(write, house, to, _about(one, principal.address, until), *args)
        )

    async def _part(self, address: str, write: Callable[..., bytes]) -> list[Part]:
        try:
            found = await self._delivery.resolve(address)
        except Refused as refusal:
            log.info("notice not deliverable", why=refusal.reason.value)
            return []
        octets = write(token=self._clock.token(12), now=self._clock.now())
        prepared = await self._delivery.prepare(return_path("") + octets)
        return [Part(prepared, "", found.accounts, found.remote, provenance=Provenance(Door.SERVICE))]


def _about(one: Mailing, author: str, until: int = 0) -> notices.About:
    return notices.About(one.subject, one.total or one.people + one.outside, author, until)
