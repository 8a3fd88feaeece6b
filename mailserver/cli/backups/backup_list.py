"""The backups of a target, as `backup --list` and `restore --list` show them."""

import json
from dataclasses import asdict

from mailserver.cli.shared import fail
from mailserver.model.errors import Temporary
from mailserver.operations.backup import kept, making
from mailserver.operations.backup.kept import Backup
from mailserver.operations.backup.making import Target
from mailserver.operations.backup.restic import Repository
from mailserver.texts.command_line import _, of_error


def fields(one: Backup) -> dict[str, object]:
    """What programs are told of one."""
    told = asdict(one)
    del told["parts"]
    return told


def show_backups(target: Target, *, as_json: bool) -> None:
    """Those that are whole, the oldest first."""
    try:
        making.check_key(target.key_file)
        backups = kept.list_backups(Repository(target.address, target.key_file))
    except Temporary as error:
        fail(of_error(error))
    if as_json:
        print(json.dumps([fields(one) for one in backups]))
        return
    for one in backups:
        print(f"{one.id}  {one.time[:19]}Z  {one.instance[:8]}  {one.engine}  {one.version} ({one.schema})")
    if not backups:
        print(_("Aucune sauvegarde complète"))
