"""Renews the certificate by ACME when its time has come, and puts in place on this host what any host has obtained."""

import asyncio

import structlog

from mailserver.certificates import schedule
from mailserver.certificates.faults import NotObtained
from mailserver.certificates.obtaining import Obtaining
from mailserver.certificates.proofs import ACCOUNT_KEY
from mailserver.foundation.settings import Settings, SettingsError
from mailserver.model.clock import Clock
from mailserver.store.engine.transactions import Store
from mailserver.store.upkeep.certificates import waits

log = structlog.get_logger("certificates")

PERIOD = 60.0


class CertificateRenewal:
    """One per worker; a lease in the store lets one of all ask the authority."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._obtaining = Obtaining(settings=settings, store=store, clock=clock)
        self._said = ""

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(PERIOD)

    async def round(self) -> None:
        """Do what is due; nothing before an operator has agreed to the terms and asked for the first one."""
        if not self._settings.acme.agree_to_terms:
            return
        try:
            await self._obtaining.install()
            if await self._is_begun() and await self._renew():
                await self._obtaining.install()
            self._said = ""
        except (SettingsError, OSError) as error:
            if str(error) != self._said:  # once, not every minute
                log.error("certificate not put in place", why=str(error))
            self._said = str(error)

    async def _is_begun(self) -> bool:
        return await asyncio.to_thread(self._settings.has_secret, ACCOUNT_KEY)

    async def _renew(self) -> bool:
        """Whether there is a new certificate."""
        held, now = await self._obtaining.held(), self._clock.now()
        if waits(held.row.until, now) or waits(held.row.due, now):
            return False
        try:
            if schedule.is_wanted(held.row, held.pair, self._obtaining.names, now):
                await self._obtaining.obtain(due_only=True)
                return True
            if schedule.is_to_be_asked(held.row, now):
                await self._obtaining.ask_when()
        except NotObtained as problem:
            log.debug("no certificate now", fault=problem.fault.value)  # whoever tried has said why
        return False
