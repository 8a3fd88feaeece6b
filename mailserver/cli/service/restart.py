"""`mailserver restart`: processes of the program that is installed now take over from those that serve."""

import contextlib
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from mailserver.cli.shared import InstanceDir, fail, settings_of
from mailserver.foundation.instance_lock import Note, read_note
from mailserver.runtime.handover import SUCCESSOR_SECONDS
from mailserver.runtime.processes import LEAVE_SIGNAL
from mailserver.texts.command_line import _

LOOK_SECONDS = 0.1

Patience = Annotated[
    int, typer.Option("--wait", min=1, help=_("Secondes pendant lesquelles attendre que les nouveaux servent."))
]


def restart(directory: InstanceDir, wait: Patience = int(SUCCESSOR_SECONDS) + 60) -> None:
    """Hand over to a new supervisor, and say what came of it."""
    settings = settings_of(directory)
    before = read_note(settings.directory)
    if before is None:
        fail(_("{directory} n’est pas servi : `mailserver serve` le sert", directory=directory), 1)
    if not _is_supervisor(before.pid, settings.directory):
        fail(_("le processus {pid} ne sert plus {directory}", pid=before.pid, directory=directory), 1)
    try:
        os.kill(before.pid, LEAVE_SIGNAL)
    except OSError as error:
        fail(_("le processus {pid} : {error}", pid=before.pid, error=error.strerror))
    after = _wait_for_another(settings.directory, before, wait)
    if after is None:
        fail(_("le nouveau processus ne sert pas encore ; le journal du service dit la suite"), 1)
    if after.pid == before.pid:
        fail(_("rien n’a changé, le service continue comme avant : {problem}", problem=after.problem), 1)
    print(
        _(
            "Le processus {pid} (version {version}) sert ; les clients de celui d’avant ont {seconds} s pour terminer.",
            pid=after.pid,
            version=after.version,
            seconds=settings.limits.drain_seconds,
        )
    )


def _wait_for_another(directory: Path, before: Note, seconds: int) -> Note | None:
    """What the lock says once it says something else; None after so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = read_note(directory)
        if now is not None and (now.pid, now.handovers) != (before.pid, before.handovers):
            return now
        time.sleep(LOOK_SECONDS)
    return None


def _is_supervisor(pid: int, directory: Path) -> bool:
    """Whether this process has the lock open: numbers of processes are given again."""
    lock = (directory / "data" / "serve.lock").stat()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                if os.path.samestat(lock, entry.stat()):
                    return True
    except PermissionError:  # it is in a user namespace of its own, by `PrivateUsers=` of its unit
        return _serves(pid, lock.st_uid)
    except OSError:
        pass
    return False


def _serves(pid: int, user: int) -> bool:
    """Whether that user runs `mailserver serve` there, as far as everybody may see. Who holds the lock has its number
    written in it."""
    process = Path(f"/proc/{pid}")
    try:
        return process.stat().st_uid == user and b"serve" in (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
