"""Browser sessions: opened, found by their token, renewed, ended.

Tokens never reach this module: callers pass their HMAC. Every function that names an account checks it in
the statement itself.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.account.preferences import Preferences
from mailserver.model.identity import State
from mailserver.store.account.accounts import NEVER, Renewal
from mailserver.store.account.stored_preferences import preferences
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import one_time_password
from mailserver.store.schema.account.sessions import once, parked, session, undo

MAX_SESSIONS = 50
"""Open sessions of one account; the one unseen for longest gives way."""
TOUCH_PARTS = 20
"""A session is written as seen at most this many times within its lifetime."""
SWEEP_ROWS = 500
"""Expired rows that one opening removes, so that no login waits for a big sweep."""
REMEMBERED = 86400
"""An expired session stays known this long: what its owner was still typing can then be parked for them."""


@dataclass(frozen=True, slots=True)
class Session:
    """An open session with its account's state as it is now."""

    token_hash: bytes
    account_id: int
    created: int
    seen: int
    expires: int
    lifetime: int
    interface: str
    current: bool
    """False when password or state have changed since the login."""
    state: str
    state_since: int
    factor_on: bool = False
    """The person has a second factor."""
    renewal: Renewal = NEVER
    """When the account's password has to be renewed."""
    close_at: int = 0
    """The account will be closed; 0: nobody plans that."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session as its owner is shown it."""

    token_hash: bytes
    created: int
    seen: int
    peer: str
    agent: str


_FIND = Statement(
    select(
        session.c.account_id,
        session.c.created,
        session.c.seen,
        session.c.expires,
        session.c.lifetime,
        session.c.interface,
        session.c.login_version,
        account.c.login_version,
        account.c.state,
        account.c.state_since,
        one_time_password.c.confirmed,
        account.c.password_set,
        account.c.renewal_notice,
        account.c.renew_by,
        account.c.close_at,
    )
    .join(account, account.c.id == session.c.account_id)
    .outerjoin(one_time_password, one_time_password.c.account_id == session.c.account_id)
    .where(session.c.token_hash == bindparam("token_hash"), session.c.expires > bindparam("moment"))
)
_TOUCH = Statement(
    update(session)
    .where(session.c.token_hash == bindparam("token"))
    .values(seen=bindparam("moment"), expires=bindparam("until"))
)


def open_session(
    tx: Tx,
    token_hash: bytes,
    account_id: int,
    login_version: int,
    lifetime: int,
    interface: str,
    peer: str,
    agent: str,
    created: int = 0,
) -> None:
    """Record a new session of `lifetime` seconds, renewed as it is used; sweep what has expired.

    `created`: when its owner logged in, if that was not now: it goes on in place of another.
    """
    now = tx.now
    _sweep(tx, now)
    keep_newest(tx, session, session.c.seen, account_id, MAX_SESSIONS - 1)
    tx.execute(
        insert(session),
        {
            "token_hash": token_hash,
            "account_id": account_id,
            "created": created or now,
            "seen": now,
            "expires": now + lifetime,
            "lifetime": lifetime,
            "login_version": login_version,
            "interface": interface,
            "peer": peer,
            "agent": agent[:300],
        },
    )


def find(tx: Tx, token_hash: bytes) -> tuple[Session, Preferences] | None:
    """The open session of a token with the person's preferences, or None."""
    row = tx.one(_FIND, token_hash=token_hash, moment=tx.now)
    if row is None:
        return None
    account_id, created, seen, expires, lifetime, interface, at_login, now, state, since, *facts = row
    confirmed, password_set, notices, promised, close_at = facts
    found = Session(
        token_hash,
        account_id,
        created,
        seen,
        expires,
        lifetime,
        interface,
        at_login == now,
        state,
        since,
        bool(confirmed),
        Renewal(password_set, notices, promised),
        close_at,
    )
    return found, preferences(tx, account_id)


def opened(tx: Tx, account_id: int) -> list[Opened]:
    """The open sessions of an account, the last used first."""
    rows = tx.execute(
        select(session.c.token_hash, session.c.created, session.c.seen, session.c.peer, session.c.agent)
        .join(account, account.c.id == session.c.account_id)
        .where(
            session.c.account_id == account_id,
            session.c.expires > tx.now,
            session.c.login_version == account.c.login_version,
        )
        .order_by(session.c.seen.desc(), session.c.created.desc())
    )
    return [Opened(bytes(row.token_hash), row.created, row.seen, row.peer, row.agent) for row in rows]


