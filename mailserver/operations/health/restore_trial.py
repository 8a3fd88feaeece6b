"""A trial of restoring: the newest backup comes back into a private place, is read wholly, and goes again.

What came of it stays in a file beside the data, for `check`: a backup that nobody has brought back is a hope.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings, load
from mailserver.model.clock import DAY, SystemClock
from mailserver.model.errors import NotThere, Temporary
from mailserver.operations.backup import kept, making, restoring
from mailserver.operations.backup.kept import MESSAGES, Backup
from mailserver.operations.backup.making import Target, Tell
from mailserver.operations.backup.restic import CannotBackUp, Repository
from mailserver.operations.health import deep_check
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.instance import place_of
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import CACHE, folder_of
from mailserver.store.upkeep import copying, integrity, opening, trial_database
from mailserver.store.upkeep.opening import Place
from mailserver.texts.text import Text, Translated, Untranslated

log = structlog.get_logger("backup")

TRIED_DAYS = 40
"""A trial each month, and some days in which somebody mends what hindered it."""


@dataclass(slots=True)
class Trial:
    """What came of one."""

    backup: Backup
    files: int = 0
    messages: int = 0
    faults: list[Translated] = field(default_factory=list)


def run(settings: Settings, target: Target, tell: Tell, database: str = "") -> Trial:
    """Bring the newest backup back, read all of it, take it away. `database`: an empty one of PostgreSQL, for its own.

    Raises CannotBackUp and other Temporary, OSError.
    """
    making.check_key(target.key_file)
    with making.alone(place_of(settings)) as (_, work):
        try:
            trial = _tried(settings, target, work, tell, database)
        except (Temporary, OSError) as error:
            why = str(error.sentence.to("en") if isinstance(error, CannotBackUp) else error)
            kept.note_trial(settings.data, "", [why])
            raise
    said = [str(fault.to("en")) for fault in trial.faults]
    kept.note_trial(settings.data, trial.backup.id, said)
    (log.error if said else log.info)("restore tried", backup=trial.backup.id, faults=len(said))
    return trial


def _tried(served: Settings, target: Target, work: Path, tell: Tell, database: str) -> Trial:
    repository = Repository(target.address, target.key_file)
    backup = restoring.choose(kept.list_backups(repository), None)
    # What is in object storage here comes onto the disk there: as much as the backup has of it.
    copying.check_room(work, _octets(served) + (_stored(repository, backup) if served.blobs is None else 0))
    if backup.engine == "sqlite":
        return _read(target, work, tell, "")
    if not database:
        raise CannotBackUp(
            Text("la base sauvée est de PostgreSQL : --database nomme une base vide, où elle vient le temps de l’essai")
        )
    with trial_database.emptied(database):
        return _read(target, work, tell, database)


def _read(target: Target, work: Path, tell: Tell, database: str) -> Trial:
    folder = work / "restored"
    restored = restoring.restore(target, folder, tell, apart=not database, database=database)
    trial = Trial(restored.backup, restored.files)
    settings = load(folder)
    store = Store(
        settings.database_url, settings.data, SystemClock(), Changes(), read_only=True, blobs=folder_of(settings)
    )
    try:
        found = deep_check.look(store, lambda done: tell(Text("Lecture"), done.done / max(1, done.total)))
        trial.messages = store.read_now(integrity.total)
    finally:
        store.close()
    flaws = [flaw for part in found.values() for flaw in part]
    trial.faults = [*_of_keys(settings), *(flaw.what for flaw in flaws[: kept.TOLD])]
    return trial


def _of_keys(settings: Settings) -> Iterator[Translated]:
    """What is wrong with the key that came back: of the files, whatever this process has in its environment."""
    path = settings.directory / "secrets" / making.SEALING
    key = path.read_bytes().rstrip(b"\n") if path.exists() else b""
    if not key:
        yield Text("la sauvegarde n’a pas la clé secrets/{name} : rien de scellé ne s’ouvrirait", name=making.SEALING)
        return
    try:
        opening.look(Place(settings.database_url, settings.data, settings.directory, folder_of(settings), key))
    except NotThere as error:
        yield Untranslated(str(error))


def _octets(settings: Settings) -> int:
    """What the instance takes today, wherever it lies; the backup is of then, and about as large."""
    is_file = copying.is_sqlite(settings.database_url)
    database = copying.sqlite_file(settings.database_url) if is_file else None
    places = [settings.data, *(path for path in (settings.blobs, database) if path is not None)]
    outside = [path for path in places if path == settings.data or not path.is_relative_to(settings.data)]
    return sum(_size(path) for path in outside)


def _stored(repository: Repository, backup: Backup) -> int:
    """Octets of the large messages of a backup. Raises CannotBackUp."""
    total = 0

    def add(path: str, size: int) -> None:
        nonlocal total
        total += size

    repository.files(backup.parts[MESSAGES], add)
    return total


def _size(place: Path) -> int:
    """Of a file, or of all in a folder but copies."""
    total = 0
    for top, folders, names in os.walk(place):
        if CACHE in folders:
            folders.remove(CACHE)
        for name in names:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(top, name)).st_size
    with contextlib.suppress(OSError):
        return total + (place.stat().st_size if place.is_file() else 0)
    return total


def _never_made(settings: Settings, now: float) -> Iterator[Finding]:
    """Said once the instance is older than a backup may be. Hosts that need not make any have set 0 days."""
    most, key = settings.storage.backup_days, settings.directory / "secrets" / "hmac"
    with contextlib.suppress(OSError):  # another finding says that it is not there
        days = int((now - key.stat().st_mtime) // DAY)
        if most and days >= most:
            yield Finding(
                "backups",
                Grade.WARNING,
                Text("aucune sauvegarde n’a été faite d’ici, depuis {days} jours que l’instance existe", days=days),
                Untranslated(f"mailserver backup {settings.directory} TARGET --key-file FILE --init"),
            )


def examine_backups(settings: Settings) -> Iterator[Finding]:
    """How old the last backup is, and whether one was brought back."""
    made, now, most = kept.last_made(settings.data), time.time(), settings.storage.backup_days
    if made is None:
        yield from _never_made(settings, now)
        return
    days = int((now - made) // DAY)
    told = Text("la dernière sauvegarde a {days} jours", days=days)
    if most and days >= most:
        yield Finding("backups", Grade.WARNING, told, Text("voyez pourquoi `mailserver backup` n’a plus réussi"))
    else:
        yield Finding("backups", Grade.OK, told)
    tried = kept.last_trial(settings.data)
    where = "" if copying.is_sqlite(settings.database_url) else " --database URL"
    remedy = Untranslated(f"mailserver backup {settings.directory} TARGET --key-file FILE --test{where}")
    if tried is None:
        yield Finding("backups", Grade.WARNING, Text("aucune restauration n’a été essayée"), remedy)
    elif tried.faults:
        why = tried.faults[0]
        yield Finding(
            "backups", Grade.WARNING, Text("le dernier essai de restauration a échoué : {why}", why=why), remedy
        )
    elif now - tried.at > TRIED_DAYS * DAY:
        age = int((now - tried.at) // DAY)
        yield Finding(
            "backups", Grade.WARNING, Text("le dernier essai de restauration a {days} jours", days=age), remedy
        )
    else:
        yield Finding("backups", Grade.OK, Text("une restauration a été essayée, et tout a été relu"))
