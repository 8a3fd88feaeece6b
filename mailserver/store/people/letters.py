"""What a secretariat sees of its people's accounts, and the record of the letters it printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import case, func, select

from mailserver.model.identity import State
from mailserver.store.engine.statements import Tx
from mailserver.store.record.audit import Action
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.service.audits import audit
from mailserver.texts import causes
from mailserver.texts.causes import Cause

IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""
BATCH = "letter-batch"
"""The sentence of a letter's row: which printing it is of."""
LOGGED = (Action.LETTER_PRINTED, Action.CODE_ISSUED, Action.ACTIVATED)


@dataclass(frozen=True, slots=True)
class Doorstep:
    """How far somebody is from their first connection. Times are seconds since the epoch, 0: never."""

    account_id: int
    state: State
    activated: int
    last_login: int
    code_expires: int
    """0: no code is out."""
    has_numen: bool
    letters: int
    """How many were printed for this account."""
    printed: int

    def has_letter(self, now: float) -> bool:
        """Whether a letter was printed whose code is still good."""
        return bool(self.printed) and self.code_expires > now


class Course(Enum):
    """Which way somebody goes."""

    CAME = "came"
    LEFT = "left"
    LEAVES = "leaves"
    """The day is set."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody's account was made, closed, or will be."""

    account_id: int
    course: Course
    at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a school's log."""

    at: int
    actor: str
    action: Action
    account_id: int
    service: str


@dataclass(frozen=True, slots=True)
class Printing:
    """Letters of one document."""

    batch: str
    """Empty: of before printings had a name."""
    at: int
    actor: str
    letters: int
    waiting: int
    """People of it whose account is not activated."""


def doorsteps(tx: Tx, account_ids: Sequence[int]) -> dict[int, Doorstep]:
    """Where each of these accounts stands."""
    found: dict[int, Doorstep] = {}
    for ids in _portions(account_ids):
        printed = {
            row.account_id: (int(row.letters), int(row.last))
            for row in tx.execute(
                select(audit.c.account_id, func.count().label("letters"), func.max(audit.c.at).label("last"))
                .where(audit.c.account_id.in_(ids), audit.c.action == Action.LETTER_PRINTED.value)
                .group_by(audit.c.account_id)
            )
        }
        rows = tx.execute(
            select(
                account.c.id,
                account.c.state,
                account.c.activated,
                account.c.last_login,
                account.c.code_expires,
                account.c.code.is_not(None).label("has_code"),
                account.c.numen.is_not(None).label("has_numen"),
            ).where(account.c.id.in_(ids))
        )
        for row in rows:
            letters, last = printed.get(row.id, (0, 0))
            found[row.id] = Doorstep(
                row.id,
                State(row.state),
                row.activated,
                row.last_login,
                row.code_expires if row.has_code else 0,
                bool(row.has_numen) and row.activated == 0,
                letters,
                last,
            )
    return found


def journal(tx: Tx, account_ids: Sequence[int], limit: int) -> list[Entry]:
    """Codes, letters and first connections of these accounts, newest first."""
    found: list[Entry] = []
    for ids in _portions(account_ids):
        rows = tx.execute(
            select(audit.c.at, audit.c.actor, audit.c.action, audit.c.account_id, audit.c.service)
            .where(audit.c.account_id.in_(ids), audit.c.action.in_([action.value for action in LOGGED]))
            .order_by(audit.c.id.desc())
            .limit(limit)
        )
        found += [Entry(row.at, row.actor, Action(row.action), row.account_id, row.service) for row in rows]
    return sorted(found, key=lambda one: -one.at)[:limit]


def printings(tx: Tx, account_ids: Sequence[int], limit: int) -> list[Printing]:
    """The latest printings among the letters of these accounts, newest first."""
    old = case((audit.c.code == "", audit.c.at), else_=0).label("old")
    is_waiting = func.sum(case((account.c.state == State.PENDING.value, 1), else_=0)).label("waiting")
    newest = func.max(audit.c.id).label("newest")
    found: dict[tuple[str, str, int], Printing] = {}
    order: dict[tuple[str, str, int], int] = {}
    for ids in _portions(account_ids):
        rows = tx.execute(
            select(audit.c.actor, audit.c.code, audit.c.parameters, old)
            .add_columns(func.max(audit.c.at).label("last"), func.count().label("letters"), is_waiting, newest)
            .join(account, account.c.id == audit.c.account_id)
            .where(audit.c.account_id.in_(ids), audit.c.action == Action.LETTER_PRINTED.value)
            .group_by(audit.c.actor, audit.c.code, audit.c.parameters, old)
            .order_by(newest.desc())
            .limit(limit)
        )
        for row in rows:
            key = (row.actor, row.parameters, row.old)
            order[key] = max(order.get(key, 0), row.newest)
            known = found.get(key, Printing("", 0, "", 0, 0))
            found[key] = Printing(
                _batch(row.code, row.parameters),
                max(known.at, row.last),
                row.actor,
                known.letters + int(row.letters),
                known.waiting + int(row.waiting),
            )
    return [found[key] for key in sorted(found, key=lambda key: -order[key])][:limit]


def of_batch(tx: Tx, account_ids: Sequence[int], batch: str) -> set[int]:
    """Which of these accounts have a letter of a printing."""
    kept = causes.parameters(Cause(BATCH, batch=batch))
    found: set[int] = set()
    for ids in _portions(account_ids):
        rows = tx.execute(
            select(audit.c.account_id).where(
                audit.c.account_id.in_(ids),
                audit.c.action == Action.LETTER_PRINTED.value,
                audit.c.code == BATCH,
                audit.c.parameters == kept,
            )
        )
        found |= set(rows.scalars())
    return found


def _batch(code: str, kept: str) -> str:
    return str(causes.of_row(code, kept).values.get("batch", "")) if code == BATCH else ""


def moves(tx: Tx, account_ids: Sequence[int], since: int) -> list[Moved]:
    """Who of these came or left since a moment, and who will leave, the latest first."""
    found: list[Moved] = []
    for ids in _portions(account_ids):
        rows = tx.execute(
            select(account.c.id, account.c.state, account.c.created, account.c.state_since, account.c.close_at).where(
                account.c.id.in_(ids)
            )
        )
        for row in rows:
            if State(row.state) is State.CLOSED:
                if row.state_since >= since:
                    found.append(Moved(row.id, Course.LEFT, row.state_since))
                continue
            if row.created >= since:
                found.append(Moved(row.id, Course.CAME, row.created))
            if row.close_at:
                found.append(Moved(row.id, Course.LEAVES, row.close_at))
    return sorted(found, key=lambda one: (-one.at, one.account_id))


def _portions(account_ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (account_ids[start : start + IN_LIST] for start in range(0, len(account_ids), IN_LIST))
