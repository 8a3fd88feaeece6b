"""Where the scripts of accounts may send mail on to: for the console, and so that owners are told of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, exists, insert, or_, select, update

from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.filters import filter_script, filter_target

MAX_KEPT = 20
"""Of one script; of one that has more it is kept that it sends mail anywhere."""
ANYWHERE = "*"
"""Stands for addresses that are made, or looked up in a list, when a script runs."""


@dataclass(frozen=True, slots=True)
class SentOn:
    """One address in one script."""

    id: int
    account_id: int
    script: str
    """Its name."""
    address: str
    active: bool
    """Mail runs through this script."""


_other = filter_script.alias("running")
_IS_RUNNING = exists().where(_other.c.account_id == filter_target.c.account_id, _other.c.active == 1)
_ROWS: Select[Any] = select(
    filter_target.c.id,
    filter_target.c.account_id,
    filter_script.c.name,
    filter_target.c.address,
    filter_script.c.active,
).join(filter_script, filter_script.c.id == filter_target.c.script_id)
_UNTOLD = Statement(
    _ROWS.where(filter_target.c.told == 0, _IS_RUNNING).order_by(filter_target.c.id).limit(bindparam("most"))
)


def keep(tx: Tx, account_id: int, script_id: int, targets: Collection[str]) -> None:
    """Where a script sends mail on to from now on; whoever was told of an address is not told again."""
    wanted = set(targets) if len(targets) <= MAX_KEPT else {*sorted(targets)[: MAX_KEPT - 1], ANYWHERE}
    mine = filter_target.c.script_id == script_id
    known = set(tx.execute(select(filter_target.c.address).where(mine)).scalars())
    if known - wanted:
        tx.execute(delete(filter_target).where(mine, filter_target.c.address.in_(sorted(known - wanted))))
    rows = [
        {"account_id": account_id, "script_id": script_id, "address": address, "told": 0}
        for address in sorted(wanted - known)
    ]
    if rows:
        tx.execute(insert(filter_target), rows)


def of_account(tx: Tx, account_id: int) -> Sequence[SentOn]:
    """All of one account."""
    return [_sent_on(row) for row in tx.execute(_ROWS.where(filter_target.c.account_id == account_id)).all()]


def get(tx: Tx, number: int) -> SentOn | None:
    """One of them; None: it is gone."""
    row = tx.execute(_ROWS.where(filter_target.c.id == number)).one_or_none()
    return _sent_on(row) if row is not None else None


def listing(tx: Tx, after: int, limit: int, address: str = "", accounts: Collection[int] = ()) -> Sequence[SentOn]:
    """A part of all, of accounts of which some script is running; with `address` those that have this in theirs, and
    those of `accounts`."""
    wanted = [filter_target.c.id > after, _IS_RUNNING]
    if address:
        has_it = filter_target.c.address.icontains(address, autoescape=True)
        wanted.append(or_(has_it, filter_target.c.account_id.in_(sorted(accounts))))
    rows = tx.execute(_ROWS.where(and_(*wanted)).order_by(filter_target.c.id).limit(limit)).all()
    return [_sent_on(row) for row in rows]


def untold(tx: Tx, most: int) -> Sequence[SentOn]:
    """Those of which their owners have to be told."""
    return [_sent_on(row) for row in tx.all(_UNTOLD, most=most)]


def told(tx: Tx, number: int) -> bool:
    """Note that the owner is told; False: somebody did so before."""
    untold_one = update(filter_target).where(filter_target.c.id == number, filter_target.c.told == 0)
    return tx.execute(untold_one.values(told=1)).rowcount == 1


def _sent_on(row: Any) -> SentOn:
    return SentOn(int(row[0]), int(row[1]), str(row[2]), str(row[3]), bool(row[4]))
