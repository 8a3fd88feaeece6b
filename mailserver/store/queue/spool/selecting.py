"""Rows of the queue that operators mean: by recipient, destination, sender or age."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update

from mailserver.store.engine.statements import Tx
from mailserver.store.queue.spool.rows import HELD
from mailserver.store.schema.outgoing.spool import queued, queued_domain, queued_recipient

NULL_SENDER = "<>"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are meant, of those that nobody is sending just now; empty fields ask nothing."""

    recipient: str = ""
    """A whole address."""
    domain: str = ""
    """A destination, in A-labels."""
    sender: str = ""
    """The whole address of the envelope; `NULL_SENDER`: that of reports."""
    older_than: int = 0
    """Seconds that they have waited."""
    held: bool | None = None
    """Held by an operator, or not; None: both."""

    @property
    def is_narrow(self) -> bool:
        """It does not mean the whole queue."""
        return bool(self.recipient or self.domain or self.sender or self.older_than)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is meant."""

    rows: int
    recipients: int


def extent(tx: Tx, wanted: Selection) -> Extent:
    """How many rows and recipients are meant now."""
    rows = select(queued_domain.c.id).join(queued, queued.c.id == queued_domain.c.queued_id)
    rows = rows.where(*_conditions(tx, wanted))
    mine: list[ColumnElement[bool]] = [queued_recipient.c.domain_id.in_(rows)]
    if wanted.recipient:
        mine.append(_is_recipient(wanted.recipient))
    counted = select(func.count(func.distinct(queued_recipient.c.domain_id)), func.count()).where(*mine)
    some, everybody = tuple(tx.execute(counted.select_from(queued_recipient)).one())
    return Extent(int(some), int(everybody))


def chosen(tx: Tx, wanted: Selection, limit: int, after: int = 0, *, busy: bool = False) -> list[int]:
    """The next rows that are meant, by id; `busy`: also those that are being sent just now."""
    asked = (
        select(queued_domain.c.id)
        .join(queued, queued.c.id == queued_domain.c.queued_id)
        .where(queued_domain.c.id > after, *_conditions(tx, wanted, busy=busy))
        .order_by(queued_domain.c.id)
        .limit(limit)
    )
    return list(tx.execute(asked).scalars())


def take(tx: Tx, wanted: Selection, limit: int, after: int = 0) -> tuple[list[int], int]:
    """The next rows for an act in this unit, and where it goes on (0: nowhere).

    Where a recipient is meant, others of the same row stay as they are: a row of its own is made for the one.
    """
    rows = chosen(tx, wanted, limit, after)
    # PostgreSQL: a worker that leases one of them comes before or after this unit, not amidst.
    locked = select(queued_domain.c.id).where(queued_domain.c.id.in_(rows), _is_free(tx.now))
    held = sorted(tx.execute(locked.order_by(queued_domain.c.id).with_for_update()).scalars())
    last = rows[-1] if len(rows) == limit else 0
    return [_apart(tx, row, wanted.recipient) for row in held] if wanted.recipient else held, last


def _conditions(tx: Tx, wanted: Selection, *, busy: bool = False) -> Iterator[ColumnElement[bool]]:
    if not busy:
        yield _is_free(tx.now)
    if wanted.held is not None:
        code = queued_domain.c.error_code
        yield code == HELD.name if wanted.held else code != HELD.name
    if wanted.domain:
        yield queued_domain.c.domain == wanted.domain.lower()
    if wanted.sender:
        sender = "" if wanted.sender == NULL_SENDER else wanted.sender
        yield func.lower(queued.c.reverse_path) == sender.lower()
    if wanted.older_than:
        yield queued.c.created <= tx.now - wanted.older_than
    if wanted.recipient:
        named = select(queued_recipient.c.domain_id).where(_is_recipient(wanted.recipient))
        yield queued_domain.c.id.in_(named)


def _is_free(now: int) -> ColumnElement[bool]:
    return or_(queued_domain.c.lease == 0, queued_domain.c.due <= now)


def _is_recipient(address: str) -> ColumnElement[bool]:
    # What is not ASCII is compared as it stands: the engines fold it differently.
    if address.isascii():
        return func.lower(queued_recipient.c.address) == address.lower()
    return queued_recipient.c.address == address


_COPIED = ("queued_id", "domain", "due", "attempts", "warned", "error", "error_code", "error_parameters")


def _apart(tx: Tx, row: int, address: str) -> int:
    """The row in which this recipient stands alone: the same one, or a new one beside it."""
    others = select(func.count()).where(queued_recipient.c.domain_id == row, ~_is_recipient(address))
    if not tx.execute(others.select_from(queued_recipient)).scalar_one():
        return row
    # Whoever lost its lease must not settle recipients that stand elsewhere now.
    tx.execute(update(queued_domain).where(queued_domain.c.id == row).values(lease=0))
    kept = tx.execute(select(queued_domain).where(queued_domain.c.id == row)).one()._mapping
    values = {name: kept[name] for name in _COPIED} | {"lease": 0}
    made = int(tx.execute(insert(queued_domain).values(values).returning(queued_domain.c.id)).scalar_one())
    moved = update(queued_recipient).where(and_(queued_recipient.c.domain_id == row, _is_recipient(address)))
    tx.execute(moved.values(domain_id=made))
    return made


def named(tx: Tx, rows: Sequence[int]) -> list[tuple[str, int, str, str, list[str]]]:
    """Of rows: identifier, account, sender, domain and recipients, for the trace."""
    asked = (
        select(
            queued.c.name,
            queued.c.account_id,
            queued.c.reverse_path,
            queued_domain.c.domain,
            queued_recipient.c.address,
        )
        .join_from(queued_domain, queued, queued.c.id == queued_domain.c.queued_id)
        .join(queued_recipient, queued_recipient.c.domain_id == queued_domain.c.id)
        .where(queued_domain.c.id.in_(rows))
        .order_by(queued_domain.c.id, queued_recipient.c.id)
    )
    found: dict[tuple[str, int, str, str], list[str]] = {}
    for name, account_id, sender, domain, address in map(tuple, tx.execute(asked)):
        found.setdefault((name, account_id, sender, domain), []).append(address)
    return [(*key, addresses) for key, addresses in found.items()]
