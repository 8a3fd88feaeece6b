"""`mailserver storage`: what an operator alone can decide about stored mail and its upkeep."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from mailserver.cli import returned
from mailserver.cli.shared import (
    AsJson,
    InstanceDir,
    fail,
    log_aside,
    open_store,
    run,
    settings_of,
    show_table,
    with_help,
    with_store,
)
from mailserver.foundation.instance_lock import is_served
from mailserver.foundation.network.ports import CannotServe
from mailserver.model.errors import Temporary
from mailserver.operations.backup import rewinding
from mailserver.operations.health.instance import place_of
from mailserver.store.mail import proportion
from mailserver.store.mail.messages.quotas import Quota
from mailserver.store.record import trusted_clock
from mailserver.store.upkeep import opening, usage
from mailserver.store.upkeep.usage import Holder, Usage
from mailserver.texts.command_line import _, of_error

app = typer.Typer(no_args_is_help=True)

MIB = 1 << 20
EXAMPLES = 3
"""Files that a sentence names."""


class By(StrEnum):
    """What a line of the report is about."""

    ROLE = "role"
    SCHOOL = "school"
    ACCOUNT = "account"


@app.command()
@with_help(
    _(
        "Montrer combien de courrier les comptes conservent, par population, par établissement ou par compte, et "
        "combien approchent de leur quota ({percent} %) ou n’ont plus de place.",
        percent=usage.NEAR_PERCENT,
    )
)
def report(
    directory: InstanceDir,
    by: Annotated[By, typer.Option(help=_("Une ligne par population, par établissement ou par compte."))] = By.ROLE,
    most: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help=_("Les N comptes qui conservent le plus."))
    ] = 100,
    as_json: AsJson = False,
) -> None:
    """Show how much mail the accounts hold by population, school or account, and how many come near their quota."""
    settings = settings_of(directory)
    default = Quota.of(settings.limits)
    if by is By.ACCOUNT:
        holders = with_store(settings, lambda store: store.read(usage.largest, default, most))
        lines, table = [asdict(one) for one in holders], _holders(holders)
    else:
        kept = with_store(settings, lambda store: store.read(usage.by_school_and_role, default))
        summed = usage.by_role(kept) if by is By.ROLE else usage.by_school(kept)
        lines, table = [asdict(one) for one in (kept if by is By.SCHOOL else summed)], _sums(summed, by)
    if as_json:
        print(json.dumps(lines, ensure_ascii=False))
        return
    show_table(table)


def _sums(found: Sequence[Usage], by: By) -> Table:
    first = _("Établissement") if by is By.SCHOOL else _("Population")
    table = Table(first, box=None)
    for title in (_("Comptes"), _("Messages"), _("Mio"), _("Quota (Mio)"), _("Près du quota"), _("Pleins")):
        table.add_column(title, justify="right")
    named = [(one.role if by is By.ROLE else f"{one.uai} {one.school}".strip(), one) for one in found]
    for name, one in (*named, (_("Total"), usage.total(found))):
        numbers = (one.accounts, one.messages, one.octets // MIB, one.quota // MIB, one.near, one.full)
        table.add_row(name or _("autres"), *map(str, numbers))
    return table


def _holders(found: Sequence[Holder]) -> Table:
    table = Table(_("Identifiant"), _("Établissement"), _("Population"), box=None)
    for title in (_("Messages"), _("Mio"), _("Quota (Mio)")):
        table.add_column(title, justify="right")
    for one in found:
        numbers = (one.messages, one.octets // MIB, one.quota // MIB)
        table.add_row(one.login, one.uai, one.role, *map(str, numbers))
    return table


@app.command()
@with_help(_("Lier la base et le dossier des gros messages, après une restauration ou un déplacement."))
def adopt(directory: InstanceDir) -> None:
    """Bind the database and the folder of large messages together, after they were restored or moved."""
    settings = settings_of(directory)
    served = is_served(settings.directory)
    run(lambda: asyncio.to_thread(opening.adopt, place_of(settings), beside_others=served))
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


@app.command()
@with_help(
    _(
        "Rendre servable une base que PostgreSQL ou un instantané a ramenée à un moment passé : aucun numéro n’est "
        "donné deux fois, les gros messages reviennent de la quarantaine, ce qui allait partir attend."
    )
)
def rewound(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Make a database fit to be served that PostgreSQL's tools or a snapshot took back to an earlier time."""
    log_aside()
    settings = settings_of(directory)
    try:
        done = rewinding.rewind(place_of(settings))
    except (Temporary, CannotServe) as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or directory}: {error.strerror}")
    if as_json:
        print(json.dumps({**returned.fields(done.returned), "files": done.files, "lacking": len(done.lacking)}))
    else:
        print(
            _(
                "{directory} : {mailboxes} dossiers et {files} gros messages sont prêts à être servis",
                directory=directory,
                mailboxes=done.returned.mailboxes,
                files=done.files,
            )
        )
        returned.tell_what_waits(done.returned, settings.directory)
    if done.lacking:
        text = _(
            "{count} gros messages que la base nomme ne sont plus là ({names}) : "
            "`mailserver check --repair {directory}`",
            count=len(done.lacking),
            names=", ".join(done.lacking[:EXAMPLES]),
            directory=directory,
        )
        print(f"mailserver: {text}", file=sys.stderr)
        raise typer.Exit(1)
