"""`mailserver storage`: what an operator alone can decide about stored mail and its upkeep."""

import asyncio

import typer

from mailserver.cli.shared import InstanceDir, open_store, run, settings_of
from mailserver.health.instance import place_of
from mailserver.store.mail import proportion
from mailserver.store.record import trusted_clock
from mailserver.store.upkeep import opening

app = typer.Typer(no_args_is_help=True)


@app.command()
def adopt(directory: InstanceDir) -> None:
    """Bind the database and the folder of large messages together, after they were restored or moved."""
    settings = settings_of(directory)
    run(lambda: asyncio.to_thread(opening.adopt, place_of(settings)))
    print(f"{settings.directory}: the database and the folders are one instance now")


@app.command("allow-collection")
def allow_collection(directory: InstanceDir) -> None:
    """Let the collector go on for a day after it stopped because much was to be thrown away at once."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            await store.write(proportion.allow)

    run(work)
    print("The collector goes on; files stay in quarantine for some days")


@app.command("believe-clock")
def believe_clock(directory: InstanceDir) -> None:
    """Let upkeep go on at once after the clock jumped, or the service was off for days: the time is right now."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            await store.write(trusted_clock.believe)

    run(work)
    print("Upkeep goes on")
