"""The keys that sign what leaves: rows with their calendar, the same for every host."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.schema.outgoing.signing import dkim_key


class State(StrEnum):
    """Where a key is in its calendar."""

    NEW = "new"
    """To be published; nobody has seen it yet."""
    WAITING = "waiting"
    """Published, and for a while nothing is signed with it: name servers agree by then."""
    ACTIVE = "active"
    RETIRED = "retired"
    """Signs no more, and stays published for what is still on its way."""
    REVOKED = "revoked"
    """Others may have it: published as a key that verifies nothing."""
    REMOVED = "removed"
    """Need not be published any more."""


PUBLISHED = frozenset((State.NEW, State.WAITING, State.ACTIVE, State.RETIRED, State.REVOKED))
"""Keys whose records belong into DNS."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key. Moments are 0 until they come."""

    selector: str
    algorithm: str
    public: str
    """As DNS has it, in base64."""
    private: bytes | None = None
    """Sealed; None: wiped."""
    created: int = 0
    seen: int = 0
    wait: int = 0
    """Seconds between `seen` and `signs`."""
    signs: int = 0
    retired: int = 0
    revoked: int = 0
    removed: int = 0

    @property
    def state(self) -> State:
        if self.removed:
            return State.REMOVED
        if self.retired:
            return State.REVOKED if self.revoked else State.RETIRED
        if self.signs:
            return State.ACTIVE
        return State.WAITING if self.seen else State.NEW

    @property
    def signs_from(self) -> int:
        """When it signs, or will if it stays published; 0: nobody knows yet."""
        return self.signs or (self.seen + self.wait if self.seen else 0)


_COLUMNS = [dkim_key.c[name] for name in DkimKey.__dataclass_fields__]


def every(tx: Tx) -> list[DkimKey]:
    """All keys, in the order in which they were made."""
    rows = tx.execute(select(*_COLUMNS).order_by(dkim_key.c.created, dkim_key.c.selector))
    return [DkimKey(**row._mapping) for row in rows]


def add(tx: Tx, key: DkimKey) -> bool:
    """A new key; False: its selector was used before."""
    values = {name: getattr(key, name) for name in DkimKey.__dataclass_fields__}
    return bool(tx.insert_ignore(dkim_key, values))


def mark_seen(tx: Tx, selector: str) -> bool:
    """It is published; False: somebody said so before, or it is retired."""
    return _change(tx, selector, dkim_key.c.seen == 0, dkim_key.c.retired == 0, seen=tx.now)


def activate(tx: Tx, selector: str) -> bool:
    """It signs from now on, and those of its kind that signed until now sign no more. False: it does already."""
    if not _change(tx, selector, dkim_key.c.seen > 0, dkim_key.c.signs == 0, dkim_key.c.retired == 0, signs=tx.now):
        return False
    kind = select(dkim_key.c.algorithm).where(dkim_key.c.selector == selector).scalar_subquery()
    others = update(dkim_key).where(
        dkim_key.c.algorithm == kind, dkim_key.c.selector != selector, dkim_key.c.signs > 0, dkim_key.c.retired == 0
    )
    tx.execute(others.values(retired=tx.now, private=None))
    return True


def retire(tx: Tx, selector: str, *, revoked: bool) -> bool:
    """It signs no more, and its private half is gone. False: it was retired before, and is not revoked now either.

    One that has signed nothing need not be published, unless as one that is revoked.
    """
    values = {"retired": tx.now, "private": None, "revoked": int(revoked)}
    if not revoked and _change(tx, selector, dkim_key.c.retired == 0, dkim_key.c.signs == 0, removed=tx.now, **values):
        return True
    if _change(tx, selector, dkim_key.c.retired == 0, **values):
        return True
    later = (dkim_key.c.revoked == 0, dkim_key.c.removed == 0)
    return revoked and _change(tx, selector, *later, revoked=1, retired=tx.now)


def remove(tx: Tx, selector: str) -> bool:
    """It need not be published any more."""
    return _change(tx, selector, dkim_key.c.retired > 0, dkim_key.c.removed == 0, removed=tx.now)


def _change(tx: Tx, selector: str, *where: ColumnElement[bool], **values: object) -> bool:
    clause = update(dkim_key).where(dkim_key.c.selector == selector, *where)
    return bool(tx.execute(clause.values(**values)).rowcount)
