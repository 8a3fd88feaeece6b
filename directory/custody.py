"""What the console does to an account, each as one unit with its audit row: codes, passwords, states."""

from directory.people import keep_password
from mailserver.clock import Clock
from mailserver.errors import Reason, Refused
from mailserver.identity import State
from mailserver.proofs import CODE_SECONDS, Proofs, new_code
from mailserver.store import accounts, audit, people
from mailserver.store.accounts import Standing
from mailserver.store.audit import Action, Origin
from mailserver.store.people import Entry
from mailserver.store.statements import Tx


def require(tx: Tx, name: str) -> tuple[Entry, Standing]:
    """The person of an identifier or address. Raises Refused(NOT_FOUND)."""
    entry = people.find(tx, name)
    standing = accounts.get(tx, entry.account_id) if entry is not None else accounts.by_login(tx, name)
    if entry is None and standing is not None:
        entry = people.by_account(tx, standing.id)
    if entry is None or standing is None:
        raise Refused(Reason.NOT_FOUND, f"{name}: no such account")
    return entry, standing


def issue_code(tx: Tx, proofs: Proofs, clock: Clock, name: str, origin: Origin) -> str:
    """A new one-time code; the one before it is dead. Raises Refused(NOT_FOUND | CONFLICT)."""
    entry, standing = require(tx, name)
    if standing.state is State.CLOSED:
        raise Refused(Reason.CONFLICT, f"{entry.login}: the account is closed")
    code = new_code(clock)
    accounts.set_code(tx, entry.account_id, proofs.code(code), tx.now + CODE_SECONDS)
    audit.record(tx, origin, Action.CODE_ISSUED, entry.account_id)
    return code


def reset(tx: Tx, proofs: Proofs, clock: Clock, name: str, origin: Origin) -> str:
    """Withdraw the password and issue a one-time code. Raises Refused(NOT_FOUND | CONFLICT)."""
    entry, _ = require(tx, name)
    code = issue_code(tx, proofs, clock, name, origin)
    people.set_password(tx, entry.account_id, "")
    accounts.password_withdrawn(tx, entry.account_id)
    accounts.set_code(tx, entry.account_id, proofs.code(code), tx.now + CODE_SECONDS)
    return code


def set_password(tx: Tx, name: str, password_hash: str, origin: Origin) -> None:
    """A password as the console gives it; it activates a waiting account. Raises Refused(NOT_FOUND)."""
    entry, _ = require(tx, name)
    keep_password(tx, entry.account_id, password_hash)
    audit.record(tx, origin, Action.PASSWORD_SET, entry.account_id)


def suspend(tx: Tx, name: str, reason: str, may_receive: bool, origin: Origin) -> None:
    """Nobody enters until `resume`. Raises Refused(NOT_FOUND | CONFLICT)."""
    entry, _ = require(tx, name)
    accounts.suspend(tx, entry.account_id, reason, may_receive)
    audit.record(tx, origin, Action.SUSPENDED, entry.account_id, reason)


def resume(tx: Tx, name: str, origin: Origin) -> State:
    """Back to the state before. Raises Refused(NOT_FOUND | CONFLICT)."""
    entry, _ = require(tx, name)
    state = accounts.resume(tx, entry.account_id)
    audit.record(tx, origin, Action.RESUMED, entry.account_id)
    return state


def close(tx: Tx, name: str, reason: str, origin: Origin) -> None:
    """Close an account; its identifier and addresses stay claimed. Raises Refused(NOT_FOUND)."""
    entry, _ = require(tx, name)
    accounts.close(tx, entry.account_id, reason)
    audit.record(tx, origin, Action.CLOSED, entry.account_id, reason)
