"""Accounts: the service's own facts about a person, whoever the directory belongs to.

Every change of state or password moves `login_version` and tells all workers, so that a login kept in
memory anywhere is looked at again. Rows are never deleted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Select, bindparam, insert, select, update

from mailserver.errors import Reason, Refused
from mailserver.identity import State
from mailserver.store.notices import moved
from mailserver.store.schema.accounts import account
from mailserver.store.statements import Row, Statement, Tx


class Mark(Enum):
    """The keyed hashes by which an import recognises a person."""

    NUMEN = "numen"
    INE = "ine"


@dataclass(frozen=True, slots=True)
class Marks:
    """Keyed hashes (`mailserver.proofs`) of what the academy knows of a person and we do not keep."""

    numen: bytes | None = None
    ine: bytes | None = None
    birth_date: bytes | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as its row says."""

    id: int
    login: str
    state: State
    state_before: State | None
    reason: str
    since: int
    may_receive: bool
    quota: int
    login_version: int
    activated: int
    password_set: int
    last_login: int
    created: int
    marks: Marks
    code: bytes | None
    code_expires: int
    recovery_address: str


_ALL: Select[Any] = select(
    account.c.id,
    account.c.login,
    account.c.state,
    account.c.state_before,
    account.c.state_reason,
    account.c.state_since,
    account.c.may_receive,
    account.c.quota,
    account.c.login_version,
    account.c.activated,
    account.c.password_set,
    account.c.last_login,
    account.c.created,
    account.c.numen,
    account.c.ine,
    account.c.birth_date,
    account.c.code,
    account.c.code_expires,
    account.c.recovery_address,
)
_GET = Statement(_ALL.where(account.c.id == bindparam("account_id")))
_BY_LOGIN = Statement(_ALL.where(account.c.login == bindparam("login")))
_INSERT = Statement(
    insert(account).returning(account.c.id),
    keys=("login", "state", "state_since", "created", "numen", "ine", "birth_date", "recovery_address", "login_given"),
)
_LOGGED_IN = Statement(update(account).where(account.c.id == bindparam("wanted")).values(last_login=bindparam("now")))
_PROVISION = Statement(
    update(account).where(account.c.id == bindparam("wanted"), account.c.provisioned == 0).values(provisioned=1)
)
_BY_MARK = {
    mark: Statement(
        select(account.c.id).where(account.c[mark.value] == bindparam("hash")).order_by(account.c.id).limit(1)
    )
    for mark in Mark
}


# ---------------------------------------------------------------------- reading


def get(tx: Tx, account_id: int) -> Standing | None:
    """An account by its id."""
    row = tx.one(_GET, account_id=account_id)
    return _standing(row) if row is not None else None


def by_login(tx: Tx, login: str) -> Standing | None:
    """An account by its folded identifier."""
    row = tx.one(_BY_LOGIN, login=login)
    return _standing(row) if row is not None else None


def by_logins(tx: Tx, logins: Sequence[str]) -> dict[str, Standing]:
    """Several accounts by their folded identifiers."""
    rows = tx.execute(_ALL.where(account.c.login.in_(logins)))
    return {row.login: _standing(tuple(row)) for row in rows}


def page(tx: Tx, after: int, limit: int) -> list[Standing]:
    """Accounts with ids greater than `after`, whoever the directory belongs to."""
    rows = tx.execute(_ALL.where(account.c.id > after).order_by(account.c.id).limit(limit))
    return [_standing(tuple(row)) for row in rows]


def by_mark(tx: Tx, mark: Mark, hashed: bytes) -> int | None:
    """The account whose NUMEN or INE has this keyed hash."""
    row = tx.one(_BY_MARK[mark], hash=hashed)
    return int(row[0]) if row is not None else None


# ---------------------------------------------------------------------- life


def create(
    tx: Tx,
    login: str,
    state: State,
    marks: Marks | None = None,
    recovery_address: str = "",
    *,
    login_given: bool = False,
) -> int:
    """Add an account whose identifier the caller has just claimed; its id."""
    marks = marks or Marks()
    row = tx.one(
        _INSERT,
        login=login,
        state=state.value,
        state_since=tx.now,
        created=tx.now,
        numen=marks.numen,
        ine=marks.ine,
        birth_date=marks.birth_date,
        recovery_address=recovery_address,
        login_given=int(login_given),
    )
    if row is None:
        raise RuntimeError("INSERT … RETURNING gave no row")
    return int(row[0])


def adopt(tx: Tx, login: str, state: State = State.ACTIVE) -> int:
    """The account of a person of somebody else's directory, made at their first sight."""
    known = by_login(tx, login)
    if known is not None:
        return known.id
    tx.insert_ignore(account, {"login": login, "state": state.value, "state_since": tx.now, "created": tx.now})
    made = by_login(tx, login)
    if made is None:
        raise RuntimeError("an account just made cannot be read")
    return made.id


