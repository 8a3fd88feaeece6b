"""What every command needs: the instance's folder as argument, its settings and store, who acts, how days and times
are written and read, and one way to fail."""

import asyncio
import contextlib
import datetime
import getpass
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import structlog
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mailserver.foundation import instance_lock
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings, SettingsError, load
from mailserver.model.clock import DAY, SystemClock
from mailserver.model.errors import Refused, Temporary
from mailserver.operations.health.instance import open_database
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.store.record.audit import Origin
from mailserver.texts.causes import utc
from mailserver.texts.command_line import LANGUAGE, _, of_error
from mailserver.texts.text import Translated

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., object])

PIPE_WIDTH = 400
"""Characters of a table's lines where no terminal says how many."""

InstanceDir = Annotated[
    Path, typer.Argument(metavar="DIR", help=_("Le dossier de l’instance, créé par `mailserver init`."))
]
Endpoint = Annotated[str, typer.Option(help=_("Adresse du stockage d’objets : https://s3.exemple.fr."))]
Region = Annotated[str, typer.Option(help=_("Sa région."))]
AsJson = Annotated[bool, typer.Option("--json", help=_("Afficher du JSON pour les programmes."))]


def with_help(text: str) -> Callable[[Command], Command]:
    """What `--help` says of a command."""

    def decorate(command: Command) -> Command:
        command.__doc__ = text
        return command

    return decorate


def fail(text: str, code: int = 2) -> NoReturn:
    """One clear line on standard error, then exit."""
    print(f"mailserver: {text}", file=sys.stderr)
    raise typer.Exit(code)


def settings_of(directory: Path) -> Settings:
    """The instance's settings; a fault ends the command with exit code 2."""
    try:
        return load(directory)
    except SettingsError as error:
        fail(of_error(error))


def log_aside() -> None:
    """From now on what is logged goes to standard error: standard output is the command's answer."""
    structlog.configure(logger_factory=lambda *_: structlog.WriteLogger(sys.stderr))  # as it is when it is written to


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The instance's store, its schema brought up to date. Raises NotThere when the database is not the instance's."""
    # A command of a new version is no upgrade while the one before serves.
    is_served = await asyncio.to_thread(instance_lock.is_served, settings.directory)
    await asyncio.to_thread(open_database, settings, beside_others=is_served)
    store = Store(
        settings.database_url, settings.data, SystemClock(), Changes(), readers=1, writers=1, blobs=folder_of(settings)
    )
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a command's coroutine; what services refuse becomes one line and exit code 1 or 2."""

    async def main() -> T:
        return await work()

    try:
        return asyncio.run(main())
    except Refused as refusal:
        fail(of_error(refusal), 1)
    except (Temporary, SettingsError) as error:
        fail(of_error(error))
    except OSError as error:
        if error.filename is None:  # not about a file of the instance: a defect, or the command's own business
            raise
        fail(f"{error.filename}: {error.strerror}")


def show_table(table: Table) -> None:
    """A table on standard output; piped, nothing is cut to the width of a terminal that is not there."""
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Translated, float], None]]:
    """A bar on a terminal, told what is done and how much of it."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    console = Console(stderr=True)
    with Progress(*columns, transient=True, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda what, part: bar.update(task, description=what.to(LANGUAGE), completed=part)


# ---------------------------------------------------------------------- who acts


def with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run something over the instance's store."""

    async def opened() -> T:
        async with open_store(settings) as store:
            return await work(store)

    return run(opened)


def origin(channel: str = "console") -> Origin:
    """Who sits at the console, for the audit."""
    try:
        return Origin(getpass.getuser(), channel)
    except (KeyError, OSError):
        return Origin("console", channel)


# ---------------------------------------------------------------------- days and times

_DAYS = ("%Y-%m-%d", "%d/%m/%Y")
_MOMENTS = tuple(f"{day}{between}%H:%M" for day in _DAYS for between in (" ", "T"))
_SPAN = re.compile(r"([1-9][0-9]{0,4})(m|h|d)")
_UNITS = {"m": 60, "h": 3600, "d": 86400}


def moment(settings: Settings, text: str, *, end: bool = False) -> int:
    """A day, or a day and an hour, of the academy's time zone; 0 for nothing. `end`: a bare day is over then.

    A text that is neither ends the command with exit code 2.
    """
    if not text:
        return 0
    zone = ZoneInfo(settings.web.timezone)
    for form in (*_DAYS, *_MOMENTS):
        try:
            when = datetime.datetime.strptime(text.strip(), form).replace(tzinfo=zone)
        except ValueError:
            continue
        if end and form in _DAYS:
            when += datetime.timedelta(days=1)
        return int(when.timestamp())
    return fail(_("{text!r} n’est pas un jour : écrivez 2026-12-31, 31/12/2026 ou '2026-12-31 08:00'", text=text))


def span(text: str) -> int:
    """Seconds of `30m`, `2h`, `1d`; 0 for nothing. A text that is none ends the command with exit code 2."""
    if not text:
        return 0
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        fail(_("{text!r} n’est pas une durée : écrivez 30m, 2h ou 1d", text=text))
    return int(found[1]) * _UNITS[found[2]]


def deadline(settings: Settings, text: str) -> int:
    """Seconds since the epoch of `30m`, `2h`, `1d` from now, or of a date and time here."""
    span = _SPAN.fullmatch(text)
    if span is not None:
        return int(datetime.datetime.now(datetime.UTC).timestamp()) + int(span[1]) * _UNITS[span[2]]
    try:
        written = datetime.datetime.fromisoformat(text)
    except ValueError:
        fail(_("--until {text} : écrivez 30m, 2h, 1d ou 2026-11-26T08:00", text=text))
    return int(written.replace(tzinfo=written.tzinfo or ZoneInfo(settings.web.timezone)).timestamp())


def utc_day(option: str, text: str) -> int:
    """The first second of a day, in UTC; 0 for nothing."""
    if not text:
        return 0
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        fail(_("{option} : {text!r} n’est pas un jour comme 2026-09-01", option=option, text=text))
    return int(datetime.datetime.combine(day, datetime.time(), datetime.UTC).timestamp())


def since(days: int) -> int:
    """The first second of the last days."""
    return max(int(time.time()) - days * DAY, 0)


def date(seconds: int) -> str:
    """As programs read it; empty: never."""
    return utc(seconds) if seconds else ""
