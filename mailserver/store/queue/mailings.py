"""Messages to very many people: each with what was decided about it, and how far it is.

A state changes in one unit, which locks the row: of two who decide at once the second is told so.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, case, delete, func, insert, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.messages.provenance import Door, Provenance
from mailserver.model.rules import sentences
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.queue.spool import Notify, Options, Target
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.accounts import account
from mailserver.store.schema.mail import content
from mailserver.store.schema.mailings import mailing, mailing_batch, mailing_copy
from mailserver.texts.causes import Cause

NEWS = -6
"""The "mailbox" whose news say that a mailing may go on (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""
SERVICE = Origin("service", "internal")
MAX_WAITING = 20
"""Mailings of one account that wait or are on their way."""
MAX_DROPPED = 20
"""Mailings of one account within a day that nobody had in the end: each may have asked everybody who approves some."""
LEASE_SECONDS = 10
REMEMBERED_DAYS = 365
SWEPT = 50
MAX_REASON = 200

collect.also_held_by(mailing, mailing.c.content_id)
collect.also_held_by(mailing_copy, mailing_copy.c.content_id)


class State(StrEnum):
    """How far a mailing is."""

    WAITING = "waiting"
    """For a second person."""
    APPROVED = "approved"
    """It leaves at its time."""
    SENDING = "sending"
    STOPPED = "stopped"
    SENT = "sent"
    UNFINISHED = "unfinished"
    """Stopped, and not resumed in time: some have it."""
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """By its author, before anybody had it."""
    WITHDRAWN = "withdrawn"
    """Taken back from who had it."""
    FAILED = "failed"
    """When its time had come nobody could get it."""


OPEN = (State.WAITING, State.APPROVED, State.SENDING, State.STOPPED)
DROPPED = (State.REFUSED, State.EXPIRED, State.CANCELLED, State.FAILED)
"""Nobody had it."""
DELIVERED = (State.SENT, State.UNFINISHED)
"""It is over, and those who got it have it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A mailing about to be kept."""

    account_id: int
    population: Population
    subject: str
    size: int
    reverse_path: str
    targets: tuple[Target, ...]
    options: Options
    came: Provenance
    people: int
    outside: int
    reach: str
    """JSON (`store.queue.mailing_counts.Reach`)."""
    state: State
    expires: int
    due: int = 0
    actor: str = ""
    """Who decided, where that is settled already."""
    released: tuple[str, ...] = ()
    audience: bytes = b""
    """Everybody it is for (`store.queue.mailing_audience`)."""


@dataclass(frozen=True, slots=True)
class Day:
    """When a day begins and ends, and how many mailings of one account may leave on it; 0: any number."""

    begins: int
    ends: int
    most: int

    @property
    def bounds(self) -> tuple[int, int]:
        return self.begins, self.ends


@dataclass(frozen=True, slots=True)
class Mailing:
    """One of them."""

    id: int
    at: int
    account_id: int
    login: str
    """Of its author; empty: somebody outside."""
    population: Population
    content_id: int
    """0: it is over."""
    subject: str
    size: int
    reverse_path: str
    targets: tuple[Target, ...]
    released: tuple[str, ...]
    options: Options
    came: Provenance
    people: int
    outside: int
    reach: str
    state: State
    actor: str
    decided: int
    reason: str
    due: int
    expires: int
    started: int
    ended: int
    total: int
    reached: int
    queued: int
    withdrawal_id: int
    approver: str

    @property
    def done(self) -> int:
        """Recipients who are settled."""
        return self.reached + self.queued


_C = mailing.c
_ALL = select(
    *(_C.id, _C.at, _C.account_id, func.coalesce(account.c.login, "").label("login"), _C.population),
    func.coalesce(_C.content_id, 0).label("content_id"),
    *(_C.subject, _C.size, _C.reverse_path, _C.recipients, _C.released, _C.name, _C.ret, _C.envid, _C.utf8),
    *(_C.door, _C.authentication, _C.people, _C.outside, _C.reach, _C.state, _C.actor, _C.decided, _C.reason),
    *(_C.due, _C.expires, _C.started, _C.ended, _C.total, _C.reached, _C.queued, _C.withdrawal_id),
    _C.approver,
    _C.require_tls,
    _C.results,
).join_from(mailing, account, account.c.id == _C.account_id, isouter=True)
_GET = Statement(_ALL.where(_C.id == bindparam("row")))
_LOCK = Statement(select(_C.id).where(_C.id == bindparam("row")).with_for_update())
_CLAIM = Statement(
    update(mailing)
    .where(_C.id == bindparam("row"), or_(_C.leased <= bindparam("moment"), _C.worker == bindparam("me")))
    .values(worker=bindparam("me"), leased=bindparam("end"))
)


def begin(tx: Tx, content_id: int, wanted: Wanted, day: Day | None = None) -> int:
    """Keep a mailing; its id. `day`: the one on which it leaves.

    Raises SentTooMuch: as many of its author's leave on that day, or too many wait or were dropped.
    """
    if wanted.account_id:
        _check_day(tx, wanted.account_id, day)
        if _dropped(tx, wanted.account_id) >= MAX_DROPPED:
            raise sentences.mailings_dropped(MAX_DROPPED)
        if _open(tx, wanted.account_id) >= MAX_WAITING:
            raise sentences.mailings_open(MAX_WAITING)
    values: dict[str, Any] = {
        "at": tx.now,
        "account_id": wanted.account_id,
        "population": wanted.population.value,
        "content_id": content_id,
        "subject": wanted.subject,
        "size": wanted.size,
        "name": wanted.options.name,
        "reverse_path": wanted.reverse_path,
        "recipients": targets_text(wanted.targets),
        "released": json.dumps(wanted.released),
        "ret": wanted.options.ret,
        "envid": wanted.options.envid,
        "utf8": int(wanted.options.utf8),
        "require_tls": int(wanted.options.require_tls),
        "results": wanted.options.results,
        "door": int(wanted.came.door),
        "authentication": wanted.came.results.packed,
        "people": wanted.people,
        "outside": wanted.outside,
        "reach": wanted.reach,
        "state": wanted.state.value,
        "actor": wanted.actor,
        "due": wanted.due,
        "decided": tx.now if wanted.actor else 0,
        "expires": wanted.expires,
        "audience": wanted.audience or None,
        "approver": wanted.actor,
    }
    number = int(tx.execute(insert(mailing).values(values).returning(_C.id)).one()[0])
    tx.changed(NOBODY, NEWS)
    return number


def _check_day(tx: Tx, account_id: int, day: Day | None, but: int = 0) -> None:
    """Whether one more mailing may leave on a day. `but`: one that is not counted.

    What was handed in days ago and is planned for a day counts on that day. Raises SentTooMuch.
    """
    accounts.lock(tx, account_id)
    if day is None or not day.most:
        return
    dropped = [one.value for one in DROPPED]
    leaves = case((_C.due > _C.at, _C.due), else_=_C.at)
    mine = (_C.account_id == account_id, _C.id != but, _C.state.not_in(dropped))
    wanted = (*mine, leaves >= day.begins, leaves < day.ends)
    if int(tx.execute(select(func.count()).select_from(mailing).where(*wanted)).scalar_one()) >= day.most:
        raise sentences.mailings_that_day(day.most)


def _dropped(tx: Tx, account_id: int) -> int:
    dropped = [one.value for one in DROPPED]
    mine = (_C.account_id == account_id, _C.at > tx.now - DAY, _C.state.in_(dropped))
    return int(tx.execute(select(func.count()).select_from(mailing).where(*mine)).scalar_one())


def _open(tx: Tx, account_id: int) -> int:
    mine = (_C.account_id == account_id, _C.state.in_([one.value for one in OPEN]))
    return int(tx.execute(select(func.count()).select_from(mailing).where(*mine)).scalar_one())


# ---------------------------------------------------------------------- reading


def get(tx: Tx, number: int) -> Mailing:
    """One of them. Raises Refused(NOT_FOUND)."""
    row = tx.one(_GET, row=number)
    if row is None:
        raise Refused(Reason.NOT_FOUND, Cause("no-such-mailing"))
    return _mailing(row)


def locked(tx: Tx, number: int) -> Mailing:
    """The same, locked until the commit. Raises Refused(NOT_FOUND)."""
    tx.one(_LOCK, row=number)
    return get(tx, number)


def listing(tx: Tx, before: int = 0, limit: int = 50, state: State | None = None) -> list[Mailing]:
    """All of them, the newest first, with ids lower than `before`."""
    return _found(tx, before, limit, *([_C.state == state.value] if state else []))


def of_account(tx: Tx, account_id: int, before: int = 0, limit: int = 50) -> list[Mailing]:
    """The same of one author."""
    return _found(tx, before, limit, _C.account_id == account_id)


def waiting(tx: Tx) -> int:
    """How many wait for a second person."""
    where = _C.state == State.WAITING.value
    return int(tx.execute(select(func.count()).select_from(mailing).where(where)).scalar_one())


def newest(tx: Tx, account_id: int, since: int) -> int:
    """The last one that an account handed in since then; 0: none."""
    mine = (_C.account_id == account_id, _C.at >= since)
    return int(tx.execute(select(func.coalesce(func.max(_C.id), 0)).where(*mine)).scalar_one())


def of_message(tx: Tx, account_id: int, content_id: int) -> int:
    """The mailing as which an author's message went out, or is to, by the copy of it that they keep; 0: it is none."""
    kept = select(content.c.message_id).where(content.c.id == content_id, content.c.message_id != "")
    named = select(content.c.id).where(content.c.message_id.in_(kept))
    copied = select(mailing_copy.c.mailing_id).where(mailing_copy.c.stored_id.in_(named))
    mine = (_C.account_id == account_id, or_(_C.content_id.in_(named), _C.id.in_(copied)))
    return int(tx.execute(select(func.coalesce(func.max(_C.id), 0)).where(*mine)).scalar_one())


def due(tx: Tx) -> list[int]:
    """Those that somebody has to be at: to be taken back, which comes first; begun, or to begin now."""
    ready = or_(_C.state == State.SENDING.value, and_(_C.state == State.APPROVED.value, _C.due <= tx.now))
    return to_take_back(tx) + list(tx.execute(select(_C.id).where(ready).order_by(_C.id)).scalars())


def to_take_back(tx: Tx) -> list[int]:
    """Those that were taken back, where nobody has begun to do so."""
    wanted = (_C.state == State.WITHDRAWN.value, _C.withdrawal_id == 0)
    return list(tx.execute(select(_C.id).where(*wanted).order_by(_C.id)).scalars())


def expired(tx: Tx) -> list[Mailing]:
    """Those that nobody has decided about in time."""
    return _swept(tx, _C.state == State.WAITING.value, _C.expires <= tx.now)


def abandoned(tx: Tx, days: int) -> list[Mailing]:
    """Those that were stopped so many days ago and that nobody has resumed, and those that were to leave then and could
    not: what was meant for last month is not for today."""
    since = tx.now - days * DAY
    stopped = and_(_C.state == State.STOPPED.value, _C.decided <= since)
    late = (_C.state == State.APPROVED.value, _C.started == 0, _C.due <= since, _C.at <= since, _C.decided <= since)
    return _swept(tx, or_(stopped, and_(*late)))


def _swept(tx: Tx, *where: ColumnElement[bool]) -> list[Mailing]:
    return [_mailing(tuple(row)) for row in tx.execute(_ALL.where(*where).order_by(_C.id).limit(SWEPT))]


def taken_back(tx: Tx, content_id: int) -> int:
    """When the mailing that brought a message here was taken back; 0: it was not, or none did."""
    found = (
        select(_C.decided)
        .join(mailing_copy, mailing_copy.c.mailing_id == _C.id)
        .where(mailing_copy.c.stored_id == content_id, _C.state == State.WITHDRAWN.value)
    )
    return int(tx.execute(found.limit(1)).scalar() or 0)


# ---------------------------------------------------------------------- deciding


def move(
    tx: Tx,
    origin: Origin,
    number: int,
    to: Callable[[Mailing], State | None],
    what: str,
    reason: str = "",
    **values: Any,
) -> Mailing:
    """Somebody decides: the state becomes what `to` says of it, and the act is on record. As it was before.

    Raises Refused(NOT_FOUND | CONFLICT): None, it is not about that any more.
    """
    before = locked(tx, number)
    state = to(before)
    if state is None:
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))
    change = {
        "state": state.value,
        "leased": 0,
        "actor": origin.actor,
        "decided": tx.now,
        "reason": reason[:MAX_REASON],
    }
    if state not in OPEN:
        change["ended"] = tx.now
    tx.execute(update(mailing).where(_C.id == number).values({**change, **values}))
    if state not in OPEN:
        let_go(tx, number)
    record(tx, origin, before, what)
    tx.changed(NOBODY, NEWS)
    return before


