"""Changes that touch several items, as one unit, and what takes them back.

A change of a series may touch two items (it is cut, or goes to another agenda). Each is written against the ETag
that was seen, so a change by any other client in between refuses the whole.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from mailserver.store.agenda import agenda_reach
from mailserver.store.agenda.agenda_items import NewItem, Seen
from mailserver.store.engine.statements import Tx
from mailserver.store.schema.agendas import agenda_undo

MAX_UNDO = 20
"""Changes of one account that can be taken back; the oldest give way."""
MAX_STEPS_OCTETS = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Step:
    """One item to write: `new` is None to remove it; `seen` is the ETag it must have, None for nothing there."""

    collection_id: int
    href: str
    seen: Seen
    new: NewItem | None


@dataclass(frozen=True, slots=True)
class Former:
    """What was there before a step: its text, None for nothing; and the ETag the step left, None for nothing."""

    collection_id: int
    href: str
    left: str | None
    text: str | None


def apply(tx: Tx, account_id: int, steps: Sequence[Step], token_hash: bytes = b"", seconds: int = 0) -> bool:
    """Take all steps, or none; with a token they can be taken back for a while. False: too big to be taken back.

    Raises Refused(NOT_FOUND | CONFLICT | LIMIT | INVALID | TOO_BIG | READ_ONLY | FORBIDDEN), UidTaken.
    """
    formers: list[Former] = []
    for step in steps:
        if token_hash:
            old = agenda_reach.get(tx, account_id, step.collection_id, step.href)
            left = step.new.etag if step.new is not None else None
            formers.append(Former(step.collection_id, step.href, left, old.text if old is not None else None))
        if step.new is None:
            agenda_reach.remove(tx, account_id, step.collection_id, step.href, step.seen)
        else:
            agenda_reach.put(tx, account_id, step.collection_id, step.new, step.seen)
    return bool(token_hash) and _remember(tx, account_id, token_hash, formers, seconds)


def former(tx: Tx, account_id: int, token_hash: bytes) -> tuple[Former, ...]:
    """What a token takes back, in the order to do it; nothing when it is too late."""
    row = tx.execute(
        select(agenda_undo.c.steps).where(
            agenda_undo.c.token_hash == token_hash,
            agenda_undo.c.account_id == account_id,
            agenda_undo.c.expires > tx.now,
        )
    ).first()
    return tuple(Former(*step) for step in reversed(json.loads(row[0]))) if row is not None else ()


def take_back(tx: Tx, account_id: int, token_hash: bytes, steps: Sequence[Step]) -> None:
    """Take the steps and forget the token. Raises as `apply`."""
    apply(tx, account_id, steps)
    tx.execute(
        delete(agenda_undo).where(agenda_undo.c.token_hash == token_hash, agenda_undo.c.account_id == account_id)
    )


def _remember(tx: Tx, account_id: int, token_hash: bytes, formers: Sequence[Former], seconds: int) -> bool:
    packed = json.dumps([[before.collection_id, before.href, before.left, before.text] for before in formers])
    if len(packed) > MAX_STEPS_OCTETS:
        return False
    mine = agenda_undo.c.account_id == account_id
    tx.execute(delete(agenda_undo).where(mine, agenda_undo.c.expires <= tx.now))
    kept = select(agenda_undo.c.token_hash).where(mine).order_by(agenda_undo.c.expires.desc()).limit(MAX_UNDO - 1)
    fresh = [row[0] for row in tx.execute(kept).all()]
    tx.execute(delete(agenda_undo).where(mine, agenda_undo.c.token_hash.not_in(fresh)))
    values = {"token_hash": token_hash, "account_id": account_id, "expires": tx.now + seconds, "steps": packed}
    tx.execute(insert(agenda_undo), values)
    return True
