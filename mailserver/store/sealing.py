"""The audit as a chain: every row is sealed together with the one before it, so that no change goes unseen.

Rows are written without a seal, on paths that must be quick and that several writers share; `seal` links
them in the order in which it finds them, a moment later, under a key that is not in the database. Whoever
changes, adds or removes a sealed row without that key breaks the chain at that place. The end of the chain
is also written to the log from time to time (`mailserver.sealer`): rows cut off at the end are missed there.

Old rows go from the beginning of the chain only; the anchor remembers where it begins since.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from mailserver.store.audit import COLUMNS
from mailserver.store.schema.audits import audit, audit_anchor
from mailserver.store.statements import Row, Statement, Tx

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
_ANCHOR = Statement(select(audit_anchor.c.link, audit_anchor.c.seal).order_by(audit_anchor.c.link.desc()).limit(1))
_SEAL = Statement(
    update(audit).where(audit.c.id == bindparam("row")).values(link=bindparam("new_link"), seal=bindparam("new_seal"))
)
_PAGE = Statement(
    select(*COLUMNS, audit.c.link, audit.c.seal)
    .where(audit.c.link > bindparam("after"))
    .order_by(audit.c.link)
    .limit(BATCH)
)


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
    why: str


def chain_key(instance_key: bytes) -> bytes:
    """The chain's key, derived from DIR/secrets/hmac."""
    return hmac.digest(instance_key, b"audit chain", hashlib.sha256)


def has_unsealed(tx: Tx) -> bool:
    """True when rows wait for their seal."""
    return tx.execute(_UNSEALED.limit(1)).first() is not None


def seal(tx: Tx, key: bytes) -> tuple[int, Head]:
    """Seal up to BATCH rows; how many, and the chain's end."""
    if tx.dialect == "postgresql":
        tx.one(_LOCK, key=SEALING_LOCK)
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


def check(tx: Tx, key: bytes, begin: Head) -> tuple[Head | None, Break | None]:
    """Verify up to BATCH rows after `begin`: where to go on (None: at the end), or the first fault."""
    link, mark = begin.link, begin.seal
    rows = tx.all(_PAGE, after=link)
    for row in rows:
        found, kept = int(row[-2]), bytes(row[-1])
        if found != link + 1:
            return None, Break(link + 1, 0, f"rows {link + 1} to {found - 1} of the chain are missing")
        link, mark = found, _mark(key, mark, found, row[:-2])
        if not hmac.compare_digest(mark, kept):
            return None, Break(link, row[0], "the row, or the one before it, is not what was sealed")
    return (Head(link, mark), None) if rows else (None, None)


def trim(tx: Tx, before: int) -> int:
    """Remove rows older than that time from the beginning of the chain, at most BATCH; how many."""
    rows = tx.execute(
        select(audit.c.link, audit.c.seal, audit.c.at)
        .where(audit.c.link.is_not(None))
        .order_by(audit.c.link)
        .limit(BATCH)
    )
    last = None
    for row in rows:
        if row.at >= before:
            break
        last = row
    if last is None:
        return 0
    done = tx.execute(delete(audit).where(audit.c.link <= last.link))
    tx.execute(delete(audit_anchor))
    tx.execute(insert(audit_anchor).values(link=last.link, seal=last.seal, at=tx.now))
    return int(done.rowcount)


def _mark(key: bytes, before: bytes, link: int, row: Row) -> bytes:
    """The seal of a row: over its place, its content, and the seal before it."""
    content = json.dumps(list(row), ensure_ascii=True, separators=(",", ":")).encode()
    return hmac.digest(key, before + link.to_bytes(8, "big") + content, hashlib.sha256)
