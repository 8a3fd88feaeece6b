"""People are told: that an account waits for them, that it will be closed, that a password is to be renewed."""

from collections.abc import Callable

import structlog

from mailserver.background.housekeeping.sending import Post, each
from mailserver.background.housekeeping.states import ORIGIN
from mailserver.delivery.list_copy import Head
from mailserver.foundation.settings import Settings
from mailserver.login.passwords import renewal
from mailserver.model.clock import DAY, Clock
from mailserver.model.identity import Directory, Principal
from mailserver.notices.accounts import closing, passwords, welcome
from mailserver.notices.house import House, house_for
from mailserver.notices.mail import lists as notes
from mailserver.store.account import accounts, renewals
from mailserver.store.account.accounts import Standing
from mailserver.store.account.renewals import Due
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.store.people.mailing_lists.lists import ListEntry
from mailserver.store.record import audit
from mailserver.store.record.audit import Action
from mailserver.store.upkeep import caretaking
from mailserver.texts.causes import Cause

log = structlog.get_logger("housekeeping")

WELCOMES = 10
"""Creation notices of one round, so about as many a second: an import of 330,000 people is told of in nine hours,
and no other server sees a flood."""
NOTICES = 20
"""Notices of closings and renewals of one round."""
LIST_NOTICE = 14 * DAY
"""How long before its end a list's owners are told."""
TOLD_MEMBERS = 100
"""Members of whom one notice tells."""
TOKEN_OCTETS = 12


