"""What is decided about mailings: each changes its state in one unit, which locks the row, and is on record."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sqlalchemy import bindparam, case, func, insert, or_, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.model.rules import sentences
from mailserver.store.account import accounts
from mailserver.store.engine import leases
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.queue.mailings.ending import let_go
from mailserver.store.queue.mailings.reading import locked
from mailserver.store.queue.mailings.rows import DROPPED, OPEN, Day, Mailing, State, Wanted, targets_text
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.outgoing.mailings import mailing
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
MAX_REASON = 200

_C = mailing.c
_CLAIM = Statement(
    update(mailing)
    .where(
        _C.id == bindparam("row"),
        or_(leases.is_over(_C.leased), _C.worker == bindparam("me")),
    )
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
        "cleared": int(wanted.cleared),
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
    leaving = (State.APPROVED, State.SENDING)
    mine = (_C.account_id == account_id, _C.state.in_([one.value for one in leaving]))
    stopped = 0
    for number in list(tx.execute(select(_C.id).where(*mine).order_by(_C.id)).scalars()):
        with suppress(Refused):  # everybody has it by now, or it was taken back
            move(tx, origin, number, lambda one: State.STOPPED if one.state in leaving else None, "stopped")
            stopped += 1
    return stopped


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
    """Which act takes it back from the mailboxes. Raises Refused(CONFLICT): one does already."""
    none = (_C.id == number, _C.withdrawal_id == 0)
    if not tx.execute(update(mailing).where(*none).values(withdrawal_id=act, leased=0)).rowcount:
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))


def claim(tx: Tx, number: int, worker: int) -> bool:
    """Be the one who is at it, for a while from now; False when somebody else is."""
    return tx.run(_CLAIM, row=number, me=worker, **leases.times(tx.now, LEASE_SECONDS)) == 1