def stop_all(tx: Tx, origin: Origin, account_id: int) -> int:
    """Nobody else gets what an account wrote to very many, until somebody looks at it; how many were on their way."""
    mine = (_C.account_id == account_id, _C.state.in_([State.APPROVED.value, State.SENDING.value]))
    found = list(tx.execute(select(_C.id).where(*mine).order_by(_C.id)).scalars())
    for number in found:
        move(tx, origin, number, lambda _: State.STOPPED, "stopped")
    return len(found)


def plan(tx: Tx, origin: Origin, number: int, moment: int, day: Day | None = None) -> None:
    """When it is to leave, once it may; 0: at once. `day`: the one of that moment.

    Raises Refused(NOT_FOUND | CONFLICT), SentTooMuch: as many of its author's leave on that day.
    """
    found = locked(tx, number)
    if found.started or found.state not in OPEN:
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))
    if found.account_id:
        _check_day(tx, found.account_id, day, but=number)
    values: dict[str, Any] = {"due": moment}
    if found.state is State.WAITING and moment:
        values["expires"] = max(found.expires, moment)
    tx.execute(update(mailing).where(_C.id == number).values(values))
    record(tx, origin, found, "planned")
    tx.changed(NOBODY, NEWS)


def record(tx: Tx, origin: Origin, one: Mailing, what: str) -> None:
    """Put an act on record."""
    detail = Cause("mailing", number=one.id, name=one.options.name, count=one.people + one.outside, verdict=(what,))
    audit.record(tx, origin, Action.MAILING_DECIDED, one.account_id, detail)


