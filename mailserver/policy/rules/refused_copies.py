"""Further copies of what IT has taken back: one function for every door that a message comes in by.

What is refused is known from memory, read again when news or time say so. The sender is told a plain sentence, the
copy is put on record by its envelope, and the act counts it.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import structlog

from mailserver.foundation.changes import Changes
from mailserver.mime import Scan
from mailserver.model.clock import Clock
from mailserver.model.messages.likeness import Facts, body_hash
from mailserver.model.messages.provenance import Provenance
from mailserver.model.rules import Denied
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import traces
from mailserver.store.queue.traces import Trace
from mailserver.store.withdrawal import rows
from mailserver.store.withdrawal.rows import Withdrawal
from mailserver.texts.text import Text

log = structlog.get_logger("withdrawal")

BELIEVED_SECONDS = 2.0
"""Should news get lost, what is refused is known after this long all the same."""
QUICK_OCTETS = 64 * 1024
"""A body of which a hash is made at once, beside no thread."""


@dataclass(slots=True)
class Known:
    """Acts by what a message is looked up with."""

    by_message_id: dict[str, list[Withdrawal]] = field(default_factory=dict)
    by_size: dict[int, list[Withdrawal]] = field(default_factory=dict)
    by_campaign: dict[bytes, list[Withdrawal]] = field(default_factory=dict)

    @classmethod
    def of(cls, acts: list[Withdrawal]) -> "Known":
        known = cls()
        for act in acts:
            facts = act.likeness.facts
            known.by_size.setdefault(facts.body_size, []).append(act)
            if facts.message_id:
                known.by_message_id.setdefault(facts.message_id, []).append(act)
            if act.likeness.alike and facts.campaign:
                known.by_campaign.setdefault(facts.campaign, []).append(act)
        return known

    def match(self, facts: Facts, came: Provenance, hash_of_body: Callable[[], bytes]) -> bool:
        """Whether some act means this message, as it came."""
        return any(act.likeness.matches(facts, came, hash_of_body) for act in self.candidates(facts))

    def candidates(self, facts: Facts) -> Iterator[Withdrawal]:
        yield from self.by_message_id.get(facts.message_id, ())
        yield from self.by_size.get(facts.body_size, ())
        if self.by_campaign:
            yield from self.by_campaign.get(facts.campaign, ())


class RefusedCopies:
    """One per worker. Asking costs nothing while nothing is refused."""

    def __init__(self, *, store: Store, clock: Clock, changes: Changes) -> None:
        self._store = store
        self._clock = clock
        self._known = Known()
        self._until = 0.0
        self._heard = 0
        changes.subscribe("mailbox", rows.NEWS, self._forget)

    def _forget(self) -> None:
        self._until = 0.0
        self._heard += 1

    def are_none(self) -> bool:
        """Whether it is known, without asking, that nothing is refused now."""
        return not self._known.by_size and self._clock.monotonic() < self._until

    async def check(self, scanned: Scan, octets: bytes, came: Provenance, trace: Trace) -> None:
        """May this message come in, as it came? Raises Denied, Temporary."""
        known = await self._now()
        if not known.by_size:
            return
        size = len(octets) - scanned.header_size
        facts = Facts(scanned.message_id, scanned.sender_address, scanned.base_subject, size)
        candidates = list(known.candidates(facts))
        if not candidates:
            return
        digest = b""
        if size in known.by_size:
            body = memoryview(octets)[scanned.header_size :]
            digest = body_hash(body) if size <= QUICK_OCTETS else await asyncio.to_thread(body_hash, body)
        now = int(self._clock.now())
        for act in candidates:
            if act.refuses(now) and act.likeness.matches(facts, came, lambda: digest):
                await self._store.write(_refuse, act.id, trace)
                log.info("further copy refused", withdrawal=act.id, id=trace.name)
                raise Denied(Text("ce message a été retiré par l’académie : il n’est plus accepté ici."))

    async def _now(self) -> Known:
        """What is refused now. Raises Temporary when it was never read and the store is out of reach."""
        now = self._clock.monotonic()
        if now < self._until:
            return self._known
        heard = self._heard
        found = Known.of(await self._store.read(rows.refusing))
        # What was read before a change that was heard of meanwhile may be old: it is not kept, nor in the place of what
        # somebody else has read since.
        if heard == self._heard:
            self._known, self._until = found, now + BELIEVED_SECONDS
        return found


def _refuse(tx: Tx, number: int, trace: Trace) -> None:
    rows.count_refused(tx, number)
    traces.record(tx, trace)
