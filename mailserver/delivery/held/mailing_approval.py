"""Who may let a mailing pass, and the mail that asks them, as parts of the unit that keeps it."""

import structlog

from mailserver.delivery.deliver import Delivery
from mailserver.delivery.envelope import Part
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.notices.house import house_for, house_of
from mailserver.notices.mail import mailings as notices
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.mailings.mailing_counts import Reach

log = structlog.get_logger("submit")


class MailingApproval:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._house = house_of(settings)

    async def told(self, author: Principal | None, about: notices.About, reach: Reach) -> list[Part]:
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
