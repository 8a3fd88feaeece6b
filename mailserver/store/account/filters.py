"""Sieve scripts of an account: their octets, which of them is active, and what they were before.

What a script may say is not known here; the service (`mailserver.filters`) looks at it before it is kept.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Select, bindparam, delete, insert, select, update

from mailserver.model.account.script_names import is_script_name
from mailserver.model.errors import Reason, Refused
from mailserver.model.unicode import normalize
from mailserver.store.account import accounts, forward_targets
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Origin
from mailserver.store.schema.account.accounts import account
from mailserver.store.schema.account.filters import filter_script, filter_version
from mailserver.texts.causes import Cause

NEWS = -4
"""The "mailbox" whose news say that somebody's filter has moved (`changes.subscribe("mailbox", NEWS, …)`)."""
NOBODY = -1
"""The account of those news."""
KEPT = 10
"""Versions of a script, the present one among them."""


class Bound(Enum):
    """Which limit a script would pass (RFC 5804 section 1.3: QUOTA/MAXSCRIPTS, QUOTA/MAXSIZE, QUOTA)."""

    SCRIPTS = "Too many scripts"
    SIZE = "The script is too large"
    TOTAL = "The scripts together are too large"


class OverBound(Refused):
    """A script that is one too many, or too large."""

    def __init__(self, bound: Bound) -> None:
        super().__init__(Reason.LIMIT, bound.value)
        self.bound = bound


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of one account."""

    scripts: int
    size: int
    """Octets of one."""
    total: int
    """Octets of all, as they are now."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A script of an account."""

    id: int
    name: str
    active: bool
    hash: bytes
    size: int
    changed: int


@dataclass(frozen=True, slots=True)
class Version:
    """What a script was since a moment."""

    id: int
    at: int
    octets: bytes


_COLUMNS = (
    filter_script.c.id,
    filter_script.c.name,
    filter_script.c.active,
    filter_script.c.hash,
    filter_script.c.size,
    filter_script.c.changed,
)
_MINE: Select[Any] = select(*_COLUMNS).where(filter_script.c.account_id == bindparam("account"))
_LISTING = Statement(_MINE.order_by(filter_script.c.name))
_BY_NAME = Statement(_MINE.where(filter_script.c.name == bindparam("name")))
_ACTIVE = Statement(select(filter_script.c.account_id, filter_script.c.hash).where(filter_script.c.active == 1))
_ACTIVE_HASH = Statement(
    select(filter_script.c.hash).where(filter_script.c.account_id == bindparam("account"), filter_script.c.active == 1)
)
_OCTETS = Statement(
    select(filter_version.c.octets)
    .where(filter_version.c.script_id == bindparam("script"))
    .order_by(filter_version.c.id.desc())
    .limit(1)
)
_LOCK = Statement(select(account.c.id).where(account.c.id == bindparam("account")).with_for_update(key_share=True))


def check_name(name: str) -> str:
    """The name as it is kept. Raises Refused(INVALID) for one that no script may have (RFC 5804 section 1.6)."""
    name = normalize("NFC", name)
    if not is_script_name(name):
        raise Refused(Reason.INVALID, "A script's name has 1 to 128 characters, none of them a control character")
    return name


def listing(tx: Tx, account_id: int) -> list[Stored]:
    """Every script of an account, by name."""
    return [_stored(row) for row in tx.all(_LISTING, account=account_id)]


def get(tx: Tx, account_id: int, name: str) -> Stored:
    """Raises Refused(NOT_FOUND)."""
    name = normalize("NFC", name)
    # A name that cannot be is not asked for: PostgreSQL fails on some.
    row = tx.one(_BY_NAME, account=account_id, name=name) if is_script_name(name) else None
    if row is None:
        raise Refused(Reason.NOT_FOUND, "There is no script by that name")
    return _stored(row)


def octets(tx: Tx, account_id: int, name: str) -> bytes:
    """What a script says. Raises Refused(NOT_FOUND)."""
    return _octets(tx, get(tx, account_id, name))


def active_script(tx: Tx, account_id: int) -> tuple[Stored, bytes] | None:
    """The script that an account's mail runs through; None: there is none."""
    for script in listing(tx, account_id):
        if script.active:
            return script, _octets(tx, script)
    return None


def active_hash(tx: Tx, account_id: int) -> bytes | None:
    """The hash of the script that an account's mail runs through; None: there is none."""
    row = tx.one(_ACTIVE_HASH, account=account_id)
    return bytes(row[0]) if row is not None else None


def active(tx: Tx) -> dict[int, bytes]:
    """The accounts whose mail runs through a script, and its hash."""
    return {account_id: bytes(digest) for account_id, digest in tx.all(_ACTIVE)}


def check_room(tx: Tx, account_id: int, name: str, size: int, bounds: Bounds) -> None:
    """Raises OverBound when a script of this size does not fit, Refused(INVALID) for a name that cannot be."""
    name = check_name(name)
    others = [script for script in listing(tx, account_id) if script.name != name]
    if size > bounds.size:
        raise OverBound(Bound.SIZE)
    if len(others) >= bounds.scripts:
        raise OverBound(Bound.SCRIPTS)
    if size + sum(script.size for script in others) > bounds.total:
        raise OverBound(Bound.TOTAL)