def renew(tx: Tx, account_id: int, former: bytes, fresh: bytes, version: int) -> None:
    """Go on under a new token, and as of now: what ended all other sessions was done in this one.

    `version` is the account's before that. A session that something else has ended, too, stays ended.
    """
    ended_here = select(account.c.id).where(account.c.id == account_id, account.c.login_version == version + 1).exists()
    tx.execute(
        update(session)
        .where(
            session.c.token_hash == former,
            session.c.account_id == account_id,
            session.c.login_version == version,
            ended_here,
        )
        .values(token_hash=fresh, login_version=version + 1)
    )


def wants_touch(found: Session, now: float) -> bool:
    """True when the session's last sight is old enough to be written again."""
    return now - found.seen >= found.lifetime / TOUCH_PARTS


def touch(tx: Tx, found: Session) -> None:
    """Renew a session from now."""
    tx.run(_TOUCH, token=found.token_hash, moment=tx.now, until=tx.now + found.lifetime)


def choose_interface(tx: Tx, token_hash: bytes, interface: str) -> None:
    """Remember which interface this session uses."""
    tx.execute(update(session).where(session.c.token_hash == token_hash).values(interface=interface))


def close(tx: Tx, token_hash: bytes) -> None:
    """End a session; an unknown one is fine."""
    tx.execute(delete(session).where(session.c.token_hash == token_hash))


def close_one(tx: Tx, account_id: int, token_hash: bytes) -> None:
    """End one of a person's own sessions."""
    tx.execute(delete(session).where(session.c.token_hash == token_hash, session.c.account_id == account_id))


def close_all(tx: Tx, account_id: int, but: bytes = b"") -> int:
    """End every session of an account except one; how many there were."""
    clause = delete(session).where(session.c.account_id == account_id, session.c.token_hash != but)
    return tx.execute(clause).rowcount


def _sweep(tx: Tx, now: int) -> None:
    """Remove a bounded number of expired rows: sessions, and whatever else is known by a token for a while."""
    for table, grace in ((session, REMEMBERED), (undo, 0), (parked, 0), (once, 0)):
        old = select(table.c.token_hash).where(table.c.expires <= now - grace).limit(SWEEP_ROWS)
        tx.execute(delete(table).where(table.c.token_hash.in_(old)))


def keep_newest(tx: Tx, table: Any, age: Any, account_id: int, keep: int) -> None:
    """Remove an account's oldest rows beyond `keep` from a table whose key is a token's hash."""
    extra = select(table.c.token_hash).where(table.c.account_id == account_id).order_by(age.desc()).offset(keep)
    tx.execute(delete(table).where(table.c.token_hash.in_(extra)))


def ended_owner(tx: Tx, token_hash: bytes) -> int | None:
    """The account of a session that has ended within the last day, by time, suspension or a new password."""
    return tx.execute(
        select(session.c.account_id)
        .join(account, account.c.id == session.c.account_id)
        .where(
            session.c.token_hash == token_hash,
            (session.c.expires <= tx.now)
            | (session.c.login_version != account.c.login_version)
            | (account.c.state != State.ACTIVE.value),
        )
    ).scalar()


@dataclass(frozen=True, slots=True)
class Former:
    """A session that was open within the last day, and may still be."""

    account_id: int
    lifetime: int
    interface: str


def former(tx: Tx, token_hash: bytes) -> Former | None:
    """The session of a token, whether it has ended or not; None: nobody's, or too long ago."""
    row = tx.execute(
        select(session.c.account_id, session.c.lifetime, session.c.interface).where(
            session.c.token_hash == token_hash, session.c.expires > tx.now - REMEMBERED
        )
    ).first()
    return Former(*tuple(row)) if row is not None else None


def count_open(tx: Tx) -> int:
    """How many sessions are open, for the metrics."""
    return int(tx.execute(select(func.count()).select_from(session).where(session.c.expires > tx.now)).scalar() or 0)
