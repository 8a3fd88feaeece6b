"""Moves of messages that can be taken back for a while: from where to where, and which.

Each is known by the HMAC of a token that the page has; every function checks whose it is in the statement itself.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from mailserver.model.errors import Reason, Refused
from mailserver.store.account.sessions import keep_newest
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.account.sessions import undo

MAX_UNDO = 200
"""Undo records of one account."""


@dataclass(frozen=True, slots=True)
class Undo:
    """A move that can be taken back."""

    origin_id: int
    place_id: int
    uids: tuple[int, ...]


def remember_undo(tx: Tx, token_hash: bytes, account_id: int, seconds: int, what: Undo) -> None:
    """Keep where moved messages came from, for a while."""
    keep_newest(tx, undo, undo.c.expires, account_id, MAX_UNDO - 1)
    tx.execute(
        insert(undo),
        {
            "token_hash": token_hash,
            "account_id": account_id,
            "expires": tx.now + seconds,
            "origin_id": what.origin_id,
            "place_id": what.place_id,
            "uids": ",".join(map(str, what.uids)),
        },
    )


def extend_undo(tx: Tx, token_hash: bytes, account_id: int, uids: tuple[int, ...]) -> None:
    """More messages of the same move."""
    mine = (undo.c.token_hash == token_hash) & (undo.c.account_id == account_id)
    more = "," + ",".join(map(str, uids)) if uids else ""
    tx.execute(update(undo).where(mine).values(uids=undo.c.uids + more))


def undoable(tx: Tx, account_id: int, limit: int) -> list[tuple[bytes, int, Undo]]:
    """What somebody can still undo, the last first: the token's hash, until when, what it is."""
    rows = tx.execute(
        select(undo)
        .where(undo.c.account_id == account_id, undo.c.expires > tx.now)
        .order_by(undo.c.expires.desc(), undo.c.token_hash)
        .limit(limit)
    )
    return [(bytes(row.token_hash), row.expires, _undo(row)) for row in rows]


def take_undo(tx: Tx, token_hash: bytes, account_id: int) -> Undo:
    """Take an undo record out. Raises Refused(NOT_FOUND) when it is spent, too old or somebody else's."""
    mine = (undo.c.token_hash == token_hash) & (undo.c.account_id == account_id) & (undo.c.expires > tx.now)
    row = tx.execute(select(undo.c.origin_id, undo.c.place_id, undo.c.uids).where(mine)).first()
    if row is None:
        raise Refused(Reason.NOT_FOUND)
    tx.execute(delete(undo).where(mine))
    return _undo(row)


def _undo(row: Any) -> Undo:
    return Undo(row.origin_id, row.place_id, tuple(int(uid) for uid in row.uids.split(",") if uid))
