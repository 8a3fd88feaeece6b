"""Keys of what is done once only, however often it is asked for: a letter whose form is posted twice, a new password.

Whoever claims a key first does it, and then says that it is done or gives the key back. Keys are HMACs or digests that
the callers make.
"""

from sqlalchemy import delete, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.account.sessions import once


def claim(tx: Tx, token_hash: bytes, account_id: int, seconds: int) -> bool:
    """True for the first who claims a token. A claim nobody finished ends by itself (its worker died)."""
    tx.execute(delete(once).where(once.c.token_hash == token_hash, once.c.expires <= tx.now))
    row = {"token_hash": token_hash, "account_id": account_id, "expires": tx.now + seconds, "done": 0}
    return tx.insert_ignore(once, row) == 1


def finish(tx: Tx, token_hash: bytes, account_id: int, seconds: int) -> None:
    """What the claim was for is done; it is remembered for `seconds` more."""
    tx.execute(
        update(once)
        .where(once.c.token_hash == token_hash, once.c.account_id == account_id)
        .values(done=1, expires=tx.now + seconds)
    )


def finished(tx: Tx, token_hash: bytes, account_id: int) -> bool | None:
    """Whether what a claim is for is done; None when nobody claims it."""
    row = tx.execute(
        select(once.c.done).where(once.c.token_hash == token_hash, once.c.account_id == account_id)
    ).first()
    return bool(row.done) if row else None


def release(tx: Tx, token_hash: bytes, account_id: int) -> None:
    """Give a claim back: what it was for did not happen."""
    tx.execute(delete(once).where(once.c.token_hash == token_hash, once.c.account_id == account_id))
