"""App passwords: one for each device, found by its keyed hash, opening only what its scopes name.

Every function that names an account checks it in the statement itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record.notices import moved
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.factors import app_password

MAX_DEVICES = 50
"""App passwords of one account."""
SEEN_SECONDS = 60
"""The last use is written at most this often."""


class Scope(StrEnum):
    """What an app password may be used for."""

    MAIL = "mail"
    SEND = "send"
    AGENDA = "agenda"


@dataclass(frozen=True, slots=True)
class Device:
    """An app password, without the password."""

    id: int
    name: str
    scopes: frozenset[Scope]
    created: int
    last_used: int
    last_peer: str


_COLUMNS = (
    app_password.c.id,
    app_password.c.name,
    app_password.c.scopes,
    app_password.c.created,
    app_password.c.last_used,
    app_password.c.last_peer,
)
_BY_HASH = Statement(
    select(*_COLUMNS).where(
        app_password.c.hash == bindparam("hash"), app_password.c.account_id == bindparam("account_id")
    )
)
_EXISTS = Statement(
    select(app_password.c.id).where(
        app_password.c.id == bindparam("id"), app_password.c.account_id == bindparam("account_id")
    )
)
_USED = Statement(
    update(app_password)
    .where(
        app_password.c.id == bindparam("wanted"),
        or_(app_password.c.last_used <= bindparam("cutoff"), app_password.c.last_peer != bindparam("peer")),
    )
    .values(last_used=bindparam("now"), last_peer=bindparam("peer"))
)


def by_hash(tx: Tx, account_id: int, hashed: bytes) -> Device | None:
    """The device of this account whose password has this keyed hash."""
    row = tx.one(_BY_HASH, hash=hashed, account_id=account_id)
    return _device(row) if row is not None else None


def exists(tx: Tx, account_id: int, device_id: int) -> bool:
    """False once the device was revoked."""
    return tx.one(_EXISTS, id=device_id, account_id=account_id) is not None


def listing(tx: Tx, account_id: int) -> list[Device]:
    """Every device of an account, newest first."""
    mine = select(*_COLUMNS).where(app_password.c.account_id == account_id)
    return [_device(tuple(row)) for row in tx.execute(mine.order_by(app_password.c.id.desc()))]


def count(tx: Tx, account_id: int) -> int:
    """How many devices an account has."""
    mine = select(func.count()).select_from(app_password).where(app_password.c.account_id == account_id)
    return int(tx.execute(mine).scalar() or 0)


def add(tx: Tx, account_id: int, hashed: bytes, name: str, scopes: Iterable[Scope]) -> int:
    """Keep a new app password; its id. Raises Refused(LIMIT) when the account has too many."""
    # The account's row is locked where rows can be: two that are added at once are counted one after the other.
    tx.execute(select(account.c.id).where(account.c.id == account_id).with_for_update())
    if count(tx, account_id) >= MAX_DEVICES:
        raise Refused(Reason.LIMIT, f"{MAX_DEVICES} app passwords at most")
    row = tx.execute(
        insert(app_password).returning(app_password.c.id),
        {
            "account_id": account_id,
            "hash": hashed,
            "name": name,
            "scopes": " ".join(sorted(scopes)),
            "created": tx.now,
        },
    ).one()
    return int(row.id)


def revoke(tx: Tx, account_id: int, device_id: int) -> str | None:
    """Forget an app password; the device's name, None when there is none. All workers hear of it."""
    mine = (app_password.c.id == device_id) & (app_password.c.account_id == account_id)
    row = tx.execute(delete(app_password).where(mine).returning(app_password.c.name)).first()
    if row is None:
        return None
    moved(tx, account_id)
    return str(row.name)


def revoke_all(tx: Tx, account_id: int) -> list[tuple[int, str]]:
    """Forget every app password of an account; id and name of each."""
    mine = delete(app_password).where(app_password.c.account_id == account_id)
    gone = [(int(row.id), str(row.name)) for row in tx.execute(mine.returning(app_password.c.id, app_password.c.name))]
    if gone:
        moved(tx, account_id)
    return sorted(gone)


def used(tx: Tx, device_id: int, peer: str) -> None:
    """A login came from this device; written once a minute, or when it comes from elsewhere."""
    now = tx.now
    tx.run(_USED, wanted=device_id, cutoff=now - SEEN_SECONDS, now=now, peer=peer)


def _device(row: Row) -> Device:
    device_id, name, scopes, created, last_used, last_peer = row
    return Device(device_id, name, frozenset(map(Scope, scopes.split())), created, last_used, last_peer)
