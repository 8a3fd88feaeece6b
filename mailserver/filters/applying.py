"""Rules and messages that have come already: which of the newest a rule concerns, and all of a mailbox sorted by them.

Nothing is sent and no script of one's own is run: rules look at the header and at what the server knows.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from mailserver.filters import rules, sieve
from mailserver.filters.rules import Actions, Document, Rule, environment
from mailserver.filters.sieve import Facts, FileInto, Keep, NoHost, RunError, Script
from mailserver.foundation.settings import Settings
from mailserver.model.clock import Clock
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.messages.objectids import mailbox_id
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Row
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import blobs, mailboxes, messages
from mailserver.store.mail.mailboxes import Mailbox
from mailserver.store.web.webmail import undo_records
from mailserver.store.web.webmail.undo_records import Undo

log = structlog.get_logger("filters")

TRIED = 200
"""Newest messages that a rule is tried on."""
TRIED_SECONDS = 2.0
"""Of the processor, for one trial."""
BATCH = 200
"""Messages of one unit: writers of other accounts have their turn in between."""
AT_ONCE = 2000
"""Messages of a mailbox with which whoever asks waits; more are done behind the answer."""
UNDO_SECONDS = 3600
REMEMBERED = 500
"""Accounts of whose last run this worker can tell."""
_COLUMNS = (
    *("uid", "content_id", "subject", "sender", "date", "size", "header", "sender_address", "attachments"),
    *("door", "door_account", "through_list", "authentication"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A message that a rule would concern."""

    content_id: int
    subject: str
    sender: str
    date: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would concern among the newest messages of the inbox."""

    looked: int
    """At so many."""
    found: Sequence[Found]


@dataclass(slots=True)
class Done:
    """What became of a mailbox, as far as it was done."""

    total: int
    """Messages that were there when it began."""
    looked: int = 0
    moved: int = 0
    marked: int = 0
    ended: bool = False
    failed: bool = False
    undo: dict[int, bytes] = field(default_factory=dict)
    """By the mailboxes that messages were moved to: what the move is taken back by."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the rules say of one message."""

    uid: int
    place: FileInto | None
    flags: tuple[str, ...]


