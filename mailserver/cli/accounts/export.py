"""`mailserver account export`: everything an account holds, as one zip file."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from directory.people.lifecycle import Account
from mailserver.accounts.data_export import archive
from mailserver.accounts.data_export.archive import Progress as Step
from mailserver.accounts.data_export.folder import LOST_NAME
from mailserver.cli.accounts.desk import Desk, Name, at_desk
from mailserver.cli.shared import AsJson, InstanceDir, fail, log_aside, settings_of
from mailserver.store.mail import messages
from mailserver.texts.command_line import _

MODE = 0o600
"""Somebody's mail: for the eyes of who asked for it."""


def export(
    directory: InstanceDir,
    name: Name,
    output: Annotated[Path, typer.Argument(metavar="FILE.zip", help=_("Où l’écrire ; ne doit pas exister."))],
    as_json: AsJson = False,
) -> None:
    """Write everything an account holds into a zip file: mail, agendas, contacts, profile. Closed accounts too.

    Exit code 1: some messages are damaged in the storage; the file names them and has all others.
    """
    settings = settings_of(directory)
    zone = ZoneInfo(settings.web.timezone)
    log_aside()
    if output.exists():
        fail(_("{output} : ce fichier existe déjà", output=output))
    last = Step(0, 0)

    async def work(desk: Desk) -> Account:
        nonlocal last
        account = await desk.accounts.exported(name)
        used, _count = await desk.store.read(messages.usage, account.principal.account_id)
        last = await asyncio.to_thread(_write, desk, account, zone, output, used)
        return account

    account = at_desk(settings, work)
    told = {
        "login": account.principal.login,
        "file": str(output),
        "messages": last.messages,
        "octets": output.stat().st_size,
        "damaged": last.damaged,
    }
    if as_json:
        print(json.dumps(told, ensure_ascii=False))
    else:
        print(
            _("{login} : {messages} messages dans {output}", login=told["login"], messages=last.messages, output=output)
        )
    if last.damaged:
        fail(
            _(
                "{damaged} messages sont abîmés et laissés de côté : {list} dans le fichier les nomme",
                damaged=last.damaged,
                list=LOST_NAME,
            ),
            1,
        )


def _write(desk: Desk, account: Account, zone: ZoneInfo, output: Path, expected: int) -> Step:
    """Write the file, whole or not at all; how much mail is in it."""
    last = Step(0, 0)
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    partial = output.with_name(f"{output.name}.part")
    try:
        with (
            Progress(*columns, transient=True, disable=not sys.stderr.isatty()) as bar,
            open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file,
        ):
            task = bar.add_task(_("Export"), total=expected or None)

            def told(step: Step) -> None:
                nonlocal last
                last = step
                bar.update(task, completed=step.octets)

            for piece in archive.stream(desk.store, account.principal, account.standing, zone, told):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(output)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return last
