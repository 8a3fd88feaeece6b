"""What a move would do, how long that takes, and whether there is room. Nothing is changed."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from mailserver.operations.moving import service
from mailserver.operations.moving.service import Move
from mailserver.store.moving import arrival, counting, departure, files
from mailserver.store.moving.ends import TABLES
from mailserver.store.octets.files import files_of
from mailserver.store.upkeep import copying

BROUGHT_ROWS = 60_000
"""Rows a second that are put at the other end, measured on two cores with both databases on them."""
COUNTED_ROWS = 1_000_000
"""Rows a second that are counted at both ends."""
FOLLOWED_SECONDS = 15
"""For what was changed last, whose number nobody knows, and what each table takes however small it is."""
COMPARED_ROWS = 100_000
"""Rows a second that are read at both ends, compared and added up."""
DATABASE_OCTETS = 60_000_000
FILE_OCTETS = 40_000_000
"""Octets a second, of rows and of files, written and read back."""
FILES = 100
"""Files a second, however small."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Before a move."""

    state: str
    """Of the other end (`arrival.State`)."""
    rows: int
    database_octets: int
    files: int
    """Large messages that would go elsewhere; and their octets, 0 where object storage has them."""
    file_octets: int
    database_free: int | None
    """Octets of room; None where somebody else's machine knows."""
    files_free: int | None

    @property
    def has_room(self) -> bool:
        wanted = {self.database_free: self.database_octets, self.files_free: self.file_octets}
        if self.database_free == self.files_free:
            wanted = {self.database_free: self.database_octets + self.file_octets}
        return all(free is None or free > octets + copying.MARGIN for free, octets in wanted.items())

    @property
    def seconds_before(self) -> float:
        """While the service goes on."""
        of_rows = self.rows / BROUGHT_ROWS + self.rows / COMPARED_ROWS + 2 * self.database_octets / DATABASE_OCTETS
        return of_rows + max(self.file_octets / FILE_OCTETS, self.files / FILES)

    @property
    def seconds_closed(self) -> float:
        """While it stands still, when the rest was brought before."""
        return FOLLOWED_SECONDS + self.rows / COUNTED_ROWS + self.files / (100 * FILES)


def plan(move: Move) -> Plan:
    """Raises CannotMove for what could not be moved, NotThere, Temporary, OSError."""
    found = service.prepare(move)
    number, octets = files.measure(move.source) if move.files else (0, 0)
    if move.is_of_files_alone:
        return Plan("files", 0, 0, number, octets, None, _files_free(move))
    if found is not arrival.State.WHOLE:
        departure.check(move.old, move.new)
    return Plan(
        state=found.value,
        rows=sum(counting.count(move.old, table) for table in TABLES),
        database_octets=counting.database_octets(move.old),
        files=number,
        file_octets=octets,
        database_free=_free(Path(move.new.path).parent) if move.new.is_sqlite else None,
        files_free=_files_free(move),
    )


def _files_free(move: Move) -> int | None:
    return _free(files_of(move.target.folder).path) if move.files else None


def _free(folder: Path | None) -> int | None:
    return None if folder is None or not os.path.isdir(folder) else shutil.disk_usage(folder).free
