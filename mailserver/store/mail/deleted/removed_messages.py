"""Messages that were removed for good and are still kept: who finds which.

Whoever may remove messages from a mailbox finds what was removed there. Not shown is what its owner still has in some
mailbox (a program moves by copying), nor what the academy has taken back.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, select

from mailserver.model.clock import DAY
from mailserver.model.folding import search_key
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import access, mailboxes
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.deleted import readmission
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.deletions import deleted_mailbox, deleted_message, deletion
from mailserver.store.schema.mail.messages import content
from mailserver.texts.causes import Cause

AT_ONCE = 200
"""Messages that one unit brings back or lets go of."""
LOOKED = 20_000
"""Messages that one part of a search looks at, newest removals first; the next part goes on behind them."""
REMOVALS = 5_000
IN_LIST = 200

Position = tuple[int, int]
"""A removal, and a message of it behind which a search goes on. The message alone does not say where that was: of two
removals at once on PostgreSQL the later may have the lower numbers."""
START: Position = ((1 << 63) - 1, 0)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for among the removed messages; empty fields ask nothing."""

    days: int
    """How long they are kept."""
    sender: str = ""
    subject: str = ""
    since: int = 0
    """Removed then or later."""
    written: tuple[int, int] = (0, 0)
    """Received from one moment on, and before another."""
    mailbox_id: int = 0
    foreign: bool = False
    """In mailboxes of others."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A removed message, as a list shows it."""

    removal: int
    id: int
    at: int
    mailbox_id: int
    folder: str
    special_use: str
    content_id: int
    flags: int
    internal_date: int
    size: int
    sender: str = ""
    sender_address: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of them, newest removals first."""

    messages: tuple[Kept, ...]
    more: Position | None = None
    """Those behind it are next, and were not looked at yet; None: there are no more."""


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox from which somebody may remove messages, or that was theirs and is gone."""

    mailbox_id: int
    owner_id: int
    name: str  # as they know it
    special_use: str = ""
    gone: bool = False
    keywords: str = ""
    lent: bool = False
    """A mailbox of a person who shares it: what is beside it is not the other's, nor what was removed up to `since`,"""
    since: int = 0
    """when they could first read it."""


