"""A mailing that is begun: its copies, and who is still to get them, settled in the unit that delivers."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State as Standing
from mailserver.store.engine.statements import ManyStatement, Statement, Tx
from mailserver.store.mail import messages
from mailserver.store.queue import mailings
from mailserver.store.queue.mailings import LEASE_SECONDS, State
from mailserver.store.queue.mailings.mailing_audience import packed_numbers, read_numbers
from mailserver.store.queue.spool import Target
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.outgoing.mailings import mailing, mailing_batch, mailing_copy
from mailserver.texts.causes import Cause

SIZE = 1000
"""Recipients of one row."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What some of the recipients get."""

    number: int
    content_id: int
    reverse_path: str
    through_list: bool
    signs: int
    post_id: int = 0
    """Of what a list sends to its members outside: its message on record."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """A copy, by its number, with who is to get it, as it is planned."""

    copy: int
    accounts: Sequence[int]
    addresses: Sequence[str]
    """What led to each account; empty: a list did."""
    targets: Sequence[Target]


@dataclass(frozen=True, slots=True)
class Batch:
    """Recipients of one row, those of a copy."""

    number: int
    copy: int
    accounts: tuple[int, ...]
    addresses: tuple[str, ...]
    targets: tuple[Target, ...]
    done: int

    @property
    def size(self) -> int:
        return len(self.accounts) or len(self.targets)


_INSERT = Statement(
    insert(mailing_batch), keys=("mailing_id", "number", "copy", "accounts", "addresses", "targets", "size", "done")
)
_NEXT = Statement(
    select(
        *(mailing_batch.c.number, mailing_batch.c.copy, mailing_batch.c.accounts, mailing_batch.c.addresses),
        *(mailing_batch.c.targets, mailing_batch.c.done),
    )
    .where(mailing_batch.c.mailing_id == bindparam("row"), mailing_batch.c.done < mailing_batch.c.size)
    .order_by(mailing_batch.c.number)
    .limit(1)
)
_OVER = ManyStatement(
    select(account.c.id).where(or_(account.c.state == Standing.CLOSED.value, account.c.erased > 0)), account.c.id
)
_SETTLE = Statement(
    update(mailing_batch)
    .where(
        mailing_batch.c.mailing_id == bindparam("row"),
        mailing_batch.c.number == bindparam("batch"),
        mailing_batch.c.done == bindparam("before"),
    )
    .values(done=bindparam("after"))
)


def keep(tx: Tx, number: int, worker: int, rows: Sequence[dict[str, Any]]) -> None:
    """Keep some of those who are to get it (`rows_of`), before it begins: of very many they are more than one unit
    should write. The first of them take the place of what an attempt before left.

    Raises Refused(NOT_FOUND | CONFLICT) as `start`.
    """
    _claim(tx, number, worker)
    if rows and rows[0]["number"] == 0:
        tx.execute(delete(mailing_batch).where(mailing_batch.c.mailing_id == number))
    tx.many(_INSERT, rows)


def start(tx: Tx, number: int, worker: int, kept: Sequence[Copy], total: int) -> None:
    """Keep the copies; to so many recipients, who are kept already, it is being sent from now on.

    Raises Refused(NOT_FOUND | CONFLICT): it is not to be sent now, or somebody else is at it.
    """
    _claim(tx, number, worker)
    if not total:  # `keep` was not called: what an attempt before left goes to nobody
        tx.execute(delete(mailing_batch).where(mailing_batch.c.mailing_id == number))
    for copy in kept:
        tx.execute(
            insert(mailing_copy).values(
                mailing_id=number,
                number=copy.number,
                stored_id=copy.content_id,
                content_id=copy.content_id,
                reverse_path=copy.reverse_path,
                through_list=int(copy.through_list),
                impersonation=copy.signs,
                post_id=copy.post_id,
            )
        )
    values = {"state": State.SENDING.value, "started": tx.now, "total": total}
    tx.execute(update(mailing).where(mailing.c.id == number).values(values))


def _claim(tx: Tx, number: int, worker: int) -> None:
    found = mailings.locked(tx, number)
    # It may have been planned for later while its copies were made.
    is_now = found.state is State.APPROVED and not found.started and found.due <= tx.now
    if not is_now or not mailings.claim(tx, number, worker):
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))


def rows_of(number: int, shares: Sequence[Sharing]) -> list[dict[str, Any]]:
    """Who gets each copy of a mailing, as rows: outside of the unit, since of very many it takes a while."""
    head = {"mailing_id": number}
    return [{**head, "number": place, **row} for place, row in enumerate(_rows(shares))]


def _rows(shares: Sequence[Sharing]) -> Iterator[dict[str, Any]]:
    for share in shares:
        for begin in range(0, len(share.accounts), SIZE):
            some = share.accounts[begin : begin + SIZE]
            addresses = json.dumps(share.addresses[begin : begin + SIZE]) if share.addresses else ""
            yield _row(share.copy, len(some), accounts=packed_numbers(some), addresses=addresses)
        for begin in range(0, len(share.targets), SIZE):
            others = share.targets[begin : begin + SIZE]
            yield _row(share.copy, len(others), targets=mailings.targets_text(others))


def _row(copy: int, size: int, accounts: bytes = b"", addresses: str = "", targets: str = "[]") -> dict[str, Any]:
    return {"copy": copy, "accounts": accounts, "addresses": addresses, "targets": targets, "size": size, "done": 0}


def copies(tx: Tx, number: int) -> dict[int, Copy]:
    """The copies of a mailing."""
    columns = ("number", "stored_id", "reverse_path", "through_list", "impersonation", "post_id")
    rows = tx.execute(select(*(mailing_copy.c[name] for name in columns)).where(mailing_copy.c.mailing_id == number))
    return {
        number: Copy(number, stored, path, bool(through), signs, post_id)
        for number, stored, path, through, signs, post_id in map(tuple, rows)
    }


def following(tx: Tx, number: int) -> Batch | None:
    """Who is next; None: everybody has it."""
    row = tx.one(_NEXT, row=number)
    if row is None:
        return None
    place, copy, accounts, addresses, targets, done = row
    known = read_numbers(bytes(accounts))
    return Batch(place, copy, known, tuple(json.loads(addresses or "[]")), mailings.targets_of(targets), done)


def without_inbox(tx: Tx, accounts: Sequence[int]) -> tuple[list[int], set[int]]:
    """Those of these accounts who never had mailboxes, and those who are closed since they were found: a mailing may
    have been stopped for days."""
    known = messages.inboxes(tx, accounts)
    over = {int(account_id) for (account_id,) in _OVER.rows(tx, accounts)} if accounts else set()
    return [account_id for account_id in accounts if account_id not in known and account_id not in over], over


def settle(tx: Tx, number: int, worker: int, batch: Batch, after: int, gone: int = 0) -> None:
    """The next of a batch get it, in this unit; so many of them are gone, and were none of its recipients.

    Raises Refused(CONFLICT): it was stopped, or somebody else is at it.
    """
    found = mailings.locked(tx, number)
    if found.state is not State.SENDING or not mailings.claim(tx, number, worker):
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))
    if tx.run(_SETTLE, row=number, batch=batch.number, before=batch.done, after=after) != 1:
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))
    counted = mailing.c.reached if batch.accounts else mailing.c.queued
    values = {
        counted: counted + (after - batch.done - gone),
        mailing.c.total: mailing.c.total - gone,
        mailing.c.leased: tx.now + LEASE_SECONDS,
    }
    tx.execute(update(mailing).where(mailing.c.id == number).values(values))


def finish(tx: Tx, number: int) -> None:
    """Everybody has it. Raises Refused(NOT_FOUND | CONFLICT): it was stopped, or somebody is still to get it."""
    found = mailings.locked(tx, number)
    if found.state is not State.SENDING or following(tx, number) is not None:
        raise Refused(Reason.CONFLICT, Cause("mailing-state"))
    values = {"state": State.SENT.value, "ended": tx.now, "leased": 0}
    tx.execute(update(mailing).where(mailing.c.id == number).values(values))
    mailings.let_go(tx, number)
    mailings.record(tx, mailings.SERVICE, found, "fully-sent")
