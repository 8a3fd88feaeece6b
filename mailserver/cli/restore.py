"""`mailserver restore`: a whole instance comes back from a backup."""

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer

from mailserver.backup import restoring
from mailserver.backup.making import Target
from mailserver.backup.restoring import Restored
from mailserver.cli.shared import AsJson, fail, log_aside, progress, with_help
from mailserver.foundation.settings import SettingsError
from mailserver.model.errors import Temporary
from mailserver.texts.command_line import _, of_error


@with_help(
    _(
        "Restaurer une instance entière dans un dossier vide (et une base PostgreSQL vide).\n\n"
        "Ce qui attendait dans la file de sortie est retenu : c’est peut-être déjà parti. Le reste peut être servi."
    )
)
def restore(
    target: Annotated[str, typer.Argument(metavar="TARGET", help=_("Où `mailserver backup` a sauvé."))],
    directory: Annotated[Path, typer.Argument(metavar="DIR", help=_("Dossier vide, ou qui n’existe pas."))],
    key_file: Annotated[Path, typer.Option(help=_("Fichier de la clé de la sauvegarde."))],
    at: Annotated[
        str, typer.Option(help=_("La dernière sauvegarde de ce moment ou d’avant : 2026-11-29T08:00, heure d’ici."))
    ] = "",
    database: Annotated[
        str, typer.Option(help=_("URL d’une base PostgreSQL vide ; rien : celle des réglages sauvés."))
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Restore a whole instance into an empty folder (and an empty PostgreSQL database)."""
    log_aside()
    before = _moment(at)
    try:
        with progress() as tell:
            restored = restoring.restore(Target(target, key_file), directory, tell, before=before, database=database)
    except (Temporary, SettingsError) as error:
        fail(of_error(error))
    except OSError as error:
        fail(f"{error.filename or directory}: {error.strerror}")
    _tell(restored, directory, as_json=as_json)


def _moment(text: str) -> datetime.datetime | None:
    if not text:
        return None
    try:
        return datetime.datetime.fromisoformat(text).astimezone()
    except ValueError:
        fail(_("--at {text} : écrivez 2026-11-29T08:00", text=text))


def _tell(restored: Restored, directory: Path, *, as_json: bool) -> None:
    found = restored.returned
    if as_json:
        told = {"backup": restored.backup.id, "time": restored.backup.time, "files": restored.files}
        print(json.dumps({**told, "mailboxes": found.mailboxes, "held": found.held, "drafts": found.drafts}))
        return
    print(
        _(
            "{directory} : sauvegarde {id} restaurée, {mailboxes} dossiers, {files} gros messages",
            directory=directory,
            id=restored.backup.id,
            mailboxes=found.mailboxes,
            files=restored.files,
        )
    )
    if found.held:
        print(
            _(
                "{held} envois sont retenus, car peut-être déjà partis : `mailserver queue show {directory}`",
                held=found.held,
                directory=directory,
            )
        )
    if found.drafts:
        print(
            _(
                "{drafts} lettres programmées, peut-être déjà parties, sont redevenues des brouillons",
                drafts=found.drafts,
            )
        )
    print(
        _(
            "Mots de passe et droits sont ceux de {time} ; ce qui a été révoqué depuis doit l’être à nouveau",
            time=restored.backup.time,
        )
    )
