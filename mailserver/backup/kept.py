"""The backups of a target: which are whole, and which are kept."""

import contextlib
import datetime
import json
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mailserver.backup.restic import CannotBackUp, Repository, Snapshot
from mailserver.texts.text import Text

DATABASE, MESSAGES, SETTINGS, MANIFEST = "database", "messages", "settings", "manifest"
LAST = "backup.last"
"""In the data folder: a file as old as the last whole backup."""
TRIAL = "restore-trial.last"
"""In the data folder: what came of the last trial of restoring."""
TOLD = 20
"""Faults of it that are kept."""
PARTS = frozenset((DATABASE, MESSAGES, SETTINGS, MANIFEST))


@dataclass(frozen=True, slots=True)
class Backup:
    """One that was verified when it was made."""

    id: str
    time: str
    """Of its copy of the database, as RFC 3339 has it, in UTC."""
    instance: str
    schema: str
    version: str
    engine: str
    parts: dict[str, str]
    """Snapshot of each part."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial of restoring, as `check` and monitors are told of it."""

    at: int
    faults: Sequence[str]


@dataclass(frozen=True, slots=True)
class Keep:
    """How many days, weeks and months keep their last backup."""

    daily: int = 14
    weekly: int = 8
    monthly: int = 12

    def words(self) -> list[str]:
        chosen = {"daily": self.daily, "weekly": self.weekly, "monthly": self.monthly}
        # The last one stays, whatever is asked for.
        return ["--keep-last", "1", *(w for name, n in chosen.items() if n for w in (f"--keep-{name}", str(n)))]


def tags_of(backup: Backup, part: str) -> list[str]:
    """What restic keeps beside a snapshot of it."""
    told = {
        "backup": backup.id,
        "instance": backup.instance,
        "schema": backup.schema,
        "version": backup.version,
        "engine": backup.engine,
        "part": part,
    }
    return [f"{name}={value}" for name, value in told.items()]


def whole(snapshots: Sequence[Snapshot]) -> list[Backup]:
    """The backups that have every part, oldest first."""
    parts: dict[str, dict[str, Snapshot]] = {}
    for one in snapshots:
        parts.setdefault(one.tags.get("backup", ""), {})[one.tags.get("part", "")] = one
    found = []
    for number, known in parts.items():
        if number and known.keys() >= PARTS:
            first = known[DATABASE]
            values = {name: first.tags.get(name, "") for name in ("instance", "schema", "version", "engine")}
            ids = {part: snapshot.id for part, snapshot in known.items()}
            found.append((first.time, Backup(id=number, time=_made(number) or first.time, parts=ids, **values)))
    return [backup for _, backup in sorted(found, key=lambda one: one[0])]


def _made(number: str) -> str:
    """When the database was copied, as the backup's own name has it: restic's time is that of what came after."""
    try:
        moment = datetime.datetime.strptime(number.partition("-")[0], "%Y%m%dT%H%M%SZ")
    except ValueError:
        return ""
    return moment.replace(tzinfo=datetime.UTC).isoformat(timespec="seconds")


def list_backups(repository: Repository) -> list[Backup]:
    """All that are whole. Raises CannotBackUp."""
    return whole(repository.snapshots())


def thin_out(repository: Repository, made: Backup, keep: Keep) -> int:
    """Let go of what the policy does not keep of this instance, and of what was begun and never ended; how many went.

    Raises CannotBackUp.
    """
    mine = f"instance={made.instance}"
    snapshots = repository.snapshots(mine)
    found = whole(snapshots)
    backups, parts = {backup.id for backup in found}, {part for backup in found for part in backup.parts.values()}
    if made.id not in backups:
        raise CannotBackUp(Text("une autre machine a effacé une partie de cette sauvegarde : recommencez"))
    gone = repository.surplus(keep.words(), mine, f"part={MANIFEST}")
    kept = backups - {one.tags.get("backup", "") for one in snapshots if one.id in gone}
    # Also what a later snapshot of the same part took the place of.
    ids = [one.id for one in snapshots if one.tags.get("backup", "") not in kept or one.id not in parts]
    if ids:
        repository.forget(ids)
    return len(backups - kept)


def note_made(data: Path, at: float) -> None:
    """A whole backup was made: monitors are told of it. Without room for a file it was made all the same."""
    with contextlib.suppress(OSError):
        (data / LAST).touch(mode=0o600)
        os.utime(data / LAST, (at, at))


def last_made(data: Path) -> float | None:
    """When the last whole backup was made from here; None: never."""
    try:
        return (data / LAST).stat().st_mtime
    except OSError:
        return None


def note_trial(data: Path, backup: str, faults: Sequence[str]) -> None:
    """Written anew and put in place at once: who reads it sees one or the other. Raises OSError."""
    told = {"at": int(time.time()), "backup": backup, "faults": list(faults[:TOLD])}
    with tempfile.NamedTemporaryFile("w", dir=data, prefix=TRIAL, delete=False, encoding="utf-8") as file:
        json.dump(told, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, data / TRIAL)


def last_trial(data: Path) -> Tried | None:
    """What came of the last trial; None: there was none, or nobody can read it."""
    try:
        told = json.loads((data / TRIAL).read_text("utf-8"))
        return Tried(int(told["at"]), [str(fault) for fault in told["faults"]])
    except (OSError, ValueError, KeyError, TypeError):
        return None
