"""Networks and programs that accounts logged in from, and the logins of which their owners have to be told."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, select, update

from mailserver.model.account import programs
from mailserver.model.account.login_places import SETTLED, SHARED, Kind, Place, Sign, networks
from mailserver.model.clock import DAY
from mailserver.store.account import sessions
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Wanted
from mailserver.store.schema.account.logins import login_place, unusual_login

MAX_PLACES = 300
"""Of one account; the one unused for longest gives way."""
TOUCH = 300
"""A place is written as seen at most this often."""
FORMER = 100
"""Logins on record from which the past of an account is made when there is none yet."""
LOOKED_AT = 300
"""Accounts of a block that are looked at."""

_MINE = Statement(
    select(login_place.c.kind, login_place.c.name, login_place.c.first, login_place.c.last).where(
        login_place.c.account_id == bindparam("account")
    )
)
_TOUCH = Statement(
    update(login_place)
    .where(
        login_place.c.account_id == bindparam("owner"),
        login_place.c.kind == bindparam("which"),
        login_place.c.name == bindparam("called"),
    )
    .values(last=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Unusual:
    """A login of which its owner is told."""

    account_id: int
    at: int
    peer: str
    program: str
    signs: Sign


def known(tx: Tx, account_id: int) -> list[Place]:
    """What an account has used."""
    return [Place(Kind(kind), name, first, last) for kind, name, first, last in tx.all(_MINE, account=account_id)]


def former(tx: Tx, account_id: int) -> list[Place]:
    """What logins on record say of the time before this was kept."""
    found: dict[tuple[Kind, str], Place] = {}

    def seen(kind: Kind, name: str, at: int) -> None:
        before = found.get((kind, name))
        first, last = (min(before.first, at), max(before.last, at)) if before else (at, at)
        if name:
            found[kind, name] = Place(kind, name, first, last)

    for event in audit.find(tx, Wanted(account_id, Action.LOGIN), FORMER):
        network, block = networks(event.peer) if event.peer else ("", "")
        seen(Kind.NETWORK, network, event.at)
        seen(Kind.BLOCK, block, event.at)
        seen(Kind.PROGRAM, programs.kind(event.service), event.at)
    for session in sessions.opened(tx, account_id):
        seen(Kind.PROGRAM, programs.kind("web", session.agent), session.seen)
    return list(found.values())


def keep(tx: Tx, account_id: int, places: Sequence[Place]) -> None:
    """Remember places that are new."""
    for one in places:
        row = {"account_id": account_id, "kind": int(one.kind), "name": one.name}
        if not tx.insert_ignore(login_place, {**row, "first": one.first, "last": one.last}):
            mine = (login_place.c[key] == value for key, value in row.items())
            tx.execute(update(login_place).where(*mine).values(first=one.first, last=one.last))


def touch(tx: Tx, account_id: int, places: Sequence[Place]) -> None:
    """Places are used now."""
    for one in places:
        if one.last <= tx.now - TOUCH:
            tx.run(_TOUCH, owner=account_id, which=int(one.kind), called=one.name, now=tx.now)


def make_room(tx: Tx, account_id: int) -> None:
    """Forget the places that were not used for longest."""
    mine = login_place.c.account_id == account_id
    old = select(login_place.c.last).where(mine).order_by(login_place.c.last.desc()).offset(MAX_PLACES - 1).limit(1)
    last = tx.execute(old).scalar()
    if last is not None:
        tx.execute(delete(login_place).where(mine, login_place.c.last <= last))


def is_shared(tx: Tx, account_id: int, block: str, others: Sequence[str]) -> bool:
    """Whether several accounts have come from a block for long that also come from one of the `others`."""
    here = login_place.alias("here")
    settled = (
        select(here.c.account_id)
        .where(
            here.c.kind == int(Kind.BLOCK),
            here.c.name == block,
            here.c.account_id != account_id,
            here.c.first <= tx.now - SETTLED,
        )
        .limit(LOOKED_AT)
        .subquery()
    )
    there = (login_place.c.kind == int(Kind.BLOCK)) & login_place.c.name.in_(others)
    joined = select(func.count(login_place.c.account_id.distinct())).join(
        settled, settled.c.account_id == login_place.c.account_id
    )
    return int(tx.execute(joined.where(there)).scalar() or 0) >= SHARED


def unusual(tx: Tx, one: Unusual) -> bool:
    """Have an owner told of a login; False: they were told of another within a day."""
    mine = unusual_login.c.account_id == one.account_id
    before = tx.execute(select(unusual_login.c.at).where(mine).with_for_update()).scalar()
    if before is not None and before > tx.now - DAY:
        return False
    tx.execute(delete(unusual_login).where(mine))
    values = {"account_id": one.account_id, "at": one.at, "peer": one.peer, "program": one.program}
    tx.execute(insert(unusual_login).values(signs=int(one.signs), told=0, **values))
    tx.changed(one.account_id, 0)  # the housekeeper looks when something moved
    return True


def last_unusual(tx: Tx, account_id: int, since: int) -> Unusual | None:
    """The last of an account since then."""
    mine = (unusual_login.c.account_id == account_id, unusual_login.c.at >= since)
    row = tx.execute(select(unusual_login).where(*mine)).first()
    return Unusual(row.account_id, row.at, row.peer, row.program, Sign(row.signs)) if row is not None else None


def untold(tx: Tx, most: int) -> list[Unusual]:
    """Those of which their owners have to be told."""
    rows = tx.execute(select(unusual_login).where(unusual_login.c.told == 0).limit(most)).all()
    return [Unusual(row.account_id, row.at, row.peer, row.program, Sign(row.signs)) for row in rows]


def told(tx: Tx, one: Unusual) -> bool:
    """Note that an owner is told; False: somebody did so before."""
    mine = (unusual_login.c.account_id == one.account_id, unusual_login.c.at == one.at, unusual_login.c.told == 0)
    return tx.execute(update(unusual_login).where(*mine).values(told=1)).rowcount == 1
