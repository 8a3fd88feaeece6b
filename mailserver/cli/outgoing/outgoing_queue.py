"""`mailserver queue`: what waits to leave, try it again, keep it, let it go, give it up, throw it away."""

import datetime
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mailserver.cli.shared import (
    AsJson,
    InstanceDir,
    fail,
    open_store,
    origin,
    run,
    settings_of,
    span,
    with_help,
    with_store,
)
from mailserver.foundation.settings import Settings
from mailserver.model.address import parse
from mailserver.model.errors import BadSyntax
from mailserver.outbound.submission import queue_admin
from mailserver.outbound.submission.queue_admin import Act
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import spool
from mailserver.store.queue.spool import Entry, Selection, selecting
from mailserver.store.queue.spool.selecting import Extent
from mailserver.store.record.audit import Origin
from mailserver.texts.catalogue import N_
from mailserver.texts.command_line import LANGUAGE, _

app = typer.Typer(no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID]...", help=_("Numéros de lignes, ou l’identifiant donné quand le message est entré dans la file.")
    ),
]
Recipient = Annotated[str, typer.Option("--recipient", metavar="ADDRESS", help=_("Pour ce destinataire, lui seul."))]
Domain = Annotated[str, typer.Option("--domain", metavar="DOMAIN", help=_("Vers ce domaine."))]
Sender = Annotated[
    str, typer.Option("--sender", metavar="ADDRESS", help=_("De cet expéditeur d’enveloppe ; <> pour des avis."))
]
OlderThan = Annotated[
    str, typer.Option("--older-than", metavar="SPAN", help=_("En file depuis plus longtemps : 30m, 2h, 1d."))
]
Yes = Annotated[bool, typer.Option("--yes", help=_("Ne pas demander d’accord pour ce qui est choisi."))]
DryRun = Annotated[bool, typer.Option("--dry-run", help=_("Seulement compter ce qui est choisi."))]
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
def show(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    as_json: AsJson = False,
) -> None:
    """Show what waits: one row per message and destination domain. Exit code 1: a named row is not there."""
    settings = settings_of(directory)
    wanted = _selection(recipient, domain, sender, older_than)
    entries = run(lambda: _entries(settings, names or [], wanted))
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], ensure_ascii=False))
    elif entries:
        console = Console()
        if not console.is_terminal:
            console.width = WIDTH
        console.print(_table(entries))
    else:
        print(_("La file est vide.") if not wanted.is_narrow else _("Rien de tel n’attend."))


