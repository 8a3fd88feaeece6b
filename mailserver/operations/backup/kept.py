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

from mailserver.foundation.ownership import give_to_owner
from mailserver.operations.backup.restic import CannotBackUp, Repository, Snapshot
from mailserver.texts.text import Text

DATABASE, MESSAGES, SETTINGS, MANIFEST = "database", "messages", "settings", "manifest"
LAST = "backup.last"
"""In the data folder: a file as old as the last whole backup."""
TRIAL = "restore-trial.last"
"""In the data folder: what came of the last trial of restoring."""
TOLD = 20
"""Faults of it that are kept."""
PARTS = frozenset((DATABASE, MESSAGES, SETTINGS, MANIFEST))
READ_BACK = "read-back-"
"""Of a manifest: tags that begin so name the snapshot of each part that was read back."""
UNDER_WAY_SECONDS = 86400
"""For so long after its last snapshot a backup may be under way on another host; one that takes a day is none."""


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
    if part == MANIFEST:
        told |= {f"{READ_BACK}{name}": snapshot for name, snapshot in backup.parts.items()}
    return [f"{name}={value}" for name, value in told.items()]


def whole(snapshots: Sequence[Snapshot]) -> list[Backup]:
    """The backups that have every part, oldest first.

    Of several snapshots of a part it is the one that the manifest names: the clock may have been set back between them.
    Where that one is not there (a copy has snapshots of its own) it is the last one.
    """
    parts: dict[str, dict[str, Snapshot]] = {}
    for one in snapshots:
        parts.setdefault(one.tags.get("backup", ""), {})[one.tags.get("part", "")] = one
    by_id = {one.id: one for one in snapshots}
    found = []
    for number, known in parts.items():
        if number and known.keys() >= PARTS:
            for part in PARTS:
                read_back = by_id.get(known[MANIFEST].tags.get(f"{READ_BACK}{part}", ""))
                known[part] = read_back or known[part]
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

    The one that was just made stays, also where one of a clock that was ahead is the newest for the policy. What
    another host may be making now is not touched. Raises CannotBackUp.
    """
    mine = f"instance={made.instance}"
    snapshots = repository.snapshots(mine)
    found = whole(snapshots)
    backups, parts = {backup.id for backup in found}, {part for backup in found for part in backup.parts.values()}
    if made.id not in backups:
        raise CannotBackUp(Text("une autre machine a effacé une partie de cette sauvegarde : recommencez"))
    gone = repository.surplus(keep.words(), mine, f"part={MANIFEST}")
    kept = backups - {one.tags.get("backup", "") for one in snapshots if one.id in gone} | {made.id}
    # Also what a later snapshot of the same part took the place of.
    kept_or_coming = kept | _under_way(snapshots, made)
    ids = [
        one.id
        for one in snapshots
        if (number := one.tags.get("backup", "")) not in kept_or_coming or (number in kept and one.id not in parts)
    ]
    if ids:
        repository.forget(ids)
    return len(backups - kept)


def _under_way(snapshots: Sequence[Snapshot], made: Backup) -> set[str]:
    """Backups that are not whole and that another host may be making: on this one its lock says that none is."""
    ours = [one for one in snapshots if one.tags.get("backup", "") == made.id]
    hosts, last = {one.host for one in ours}, max(datetime.datetime.fromisoformat(one.time) for one in ours)
    recent = (last - datetime.timedelta(seconds=UNDER_WAY_SECONDS)).isoformat(timespec="microseconds")
    done = {one.id for one in whole(snapshots)}
    return {
        number
        for one in snapshots
        if (number := one.tags.get("backup", "")) not in done and one.host not in hosts and one.time > recent
    }


def note_made(data: Path, at: float) -> None:
    """A whole backup was made: monitors are told of it. Without room for a file it was made all the same."""
    with contextlib.suppress(OSError):
        (data / LAST).touch(mode=0o600)
        give_to_owner(data / LAST, data)
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
    give_to_owner(Path(file.name), data)
    os.replace(file.name, data / TRIAL)


def last_trial(data: Path) -> Tried | None:
    """What came of the last trial; None: there was none, or nobody can read it."""
    try:
        told = json.loads((data / TRIAL).read_text("utf-8"))
        return Tried(int(told["at"]), [str(fault) for fault in told["faults"]])
    except (OSError, ValueError, KeyError, TypeError):
        return None
