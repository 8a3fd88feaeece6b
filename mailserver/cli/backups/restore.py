"""`mailserver restore`: a whole instance comes back from a backup, or a part of it beside what is there."""

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from mailserver.cli import returned
from mailserver.cli.backups.backup_list import show_backups
from mailserver.cli.backups.part import Asked, AskedList, Source, restore_account, restore_of_list
from mailserver.cli.shared import AsJson, Endpoint, Region, fail, log_aside, progress, settings_of
from mailserver.foundation.settings import SettingsError
from mailserver.model.errors import Temporary
from mailserver.operations.backup import restoring
from mailserver.operations.backup.making import Target
from mailserver.operations.backup.restoring import Restored
from mailserver.operations.partial_restore import agendas, mail
from mailserver.texts.command_line import _, of_error

ACCOUNT = ("--folder", "--message", "--agenda", "--in-place", "--everything", "--even-erased", "--plan")
LIST = ("--as", "--apply")


Listed = Annotated[bool, typer.Option("--list", help=_("Montrer les sauvegardes et leurs heures."))]
At = Annotated[
    str, typer.Option(help=_("La dernière sauvegarde de ce moment ou d’avant : 2026-11-29T08:00, heure d’ici."))
]
Database = Annotated[str, typer.Option(help=_("URL d’une base PostgreSQL vide ; rien : celle des réglages sauvés."))]
OctetsTo = Annotated[
    str,
    typer.Option(help=_("Où viennent les gros messages : s3://seau/préfixe, ou un dossier ; rien : dans DIR.")),
]
Account = Annotated[
    str, typer.Option(metavar="LOGIN", help=_("Un compte : identifiant, adresse, ou boîte fonctionnelle."))
]
Folder = Annotated[str, typer.Option(help=_("De ce compte un dossier, avec ceux qu’il contient."))]
MessageId = Annotated[str, typer.Option(metavar="ID", help=_("De ce compte les messages de ce Message-ID."))]
Agenda = Annotated[str, typer.Option(metavar="NAME", help=_("De ce compte un agenda ou un carnet."))]
InPlace = Annotated[
    bool, typer.Option("--in-place", help=_("Ce qui manque aux agendas et carnets y revient, et non à côté."))
]
Everything = Annotated[
    bool, typer.Option("--everything", help=_("Aussi ce que le compte a encore : cela y sera deux fois."))
]
EvenErased = Annotated[
    bool, typer.Option("--even-erased", help=_("Aussi un compte qui a été effacé exprès ; il revient fermé."))
]
MailingList = Annotated[
    str, typer.Option(metavar="ADDRESS", help=_("Une liste ou boîte fonctionnelle : en quoi elle diffère."))
]
Beside = Annotated[
    str, typer.Option("--as", metavar="ADDRESS", help=_("En faire une nouvelle liste, de cette adresse."))
]
Apply = Annotated[bool, typer.Option("--apply", help=_("Rendre la liste comme elle était."))]
Plan = Annotated[bool, typer.Option("--plan", help=_("Du compte, montrer ce qui reviendrait ; rien ne change."))]


def restore(
    target: Annotated[str, typer.Argument(metavar="TARGET", help=_("Où `mailserver backup` a sauvé."))],
    key_file: Annotated[Path, typer.Option(help=_("Fichier de la clé de la sauvegarde."))],
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help=_("Dossier vide, ou qui n’existe pas ; d’une partie, l’instance.")),
    ] = None,
    listed: Listed = False,
    at: At = "",
    database: Database = "",
    octets: OctetsTo = "",
    endpoint: Endpoint = "",
    region: Region = "",
    account: Account = "",
    folder: Folder = "",
    message: MessageId = "",
    agenda: Agenda = "",
    in_place: InPlace = False,
    everything: Everything = False,
    even_erased: EvenErased = False,
    mailing_list: MailingList = "",
    beside: Beside = "",
    apply: Apply = False,
    plan: Plan = False,
    as_json: AsJson = False,
) -> None:
    """Restore a whole instance into an empty folder, or a part of a backup beside what is there."""
    log_aside()
    if listed:
        show_backups(Target(target, key_file), as_json=as_json)
        return
    if directory is None:
        fail(_("il manque DIR ; --list seul s’en passe"))
    source = Source(Target(target, key_file), _moment(at), database)
    of_account = (folder, message, agenda, in_place, everything, even_erased, plan)
    _check(
        account,
        mailing_list,
        dict(zip(ACCOUNT, of_account, strict=True)),
        dict(zip(LIST, (beside, apply), strict=True)),
    )
    storage = _storage(octets, endpoint, region, whole=not (account or mailing_list))
    if account:
        asked = Asked(
            account,
            None if agenda else mail.Wanted(folder, message, everything),
            None if folder or message else agendas.Wanted(agenda, in_place, everything),
            even_erased,
            plan,
        )
        restore_account(settings_of(directory), source, asked, as_json=as_json)
    if mailing_list:
        restore_of_list(settings_of(directory), source, AskedList(mailing_list, beside, apply), as_json=as_json)
        return
    _whole(source, directory, storage, as_json=as_json)


def _storage(octets: str, endpoint: str, region: str, *, whole: bool) -> dict[str, str]:
    """Settings of where large messages come to; anything that does not fit ends the command with exit code 2."""
    values = {"url": octets, "endpoint": endpoint, "region": region}
    given = {name: value for name, value in values.items() if value}
    if given and not octets:
        fail(_("{name} va avec {main}", name=f"--{next(iter(given))}", main="--octets"))
    if given and not whole:
        fail(_("--octets est d’une instance entière, non d’une partie"))
    return given


def _check(account: str, mailing_list: str, of_account: Mapping[str, object], of_list: Mapping[str, object]) -> None:
    """Options that go together; anything else ends the command with exit code 2."""
    if account and mailing_list:
        fail(_("--account et --mailing-list ne vont pas ensemble"))
    for main, given, options in (("--account", account, of_account), ("--mailing-list", mailing_list, of_list)):
        for name, value in options.items():
            if value and not given:
                fail(_("{name} va avec {main}", name=name, main=main))
    if of_account["--agenda"] and (of_account["--folder"] or of_account["--message"]):
        fail(_("--agenda ne va pas avec --folder ni --message"))
    if of_account["--in-place"] and (of_account["--folder"] or of_account["--message"] or of_account["--everything"]):
        fail(_("--in-place ne va pas avec --folder, --message ni --everything"))


def _whole(source: Source, directory: Path, storage: Mapping[str, str], *, as_json: bool) -> None:
    try:
        with progress() as tell:
            restored = restoring.restore(
                source.target, directory, tell, before=source.before, database=source.database, octets=storage
            )
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
        print(json.dumps({**told, **returned.fields(found)}))
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
    returned.tell_what_waits(found, directory)
    print(
        _(
            "Mots de passe et droits sont ceux de {time} ; ce qui a été révoqué depuis doit l’être à nouveau",
            time=restored.backup.time,
        )
    )
