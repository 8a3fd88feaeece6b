"""An account that somebody else has got into: what they could go on with is switched off, what left is shown and taken
back from the mailboxes of this house."""

from dataclasses import dataclass

import structlog

from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Step, Traced, Wanted
from mailserver.store.record.audit import Origin
from mailserver.store.upkeep import securing
from mailserver.store.upkeep.securing import Secured
from mailserver.store.withdrawal import sent_by
from mailserver.store.withdrawal.sent_by import SentHere
from mailserver.withdrawal.service import Withdrawals

log = structlog.get_logger("withdrawal")

LEFT_SECONDS = 2 * DAY
MOST = 200
"""Messages that are shown, and taken back at once."""
REFUSED_DAYS = 7
"""How long further copies of what is taken back are refused."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left in the last two days."""

    here: tuple[SentHere, ...]
    """In mailboxes of this house, newest first."""
    steps: tuple[Traced, ...]
    """To whom it went, and what other servers made of it."""


class HijackedAccounts:
    """Whoever calls has made sure that it is IT."""

    def __init__(self, *, store: Store, withdrawals: Withdrawals, clock: Clock) -> None:
        self._store = store
        self._withdrawals = withdrawals
        self._clock = clock

    async def secure(self, principal: Principal, origin: Origin) -> Secured:
        """Switch off what somebody else could go on with; its password is another's to withdraw. Raises Temporary."""
        done = await self._store.write(securing.secure, origin, principal.account_id)
        log.warning("account secured", account=principal.account_id, sessions=done.sessions, queued=done.queued)
        return done

    async def undo(self, principal: Principal, origin: Origin) -> Secured:
        """Switch it on again. Raises Refused(NOT_FOUND): it was not switched off; Temporary."""
        done = await self._store.write(securing.undo, origin, principal.account_id)
        log.warning("account no longer secured", account=principal.account_id)
        return done

    async def left(self, principal: Principal) -> Left:
        """What it sent in the last two days, and who got it. Raises Temporary."""
        now = int(self._clock.now())
        addresses = sorted({address.lower() for address in (principal.address, *principal.aliases)})
        since = now - LEFT_SECONDS
        here = await self._store.read(sent_by.sent_by, principal.account_id, addresses, since, MOST)
        steps: list[Traced] = []
        for address in addresses:
            wanted = Wanted(since, now + 1, address)
            steps += (await self._store.read(traces.find, wanted, MOST, (0, 0))).rows
        shown = (Step.SUBMITTED, Step.SENT, Step.HELD)
        mine = {one.id: one for one in steps if one.step in shown and one.account_id == principal.account_id}
        newest = sorted(mine.values(), key=lambda one: (-one.at, -one.id))
        return Left(tuple(here), tuple(newest[:MOST]))

    async def take_back(self, principal: Principal, origin: Origin) -> list[int]:
        """Begin to take it back from every mailbox here; the acts, each undone by itself. Raises Temporary."""
        begun: list[int] = []
        for one in (await self.left(principal)).here:
            try:
                preview = await self._withdrawals.preview(one.content_id, alike=False)
                begun.append(await self._withdrawals.begin(preview, REFUSED_DAYS, origin))
            except Refused as refusal:
                if refusal.reason is Reason.LIMIT:
                    raise
                log.info("not taken back", content=one.content_id, why=refusal.reason.value)
        return begun
