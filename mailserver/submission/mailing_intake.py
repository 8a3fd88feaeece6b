"""A message that is a mailing is kept, and who may approve it is told."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from mailserver.delivery import Delivery, Part
from mailserver.delivery.mailing_reach import MailingReach, Size
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices import mailings as notices
from mailserver.notices.house import house_for, house_of
from mailserver.rules.mailings import needs_approval
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import mailings
from mailserver.store.queue.mailing_counts import Reach
from mailserver.store.queue.mailings import Mailing, Wanted
from mailserver.submission.departure import Leaving, Taken
from mailserver.submission.routing import Rerouted, Route

log = structlog.get_logger("submit")


@dataclass(frozen=True, slots=True)
class Again:
    """How many it reaches by now, and the mail to those who are asked about it."""

    people: int
    outside: int
    reach: str
    expires: int
    notices: list[Part]


class MailingIntake:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._reach = MailingReach(settings=settings, store=store)
        self._house = house_of(settings)

    async def size(self, principal: Principal | None, route: Route) -> Size | None:
        """How many get a message of this person; None: it is no mailing. Raises Temporary."""
        if principal is None:
            return None
        return await self._reach.size(principal.role.population, route.local, route.remote)

    async def preview(self, principal: Principal, size: Size, route: Route) -> Reach:
        """Who gets it, as its author may know. Raises Temporary."""
        return await self._reach.reach(size, route.local, principal)

    async def taken(self, leaving: Leaving, size: Size, route: Route, subject: str, due: int) -> Taken:
        """What is kept of it. Raises Temporary."""
        principal, now = leaving.principal, int(self._clock.now())
        assert principal is not None
        reach = await self.preview(principal, size, route)
        wanted = Wanted(
            account_id=principal.account_id,
            population=principal.role.population,
            subject=subject.replace("\0", "").encode("utf-8", "replace").decode("utf-8"),
            size=len(leaving.whole),
            reverse_path=leaving.envelope.reverse_path,
            targets=leaving.recipients,
            options=leaving.options,
            came=leaving.envelope.provenance,
            people=len(size.accounts),
            outside=size.outside,
            reach=reach.text(),
            state=mailings.State.WAITING if size.approval else mailings.State.APPROVED,
            expires=max(now, due) + self._settings.mailings.approval_days * DAY,
            due=due,
        )
        to = wanted.people + wanted.outside
        about = notices.About(wanted.subject, to, f"{principal.name} <{principal.address}>", wanted.expires)
        told = await self._told(principal, about, reach) if size.approval else []
        return Taken(wanted, told, self._midnight(now), self._settings.mailings.per_day)

    async def again(self, one: Mailing, author: Principal | None, to: Rerouted) -> Again | None:
        """One that reaches many more by now than anybody let pass, so that a second person is asked; None: it does not.

        Lists grow while a mailing waits for its time. Raises Temporary.
        """
        known, size = one.people + one.outside, await self._reach.size(one.population, to.local, to.remote)
        passed = 2 * known if needs_approval(self._settings, known) else self._settings.mailings.approval_above
        if size is None or size.people <= passed:
            return None
        reach = await self._reach.reach(size, to.local, author)
        expires = int(self._clock.now()) + self._settings.mailings.approval_days * DAY
        sender = f"{author.name} <{author.address}>" if author is not None else one.reverse_path
        told = await self._told(author, notices.About(one.subject, size.people, sender, expires), reach)
        return Again(len(size.accounts), size.outside, reach.text(), expires, told)

    def _midnight(self, now: int) -> int:
        here = datetime.fromtimestamp(now, ZoneInfo(self._settings.web.timezone))
        return int(here.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())

    async def _told(self, author: Principal | None, about: notices.About, reach: Reach) -> list[Part]:
        """To its author, and to everybody who may approve it."""
        now = self._clock.now()
        mine = await self._part((author.account_id,), await self._waits(author, about)) if author is not None else []
        postmaster = f"postmaster@{self._settings.domain}"
        theirs = notices.to_approve(self._house, postmaster, about, token=self._clock.token(12), now=now)
        approvers = await approving(self._delivery, reach.lists)
        others = tuple(sorted(approvers - {author.account_id if author is not None else 0}))
        return [*mine, *await self._part(others, theirs)]

    async def _waits(self, author: Principal, about: notices.About) -> bytes:
        house = await house_for(self._store, self._house, author.account_id)
        to = Correspondent(author.name, author.address)
        return notices.waits(house, to, about, token=self._clock.token(12), now=self._clock.now())

    async def _part(self, accounts: tuple[int, ...], octets: bytes) -> list[Part]:
        if not accounts:
            return []
        prepared = await self._delivery.prepare(return_path("") + octets)
        return [Part(prepared, "", accounts, provenance=Provenance(Door.SERVICE))]


async def approving(
    delivery: Delivery, lists: tuple[str, ...], known: dict[str, frozenset[int]] | None = None
) -> set[int]:
    """The accounts of those who may approve a mailing to these lists: administrators, and who owns every one of them.
    The owner of one speaks for nobody of the others.

    `known`: what was found out of some of them, for who asks about several mailings at once.
    """
    known = {} if known is None else known
    for address in ("postmaster", *lists):
        if address not in known:
            known[address] = await _accounts(delivery, address)
    owners = [known[address] for address in lists]
    return set(known["postmaster"] | (frozenset.intersection(*owners) if owners else frozenset()))


async def _accounts(delivery: Delivery, address: str) -> frozenset[int]:
    try:
        asked = delivery.moderators(address) if "@" in address else delivery.resolve(address)
        return frozenset((await asked).accounts)
    except Refused as refusal:  # the list is gone, or there is no administrator
        log.info("nobody to ask", address=address, why=refusal.reason.value)
        return frozenset()
