"""What is kept with an account: its beginning, its hashes, quota, codes, and that a password was chosen."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from mailserver.model.identity import State
from mailserver.store.account import verifiers
from mailserver.store.account.accounts.rows import Marks, by_login, move, note, require
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account

_INSERT = Statement(
    insert(account).returning(account.c.id),
    keys=(
        "login",
        "state",
        "state_since",
        "created",
        "numen",
        "ine",
        "birth_date",
        "recovery_address",
        "login_given",
        "welcome_due",
        "source",
        "source_key",
    ),
)
_LOGGED_IN = Statement(update(account).where(account.c.id == bindparam("wanted")).values(last_login=bindparam("now")))
_PROVISION = Statement(
    update(account)
    .where(account.c.id == bindparam("wanted"), account.c.provisioned == 0, account.c.erased == 0)
    .values(provisioned=1)
)


def create(
    tx: Tx,
    login: str,
    state: State,
    marks: Marks | None = None,
    recovery_address: str = "",
    *,
    login_given: bool = False,
    source: str = "",
    source_key: str = "",
) -> int:
    """Add an account whose identifier the caller has just claimed; its id.

    One that waits to be activated is told of at its private address (`mailserver.background.housekeeping`).
    """
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
        welcome_due=int(bool(recovery_address) and state is State.PENDING),
        source=source,
        source_key=source_key,
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


def set_quota(tx: Tx, account_id: int, quota: int) -> None:
    """Octets of mail; 0: none, -1: the setting's."""
    note(tx, account_id, {"quota": quota})


def set_code(tx: Tx, account_id: int, hashed: bytes | None, expires: int) -> None:
    """Keep a one-time code, or (None) none; the one before it is dead."""
    move(tx, account_id, {"code": hashed, "code_expires": expires})


def set_waiting_code(tx: Tx, account_id: int, hashed: bytes, expires: int) -> bool:
    """The same while the account waits for activation; False when it does not: it was opened meanwhile."""
    if require(tx, account_id).state is not State.PENDING:
        return False
    set_code(tx, account_id, hashed, expires)
    return True


def password_chosen(tx: Tx, account_id: int, verifier: bytes = b"") -> None:
    """A password was set: a waiting account is active, every provisional secret is dead.

    `verifier`: sealed, for SCRAM; empty: only the hash of the password is known, or SCRAM is not wanted.
    """
    standing = require(tx, account_id)
    verifiers.replace(tx, account_id, verifier)
    values: dict[str, Any] = {
        "password_set": tx.now,
        "renewal_notice": 0,
        "renew_by": 0,
        "code": None,
        "code_expires": 0,
        "recovery_code": None,
        "recovery_expires": 0,
        "welcome_due": 0,
    }
    if standing.activated == 0:
        values["activated"] = tx.now
    if standing.state is State.PENDING:
        values |= {"state": State.ACTIVE.value, "state_since": tx.now}
    if standing.state_before is State.PENDING:
        values["state_before"] = State.ACTIVE.value
    move(tx, account_id, values)


def password_withdrawn(tx: Tx, account_id: int) -> None:
    """The password is dead: an active account waits to be activated again (with a code, never the NUMEN)."""
    standing = require(tx, account_id)
    verifiers.replace(tx, account_id, b"")
    values: dict[str, Any] = {"password_set": 0, "recovery_code": None, "recovery_expires": 0}
    if standing.activated == 0:
        values["activated"] = tx.now
    if standing.state is State.ACTIVE:
        values |= {"state": State.PENDING.value, "state_since": tx.now}
    if standing.state_before is State.ACTIVE:
        values["state_before"] = State.PENDING.value
    move(tx, account_id, values)


def logged_in(tx: Tx, account_id: int) -> None:
    """Keep the time of the last login."""
    tx.run(_LOGGED_IN, wanted=account_id, now=tx.now)


def end_logins(tx: Tx, account_id: int) -> int:
    """Every login and session so far is over, at every door; the password stays. The account's new version."""
    move(tx, account_id, {})
    return require(tx, account_id).login_version


def start_provisioning_of(tx: Tx, account_ids: Sequence[int]) -> list[int]:
    """The same of many accounts: those that this unit is to make them for."""
    wanted = (account.c.id.in_(account_ids), account.c.provisioned == 0, account.c.erased == 0)
    # In one order, as every unit that locks several: two that meet wait for each other only one way.
    found = list(tx.execute(select(account.c.id).where(*wanted).order_by(account.c.id).with_for_update()).scalars())
    tx.execute(update(account).where(account.c.id.in_(found)).values(provisioned=1))
    return found


def start_provisioning(tx: Tx, account_id: int) -> bool:
    """True for the one unit that is to make the account's mailboxes and collections."""
    return tx.run(_PROVISION, wanted=account_id) == 1
