"""Owners are told that a filter of theirs may send mail on to an address that is new: whoever got hold of an account
does this first, and by any door. A forward whose address has refused for long ends."""

from collections.abc import Callable, Sequence

from mailserver.background.housekeeping.sending import Post, each
from mailserver.model.clock import Clock
from mailserver.model.identity import Directory
from mailserver.notices.accounts.passwords import Owner
from mailserver.notices.house import House, house_for
from mailserver.notices.mail import forwards as notices
from mailserver.store.account import forward_targets, recoveries
from mailserver.store.account.forward_targets import ANYWHERE, SentOn
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.access import boxes
from mailserver.texts.text import Text

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
        found: dict[int, list[SentOn]] = {}
        for one in await self._store.read(forward_targets.untold, TOLD):
            found.setdefault(one.account_id, []).append(one)

        async def tell(account_id: int) -> None:
            await self._tell(account_id, found[account_id])

        await each(sorted(found), tell)  # a failure is logged with the number: where mail goes is nobody's business
        return sum(map(len, found.values()))

    async def _tell(self, account_id: int, those: Sequence[SentOn]) -> None:
        """One owner, of all of them together, at the mailbox and at the private address."""

        def counts(tx: Tx) -> bool:
            return sum(forward_targets.told(tx, one.id) for one in those) > 0

        addresses = sorted({one.address for one in those})
        shown = notices.ADDRESSES if addresses == [ANYWHERE] else ", ".join(addresses)
        principal = await self._directory.by_account(account_id)
        if principal is None:
            await self._tell_holders(account_id, shown, counts)
            return
        owner = Owner(principal.name, principal.login, principal.address)
        private = await self._store.read(recoveries.address, account_id)
        house = await house_for(self._store, self._house, account_id)

        def write(to: str) -> bytes:
            token = self._clock.token(TOKEN_OCTETS)
            return notices.begun(house, owner, to, shown, token=token, now=self._clock.now())

        await self._post.send((principal.address, private), write, counts)

    async def _tell_holders(self, account_id: int, shown: str | Text, counts: Callable[[Tx], bool]) -> None:
        """Those of a functional box: in its INBOX, and whoever manages it. Who is gone cannot be told."""
        address, managers = await self._store.read(boxes.told, account_id)

        def write(to: str) -> bytes:
            token = self._clock.token(TOKEN_OCTETS)
            return notices.box_begun(self._house, address, to, shown, token=token, now=self._clock.now())

        await self._post.send((address, *managers), write, counts)
