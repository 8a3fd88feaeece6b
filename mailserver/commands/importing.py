"""What the commands of imports share: the target, the files as an export, progress, and one import at a time."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from directory.hashing import Passwords
from directory.imports.deciding import Terms
from directory.imports.embedded import EmbeddedTarget
from directory.imports.intake import Intake
from directory.imports.records import Export
from directory.imports.restoring import Ending
from directory.imports.rows import CsvExport
from directory.imports.target import Target
from mailserver.commands.account import user
from mailserver.commands.shared import fail
from mailserver.errors import BadSyntax
from mailserver.proofs import Proofs
from mailserver.settings import Settings
from mailserver.store.audit import Origin
from mailserver.store.transactions import Store

DAY = 86400
MAX_FILES = 20_000


def export_of(paths: Sequence[Path], source: str, *, full: bool) -> Export:
    """The files as an export. Raises BadSyntax, OSError."""
    if len(paths) == 1 and paths[0].suffix.lower() == ".csv":
        return CsvExport(paths[0], source or "csv", full=full)
    raise BadSyntax("not a CSV file")


@contextlib.contextmanager
def intake_of(settings: Settings, store: Store, source: str, *, full: bool) -> Iterator[Intake]:
    """Imports into the instance's directory."""
    passwords = Passwords()
    try:
        accounts = settings.accounts
        terms = Terms(source, settings.domain, full, int(store.clock.now()) + accounts.leaver_days * DAY)
        origin = Origin(user(), "import")
        target: Target = EmbeddedTarget(
            store, terms, Ending(accounts.reply_days * DAY, accounts.grace_days * DAY), origin
        )
        yield Intake(store, target, Proofs(settings.secret("hmac")), passwords, terms, origin)
    finally:
        passwords.close()


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One import of an instance at a time: two would issue for the same people. Ends with the process."""
    lock = os.open(settings.data / "import.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        fail("another import of this instance is under way")
    finally:
        os.close(lock)


@contextlib.contextmanager
def progress(label: str, total: int | None, *, octets: bool = False) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, and only at a terminal: a program reads standard output."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn() if octets else MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(label, total=total)
        yield lambda done: bar.advance(task, done)
