"""Makes a backup of an instance that goes on serving.

**The order.** First the database, of one moment T. Then the large messages. A message that comes after T is in neither,
or is a file too many. A file that the copy of T names is on its shelf or in quarantine: its row was there at T, so the
collector can take it off its shelf only after T, and nothing leaves quarantine for good in less than a day
(`[storage] quarantine_days` is 1 at least). Between the two places it may move while restic walks through them, in
either direction (a read takes it back), and be seen in neither. So the copy is asked what it names, each name is looked
for in the snapshot, and while one lacks the walk is done again, which reads only what is new. A backup during which a
file really went is never called whole.
"""

import contextlib
import datetime
import fcntl
import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from mailserver import __version__
from mailserver.foundation.ownership import give_to_owner
from mailserver.foundation.settings import Settings, secret_variable
from mailserver.operations.backup import kept, staging, verifying
from mailserver.operations.backup.kept import DATABASE, MANIFEST, MESSAGES, SETTINGS, Backup, Keep
from mailserver.operations.backup.restic import CannotBackUp, Repository, Result, folder_of, is_folder, shown
from mailserver.operations.backup.staging import Staging
from mailserver.store.octets.disk import read_mark
from mailserver.store.octets.files import files_of
from mailserver.store.upkeep import copying
from mailserver.store.upkeep.copying import Described
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text, Translated

log = structlog.get_logger("backup")

WALKS = 4
SETTINGS_NAMES = ("mailserver.toml", "instance-id", "charter.txt", "holidays.json", "tls", "sieve")
"""What of an instance's folder is neither in the database nor a message; `deploy/README.md` says what each is."""
SEALING = "hmac"
"""The secret that nothing can be opened without."""
SETTINGS_OCTETS = 64 * 1024 * 1024
WORK = "backup-work"
"""Folder beside the data, for the copy of the database. Whatever a killed run left there goes at the next one."""
NAMES = {"sqlite": "database.sqlite", "postgresql": "database.pgdump"}

Tell = Callable[[Translated, float], None]
"""What is done now, and how much of it."""


@dataclass(slots=True)
class Report:
    """What came of it."""

    backup: Backup
    files: int = 0
    added: int = 0
    """Octets that the target grew by."""
    removed: int = 0
    """Older backups that went."""
    faults: list[Translated] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where to, and the file with the key."""

    address: str
    key_file: Path


def check_target(target: Target, directory: Path) -> None:
    """Raises CannotBackUp when what is to survive the folder lies in it, or there is no key."""
    inside = directory.resolve()
    if target.key_file.resolve().is_relative_to(inside):
        raise CannotBackUp(
            Text(
                "{path} : la clé ne doit pas être dans le dossier qu’elle protège : avec lui, elle serait perdue",
                path=target.key_file,
            )
        )
    if is_folder(target.address) and target.key_file.resolve().is_relative_to(folder_of(target.address)):
        raise CannotBackUp(
            Text(
                "{path} : la clé ne doit pas être dans la sauvegarde : qui l’emporte lirait tout", path=target.key_file
            )
        )
    if is_folder(target.address) and folder_of(target.address).is_relative_to(inside):
        raise CannotBackUp(
            Text("{path} : une sauvegarde ne peut pas être dans le dossier qu’elle sauve", path=target.address)
        )
    check_key(target.key_file)


def check_key(path: Path) -> None:
    """Raises CannotBackUp."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror or "" if isinstance(error, OSError) else str(error)
        raise CannotBackUp(Text("{path} : la clé ne peut pas être lue ({why})", path=path, why=why)) from error
    if len(text) < 16:
        raise CannotBackUp(
            Text("{path} : une clé a 16 caractères au moins : openssl rand -base64 32 > {path}", path=path)
        )


@contextlib.contextmanager
def alone(place: Place) -> Iterator[tuple[int, Path]]:
    """The lock of backups, and an empty private folder that is gone at the end. Raises CannotBackUp, OSError.

    The programs that are run share the lock: one that outlives a killed backup still keeps the next one waiting.
    """
    busy = Text("{path} : une autre sauvegarde est en cours", path=place.settings)
    with private_folder(place.data / "backup.lock", place.data / WORK, busy) as found:
        yield found


