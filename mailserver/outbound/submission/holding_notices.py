"""The mail about what waits because an account has sent more than is usual, as parts of the unit that decides it."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import structlog

from mailserver.delivery import Delivery, Part
from mailserver.foundation.settings import Settings
from mailserver.mime.writing import compose, dsn
from mailserver.mime.writing.dsn import Fate, Report
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules.sentences import exceeded
from mailserver.model.sending.sending_limits import Judged
from mailserver.notices.house import House, house_for, house_of
from mailserver.notices.mail import sending
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.spool import Notify, Options, Target

log = structlog.get_logger("submit")


@dataclass(frozen=True, slots=True)
class ReportTo:
    """Who wants to hear of a message that waited, and how they are told."""

    reverse_path: str
    envid: str
    arrival: int
    require_tls: bool
    """What comes back is protected as what went (RFC 8689 section 5)."""


class HoldingNotices:
    """Writes them. One per worker."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._house = house_of(settings)

    async def held(self, principal: Principal, judged: Judged, expires: int) -> list[Part]:
        """To its owner and to IT: an account's messages wait. Raises Temporary."""
        why, now = exceeded(judged, judged.mark.hold), self._clock.now()
        house, to = await self._speaking(principal), Correspondent(principal.name, principal.address)
        mine = sending.held(house, to, why, expires, token=self._clock.token(12), now=now)
        postmaster = f"postmaster@{self._settings.domain}"
        theirs = sending.told(self._house, postmaster, principal.login, why, token=self._clock.token(12), now=now)
        return [*await self._part(principal.address, mine), *await self._part(postmaster, theirs)]

    async def dropped(self, principal: Principal, subjects: list[str]) -> list[Part]:
        """To the owner: these were not sent. Raises Temporary."""
        house, to = await self._speaking(principal), Correspondent(principal.name, principal.address)
        octets = sending.dropped(house, to, subjects, token=self._clock.token(12), now=self._clock.now())
        return await self._part(principal.address, octets)

    async def partly(self, principal: Principal, subject: str, left: list[str]) -> list[Part]:
        """To the owner: it left, but not for everybody. Raises Temporary."""
        house, to = await self._speaking(principal), Correspondent(principal.name, principal.address)
        octets = sending.partly(house, to, subject, left, token=self._clock.token(12), now=self._clock.now())
        return await self._part(principal.address, octets)

    async def delivered(self, asked: ReportTo, reached: Sequence[Target], octets: bytes) -> list[Part]:
        """To who asked for it: recipients here have what waited (RFC 3461 section 5.2.3). Raises Temporary."""
        wanted = [one for one in reached if one.notify & Notify.SUCCESS]
        if not wanted or not asked.reverse_path:
            return []
        try:
            to = await self._delivery.report_recipient(asked.reverse_path)
        except Refused as refusal:
            log.info("report has nobody to go to", why=refusal.reason.value)
            return []
        now = self._clock.now()
        report = Report(
            domain=self._settings.domain,
            host=self._settings.name,
            recipient=asked.reverse_path,
            date=now,
            message_id=compose.message_id(self._clock.token(12), self._settings.domain),
            fates=tuple(
                Fate(one.address, dsn.Action.DELIVERED, "2.1.5", orcpt=one.orcpt, last_attempt=now) for one in wanted
            ),
            arrival=asked.arrival,
            envid=asked.envid,
            language=await self._delivery.language(to),
            zone=ZoneInfo(self._settings.web.timezone),
        )
        written = return_path("") + dsn.build(report, octets[: dsn.MAX_RETURNED])
        prepared = await self._delivery.prepare(written)
        options = Options(require_tls=asked.require_tls)
        return [Part(prepared, "", to.accounts, to.remote, options, provenance=Provenance(Door.SERVICE))]

    async def _speaking(self, principal: Principal) -> House:
        return await house_for(self._store, self._house, principal.account_id)

    async def _part(self, address: str, octets: bytes) -> list[Part]:
        try:
            found = await self._delivery.resolve(address)
        except Refused as refusal:
            log.info("notice not deliverable", why=refusal.reason.value)
            return []
        prepared = await self._delivery.prepare(return_path("") + octets)
        return [Part(prepared, "", found.accounts, found.remote, provenance=Provenance(Door.SERVICE))]
