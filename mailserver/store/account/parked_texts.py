"""What somebody was typing when their session ended, sealed, until their next login.

It is known by the HMAC of a token that the browser has.
"""

from sqlalchemy import delete, insert, select

from mailserver.store.account.sessions import keep_newest
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.account.sessions import parked

MAX_PARKED = 10
"""Parked texts of one account; the oldest gives way."""


def park(tx: Tx, token_hash: bytes, account_id: int, seconds: int, sealed: bytes) -> None:
    """Keep a sealed text for the same person's next login."""
    keep_newest(tx, parked, parked.c.expires, account_id, MAX_PARKED - 1)
    tx.execute(
        insert(parked),
        {
            "token_hash": token_hash,
            "account_id": account_id,
            "expires": tx.now + seconds,
            "sealed": sealed,
        },
    )


def take_parked(tx: Tx, token_hash: bytes, account_id: int) -> bytes | None:
    """Take a parked text out, or None when there is none for this person."""
    mine = (parked.c.token_hash == token_hash) & (parked.c.account_id == account_id) & (parked.c.expires > tx.now)
    row = tx.execute(select(parked.c.sealed).where(mine)).first()
    if row is None:
        return None
    tx.execute(delete(parked).where(mine))
    return bytes(row.sealed)
