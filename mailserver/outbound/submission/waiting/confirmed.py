"""What an author decides about a letter that waits for their yes: it leaves, or it does not."""

from functools import partial

from mailserver.delivery import Delivery
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.outbound.submission import confirmation
from mailserver.outbound.submission.departure import Outcome
from mailserver.outbound.submission.holding_notices import ReportTo
from mailserver.outbound.submission.submit import Submission
from mailserver.outbound.submission.waiting.late_reports import LateReports
from mailserver.policy.dlp.checker import Looked
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool
from mailserver.store.queue.held import unconfirmed
from mailserver.store.queue.held.unconfirmed import Unconfirmed
from mailserver.store.record.audit import Origin


class UnconfirmedMail:
    """Shows an author their own letters that wait, and does what they decide. One per worker."""

    def __init__(
        self, *, settings: Settings, store: Store, delivery: Delivery, submission: Submission, clock: Clock
    ) -> None:
        self._store = store
        self._submission = submission
        self._reports = LateReports(
            settings=settings, store=store, delivery=delivery, routing=submission.routing, clock=clock
        )
        self._folder = store.blobs

    async def get(self, principal: Principal, number: int) -> Unconfirmed:
        """One of them. Raises Refused(NOT_FOUND), Temporary."""
        found = await self._store.read(unconfirmed.get, principal.account_id, number)
        if found is None:
            raise Refused(Reason.NOT_FOUND, "this message waits no more")
        return found

    async def findings(self, principal: Principal, waiting: Unconfirmed) -> Looked:
        """What it gives away, looked for again: nothing of it was kept. Raises Temporary."""
        octets = await self._store.read(spool.octets, waiting.content_id, self._folder)
        return await self._submission.confirmation.look(principal, octets)

    async def send(self, principal: Principal, number: int, origin: Origin) -> Outcome:
        """Let it leave. Raises Refused(NOT_FOUND), and as `Submission.submit`."""
        waiting = await self.get(principal, number)
        sent = waiting.sent
        octets = await self._store.read(spool.octets, waiting.content_id, self._folder)
        outcome = await self._submission.submit(
            principal,
            sent.reverse_path,
            sent.targets,
            octets,
            name=sent.name,
            trace=sent.trace,
            ret=sent.ret,
            envid=sent.envid,
            utf8=sent.utf8,
            require_tls=sent.require_tls,
            save_to_sent=sent.keeps_copy,
            resent=sent.resent,
            confirmed=True,
            within=partial(confirmation.confirmed, waiting=waiting, origin=origin),
            due=sent.due,
            keeps=True,
        )
        if not outcome.waits and not outcome.due:
            asked = ReportTo(sent.reverse_path, sent.envid, waiting.held, sent.require_tls)
            await self._reports.send(principal, asked, sent.targets, octets)
        return outcome

    async def drop(self, principal: Principal, number: int, origin: Origin) -> None:
        """Do not send it. Raises Refused(NOT_FOUND), Temporary."""
        await self._submission.confirmation.drop(await self.get(principal, number), origin)
