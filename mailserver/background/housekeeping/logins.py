"""Owners are told of logins that may have been somebody else's."""

from mailserver.background.housekeeping.sending import Post, each
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices.accounts import logins
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, house_for
from mailserver.store.account import login_places, recoveries
from mailserver.store.account.login_places import Unusual
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.texts.causes import Cause

TOLD = 50
"""Owners who are told in one round."""
TOKEN_OCTETS = 12
ORIGIN = Origin("service", "internal")


class UnusualLogins:
    """Tells them once, at the mailbox and at the private address: whoever has got hold of one has not the other."""

    def __init__(self, *, store: Store, directory: Directory, post: Post, house: House, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._post = post
        self._house = house
        self._clock = clock

    async def tell(self) -> int:
        """Tell whoever has to be told; how many."""
        return await each(await self._store.read(login_places.untold, TOLD), self._tell)

    async def _tell(self, one: Unusual) -> None:
        principal = await self._directory.by_account(one.account_id)
        addresses: tuple[str, ...] = ()
        if principal is not None:
            addresses = (principal.address, await self._store.read(recoveries.address, one.account_id))
        house = await house_for(self._store, self._house, one.account_id)

        def write(to: str) -> bytes:
            assert principal is not None
            owner = Owner(principal.name, principal.login, principal.address)
            token, now = self._clock.token(TOKEN_OCTETS), self._clock.now()
            return logins.unusual(house, owner, to, one.at, one.peer, one.program, one.signs, token=token, now=now)

        def counts(tx: Tx) -> bool:
            if not login_places.told(tx, one):
                return False
            audit.record(tx, ORIGIN, Action.NOTIFIED, one.account_id, Cause("notice", notice=("unusual-login",)))
            return True

        await self._post.send(addresses, write, counts)
