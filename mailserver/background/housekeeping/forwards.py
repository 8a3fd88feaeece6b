"""Owners are told that a filter of theirs may send mail on to an address that is new: whoever got hold of an account
does this first, and by any door. A forward whose address has refused for long ends."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from mailserver.background.housekeeping.sending import Post, each
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices import forwards as notices
from mailserver.notices.house import House, house_for
from mailserver.notices.passwords import Owner
from mailserver.store.account import forward_targets, recoveries
from mailserver.store.account.forward_targets import ANYWHERE, SentOn
from mailserver.store.engine.transactions import Store, Tx

TOLD = 50
"""Addresses that owners are told of in one round."""
TOKEN_OCTETS = 12


class NewForwards:
    """Tells them."""

    def __init__(self, *, store: Store, directory: Directory, post: Post, house: House, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._post = post
        self._house = house
        self._clock = clock

    async def tell(self) -> int:
        """Tell whoever has to be told; how many addresses."""
        found = sorted(await self._store.read(forward_targets.untold, TOLD), key=attrgetter("account_id"))
        await each([list(some) for _, some in groupby(found, key=attrgetter("account_id"))], self._tell)
        return len(found)

    async def _tell(self, those: Sequence[SentOn]) -> None:
        """One owner, of all of them together, at the mailbox and at the private address."""
        account_id = those[0].account_id

        def counts(tx: Tx) -> bool:
            return sum(forward_targets.told(tx, one.id) for one in those) > 0

        principal = await self._directory.by_account(account_id)
        if principal is None:  # nobody who could be told: a functional box, somebody who is gone
            await self._store.write(counts)
            return
        owner = Owner(principal.name, principal.login, principal.address)
        private = await self._store.read(recoveries.address, account_id)
        house = await house_for(self._store, self._house, account_id)
        addresses = sorted({one.address for one in those})
        shown = notices.ADDRESSES if addresses == [ANYWHERE] else ", ".join(addresses)

        def write(to: str) -> bytes:
            token = self._clock.token(TOKEN_OCTETS)
            return notices.begun(house, owner, to, shown, token=token, now=self._clock.now())

        await self._post.send((principal.address, private), write, counts)
