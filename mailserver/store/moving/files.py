"""Files of large messages go to other storage under the names that they have: they are never rewritten.

Each is read back and compared. Those that are under way stand in a list beside the data, so that one whose comparing
was cut off is brought again.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from mailserver.foundation.ownership import give_to_owner
from mailserver.model.errors import Damaged
from mailserver.store.engine import migrate
from mailserver.store.moving.ends import CannotMove
from mailserver.store.octets.files import BlobFiles, files_of
from mailserver.store.schema.base import CodePoints
from mailserver.store.schema.mail.messages import blob
from mailserver.store.schema.service.keeping import damage
from mailserver.store.upkeep.opening import Place, has_files
from mailserver.texts.text import Text

THREADS = 8
TOGETHER = 64
"""Files that stand in the list."""
SHELVES = 256
UNDER_WAY = "move.files"
BEGUN = "move.begun"
"""Where only large messages go: where to, and since when. What was there before is not believed."""
EXAMPLES = 3


@dataclass(slots=True)
class Carried:
    """What was brought."""

    files: int = 0
    octets: int = 0


def check_target(target: Place, identifier: str) -> None:
    """Raises CannotMove for storage that is not there or holds something else; else it is marked as the instance's."""
    files = files_of(target.folder)
    if files.path is not None and not files.path.is_dir():
        raise CannotMove(Text("{path} : ce dossier n’existe pas ; son disque est-il monté ?", path=files.path))
    known = files.read_mark()
    if known == identifier:
        return
    if known or has_files(target.folder):
        raise CannotMove(Text("{path} contient les gros messages d’une autre instance", path=str(files)))


def mark(target: Place, identifier: str) -> None:
    """Whose files these are from now on. Raises OSError, Temporary."""
    files = files_of(target.folder)
    if files.read_mark() != identifier:
        files.write_mark(identifier)


def note_begin(source: Place, target: Place) -> int:
    """When the move of files alone began; now, if it was to another place. Raises OSError."""
    noted, where = source.data / BEGUN, str(files_of(target.folder))
    with contextlib.suppress(FileNotFoundError):
        at, _, place = noted.read_text("utf-8").partition(" ")
        if place == where and at.isdecimal():
            return int(at)
    now = int(time.time())
    fresh = noted.with_name(f".{noted.name}")
    fresh.write_text(f"{now} {where}", "utf-8")
    give_to_owner(fresh, source.data)
    fresh.replace(noted)
    return now


def forget_begin(source: Place) -> None:
    """It has ended. Raises OSError."""
    (source.data / BEGUN).unlink(missing_ok=True)


def carry(source: Place, target: Place, since: int, told: Callable[[float], None], *, final: bool) -> Carried:
    """Bring what was not brought `since`, when the move began. `final`: nothing may lack afterwards.

    Raises CannotMove, NoRoom, Temporary, OSError.
    """
    old, new = files_of(source.folder), files_of(target.folder)
    noted = source.data / UNDER_WAY
    carried, lost = Carried(), []
    with contextlib.suppress(FileNotFoundError):
        for name in noted.read_text("ascii").split():
            new.discard(name)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="move") as pool:
        for shelf in range(SHELVES):
            there = set(new.aged(shelf, float("inf"))).difference(new.aged(shelf, since))
            named = _named(source, shelf)
            lacking = [name for name in named if name not in there]
            for names in (lacking[begin : begin + TOGETHER] for begin in range(0, len(lacking), TOGETHER)):
                _note(noted, names)
                for name, octets in zip(names, pool.map(lambda name: _bring(old, new, name), names), strict=True):
                    if octets is None:
                        lost += [] if named[name] else [name]
                        continue
                    carried.files += 1
                    carried.octets += octets
            told((shelf + 1) / SHELVES)
    noted.unlink(missing_ok=True)
    if lost and final:
        raise CannotMove(
            Text(
                "{count} gros messages ne peuvent pas être lus ({names}) : `mailserver check --repair {directory}`",
                count=len(lost),
                names=", ".join(lost[:EXAMPLES]),
                directory=source.settings,
            )
        )
    return carried


def _named(source: Place, shelf: int) -> dict[str, bool]:
    """Files of one shelf that rows name, and whether they are known to be damaged: such a one may be lost, and what
    there is of it is brought all the same."""
    name = CodePoints(blob.c.file)
    chosen = (
        select(blob.c.file, damage.c.content_id.is_not(None))
        .outerjoin(damage, damage.c.content_id == blob.c.content_id)
        .where(blob.c.file.is_not(None), name >= f"{shelf:02x}/", name < f"{shelf:02x}0")
    )
    with migrate.refusals(source.url), migrate.reading(source.url) as connection:
        return {row[0]: bool(row[1]) for row in connection.execute(chosen)}


def _note(noted: Path, names: list[str]) -> None:
    fresh = noted.with_name(f".{noted.name}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    give_to_owner(fresh, noted.parent)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write("\n".join(names))
        file.flush()
        os.fsync(descriptor)
    fresh.replace(noted)


def _bring(old: BlobFiles, new: BlobFiles, name: str) -> int | None:
    """Its octets; None: it cannot be read, or was collected meanwhile. Raises CannotMove, NoRoom, Temporary."""
    try:
        data = old.read(name)
    except Damaged:
        return None
    new.write_as(name, data)
    if hashlib.sha256(new.read(name)).digest() != hashlib.sha256(data).digest():
        raise CannotMove(Text("{name} : relu autrement que {path} ne l’a reçu", name=name, path=str(new)))
    return len(data)


def measure(source: Place) -> tuple[int, int]:
    """Files that rows name, and their octets where they lie on a disk (0: object storage knows)."""
    files = octets = 0
    path = files_of(source.folder).path
    for shelf in range(SHELVES):
        for name in _named(source, shelf):
            files += 1
            if path is not None:
                with contextlib.suppress(OSError):
                    octets += os.stat(path / name).st_size
    return files, octets
