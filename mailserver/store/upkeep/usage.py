"""How much mail the accounts hold, by school and population, and which of them come near their quota."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from sqlalchemy import Select, String, case, func, literal, select
from sqlalchemy.sql import ColumnElement

from mailserver.store.engine.statements import Tx
from mailserver.store.mail.messages.quotas import Quota
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.mail.messages import mailbox
from mailserver.store.schema.mail.sharing import message_quota
from mailserver.store.schema.people.entries import person, school

NEAR_PERCENT = 90
"""Of its quota: an account that has reached so much is near it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What some accounts hold. `uai`, `school` and `role` are empty where they are not known here, as for people of an
    external directory, whose `role` is their population."""

    uai: str
    school: str
    role: str
    accounts: int
    messages: int
    octets: int
    quota: int
    """Octets that they may hold together; accounts without a limit are not in it."""
    unlimited: int
    """Accounts without a limit of octets."""
    near: int
    """Accounts at `NEAR_PERCENT` of their octets or messages, or beyond."""
    full: int
    """Those of them that take nothing more."""


@dataclass(frozen=True, slots=True)
class Holder:
    """What one account holds, and may hold; 0: any amount."""

    account_id: int
    login: str
    uai: str
    role: str
    messages: int
    octets: int
    quota: int
    message_quota: int


def by_school_and_role(tx: Tx, default: Quota) -> list[Usage]:
    """One line for each population of each school, over accounts that are not erased, and boxes of functions with
    neither. Seconds on a large academy: `Store.read_slow`."""
    each = _each(default).subquery()
    columns = each.c
    octets, messages = _used(columns.quota, columns.octets), _used(columns.most, columns.messages)
    near = (octets >= NEAR_PERCENT) | (messages >= NEAR_PERCENT)
    full = (octets >= 100) | (messages >= 100)
    clause = (
        select(
            columns.uai,
            func.coalesce(school.c.name, ""),
            columns.role,
            func.count(),
            func.sum(columns.messages),
            func.sum(columns.octets),
            func.sum(columns.quota),
            _number(columns.quota == 0),
            _number(near),
            _number(full),
        )
        .select_from(each.outerjoin(school, school.c.uai == columns.uai))
        .group_by(columns.uai, school.c.name, columns.role)
        .order_by(columns.uai, columns.role)
    )
    return [Usage(*row[:3], *map(int, row[3:])) for row in map(tuple, tx.execute(clause))]


def by_role(kept: Sequence[Usage]) -> list[Usage]:
    """One line for each population, over all schools."""
    roles = sorted({one.role for one in kept})
    return [_sum("", "", role, [one for one in kept if one.role == role]) for role in roles]


def by_school(kept: Sequence[Usage]) -> list[Usage]:
    """One line for each school, over all populations, those that hold most first."""
    schools: dict[str, list[Usage]] = {}
    for one in kept:
        schools.setdefault(one.uai, []).append(one)
    sums = [_sum(uai, lines[0].school, "", lines) for uai, lines in schools.items()]
    return sorted(sums, key=lambda one: (-one.octets, one.uai))


def total(kept: Sequence[Usage]) -> Usage:
    """Everything in one line."""
    return _sum("", "", "", kept)


def _sum(uai: str, name: str, role: str, lines: Sequence[Usage]) -> Usage:
    numbers = zip(*((*astuple(one)[3:],) for one in lines), strict=True)
    return Usage(uai, name, role, *([sum(column) for column in numbers] or [0] * 7))


def largest(tx: Tx, default: Quota, count: int) -> list[Holder]:
    """The accounts that hold most octets, the largest first. Seconds on a large academy: `Store.read_slow`."""
    each = _each(default).subquery()
    clause = select(each).order_by(each.c.octets.desc(), each.c.id).limit(count)
    return [_holder(row) for row in map(tuple, tx.execute(clause))]


def of(tx: Tx, default: Quota, account_ids: Sequence[int]) -> dict[int, Holder]:
    """What each of these accounts holds; few enough for one statement."""
    clause = _each(default, account_ids).where(account.c.id.in_(account_ids))
    return {row[0]: _holder(row) for row in map(tuple, tx.execute(clause))}


def _holder(row: Sequence[Any]) -> Holder:
    account_id, login, uai, role, *numbers = row
    return Holder(int(account_id), login, uai, role, *map(int, numbers))


def _each(default: Quota, account_ids: Sequence[int] | None = None) -> Select[Any]:
    """What each account holds and may hold; the sums are made for those asked for alone."""
    summed = select(
        mailbox.c.account_id,
        func.sum(mailbox.c.messages).label("messages"),
        func.sum(mailbox.c.octets).label("octets"),
    ).group_by(mailbox.c.account_id)
    if account_ids is not None:
        summed = summed.where(mailbox.c.account_id.in_(account_ids))
    sums = summed.subquery()
    held = account.outerjoin(sums, sums.c.account_id == account.c.id)
    whose = held.outerjoin(person, person.c.account_id == account.c.id)
    return (
        select(
            account.c.id,
            account.c.login,
            func.coalesce(person.c.uai, literal("", String)).label("uai"),
            func.coalesce(person.c.role, account.c.population).label("role"),
            func.coalesce(sums.c.messages, 0).label("messages"),
            func.coalesce(sums.c.octets, 0).label("octets"),
            case((account.c.quota < 0, default.octets), else_=account.c.quota).label("quota"),
            func.coalesce(message_quota.c.messages, default.messages).label("most"),
        )
        .select_from(whose.outerjoin(message_quota, message_quota.c.account_id == account.c.id))
        .where(account.c.erased == 0)
    )


def _used(limit: ColumnElement[int], held: ColumnElement[int]) -> ColumnElement[int]:
    """In percent of a limit; without one nothing is."""
    return case((limit > 0, held * 100 / limit), else_=0)


def _number(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
