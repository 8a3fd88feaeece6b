"""The acts of taking back: what each means, how far it is, who is at it."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.messages.likeness import Facts, Likeness
from mailserver.model.messages.provenance import Provenance
from mailserver.store.engine import leases
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.mail.withdrawal import withdrawal, withdrawn
from mailserver.texts.causes import Cause

NEWS = -5
"""The "mailbox" whose news say that an act began or moved (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""
SERVICE = Origin("service", "internal")
KEPT_DAYS = 30
"""Days for which an act can be undone."""
REFUSED_DAYS = (0, 1, 7, 30, 90)
"""How long further copies may be refused."""
LEASE_SECONDS = 10
MAX_REFUSING = 1000
"""Acts whose further copies are refused at once."""
REMEMBERED_DAYS = 365
"""After it is over an act stays listed; the audit keeps it for good."""
SWEPT = 100


class State(StrEnum):
    """How far an act is."""

    TAKING = "taking"
    TAKEN = "taken"
    RESTORING = "restoring"
    RESTORED = "restored"
    ENDED = "ended"
    """What was kept is gone: nothing can be brought back."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One act."""

    id: int
    at: int
    actor: str
    content_id: int
    """The message that was pointed at; it may be gone."""
    state: State
    expires: int
    refused_until: int
    likeness: Likeness
    swept: int
    """When all mailboxes had been gone through; 0: not yet."""
    taken: int
    restored: int
    refused: int
    spares_read: bool = False
    """What was read stays, and is marked."""
    marked: int = 0

    def can_be_undone(self, now: int) -> bool:
        """Whether its copies are still kept, and will be a moment from now."""
        return self.state in (State.TAKING, State.TAKEN) and now < self.expires

    def refuses(self, now: int) -> bool:
        """Whether further copies are turned away."""
        return now < self.refused_until


_COLUMNS = (
    *(withdrawal.c.id, withdrawal.c.at, withdrawal.c.actor, withdrawal.c.content_id, withdrawal.c.alike),
    *(withdrawal.c.state, withdrawal.c.expires, withdrawal.c.refused_until, withdrawal.c.body_hash),
    *(withdrawal.c.body_size, withdrawal.c.message_id, withdrawal.c.sender, withdrawal.c.subject),
    *(withdrawal.c.door, withdrawal.c.door_account, withdrawal.c.authentication),
    *(withdrawal.c.swept, withdrawal.c.taken, withdrawal.c.restored, withdrawal.c.refused),
    *(withdrawal.c.spares_read, withdrawal.c.marked),
)
_ALL = select(*_COLUMNS)
_GET = Statement(_ALL.where(withdrawal.c.id == bindparam("row")))
_LOCK = Statement(_ALL.where(withdrawal.c.id == bindparam("row")).with_for_update())
# An undoing ends the refusing, so the state need not be asked.
_REFUSING = Statement(
    _ALL.where(withdrawal.c.refused_until > bindparam("moment")).order_by(withdrawal.c.id.desc()).limit(MAX_REFUSING)
)
_CLAIM = Statement(
    update(withdrawal)
    .where(
        withdrawal.c.id == bindparam("row"),
        or_(leases.is_over(withdrawal.c.leased), withdrawal.c.worker == bindparam("me")),
    )
    .values(worker=bindparam("me"), leased=bindparam("end"))
)


def begin(
    tx: Tx, origin: Origin, content_id: int, likeness: Likeness, refused_days: int, *, spares_read: bool = False
) -> int:
    """Begin to take messages back; the act's id. `spares_read`: what was read stays, and is marked.

    Raises Refused(INVALID | LIMIT).
    """
    if refused_days not in REFUSED_DAYS:
        raise Refused(Reason.INVALID, Cause("refusing-days"))
    if likeness.alike and not likeness.facts.campaign:
        raise Refused(Reason.INVALID, Cause("no-campaign"))
    if refused_days and len(refusing(tx)) >= MAX_REFUSING:
        raise Refused(Reason.LIMIT, Cause("too-many-refused"))
    facts, now = likeness.facts, tx.now
    row = tx.execute(
        insert(withdrawal)
        .values(
            at=now,
            actor=origin.actor,
            content_id=content_id,
            alike=int(likeness.alike),
            state=State.TAKING.value,
            expires=now + KEPT_DAYS * DAY,
            refused_until=now + refused_days * DAY,
            body_hash=likeness.body_hash,
            body_size=facts.body_size,
            message_id=facts.message_id,
            sender=facts.sender,
            subject=facts.subject,
            door=int(likeness.came.door),
            door_account=likeness.came.account_id,
            authentication=likeness.came.results.packed,
            spares_read=int(spares_read),
        )
        .returning(withdrawal.c.id)
    ).one()
    number = int(row[0])
    record(tx, origin, number, facts.sender, "begun", 0)
    tx.changed(NOBODY, NEWS)
    return number


def undo(tx: Tx, origin: Origin, number: int) -> None:
    """Begin to bring messages back; from now on further copies come in again. Raises Refused(NOT_FOUND | CONFLICT)."""
    found = locked(tx, number)
    if not found.can_be_undone(tx.now):
        raise Refused(Reason.CONFLICT, Cause("withdrawal-over"))
    values = {"state": State.RESTORING.value, "refused_until": 0, "leased": 0}
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(values))
    record(tx, origin, number, found.likeness.facts.sender, "undone", found.taken)
    tx.changed(NOBODY, NEWS)


