"""What an upgrade of the database would do, and the way back. Nothing here waits for anybody but the database."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, inspect, make_url, text

from mailserver.foundation import instance_lock
from mailserver.store.engine import migrate
from mailserver.store.engine.migrate import EXPAND, Step
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.opening import Place

ROWS_PER_SECOND = 200_000
"""Of a table that a revision reads or writes as a whole, on a slow disk."""
STEP_SECONDS = 0.3
"""Of a revision that only adds."""
ROOM = 64 * 1024 * 1024
"""Octets for one that only adds; one that writes rows again needs as much as the database has."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One revision, and how long it takes."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands between a database and this program."""

    revision: str
    """Of the database."""
    wanted: str
    """Of the program; the same, or older, when there is nothing to do."""
    planned: tuple[Planned, ...]
    octets: int
    """Of the database."""
    free: int | None
    """Octets where it is; None where another machine knows."""
    back_to: str
    """The revision that the program before had; empty when that is not known."""
    upgraded_by: str
    """The version of the program that left the database as it is."""
    back: tuple[Step, ...]
    """What would be undone, the newest first."""

    @property
    def needs_stop(self) -> bool:
        """Whether programs of before cannot serve meanwhile and afterwards."""
        return any(one.step.kind != EXPAND for one in self.planned)

    @property
    def seconds(self) -> float:
        return sum(one.seconds for one in self.planned)

    @property
    def room(self) -> int:
        """Octets that have to be free."""
        if not self.planned:
            return 0
        return ROOM + (self.octets if any(one.step.rewrites for one in self.planned) else 0)

    @property
    def has_room(self) -> bool:
        return self.free is None or self.free >= self.room

    @property
    def undone(self) -> tuple[Step, ...]:
        """What a way back is about, the newest first: what is planned, else what was run last."""
        return tuple(one.step for one in reversed(self.planned)) or self.back

    @property
    def way_back_to(self) -> str:
        """The revision that it leads to."""
        return self.revision if self.planned else self.back_to

    @property
    def is_back_needless(self) -> bool:
        """Whether the program before can serve the schema that there is then as it is."""
        return only_adds(self.undone)


def only_adds(steps: Sequence[Step]) -> bool:
    """Whether there are any, and programs of before can serve after them."""
    return bool(steps) and all(step.kind == EXPAND for step in steps)


def plan(place: Place) -> Plan:
    """Changes nothing. Raises NotThere, NewerSchema, Temporary, OSError."""
    opening.look(place)
    with migrate.refusals(place.url), migrate.reading(place.url) as connection:
        notes = migrate.notes(connection)
        back_to = notes.upgraded_from
        return Plan(
            revision=max(migrate.revisions(connection)),
            wanted=max(migrate.newest()),
            planned=tuple(Planned(step, _seconds(connection, step)) for step in migrate.pending(connection)),
            octets=_octets(connection, place.url),
            free=_free(place.url),
            back_to=back_to,
            upgraded_by=notes.upgraded_by,
            back=tuple(migrate.since(connection, back_to)) if back_to else (),
        )


def go_back(place: Place, revision: str) -> None:
    """Undo what was run after this revision; nobody begins to serve meanwhile.

    Raises CannotServe, NotThere, NeedsStop, NoWayBack, NewerSchema, Temporary, OSError.
    """
    why = "the schema goes back only while nobody serves it: stop the service"
    lock = instance_lock.hold(place.settings)  # of this host; others are asked in the transaction
    try:
        opening.look(place)
        with migrate.refusals(place.url), migrate.locked(place.url, place.data) as connection:
            migrate.downgrade_over(connection, revision, lambda: opening.keep_alone(place, connection, why))
    finally:
        os.close(lock)


def _seconds(connection: Connection, step: Step) -> float:
    tables = set(inspect(connection).get_table_names())
    rows: int = sum(
        connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one()  # noqa: S608 - names of our own
        for name in step.rewrites
        if name in tables
    )
    return STEP_SECONDS + rows / ROWS_PER_SECOND


def _octets(connection: Connection, url: str) -> int:
    if connection.dialect.name == "postgresql":
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    return Path(make_url(url).database or "").stat().st_size


def _free(url: str) -> int | None:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return None
    return shutil.disk_usage(Path(parsed.database or "").parent).free