_REMOVALS = (
    select(deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
    .where(deletion.c.at > bindparam("horizon"), deletion.c.id <= bindparam("upto"))
    .order_by(deletion.c.id.desc())
)
FACTS = ("id", "content_id", "flags", "internal_date", "size")
OF_REMOVAL = Statement(
    select(*(deleted_message.c[name] for name in FACTS))
    .where(
        deleted_message.c.id.between(bindparam("low"), bindparam("high")),
        deleted_message.c.deletion_id == bindparam("number"),
    )
    .order_by(deleted_message.c.id.desc())
    .limit(bindparam("most"))
)


def places(tx: Tx, viewer: Viewer, *, foreign: bool = False) -> dict[int, Place]:
    """Where somebody may look: their own mailboxes, also those that are gone; `foreign`: those of others."""
    if foreign:
        functional = {box.box_id for box in access.held_boxes(tx, viewer)}
        found = [
            Place(
                box.id,
                box.account_id,
                one.name,
                box.special_use,
                lent=box.account_id not in functional,
                since=one.since,
            )
            for one in access.listing(tx, viewer)
            for box in (one.box,)
            if one.rights.issuperset("rie")
        ]
        return {place.mailbox_id: place for place in found}
    mine = viewer.account_id
    found = [Place(box.id, mine, box.name, box.special_use) for box in mailboxes.listing(tx, mine)]
    gone = tx.execute(select(deleted_mailbox).where(deleted_mailbox.c.account_id == mine))
    found += [Place(row.mailbox_id, mine, row.name, gone=True, keywords=row.keywords) for row in gone]
    return {place.mailbox_id: place for place in found}


def find(tx: Tx, viewer: Viewer, wanted: Wanted, limit: int, before: Position = START) -> Found:
    """The next removed messages that somebody may bring back. It may take a while: `Store.read_slow`."""
    known = places(tx, viewer, foreign=wanted.foreign)
    here = {number: place for number, place in known.items() if wanted.mailbox_id in (0, number)}
    looked, fits = _Looked(tx, here, wanted, before), _Question(wanted)
    found: list[Kept] = []
    seen: set[int] = set()
    for part in _parts(looked.rows()):
        for kept in _shown(tx, known, part):
            if kept.content_id in seen or not fits.asks_for(kept):
                continue
            if len(found) == limit:
                return Found(tuple(found), (found[-1].removal, found[-1].id))
            seen.add(kept.content_id)
            found.append(kept)
    return Found(tuple(found), looked.stopped)


class _Looked:
    """Removed messages of these places, newest removals first, so many at most."""

    def __init__(self, tx: Tx, known: dict[int, Place], wanted: Wanted, before: Position) -> None:
        self._tx = tx
        self._known = known
        self._horizon = max(tx.now - wanted.days * DAY, wanted.since - 1)
        self._before = before
        self.stopped: Position | None = None
        """Where it stopped before the end."""

    def rows(self) -> Iterator[Kept]:
        left, removals = LOOKED, self._removals()
        for number, low, high, at, mailbox_id in removals:
            place, upto = self._known[mailbox_id], high
            if number == self._before[0]:
                upto = min(high, self._before[1] - 1)
            if upto < low or at <= place.since:
                continue
            for row in self._tx.all(OF_REMOVAL, low=low, high=upto, number=number, most=left):
                left -= 1
                yield Kept(number, row[0], at, mailbox_id, place.name, place.special_use, *row[1:])
                if not left:
                    self.stopped = (number, row[0])
                    return
        if len(removals) == REMOVALS:
            self.stopped = (removals[-1][0], 0)

    def _removals(self) -> list[Row]:
        numbers, found = sorted(self._known), list[Row]()
        for start in range(0, len(numbers), IN_LIST):
            here = deletion.c.mailbox_id.in_(numbers[start : start + IN_LIST])
            asked = {"horizon": self._horizon, "upto": self._before[0]}
            found += map(tuple, self._tx.execute(_REMOVALS.where(here).limit(REMOVALS), asked))
        return sorted(found, reverse=True)[:REMOVALS]


def _parts(rows: Iterator[Kept]) -> Iterator[list[Kept]]:
    part: list[Kept] = []
    for row in rows:
        part.append(row)
        if len(part) == IN_LIST:
            yield part
            part = []
    if part:
        yield part


def _shown(tx: Tx, known: dict[int, Place], part: Sequence[Kept]) -> Iterator[Kept]:
    """Those that are nowhere else, with what is told of them."""
    ids = sorted({kept.content_id for kept in part})
    left_out = readmission.held(tx, ids, [place.mailbox_id for place in known.values() if not place.gone])
    left_out |= readmission.barred(tx, ids)
    columns = (content.c.id, content.c.sender, content.c.sender_address, content.c.subject)
    told = {row.id: row for row in tx.execute(select(*columns).where(content.c.id.in_(ids)))}
    for kept in part:
        row = told.get(kept.content_id)
        if row is not None and kept.content_id not in left_out:
            yield replace(kept, sender=row.sender, sender_address=row.sender_address, subject=row.subject)


class _Question:
    """What is looked for, folded once."""

    def __init__(self, wanted: Wanted) -> None:
        self._written = wanted.written
        self._sender, self._subject = search_key(wanted.sender), search_key(wanted.subject)

    def asks_for(self, kept: Kept) -> bool:
        low, high = self._written
        if (low and kept.internal_date < low) or (high and kept.internal_date >= high):
            return False
        if self._sender and self._sender not in search_key(f"{kept.sender} {kept.sender_address}"):
            return False
        return not self._subject or self._subject in search_key(kept.subject)


def record_shown(tx: Tx, origin: Origin, account_id: int, count: int) -> None:
    """Put on record that somebody looked at what another removed."""
    audit.record(tx, origin, Action.REMOVED_SHOWN, account_id, Cause("removed-shown", count=count))
