"""Letters that leave later: planned ones, and those that can still be called back.

One per worker goes round once a second. A letter is taken by one of them for a while (`store.queue.outbox.take`), but
what makes it leave once is that its row goes in the unit that submits it: of two workers, or of a worker and the person
who calls it back, the second finds no row and its unit does nothing. A worker that is killed leaves the row, and
another takes it when the lease has run out.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from mailserver.delivery import Delivery, Part, deliver_parts
from mailserver.foundation.settings import Settings
from mailserver.mime.writing import fields
from mailserver.mime.writing.fields import Correspondent
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused, Temporary
from mailserver.model.identity import Directory, Principal, State
from mailserver.model.rules import Denied
from mailserver.notices.house import house_for, house_of
from mailserver.notices.mail.outbox import not_sent
from mailserver.outbound.submission import became
from mailserver.outbound.submission.departure import Copy, Outcome
from mailserver.outbound.submission.holding_notices import ReportTo
from mailserver.outbound.submission.submit import Submission, TooEarly
from mailserver.outbound.submission.waiting.late_reports import LateReports
from mailserver.policy.viewers import Sharing
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs
from mailserver.store.mail.access import Viewer
from mailserver.store.queue import outbox
from mailserver.store.queue.outbox import FromProgram, Waiting
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.catalogue import NC_
from mailserver.texts.text import Text

log = structlog.get_logger("scheduled")

PERIOD = 1.0
"""Seconds between two looks."""
AGAIN = 60
"""Seconds after which a departure that failed for now is tried again."""
MAX_ATTEMPTS = 300
"""Of one letter: a directory that is out of reach for hours does not lose it, one for days does not hide it."""

_NOT_FROM_HERE = Text("Vous ne pouvez plus écrire avec cette adresse.")
_WHY = {
    Reason.TOO_BIG: Text(NC_("notice", "Le message est trop volumineux.")),
    Reason.TOO_MANY_RECIPIENTS: Text("Il y a trop de destinataires."),
    Reason.SUSPENDED: Text(NC_("notice", "Votre compte ne peut pas envoyer de messages.")),
    Reason.SENDER_NOT_OWNED: _NOT_FROM_HERE,
    Reason.FORBIDDEN: _NOT_FROM_HERE,
    Reason.NO_SUCH_RECIPIENT: Text("Un destinataire n'existe pas"),
    Reason.OVER_QUOTA: Text("La boîte d'un destinataire est pleine"),
}
_ABOUT_RECIPIENT = (Reason.NO_SUCH_RECIPIENT, Reason.OVER_QUOTA)


class ScheduledMail:
    """One per worker."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        directory: Directory,
        delivery: Delivery,
        submission: Submission,
        sharing: Sharing,
        clock: Clock,
    ) -> None:
        self._store = store
        self._directory = directory
        self._delivery = delivery
        self._submission = submission
        self._sharing = sharing
        self._clock = clock
        self._upkeep = TrustedClock(store, clock)
        self._house = house_of(settings)
        self._reports = LateReports(
            settings=settings, store=store, delivery=delivery, routing=submission.routing, clock=clock
        )
        self._folder = store.blobs
        self._outbound = settings.outbound

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            await self.round()
            await asyncio.sleep(PERIOD)

    async def round(self) -> int:
        """Let everything leave whose time has come; how many letters were looked at.

        What only a jump of the clock made due stays.
        """
        due = await self._store.read(outbox.due)
        if due and not await self._upkeep.may_go_on():
            due = await self._store.read(outbox.due_beyond_doubt)
        for number in due:
            try:
                await self.depart(number)
            except Refused as refusal:
                log.info("letter is a draft again", letter=number, why=refusal.reason.value)
        return len(due)

    async def depart(self, number: int, *, tell: bool = True) -> bool:
        """Send a letter whose time has come; False: another worker is at it, or it is gone.

        One that cannot leave is a draft again, its author is told by mail (unless `tell` is off), and Refused is
        raised with the reason. One that cannot leave now stays, and is tried again.
        """
        waiting = await self._store.write(outbox.take, number)
        return waiting is not None and await self._depart(waiting, tell=tell) is not None

    async def depart_early(self, number: int, account_id: int) -> Outcome | None:
        """The same before its time, for its author: what became of it. None: another is at it, it was called back, or
        it waits on."""
        waiting = await self._store.write(outbox.take_early, number, account_id)
        return None if waiting is None else await self._depart(waiting, tell=True)

    async def _depart(self, waiting: Waiting, *, tell: bool) -> Outcome | None:
        try:
            outcome = await self._send(waiting)
        except Refused as refusal:
            if refusal.reason is Reason.CONFLICT:
                return None
            if await self._reopen(waiting, refusal, tell):
                raise
            return None
        except TooEarly:
            await self._store.write(outbox.later, waiting, max(1, waiting.terms.due - int(self._clock.now())))
            return None
        except Temporary as error:
            await self._put_off(waiting, str(error), tell)
            return None
        except Exception:
            log.exception("letter failed to leave", letter=waiting.id)
            await self._put_off(waiting, "defect", tell)
            return None
        log.info("letter left", letter=waiting.id, account=waiting.account_id, became=became.of(outcome).value)
        return outcome

    async def _send(self, waiting: Waiting) -> Outcome:
        """Submit it: as one message, or (`apart`) as one for each recipient, each its own unit. What became of it; of
        several that differ, of one that waits."""
        terms = waiting.terms
        principal = await self._directory.by_account(waiting.account_id)
        if principal is None or principal.state is not State.ACTIVE:
            raise Refused(Reason.SUSPENDED)
        octets = await self._store.read(outbox.octets, waiting, self._folder)
        viewer = await self._sharing.viewer(principal)
        if terms.apart and not terms.looked_at:  # of several letters none leaves where one may not
            route = await self._submission.routing.route(principal, terms.recipients)
            await self._submission.confirmation.check_unasked(principal, route, octets)
        if not terms.apart:
            return await self._submit(waiting, principal, viewer, octets, terms.recipients, copied=terms.copied)
        told = Outcome("", waits=False)
        for place, recipient in enumerate(terms.recipients):
            alone = fields.addresses("To", [Correspondent("", recipient)]) + octets
            copied = terms.copied or place > 0
            one = await self._submit(waiting, principal, viewer, alone, (recipient,), copied=copied, copy=octets)
            told = told if told.waits else one
        return told

    async def _submit(
        self,
        waiting: Waiting,
        principal: Principal,
        viewer: Viewer,
        octets: bytes,
        recipients: Sequence[str],
        *,
        copied: bool,
        copy: bytes = b"",
    ) -> Outcome:
        terms = waiting.terms
        said = terms.program or FromProgram("", "")
        targets = terms.targets(recipients)
        outcome = await self._submission.submit(
            principal,
            terms.reverse_path,
            targets,
            octets,
            name=said.name,
            trace=said.trace.encode(),
            ret=said.ret,
            envid=said.envid,
            utf8=said.utf8,
            require_tls=terms.is_tls_required,
            save_to_sent=terms.copy_box >= 0 and not copied,
            confirmed=terms.looked_at,
            asks=terms.program is not None,
            copy=Copy(max(0, terms.copy_box), copy, viewer),
            within=partial(outbox.departed, waiting=waiting, reached=tuple(recipients), viewer=viewer),
            due=terms.due,
        )
        if terms.program is not None and not outcome.waits:
            asked = ReportTo(terms.reverse_path, said.envid, waiting.created, terms.is_tls_required)
            await self._reports.send(principal, asked, targets, octets)
        return outcome

    async def _put_off(self, waiting: Waiting, why: str, tell: bool) -> None:
        if waiting.attempts >= MAX_ATTEMPTS:
            await self._reopen(waiting, Refused(Reason.CANNOT, why), tell)
            return
        log.warning("letter waits", letter=waiting.id, why=why)
        await self._store.write(outbox.later, waiting, AGAIN)

    async def _reopen(self, waiting: Waiting, refusal: Refused, tell: bool) -> bool:
        """The letter is a draft again and its author has a notice, as one unit; False: it was called back."""
        parts: list[Part] = await self._notice(waiting, refusal) if tell else []
        async with self._delivery.discarding(*(part.prepared for part in parts)):
            done, unused = await self._store.write(_reopen_unit, waiting, parts, self._outbound.lifetime)
        for file in unused:
            await asyncio.to_thread(blobs.remove_file, self._folder, file)
        return done

    async def _notice(self, waiting: Waiting, refusal: Refused) -> list[Part]:
        principal = await self._directory.by_account(waiting.account_id)
        if principal is None:
            return []
        octets = not_sent(
            await house_for(self._store, self._house, principal.account_id),
            Correspondent(principal.name, principal.address),
            waiting.subject,
            _why(refusal),
            token=self._clock.token(12),
            now=self._clock.now(),
        )
        try:
            return await self._submission.from_service([principal.address], octets)
        except Refused as undeliverable:
            log.info("notice not deliverable", why=undeliverable.reason.value)
            return []


def _why(refusal: Refused) -> Text:
    if isinstance(refusal, Denied):
        return refusal.said
    why = _WHY.get(refusal.reason, Text("Le service n'a pas pu l'envoyer."))
    if refusal.reason in _ABOUT_RECIPIENT:
        return Text("{why} : {address}", why=why, address=refusal.text.partition(":")[0])
    return why


def _reopen_unit(tx: Tx, waiting: Waiting, parts: Sequence[Part], lifetime: int) -> tuple[bool, list[str]]:
    if not outbox.reopen(tx, waiting):
        return False, [part.prepared.file for part in parts if part.prepared.file is not None]
    _, unused, _ = deliver_parts(tx, parts, {}, lifetime) if parts else (0, [], {})
    return True, unused
