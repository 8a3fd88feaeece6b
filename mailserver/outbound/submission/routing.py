"""Who gets a message that somebody sends: the recipients parted in ours and others'.

A person's own lists are replaced by their members here; the academy's lists are `deliver`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from mailserver.delivery import Delivery, Recipient
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal
from mailserver.model.rules import Denied, Sender
from mailserver.store.engine.transactions import Store
from mailserver.store.people.mailing_lists import personal_lists
from mailserver.store.queue.spool import Target

log = structlog.get_logger("submit")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a message goes."""

    local: tuple[Recipient, ...]
    remote: tuple[Target, ...]


@dataclass(slots=True)
class Rerouted:
    """Where a message that waited goes."""

    local: list[Recipient] = field(default_factory=list)
    remote: list[Target] = field(default_factory=list)
    here: list[Target] = field(default_factory=list)
    """The recipients that led to people of this house."""
    left: list[str] = field(default_factory=list)
    """Who cannot get it."""

    @property
    def outside(self) -> list[str]:
        """Every address elsewhere."""
        return [*(one.address for one in self.remote), *(address for one in self.local for address in one.remote)]


class Routing:
    """Asks about recipients. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery) -> None:
        self._store = store
        self._delivery = delivery
        self._limits = settings.limits
        self._domain = settings.domain
        self._domains = frozenset(domain.lower() for domain in settings.domains)

    async def route(self, principal: Principal | None, recipients: Sequence[str | Target], size: int = 0) -> Route:
        """Part the recipients in ours and others'; a person's own lists are replaced by their members.

        Asks whether this person may write to each. `principal` None: the service itself, which may.
        Raises Refused and Denied with the address in front, Temporary.
        """
        sender = Sender.person(principal) if principal else None
        local: list[Recipient] = []
        remote: list[Target] = []
        for recipient in recipients:
            target = Target(recipient) if isinstance(recipient, str) else recipient
            try:
                await self._take(principal, sender, target, size, local, remote)
            except Denied as denied:
                raise denied.about(target.address) from None
            except Refused as refusal:
                raise Refused(refusal.reason, f"{target.address}: {refusal.text}") from None
        if len(local) + len(remote) > self._limits.recipients:
            raise Refused(Reason.TOO_MANY_RECIPIENTS, "Too many recipients")
        return Route(tuple(local), tuple(remote))

    async def again(self, author: Principal, targets: Sequence[Target]) -> Rerouted:
        """Who gets a message that waited, and who cannot any more. Raises Refused: that is nobody, or too many;
        Temporary."""
        found = Rerouted()
        first: Refused | None = None
        for target in targets:
            try:
                route = await self.route(author, [target])
            except Refused as refusal:
                found.left.append(target.address)
                first = first or refusal
                continue
            found.local += route.local
            found.remote += route.remote
            found.here += [target] if route.local else []
        if first is not None and len(found.left) == len(targets):
            raise first
        # The author's own lists are read again, and may have grown while it waited.
        if len(found.local) + len(found.remote) > self._limits.recipients:
            raise Refused(Reason.TOO_MANY_RECIPIENTS, "Too many recipients")
        return found

    async def recipient(self, principal: Principal, address: str, size: int = 0) -> Recipient | None:
        """One recipient as soon as it is named; None: somebody elsewhere, or a list of the person's own.

        Raises Refused, Denied, Temporary.
        """
        local: list[Recipient] = []
        await self._take(principal, Sender.person(principal), Target(address), size, local, [])
        return next((one for one in local if one.address == address), None)

    async def _take(
        self,
        principal: Principal | None,
        sender: Sender | None,
        target: Target,
        size: int,
        local: list[Recipient],
        remote: list[Target],
    ) -> None:
        """Put one recipient where it belongs. Raises Refused, Denied, Temporary."""
        members = await self._own_list(principal, target.address)
        if members is not None:
            await self._take_members(principal, sender, replace(target, orcpt=""), members, size, local, remote)
        elif self._delivery.is_local(target.address):
            local.append(await self._delivery.resolve(target.address, size, sender))
        else:
            await self._delivery.check_outside(sender)
            remote.append(target)

    async def _take_members(
        self,
        principal: Principal | None,
        sender: Sender | None,
        target: Target,
        members: Sequence[str],
        size: int,
        local: list[Recipient],
        remote: list[Target],
    ) -> None:
        """The members of a person's own list. One that takes no mail now is left out and logged; a rule refuses all.

        Raises Refused(NO_SUCH_RECIPIENT) when nobody is left.
        """
        before = len(local) + len(remote)
        for member in members:
            try:
                if self._delivery.is_local(member):
                    local.append(await self._delivery.resolve(member, size, sender))
                else:
                    await self._delivery.check_outside(sender)
                    remote.append(replace(target, address=member))
            except Denied as denied:
                raise denied.about(member) from None
            except Refused as refusal:
                log.info("personal list member left out", account=principal and principal.account_id, why=refusal.text)
        if len(local) + len(remote) == before:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "Nobody on this list can receive")

    async def _own_list(self, principal: Principal | None, address: str) -> Sequence[str] | None:
        """The members behind `login+liste.key@domain` of the person themselves; None for any other address."""
        local, _, domain = fold_login(address).rpartition("@")
        base, _, detail = local.partition("+")
        if principal is None or not detail.startswith(personal_lists.PREFIX) or domain not in self._domains:
            return None
        if base != principal.login.casefold() and not principal.owns(f"{base}@{self._domain}"):
            return None
        key = detail.removeprefix(personal_lists.PREFIX)
        members = await self._store.read(personal_lists.members_of, principal.account_id, key)
        if members is None:
            raise Refused(Reason.NO_SUCH_RECIPIENT, "You have no list of this name")
        return members
