"""Brings a whole instance back from a backup, into an empty folder and, for PostgreSQL, an empty database.

The settings file comes last: until then the folder is no instance, and nothing can serve a half of one.
"""

import datetime
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from mailserver.foundation.settings import FILE_NAME, Settings, editing, load
from mailserver.operations.backup import kept, making, refilling, rewinding, verifying
from mailserver.operations.backup.kept import DATABASE, MESSAGES, SETTINGS, Backup
from mailserver.operations.backup.making import NAMES, Target, Tell
from mailserver.operations.backup.restic import CannotBackUp, Repository, shown
from mailserver.store.octets.files import files_of, folder_of
from mailserver.store.upkeep import copying
from mailserver.store.upkeep.opening import Place
from mailserver.store.upkeep.returning import Returned
from mailserver.texts.text import Text, Translated

log = structlog.get_logger("backup")

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    backup: Backup
    files: int
    returned: Returned


def choose(backups: list[Backup], before: datetime.datetime | None) -> Backup:
    """The newest, or the newest of that time or before. Raises CannotBackUp."""
    fit = [one for one in backups if before is None or datetime.datetime.fromisoformat(one.time) <= before]
    if not fit:
        raise CannotBackUp(Text("il n’y a pas de sauvegarde complète de ce temps-là ; --list les montre"))
    instances = {one.instance for one in fit}
    if len(instances) > 1:
        raise CannotBackUp(Text("il y a là des sauvegardes de plusieurs instances : un TARGET n’en sert qu’une"))
    return fit[-1]


def restore(
    target: Target,
    directory: Path,
    tell: Tell,
    *,
    before: datetime.datetime | None = None,
    database: str = "",
    octets: Mapping[str, str] | None = None,
    apart: bool = False,
) -> Restored:
    """Bring everything back. `octets`: settings of where large messages come to, if not into the folder. `apart`:
    wherever its database was, into the folder, too; of SQLite alone.

    Raises CannotBackUp and other Temporary, SettingsError, OSError.
    """
    making.check_key(target.key_file)
    if directory.exists() and any(directory.iterdir()):
        raise CannotBackUp(Text("{path} n’est pas vide : une instance revient dans un dossier vide", path=directory))
    repository = Repository(target.address, target.key_file)
    backup = choose(kept.list_backups(repository), before)
    if backup.engine == "postgresql":
        check_pg_restore()
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    coming = _Coming(repository, backup, directory, tell)
    settings = coming.settings(database, octets or {}, apart=apart)
    restored = coming.bring(settings)
    log.info("instance restored", backup=backup.id, target=shown(target.address), files=restored.files)
    return restored


class _Coming:
    """One run."""

    def __init__(self, repository: Repository, backup: Backup, directory: Path, tell: Tell) -> None:
        self._repository = repository
        self._backup = backup
        self._directory = directory
        self._tell = tell

    def settings(self, database: str, storage: Mapping[str, str], *, apart: bool) -> Settings:
        """Settings, keys and certificates; the settings file under another folder until everything is here."""
        self._tell(Text("Réglages"), 0)
        folder = self._directory / "data"
        for path in (folder, folder / "blobs", folder / making.WORK):
            path.mkdir(mode=0o700)
        with tempfile.TemporaryFile() as kept_tar:
            with self._repository.reading(self._backup.parts[SETTINGS], "/settings.tar") as octets:
                shutil.copyfileobj(octets, kept_tar, CHUNK)
            kept_tar.seek(0)
            with tarfile.open(fileobj=kept_tar) as archive:
                archive.extractall(self._directory, filter="data")
        written = self._directory / FILE_NAME
        # Large messages that nobody wants elsewhere and, apart, the database come back into DIR.
        text = written.read_text("utf-8")
        text = editing.with_values(text, "octets", storage) if storage else editing.without(text, "octets", "url")
        if apart:
            text = editing.without(text, "database", "url")
        elif database:
            text = _with_database(text, database)
        written.write_text(text, encoding="utf-8")
        settings = load(self._directory)
        written.replace(folder / making.WORK / FILE_NAME)
        if copying.is_sqlite(settings.database_url) != (self._backup.engine == "sqlite"):
            raise CannotBackUp(
                Text("la base sauvée est de {engine}, les réglages en nomment une autre", engine=self._backup.engine)
            )
        return settings

    def bring(self, settings: Settings) -> Restored:
        """Messages and database; then what makes them fit to be served."""
        place = Place(settings.database_url, settings.data, settings.directory, folder_of(settings))
        files, snapshot = files_of(place.folder), self._backup.parts[MESSAGES]
        is_home = files.path == place.data / "blobs"
        if not is_home:
            refilling.take(files, self._backup.instance)
        self._tell(Text("Base de données"), 0)
        bring_database(self._repository, self._backup, place.url)
        tell = self._telling(Text("Gros messages"))
        if is_home:
            self._repository.extract(snapshot, place.data / "blobs", tell)
        else:
            refilling.refill(self._repository, snapshot, files, tell)
        self._tell(Text("Vérification"), 0)
        work = place.data / making.WORK
        count, lacking = rewinding.open_older(place, work / "files")
        if lacking:
            raise CannotBackUp(verifying.lacking(lacking))
        returned = rewinding.advance(place)
        os.sync()
        (work / FILE_NAME).replace(self._directory / FILE_NAME)
        shutil.rmtree(work)
        return Restored(self._backup, count, returned)

    def _telling(self, what: Translated) -> Callable[[float], None]:
        self._tell(what, 0)
        return lambda part: self._tell(what, part)


def _with_database(written: str, url: str) -> str:
    """Settings that name another database. Raises CannotBackUp where they name none."""
    if not editing.has_value(written, "database", "url"):
        raise CannotBackUp(Text("les réglages sauvés n’ont pas de [database] url que --database puisse remplacer"))
    return editing.with_values(written, "database", {"url": url})


def bring_database(repository: Repository, backup: Backup, url: str) -> None:
    """Its database to where there is none: a file that does not exist, an empty PostgreSQL database.

    Raises CannotBackUp, NotThere, Temporary, OSError.
    """
    snapshot, name = backup.parts[DATABASE], f"/{NAMES[backup.engine]}"
    if backup.engine == "sqlite":
        path = copying.sqlite_file(url)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            with repository.reading(snapshot, name) as octets:
                shutil.copyfileobj(octets, file, CHUNK)
            file.flush()
            os.fsync(descriptor)
        fault = copying.fault_of(path)
        if fault:
            raise CannotBackUp(Text("la base relue dans la sauvegarde est abîmée : {found}", found=fault))
        return
    check_pg_restore()
    copying.check_empty(url)
    environment = copying.program_environment(url)
    words = ["pg_restore", "--no-owner", "--no-acl", "--exit-on-error", "--single-transaction"]
    with repository.reading(snapshot, name) as octets:
        ended = subprocess.run(
            [*words, "--dbname", environment.get("PGDATABASE", "")],
            stdin=octets,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            check=False,
            text=True,
        )
        if ended.returncode:  # said before restic says that nobody listens any more
            raise CannotBackUp(Text("pg_restore : {found}", found=ended.stderr.strip().partition("\n")[0][:300]))


def check_pg_restore() -> None:
    """Raises CannotBackUp where it is missing."""
    if shutil.which("pg_restore") is None:
        raise CannotBackUp(Text("pg_restore n’est pas installé : apt-get install postgresql-client"))
