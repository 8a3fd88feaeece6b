"""The outgoing queue: enqueue, lease, settle; and what `mailserver queue` shows, retries and drops.

A row is leased by one worker at a time: the lease moves `due` into the near future, so a worker that dies
gives the row back by doing nothing. Whoever settles must still hold the lease; a worker that lost it
changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

from sqlalchemy import BigInteger, ColumnElement, bindparam, case, delete, func, insert, select, update

from mailserver.address import parse
from mailserver.clock import Clock
from mailserver.errors import BadSyntax
from mailserver.identity import Population
from mailserver.store import collect, messages, rules
from mailserver.store.schema.mail import blob, content
from mailserver.store.schema.spool import queued, queued_domain, queued_recipient
from mailserver.store.statements import Statement, Tx

LEASE = 15
"""Seconds a lease lasts unless renewed: as long as mail waits for a worker that was killed while sending it."""
ERROR_LENGTH = 500
NAME_LENGTH = 16
NEWS = -1
"""The "mailbox" whose news say that something was queued (`changes.subscribe("mailbox", NEWS, …)`)."""
RETRY_NEWS = -2
"""The same for what an operator wants tried again at once."""
NOBODY = -1
"""The account of those news."""
BRAKED = "held: sending is suspended for the sender's population"
"""The error of rows that the emergency brake holds."""
HOLD = 600
"""Seconds after which a held row looks again."""
HELD = "held: by an operator"
"""The error of rows that wait until an operator names them to be tried again."""
HELD_UNTIL = 32_503_680_000
"""When such a row would be due: in the year 3000."""
LAST_CHANCE = 86400
"""A row that was held lives so long at least once it may leave."""

collect.also_held_by(queued, queued.c.content_id)


class Notify(IntFlag):
    """Which reports a recipient's sender asked for (RFC 3461 section 4.1). 0: none was named, so FAILURE | DELAY."""

    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8

    def wants(self, kind: "Notify") -> bool:
        """Whether a report of this kind is to be sent."""
        return bool((self or Notify.FAILURE | Notify.DELAY) & kind)


DEFAULT_NOTIFY = Notify(0)


