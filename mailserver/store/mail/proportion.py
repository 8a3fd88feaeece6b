"""A collection out of proportion stops: housekeeping that suddenly finds much to throw away is mistaken more often than
right. It goes on when an operator has looked and said so (`allow`).
"""

from dataclasses import dataclass
from enum import StrEnum

import structlog
from sqlalchemy import func, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.mail.messages import blob, content
from mailserver.store.schema.service.keeping import collection_guard as guard

log = structlog.get_logger("blob_gc")

WINDOW = 86400
"""Seconds over which what is collected adds up."""
ALLOWED_SECONDS = 86400
"""How long an operator's word holds."""


class Kind(StrEnum):
    """What is collected."""

    CONTENTS = "contents"
    """That nothing refers to any more."""
    STRAYS = "strays"
    """Files that no row names: a crash leaves a few."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What may be collected in a day: so many of a hundred, and in a small instance so many at least."""

    percent: int = 10
    floor: int = 1000
    stray_floor: int = 20

    def most(self, kind: Kind, total: int) -> int:
        """Of so many."""
        return max(self.floor if kind is Kind.CONTENTS else self.stray_floor, total * self.percent // 100)


@dataclass(frozen=True, slots=True)
class Stop:
    """Why nothing is collected."""

    since: int
    kind: Kind
    refused: int
    """How many would have gone at once, beyond those of that day."""


def stopped(tx: Tx) -> Stop | None:
    """Whether collections wait for an operator."""
    row = tx.execute(select(guard.c.stopped, guard.c.kind, guard.c.refused).where(guard.c.id == 1)).first()
    return Stop(row.stopped, Kind(row.kind), row.refused) if row is not None and row.stopped else None


def admit(tx: Tx, kind: Kind, count: int, terms: Terms) -> bool:
    """Count what is to be collected now; False when it would be too much, or was before: then nothing may go."""
    row = tx.execute(select(guard).where(guard.c.id == 1).with_for_update()).first()
    now = tx.now
    if row is None or not row.since <= now < row.since + WINDOW:
        fresh = {"since": now, "taken": 0, "strays": 0, **_totals(tx)}
        if row is None:
            tx.insert_ignore(guard, {"id": 1, **fresh})
        else:
            tx.execute(update(guard).where(guard.c.id == 1).values(**fresh))
        row = tx.execute(select(guard).where(guard.c.id == 1).with_for_update()).one()
    if row.stopped:
        return False
    column, total = ("taken", row.contents) if kind is Kind.CONTENTS else ("strays", row.files)
    collected = getattr(row, column) + count
    if collected > terms.most(kind, total) and row.allowed <= now:
        values = {"stopped": now, "kind": kind.value, "refused": count}
        tx.execute(update(guard).where(guard.c.id == 1).values(**values))
        log.error(
            "collection stopped: it is out of proportion; look at the database and confirm with `mailserver storage`",
            kind=kind.value,
            today=collected,
            of=total,
        )
        return False
    tx.execute(update(guard).where(guard.c.id == 1).values({column: collected}))
    return True


def allow(tx: Tx) -> None:
    """An operator wants what was refused, for a day."""
    tx.insert_ignore(guard, {"id": 1, "since": tx.now, **_totals(tx)})
    tx.execute(update(guard).where(guard.c.id == 1).values(stopped=0, refused=0, allowed=tx.now + ALLOWED_SECONDS))


def _totals(tx: Tx) -> dict[str, int]:
    files = select(func.count()).select_from(blob).where(blob.c.file.is_not(None))
    return {
        "contents": int(tx.execute(select(func.count()).select_from(content)).scalar_one()),
        "files": int(tx.execute(files).scalar_one()),
    }
