"""Looking at mailings: one, those of an author, those that somebody has to be at."""

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.queue.mailings.rows import ALL, Mailing, State, of_row
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.mail.withdrawal import withdrawal
from mailserver.store.schema.outgoing.mailings import mailing, mailing_copy
from mailserver.texts.causes import Cause

SWEPT = 50
UNDONE = ("restoring", "restored")
"""States of an act of taking back that was undone (`mailserver.store.withdrawal.rows.State`)."""

_C = mailing.c
_GET = Statement(ALL.where(_C.id == bindparam("row")))
_LOCK = Statement(select(_C.id).where(_C.id == bindparam("row")).with_for_update())


def get(tx: Tx, number: int) -> Mailing:
    """One of them. Raises Refused(NOT_FOUND)."""
    row = tx.one(_GET, row=number)
    if row is None:
        raise Refused(Reason.NOT_FOUND, Cause("no-such-mailing"))
    return of_row(row)


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
    return [of_row(tuple(row)) for row in tx.execute(ALL.where(*where).order_by(_C.id).limit(SWEPT))]


def taken_back(tx: Tx, content_id: int) -> int:
    """When the mailing that brought a message here was taken back; 0: it was not, that was undone, or none did."""
    undone = exists().where(withdrawal.c.id == _C.withdrawal_id, withdrawal.c.state.in_(UNDONE))
    found = (
        select(_C.decided)
        .join(mailing_copy, mailing_copy.c.mailing_id == _C.id)
        .where(mailing_copy.c.stored_id == content_id, _C.state == State.WITHDRAWN.value, ~undone)
    )
    return int(tx.execute(found.limit(1)).scalar() or 0)


def _found(tx: Tx, before: int, limit: int, *where: ColumnElement[bool]) -> list[Mailing]:
    if before:
        where = (*where, _C.id < before)
    rows = tx.execute(ALL.where(*where).order_by(_C.id.desc()).limit(limit))
    return [of_row(tuple(row)) for row in rows]
