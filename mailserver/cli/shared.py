"""What every command needs: the instance's folder as argument, its settings and store, and one way to fail."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import structlog
import typer

from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings, SettingsError, load
from mailserver.health.instance import open_database
from mailserver.model.clock import SystemClock
from mailserver.model.errors import Refused, Temporary
from mailserver.store.engine.transactions import Store
from mailserver.texts.command_line import _

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., object])

InstanceDir = Annotated[
    Path, typer.Argument(metavar="DIR", help=_("Le dossier de l’instance, créé par `mailserver init`."))
]
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
        fail(str(error))


def log_aside() -> None:
    """From now on what is logged goes to standard error: standard output is the command's answer."""
    structlog.configure(logger_factory=lambda *_: structlog.WriteLogger(sys.stderr))  # as it is when it is written to


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[Store]:
    """The instance's store, its schema brought up to date. Raises NotThere when the database is not the instance's."""
    await asyncio.to_thread(open_database, settings)
    store = Store(settings.database_url, settings.data, SystemClock(), Changes(), readers=1, writers=1)
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
        fail(refusal.text, 1)
    except (Temporary, SettingsError) as error:
        fail(str(error))
    except OSError as error:
        if error.filename is None:  # not about a file of the instance: a defect, or the command's own business
            raise
        fail(f"{error.filename}: {error.strerror}")
