"""The address that somebody's mail is sent on to, the one that is asked for it, and whether it still takes mail."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, case, delete, insert, select, update

from mailserver.model.clock import DAY
from mailserver.model.errors import Reason, Refused
from mailserver.store.account import filter_memory, login_failures
from mailserver.store.account.filter_memory import Kind
from mailserver.store.engine.statements import Statement, Tx
from mailserver.store.schema.account.filters import forwarding

ASKS_A_DAY = 5
"""Of one account: each is a mail to a stranger."""
ASKED_A_DAY = 3
"""Of one address, by whomever."""
DECLINED_DAYS = 30
"""An address that declined is not asked again by the same account for so long."""


@dataclass(frozen=True, slots=True)
class Forwarding:
    """One of them."""

    account_id: int
    agreed: bool
    address: str
    since: int
    expires: int
    """Until when the link can be used; of one that agreed 0."""
    refusals: int
    """Messages in a row that the address did not take."""
    refused: int
    """Since when; 0: it took the last one."""


_ROWS: Select[Any] = select(
    forwarding.c.account_id,
    forwarding.c.agreed,
    forwarding.c.address,
    forwarding.c.since,
    forwarding.c.expires,
    forwarding.c.refusals,
    forwarding.c.refused,
)
_MINE = Statement(_ROWS.where(forwarding.c.account_id == bindparam("account")))
_BY_TOKEN = Statement(_ROWS.where(forwarding.c.token == bindparam("wanted"), forwarding.c.expires > bindparam("now")))


def of_account(tx: Tx, account_id: int) -> tuple[Forwarding | None, Forwarding | None]:
    """The one that agreed, and the one that is asked."""
    found = {one.agreed: one for one in map(_row, tx.all(_MINE, account=account_id))}
    asked = found.get(False)
    return found.get(True), asked if asked is not None and asked.expires > tx.now else None


def by_token(tx: Tx, token: bytes) -> Forwarding | None:
    """The one whose link has this hash; None: the link is used up, or too old."""
    row = tx.one(_BY_TOKEN, wanted=token, now=tx.now)
    return _row(row) if row is not None else None


def ask(tx: Tx, account_id: int, address: str, token: bytes, expires: int) -> None:
    """An address is asked, and no other one any more.

    Raises Refused(LIMIT): the account has asked too often, or this address was; Refused(FORBIDDEN): it declined.
    """
    until = tx.now + DAY
    if filter_memory.seen(tx, account_id, Kind.DECLINED, _key(address)):
        raise Refused(Reason.FORBIDDEN, "Whoever reads this address has declined")
    if not filter_memory.claim_within(tx, account_id, Kind.ASKED, [token], until, ASKS_A_DAY):
        raise Refused(Reason.LIMIT, "Too many addresses were asked today")
    key = f"forwarding {_key(address).hex()}"
    if login_failures.count(tx, key, DAY) > ASKED_A_DAY:
        raise Refused(Reason.LIMIT, "This address was asked too often today")
    cancel(tx, account_id, agreed=False)
    row = {"account_id": account_id, "agreed": 0, "address": address, "token": token, "since": tx.now}
    tx.execute(insert(forwarding), {**row, "expires": expires, "refusals": 0, "refused": 0})


def agree(tx: Tx, token: bytes) -> Forwarding:
    """The address of a link takes the mail from now on. Raises Refused(NOT_FOUND)."""
    asked = _asked(tx, token)
    cancel(tx, asked.account_id, agreed=True)
    mine = forwarding.c.account_id == asked.account_id
    values = {"agreed": 1, "token": None, "since": tx.now, "expires": 0}
    tx.execute(update(forwarding).where(mine, forwarding.c.agreed == 0).values(**values))
    return asked


def decline(tx: Tx, token: bytes) -> Forwarding:
    """The address of a link does not want it. Raises Refused(NOT_FOUND)."""
    asked = _asked(tx, token)
    cancel(tx, asked.account_id, agreed=False)
    expires = tx.now + DECLINED_DAYS * DAY
    filter_memory.claim(tx, asked.account_id, Kind.DECLINED, _key(asked.address), expires, {})
    return asked


def cancel(tx: Tx, account_id: int, *, agreed: bool) -> bool:
    """Ask no more, or send on no more; whether there was something."""
    mine = forwarding.c.account_id == account_id, forwarding.c.agreed == int(agreed)
    return bool(tx.execute(delete(forwarding).where(*mine)).rowcount)


def judge(tx: Tx, account_id: int, taken: Collection[str], refused: Collection[str]) -> None:
    """What addresses made of mail of an account: the one that its mail is sent on to may be among them."""
    found, _asked_one = of_account(tx, account_id)
    if found is None:
        return
    mine = (
        forwarding.c.account_id == account_id,
        forwarding.c.agreed == 1,
        forwarding.c.address == found.address,
    )
    if found.address in taken:
        if found.refused:
            tx.execute(update(forwarding).where(*mine).values(refusals=0, refused=0))
    elif found.address in refused:
        # What relays find at the same moment is all counted.
        first = case((forwarding.c.refused == 0, tx.now), else_=forwarding.c.refused)
        tx.execute(update(forwarding).where(*mine).values(refusals=forwarding.c.refusals + 1, refused=first))


def end(tx: Tx, one: Forwarding) -> None:
    """Send on no more to an address that takes nothing. Raises Refused(NOT_FOUND): it has taken something by now, or
    its owner has said something else."""
    same = (
        forwarding.c.account_id == one.account_id,
        forwarding.c.agreed == 1,
        forwarding.c.address == one.address,
        forwarding.c.since == one.since,
        forwarding.c.refused == one.refused,
    )
    if not tx.execute(delete(forwarding).where(*same)).rowcount:
        raise Refused(Reason.NOT_FOUND, "Something else holds by now")


def failing(tx: Tx, since: int, refusals: int, most: int) -> Sequence[Forwarding]:
    """Those that have taken nothing since then, so many messages at least."""
    wanted = forwarding.c.refused > 0, forwarding.c.refused <= since, forwarding.c.refusals >= refusals
    return [_row(row) for row in tx.execute(_ROWS.where(*wanted).limit(most)).all()]


def waiting(tx: Tx, most: int) -> Sequence[Forwarding]:
    """Those that are asked, the latest first."""
    wanted = forwarding.c.agreed == 0, forwarding.c.expires > tx.now
    rows = tx.execute(_ROWS.where(*wanted).order_by(forwarding.c.since.desc()).limit(most)).all()
    return [_row(row) for row in rows]


def _asked(tx: Tx, token: bytes) -> Forwarding:
    found = by_token(tx, token)
    if found is None:
        raise Refused(Reason.NOT_FOUND, "This link opens nothing any more")
    return found


def _key(address: str) -> bytes:
    return hashlib.sha256(f"forwarding\0{address.casefold()}".encode("utf-8", "surrogatepass")).digest()


def _row(row: Any) -> Forwarding:
    return Forwarding(int(row[0]), bool(row[1]), str(row[2]), int(row[3]), int(row[4]), int(row[5]), int(row[6]))
