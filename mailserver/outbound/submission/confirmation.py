"""Letters that give something away to the outside wait until their author confirms them (`mailserver.policy.dlp`).

One that is confirmed is submitted as if it were sent then: who may write to whom, how much its author may send, and
viruses are asked about again. What is found is known while it is looked for and while its author's page is made; the
store keeps of what kind it was.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.delivery.outgoing_guard import Unasked
from mailserver.foundation.settings import Settings
from mailserver.mime.writing.fields import Correspondent
from mailserver.mime.writing.trace_fields import return_path
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Refused
from mailserver.model.identity import Directory, Principal
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import Sender
from mailserver.notices.house import House, house_for, house_of
from mailserver.notices.mail import outgoing
from mailserver.outbound.submission.routing import Route
from mailserver.policy.dlp.checker import Looked
from mailserver.store.account import accounts
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, messages
from mailserver.store.queue import outbox, traces
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.held.unconfirmed import Submitted, Unconfirmed
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import Cause

log = structlog.get_logger("submit")

PERIOD = 60.0
NOBODY = Origin("service", "internal")


class Confirmation:
    """Looks at what leaves, lets it wait, and forgets what nobody confirmed. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, directory: Directory, delivery: Delivery, clock: Clock
    ) -> None:
        self._settings = settings
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._clock = clock
        self._folder = store.blobs
        self._house = house_of(settings)
        self._upkeep = TrustedClock(store, clock)

    async def findings(self, principal: Principal | None, route: Route, octets: bytes) -> Looked:
        """What of a letter its author has to confirm: nothing where it stays in the academy, whoever of a list's
        owners lets it pass. Raises Temporary."""
        if principal is None:
            return Looked()
        if not await self._delivery.guard.leaves(route.local, route.remote, Sender.person(principal)):
            return Looked()
        return replace(await self.look(principal, octets), leaves=True)

    async def check_unasked(self, principal: Principal, route: Route, octets: bytes) -> None:
        """Of a letter that stayed in the academy when it was written, so that its author was asked nothing.

        Raises Unasked: they would have to be asked now; Temporary.
        """
        looked = await self.findings(principal, route, octets)
        if looked.found:
            raise Unasked(looked.kinds, principal.account_id)

    async def look(self, principal: Principal, octets: bytes) -> Looked:
        """The same wherever it goes."""
        return await self._delivery.guard.look(principal, octets)

    def expires(self) -> int:
        """Until when a letter waits that begins to now."""
        return int(self._clock.now()) + self._settings.guards.confirm_days * DAY

    async def hold(
        self,
        principal: Principal,
        submitted: Submitted,
        octets: bytes,
        unread: Sequence[str] = (),
        within: Callable[[Tx], None] | None = None,
    ) -> None:
        """Let a letter wait, and tell its author, as one unit: also what of it could not be read. `within` runs in it.

        Raises Refused(LIMIT), what `within` raises, Temporary.
        """
        kept = await self._delivery.prepare(octets)
        house, to = await self._speaking(principal)
        token, now = self._clock.token(12), self._clock.now()
        kinds, until = submitted.kinds, submitted.expires
        what = outgoing.Asked(kept.scan.subject, kinds, unread, until)
        said = outgoing.asked(house, to, what, token=token, now=now)
        parts = await self._part(principal.address, said)
        unit = partial(_hold, kept=kept, submitted=submitted, size=len(octets), within=within)
        await self._deliver(parts, unit, kept)
        log.info("waits for its author", id=submitted.name, account=principal.account_id, kinds=list(kinds))

    async def drop(self, waiting: Unconfirmed, origin: Origin) -> None:
        """Do not send a letter: its author says so. Raises Refused(NOT_FOUND), Temporary."""
        await self._store.write(_drop, [waiting], origin, "dropped")
        log.info("not confirmed", id=waiting.sent.name, account=waiting.sent.account_id)

    async def run(self) -> None:
        """Let go, in the background, of what nobody confirmed in time."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.expire()

    async def expire(self) -> int:
        """Let go of what nobody confirmed in time; how many letters. Nothing while the clock is in doubt."""
        count = 0
        while (batch := await self._store.read(unconfirmed.expired)) and await self._upkeep.may_go_on():
            by_author: dict[int, list[Unconfirmed]] = defaultdict(list)
            for one in batch:
                by_author[one.sent.account_id].append(one)
            for account_id, waiting in by_author.items():
                await self._expire(account_id, waiting)
            count += len(batch)
        return count

    async def _expire(self, account_id: int, waiting: Sequence[Unconfirmed]) -> None:
        author = await self._directory.by_account(account_id)
        parts: list[Part] = []
        if author is not None:
            house, to = await self._speaking(author)
            subjects = [one.subject for one in waiting]
            octets = outgoing.expired(house, to, subjects, token=self._clock.token(12), now=self._clock.now())
            parts = await self._part(author.address, octets)
        try:
            await self._deliver(parts, partial(_drop, waiting=waiting, origin=NOBODY, verdict="expired"))
        except Refused as refusal:  # somebody was faster with one of them: the next round has the rest
            log.info("already decided", account=account_id, why=refusal.reason.value)

    async def _deliver(self, parts: Sequence[Part], also: Callable[[Tx], list[str]], *more: blobs.Prepared) -> None:
        """Do something and tell of it in one unit; `also` returns files that it did not need."""
        async with self._delivery.discarding(*(part.prepared for part in parts), *more):
            unused = await self._store.write(_deliver, list(parts), also, self._settings.outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)

    async def _speaking(self, author: Principal) -> tuple[House, Correspondent]:
        house = await house_for(self._store, self._house, author.account_id)
        return house, Correspondent(author.name, author.address)

    async def _part(self, address: str, octets: bytes) -> list[Part]:
        try:
            found = await self._delivery.resolve(address)
        except Refused as refusal:
            log.info("notice not deliverable", why=refusal.reason.value)
            return []
        prepared = await self._delivery.prepare(return_path("") + octets)
        return [Part(prepared, "", found.accounts, found.remote, provenance=Provenance(Door.SERVICE))]


def record(tx: Tx, origin: Origin, account_id: int, name: str, kinds: Sequence[str], verdict: str) -> None:
    """Put on record that a letter with such things in it waits, or what its author decided; never what they are."""
    detail = Cause("confidential-letter", name=name, kinds=tuple(kinds), verdict=(verdict,))
    audit.record(tx, origin, Action.LETTER_CONFIRMED, account_id, detail)


def confirmed(tx: Tx, waiting: Unconfirmed, origin: Origin) -> None:
    """Within the unit that sends it: the letter waits no more. Raises Refused(NOT_FOUND): it did not any more."""
    unconfirmed.take(tx, waiting.sent.account_id, waiting.id)
    record(tx, origin, waiting.sent.account_id, waiting.sent.name, waiting.sent.kinds, "confirmed")


def let_wait(
    tx: Tx,
    origin: Origin,
    kinds: Sequence[str],
    account_id: int,
    letter: bytes,
    draft_id: int,
    final: blobs.Prepared,
    terms: outbox.Terms,
    due: int,
    quota: messages.Quota,
    *,
    planned: bool,
) -> tuple[int, bool] | None:
    """As `outbox.hold`; what its author has confirmed before that is on record. Raises Refused(AUTHENTICATION) as
    `accounts.still_in`."""
    accounts.still_in(tx, origin)
    held = outbox.hold(tx, account_id, letter, draft_id, final, terms, due, quota, planned=planned)
    if held is not None and kinds:
        record(tx, origin, account_id, final.scan.message_id, kinds, "confirmed")
    return held


def _hold(
    tx: Tx, kept: blobs.Prepared, submitted: Submitted, size: int, within: Callable[[Tx], None] | None
) -> list[str]:
    if within is not None:
        within(tx)
    content_id, used = messages.store_content(tx, kept)
    unconfirmed.hold(tx, content_id, submitted)
    addresses = [target.address for target in submitted.targets]
    step = Trace(
        *(Step.HELD, submitted.name, submitted.reverse_path, addresses, size, submitted.account_id),
        message_id=kept.scan.message_id,
    )
    traces.record(tx, step)
    record(tx, NOBODY, submitted.account_id, submitted.name, submitted.kinds, "asked")
    return [kept.file] if kept.file is not None and not used else []


def _drop(tx: Tx, waiting: Sequence[Unconfirmed], origin: Origin, verdict: str) -> list[str]:
    for one in waiting:
        sent = one.sent
        unconfirmed.take(tx, sent.account_id, one.id)
        traces.record(tx, Trace(Step.DROPPED, sent.name, sent.reverse_path, one.addresses, one.size, sent.account_id))
        record(tx, origin, sent.account_id, sent.name, sent.kinds, verdict)
    return []


def _deliver(tx: Tx, parts: list[Part], also: Callable[[Tx], list[str]], lifetime: int) -> list[str]:
    unused = also(tx)
    return unused + (deliver_parts(tx, parts, {}, lifetime)[1] if parts else [])
