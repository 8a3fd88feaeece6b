"""`mailserver backup`: what an instance holds goes encrypted to another place, and is read back."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from mailserver.cli.backups.backup_list import fields, show_backups
from mailserver.cli.shared import AsJson, InstanceDir, fail, log_aside, progress, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Temporary
from mailserver.notices import backups
from mailserver.notices.backups import Restored
from mailserver.notices.house import House
from mailserver.operations.backup import making
from mailserver.operations.backup.kept import Keep
from mailserver.operations.backup.making import Report, Target
from mailserver.operations.backup.restic import CannotBackUp, shown
from mailserver.operations.health import restore_trial
from mailserver.operations.health.instance import place_of
from mailserver.operations.health.restore_trial import Trial
from mailserver.texts.command_line import LANGUAGE, _, of_error
from mailserver.texts.text import Translated, Untranslated

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
    thinned: Annotated[
        bool,
        typer.Option(
            "--thin-out",
            help=_("Ne rien sauver : retirer ce que --keep-… ne garde pas, si une nouvelle n’a pas de place."),
        ),
    ] = False,
    tested: Annotated[
        bool,
        typer.Option(
            "--test",
            help=_("Ne rien sauver : restaurer la dernière sauvegarde à part, la lire en entier, puis l’enlever."),
        ),
    ] = False,
    database: Annotated[
        str,
        typer.Option(help=_("Avec --test : une base PostgreSQL vide, où vient la base sauvée ; vidée ensuite.")),
    ] = "",
    tell: Annotated[
        bool,
        typer.Option(
            "--tell",
            help=_("Écrire aux administrateurs ce qu’un essai a donné, et qu’une sauvegarde a échoué."),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Back the instance up while it serves, encrypted, then read back what was stored. Exit code 1: it is no good."""
    log_aside()
    _check_alone({"--list": listed, "--thin-out": thinned, "--test": tested, "--init": new})
    if tell and (listed or thinned):
        fail(_("{name} ne va pas avec {other}", name="--tell", other="--list" if listed else "--thin-out"))
    if listed:
        show_backups(Target(target, key_file), as_json=as_json)
        return
    if database and not tested:
        fail(_("{name} va avec {main}", name="--database", main="--test"))
    keep = Keep(keep_daily, keep_weekly, keep_monthly)
    if thinned:
        _thin_out(settings_of(directory), Target(target, key_file), keep, as_json=as_json)
        return
    settings, where, faults = settings_of(directory), Target(target, key_file), list[Translated]()
    found: Restored | None = None
    try:
        if tested:
            trial = _tried(settings, where, database)
            faults = trial.faults
            found = None if faults else Restored(trial.backup.id, trial.messages, trial.files)
            _show_trial(trial, target, as_json=as_json)
        else:
            report = _made(settings, where, keep, new)
            faults = report.faults
            _show_report(report, target, as_json=as_json)
    except Temporary as error:
        faults = [error.sentence if isinstance(error, CannotBackUp) else Untranslated(str(error))]
        fail(of_error(error))
    except OSError as error:
        faults = [Untranslated(f"{error.filename or directory}: {error.strerror}")]
        fail(str(faults[0].to(LANGUAGE)))
    finally:
        if tell and (found or faults):
            _send(settings, target, found or faults, tested=tested)
    raise typer.Exit(1 if faults else 0)


def _check_alone(given: Mapping[str, bool]) -> None:
    """Each of these is another command; two of them end this one with exit code 2."""
    names = [name for name, value in given.items() if value]
    if len(names) > 1:
        fail(_("{name} ne va pas avec {other}", name=names[1], other=names[0]))


def _thin_out(settings: Settings, target: Target, keep: Keep, *, as_json: bool) -> None:
    try:
        removed = making.thin_out(place_of(settings), target, keep)
    except Temporary as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or settings.directory}: {error.strerror}")
    where = shown(target.address)
    text = _("{target} : {removed} sauvegardes retirées", target=where, removed=removed)
    print(json.dumps({"removed": removed}) if as_json else text)


def _made(settings: Settings, target: Target, keep: Keep, new: bool) -> Report:
    with progress() as tell:
        return making.make(place_of(settings), making.secrets_of(settings), target, keep, tell, new=new)


def _tried(settings: Settings, target: Target, database: str) -> Trial:
    with progress() as tell:
        return restore_trial.run(settings, target, tell, database)


def _send(settings: Settings, target: str, found: Restored | Sequence[Translated], *, tested: bool) -> None:
    """To the administrators. What it takes to write to them is read only where that is asked for."""
    from mailserver.cli.backups import backup_notice

    def write(house: House, to: str, token: bytes, now: float) -> bytes:
        if tested or isinstance(found, Restored):
            return backups.tried(house, shown(target), found, to, token=token, now=now)
        return backups.failed(house, shown(target), found, to, token=token, now=now)

    backup_notice.send(settings, write)


def _show_trial(trial: Trial, target: str, *, as_json: bool) -> None:
    if as_json:
        told = {"files": trial.files, "messages": trial.messages, "faults": [str(f.to("en")) for f in trial.faults]}
        print(json.dumps({**fields(trial.backup), **told}))
    elif not trial.faults:
        print(
            _(
                "{target} : sauvegarde {id} restaurée à part et lue en entier : {messages} messages, "
                "{files} gros messages",
                target=shown(target),
                id=trial.backup.id,
                messages=trial.messages,
                files=trial.files,
            )
        )
    for fault in trial.faults:
        print(f"mailserver: {fault.to(LANGUAGE)}", file=sys.stderr)


def _show_report(report: Report, target: str, *, as_json: bool) -> None:
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