class Letters:
    """Writes to people."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, post: Post, house: House, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._post = post
        self._house = house
        self._clock = clock

    # ------------------------------------------------------------------ creation

    async def welcome(self) -> int:
        """Tell new people at their private address; how many were looked at."""
        return await each(await self._store.read(caretaking.welcomes, WELCOMES), self._welcome)

    async def _welcome(self, account_id: int) -> None:
        principal, standing = await self._who(account_id)
        if principal is None or standing is None or not standing.recovery_address:
            await self._store.write(caretaking.forget_welcome, account_id)
            return
        new = welcome.NewAccount(
            principal.name, principal.login, principal.address, principal.role, standing.recovery_address
        )

        def counts(tx: Tx) -> bool:
            if not caretaking.welcomed(tx, account_id, new.private_address):
                return False
            audit.record(tx, ORIGIN, Action.WELCOMED, account_id)
            return True

        def write(_: str) -> bytes:
            return welcome.build(self._house, new, token=self._token(), now=self._clock.now())

        if await self._post.send([new.private_address], write, counts):
            log.info("creation notice", account=account_id)

    # ------------------------------------------------------------------ closing

    async def closing(self) -> int:
        """Tell people that their account will be closed; how many were looked at."""
        days = self._settings.accounts.closing_notices
        return await each(await self._store.read(caretaking.closing_notices, days, NOTICES), self._closing)

    async def _closing(self, account_id: int) -> None:
        """One notice, however many of its days have passed: whoever missed the first is not told twice at once."""
        principal, standing = await self._who(account_id)
        if standing is None or not standing.close_at:
            return
        now = self._clock.now()
        ahead = standing.close_at - now
        count = sum(ahead <= day * DAY for day in caretaking.descending(self._settings.accounts.closing_notices))
        end = standing.erase_at or standing.close_at + self._settings.accounts.grace_days * DAY
        addresses = [principal.address, standing.recovery_address] if principal is not None else []
        name = principal.name if principal is not None else standing.login
        address = principal.address if principal is not None else ""
        what = closing.Closing(name, standing.login, address, standing.close_at, end)
        counts = self._counting(account_id, "closing", lambda tx: caretaking.told(tx, account_id, what.close_at, count))

        house = await house_for(self._store, self._house, account_id)

        def write(to: str) -> bytes:
            return closing.build(house, what, to, token=self._token(), now=now)

        if await self._post.send(addresses, write, counts):
            log.info("closing notice", account=account_id, number=count)

    # ------------------------------------------------------------------ renewal of passwords

    async def renewal(self) -> int:
        """Tell people whose password is to be renewed; how many were looked at, NOTICES at most."""
        told = 0
        async for one, count in renewal.due(self._store, self._settings.passwords, self._clock.now()):

            async def tell(_: int, one: Due = one, count: int = count) -> None:
                await self._renewal(one, count)

            told += await each([one.account_id], tell)  # a failure is logged with the number alone
            if told >= NOTICES:
                break
        return told

    async def _renewal(self, one: Due, count: int) -> None:
        principal = await self._directory.by_account(one.account_id)
        counts = self._counting(one.account_id, "renewal", lambda tx: renewals.noticed(tx, one, count))
        if principal is None:
            await self._post.send([], lambda _: b"", counts)
            return
        owner = passwords.Owner(principal.name, principal.login, principal.address)

        house = await house_for(self._store, self._house, one.account_id)

        def write(to: str) -> bytes:
            return passwords.renewal(house, owner, to, one.end, token=self._token(), now=self._clock.now())

        if await self._post.send([principal.address, one.recovery_address], write, counts):
            log.info("renewal notice", account=one.account_id, number=count)

    # ------------------------------------------------------------------ lists that end

    async def endings(self) -> int:
        """Tell the owners of lists that end within two weeks; how many lists were looked at."""
        return await each(await self._store.read(lists.ending, LIST_NOTICE, NOTICES), self._ending)

    async def _ending(self, entry: ListEntry) -> None:
        what = notes.Ending(entry.address, entry.name, entry.ends)

        def counts(tx: Tx) -> bool:
            if not lists.told_of_end(tx, entry.address, entry.ends):
                return False
            audit.record(tx, ORIGIN, Action.NOTIFIED, 0, Cause("list-ending", address=entry.address))
            return True

        def write(to: str) -> bytes:
            return notes.ending(self._house, what, to, token=self._token(), now=self._clock.now())

        if await self._post.send([Head(entry.address, entry.name).owner], write, counts):
            log.info("list ending notice", list=entry.address)

    async def ended_members(self) -> int:
        """Tell owners of members outside to whom their list sends nothing any more; how many lists were looked at."""
        return await each(await self._store.read(outside_members.untold, NOTICES), self._ended_members)

    async def _ended_members(self, address: str) -> None:
        found = await self._store.read(outside_members.untold_of, address, TOLD_MEMBERS)
        entry = await self._store.read(lists.get, address)
        what = notes.Ended(address, entry.name if entry is not None else address, tuple(one.member for one in found))
        numbers = [one.id for one in found]

        def counts(tx: Tx) -> bool:
            if not outside_members.tell(tx, numbers):
                return False
            audit.record(tx, ORIGIN, Action.NOTIFIED, 0, Cause("list-members-ended", address=address, count=len(found)))
            return True

        def write(to: str) -> bytes:
            return notes.ended(self._house, what, to, token=self._token(), now=self._clock.now())

        if await self._post.send([Head(address, what.name).owner], write, counts):
            log.info("owners told of members who get nothing any more", list=address, count=len(found))

    # ------------------------------------------------------------------ shared

    async def _who(self, account_id: int) -> tuple[Principal | None, Standing | None]:
        return await self._directory.by_account(account_id), await self._store.read(accounts.get, account_id)

    def _counting(self, account_id: int, what: str, count: Callable[[Tx], bool]) -> Callable[[Tx], bool]:
        """The counter with its audit row."""

        def counts(tx: Tx) -> bool:
            if not count(tx):
                return False
            audit.record(tx, ORIGIN, Action.NOTIFIED, account_id, Cause("notice", notice=(what,)))
            return True

        return counts

    def _token(self) -> bytes:
        return self._clock.token(TOKEN_OCTETS)
