"""What an attempt came to is recorded: recipients settled, reports to the sender, the trace; one unit of the store."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from mailserver.delivery import Delivery, Part, Recipient, deliver_parts
from mailserver.foundation.metrics import catalogue
from mailserver.foundation.settings import Outbound, Settings
from mailserver.mime.writing.dsn import Action, Fate
from mailserver.model.clock import Clock
from mailserver.model.errors import Temporary
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.store.account import forward_targets, forwards
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail.blobs import Prepared
from mailserver.store.queue import sent_counts, spool, traces
from mailserver.store.queue.spool import Leased, LeftBehind, Notify, Options
from mailserver.store.queue.traces import Step, Trace
from mailserver.store.record.trusted_clock import TrustedClock
from mailserver.texts.causes import NOTHING, Cause
from smtp.relay import left_behind
from smtp.relay.dsn import Reporter, parts_of
from smtp.relay.settling import Settling, Taken
from smtp.relay.verdicts import Result, Verdict

log = structlog.get_logger("relay")

RECORD_SECONDS, MOST_SECONDS = 0.5, 5.0
"""Before an attempt's result is recorded once more: at first, and at most."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A report that a unit can deliver."""

    recipient: Recipient
    prepared: Prepared


class Recorder:
    """Records. One per relay."""

    def __init__(self, *, settings: Settings, store: Store, delivery: Delivery, clock: Clock) -> None:
        self._outbound = settings.outbound
        self._store = store
        self._clock = clock
        self._delivery = delivery
        self._upkeep = TrustedClock(store, clock)
        self._settling = Settling(store)
        self._reporter = Reporter(settings=settings, delivery=delivery, clock=clock)
        self._recording: dict[asyncio.Task[None], int] = {}
        """What is being put down, by the lease of its row; 0: of some of its recipients nobody knows."""
        self._untold: dict[int, LeftBehind] = {}
        """What others have, by its lease, until it is put down."""
        self._folder = settings.data / "relay"

    async def record(self, row: Leased, verdicts: Sequence[Verdict], octets: bytes) -> None:
        """`_conclude`, until the store takes it: what another server has taken would leave again with the lease.

        Where something breaks that nobody foresaw, who has the message is put down all the same, and nothing else; what
        is left is tried again. It raises what broke where nobody has it. Whoever is cancelled leaves what is begun to
        go on (`finish`).
        """
        pause, conclude = RECORD_SECONDS, self._conclude
        if taken := _taken(verdicts):
            self._untold[row.lease] = LeftBehind(row.id, row.lease, tuple(taken))
        is_whole = len(verdicts) == len(row.recipients)
        while True:
            try:
                await self._to_its_end(row, conclude(row, verdicts, octets), is_whole=is_whole)
            except Temporary as error:
                log.warning("attempt not recorded yet", why=str(error))
            except Exception:
                if conclude == self._settle_taken or not taken:
                    self._untold.pop(row.lease, None)
                    raise
                log.exception("attempt recorded without its reports", domain=row.domain)
                conclude = self._settle_taken
                continue
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, MOST_SECONDS)

    @property
    def has_room(self) -> bool:
        """Whether further attempts may begin: few enough wait to be recorded."""
        return self._settling.has_room

    def is_recording(self, row: Leased) -> bool:
        """Whether what became of it is being put down, so that it does not leave once more."""
        return row.lease in self._recording.values()

    def hurry(self) -> None:
        """The relay stops: what became of attempts is recorded at once."""
        self._settling.hurry()

    async def finish(self) -> None:
        """Wait until what was to be recorded is, also of attempts that were cancelled meanwhile. What the store does
        not take is left in a file (`left_behind`), which is there before the wait: it may be cut short."""
        kept = None
        if self._untold:
            kept = left_behind.keep(self._folder, self._clock.token(8).hex(), list(self._untold.values()))
        while self._recording:
            await asyncio.wait(self._recording)
        await self._settling.finish()
        if self._untold:
            log.warning("the store was not told of all that left", messages=len(self._untold))
        elif kept is not None:
            kept.unlink(missing_ok=True)
        self._untold.clear()

    async def take_up(self) -> None:
        """Put down what relays of this host have left behind, before anything is leased. Raises Temporary."""
        await left_behind.take_up(self._folder, self._store)

    async def _to_its_end(self, row: Leased, recording: Coroutine[None, None, None], *, is_whole: bool) -> None:
        """A unit of the store whose caller is cancelled before its turn comes is not done."""
        task = asyncio.create_task(recording)
        self._recording[task] = row.lease if is_whole else 0
        task.add_done_callback(partial(self._recorded, row.lease))
        await asyncio.shield(task)

    def _recorded(self, lease: int, task: asyncio.Task[None]) -> None:
        self._recording.pop(task)
        if not task.cancelled() and task.exception() is None:
            self._untold.pop(lease, None)

    async def _settle_taken(self, row: Leased, verdicts: Sequence[Verdict], octets: bytes) -> None:
        """Nobody whose server has the message gets it again. Raises Temporary."""
        due = int(self._clock.now()) + delay(self._outbound, row.attempts)
        await self._store.write(spool.settle, row, _taken(verdicts), due=due, error=NOTHING, warned=row.warned)

    async def _conclude(self, row: Leased, verdicts: Sequence[Verdict], octets: bytes) -> None:
        """Record what became of everybody and send the reports about it, as one unit. Raises Temporary."""
        now = self._clock.now()
        is_over, late = now >= row.expires, not row.warned and now >= row.created + self._outbound.delay_warning
        # A clock that jumped has aged nothing: nobody is told that a message was given up, or waits for long.
        if (is_over or late) and not await self._upkeep.may_go_on():
            is_over = late = False
        if is_over:
            verdicts = [_expired(verdict) for verdict in verdicts]
        deferred = [verdict for verdict in verdicts if verdict.result is Result.DEFERRED]
        # A transfer that was stopped has left some untried: it is due again at once, as what was given back.
        is_cut_short = len(verdicts) < len(row.recipients)
        late = late and bool(deferred)
        due = int(now) + (0 if is_cut_short else delay(self._outbound, row.attempts))
        is_of_list = self._delivery.members.departure(row.reverse_path) is not None
        written = [
            await self._write_report(row, action, chosen, octets, now)
            for action, told in ([] if is_of_list else _reports(row, verdicts, late=late))
            for chosen in parts_of(told)
        ]
        is_taken = not is_cut_short and all(verdict.result is Result.DELIVERED for verdict in verdicts)
        if is_taken and not written and not is_of_list:
            addresses = [verdict.addressee.address for verdict in verdicts]
            await self._settling.settle(Taken(row, list(_steps(row, verdicts)), addresses))
        else:
            await self._settling.turn()
            await self._store.write(
                conclude_unit,
                row,
                [verdict.addressee.id for verdict in verdicts if verdict.result is not Result.DEFERRED],
                [report for report in written if report is not None],
                self._outbound.lifetime,
                due=due if now >= row.expires else min(due, row.expires),
                error=deferred[0].text if deferred else NOTHING,
                warned=row.warned or late,
                counts=not is_cut_short,
                steps=list(_steps(row, verdicts)),
                taken=[verdict.addressee.address for verdict in verdicts if verdict.result is Result.DELIVERED],
                # What an operator gave up says nothing of the account, nor of where it has its mail sent on to.
                refused=[*(verdict.addressee.address for verdict in verdicts if verdict.result is Result.FAILED)]
                if row.given_up is None
                else [],
                listed=list(self._listed(row, verdicts)) if is_of_list else None,
            )
        for verdict in verdicts:
            catalogue.ATTEMPTED.add(verdict.result.value)
            log.info(
                verdict.result.value,
                recipient=verdict.addressee.address,
                host=verdict.remote,
                status=verdict.status,
                said=verdict.text,
                attempt=row.attempts,
            )

    def _listed(self, row: Leased, verdicts: Sequence[Verdict]) -> Iterator[Callable[[Tx], None]]:
        """What goes on record of a list's message that a member's server took, or that is given up."""
        members = self._delivery.members
        departure = members.departure(row.reverse_path)
        for verdict in verdicts:
            if departure is not None and verdict.result is not Result.DEFERRED:
                taken = verdict.result is Result.DELIVERED
                yield members.attempted(departure, taken, verdict.status, verdict.text)

    async def _write_report(
        self, row: Leased, action: Action, verdicts: Sequence[Verdict], octets: bytes, now: float
    ) -> Ready | None:
        fates = [
            Fate(
                recipient=verdict.addressee.address,
                action=action,
                status=verdict.status,
                diagnostic=verdict.text,
                remote=verdict.remote,
                orcpt=verdict.addressee.orcpt,
                last_attempt=now,
                retry_until=row.expires if action is Action.DELAYED else 0,
            )
            for verdict in verdicts
        ]
        # RFC 8689 section 5: of what is to go over TLS alone nothing comes back but its header.
        whole = row.ret == "FULL" and action is Action.FAILED and not row.require_tls
        written = await self._reporter.write(
            row.reverse_path, fates, octets, envid=row.envid, arrival=row.created, whole=whole
        )
        if written is None:
            return None
        return Ready(written.recipient, await self._delivery.prepare(written.octets))


