"""Who somebody is to lists of rights: their own identifier, and the groups they are in; and which identifiers exist.

A group is a list's address behind a `$`, `$enseignants.0219801p@ac-exemple.fr`: lists are the directory's, so this asks
the port. Members are asked for only where some list of rights names the group, and believed for a few seconds.
"""

from collections.abc import Sequence
from typing import Protocol

from mailserver.foundation.changes import Changes
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import ListKind, Principal, Roster
from mailserver.store.engine.transactions import Store
from mailserver.store.mail import access
from mailserver.store.mail.access import ANYONE, GROUP, Viewer
from mailserver.store.record.notices import DIRECTORY

BELIEVED = 2.0
"""Seconds."""
MAX_GROUPS = 500
MAX_IDENTIFIER = 500


class People(Protocol):
    """What is asked of a directory (`mailserver.model.identity.Directory`)."""

    async def find(self, login: str) -> Principal | None: ...

    async def rosters(self, address: str) -> Sequence[Roster]: ...


class Sharing:
    """One per worker."""

    def __init__(self, *, directory: People, store: Store, changes: Changes, clock: Clock, domain: str) -> None:
        self._directory = directory
        self._store = store
        self._clock = clock
        self._domain = domain
        self._members: dict[str, tuple[float, frozenset[int]]] = {}
        self._named: list[str] | None = None
        self._heard = 0
        changes.subscribe("account", DIRECTORY, self._forget)

    def _forget(self) -> None:
        """People, lists or rights moved; what was asked within the last seconds is still believed."""
        self._heard += 1
        self._named = None
        now = self._clock.monotonic()
        self._members = {group: kept for group, kept in self._members.items() if kept[0] >= now}

    async def viewer(self, principal: Principal) -> Viewer:
        """Somebody with the groups they are in now; asks nothing where no rights name a group. Raises Temporary."""
        named = self._named
        if named is None:
            heard = self._heard
            named = (await self._store.read(access.groups))[:MAX_GROUPS]
            self._named = named if heard == self._heard else None
        mine = [group for group in named if principal.account_id in await self._members_of(group)]
        return Viewer.of(principal.account_id, fold_login(principal.login), mine)

    async def _members_of(self, group: str) -> frozenset[int]:
        kept = self._members.get(group)
        if kept is not None and kept[0] >= self._clock.monotonic():
            return kept[1]
        rosters = await self._directory.rosters(group.removeprefix(GROUP))
        found = frozenset(account for roster in rosters for account in (*roster.accounts, *roster.absent))
        if len(self._members) >= MAX_GROUPS:
            self._members.clear()
        self._members[group] = self._clock.monotonic() + BELIEVED, found
        return found

    async def identifier(self, text: str) -> str:
        """An identifier as lists of rights keep it: `anyone`, a login (any address of the person), `$` and a list,
        the address of a functional box.

        Raises Refused(INVALID) when there is nobody and nothing of this name (RFC 4314 section 3.1), Temporary.
        """
        if text.casefold() == ANYONE:
            return ANYONE
        if not text or len(text) > MAX_IDENTIFIER:
            raise Refused(Reason.INVALID, "No such identifier")
        if text.startswith(GROUP):
            address = fold_login(text.removeprefix(GROUP))
            rosters = await self._directory.rosters(address if "@" in address else f"{address}@{self._domain}")
            if not rosters:
                raise Refused(Reason.INVALID, "No such group")
            return GROUP + rosters[0].address
        found = await self._directory.find(text)
        if found is not None:
            return fold_login(found.login)
        rosters = await self._directory.rosters(text if "@" in text else "")
        if not rosters:
            raise Refused(Reason.INVALID, "No such person")
        if rosters[0].kind is not ListKind.FUNCTION:
            raise Refused(Reason.INVALID, "No such person; a list has a $ before its address")
        return rosters[0].address  # as owner of its own mailboxes
