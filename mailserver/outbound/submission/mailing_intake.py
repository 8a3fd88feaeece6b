"""A message that is a mailing is kept, and who may approve it is told."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from mailserver.delivery import Delivery, Part
from mailserver.delivery.held.mailing_approval import MailingApproval
from mailserver.delivery.mailing_reach import MailingReach, Size
from mailserver.foundation.settings import Settings
from mailserver.model import days
from mailserver.model.clock import DAY, Clock
from mailserver.model.identity import Principal
from mailserver.notices.mail import mailings as notices
from mailserver.outbound.submission.departure import Leaving, Taken
from mailserver.outbound.submission.routing import Rerouted, Route
from mailserver.policy.rules.mailings import needs_approval
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import Day, Mailing, Wanted
from mailserver.store.queue.mailings.mailing_counts import Reach

TENTH = 10
FEW = 20
"""Newcomers who make no other mailing of one, however small it is."""


@dataclass(frozen=True, slots=True)
class Again:
    """How many it reaches by now, and the mail to those who are asked about it."""

    people: int
    outside: int
    reach: str
    audience: bytes
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
        self._approval = MailingApproval(settings=settings, store=store, delivery=delivery, clock=clock)

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
            audience=await self._reach.audience(size),
            cleared=leaving.envelope.cleared,
        )
        to = wanted.people + wanted.outside
        about = notices.About(wanted.subject, to, f"{principal.name} <{principal.address}>", wanted.expires)
        told = await self._approval.told(principal, about, reach) if size.approval else []
        return Taken(wanted, told, self.day(max(now, due)))

    async def again(self, one: Mailing, author: Principal | None, to: Rerouted) -> Again | None:
        """One that reaches many by now whom nobody let pass, so that a second person is asked; None: it does not.

        Lists change while a mailing waits for its time: they grow, or others stand there. Raises Temporary.
        """
        size = await self._reach.size(one.population, to.local, to.remote)
        if size is None or not await self._is_another(one, size):
            return None
        reach = await self._reach.reach(size, to.local, author)
        expires = int(self._clock.now()) + self._settings.mailings.approval_days * DAY
        sender = f"{author.name} <{author.address}>" if author is not None else one.reverse_path
        told = await self._approval.told(author, notices.About(one.subject, size.people, sender, expires), reach)
        audience = await self._reach.audience(size)
        return Again(len(size.accounts), size.outside, reach.text(), audience, expires, told)

    async def _is_another(self, one: Mailing, size: Size) -> bool:
        """Whether those who get it are not those it was let pass for: twice as many, or a tenth of it new."""
        known = one.people + one.outside
        if not needs_approval(self._settings, known):
            return needs_approval(self._settings, size.people)
        if size.people > 2 * known:
            return True
        return await self._reach.newcomers(one.id, size) > max(FEW, known // TENTH)

    def day(self, moment: float) -> Day:
        """The day of a moment where the academy is, and how many mailings of one account may leave on it."""
        zone = ZoneInfo(self._settings.web.timezone)
        return Day(*days.bounds(moment, zone), self._settings.mailings.per_day)