def withdrawn_by(tx: Tx, number: int, act: int) -> None:
    """Which act takes it back from the mailboxes."""
    tx.execute(update(mailing).where(_C.id == number).values(withdrawal_id=act, leased=0))


def claim(tx: Tx, number: int, worker: int) -> bool:
    """Be the one who is at it, for a while from now; False when somebody else is."""
    return tx.run(_CLAIM, row=number, me=worker, moment=tx.now, end=tx.now + LEASE_SECONDS) == 1


# ---------------------------------------------------------------------- letting go


def let_go(tx: Tx, number: int) -> None:
    """It is over: neither the message nor who is still to get it is kept."""
    tx.execute(delete(mailing_batch).where(mailing_batch.c.mailing_id == number))
    for table, key in ((mailing, _C.id), (mailing_copy, mailing_copy.c.mailing_id)):
        held = (key == number, table.c.content_id.is_not(None))
        collect.note(tx, list(tx.execute(select(table.c.content_id).where(*held)).scalars()))
        tx.execute(update(table).where(*held).values(content_id=None))
    tx.execute(update(mailing).where(_C.id == number, _C.audience.is_not(None)).values(audience=None))


def forget(tx: Tx) -> int:
    """Forget mailings that have been over for long; how many."""
    closed = _C.state.not_in([one.value for one in OPEN])
    old = select(_C.id).where(closed, _C.ended <= tx.now - REMEMBERED_DAYS * DAY).order_by(_C.id).limit(SWEPT)
    return _remove(tx, list(tx.execute(old).scalars()))


