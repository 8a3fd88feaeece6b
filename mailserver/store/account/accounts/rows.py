"""An account as its row says: reading it, and the two ways in which it is changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Select, bindparam, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.model.identity import Population, State
from mailserver.store.account.accounts.reasons import read_reason
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record.audit import Origin
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.people.rosters import mailing_list
from mailserver.texts.causes import Cause


class Mark(Enum):
    """The keyed hashes by which an import recognises a person."""

    NUMEN = "numen"
    INE = "ine"


@dataclass(frozen=True, slots=True)
class Marks:
    """Keyed hashes (`mailserver.model.credentials.proofs`) of what the academy knows of a person and we do not keep."""

    numen: bytes | None = None
    ine: bytes | None = None
    birth_date: bytes | None = None


@dataclass(frozen=True, slots=True)
class Renewal:
    """What decides when a chosen password has to be renewed (`mailserver.login.passwords.renewal`)."""

    password_set: int = 0
    """When the password was set; 0: never, or elsewhere."""
    notices: int = 0
    """How many times its owner was told."""
    promised: int = 0
    """The day that the notices named; 0: the age alone decides."""


NEVER = Renewal()


@dataclass(frozen=True, slots=True)
class Standing:
    """An account as its row says. Times are seconds since the epoch; 0: never."""

    id: int
    login: str
    state: State
    state_before: State | None
    reason: Cause
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
    recovery_code: bytes | None
    recovery_expires: int
    source: str
    source_key: str
    welcome_due: bool
    renewal: Renewal
    suspend_from: int
    """A planned suspension begins; 0: none is planned."""
    suspend_until: int
    """A suspension, planned or present, ends by itself."""
    close_at: int
    """A planned closing; 0: none is planned."""
    close_reason: Cause
    close_notice: int
    reply_until: int
    """A closed account answers its mail."""
    auto_reply: str
    """What it answers; empty: the standard text."""
    erase_at: int
    """A closed account is erased; 0: only by command."""
    erased: int
    suspended_before: State | None
    """Of an account that was closed while it was suspended: the state before the suspension."""
    suspended_reason: Cause
    population: Population | None
    """Of a person of an external directory, as it was last seen there."""

    @property
    def is_being_erased(self) -> bool:
        """Its erasure has begun and is not over."""
        return self.state is State.CLOSED and self.erased > 0 and self.erase_at > 0


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
    account.c.recovery_code,
    account.c.recovery_expires,
    account.c.source,
    account.c.source_key,
    account.c.welcome_due,
    account.c.renewal_notice,
    account.c.suspend_from,
    account.c.suspend_until,
    account.c.close_at,
    account.c.close_reason,
    account.c.close_notice,
    account.c.reply_until,
    account.c.auto_reply,
    account.c.erase_at,
    account.c.erased,
    account.c.suspended_before,
    account.c.suspended_reason,
    account.c.renew_by,
    account.c.population,
)
_GET = Statement(_ALL.where(account.c.id == bindparam("account_id")))
_LOCK = Statement(select(account.c.id).where(account.c.id == bindparam("account")).with_for_update(key_share=True))
_VERSION = Statement(
    select(account.c.login_version).where(account.c.id == bindparam("account")).with_for_update(key_share=True)
)
_BY_LOGIN = Statement(_ALL.where(account.c.login == bindparam("login")))
_BY_MARK = {
    mark: Statement(
        select(account.c.id).where(account.c[mark.value] == bindparam("hash")).order_by(account.c.id).limit(1)
    )
    for mark in Mark
}


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
    """People's accounts with ids greater than `after`, whoever the directory belongs to."""
    boxes = select(mailing_list.c.box_id)
    rows = tx.execute(_ALL.where(account.c.id > after, account.c.id.not_in(boxes)).order_by(account.c.id).limit(limit))
    return [_standing(tuple(row)) for row in rows]


def by_mark(tx: Tx, mark: Mark, hashed: bytes) -> int | None:
    """The account whose NUMEN or INE has this keyed hash."""
    row = tx.one(_BY_MARK[mark], hash=hashed)
    return int(row[0]) if row is not None else None


def lock(tx: Tx, account_id: int) -> None:
    """Until this unit ends nobody else counts what the account has, to add to it within a bound.

    Of two units that run at once on PostgreSQL the second one then sees what the first one added.
    """
    tx.one(_LOCK, account=account_id)


def require(tx: Tx, account_id: int) -> Standing:
    """Read an account that is about to change; the row is locked where rows can be. Raises Refused(NOT_FOUND)."""
    row = tx.execute(_ALL.where(account.c.id == account_id).with_for_update()).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND, "no such account")
    return _standing(tuple(row))


def require_version(tx: Tx, account_id: int, version: int) -> None:
    """Every login of before still stands, and does until this unit ends: the row is locked where rows can be.

    Raises Refused(NOT_FOUND), AUTHENTICATION: all of them have ended since `version`.
    """
    row = tx.one(_VERSION, account=account_id)
    if row is None:
        raise Refused(Reason.NOT_FOUND, "no such account")
    if row[0] != version:
        raise Refused(Reason.AUTHENTICATION, "every login of this account has ended")


def still_in(tx: Tx, origin: Origin) -> None:
    """Whoever asks was not thrown out while that was prepared: what a thief asked for does not come behind what took
    the account back from them. Raises Refused(AUTHENTICATION)."""
    if origin.account_id:
        require_version(tx, origin.account_id, origin.login_version)


def note(tx: Tx, account_id: int, values: Mapping[str, Any]) -> None:
    """Set columns that open and close nothing: whoever is logged in stays so."""
    tx.execute(update(account).where(account.c.id == account_id).values(**values))
    moved(tx, account_id)


def move(tx: Tx, account_id: int, values: Mapping[str, Any]) -> None:
    """Set columns that decide who may enter: every login kept anywhere is looked at again."""
    note(tx, account_id, {**values, "login_version": account.c.login_version + 1})


def _standing(row: Row) -> Standing:
    return Standing(
        id=row[0],
        login=row[1],
        state=State(row[2]),
        state_before=State(row[3]) if row[3] else None,
        reason=read_reason(row[4]),
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
        recovery_code=row[19],
        recovery_expires=row[20],
        source=row[21],
        source_key=row[22],
        welcome_due=bool(row[23]),
        renewal=Renewal(row[10], row[24], row[36]),
        suspend_from=row[25],
        suspend_until=row[26],
        close_at=row[27],
        close_reason=read_reason(row[28]),
        close_notice=row[29],
        reply_until=row[30],
        auto_reply=row[31],
        erase_at=row[32],
        erased=row[33],
        suspended_before=State(row[34]) if row[34] else None,
        suspended_reason=read_reason(row[35]),
        population=Population(row[37]) if row[37] else None,
    )
