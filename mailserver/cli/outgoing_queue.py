"""`mailserver queue`: what waits to leave, try it again, keep it, throw it away."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, origin, run, settings_of, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.store.engine.transactions import Store
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Entry
from mailserver.submission import queue_admin
from mailserver.texts.command_line import LANGUAGE, _

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...", help=_("Numéros de lignes, ou l’identifiant donné quand le message est entré dans la file.")
    ),
]
PAGE = 500
"""Rows read at a time."""
WIDTH = 240
"""Columns where the output is no terminal."""


@app.command()
@with_help(
    _(
        "Montrer ce qui attend : une ligne par message et domaine de destination. Code de retour 1 "
        ": une ligne nommée n’y est pas."
    )
)
def show(directory: InstanceDir, names: Names = None, as_json: AsJson = False) -> None:
    """Show what waits: one row per message and destination domain. Exit code 1: a named row is not there."""
    settings = settings_of(directory)
    entries = run(lambda: _entries(settings, names or []))
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
    elif entries:
        console = Console()
        if not console.is_terminal:
            console.width = WIDTH
        console.print(_table(entries))
    else:
        print(_("La file est vide."))


@app.command()
@with_help(
    _(
        "Réessayer des lignes maintenant, quel que soit leur tour ; sans ID toutes celles qui ne "
        "sont pas retenues. Un serveur qui tourne commence aussitôt."
    )
)
def retry(directory: InstanceDir, names: Names = None, as_json: AsJson = False) -> None:
    """Try rows again now, whatever their turn; without ID all that are not held. A running server starts at once."""
    settings = settings_of(directory)

    async def work(store: Store) -> int:
        rows = await _rows(store, names) if names else None
        return await store.write(queue_admin.retry, origin(), rows)

    count = with_store(settings, work)
    print(json.dumps({"retried": count}) if as_json else _("{count} à réessayer.", count=count))


@app.command()
@with_help(
    _("Empêcher des lignes de partir jusqu’à ce qu’elles soient nommées à `retry`. Ce qui part à l’instant continue.")
)
def hold(
    directory: InstanceDir,
    names: Annotated[
        list[str], typer.Argument(metavar="ID...", help=_("Des lignes, ou des identifiants de messages."))
    ],
    as_json: AsJson = False,
) -> None:
    """Keep rows from leaving until they are named to `retry`. What is being sent just now goes on."""
    settings = settings_of(directory)

    async def work(store: Store) -> int:
        return await store.write(queue_admin.hold, origin(), await _rows(store, names))

    count = with_store(settings, work)
    print(json.dumps({"held": count}) if as_json else _("{count} retenus.", count=count))


@app.command()
@with_help(_("Jeter des lignes. Personne n’en est averti : à employer pour ce qui n’aurait jamais dû partir."))
def drop(
    directory: InstanceDir,
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help=_("Jeter toute la file."))] = False,
    as_json: AsJson = False,
) -> None:
    """Throw rows away. Nobody is told: use it for what should never have left."""
    settings = settings_of(directory)
    if bool(names) == everything:
        fail(_("nommez les lignes à jeter, ou dites --all"))

    async def work(store: Store) -> int:
        if names:
            return await store.write(queue_admin.drop, origin(), await _rows(store, names))
        count = 0
        while entries := await store.read(spool.show, PAGE):
            count += await store.write(queue_admin.drop, origin(), [entry.id for entry in entries])
        return count

    count = with_store(settings, work)
    print(json.dumps({"dropped": count}) if as_json else _("{count} jetés.", count=count))


async def _rows(store: Store, names: Sequence[str]) -> list[int]:
    """The rows of these names; one that is not there ends the command with exit code 1."""
    rows: list[int] = []
    for name in names:
        found = await store.read(spool.find, name)
        if not found:
            fail(_("{name} : n’est pas dans la file", name=name), 1)
        rows += found
    return rows


async def _entries(settings: Settings, names: Sequence[str]) -> list[Entry]:
    async with open_store(settings) as store:
        wanted = await _rows(store, names) if names else None
        entries: list[Entry] = []
        while page := await store.read(spool.show, PAGE, entries[-1].id if entries else 0):
            entries += page
    return [entry for entry in entries if wanted is None or entry.id in wanted]


def _table(entries: Sequence[Entry]) -> Table:
    table = Table(box=None, header_style="bold")
    for title in (
        *(_("Ligne"), _("Numéro"), _("De"), _("À"), _("Taille")),
        *(_("En file depuis"), _("Prochain essai"), _("Essais"), _("Dernière réponse")),
    ):
        table.add_column(title, overflow="fold")
    for entry in entries:
        table.add_row(
            str(entry.id),
            entry.name,
            escape(entry.sender or "<>"),
            escape(", ".join(entry.recipients)),
            str(entry.size),
            _time(entry.created),
            _next_attempt(entry),
            str(entry.attempts),
            escape(entry.error.to(LANGUAGE)),
        )
    return table


def _next_attempt(entry: Entry) -> str:
    if entry.sending:
        return _("en cours d’envoi")
    return _("retenu") if entry.error.name == spool.HELD.name else _time(entry.due)


def _time(seconds: int) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