def _taken(verdicts: Sequence[Verdict]) -> list[int]:
    return [verdict.addressee.id for verdict in verdicts if verdict.result is Result.DELIVERED]


def delay(outbound: Outbound, attempts: int) -> int:
    """Seconds before the next attempt; the last of the setting repeats."""
    retry = outbound.retry or (60,)
    return retry[min(attempts, len(retry)) - 1]


def conclude_unit(
    tx: Tx,
    row: Leased,
    settled: Sequence[int],
    reports: Sequence[Ready],
    lifetime: int,
    *,
    due: int,
    error: Cause,
    warned: bool,
    counts: bool = True,
    steps: Sequence[Trace] = (),
    taken: Sequence[str] = (),
    refused: Sequence[str] = (),
    listed: Sequence[Callable[[Tx], None]] | None = None,
) -> None:
    """Settle a row, deliver the reports and trace it: all or nothing, so that no crash doubles or loses one.

    `listed`: it is a list's message to a member, of which its author hears nothing and answers for nothing.
    """
    if not spool.settle(tx, row, settled, due=due, error=error, warned=warned, counts=counts):
        _trace_sent(tx, steps)
        return
    parts = [
        Part(
            *(report.prepared, "", report.recipient.accounts, report.recipient.remote),
            Options(name=row.name, require_tls=row.require_tls),
            provenance=Provenance(Door.SERVICE),
        )
        for report in reports
    ]
    for one in listed or ():
        one(tx)
    if listed is not None:
        refused = taken = ()
    # Counted before mailboxes are locked, as the units that send do.
    if failures := _failures(tx, row, refused):
        sent_counts.add(tx, row.account_id, 0, failures)
    deliver_parts(tx, parts, {}, lifetime)
    for step in steps:
        traces.record(tx, step)
    if row.account_id:
        forwards.judge(tx, row.account_id, taken, refused)


