"""`mailserver account letters`: the sealed letters of a school, as its secretariat prints them."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from directory.people.secretariat import Printed, Secretariat
from mailserver.cli.accounts.account import user
from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.model.folding import fold_login
from mailserver.model.identity import Principal, Role, State
from mailserver.runtime.app import make_directory
from mailserver.store.record.audit import Origin

MODE = 0o600
"""Letters hold codes: for the eyes of who printed them."""


def letters(
    directory: InstanceDir,
    output: Annotated[Path, typer.Argument(metavar="FILE.pdf", help="Where to write the letters.")],
    uai: Annotated[str, typer.Option(help="UAI code of the school.")],
    login: Annotated[list[str] | None, typer.Option(help="Only this person; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print sealed letters with fresh one-time codes for people of a school who wait for activation."""
    settings = settings_of(directory)
    if output.exists():
        fail(f"{output}: there is such a file already")
    wanted = {fold_login(one) for one in login or ()}
    printed = run(lambda: _print(settings, uai, wanted))
    try:
        with open(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
            file.write(printed.pdf)
    except OSError as error:
        fail(f"{output}: {error.strerror}; the codes in these letters are lost, print them again")
    if as_json:
        print(json.dumps({"letters": printed.letters, "file": str(output)}))
    else:
        print(f"{printed.letters} letters in {output}; codes printed before are dead.")


async def _print(settings: Settings, uai: str, wanted: set[str]) -> Printed:
    async with open_store(settings) as store:
        directory = make_directory(settings, store, store.clock)
        try:
            office = Secretariat(settings=settings, directory=directory, store=store, clock=store.clock)
            console = _console()
            members = await office.people(console, uai)
            chosen = [
                one.principal.account_id
                for one in members
                if one.principal.state is State.PENDING and (not wanted or one.principal.login in wanted)
            ]
            missing = wanted - {one.principal.login for one in members}
            if missing:
                raise Refused(Reason.NOT_FOUND, f"{sorted(missing)[0]}: nobody of this school")
            return await office.print_letters(console, uai, chosen, Origin(user(), "console"))
        finally:
            directory.close()


def _console() -> Principal:
    """Whoever sits at the console is an administrator."""
    return Principal(0, user(), "", (), "", user(), Role.ADMIN, State.ACTIVE)
