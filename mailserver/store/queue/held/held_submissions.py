"""What people of the house sent and waits for IT, since they sent more than is usual. Deciding removes the row."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, bindparam, delete, func, insert, select

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population
from mailserver.model.sending.sending_limits import What
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.mail import collect
from mailserver.store.queue.spool import Notify, Options, Target
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import content
from mailserver.store.schema.outgoing.sending import held_submission

MAX_WAITING = 500
MAX_OCTETS = 512 * 1024**2
"""Messages of one account that wait, and what they weigh; what is more is refused. They count for nobody's quota."""
BATCH = 50

collect.also_held_by(held_submission, held_submission.c.content_id)


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message about to wait."""

    account_id: int
    population: Population
    reverse_path: str
    targets: tuple[Target, ...]
    options: Options
    resent: bool
    what: What
    counted: int
    mark: int
    seconds: int
    expires: int
    cleared: bool = False
    """Its author lets go what it gives away to people outside."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message that waits, with what IT must know of it."""

    id: int
    account_id: int
    login: str
    population: Population
    content_id: int
    reverse_path: str
    targets: tuple[Target, ...]
    options: Options
    resent: bool
    what: What
    counted: int
    mark: int
    seconds: int
    held: int
    expires: int
    subject: str
    size: int
    cleared: int


_ALL = (
    select(
        *(held_submission.c.id, held_submission.c.account_id, account.c.login, held_submission.c.population),
        *(held_submission.c.content_id, held_submission.c.reverse_path, held_submission.c.recipients),
        *(held_submission.c.name, held_submission.c.ret, held_submission.c.envid, held_submission.c.utf8),
        *(held_submission.c.resent, held_submission.c.what, held_submission.c.counted, held_submission.c.mark),
        *(held_submission.c.seconds, held_submission.c.held, held_submission.c.expires),
        *(content.c.subject, content.c.size, held_submission.c.cleared, held_submission.c.require_tls),
    )
    .join_from(held_submission, content, content.c.id == held_submission.c.content_id)
    .join(account, account.c.id == held_submission.c.account_id)
)
_WEIGHT = Statement(
    select(func.count(), func.coalesce(func.sum(content.c.size), 0))
    .join_from(held_submission, content, content.c.id == held_submission.c.content_id)
    .where(held_submission.c.account_id == bindparam("account"))
)
_INSERT = Statement(
    insert(held_submission),
    keys=(
        *("account_id", "population", "content_id", "name", "reverse_path", "recipients", "ret", "envid", "utf8"),
        *("resent", "what", "counted", "mark", "seconds", "held", "expires", "require_tls", "cleared"),
    ),
)
_TAKE = Statement(
    delete(held_submission).where(held_submission.c.id == bindparam("row")).returning(held_submission.c.content_id)
)


def hold(tx: Tx, content_id: int, one: Submitted) -> int:
    """Keep a message for IT; how many of its author waited already. Raises Refused(LIMIT): too many do."""
    accounts.lock(tx, one.account_id)
    row = tx.one(_WEIGHT, account=one.account_id)
    waiting, octets = (int(row[0]), int(row[1])) if row is not None else (0, 0)
    if waiting >= MAX_WAITING or octets >= MAX_OCTETS:
        raise Refused(Reason.LIMIT, "Too many of your messages wait for a decision")
    tx.run(
        _INSERT,
        account_id=one.account_id,
        population=one.population.value,
        content_id=content_id,
        name=one.options.name,
        reverse_path=one.reverse_path,
        recipients=json.dumps([[target.address, int(target.notify), target.orcpt] for target in one.targets]),
        ret=one.options.ret,
        envid=one.options.envid,
        utf8=int(one.options.utf8),
        resent=int(one.resent),
        what=one.what.value,
        counted=one.counted,
        mark=one.mark,
        seconds=one.seconds,
        held=tx.now,
        expires=one.expires,
        require_tls=int(one.options.require_tls),
        cleared=int(one.cleared),
    )
    return waiting


def waiting(tx: Tx, after: int = 0, limit: int = 500) -> list[Held]:
    """What waits, oldest first, with ids greater than `after`."""
    return _found(tx, held_submission.c.id > after, limit=limit)


def of_account(tx: Tx, account_id: int, after: int = 0, limit: int = 500) -> list[Held]:
    """The same of one account."""
    return _found(tx, held_submission.c.account_id == account_id, held_submission.c.id > after, limit=limit)


def count(tx: Tx) -> int:
    """How many wait."""
    return int(tx.execute(select(func.count()).select_from(held_submission)).scalar_one())


def has_since(tx: Tx, account_id: int, moment: int) -> bool:
    """Whether something of an account waits since then."""
    mine = (held_submission.c.account_id == account_id, held_submission.c.held >= moment)
    return tx.execute(select(held_submission.c.id).where(*mine).limit(1)).first() is not None


def get(tx: Tx, held_id: int) -> Held | None:
    """One of them."""
    return next(iter(_found(tx, held_submission.c.id == held_id, limit=1)), None)


def expired(tx: Tx) -> list[Held]:
    """What has waited too long; at most BATCH."""
    return _found(tx, held_submission.c.expires <= tx.now, limit=BATCH)


def take(tx: Tx, held_id: int) -> None:
    """Decide about a message: it waits no more. Raises Refused(NOT_FOUND): somebody was faster."""
    row = tx.one(_TAKE, row=held_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "this message waits no more: somebody has decided already")
    collect.note(tx, [int(row[0])])


def erase(tx: Tx, account_id: int) -> int:
    """Let go of everything of an account; how many."""
    mine = held_submission.c.account_id == account_id
    collect.note(tx, select(held_submission.c.content_id).where(mine))
    return tx.execute(delete(held_submission).where(mine)).rowcount


def _found(tx: Tx, *where: ColumnElement[bool], limit: int) -> list[Held]:
    rows = tx.execute(_ALL.where(*where).order_by(held_submission.c.id).limit(limit))
    return [_held(tuple(row)) for row in rows]


def _held(row: Row) -> Held:
    number, account_id, login, population, content_id, path, recipients, *more = row
    name, ret, envid, utf8, resent, what, *rest, require_tls = more
    return Held(
        number,
        account_id,
        login,
        Population(population),
        content_id,
        path,
        _targets(recipients),
        Options(name, account_id, population, ret, envid, bool(utf8), require_tls=bool(require_tls)),
        bool(resent),
        What(what),
        *rest,
    )


def _targets(recipients: str) -> tuple[Target, ...]:
    rows: Sequence[tuple[str, int, str]] = json.loads(recipients)
    return tuple(Target(address, Notify(notify), orcpt) for address, notify, orcpt in rows)
