"""What a secretariat sees of its people's accounts, and the record of the letters it printed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import func, select

from mailserver.model.identity import State
from mailserver.store.engine.statements import Tx
from mailserver.store.record.audit import Action
from mailserver.store.schema.accounts import account
from mailserver.store.schema.audits import audit

IN_LIST = 1000
"""Values of one IN list: both engines bound the parameters of a statement."""
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
