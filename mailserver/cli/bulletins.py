"""`mailserver bulletins`: announcements and maintenance windows of the web interface, also when nobody can log in."""

import datetime
import json
from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from mailserver.cli.shared import AsJson, InstanceDir, deadline, fail, origin, settings_of, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.store.account import bulletins
from mailserver.store.account.bulletins import Draft, Kind
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True)


@app.command("list")
@with_help(_("Montrer ce qui est publié et n’est pas terminé."))
def list_(directory: InstanceDir, as_json: AsJson = False) -> None:
    """Show what is posted and not over."""
    settings = settings_of(directory)
    posted = with_store(settings, lambda store: store.read(bulletins.listing))
    if as_json:
        print(json.dumps([asdict(bulletin) for bulletin in posted], ensure_ascii=False))
        return
    for bulletin in posted:
        end = _shown(settings, bulletin.ends) if bulletin.ends else _("son retrait")
        span = _("{start} jusqu’à {end}", start=_shown(settings, bulletin.begins), end=end)
        print(f"{bulletin.id}  {bulletin.kind.value}  {span}  {bulletin.fr}")


@app.command()
@with_help(_("Annoncer quelque chose à tous, ou fermer l’interface web, ou n’y laisser que lire, pour un temps."))
def post(
    directory: InstanceDir,
    kind: Annotated[
        Kind,
        typer.Argument(metavar="KIND", help=_("announcement (annonce), read-only (lecture seule) ou closed (fermé).")),
    ],
    text: Annotated[str, typer.Argument(metavar="TEXT", help=_("Ce que les gens lisent, en français."))],
    english: Annotated[str, typer.Option(help=_("La même chose en anglais."))] = "",
    begins: Annotated[
        str, typer.Option("--from", help=_("30m, 2h, 1d ou 2026-11-26T08:00 ; maintenant si rien n’est dit."))
    ] = "0m",
    until: Annotated[str, typer.Option(help=_("De même ; une maintenance en a besoin."))] = "",
    urgent: Annotated[bool, typer.Option(help=_("La montrer comme un avertissement."))] = False,
    as_json: AsJson = False,
) -> None:
    """Tell everybody something, or close the web interface, or let it be read only, for a while."""
    settings = settings_of(directory)
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    start = now if begins == "0m" else deadline(settings, begins)
    draft = Draft(kind, start, deadline(settings, until) if until else 0, text, english, urgent)
    if kind is not Kind.ANNOUNCEMENT and draft.ends <= max(now, start):
        fail(_("une maintenance a besoin d’une fin à venir : --until 2h"))
    number = with_store(settings, lambda store: store.write(bulletins.post, origin(), draft))
    print(json.dumps({"id": number}) if as_json else _("{number} : publiée.", number=number))


@app.command()
@with_help(_("En retirer une ; une maintenance en cours est terminée."))
def withdraw(directory: InstanceDir, number: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Take one away; maintenance that lasts is over."""
    settings = settings_of(directory)
    with_store(settings, lambda store: store.write(bulletins.withdraw, origin(), number))
    print(_("{number} : retirée.", number=number))


def _shown(settings: Settings, moment_: int) -> str:
    return f"{datetime.datetime.fromtimestamp(moment_, ZoneInfo(settings.web.timezone)):%Y-%m-%d %H:%M}"