def _trace_sent(tx: Tx, steps: Sequence[Trace]) -> None:
    """The row was thrown away meanwhile, or another worker has it: what left has left all the same."""
    for step in steps:
        if step.step is Step.SENT:
            traces.record(tx, step)


def _failures(tx: Tx, row: Leased, refused: Sequence[str]) -> int:
    """How many refusals the account answers for: not those of addresses that its filters send others' mail on to."""
    if not row.account_id or not refused:
        return 0
    sent_on = {one.address.casefold() for one in forward_targets.of_account(tx, row.account_id) if one.active}
    return sum(address.casefold() not in sent_on for address in refused)


_STEPS = {Result.DELIVERED: Step.SENT, Result.DEFERRED: Step.DEFERRED, Result.FAILED: Step.FAILED}


def _steps(row: Leased, verdicts: Sequence[Verdict]) -> Iterator[Trace]:
    """What an attempt came to, for the record: recipients of whom the same was said go together."""
    alike: dict[tuple[Result, Cause], list[str]] = {}
    for verdict in verdicts:
        said = _came_to(verdict) if row.given_up is None else Cause(spool.GIVEN_UP, said=row.given_up)
        alike.setdefault((verdict.result, said), []).append(verdict.addressee.address)
    for (result, detail), addresses in alike.items():
        yield Trace(_STEPS[result], row.name, row.reverse_path, addresses, 0, row.account_id, detail)


def _came_to(verdict: Verdict) -> Cause:
    if verdict.remote:
        return Cause("attempt-at", server=verdict.remote, status=verdict.status, said=verdict.text)
    return Cause("attempt", status=verdict.status, said=verdict.text)


def _reports(row: Leased, verdicts: Sequence[Verdict], *, late: bool) -> Iterator[tuple[Action, list[Verdict]]]:
    """What the sender is to be told: failures, waiting, and successes nobody else confirms (RFC 3461 section 5.2)."""
    if not row.reverse_path:
        for verdict in verdicts:
            if verdict.result is Result.FAILED:
                log.warning("nobody is told: no report on a report", said=verdict.text)
        return
    failed = [
        verdict
        for verdict in verdicts
        if verdict.result is Result.FAILED and verdict.addressee.notify.wants(Notify.FAILURE)
    ]
    waiting = [
        verdict
        for verdict in verdicts
        if verdict.result is Result.DEFERRED and verdict.addressee.notify.wants(Notify.DELAY)
    ]
    relayed = [
        verdict
        for verdict in verdicts
        if verdict.result is Result.DELIVERED and not verdict.knows_dsn and verdict.addressee.notify & Notify.SUCCESS
    ]
    if failed:
        yield Action.FAILED, failed
    if waiting and late:
        yield Action.DELAYED, waiting
    if relayed:
        yield Action.RELAYED, relayed


def _expired(verdict: Verdict) -> Verdict:
    """The message has waited its whole life (RFC 5321 section 4.5.4.1)."""
    if verdict.result is not Result.DEFERRED:
        return verdict
    # The text stays the other server's own reply: the report quotes it (RFC 3464 section 2.3.6).
    return Verdict(verdict.addressee, Result.FAILED, "5.4.7", verdict.text, verdict.remote, verdict.knows_dsn)