def set_facts(tx: Tx, account_id: int, marks: Marks, recovery_address: str | None = None) -> None:
    """Keep hashes that became known; None leaves what there is."""
    values: dict[str, Any] = {
        name: value
        for name, value in (
            ("numen", marks.numen),
            ("ine", marks.ine),
            ("birth_date", marks.birth_date),
            ("recovery_address", recovery_address),
        )
        if value is not None
    }
    if values:
        tx.execute(update(account).where(account.c.id == account_id).values(**values))


def set_quota(tx: Tx, account_id: int, quota: int) -> None:
    """Octets of mail; 0: none, -1: the setting's."""
    tx.execute(update(account).where(account.c.id == account_id).values(quota=quota))
    moved(tx, account_id)


def set_code(tx: Tx, account_id: int, hashed: bytes, expires: int) -> None:
    """Keep a one-time code; the one before it is dead."""
    _update(tx, account_id, {"code": hashed, "code_expires": expires})


def password_chosen(tx: Tx, account_id: int) -> None:
    """A password was set: a waiting account is active, every provisional secret is dead."""
    standing = _require(tx, account_id)
    values: dict[str, Any] = {"password_set": tx.now, "code": None, "code_expires": 0}
    if standing.activated == 0:
        values["activated"] = tx.now
    if standing.state is State.PENDING:
        values |= {"state": State.ACTIVE.value, "state_since": tx.now}
    if standing.state_before is State.PENDING:
        values["state_before"] = State.ACTIVE.value
    _update(tx, account_id, values)


def password_withdrawn(tx: Tx, account_id: int) -> None:
    """The password is dead: an active account waits to be activated again (with a code, never the NUMEN)."""
    standing = _require(tx, account_id)
    values: dict[str, Any] = {"password_set": 0}
    if standing.activated == 0:
        values["activated"] = tx.now
    if standing.state is State.ACTIVE:
        values |= {"state": State.PENDING.value, "state_since": tx.now}
    if standing.state_before is State.ACTIVE:
        values["state_before"] = State.PENDING.value
    _update(tx, account_id, values)


def suspend(tx: Tx, account_id: int, reason: str, may_receive: bool) -> None:
    """Nobody enters; mail is refused unless `may_receive`. Raises Refused(CONFLICT) on a closed account."""
    standing = _require(tx, account_id)
    if standing.state is State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is closed")
    values: dict[str, Any] = {"state_reason": reason, "may_receive": int(may_receive)}
    if standing.state is not State.SUSPENDED:
        values |= {
            "state": State.SUSPENDED.value,
            "state_before": standing.state.value,
            "state_since": tx.now,
        }
    _update(tx, account_id, values)


def resume(tx: Tx, account_id: int) -> State:
    """Back to the state before the suspension, or before the closing. Raises Refused(CONFLICT) otherwise."""
    standing = _require(tx, account_id)
    if standing.state_before is None:
        raise Refused(Reason.CONFLICT, f"{standing.login}: the account is {standing.state.value}")
    _update(
        tx,
        account_id,
        {
            "state": standing.state_before.value,
            "state_before": "",
            "state_reason": "",
            "state_since": tx.now,
            "may_receive": 0,
        },
    )
    return standing.state_before


def close(tx: Tx, account_id: int, reason: str) -> None:
    """Nobody enters and no mail is taken; identifier and addresses stay claimed."""
    standing = _require(tx, account_id)
    if standing.state is State.CLOSED:
        return
    before = standing.state_before if standing.state is State.SUSPENDED else standing.state
    _update(
        tx,
        account_id,
        {
            "state": State.CLOSED.value,
            "state_before": (before or State.ACTIVE).value,
            "state_reason": reason,
            "state_since": tx.now,
            "may_receive": 0,
            "code": None,
        },
    )


def logged_in(tx: Tx, account_id: int) -> None:
    """Keep the time of the last login."""
    tx.run(_LOGGED_IN, wanted=account_id, now=tx.now)


def start_provisioning(tx: Tx, account_id: int) -> bool:
    """True for the one unit that is to make the account's mailboxes and collections."""
    return tx.run(_PROVISION, wanted=account_id) == 1


def _require(tx: Tx, account_id: int) -> Standing:
    """Read an account that is about to change; the row is locked where rows can be."""
    row = tx.execute(_ALL.where(account.c.id == account_id).with_for_update()).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND, "no such account")
    return _standing(tuple(row))


def _update(tx: Tx, account_id: int, values: Mapping[str, Any]) -> None:
    tx.execute(
        update(account).where(account.c.id == account_id).values(**values, login_version=account.c.login_version + 1)
    )
    moved(tx, account_id)


def _standing(row: Row) -> Standing:
    return Standing(
        id=row[0],
        login=row[1],
        state=State(row[2]),
        state_before=State(row[3]) if row[3] else None,
        reason=row[4],
        since=row[5],
        may_receive=bool(row[6]),
        quota=row[7],
        login_version=row[8],
        activated=row[9],
        password_set=row[10],
        last_login=row[11],
        created=row[12],
        marks=Marks(row[13], row[14], row[15]),
        code=row[16],
        code_expires=row[17],
        recovery_address=row[18],
    )
