"""What the commands of imports share: imports in the name of who sits at the console, one at a time, and a bar."""

import contextlib
import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from directory.imports import import_setup
from directory.imports.intake import Intake
from mailserver.cli.shared import origin
from mailserver.foundation.settings import Settings
from mailserver.store.engine.transactions import Store

alone = import_setup.alone
export_of = import_setup.export_of


def intake_of(
    settings: Settings, store: Store, source: str, *, full: bool
) -> contextlib.AbstractContextManager[Intake]:
    """Imports into the instance's directory, in the name of the operating system's user."""
    return import_setup.intake_of(settings, store, source, origin("import"), full=full)


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