def erase(tx: Tx, account_id: int) -> int:
    """Let go of everything of an author, some at a time; how many."""
    mine = select(_C.id).where(_C.account_id == account_id).limit(SWEPT)
    return _remove(tx, list(tx.execute(mine).scalars()))


def _remove(tx: Tx, numbers: Sequence[int]) -> int:
    for number in numbers:
        let_go(tx, number)
        tx.execute(delete(mailing_copy).where(mailing_copy.c.mailing_id == number))
        tx.execute(delete(mailing).where(_C.id == number))
    return len(numbers)


# ---------------------------------------------------------------------- rows


def targets_text(targets: Sequence[Target]) -> str:
    """Recipients as rows keep them."""
    return json.dumps([[one.address, int(one.notify), one.orcpt] for one in targets])


def targets_of(text: str) -> tuple[Target, ...]:
    """The same back."""
    rows: Sequence[tuple[str, int, str]] = json.loads(text)
    return tuple(Target(address, Notify(notify), orcpt) for address, notify, orcpt in rows)


def _found(tx: Tx, before: int, limit: int, *where: ColumnElement[bool]) -> list[Mailing]:
    if before:
        where = (*where, _C.id < before)
    rows = tx.execute(_ALL.where(*where).order_by(_C.id.desc()).limit(limit))
    return [_mailing(tuple(row)) for row in rows]


def _mailing(row: Row) -> Mailing:
    number, at, account_id, login, population, content_id, subject, size, path, recipients, released, *rest = row
    name, ret, envid, utf8, door, authentication, people, outside, reach, state, *last, require_tls, results = rest
    options = Options(name, account_id, population, ret, envid, bool(utf8))
    return Mailing(
        number,
        at,
        account_id,
        login,
        Population(population),
        content_id,
        subject,
        size,
        path,
        targets_of(recipients),
        tuple(json.loads(released)),
        replace(options, results=results, require_tls=bool(require_tls)),
        Provenance.stored(door, account_id, 0, authentication),
        people,
        outside,
        reach,
        State(state),
        *last,
    )


def is_outsider(one: Mailing) -> bool:
    """Whether nobody of this house wrote it."""
    return not one.account_id and one.came.door in (Door.SMTP, Door.LMTP)