@app.command()
@with_help(
    _(
        "Réessayer des lignes maintenant, quel que soit leur tour ; sans ID ni choix toutes celles qui ne "
        "sont pas retenues. Un serveur qui tourne commence aussitôt."
    )
)
def retry(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Try rows again now, whatever their turn; without ID all that are not held. A running server starts at once."""
    wanted = _selection(recipient, domain, sender, older_than)
    everything = not names and not wanted.is_narrow
    order = _Order(settings_of(directory), Act.RETRY, names, wanted, yes or everything, dry_run, as_json, everything)
    count = order.do(queue_admin.retry)
    print(json.dumps({"retried": count}) if as_json else _("{count} à réessayer.", count=count))


@app.command()
@with_help(
    _("Empêcher des lignes de partir jusqu’à `release` ou `retry` qui les nomme. Ce qui part à l’instant continue.")
)
def hold(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Keep rows from leaving until they are released, or named to `retry`. What is being sent just now goes on."""
    wanted = _selection(recipient, domain, sender, older_than)
    count = _Order(settings_of(directory), Act.HOLD, names, wanted, yes, dry_run, as_json).do(queue_admin.hold)
    print(json.dumps({"held": count}) if as_json else _("{count} retenus.", count=count))


@app.command()
@with_help(_("Laisser partir des lignes qui sont retenues par un opérateur, aussitôt."))
def release(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let rows leave that an operator holds, at once."""
    wanted = _selection(recipient, domain, sender, older_than)
    count = _Order(settings_of(directory), Act.RELEASE, names, wanted, yes, dry_run, as_json).do(queue_admin.release)
    print(json.dumps({"released": count}) if as_json else _("{count} partent.", count=count))


@app.command()
@with_help(_("Abandonner des lignes maintenant : plus aucun essai, et leurs expéditeurs reçoivent un avis d’échec."))
def expire(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give rows up now: no further attempt, and their senders are told that it failed."""
    wanted = _selection(recipient, domain, sender, older_than)
    count = _Order(settings_of(directory), Act.EXPIRE, names, wanted, yes, dry_run, as_json).do(queue_admin.expire)
    print(json.dumps({"expired": count}) if as_json else _("{count} abandonnés.", count=count))


@app.command("cancel")
@app.command()
@with_help(_("Jeter des lignes. Personne n’en est averti : à employer pour ce qui n’aurait jamais dû partir."))
def drop(
    directory: InstanceDir,
    names: Names = None,
    recipient: Recipient = "",
    domain: Domain = "",
    sender: Sender = "",
    older_than: OlderThan = "",
    everything: Annotated[bool, typer.Option("--all", help=_("Jeter toute la file."))] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Throw rows away. Nobody is told: use it for what should never have left."""
    wanted = _selection(recipient, domain, sender, older_than)
    if everything == (bool(names) or wanted.is_narrow):
        fail(_("nommez les lignes à jeter, ou dites --all"))
    order = _Order(settings_of(directory), Act.CANCEL, names, wanted, yes or everything, dry_run, as_json, everything)
    count = order.do(queue_admin.drop)
    print(json.dumps({"dropped": count}) if as_json else _("{count} jetés.", count=count))


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be done to rows that are named, or chosen."""

    settings: Settings
    act: Act
    names: Sequence[str] | None
    wanted: Selection
    yes: bool
    dry_run: bool
    as_json: bool
    everything: bool = False

    def do(self, unit: Callable[[Tx, Origin, Sequence[int]], int]) -> int:
        """How many rows it was done to. What is chosen is counted first, and agreed to."""
        if bool(self.names) == (self.wanted.is_narrow or self.everything):
            fail(_("nommez des lignes, ou choisissez par --recipient, --domain, --sender ou --older-than"))
        return with_store(self.settings, lambda store: self._named(store, unit) if self.names else self._chosen(store))

    async def _named(self, store: Store, unit: Callable[[Tx, Origin, Sequence[int]], int]) -> int:
        rows = await _rows(store, self.names or ())
        if self.dry_run:
            self._tell(Extent(len(rows), 0))
        count = 0
        for start in range(0, len(rows), PAGE):
            count += await store.write(unit, origin(), rows[start : start + PAGE])
        return count

    async def _chosen(self, store: Store) -> int:
        found = await store.read(selecting.extent, queue_admin.meant(self.act, self.wanted))
        if self.dry_run:
            self._tell(found)
        if found.rows and not self.yes:
            self._agree(found)
        count = last = 0
        while True:
            done, last = await store.write(queue_admin.act_on, origin(), self.act, self.wanted, last)
            count += done
            if not last:
                return count

    def _tell(self, found: Extent) -> NoReturn:
        facts = {"rows": found.rows, "recipients": found.recipients}
        print(json.dumps(facts) if self.as_json else _(_EXTENT, **facts))
        raise typer.Exit

    def _agree(self, found: Extent) -> None:
        """Whoever does not sit here says --yes beforehand. Ends the command with exit code 2 where nobody agrees."""
        told = _(_EXTENT, rows=found.rows, recipients=found.recipients)
        if not sys.stdin.isatty():
            fail(_("{told} Dites --yes pour le faire.", told=told))
        if not typer.confirm(_("{told} Continuer ?", told=told)):
            raise typer.Exit(2)


_EXTENT = N_("{rows} lignes, {recipients} destinataires.")


def _selection(recipient: str, domain: str, sender: str, older_than: str) -> Selection:
    """What the options say; what cannot be read ends the command with exit code 2."""
    if domain:
        try:
            domain = parse(f"x@{domain}").domain
        except BadSyntax:
            fail(_("{text!r} n’est pas un domaine", text=domain))
    return Selection(recipient.strip(), domain, sender.strip(), span(older_than))


async def _rows(store: Store, names: Sequence[str]) -> list[int]:
    """The rows of these names; one that is not there ends the command with exit code 1."""
    rows: list[int] = []
    for name in names:
        found = await store.read(spool.find, name, PAGE)
        if not found:
            fail(_("{name} : n’est pas dans la file", name=name), 1)
        while found:
            rows += found
            found = await store.read(spool.find, name, PAGE, found[-1])
    return rows


async def _entries(settings: Settings, names: Sequence[str], wanted: Selection) -> list[Entry]:
    async with open_store(settings) as store:
        if wanted.is_narrow:
            return await _narrowed(store, wanted)
        entries: list[Entry] = []
        if names:
            named = sorted(set(await _rows(store, names)))
            for start in range(0, len(named), PAGE):
                entries += await store.read(spool.entries, named[start : start + PAGE])
            return entries
        while page := await store.read(spool.show, PAGE, entries[-1].id if entries else 0):
            entries += page
    return entries


async def _narrowed(store: Store, wanted: Selection) -> list[Entry]:
    entries: list[Entry] = []
    while rows := await store.read(selecting.chosen, wanted, PAGE, entries[-1].id if entries else 0, busy=True):
        entries += await store.read(spool.entries, rows)
        if len(rows) < PAGE:
            break
    return entries


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
