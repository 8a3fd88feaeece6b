"""A database that is older than what others know of it is made fit to be served: one that came out of a backup, or that
PostgreSQL's own tools or a snapshot of its disk took back to an earlier time."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.foundation import instance_lock
from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.operations.backup import refilling, verifying
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.moving import journal
from mailserver.store.moving.ends import End
from mailserver.store.octets.files import files_of
from mailserver.store.upkeep import copying, opening, returning
from mailserver.store.upkeep.opening import Place
from mailserver.store.upkeep.returning import Returned

log = structlog.get_logger("backup")

NAMES = "rewound-files"
"""In the data folder, while the command runs."""


@dataclass(frozen=True, slots=True)
class Rewound:
    """What was done."""

    returned: Returned
    files: int
    """Large messages that the database names."""
    lacking: list[str]
    """Those of them that are nowhere: the collector had taken them away for good."""


def rewind(place: Place) -> Rewound:
    """Of an instance in its place, which nobody serves. Raises CannotServe, NotThere, NeedsStop, OSError, Temporary."""
    lock = instance_lock.hold(place.settings)
    names = place.data / NAMES
    try:
        opening.look(place)
        with migrate.refusals(place.url), migrate.reading(place.url) as connection:
            opening.check_alone(place, connection, "another host serves this database: stop the service everywhere")
        files, lacking = open_older(place, names)
        returned = advance(place)
    finally:
        names.unlink(missing_ok=True)
        os.close(lock)
    log.warning("database taken back", mailboxes=returned.mailboxes, files=files, lacking=len(lacking))
    return Rewound(returned, files, lacking)


def open_older(place: Place, names: Path) -> tuple[int, list[str]]:
    """Bring its schema up to date, and back to their shelves what it names; how many, and which are nowhere.

    `names`: a file to write. Raises NotThere, NeedsStop, OSError, Temporary.
    """
    _give_up_move(place.url)
    opening.open_instance(place)  # an older schema is brought up to date, a newer one refused
    described = copying.describe_database(place.url, names)
    return described.files, refilling.lacking(files_of(place.folder), verifying.lines(names))


def advance(place: Place) -> Returned:
    """Numbers jump ahead of those that were given since. Raises Temporary."""
    store = Store(place.url, place.data, SystemClock(), Changes(), readers=1, writers=1)
    try:
        return store.write_now(returning.advance)
    finally:
        store.close()


def _give_up_move(url: str) -> None:
    """What was under way at that time would write down every row that changes, for ever."""
    with contextlib.closing(End(url)) as database:
        journal.end(database)
