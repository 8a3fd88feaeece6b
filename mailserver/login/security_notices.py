"""The owner of an account is told what happened to it: in the mailbox, and at the private address.

Both, because whoever has got hold of the account reads the one and not the other.
"""

from collections.abc import Callable
from typing import Protocol

import structlog

from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused, Temporary
from mailserver.model.identity import Principal
from mailserver.notices.accounts import protection
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.accounts.protection import Change, Place
from mailserver.notices.house import House, house_for, house_of
from mailserver.store.account import recoveries
from mailserver.store.engine.transactions import Store
from mailserver.store.record.audit import Origin

log = structlog.get_logger("login")

MESSAGE_ID_OCTETS = 12
OWNER = "self"
"""Actor of what people do to their own account."""


class Post(Protocol):
    """Sends a message of the service's own: `Submission.post` does."""

    async def __call__(self, to: str, octets: bytes) -> None: ...


Write = Callable[[House, Owner, str, bytes, float], bytes]
"""Writes the message: who writes, to whom it is, to which address, random octets for its id, the time."""


class SecurityNotices:
    """Tells. One per process."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock, post: Post) -> None:
        self._house = house_of(settings)
        self._store = store
        self._clock = clock
        self._post = post

    async def changed(self, principal: Principal, change: Change, origin: Origin, device: str = "") -> None:
        """The protection of the account has changed. `device`: the name of the app password that was made."""
        place = Place(origin.actor == OWNER, origin.peer)

        def write(house: House, owner: Owner, to: str, token: bytes, now: float) -> bytes:
            return protection.build(house, owner, to, change, place, device, token=token, now=now)

        await self.tell(principal, write)

    async def tell(self, principal: Principal, write: Write) -> None:
        """A message to each of the two addresses; one that cannot go undoes nothing."""
        owner = Owner(principal.name, principal.login, principal.address)
        private = await self._store.read(recoveries.address, principal.account_id)
        house = await house_for(self._store, self._house, principal.account_id)
        for to in filter(None, (principal.address, private)):
            try:
                await self._post(to, write(house, owner, to, self._clock.token(MESSAGE_ID_OCTETS), self._clock.now()))
            except (Refused, Temporary) as error:
                log.warning("owner not told", account=principal.account_id, why=type(error).__name__)
