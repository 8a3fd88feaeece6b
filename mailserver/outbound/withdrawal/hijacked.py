"""An account that somebody else has got into: what they could go on with is switched off, what left is shown and taken
back from the mailboxes of this house."""

from dataclasses import dataclass

import structlog

from mailserver.filters import documents
from mailserver.model.clock import DAY, Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Principal
from mailserver.outbound.withdrawal.service import Withdrawals
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Step, Traced, Wanted
from mailserver.store.record.audit import Event, Origin
from mailserver.store.upkeep import recent_acts, recent_gifts, recent_sharing, securing
from mailserver.store.upkeep.recent_gifts import Received
from mailserver.store.upkeep.recent_sharing import Given
from mailserver.store.upkeep.securing import Secured
from mailserver.store.withdrawal import sent_by
from mailserver.store.withdrawal.sent_by import SentHere

log = structlog.get_logger("withdrawal")

LEFT_SECONDS = 2 * DAY
MOST = 200
"""Messages that are shown, and taken back at once."""
LOOKS = 60
"""At the steps of the whole academy: three million of them."""
SENT_ON = "filter-sent-on"
SLOW = -1
"""Whose turn slow reads of this kind take (`Store.read_slow`)."""
REFUSED_DAYS = 7
"""How long further copies of what is taken back are refused."""


@dataclass(frozen=True, slots=True)
class Left:
    """What left in the last two days."""

    here: tuple[SentHere, ...]
    """In mailboxes of this house, newest first."""
    steps: tuple[Traced, ...]
    """To whom it went, what other servers took, what its filters sent on; newest first."""
    more: bool
    """There is more than is shown."""


class HijackedAccounts:
    """Whoever calls has made sure that it is IT."""

    def __init__(self, *, store: Store, withdrawals: Withdrawals, clock: Clock) -> None:
        self._store = store
        self._withdrawals = withdrawals
        self._clock = clock

    async def secure(self, principal: Principal, origin: Origin) -> Secured:
        """Switch off what somebody else could go on with; its password is another's to withdraw. Raises Temporary."""
        done = await self._store.write(securing.secure, origin, principal.account_id, documents.sent_on_to)
        log.warning("account secured", account=principal.account_id, sessions=done.sessions, queued=done.queued)
        return done

    async def undo(self, principal: Principal, origin: Origin) -> Secured:
        """Switch it on again. Raises Refused(NOT_FOUND): it was not switched off; Temporary."""
        done = await self._store.write(securing.undo, origin, principal.account_id, documents.sent_on_to)
        log.warning("account no longer secured", account=principal.account_id)
        return done

    async def shared(self, principal: Principal) -> list[Given]:
        """What it has shared in the last two days, and still does. Raises Temporary."""
        since = int(self._clock.now()) - LEFT_SECONDS
        return await self._store.read_slow(SLOW, recent_sharing.lately, principal.account_id, since)

    async def received(self, principal: Principal) -> list[Received]:
        """What others have given it in the last two days, which it keeps. Raises Temporary."""
        since = int(self._clock.now()) - LEFT_SECONDS
        return await self._store.read_slow(SLOW, recent_gifts.received, principal.account_id, since)

    async def acts(self, principal: Principal) -> list[Event]:
        """What it did in the last two days that reaches others, and stays. Raises Temporary."""
        since = int(self._clock.now()) - LEFT_SECONDS
        return await self._store.read_slow(SLOW, recent_acts.found, principal.account_id, since)

    async def left(self, principal: Principal) -> Left:
        """What it sent in the last two days, and who got it. Raises Temporary."""
        now = int(self._clock.now())
        since, account_id = now - LEFT_SECONDS, principal.account_id
        here = await self._store.read_slow(SLOW, sent_by.sent_by, account_id, since, MOST + 1)
        steps: list[Traced] = []
        more = len(here) > MOST
        # Apart, so that what another server took of one message hides no other message.
        for kinds in ((Step.SUBMITTED, Step.HELD), (Step.SENT, Step.FILTERED)):
            found, is_cut = await self._steps(Wanted(since, now + 1, account_id=account_id, steps=kinds))
            steps += found
            more = more or is_cut
        newest = sorted(steps, key=lambda one: (-one.at, -one.id))
        return Left(tuple(here[:MOST]), tuple(newest), more)

    async def _steps(self, wanted: Wanted) -> tuple[list[Traced], bool]:
        """The newest steps that are wanted, and whether there are more. What filters did counts where it left."""
        steps: list[Traced] = []
        before = (0, 0)
        for _ in range(LOOKS):
            found = await self._store.read_slow(SLOW, traces.find, wanted, MOST, before)
            steps += [one for one in found.rows if one.step is not Step.FILTERED or one.detail.name == SENT_ON]
            before = (found.at, found.id)
            if before == (0, 0) or len(steps) > MOST:
                break
        return steps[:MOST], len(steps) > MOST or before != (0, 0)

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


def reached(step: Traced) -> tuple[str, ...]:
    """Whom a step reached: of what a filter sent on, the address that got it."""
    sent_on = step.detail.values.get("address") if step.step is Step.FILTERED else None
    return (str(sent_on),) if sent_on else step.recipients