@dataclass(frozen=True, slots=True)
class Options:
    """What a submitter said about a message beside its addresses."""

    name: str = ""
    """Identifier told to the submitter; empty: a new one."""
    account_id: int = 0
    """0: the service itself."""
    population: str = ""
    """Whose brake holds the message back; empty: nobody's."""
    ret: str = ""
    envid: str = ""
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """One remote recipient and the reports its sender asked for (RFC 3461)."""

    address: str
    notify: Notify = DEFAULT_NOTIFY
    orcpt: str = ""

    @property
    def domain(self) -> str:
        """Lower case A-labels."""
        try:
            return parse(self.address).domain
        except BadSyntax:
            return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient row under a lease."""

    id: int
    address: str
    notify: Notify
    orcpt: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A row of the queue that this worker alone may work on until the lease ends."""

    id: int
    lease: int
    queued_id: int
    domain: str
    attempts: int
    """This attempt included."""
    warned: bool
    name: str
    content_id: int
    account_id: int
    reverse_path: str
    ret: str
    envid: str
    utf8: bool
    created: int
    expires: int
    recipients: tuple[Addressee, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the queue as operators see it."""

    id: int
    name: str
    domain: str
    sender: str
    recipients: tuple[str, ...]
    size: int
    created: int
    due: int
    attempts: int
    sending: bool
    error: str


# ---------------------------------------------------------------------- entering

_INSERT_QUEUED = Statement(
    insert(queued).returning(queued.c.id),
    keys=(
        *("name", "content_id", "account_id", "population", "reverse_path"),
        *("ret", "envid", "utf8", "created", "expires"),
    ),
)
_INSERT_DOMAIN = Statement(
    insert(queued_domain).returning(queued_domain.c.id),
    keys=("queued_id", "domain", "due", "lease", "attempts", "warned", "error"),
)
_INSERT_RECIPIENT = Statement(insert(queued_recipient), keys=("domain_id", "address", "notify", "orcpt"))
_NO_OPTIONS = Options()


def new_name(clock: Clock) -> str:
    """An identifier for a message on its way, told to the submitter and written in trace fields and logs."""
    return clock.token(NAME_LENGTH // 2).hex().upper()


def enqueue(
    tx: Tx,
    content_id: int,
    reverse_path: str,
    targets: Iterable[Target | str],
    *,
    lifetime: int,
    options: Options = _NO_OPTIONS,
) -> int:
    """Queue a stored content for remote recipients, due at once: a row per domain. Returns its id."""
    now = tx.now
    row = tx.one(
        _INSERT_QUEUED,
        name=options.name or new_name(tx.clock),
        content_id=content_id,
        account_id=options.account_id,
        population=options.population,
        reverse_path=reverse_path,
        ret=options.ret,
        envid=options.envid,
        utf8=int(options.utf8),
        created=now,
        expires=now + lifetime,
    )
    assert row is not None
    by_domain: dict[str, list[Target]] = {}
    for target in targets:
        known = Target(target) if isinstance(target, str) else target
        by_domain.setdefault(known.domain, []).append(known)
    for domain, group in by_domain.items():
        _enqueue_domain(tx, row[0], domain, group, now)
    tx.changed(NOBODY, NEWS)
    return int(row[0])


def _enqueue_domain(tx: Tx, queued_id: int, domain: str, targets: Sequence[Target], due: int) -> None:
    row = tx.one(_INSERT_DOMAIN, queued_id=queued_id, domain=domain, due=due, lease=0, attempts=0, warned=0, error="")
    assert row is not None
    tx.many(
        _INSERT_RECIPIENT,
        [
            {
                "domain_id": row[0],
                "address": target.address,
                "notify": int(target.notify),
                "orcpt": target.orcpt,
            }
            for target in targets
        ],
    )


# ---------------------------------------------------------------------- working

_NEXT_DUE = Statement(select(func.min(queued_domain.c.due)))
_DUE = Statement(
    select(queued_domain.c.id, queued_domain.c.due, queued.c.population)
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .where(queued_domain.c.due <= bindparam("now", type_=BigInteger))
    .order_by(queued_domain.c.due, queued_domain.c.id)
    .limit(bindparam("top", type_=BigInteger))
    .with_for_update(skip_locked=True, of=queued_domain)  # PostgreSQL: workers that come together share the work
)
_HOLD = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.due == bindparam("seen"))
    .values(due=bindparam("until"), lease=0, error=BRAKED)
)
_MESSAGE = select(queued_domain.c.queued_id).where(queued_domain.c.id == bindparam("row"))
_PROLONG = Statement(
    update(queued)
    .where(queued.c.id.in_(_MESSAGE))
    .values(expires=queued.c.expires + bindparam("longer", type_=BigInteger))
)
_TAKE = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.due == bindparam("seen"))
    .values(due=bindparam("until"), lease=bindparam("token"), attempts=queued_domain.c.attempts + 1)
)
_LEASED = Statement(
    select(
        queued_domain.c.id,
        queued_domain.c.lease,
        queued.c.id,
        queued_domain.c.domain,
        queued_domain.c.attempts,
        queued_domain.c.warned,
        queued.c.name,
        queued.c.content_id,
        queued.c.account_id,
        queued.c.reverse_path,
        queued.c.ret,
        queued.c.envid,
        queued.c.utf8,
        queued.c.created,
        queued.c.expires,
    )
    .join(queued, queued.c.id == queued_domain.c.queued_id)
    .where(queued_domain.c.id == bindparam("row"))
)
_RECIPIENTS = Statement(
    select(
        queued_recipient.c.id,
        queued_recipient.c.address,
        queued_recipient.c.notify,
        queued_recipient.c.orcpt,
    )
    .where(queued_recipient.c.domain_id == bindparam("row"))
    .order_by(queued_recipient.c.id)
)
_RENEW = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(due=bindparam("until"))
)
_GIVE_BACK = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(due=bindparam("now"), lease=0, attempts=queued_domain.c.attempts - 1)
)
_RELEASE = Statement(
    update(queued_domain)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .values(
        due=bindparam("until"),
        lease=0,
        warned=bindparam("warned_"),
        error=bindparam("error_"),
    )
)
_DELETE_RECIPIENT = Statement(delete(queued_recipient).where(queued_recipient.c.id == bindparam("row")))
_HELD = Statement(
    select(queued_domain.c.queued_id)
    .where(queued_domain.c.id == bindparam("row"), queued_domain.c.lease == bindparam("token"))
    .with_for_update()
)
_BLOB = Statement(select(blob.c.header, blob.c.octets, blob.c.file).where(blob.c.content_id == bindparam("content")))


def next_due(tx: Tx) -> int | None:
    """When the queue wants work next; None when it is empty."""
    row = tx.one(_NEXT_DUE)
    return None if row is None or row[0] is None else int(row[0])


def lease(tx: Tx, limit: int) -> list[Leased]:
    """Take up to `limit` due rows for this worker. Two workers never get the same row.

    What a population on the brake has sent is put off instead, and lives as much longer.
    """
    now = tx.now
    taken = []
    braked = {brake.population.value: brake for brake in rules.brakes(tx)}
    for number, due, population in tx.all(_DUE, now=now, top=limit):
        brake = braked.get(population)
        if brake is not None:
            _hold(tx, number, due, brake.until)
            continue
        token = int.from_bytes(tx.clock.token(6), "big") or 1
        if tx.run(_TAKE, row=number, seen=due, until=now + LEASE, token=token):
            taken.append(_leased(tx, number))
    return taken


def _hold(tx: Tx, number: int, seen: int, until: int) -> None:
    again = min(until, tx.now + HOLD) if until else tx.now + HOLD
    if tx.run(_HOLD, row=number, seen=seen, until=again):
        tx.run(_PROLONG, row=number, longer=again - tx.now)


def _leased(tx: Tx, number: int) -> Leased:
    row = tx.one(_LEASED, row=number)
    assert row is not None
    identity, token, queued_id, domain, attempts, warned, name, content, account, path, ret, envid, utf8, at, end = row
    recipients = tuple(
        Addressee(place, address, Notify(notify), orcpt)
        for place, address, notify, orcpt in tx.all(_RECIPIENTS, row=number)
    )
    return Leased(
        id=identity,
        lease=token,
        queued_id=queued_id,
        domain=domain,
        attempts=attempts,
        warned=bool(warned),
        name=name,
        content_id=content,
        account_id=account,
        reverse_path=path,
        ret=ret,
        envid=envid,
        utf8=bool(utf8),
        created=at,
        expires=end,
        recipients=recipients,
    )


def renew(tx: Tx, leases: Sequence[tuple[int, int]]) -> None:
    """Extend leases, given as (row, lease), that are still held."""
    for row, token in leases:
        tx.run(_RENEW, row=row, token=token, until=tx.now + LEASE)


def give_back(tx: Tx, leases: Sequence[tuple[int, int]]) -> None:
    """End leases without a result: the rows are due again at once, the attempt does not count."""
    for row, token in leases:
        tx.run(_GIVE_BACK, row=row, token=token, now=tx.now)


def octets(tx: Tx, content_id: int, folder: Path) -> bytes:
    """The stored message."""
    row = tx.one(_BLOB, content=content_id)
    assert row is not None, "a queued message holds its content"
    return messages.join_octets(folder, *row)


def settle(
    tx: Tx,
    row: Leased,
    settled: Sequence[int],
    *,
    due: int = 0,
    error: str = "",
    warned: bool = False,
) -> bool:
    """Record what became of an attempt: recipients whose fate is known, and when to try the others.

    Returns False, changing nothing, when the lease was lost.
    """
    if tx.one(_HELD, row=row.id, token=row.lease) is None:
        return False
    for number in settled:
        tx.run(_DELETE_RECIPIENT, row=number)
    if {addressee.id for addressee in row.recipients} <= set(settled):
        _remove(tx, [row.id])
    else:
        tx.run(
            _RELEASE, row=row.id, token=row.lease, until=due, warned_=int(warned), error_=_text(error)[:ERROR_LENGTH]
        )
    return True


# ---------------------------------------------------------------------- operating


def show(tx: Tx, limit: int = 1000, after: int = 0) -> list[Entry]:
    """Rows of the queue by id."""
    clause = (
        select(queued_domain, queued.c.name, queued.c.reverse_path, content.c.size, queued.c.created)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .join(content, content.c.id == queued.c.content_id)
        .where(queued_domain.c.id > after)
        .order_by(queued_domain.c.id)
        .limit(limit)
    )
    return [
        Entry(
            id=row.id,
            name=row.name,
            domain=row.domain,
            sender=row.reverse_path,
            recipients=tuple(found[1] for found in tx.all(_RECIPIENTS, row=row.id)),
            size=row.size,
            created=row.created,
            due=row.due,
            attempts=row.attempts,
            sending=bool(row.lease) and row.due > tx.now,
            error=row.error,
        )
        for row in tx.execute(clause).all()
    ]


def find(tx: Tx, name: str) -> list[int]:
    """Rows by their own number, or by the identifier of their message."""
    chosen = select(queued_domain.c.id).order_by(queued_domain.c.id)
    if name.isascii() and name.isdigit() and len(name) < NAME_LENGTH:
        return list(tx.execute(chosen.where(queued_domain.c.id == int(name))).scalars())
    joined = chosen.join(queued, queued.c.id == queued_domain.c.queued_id)
    return list(tx.execute(joined.where(queued.c.name == name.upper())).scalars())


def retry(tx: Tx, rows: Sequence[int] | None = None) -> int:
    """Make rows (None: all but those that an operator holds) that nobody is sending due at once; how many."""
    now = tx.now
    clause = update(queued_domain).where((queued_domain.c.lease == 0) | (queued_domain.c.due <= now))
    if rows is None:
        clause = clause.where(queued_domain.c.error != HELD)
    else:
        clause = clause.where(queued_domain.c.id.in_(rows))
        held = select(queued_domain.c.queued_id).where(queued_domain.c.id.in_(rows), queued_domain.c.error == HELD)
        late = update(queued).where(queued.c.id.in_(held), queued.c.expires < now + LAST_CHANCE)
        tx.execute(late.values(expires=now + LAST_CHANCE))
    tx.changed(NOBODY, RETRY_NEWS)
    return tx.execute(clause.values(due=now, lease=0, error=_unheld())).rowcount


def _unheld() -> ColumnElement[str]:
    """The last answer, which stays; that a row was held is over."""
    return case((queued_domain.c.error == HELD, ""), else_=queued_domain.c.error)


def release(tx: Tx, population: Population) -> int:
    """The brake is off: what it held is due at once; how many rows."""
    held = select(queued.c.id).where(queued.c.population == population.value)
    clause = update(queued_domain).where(
        queued_domain.c.lease == 0, queued_domain.c.error == BRAKED, queued_domain.c.queued_id.in_(held)
    )
    tx.changed(NOBODY, NEWS)
    return tx.execute(clause.values(due=tx.now, error="")).rowcount


def drop(tx: Tx, rows: Sequence[int]) -> int:
    """Remove rows without telling anybody; how many were there."""
    known = select(queued_domain.c.id).where(queued_domain.c.id.in_(rows)).order_by(queued_domain.c.id)
    found = list(tx.execute(known).scalars())
    if found:
        _remove(tx, found)
    return len(found)


def _remove(tx: Tx, rows: Sequence[int]) -> None:
    """Remove domain rows, and the messages that have no domain left."""
    owned = select(queued_domain.c.queued_id).where(queued_domain.c.id.in_(rows)).distinct()
    owners = list(tx.execute(owned).scalars())
    # Two workers that settle the last two domains of one message must see each other, hence the lock.
    held = select(queued.c.id, queued.c.content_id).where(queued.c.id.in_(owners)).order_by(queued.c.id)
    contents = {row.id: row.content_id for row in tx.execute(held.with_for_update())}
    tx.execute(delete(queued_recipient).where(queued_recipient.c.domain_id.in_(rows)))
    tx.execute(delete(queued_domain).where(queued_domain.c.id.in_(rows)))
    left = set(tx.execute(select(queued_domain.c.queued_id).where(queued_domain.c.queued_id.in_(owners))).scalars())
    empty = [number for number in contents if number not in left]
    if empty:
        tx.execute(delete(queued).where(queued.c.id.in_(empty)))
        collect.note(tx, sorted({contents[number] for number in empty}))


def _text(value: str) -> str:
    """One printable line: answers of other servers are not to be trusted."""
    return "".join(character if character.isprintable() else " " for character in value)
