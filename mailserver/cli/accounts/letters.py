"""`mailserver account letters`: the sealed letters of a school, as its secretariat prints them."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from directory.people.secretariat import Printed, Secretariat
from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, origin, run, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal, Role, State
from mailserver.runtime.directory_adapter import make_directory
from mailserver.texts.command_line import _

MODE = 0o600
"""Letters hold codes: for the eyes of who printed them."""


def letters(
    directory: InstanceDir,
    output: Annotated[Path, typer.Argument(metavar="FILE.pdf", help=_("Où écrire les lettres."))],
    uai: Annotated[str, typer.Option(help=_("Code UAI de l’établissement."))],
    login: Annotated[list[str] | None, typer.Option(help=_("Seulement cette personne ; peut être répété."))] = None,
    as_json: AsJson = False,
) -> None:
    """Print sealed letters with fresh one-time codes for people of a school who wait for activation."""
    settings = settings_of(directory)
    if output.exists():
        fail(_("{output} : ce fichier existe déjà", output=output))
    wanted = {fold_login(one) for one in login or ()}
    printed = run(lambda: _print(settings, uai, wanted))
    try:
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
            file.write(printed.pdf)
    except OSError as error:
        fail(
            _(
                "{output} : {strerror} ; les codes de ces lettres sont perdus, imprimez-les de nouveau",
                output=output,
                strerror=error.strerror,
            )
        )
    if as_json:
        print(json.dumps({"letters": printed.letters, "file": str(output)}))
    else:
        print(
            _(
                "{letters} lettres dans {output} ; les codes imprimés avant ne valent plus rien.",
                letters=printed.letters,
                output=output,
            )
        )


async def _print(settings: Settings, uai: str, wanted: set[str]) -> Printed:
    async with open_store(settings) as store:
        directory = make_directory(settings, store, store.clock)
        try:
            office = Secretariat(settings=settings, directory=directory, store=store, clock=store.clock)
            console = _console()
            members = await office.people(console, uai)
            chosen = [
                member.principal.account_id
                for member in members
                if member.principal.state is State.PENDING and (not wanted or member.principal.login in wanted)
            ]
            missing = wanted - {member.principal.login for member in members}
            if missing:
                raise Refused(Reason.NOT_FOUND, _("{login} : personne de cet établissement", login=sorted(missing)[0]))
            return await office.print_letters(console, uai, chosen, origin())
        finally:
            directory.close()


def _console() -> Principal:
    """Whoever sits at the console is an administrator."""
    user = origin().actor
    return Principal(0, user, "", (), "", user, Role.ADMIN, State.ACTIVE)
