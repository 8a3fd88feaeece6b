"""How much each account has sent lately, over every door and worker: counted in the unit that sends.

Addresses elsewhere are hashes: nobody reads here who wrote to whom.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mailserver.model.sending.sending_limits import DAY, LONGEST, MINUTE, Minute, Usage
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.outgoing.sending import outside_recipient, sending_allowance, sent_count

MAX_KNOWN = 20_000
"""Addresses elsewhere that are remembered of one account; what is more is new each time."""
KNOWN_DAYS = 400
"""How long one is remembered after it was last written to."""
NOTHING_LEFT = 0
"""The last time of an address of which only messages that wait are known: it is new until one of them leaves."""
SWEPT = 2000


@dataclass(frozen=True, slots=True)
class Allowance:
    """An account that may send so many times as much."""

    account_id: int
    login: str
    factor: int
    until: int


_MINUTES = Statement(
    select(sent_count.c.minute, sent_count.c.recipients, sent_count.c.failures)
    .where(sent_count.c.account_id == bindparam("account"), sent_count.c.minute > bindparam("since"))
    .order_by(sent_count.c.minute)
)
_NEW = Statement(
    select(func.count()).where(
        outside_recipient.c.account_id == bindparam("account"), outside_recipient.c.first > bindparam("since")
    )
)
_KNOWN = Statement(select(func.count()).where(outside_recipient.c.account_id == bindparam("account")))
_SEEN = ManyStatement(
    select(outside_recipient.c.key, outside_recipient.c.first, outside_recipient.c.last).where(
        outside_recipient.c.account_id == bindparam("account")
    ),
    outside_recipient.c.key,
)
_ALLOWED = Statement(
    select(sending_allowance.c.factor).where(
        sending_allowance.c.account_id == bindparam("account"), sending_allowance.c.until > bindparam("now")
    )
)


def usage(tx: Tx, account_id: int, less: int = 0, known: int = 0) -> Usage:
    """What an account has sent; without so many recipients of this minute, and so many addresses elsewhere of today,
    which are counted already."""
    minutes = [Minute(*row) for row in tx.all(_MINUTES, account=account_id, since=tx.now - LONGEST - MINUTE)]
    if less:
        last = minutes.pop()
        minutes.append(Minute(last.start, last.recipients - less, last.failures))
    new = tx.one(_NEW, account=account_id, since=tx.now - DAY)
    return Usage(minutes, (int(new[0]) if new is not None else 0) - known)


def factor(tx: Tx, account_id: int) -> int:
    """By how much more than others of its kind an account may send."""
    row = tx.one(_ALLOWED, account=account_id, now=tx.now)
    return int(row[0]) if row is not None else 1


def unknown(tx: Tx, account_id: int, addresses: Collection[str]) -> dict[bytes, bool]:
    """The keys of those addresses elsewhere that nothing of an account ever left for, and whether each is counted
    within the day already, since something for it waits."""
    keys = dict.fromkeys((_key(address) for address in addresses), False)
    if keys:
        for key, first, last in _SEEN.rows(tx, list(keys), account=account_id):
            if last == NOTHING_LEFT:
                keys[bytes(key)] = first > tx.now - DAY
            else:
                keys.pop(bytes(key), None)
    return keys


def add(tx: Tx, account_id: int, recipients: int, failures: int = 0) -> None:
    """Count what an account sends. On PostgreSQL two workers that count for one account wait for each other here."""
    clause = (sqlite.insert if tx.dialect == "sqlite" else postgresql.insert)(sent_count)
    sums = {name: sent_count.c[name] + clause.excluded[name] for name in ("recipients", "failures")}
    keys = [sent_count.c.account_id, sent_count.c.minute]
    minute = tx.now - tx.now % MINUTE
    row = {"account_id": account_id, "minute": minute, "recipients": recipients, "failures": failures}
    tx.execute(clause.on_conflict_do_update(index_elements=keys, set_=sums), row)


def remember(
    tx: Tx, account_id: int, addresses: Collection[str], new: Mapping[bytes, bool], *, waits: bool = False
) -> None:
    """Addresses elsewhere that an account writes to: `new` ones from now on, the others for longer.

    While the message `waits` its new ones are counted and stay new: else it would leave when it is sent once more.
    """
    today = tx.now - tx.now % DAY
    last = NOTHING_LEFT if waits else today
    row = tx.one(_KNOWN, account=account_id) if new else None
    room = MAX_KNOWN - int(row[0]) if row is not None else 0
    for number, (key, counted) in enumerate(sorted(new.items())):  # in one order, whoever sends at once
        values = {"first": tx.now, "last": last}
        if number < room and tx.insert_ignore(outside_recipient, {"account_id": account_id, "key": key, **values}):
            continue
        here = (outside_recipient.c.account_id == account_id) & (outside_recipient.c.key == key)
        tx.execute(update(outside_recipient).where(here).values({"last": last} if counted else values))
    _prolong(tx, account_id, [key for key in map(_key, addresses) if key not in new], today)


def left(tx: Tx, account_id: int, addresses: Collection[str]) -> None:
    """What waited for these addresses elsewhere has left: they are known from now on, counted when it began to wait."""
    _prolong(tx, account_id, list(map(_key, addresses)), tx.now - tx.now % DAY)


def _prolong(tx: Tx, account_id: int, keys: Sequence[bytes], today: int) -> None:
    mine = (outside_recipient.c.account_id == account_id) & (outside_recipient.c.last < today)
    for start in range(0, len(keys), 500):
        some = outside_recipient.c.key.in_(keys[start : start + 500])
        tx.execute(update(outside_recipient).where(mine, some).values(last=today))


def allow(tx: Tx, account_id: int, times: int, until: int) -> None:
    """Let an account send so many times as much as others, until then; 1: no more than they."""
    tx.execute(delete(sending_allowance).where(sending_allowance.c.account_id == account_id))
    if times > 1:
        tx.execute(insert(sending_allowance), {"account_id": account_id, "factor": times, "until": until})


def allowances(tx: Tx) -> list[Allowance]:
    """Those that last."""
    found = (
        select(sending_allowance.c.account_id, account.c.login, sending_allowance.c.factor, sending_allowance.c.until)
        .join(account, account.c.id == sending_allowance.c.account_id)
        .where(sending_allowance.c.until > tx.now)
    )
    return [Allowance(*tuple(row)) for row in tx.execute(found.order_by(account.c.login))]


def forget(tx: Tx, account_id: int) -> None:
    """Begin to count an account's recipients and failures anew; whom it knows it goes on to know."""
    tx.execute(delete(sent_count).where(sent_count.c.account_id == account_id))


