"""What people of the house sent and waits for their own yes, since it gives something away.

Deciding removes the row.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select

from mailserver.model.errors import Reason, Refused
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.queue.spool import Notify, Target
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.outgoing.sending import unconfirmed_submission

MAX_WAITING = 50
MAX_OCTETS = 256 * 1024**2
"""Messages of one account that wait, and what they weigh; what is more is refused. They count for nobody's quota."""
BATCH = 50

collect.also_held_by(unconfirmed_submission, unconfirmed_submission.c.content_id)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message about to wait, as it was submitted."""

    account_id: int
    name: str
    reverse_path: str
    targets: tuple[Target, ...]
    trace: bytes
    ret: str
    envid: str
    utf8: bool
    resent: bool
    keeps_copy: bool
    kinds: tuple[str, ...]
    expires: int
    due: int = 0
    """When it leaves once it is confirmed; 0: at once."""
    require_tls: bool = False


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A message that waits."""

    id: int
    content_id: int
    sent: Submitted
    held: int
    subject: str
    size: int

    @property
    def addresses(self) -> list[str]:
        """Whom it is for."""
        return [target.address for target in self.sent.targets]


_FIELDS = (
    *("account_id", "name", "reverse_path", "trace", "ret", "envid", "utf8", "resent", "keeps_copy", "expires"),
    *("due", "require_tls"),
)
_MINE = unconfirmed_submission.c
_ALL = select(
    *(_MINE.id, _MINE.content_id, _MINE.recipients, _MINE.kinds, _MINE.held, content.c.subject, content.c.size),
    *(_MINE[name] for name in _FIELDS),
).join_from(unconfirmed_submission, content, content.c.id == _MINE.content_id)
_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0))
    .join_from(unconfirmed_submission, content, content.c.id == _MINE.content_id)
    .where(_MINE.account_id == bindparam("account"))
)


def hold(tx: Tx, content_id: int, one: Submitted) -> None:
    """Keep a message for its author. Raises Refused(LIMIT): too many wait already."""
    accounts.lock(tx, one.account_id)
    row = tx.one(_WEIGHT, account=one.account_id)
    waiting, octets = (int(row[0]), int(row[1])) if row is not None else (0, 0)
    if waiting >= MAX_WAITING or octets >= MAX_OCTETS:
        raise Refused(Reason.LIMIT, "Too many of your messages wait until you confirm them")
    values = {name: getattr(one, name) for name in _FIELDS} | {
        "content_id": content_id,
        "recipients": json.dumps([[target.address, int(target.notify), target.orcpt] for target in one.targets]),
        "kinds": ",".join(one.kinds),
        "held": tx.now,
        **{name: int(getattr(one, name)) for name in ("utf8", "resent", "keeps_copy", "require_tls")},
    }
    tx.execute(insert(unconfirmed_submission).values(values))


def listing(tx: Tx, account_id: int) -> list[Unconfirmed]:
    """What of an account waits, oldest first."""
    return _found(tx, _MINE.account_id == account_id, limit=MAX_WAITING)


def get(tx: Tx, account_id: int, number: int) -> Unconfirmed | None:
    """One message of the account."""
    return next(iter(_found(tx, _MINE.account_id == account_id, _MINE.id == number, limit=1)), None)


def expired(tx: Tx) -> list[Unconfirmed]:
    """What nobody decided about in time; at most BATCH."""
    return _found(tx, _MINE.expires <= tx.now, limit=BATCH)


def take(tx: Tx, account_id: int, number: int) -> None:
    """Decide about a message: it waits no more. Raises Refused(NOT_FOUND): that was done already."""
    mine = (_MINE.account_id == account_id, _MINE.id == number)
    row = tx.execute(delete(unconfirmed_submission).where(*mine).returning(_MINE.content_id)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND, "this message waits no more")
    collect.note(tx, [int(row[0])])


def erase(tx: Tx, account_id: int) -> int:
    """Let go of everything of an account; how many."""
    mine = _MINE.account_id == account_id
    collect.note(tx, select(_MINE.content_id).where(mine))
    return tx.execute(delete(unconfirmed_submission).where(mine)).rowcount


def _found(tx: Tx, *where: ColumnElement[bool], limit: int) -> list[Unconfirmed]:
    return [_one(tuple(row)) for row in tx.execute(_ALL.where(*where).order_by(_MINE.id).limit(limit))]


def _one(row: Row) -> Unconfirmed:
    number, content_id, recipients, kinds, held, subject, size, *rest = row
    account_id, name, reverse_path, trace, ret, envid, utf8, resent, keeps_copy, expires, due, require_tls = rest
    return Unconfirmed(
        number,
        content_id,
        Submitted(
            account_id,
            name,
            reverse_path,
            _targets(recipients),
            bytes(trace),
            ret,
            envid,
            bool(utf8),
            bool(resent),
            bool(keeps_copy),
            tuple(filter(None, kinds.split(","))),
            expires,
            due,
            bool(require_tls),
        ),
        held,
        subject,
        size,
    )


def _targets(recipients: str) -> tuple[Target, ...]:
    rows: Sequence[tuple[str, int, str]] = json.loads(recipients)
    return tuple(Target(address, Notify(notify), orcpt) for address, notify, orcpt in rows)
