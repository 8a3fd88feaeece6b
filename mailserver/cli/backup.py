"""`mailserver backup`: what an instance holds goes encrypted to another place, and is read back."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from mailserver.backup import making
from mailserver.backup.kept import Keep
from mailserver.backup.making import Report, Target
from mailserver.backup.restic import shown
from mailserver.cli.backup_list import fields, show_backups
from mailserver.cli.shared import AsJson, InstanceDir, fail, log_aside, progress, settings_of
from mailserver.foundation.settings import Settings
from mailserver.health import restore_trial
from mailserver.health.instance import place_of
from mailserver.model.errors import Temporary
from mailserver.texts.command_line import LANGUAGE, _, of_error

Days = Annotated[int, typer.Option(min=0, max=10_000, help=_("Jours dont la dernière sauvegarde est gardée."))]
Weeks = Annotated[int, typer.Option(min=0, max=10_000, help=_("Semaines dont la dernière sauvegarde est gardée."))]
Months = Annotated[int, typer.Option(min=0, max=10_000, help=_("Mois dont la dernière sauvegarde est gardée."))]
USUAL = Keep()
KeyFile = Annotated[Path, typer.Option(help=_("Fichier de la clé ; hors de DIR, et gardé ailleurs aussi."))]
Where = Annotated[
    str, typer.Argument(metavar="TARGET", help=_("Dossier, ou adresse que restic connaît : s3:…, sftp:…, rest:…"))
]


def backup(
    directory: InstanceDir,
    target: Where,
    key_file: KeyFile,
    new: Annotated[
        bool, typer.Option("--init", help=_("Créer la sauvegarde dans TARGET, où il n’y en a pas."))
    ] = False,
    keep_daily: Days = USUAL.daily,
    keep_weekly: Weeks = USUAL.weekly,
    keep_monthly: Months = USUAL.monthly,
    listed: Annotated[
        bool, typer.Option("--list", help=_("Montrer les sauvegardes ; DIR peut avoir disparu."))
    ] = False,
    tested: Annotated[
        bool,
        typer.Option(
            "--test",
            help=_("Ne rien sauver : restaurer la dernière sauvegarde à part, la lire toute, puis l’enlever."),
        ),
    ] = False,
    database: Annotated[
        str,
        typer.Option(help=_("Avec --test : une base PostgreSQL vide, où vient la base sauvée ; vidée ensuite.")),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Back the instance up while it serves, encrypted, then read back what was stored. Exit code 1: it is no good."""
    log_aside()
    if listed:
        show_backups(Target(target, key_file), as_json=as_json)
        return
    if database and not tested:
        fail(_("{name} va avec {main}", name="--database", main="--test"))
    try:
        if tested:
            _test(settings_of(directory), Target(target, key_file), database, as_json=as_json)
            return
        report = _made(
            settings_of(directory), Target(target, key_file), Keep(keep_daily, keep_weekly, keep_monthly), new
        )
    except Temporary as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or directory}: {error.strerror}")
    _tell(report, target, as_json=as_json)
    raise typer.Exit(1 if report.faults else 0)


def _made(settings: Settings, target: Target, keep: Keep, new: bool) -> Report:
    with progress() as tell:
        return making.make(place_of(settings), making.secrets_of(settings), target, keep, tell, new=new)


def _test(settings: Settings, target: Target, database: str, *, as_json: bool) -> None:
    with progress() as tell:
        trial = restore_trial.run(settings, target, tell, database)
    if as_json:
        told = {"files": trial.files, "messages": trial.messages, "faults": [str(f.to("en")) for f in trial.faults]}
        print(json.dumps({**fields(trial.backup), **told}))
    elif not trial.faults:
        print(
            _(
                "{target} : sauvegarde {id} restaurée à part et lue toute : {messages} messages, {files} gros messages",
                target=shown(target.address),
                id=trial.backup.id,
                messages=trial.messages,
                files=trial.files,
            )
        )
    for fault in trial.faults:
        print(f"mailserver: {fault.to(LANGUAGE)}", file=sys.stderr)
    raise typer.Exit(1 if trial.faults else 0)


def _tell(report: Report, target: str, *, as_json: bool) -> None:
    if as_json:
        told = {"files": report.files, "added": report.added, "removed": report.removed}
        print(json.dumps({**fields(report.backup), **told, "faults": [str(f.to("en")) for f in report.faults]}))
        return
    for fault in report.faults:
        print(f"mailserver: {fault.to(LANGUAGE)}", file=sys.stderr)
    if not report.faults:
        print(
            _(
                "{target} : sauvegarde {id}, relue ; {files} gros messages, {added} octets de plus, {removed} retirées",
                target=shown(target),
                id=report.backup.id,
                files=report.files,
                added=report.added,
                removed=report.removed,
            )
        )
