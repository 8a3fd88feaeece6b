"""`mailserver storage`: what an operator alone can decide about stored mail and its upkeep."""

import asyncio

import typer

from mailserver.commands.shared import InstanceDir, run, settings_of
from mailserver.instance import place_of
from mailserver.store import opening

app = typer.Typer(no_args_is_help=True)


@app.command()
def adopt(directory: InstanceDir) -> None:
    """Bind the database and the folder of large messages together, after they were restored or moved."""
    settings = settings_of(directory)
    run(lambda: asyncio.to_thread(opening.adopt, place_of(settings)))
    print(f"{settings.directory}: the database and the folders are one instance now")