def lock(tx: Tx, account_id: int) -> None:
    """Let nobody else change the scripts of an account before this unit ends."""
    tx.one(_LOCK, account=account_id)


def put(
    tx: Tx, account_id: int, name: str, source: bytes, bounds: Bounds, origin: Origin, targets: Collection[str] = ()
) -> Stored:
    """Keep a script; one of that name becomes a version. `targets`: where it may send mail on to.

    Raises OverBound, Refused(INVALID).
    """
    name = check_name(name)
    lock(tx, account_id)
    check_room(tx, account_id, name, len(source), bounds)
    digest = hashlib.sha256(source).digest()
    values = {"hash": digest, "size": len(source), "changed": tx.now}
    row = tx.one(_BY_NAME, account=account_id, name=name)
    is_news = row is None or bytes(row[3]) != digest
    if row is None:
        new = insert(filter_script).values(account_id=account_id, name=name, active=0, **values)
        script_id = int(tx.execute(new.returning(filter_script.c.id)).scalar_one())
    else:
        script_id = int(row[0])
        tx.execute(update(filter_script).where(filter_script.c.id == script_id).values(**values))
    forward_targets.keep(tx, account_id, script_id, targets)
    if is_news:
        tx.execute(insert(filter_version).values(account_id=account_id, script_id=script_id, at=tx.now, octets=source))
        _forget_old(tx, script_id)
        _changed(tx, origin, account_id, Cause("filter-changed", name=name))
    return get(tx, account_id, name)


def activate(tx: Tx, account_id: int, name: str, origin: Origin) -> None:
    """Have mail run through this script, and no other; through none when the name is empty.

    Raises Refused(NOT_FOUND).
    """
    lock(tx, account_id)
    wanted = get(tx, account_id, name) if name else None
    before = next((script for script in listing(tx, account_id) if script.active), None)
    if wanted == before:
        return
    mine = filter_script.c.account_id == account_id
    tx.execute(update(filter_script).where(mine, filter_script.c.active == 1).values(active=0))
    if wanted is not None:
        tx.execute(update(filter_script).where(filter_script.c.id == wanted.id).values(active=1))
    said = Cause("filter-on", name=wanted.name) if wanted is not None else Cause("filter-off")
    _changed(tx, origin, account_id, said)


def remove(tx: Tx, account_id: int, name: str, origin: Origin) -> None:
    """Delete a script with its versions. Raises Refused(NOT_FOUND), Refused(CANNOT) for the active one."""
    lock(tx, account_id)
    script = get(tx, account_id, name)
    if script.active:
        raise Refused(Reason.CANNOT, "The active script cannot be deleted")
    forward_targets.keep(tx, account_id, script.id, ())
    tx.execute(delete(filter_version).where(filter_version.c.script_id == script.id))
    tx.execute(delete(filter_script).where(filter_script.c.id == script.id))
    _changed(tx, origin, account_id, Cause("filter-removed", name=script.name))


def rename(tx: Tx, account_id: int, old: str, new: str, origin: Origin) -> None:
    """Rename a script; an active one stays active. Raises Refused(NOT_FOUND | CONFLICT | INVALID)."""
    new = check_name(new)
    lock(tx, account_id)
    script = get(tx, account_id, old)
    if tx.one(_BY_NAME, account=account_id, name=new) is not None:
        raise Refused(Reason.CONFLICT, "A script by that name exists already")
    tx.execute(update(filter_script).where(filter_script.c.id == script.id).values(name=new))
    _changed(tx, origin, account_id, Cause("filter-renamed", name=script.name, new=new))


def versions(tx: Tx, account_id: int, name: str) -> list[Version]:
    """What a script is and was, newest first. Raises Refused(NOT_FOUND)."""
    script = get(tx, account_id, name)
    rows = tx.execute(
        select(filter_version.c.id, filter_version.c.at, filter_version.c.octets)
        .where(filter_version.c.script_id == script.id)
        .order_by(filter_version.c.id.desc())
    )
    return [Version(row.id, row.at, bytes(row.octets)) for row in rows]


def _stored(row: Any) -> Stored:
    return Stored(int(row[0]), str(row[1]), bool(row[2]), bytes(row[3]), int(row[4]), int(row[5]))


def _octets(tx: Tx, script: Stored) -> bytes:
    row = tx.one(_OCTETS, script=script.id)
    return bytes(row[0]) if row is not None else b""


def _forget_old(tx: Tx, script_id: int) -> None:
    mine = filter_version.c.script_id == script_id
    old = select(filter_version.c.id).where(mine).order_by(filter_version.c.id.desc()).offset(KEPT)
    ids = list(tx.execute(old).scalars())
    if ids:
        tx.execute(delete(filter_version).where(filter_version.c.id.in_(ids)))


def _changed(tx: Tx, origin: Origin, account_id: int, detail: Cause) -> None:
    """On record, and known to every worker. Raises Refused(AUTHENTICATION) as `accounts.still_in`."""
    accounts.still_in(tx, origin)
    audit.record(tx, origin, Action.FILTERS_CHANGED, account_id, detail)
    tx.changed(account_id, 0)
    tx.changed(NOBODY, NEWS)
