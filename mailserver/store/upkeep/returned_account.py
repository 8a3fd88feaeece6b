"""An account that was erased comes back out of a backup: its row, its entry and its names, in one unit. It is closed,
until somebody says that it is to be entered; second factors, app passwords and sessions do not come back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import State
from mailserver.store.account import accounts
from mailserver.store.engine.statements import Tx
from mailserver.store.mail import mailboxes
from mailserver.store.people import claims
from mailserver.store.people.search import words
from mailserver.store.record.notices import DIRECTORY, moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.entries import affiliation, person
from mailserver.texts.causes import Cause

KEPT: Final = (
    *("numen", "ine", "birth_date", "activated", "password_set", "source", "source_key", "quota", "may_receive"),
    *("recovery_address", "recovery_own", "population"),
)
"""Columns that come back as they were."""
MARKS: Final = ("numen", "ine")


@dataclass(frozen=True, slots=True)
class Then:
    """An account as a backup has it."""

    login: str
    state: State
    columns: Mapping[str, Any]
    person: Mapping[str, Any] | None
    """Its entry in the embedded directory."""
    affiliations: tuple[Mapping[str, Any], ...]
    names: tuple[str, ...]
    """Identifier and addresses that led to it."""


def read(tx: Tx, account_id: int) -> Then | None:
    """In the backup. None: there was none, or it was erased by then."""
    standing = accounts.get(tx, account_id)
    if standing is None or standing.erased:
        return None
    row = tx.execute(select(*(account.c[name] for name in KEPT)).where(account.c.id == account_id)).one()
    before = standing.state_before or State.ACTIVE
    entries = _rows(tx, person, account_id)
    return Then(
        standing.login,
        before if standing.state is State.CLOSED else standing.state,
        dict(row._mapping),
        entries[0] if entries else None,
        _rows(tx, affiliation, account_id),
        tuple(claims.live_names(tx, account_id)),
    )


def _rows(tx: Tx, table: Table, account_id: int) -> tuple[Mapping[str, Any], ...]:
    found = tx.execute(select(table).where(table.c.account_id == account_id))
    return tuple(dict(row._mapping) for row in found)


def bring_back(tx: Tx, account_id: int, then: Then) -> None:
    """Of an account whose erasure is over. Raises Refused(CONFLICT): it is not, or somebody has its names, or is it."""
    claims.lock(tx)
    standing = accounts.require(tx, account_id)
    if not standing.erased or standing.erase_at or standing.login != then.login:
        raise Refused(Reason.CONFLICT, Cause("restore-not-erased", login=then.login))
    _check_free(tx, account_id, then)
    for name in then.names:
        claims.take_or_revive(tx, account_id, name)
    if then.person is not None:
        tx.execute(insert(person), [dict(then.person)])
    if then.affiliations:
        tx.execute(insert(affiliation), [dict(row) for row in then.affiliations])
    words.refresh(tx, (account_id,))
    # Closed, and not to be erased again by itself: `account restore` opens it.
    closed = {"state": State.CLOSED.value, "state_before": then.state.value, "state_since": tx.now}
    values = {**then.columns, **closed, "erased": 0, "erase_at": 0, "provisioned": 1}
    version = account.c.login_version + 1
    tx.execute(update(account).where(account.c.id == account_id).values(**values, login_version=version))
    mailboxes.provision(tx, account_id)
    moved(tx, account_id)
    tx.changed(DIRECTORY, 0)


def _check_free(tx: Tx, account_id: int, then: Then) -> None:
    for name, owner in sorted(claims.taken(tx, then.names).items()):
        if owner != account_id:
            raise Refused(Reason.CONFLICT, Cause("restore-name-taken", name=name))
    for mark in MARKS:
        hashed = then.columns[mark]
        if hashed is None:
            continue
        other = select(account.c.login).where(account.c[mark] == hashed, account.c.id != account_id)
        if (row := tx.execute(other.limit(1)).first()) is not None:
            raise Refused(Reason.CONFLICT, Cause("restore-other-account", login=then.login, other=row.login))