def busiest(tx: Tx, since: int, limit: int) -> Sequence[tuple[int, str, int, int]]:
    """Account, login, recipients and failures of those that have sent most since then."""
    recipients = func.sum(sent_count.c.recipients)
    found = (
        select(sent_count.c.account_id, account.c.login, recipients, func.sum(sent_count.c.failures).label("failed"))
        .join(account, account.c.id == sent_count.c.account_id)
        .where(sent_count.c.minute > since)
        .group_by(sent_count.c.account_id, account.c.login)
        .order_by(recipients.desc(), account.c.login)
    )
    rows = tx.execute(found.limit(limit)).all()
    return [(int(one), str(login), int(sent), int(failed)) for one, login, sent, failed in map(tuple, rows)]


def sweep(tx: Tx) -> int:
    """Remove a bounded number of what is over; how many."""
    counts = select(sent_count.c.account_id, sent_count.c.minute).where(sent_count.c.minute < tx.now - LONGEST - MINUTE)
    removed = 0
    for row in tx.execute(counts.order_by(sent_count.c.minute).limit(SWEPT)).all():
        mine = (sent_count.c.account_id == row.account_id) & (sent_count.c.minute == row.minute)
        removed += tx.execute(delete(sent_count).where(mine)).rowcount
    old = select(outside_recipient.c.account_id, outside_recipient.c.key)
    old = old.where(outside_recipient.c.last < tx.now - KNOWN_DAYS * DAY, outside_recipient.c.first <= tx.now - DAY)
    for row in tx.execute(old.order_by(outside_recipient.c.last).limit(SWEPT)).all():
        mine = (outside_recipient.c.account_id == row.account_id) & (outside_recipient.c.key == row.key)
        removed += tx.execute(delete(outside_recipient).where(mine)).rowcount
    return removed + tx.execute(delete(sending_allowance).where(sending_allowance.c.until <= tx.now)).rowcount


def _key(address: str) -> bytes:
    return hashlib.sha256(address.casefold().encode("utf-8", "surrogatepass")).digest()[:16]
