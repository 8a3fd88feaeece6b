"""The audit as a chain: every row is sealed together with the one before it, so that no change goes unseen.

Rows are written without a seal, on paths that must be quick and that several writers share; `seal` links
them in the order in which it finds them, a moment later, under a key that is not in the database. Whoever
changes, adds or removes a sealed row without that key breaks the chain at that place. The end of the chain
is also written to the log from time to time (`mailserver.background.audit_sealing`): rows cut off at the end are
missed there.

Old rows go from the beginning of the chain only, and only while they are what was sealed: a row cannot be aged to
have it removed. The anchor remembers where the chain begins since, under the same key.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from mailserver.store.engine.statements import Row, Statement, Tx
from mailserver.store.record import trusted_clock
from mailserver.store.record.audit import COLUMNS
from mailserver.store.schema.service.audits import audit, audit_anchor
from mailserver.texts.causes import Cause

BATCH = 500
"""Rows of one unit."""
SEALING_LOCK = 0x7365616C
START = bytes(32)
"""The seal before the first row."""

_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("key"))))
_UNSEALED: Select[Any] = select(*COLUMNS).where(audit.c.link.is_(None)).order_by(audit.c.id)
_NEXT = Statement(_UNSEALED.limit(BATCH))
_HEAD = Statement(
    select(audit.c.link, audit.c.seal).where(audit.c.link.is_not(None)).order_by(audit.c.link.desc()).limit(1)
)
_ANCHOR = Statement(
    select(audit_anchor.c.link, audit_anchor.c.seal, audit_anchor.c.mark).order_by(audit_anchor.c.link.desc()).limit(1)
)
_AT = Statement(select(audit.c.seal).where(audit.c.link == bindparam("wanted")))
_SEAL = Statement(
    update(audit).where(audit.c.id == bindparam("row")).values(link=bindparam("new_link"), seal=bindparam("new_seal"))
)
_PAGE = Statement(
    select(*COLUMNS, audit.c.link, audit.c.seal)
    .where(audit.c.link > bindparam("after"))
    .order_by(audit.c.link)
    .limit(bindparam("number"))
)
_AGES = Statement(select(audit.c.at).where(audit.c.link.is_not(None)).order_by(audit.c.link).limit(BATCH))


@dataclass(frozen=True, slots=True)
class Head:
    """An end of the chain: how many rows were ever sealed, and the last one's seal."""

    link: int
    seal: bytes


@dataclass(frozen=True, slots=True)
class Break:
    """Where the chain does not hold: the row's number (0: rows are missing) and why."""

    link: int
    row: int
    why: Cause


def chain_key(instance_key: bytes) -> bytes:
    """The chain's key, derived from DIR/secrets/hmac."""
    return hmac.digest(instance_key, b"audit chain", hashlib.sha256)


def has_unsealed(tx: Tx) -> bool:
    """True when rows wait for their seal."""
    return tx.execute(_UNSEALED.limit(1)).first() is not None


def seal(tx: Tx, key: bytes) -> tuple[int, Head]:
    """Seal up to BATCH rows; how many, and the chain's end."""
    _lock(tx)
    last = head(tx)
    link, mark = last.link, last.seal
    sealed = []
    for row in tx.all(_NEXT):
        link += 1
        mark = _mark(key, mark, link, row)
        sealed.append({"row": row[0], "new_link": link, "new_seal": mark})
    if sealed:
        tx.many(_SEAL, sealed)
    return len(sealed), Head(link, mark)


def head(tx: Tx) -> Head:
    """The chain's end; the anchor when every row was removed."""
    row = tx.one(_HEAD) or tx.one(_ANCHOR)
    return Head(int(row[0]), bytes(row[1])) if row is not None else Head(0, START)


def anchor(tx: Tx) -> Head:
    """What the first row that is left is chained to."""
    row = tx.one(_ANCHOR)
    return Head(int(row[0]), bytes(row[1])) if row is not None else Head(0, START)


def holds(tx: Tx, head: Head) -> bool:
    """True when the chain still has this end, or has removed it as old since."""
    row = tx.one(_AT, wanted=head.link)
    return bytes(row[0]) == head.seal if row is not None else anchor(tx).link >= head.link


def begin(tx: Tx, key: bytes) -> tuple[Head, Break | None]:
    """Where to begin to `check`; a fault when somebody else than us says that the chain begins there."""
    row = tx.one(_ANCHOR)
    if row is None:
        return Head(0, START), None
    kept = Head(int(row[0]), bytes(row[1]))
    if hmac.compare_digest(_anchor_mark(key, kept), bytes(row[2] or b"")):
        return kept, None
    return kept, Break(kept.link, 0, Cause("rows-removed"))


def check(tx: Tx, key: bytes, begin: Head, limit: int = BATCH) -> tuple[Head | None, Break | None]:
    """Verify up to `limit` rows after `begin`: where to go on (None: at the end), or the first fault."""
    rows = tx.all(_PAGE, after=begin.link, number=limit)
    for row in rows:
        found = begin.link + 1
        if int(row[-2]) != found:
            return None, Break(found, 0, Cause("rows-gone", first=found, last=int(row[-2]) - 1))
        begin = Head(found, _mark(key, begin.seal, found, row[:-2]))
        if not hmac.compare_digest(begin.seal, bytes(row[-1])):
            return None, Break(found, row[0], Cause("row-altered"))
    return (begin, None) if rows else (None, None)


def _lock(tx: Tx) -> None:
    """One unit at a time seals, or removes: what it has looked at is so until its commit."""
    if tx.dialect == "postgresql":
        tx.one(_LOCK, key=SEALING_LOCK)


def trim(tx: Tx, key: bytes, before: int) -> tuple[int, Break | None]:
    """Remove rows older than that time from the beginning of the chain, at most BATCH; how many.

    Nothing is removed where the chain does not hold: that is evidence. Raises ClockJumped.
    """
    trusted_clock.check(tx)
    _lock(tx)
    old = 0
    for (at,) in tx.all(_AGES):
        if at >= before:
            break
        old += 1
    if not old:
        return 0, None
    first, fault = begin(tx, key)
    if fault is not None:
        return 0, fault
    last, fault = check(tx, key, first, old)
    if fault is not None or last is None:
        return 0, fault
    done = tx.execute(delete(audit).where(audit.c.link <= last.link))
    tx.execute(delete(audit_anchor))
    mark = _anchor_mark(key, last)
    tx.execute(insert(audit_anchor).values(link=last.link, seal=last.seal, at=tx.now, mark=mark))
    return int(done.rowcount), None


def _anchor_mark(key: bytes, anchor: Head) -> bytes:
    return hmac.digest(key, b"anchor" + anchor.link.to_bytes(8, "big") + anchor.seal, hashlib.sha256)


def _mark(key: bytes, before: bytes, link: int, row: Row) -> bytes:
    """The seal of a row: over its place, its content, and the seal before it.

    Rows from before details had a code were sealed without the two last columns, which are empty there.
    """
    written = row if any(row[-2:]) else row[:-2]
    content = json.dumps(list(written), ensure_ascii=True, separators=(",", ":")).encode()
    return hmac.digest(key, before + link.to_bytes(8, "big") + content, hashlib.sha256)
