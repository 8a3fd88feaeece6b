"""`mailserver quiet`: the hours in which nobody is told of mail, of the academy and of its schools."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from mailserver.calendars.school.quiet_hours import academy
from mailserver.cli.shared import AsJson, InstanceDir, fail, origin, settings_of, with_help, with_store
from mailserver.model.account.quiet_hours import NEVER, Hours
from mailserver.store.engine.transactions import Tx
from mailserver.store.people import academy_hours, school_hours
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)
Uai = Annotated[str | None, typer.Argument(metavar="UAI", help=_("Le code de l’établissement ; sans lui, l’académie."))]


@app.command()
@with_help(_("Montrer celles de l’académie et celles des établissements qui en ont choisi."))
def show(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show those of the academy and of the schools that chose some."""
    settings = settings_of(directory)

    def unit(tx: Tx) -> tuple[Hours, dict[str, Hours], bool]:
        return academy(tx, settings), school_hours.listing(tx), academy_hours.decided(tx) is not None

    usual, schools, is_decided = with_store(settings, lambda store: store.read(unit))
    if as_json:
        told = {"academy": asdict(usual), "decided": is_decided}
        typer.echo(json.dumps({**told, "schools": {uai: asdict(one) for uai, one in schools.items()}}))
        return
    source = "" if is_decided else " ([quiet])"
    typer.echo(_("académie") + f": {_words(usual)}{source}")
    for uai, hours in schools.items():
        typer.echo(f"{uai}: {_words(hours)}")


@app.command("set")
@with_help(_("Choisir celles de l’académie, ou d’un établissement, pour les personnes qui n’ont rien choisi."))
def set_(
    directory: InstanceDir,
    begins: Annotated[int, typer.Option("--from", help=_("De 18 à 22 ; -1 : à aucune heure."))],
    ends: Annotated[int, typer.Option("--to", help=_("De 5 à 10."))],
    uai: Uai = None,
    weekends: Annotated[bool, typer.Option(help=_("Les samedis et dimanches."))] = True,
    holidays: Annotated[bool, typer.Option(help=_("Les congés scolaires."))] = False,
) -> None:
    """Choose those of the academy, or of a school, for people who chose nothing."""
    _decide(directory, uai, Hours(begins, ends, weekends, holidays))


@app.command()
@with_help(_("Un établissement suit de nouveau l’académie ; l’académie, sans UAI, ses réglages (`[quiet]`)."))
def reset(directory: InstanceDir, uai: Uai = None) -> None:
    """Let a school follow the academy again; the academy, without UAI, its settings (`[quiet]`)."""
    _decide(directory, uai, None)


def _decide(directory: InstanceDir, uai: str | None, hours: Hours | None) -> None:
    """An empty code is no school's, and not the academy: a variable of a script may be empty."""
    settings = settings_of(directory)

    def unit(tx: Tx) -> Hours:
        if uai is not None:
            school_hours.decide(tx, origin(), uai, hours)
        else:
            academy_hours.decide(tx, origin(), hours)
        return hours or academy(tx, settings)

    if hours is not None and not hours.valid:
        fail(_("Elles commencent de 18 à 22 (ou -1), et finissent de 5 à 10."))
    held = with_store(settings, lambda store: store.write(unit))
    name = uai.upper() if uai is not None else _("académie")
    typer.echo(f"{name}: {_words(held)}")


def _words(hours: Hours) -> str:
    night = f"{hours.begins:02}:00-{hours.ends:02}:00" if hours.begins != NEVER else "-"
    more = [_("samedis et dimanches")] * hours.weekends + [_("congés scolaires")] * hours.holidays
    return ", ".join([night, *more])
