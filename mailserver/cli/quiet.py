"""`mailserver quiet`: the hours in which nobody is told of mail, of the academy and of its schools."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from mailserver.calendars.quiet_hours import academy
from mailserver.cli.shared import AsJson, InstanceDir, fail, origin, settings_of, with_help, with_store
from mailserver.model.quiet_hours import NEVER, Hours
from mailserver.store.engine.transactions import Tx
from mailserver.store.people import school_hours
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)
Uai = Annotated[str, typer.Argument(metavar="UAI", help=_("Le code de l’établissement."))]


@app.command()
@with_help(_("Montrer celles de l’académie (`[quiet]`) et celles des établissements qui en ont choisi."))
def show(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show those of the academy (`[quiet]`) and of the schools that chose some."""
    settings = settings_of(directory)
    schools = with_store(settings, lambda store: store.read(school_hours.listing))
    usual = academy(settings)
    if as_json:
        typer.echo(
            json.dumps({"academy": asdict(usual), "schools": {uai: asdict(one) for uai, one in schools.items()}})
        )
        return
    for name, hours in {_("académie"): usual, **schools}.items():
        typer.echo(f"{name}: {_words(hours)}")


@app.command("set")
@with_help(_("Choisir celles d’un établissement, pour ses personnes qui n’ont rien choisi."))
def set_(
    directory: InstanceDir,
    uai: Uai,
    begins: Annotated[int, typer.Option("--from", help=_("De 18 à 22 ; -1 : à aucune heure."))],
    ends: Annotated[int, typer.Option("--to", help=_("De 5 à 10."))],
    weekends: Annotated[bool, typer.Option(help=_("Les samedis et dimanches."))] = True,
    holidays: Annotated[bool, typer.Option(help=_("Les congés scolaires."))] = False,
) -> None:
    """Choose those of a school, for its people who chose nothing."""
    _decide(directory, uai, Hours(begins, ends, weekends, holidays))


@app.command()
@with_help(_("Un établissement suit de nouveau l’académie."))
def reset(directory: InstanceDir, uai: Uai) -> None:
    """Let a school follow the academy again."""
    _decide(directory, uai, None)


def _decide(directory: InstanceDir, uai: str, hours: Hours | None) -> None:
    settings = settings_of(directory)

    def unit(tx: Tx) -> bool:
        return school_hours.decide(tx, origin(), uai, hours)

    if hours is not None and not hours.valid:
        fail(_("Elles commencent de 18 à 22 (ou -1), et finissent de 5 à 10."))
    with_store(settings, lambda store: store.write(unit))
    typer.echo(f"{uai.upper()}: {_words(hours or academy(settings))}")


def _words(hours: Hours) -> str:
    night = f"{hours.begins:02}:00-{hours.ends:02}:00" if hours.begins != NEVER else "-"
    more = [_("samedis et dimanches")] * hours.weekends + [_("congés scolaires")] * hours.holidays
    return ", ".join([night, *more])
