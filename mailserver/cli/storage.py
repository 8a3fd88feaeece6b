"""`mailserver storage`: what an operator alone can decide about stored mail and its upkeep."""

import asyncio

import typer

from mailserver.cli.shared import InstanceDir, open_store, run, settings_of, with_help
from mailserver.health.instance import place_of
from mailserver.store.mail import proportion
from mailserver.store.record import trusted_clock
from mailserver.store.upkeep import opening
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)


@app.command()
@with_help(_("Lier la base et le dossier des gros messages, après une restauration ou un déplacement."))
def adopt(directory: InstanceDir) -> None:
    """Bind the database and the folder of large messages together, after they were restored or moved."""
    settings = settings_of(directory)
    run(lambda: asyncio.to_thread(opening.adopt, place_of(settings)))
    print(_("{directory} : la base et les dossiers sont à présent une même instance", directory=settings.directory))


@app.command("allow-collection")
@with_help(
    _(
        "Laisser le ramassage continuer pendant un jour après qu’il s’est arrêté parce que "
        "beaucoup allait être jeté à la fois."
    )
)
def allow_collection(directory: InstanceDir) -> None:
    """Let the collector go on for a day after it stopped because much was to be thrown away at once."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            await store.write(proportion.allow)

    run(work)
    print(_("Le ramassage continue ; les fichiers restent quelques jours en quarantaine"))


@app.command("believe-clock")
@with_help(
    _(
        "Laisser l’entretien continuer aussitôt après un saut de l’horloge, ou des jours d’arrêt "
        "du service : l’heure est juste à présent."
    )
)
def believe_clock(directory: InstanceDir) -> None:
    """Let upkeep go on at once after the clock jumped, or the service was off for days: the time is right now."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            await store.write(trusted_clock.believe)

    run(work)
    print(_("L’entretien continue"))
