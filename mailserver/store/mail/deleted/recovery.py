"""Messages that were removed for good and come back, while they are kept; and their end.

Whoever may remove messages from a mailbox finds what was removed there, and brings it back: with its octets, flags,
dates and provenance, under a new UID (RFC 9051 section 2.3.1.1), into the same mailbox, made anew where it is gone.
Not shown is what its owner still has in some mailbox (a program moves by copying), nor what the academy has taken back.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, delete, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import search_key
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import access, deletions, mailboxes, messages, snooze
from mailserver.store.mail.access import Viewer
from mailserver.store.mail.access.acts import record
from mailserver.store.mail.deleted import readmission
from mailserver.store.mail.deletions import CAME
from mailserver.store.mail.flags import DELETED, FIRST_KEYWORD_BIT, names
from mailserver.store.mail.messages import Placing, Quota
from mailserver.store.record import audit, trusted_clock
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.deletions import deleted_mailbox, deleted_message, deletion
from mailserver.store.schema.mail.messages import content, mailbox
from mailserver.texts.causes import Cause

FOLDER = "Récupérés"
"""Where goes what would not stay long where it was: in the trash, among the junk."""
AT_ONCE = 200
"""Messages that one unit brings back or lets go of."""
LOOKED = 20_000
"""Messages that one part of a search looks at, newest removals first; the next part goes on behind them."""
REMOVALS = 5_000
IN_LIST = 200
_SHORT_LIVED = ("\\Trash", "\\Junk")
_SYSTEM = (1 << FIRST_KEYWORD_BIT) - 1

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


@dataclass(slots=True)
class Recovered:
    """What came back."""

    count: int = 0
    folders: list[str] = field(default_factory=list)


_REMOVALS = (
    select(deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
    .where(deletion.c.at > bindparam("horizon"), deletion.c.id <= bindparam("upto"))
    .order_by(deletion.c.id.desc())
)
_FACTS = ("id", "content_id", "flags", "internal_date", "size")
_OF_ONE = Statement(
    select(*(deleted_message.c[name] for name in _FACTS))
    .where(
        deleted_message.c.id.between(bindparam("low"), bindparam("high")),
        deleted_message.c.deletion_id == bindparam("number"),
    )
    .order_by(deleted_message.c.id.desc())
    .limit(bindparam("most"))
)
_FIRST = Statement(
    select(deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
    .where(deletion.c.at <= bindparam("moment"))  # a host whose clock was ahead does not stop the others' for years
    .order_by(deletion.c.id)
    .limit(1)
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
            for row in self._tx.all(_OF_ONE, low=low, high=upto, number=number, most=left):
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


# ---------------------------------------------------------------------- bringing back


def recover(
    tx: Tx, viewer: Viewer, origin: Origin, numbers: Sequence[int], days: int, quota: Quota, *, apart: bool = False
) -> Recovered:
    """Bring back those of these messages that somebody may; `apart`: into a folder of its own.

    Raises Refused(OVER_QUOTA | LIMIT): then none of them.
    """
    known = places(tx, viewer)
    rows = _locked(tx, numbers, tx.now - days * DAY)
    if any(row.mailbox_id not in known for row in rows):
        known |= places(tx, viewer, foreign=True)
    done, barred = Recovered(), readmission.barred(tx, [row.content_id for row in rows])
    for mailbox_id in sorted({row.mailbox_id for row in rows} & known.keys()):
        place = known[mailbox_id]
        theirs = [row for row in rows if row.mailbox_id == mailbox_id and row.at > place.since]
        part = [row for row in theirs if row.content_id not in barred]
        if not part:
            continue
        messages.check_quota(tx, place.owner_id, quota, sum(row.size for row in part), len(part))
        if deletions.drop(tx, [(row.id, row.content_id) for row in part]) != len(part):
            raise Refused(Reason.CONFLICT, "Some of the messages are being brought back by somebody else")
        name = _put_back(tx, viewer, place, part, apart=apart)
        audit.record(tx, origin, Action.MAIL_RECOVERED, place.owner_id, Cause("mail-recovered", count=len(part)))
        done.count += len(part)
        if name not in done.folders:
            done.folders.append(name)
    return done


def _locked(tx: Tx, numbers: Sequence[int], horizon: int) -> list[Any]:
    """Kept messages of these numbers, in the order in which they were removed."""
    kept = deleted_message.c
    rows = (
        select(*(kept[name] for name in (*_FACTS, *CAME)), deletion.c.mailbox_id, deletion.c.at)
        .join_from(deleted_message, deletion, deletion.c.id == kept.deletion_id)
        .where(kept.id.in_(numbers[:AT_ONCE]), deletion.c.at > horizon)
        .order_by(kept.id)
        .with_for_update(of=deleted_message)
    )
    return list(tx.execute(rows).all())


def _put_back(tx: Tx, viewer: Viewer, place: Place, part: Sequence[Any], *, apart: bool) -> str:
    """Where they are now."""
    is_own = place.owner_id == viewer.account_id
    target = _target(tx, place, apart=apart and is_own)
    keywords = place.keywords.split() if place.gone else mailboxes.keywords(tx, place.mailbox_id)
    masks = {row.flags: mask_in(tx, target.id, row.flags, keywords) for row in part}
    batch = [Placing(row.content_id, row.size, masks[row.flags], row.internal_date, _came(row)) for row in part]
    placed = messages.place_batch(tx, place.owner_id, target.id, batch)
    record(tx, viewer, place.owner_id, target.name, "recover", [one.uid for one in placed])
    return target.name if is_own else place.name


def _came(row: Any) -> Provenance:
    return Provenance.stored(*(getattr(row, name) for name in CAME))


def mask_in(tx: Tx, mailbox_id: int, mask: int, keywords: Sequence[str]) -> int:
    """The same flags in another mailbox, without that of removal; keywords that it cannot hold are left out."""
    wanted = [name for name in names(mask, keywords) if not name.startswith("\\")]
    kept = mask & _SYSTEM & ~DELETED
    try:
        return kept | messages.ensure_flags(tx, mailbox_id, wanted)
    except Refused:
        return kept


def _target(tx: Tx, place: Place, *, apart: bool) -> mailboxes.Mailbox:
    """The mailbox that takes what comes back, made where it is missing."""
    if apart or (place.special_use in _SHORT_LIVED and not place.lent):
        return _named(tx, place.owner_id, FOLDER)
    if place.name == snooze.PLACE:
        return mailboxes.get(tx, place.owner_id, mailboxes.INBOX)
    if place.gone:
        return _named(tx, place.owner_id, place.name)
    return mailboxes.lock(tx, place.owner_id, place.mailbox_id)


def _named(tx: Tx, account_id: int, name: str) -> mailboxes.Mailbox:
    """`named_mailbox`; INBOX where there are as many as there may be."""
    try:
        return named_mailbox(tx, account_id, name)
    except Refused:
        return mailboxes.lock(tx, account_id, mailboxes.get(tx, account_id, mailboxes.INBOX).id)


def named_mailbox(tx: Tx, account_id: int, name: str) -> mailboxes.Mailbox:
    """A mailbox by name, locked; made and subscribed where it is missing. Raises Refused(INVALID | CANNOT | LIMIT)."""
    try:
        box = mailboxes.get(tx, account_id, name)
    except Refused:
        box = mailboxes.create(tx, account_id, name)
        with contextlib.suppress(Refused):
            mailboxes.subscribe(tx, account_id, name, subscribed=True)
    return mailboxes.lock(tx, account_id, box.id)


def record_shown(tx: Tx, origin: Origin, account_id: int, count: int) -> None:
    """Put on record that somebody looked at what another removed."""
    audit.record(tx, origin, Action.REMOVED_SHOWN, account_id, Cause("removed-shown", count=count))


# ---------------------------------------------------------------------- the end


def let_go(tx: Tx, before: int) -> int:
    """Let go of a part of what was removed before a moment; how many, 1 for an empty removal. 0: nothing is left.

    Raises ClockJumped.
    """
    trusted_clock.check(tx)
    row = tx.one(_FIRST, moment=tx.now)
    if row is None or row[3] > before:
        return 0
    return _let_go(tx, row) or 1


def erase(tx: Tx, account_id: int) -> bool:
    """Let go of the next part of what was removed from an account that is erased; False when there was none."""
    mine = select(mailbox.c.id).where(mailbox.c.account_id == account_id)
    gone = select(deleted_mailbox.c.mailbox_id).where(deleted_mailbox.c.account_id == account_id)
    for boxes in (mine, gone):
        columns = (deletion.c.id, deletion.c.low, deletion.c.high, deletion.c.at, deletion.c.mailbox_id)
        row = tx.execute(select(*columns).where(deletion.c.mailbox_id.in_(boxes)).limit(1)).first()
        if row is not None:
            _let_go(tx, tuple(row))
            return True
    return bool(tx.execute(delete(deleted_mailbox).where(deleted_mailbox.c.account_id == account_id)).rowcount)


def _let_go(tx: Tx, removal: Row) -> int:
    number, low, high, _, mailbox_id = removal
    rows = tx.all(_OF_ONE, low=low, high=high, number=number, most=AT_ONCE)
    deletions.let_go(tx, [(row[0], row[1]) for row in rows])
    if len(rows) < AT_ONCE:
        tx.execute(delete(deletion).where(deletion.c.id == number))
        if tx.execute(select(deletion.c.id).where(deletion.c.mailbox_id == mailbox_id).limit(1)).first() is None:
            tx.execute(delete(deleted_mailbox).where(deleted_mailbox.c.mailbox_id == mailbox_id))
    return len(rows)