class Applying:
    """One per worker."""

    def __init__(self, *, settings: Settings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._domains = settings.domains
        self._zone = ZoneInfo(settings.web.timezone)
        self._turn = asyncio.Lock()
        """One thread judges at a time: mail that arrives needs the others."""
        self._running: dict[int, Done] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def trial(self, account_id: int, rule: Rule) -> Trial:
        """Which of the newest messages in the inbox a rule concerns, on or off. Changes nothing. Raises Temporary,
        SieveError."""
        marking = Document(rules=(Rule(rule.conditions, Actions(star=True), rule.any),))
        rows = await self._store.read_slow(account_id, _newest, account_id)
        async with self._turn:
            found, looked = await asyncio.to_thread(self._judged, marking, rows, TRIED_SECONDS)
        fits = {one.uid for one in found if one.flags}
        shown = [Found(row[1], row[2], row[3], row[4]) for row in reversed(rows) if row[0] in fits]
        return Trial(looked, shown)

    def state(self, account_id: int) -> Done | None:
        """How far the last run is that this worker began behind an answer."""
        return self._running.get(account_id)

    async def run(self, account_id: int, box_id: int, document: Document) -> Done:
        """Do with every message of a mailbox what the rules say that are on; with a large one behind the answer.

        Raises Refused(NO_SUCH_MAILBOX), Refused(CONFLICT): it is being done; Temporary, SieveError.
        """
        going = self._running.get(account_id)
        if going is not None and not going.ended:
            raise Refused(Reason.CONFLICT, "The rules are being applied already")
        for ended in [one for one, known in self._running.items() if known.ended][:-REMEMBERED]:
            del self._running[ended]
        done = self._running[account_id] = Done(0)  # at once: who asks twice meets it
        try:
            box = await self._store.read(mailboxes.by_id, account_id, box_id)
        except BaseException:
            done.ended = done.failed = True
            raise
        done.total = box.messages
        work = self._run(account_id, box, Document(rules=document.rules), done)
        if box.messages <= AT_ONCE:
            await work
            return done
        task = asyncio.create_task(self._behind(account_id, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return done

    def close(self) -> None:
        """What is being done ends with the unit at hand; the messages behind it stay as they are."""
        for task in self._tasks:
            task.cancel()

    async def _behind(self, account_id: int, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("rules could not be applied to all of a mailbox", account=account_id)

    async def _run(self, account_id: int, box: Mailbox, document: Document, done: Done) -> None:
        after = 0
        try:
            while after < box.uidnext - 1:
                rows = await self._store.read_slow(account_id, _following, account_id, box, after)
                if not rows:
                    break
                after = rows[-1][0]
                async with self._turn:
                    found, _ = await asyncio.to_thread(self._judged, document, rows, None)
                wanted = [one for one in found if one.place is not None or one.flags]
                if wanted:
                    keys = dict(done.undo)
                    moved, marked, keys = await self._store.write(_apply, account_id, box.id, wanted, keys, self._key)
                    done.undo, done.moved, done.marked = keys, done.moved + moved, done.marked + marked
                done.looked += len(rows)
        except BaseException:
            done.failed = True
            raise
        finally:
            done.ended = True

    def _key(self) -> bytes:
        """Nobody has the token of such a key: who may take the move back sees it among their last acts."""
        return self._clock.token(32)

    def _judged(self, document: Document, rows: Sequence[Row], seconds: float | None) -> tuple[list[_Verdict], int]:
        """What rules say of messages; of how many, before `seconds` of the processor were over."""
        script = sieve.compile(rules.written(document))
        start = time.thread_time()
        found: list[_Verdict] = []
        for looked, row in enumerate(rows):
            if seconds is not None and time.thread_time() - start > seconds:
                return found, looked
            found.append(self._verdict(script, row))
        return found, len(rows)

    def _verdict(self, script: Script, row: Row) -> _Verdict:
        uid, _, _, _, _, size, header, author, attachments, *door = row
        facts = Facts(
            header=blobs.expand(header),
            body=lambda most: b"",
            size=size,
            envelope_from="",
            envelope_to="",
            addresses=frozenset(),
            now=datetime.fromtimestamp(self._clock.now(), self._zone),
            environment=environment.items(
                Provenance.stored(*door), Population.OUTSIDE, author, attachments, self._domains
            ),
        )
        try:
            actions = sieve.run(script, facts, NoHost()).actions
        except RunError:  # as at delivery: the message stays where it is
            return _Verdict(uid, None, ())
        filed = next((one for one in actions if isinstance(one, FileInto)), None)
        kept = next((one for one in actions if isinstance(one, Keep)), None)
        flags = filed.flags if filed is not None else kept.flags if kept is not None else ()
        return _Verdict(uid, filed, flags)


def _newest(tx: Tx, account_id: int) -> list[Row]:
    """The newest messages of the inbox, oldest of them first."""
    box = mailboxes.get(tx, account_id, mailboxes.INBOX)
    uids = messages.newest(tx, box.id, TRIED)
    return messages.fetch_uids(tx, account_id, box.id, _COLUMNS, uids)


def _following(tx: Tx, account_id: int, box: Mailbox, after: int) -> list[Row]:
    return messages.fetch(tx, account_id, box.id, _COLUMNS, after + 1, box.uidnext - 1, BATCH)


def _apply(
    tx: Tx,
    account_id: int,
    box_id: int,
    wanted: Sequence[_Verdict],
    undo: Mapping[int, bytes],
    new_key: Callable[[], bytes],
) -> tuple[int, int, dict[int, bytes]]:
    """Mark and move; how many of each, and what each move is taken back by. Raises Refused(NO_SUCH_MAILBOX)."""
    places = _places(tx, account_id, [one.place for one in wanted if one.place is not None])
    mailboxes.lock_all(tx, {box_id, *places.values()})
    moved, marked, keys = 0, 0, dict(undo)
    for flags in dict.fromkeys(one.flags for one in wanted if one.flags):
        uids = [one.uid for one in wanted if one.flags == flags]
        with contextlib.suppress(Refused):  # the mailbox holds no more keywords
            marked += len(messages.store_flags(tx, account_id, box_id, uids, "+", flags)[1])
    for target in sorted(set(places.values()) - {box_id}):
        uids = [one.uid for one in wanted if one.place is not None and places.get(one.place) == target]
        done = messages.move(tx, account_id, box_id, target, uids)
        moved += len(done.source_uids)
        if target in keys:
            undo_records.extend_undo(tx, keys[target], account_id, tuple(done.target_uids))
        elif done.target_uids:
            keys[target] = new_key()
            what = Undo(box_id, target, tuple(done.target_uids))
            undo_records.remember_undo(tx, keys[target], account_id, UNDO_SECONDS, what)
    return moved, marked, keys


def _places(tx: Tx, account_id: int, wanted: Sequence[FileInto]) -> dict[FileInto, int]:
    """The mailboxes that rules name and that are there; what is meant for another stays where it is."""
    boxes = mailboxes.listing(tx, account_id)
    found: dict[FileInto, int] = {}
    for one in dict.fromkeys(wanted):
        by_use = (box.id for box in boxes if one.special_use and box.special_use == one.special_use)
        by_id = (box.id for box in boxes if one.mailbox_id and mailbox_id(box.uidvalidity) == one.mailbox_id)
        by_name = (box.id for box in boxes if box.name == mailboxes.canonical(one.mailbox))
        target = next(by_use, None) or next(by_id, None) or next(by_name, None)
        if target is not None:
            found[one] = target
    return found
