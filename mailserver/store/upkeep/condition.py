"""How the store is, in one short look: what `check` and the page of the service's state tell."""

from dataclasses import dataclass

from sqlalchemy import update

from mailserver.store.engine.statements import Tx
from mailserver.store.mail import proportion
from mailserver.store.mail.proportion import Stop
from mailserver.store.record import trusted_clock
from mailserver.store.record.trusted_clock import Doubt
from mailserver.store.schema.service import keeping
from mailserver.store.upkeep import integrity
from mailserver.texts.causes import Cause


@dataclass(frozen=True, slots=True)
class Condition:
    """What a short look tells."""

    faults: list[Cause] | None
    """What is wrong with the pages of the database; None: not all of them were looked at."""
    damaged: int
    """Contents that are known to be damaged or lost."""
    stop: Stop | None
    doubt: Doubt | None


def look(tx: Tx, *, seconds: float) -> Condition:
    """Look for so many seconds at most. Changes nothing."""
    return Condition(
        integrity.pages(tx, quick=True, seconds=seconds),
        integrity.known_damage(tx),
        proportion.stopped(tx),
        trusted_clock.doubt(tx),
    )


def try_writing(tx: Tx) -> None:
    """A write that changes nothing and has to reach the disk, once upkeep has begun."""
    tx.execute(update(keeping.upkeep).where(keeping.upkeep.c.id == 1).values(trusted=keeping.upkeep.c.trusted))