@contextlib.contextmanager
def private_folder(locked: Path, work: Path, busy: Translated) -> Iterator[tuple[int, Path]]:
    """A lock, and an empty folder that is gone at the end; what a killed run left goes first.

    Raises CannotBackUp, which says that it is `busy`; OSError.
    """
    lock = os.open(locked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        give_to_owner(locked, locked.parent)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotBackUp(busy) from None
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        give_to_owner(work, locked.parent)
        try:
            yield lock, work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(lock)


def make(
    place: Place, secrets: Mapping[str, bytes], target: Target, keep: Keep, tell: Tell, *, new: bool = False
) -> Report:
    """Back up, read back, thin out. `secrets`: as `secrets_of` has them.

    Raises CannotBackUp and other Temporary, OSError.
    What is wrong with a backup that was made is among the report's faults.
    """
    check_target(target, place.settings)
    with alone(place) as (lock, work):
        repository = Repository(target.address, target.key_file, keep_open=[lock])
        if new:
            repository.make()
        else:
            repository.forget_stale_locks()
            _check_only_ours(repository, read_mark(place.settings))
        made = _Making(place, secrets, repository, work, tell)
        report = made.run()
        if not report.faults:
            repository.store("manifest", kept.tags_of(report.backup, MANIFEST), report.backup.id.encode())
            tell(Text("Anciennes sauvegardes"), 0)
            report.removed = kept.thin_out(repository, report.backup, keep)
    said = {"backup": report.backup.id, "target": shown(target.address), "files": report.files, "added": report.added}
    if report.faults:
        log.error("backup failed", **said, faults=len(report.faults))
    else:
        kept.note_made(place.data, datetime.datetime.now(datetime.UTC).timestamp())
        log.info("backup made", **said, removed=report.removed)
    return report


def thin_out(place: Place, target: Target, keep: Keep) -> int:
    """Let older backups go without making a new one, for which the target may have no room; how many went.

    The newest whole one stays. Raises CannotBackUp, OSError.
    """
    check_target(target, place.settings)
    with alone(place) as (lock, _):
        repository = Repository(target.address, target.key_file, keep_open=[lock])
        repository.forget_stale_locks()
        _check_only_ours(repository, read_mark(place.settings))
        backups = kept.list_backups(repository)
        if not backups:
            raise CannotBackUp(Text("{target} : aucune sauvegarde entière n’est là", target=shown(target.address)))
        removed = kept.thin_out(repository, backups[-1], keep)
        repository.prune()
    log.info("backups thinned out", target=shown(target.address), removed=removed)
    return removed


def _check_only_ours(repository: Repository, identifier: str) -> None:
    """Raises CannotBackUp: of two instances in one target a restore could not tell which is meant."""
    others = {one.instance for one in kept.list_backups(repository)} - {identifier}
    if others:
        raise CannotBackUp(
            Text(
                "{target} : c’est la sauvegarde d’une autre instance ({other})",
                target=shown(repository.target),
                other=min(others)[:8],
            )
        )


class _Making:
    """One run."""

    def __init__(
        self, place: Place, secrets: Mapping[str, bytes], repository: Repository, work: Path, tell: Tell
    ) -> None:
        self._place = place
        self._secrets = secrets
        self._repository = repository
        self._work = work
        self._tell = tell
        self._names = work / "files"
        self._files = files_of(place.folder)

    def run(self) -> Report:
        backup, described, result = self._database()
        report = Report(backup, files=described.files, added=result.added)
        data = self._repository.store(
            "settings.tar", kept.tags_of(backup, SETTINGS), settings_archive(self._place.settings, self._secrets)
        )
        report.added += data.added
        backup.parts.update({DATABASE: result.snapshot, SETTINGS: data.snapshot})
        report.faults += self._messages(report)
        self._tell(Text("Relecture"), 0)
        for fault in (
            verifying.database_fault(self._repository, result.snapshot, NAMES[backup.engine], self._work),
            verifying.target_fault(
                self._repository, verifying.part_of_the_day(datetime.datetime.now(datetime.UTC).date())
            ),
        ):
            if fault is not None:
                report.faults.append(fault)
        return report

    def _database(self) -> tuple[Backup, Described, Result]:
        tell = self._telling(Text("Base de données"))
        if copying.is_sqlite(self._place.url):
            copy = self._work / "copy.db"
            copying.copy_sqlite(self._place.url, copy)
            described = copying.describe_database(f"sqlite:///{copy}", self._names, self._place)
            backup = _new(described, "sqlite")
            with open(copy, "rb") as file:
                result = self._repository.store(NAMES["sqlite"], kept.tags_of(backup, DATABASE), file, tell=tell)
            copy.unlink()  # its room is needed for what is read back
            return backup, described, result
        if shutil.which("pg_dump") is None:
            raise CannotBackUp(Text("pg_dump n’est pas installé : apt-get install postgresql-client"))
        with copying.held_snapshot(self._place.url) as (snapshot, connection):
            described = copying.describe(connection, self._names, self._place)
            backup = _new(described, "postgresql")
            # Not compressed: restic does that, and what did not change since the last time is stored once.
            command = ["pg_dump", "-Fc", "-Z0", "--no-owner", "--no-acl", f"--snapshot={snapshot}"]
            result = self._repository.store(
                NAMES["postgresql"],
                kept.tags_of(backup, DATABASE),
                command=command,
                environment=copying.program_environment(self._place.url),
                tell=tell,
            )
        return backup, described, result

    def _messages(self, report: Report) -> list[Translated]:
        """All that the database's copy names; what is wrong with them."""
        folder = self._files.path
        return self._of_storage(report) if folder is None else self._of_folder(report, folder.resolve())

    def _of_folder(self, report: Report, folder: Path) -> list[Translated]:
        """The folder of large messages, again until everything is there."""
        lacking: list[str] = []
        for _ in range(WALKS):
            if not self._files.is_attached():
                raise CannotBackUp(Text("{path} : le disque des gros messages n’est pas là", path=folder))
            result = self._repository.store_folder(
                folder, kept.tags_of(report.backup, MESSAGES), self._telling(Text("Gros messages"))
            )
            report.added += result.added
            report.backup.parts[MESSAGES] = result.snapshot
            unread = [item for item, why in result.errors if item and "no such file" not in why]
            if unread:  # one that went meanwhile is looked for below
                return [Text("{path} ne peut pas être lu", path=unread[0])]
            lacking = verifying.missing_files(self._repository, result.snapshot, self._names, folder)
            if not lacking:
                return []
        return [verifying.lacking(lacking)]

    def _of_storage(self, report: Report) -> list[Translated]:
        """Those that are in object storage."""
        tell, note = self._telling(Text("Gros messages")), self._place.data / staging.NOTE
        instance = self._files.read_mark()
        if instance != report.backup.instance:
            raise CannotBackUp(Text("{url} : ce ne sont pas les gros messages de cette instance", url=str(self._files)))
        stage = Staging(self._repository, self._files, self._work, note)
        stored = stage.store(
            self._names, instance, kept.tags_of(report.backup, MESSAGES), self._counted(note, instance), tell
        )
        report.added += stored.added
        report.backup.parts[MESSAGES] = stored.snapshot
        if stored.unreadable:
            return [Text("{path} ne peut pas être lu", path=stored.unreadable[0])]
        lacking = verifying.missing_files(self._repository, stored.snapshot, self._names, stage.folder)
        shutil.rmtree(stage.folder)
        if lacking:
            return [verifying.lacking(lacking)]
        note.unlink(missing_ok=True)
        return verifying.example_faults(self._repository, stored.snapshot, self._names)

    def _counted(self, note: Path, instance: str) -> str:
        """The newest snapshot of large messages that may be built upon; empty for none."""
        known = self._repository.snapshots(f"instance={instance}")
        with contextlib.suppress(OSError, UnicodeDecodeError):
            noted = note.read_text("ascii").strip()
            if noted in {one.id for one in known}:
                return noted
        backups = kept.whole(known)
        return backups[-1].parts[MESSAGES] if backups else ""

    def _telling(self, what: Translated) -> Callable[[float], None]:
        self._tell(what, 0)
        return lambda part: self._tell(what, part)


def _new(described: Described, engine: str) -> Backup:
    now = datetime.datetime.now(datetime.UTC)
    return Backup(
        id=f"{now:%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}",
        time=now.isoformat(timespec="seconds"),
        instance=described.instance,
        schema=described.schema,
        version=__version__,
        engine=engine,
        parts={},
    )


def secrets_of(settings: Settings) -> dict[str, bytes]:
    """Keys and passwords by name, wherever this service has them: in a folder, in the environment.

    Raises CannotBackUp without the one by which everything is sealed and hashed; OSError.
    """
    found: dict[str, bytes] = {}
    if settings.secrets.is_dir():
        found = {path.name: path.read_bytes() for path in sorted(settings.secrets.iterdir()) if path.is_file()}
    for name in settings.secret_names:
        if given := os.environ.get(secret_variable(name)):
            found[name] = given.encode() + b"\n"
    if not found.get(SEALING, b"").strip():
        raise CannotBackUp(
            Text(
                "{path} n’est pas là : sans cette clé, ce qui est sauvé ne s’ouvre pas. Donnez à cette commande les"
                " secrets du service, aussi ceux de son environnement (MAILSERVER_SECRETS)",
                path=settings.secrets / SEALING,
            )
        )
    return found


def settings_archive(directory: Path, secrets: Mapping[str, bytes]) -> bytes:
    """Settings, keys, certificates as a tar file; links give what they lead to. Raises CannotBackUp, OSError."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w", format=tarfile.PAX_FORMAT, dereference=True) as archive:
        folder = tarfile.TarInfo("secrets")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(folder)
        for name, octets in secrets.items():
            file = tarfile.TarInfo(f"secrets/{name}")
            file.size, file.mode = len(octets), 0o600
            archive.addfile(file, io.BytesIO(octets))
        for name in SETTINGS_NAMES:
            if (directory / name).exists():
                archive.add(directory / name, name)
            if found.tell() > SETTINGS_OCTETS:
                raise CannotBackUp(
                    Text("{path} : plus de 64 Mio de réglages ; ce n’en sont pas", path=directory / name)
                )
    return found.getvalue()
