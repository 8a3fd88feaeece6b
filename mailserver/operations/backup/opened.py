"""A backup that is opened for a part of what is in it: its database alone beside the data, and of the large messages
those that somebody asks for. There need not be room for the whole."""

import contextlib
import datetime
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from mailserver.foundation.changes import Changes
from mailserver.model.clock import SystemClock
from mailserver.operations.backup import kept, making, restoring
from mailserver.operations.backup.kept import DATABASE, MESSAGES, Backup
from mailserver.operations.backup.making import NAMES, Target, Tell
from mailserver.operations.backup.restic import CannotBackUp, Repository
from mailserver.store.engine import migrate
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.disk import QUARANTINE, read_mark
from mailserver.store.upkeep import copying
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text

WORK = "restore-work"
"""Folder beside the data. Whatever a killed run left there goes at the next one."""
LOCK = "restore.lock"


class OpenedBackup:
    """One, as long as somebody restores from it. `store` changes nothing."""

    def __init__(self, backup: Backup, repository: Repository, url: str, work: Path) -> None:
        """Raises OSError."""
        self.backup = backup
        self._repository = repository
        self._octets = work / "octets"
        self._octets.mkdir(mode=0o700)
        self.store = Store(
            url, work, SystemClock(), Changes(), readers=1, writers=1, read_only=True, blobs=self._octets
        )

    def fetch(self, names: Sequence[str]) -> None:
        """These large messages too. Raises CannotBackUp, OSError."""
        if names:
            # Where each lay when it was backed up nobody knows: one that is aside is taken back when it is read.
            paths = [f"{folder}/{name}" for name in names for folder in ("", f"/{QUARANTINE}")]
            self._repository.extract_some(self.backup.parts[MESSAGES], self._octets, paths)

    def let_go(self) -> None:
        """Nobody needs those any more that were fetched. Raises OSError."""
        shutil.rmtree(self._octets)
        self._octets.mkdir(mode=0o700)


@contextlib.contextmanager
def opened(
    place: Place, target: Target, tell: Tell, *, before: datetime.datetime | None = None, database: str = ""
) -> Iterator[OpenedBackup]:
    """The newest backup of a time of this instance. `database`: an empty one, for what was backed up of PostgreSQL.

    Raises CannotBackUp and other Temporary, OSError.
    """
    making.check_key(target.key_file)
    busy = Text("{path} : une autre restauration est en cours", path=place.settings)
    with making.private_folder(place.data / LOCK, place.data / WORK, busy) as (lock, work):
        repository = Repository(target.address, target.key_file, keep_open=[lock])
        backup = restoring.choose(kept.list_backups(repository), before)
        _check_ours(backup, place)
        tell(Text("Base de données"), 0)
        url = _bring(repository, backup, work, database)
        with migrate.refusals(url), migrate.locked(url, work) as connection:
            migrate.upgrade_over(connection)
        found = OpenedBackup(backup, repository, url, work)
        try:
            yield found
        finally:
            found.store.close()


def _check_ours(backup: Backup, place: Place) -> None:
    """Raises CannotBackUp: account 7 of another instance is somebody else."""
    if backup.instance != read_mark(place.settings):
        raise CannotBackUp(
            Text(
                "la sauvegarde est de l’instance {other}, et {path} en est une autre",
                other=backup.instance[:8],
                path=place.settings,
            )
        )


def _bring(repository: Repository, backup: Backup, work: Path, database: str) -> str:
    """The URL of its database, which is there now. Raises CannotBackUp, NoRoom, Temporary, OSError."""
    if backup.engine != "sqlite" and not database:
        raise CannotBackUp(
            Text("la base sauvée est de PostgreSQL : --database nomme une base vide, où elle vient le temps de la lire")
        )
    sizes: list[int] = []
    if backup.engine == "sqlite":
        repository.files(backup.parts[DATABASE], lambda _, size: sizes.append(size))
        copying.check_room(work, sum(sizes))
    name = NAMES[backup.engine]
    url = f"sqlite:///{work / name}" if backup.engine == "sqlite" else database
    restoring.bring_database(repository, backup, url)
    return url