def stop_refusing(tx: Tx, origin: Origin, number: int) -> None:
    """Let further copies come in again; what was taken away stays so. Raises Refused(NOT_FOUND | CONFLICT)."""
    found = locked(tx, number)
    if not found.refuses(tx.now):
        raise Refused(Reason.CONFLICT, Cause("nothing-refused"))
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(refused_until=tx.now))
    record(tx, origin, number, found.likeness.facts.sender, "let-in", found.refused)
    tx.changed(NOBODY, NEWS)


def record(tx: Tx, origin: Origin, number: int, sender: str, what: str, count: int) -> None:
    """Put a step of an act on record."""
    detail = Cause("withdrawal", number=number, address=sender, count=count, verdict=(what,))
    audit.record(tx, origin, Action.MAIL_WITHDRAWN, 0, detail)


def record_shown(tx: Tx, origin: Origin, sender: str, count: int) -> None:
    """Put on record that somebody looked at what an act would take away."""
    detail = Cause("withdrawal-shown", address=sender, count=count)
    audit.record(tx, origin, Action.MAIL_WITHDRAWN, 0, detail)


def get(tx: Tx, number: int) -> Withdrawal:
    """One act. Raises Refused(NOT_FOUND)."""
    return _found(tx.one(_GET, row=number))


def locked(tx: Tx, number: int) -> Withdrawal:
    """The same, locked until the commit: its state changes in one unit at a time. Raises Refused(NOT_FOUND)."""
    return _found(tx.one(_LOCK, row=number))


def _found(row: Row | None) -> Withdrawal:
    if row is None:
        raise Refused(Reason.NOT_FOUND, Cause("no-such-withdrawal"))
    return _withdrawal(row)


def listing(tx: Tx, before: int = 0, limit: int = 100) -> list[Withdrawal]:
    """Acts, the newest first, with ids lower than `before`."""
    wanted = _ALL.order_by(withdrawal.c.id.desc()).limit(limit)
    rows = tx.execute(wanted.where(withdrawal.c.id < before) if before else wanted)
    return [_withdrawal(tuple(row)) for row in rows]


def refusing(tx: Tx) -> list[Withdrawal]:
    """Acts whose further copies are turned away now."""
    return [_withdrawal(row) for row in tx.all(_REFUSING, moment=tx.now)]


def standing(tx: Tx) -> list[Withdrawal]:
    """Acts that nobody has undone, for as long as they are remembered."""
    undone = (State.RESTORING.value, State.RESTORED.value)
    return [_withdrawal(tuple(row)) for row in tx.execute(_ALL.where(withdrawal.c.state.not_in(undone)))]


def unfinished(tx: Tx) -> list[int]:
    """Acts that somebody has to be at."""
    states = (State.TAKING.value, State.RESTORING.value)
    return list(
        tx.execute(select(withdrawal.c.id).where(withdrawal.c.state.in_(states)).order_by(withdrawal.c.id)).scalars()
    )


def claim(tx: Tx, number: int, worker: int) -> bool:
    """Be the one who is at it, for a while from now; False when somebody else is."""
    return tx.run(_CLAIM, row=number, me=worker, **leases.times(tx.now, LEASE_SECONDS)) == 1


def count_refused(tx: Tx, number: int) -> None:
    """One more copy was turned away."""
    mine = withdrawal.c.id == number
    tx.execute(update(withdrawal).where(mine).values(refused=withdrawal.c.refused + 1))


def kept(tx: Tx, number: int) -> tuple[int, int]:
    """Copies that are kept of an act, and of how many accounts they are."""
    counts = select(func.count(), func.count(withdrawn.c.account_id.distinct()).label("people"))
    row = tx.execute(counts.where(withdrawn.c.withdrawal_id == number)).one()
    return int(row[0]), int(row.people)


def close(tx: Tx, number: int, state: State) -> None:
    """An act is over: nothing is kept of it any more."""
    tx.execute(update(withdrawal).where(withdrawal.c.id == number).values(state=state.value, leased=0))
    tx.changed(NOBODY, NEWS)


def forget(tx: Tx) -> int:
    """Forget acts that have been over for long; how many."""
    over = and_(
        withdrawal.c.state.in_((State.ENDED.value, State.RESTORED.value)),
        withdrawal.c.expires <= tx.now - REMEMBERED_DAYS * DAY,
        withdrawal.c.refused_until <= tx.now,
    )
    old = select(withdrawal.c.id).where(over).order_by(withdrawal.c.id).limit(SWEPT)
    return tx.execute(delete(withdrawal).where(withdrawal.c.id.in_(old))).rowcount


def _withdrawal(row: Row) -> Withdrawal:
    number, at, actor, content_id, alike, state, expires, until, digest, size, message_id, sender, subject, *rest = row
    door, door_account, authentication, swept, taken, restored, refused, spares_read, marked = rest
    came = Provenance.stored(door, door_account, 0, authentication)
    facts = Facts(message_id, sender, subject, size)
    likeness = Likeness(facts, bytes(digest), bool(alike), came, by_name=bool(spares_read))
    counts = swept, taken, restored, refused
    return Withdrawal(
        number, at, actor, content_id, State(state), expires, until, likeness, *counts, bool(spares_read), marked
    )
