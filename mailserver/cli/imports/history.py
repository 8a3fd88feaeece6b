"""`mailserver imports`: what imports did, taking one back, going on with one that was interrupted."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from directory.imports.intake import Options, Undone
from mailserver.cli.imports.report import MAX_LINES
from mailserver.cli.imports.run import carry_out
from mailserver.cli.imports.source import alone, intake_of, progress
from mailserver.cli.shared import AsJson, InstanceDir, date, fail, open_store, run, settings_of, show_table, with_help
from mailserver.foundation.settings import Settings
from mailserver.store.engine.transactions import Store
from mailserver.store.people import bulk_people, imports
from mailserver.store.people.imports import Change, Run, RunState
from mailserver.texts.command_line import _

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

RunNumber = Annotated[
    int, typer.Argument(metavar="RUN", help=_("Le numéro de l’import, donné par `mailserver imports list`."))
]
LISTED = 50
PAGE = 1000
SHOWN = 50
"""Changes shown of a run; all of them with --json."""


@app.command("list")
@with_help(_("Les derniers imports, le plus récent d’abord."))
def list_(directory: InstanceDir, as_json: AsJson = False) -> None:
    """The last imports, newest first."""
    settings = settings_of(directory)

    async def work() -> list[Run]:
        async with open_store(settings) as store:
            return await store.read(imports.listing, LISTED)

    runs = run(work)
    if as_json:
        print(json.dumps([_facts(one, settings) for one in runs], ensure_ascii=False))
        return
    table = Table(_("Import"), _("Début"), _("Par"), _("Source"), _("État"), _("Bilan"), _("Fichiers"))
    for one in runs:
        table.add_row(
            str(one.id),
            date(one.at),
            one.actor,
            f"{one.source} {one.kind}",
            one.state.value,
            _counts(one),
            _files(one),
        )
    show_table(table)


@app.command()
@with_help(_("Un import : ce qu’il a fait à qui, tant que c’est gardé."))
def show(directory: InstanceDir, number: RunNumber, as_json: AsJson = False) -> None:
    """One import: what it did to whom, while that is kept."""
    settings = settings_of(directory)

    async def work() -> None:
        async with open_store(settings) as store:
            await asyncio.to_thread(_show, settings, store, number, as_json)

    run(work)


@app.command()
@with_help(
    _(
        "Annuler un import, pour autant que personne n’a rien changé depuis : pendant "
        "`accounts.undo_hours`, un jour.\n\n"
        "Les arrivants qui ne sont jamais entrés et n’ont pas de courrier quittent l’annuaire, les "
        "autres sont fermés ; les modifications sont\n"
        "reprises et les fermetures prévues annulées. Une annulation interrompue reprend quand on "
        "la relance.\n\n"
        "Code de retour 1 : l’import ne peut pas être annulé, ou certains ont été laissés ; le "
        "rapport dit lesquels."
    )
)
def undo(
    directory: InstanceDir,
    number: RunNumber,
    anyway: Annotated[
        bool,
        typer.Option(
            "--anyway",
            help=_("Bien qu’un import plus récent de sa source tienne ; ce que les deux ont changé est laissé."),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take an import back, as far as nobody has changed anything since: for `accounts.undo_hours`, a day.

    Arrivals who never came in and have no mail go from the directory, others are closed; changes are reversed and
    planned closings called off. One that was interrupted goes on when it is started again.

    Exit code 1: it cannot be taken back, or some were left; the report says which.
    """
    settings = settings_of(directory)

    async def work() -> Undone:
        async with open_store(settings) as store:
            with alone(settings):
                return await asyncio.to_thread(_undo, settings, store, number, anyway)

    undone = run(work)
    if as_json:
        left = [{"login": person.login, "reason": person.reason, **person.reason.facts} for person in undone.left]
        print(json.dumps({"run": number, "changes": undone.looked_at, "left": undone.left_count, "left_people": left}))
    else:
        for person in undone.left[:MAX_LINES]:
            print(_("{login} : laissé : {reason}", login=person.login, reason=person.reason))
        print(
            _(
                "Import {number} : {looked_at} annulés, {left_count} laissés.",
                number=number,
                looked_at=undone.looked_at - undone.left_count,
                left_count=undone.left_count,
            )
        )
    raise typer.Exit(1 if undone.left_count else 0)


@app.command()
@with_help(_("Continuer un import interrompu, à partir des mêmes fichiers : comme le relancer."))
def resume(directory: InstanceDir, number: RunNumber, as_json: AsJson = False) -> None:
    """Go on with an import that was interrupted, from the same files: the same as starting it again."""
    settings = settings_of(directory)

    async def find() -> Run | None:
        async with open_store(settings) as store:
            return await store.read(imports.get, number)

    found = run(find)
    if found is None:
        fail(_("import {number} : il n’existe pas", number=number), 1)
    if found.state is not RunState.APPLYING:
        fail(_("import {number} : {state}", number=number, state=found.state.value), 1)
    refused = carry_out(
        settings,
        [Path(name) for name in found.files.split("\n")],
        found.source,
        Options.of(found.options),
        full=found.kind == "full",
        as_json=as_json,
    )
    raise typer.Exit(1 if refused else 0)


def _undo(settings: Settings, store: Store, number: int, anyway: bool) -> Undone:
    oldest = int(store.clock.now()) - settings.accounts.undo_hours * 3600
    with intake_of(settings, store, "", full=False) as intake, progress("take back", None) as advance:
        return intake.undo(number, oldest, advance, anyway=anyway)


def _show(settings: Settings, store: Store, number: int, as_json: bool) -> None:
    found = store.read_now(imports.get, number)
    if found is None:
        fail(_("import {number} : il n’existe pas", number=number), 1)
    if as_json:
        head = json.dumps(_facts(found, settings), ensure_ascii=False)
        sys.stdout.write(f'{head[:-1]}, "changes": [')
        for place, facts in enumerate(_changes(store, number)):
            sys.stdout.write((", " if place else "") + json.dumps(facts, ensure_ascii=False))
        sys.stdout.write("]}\n")
        return
    for name, value in _facts(found, settings).items():
        print(f"{name}: {value}")
    table = Table(_("Ligne"), _("Identifiant"), _("Quoi"), _("Valeur d’avant"), _("Valeur d’après"), _("Depuis"))
    some = _named(store, store.read_now(imports.changes, number, 0, SHOWN))
    for facts in some:
        table.add_row(*(str(facts[name]) for name in ("line", "login", "outcome", "before", "after", "fate")))
    if some:
        show_table(table)


def _changes(store: Store, number: int) -> Iterator[dict[str, object]]:
    after = 0
    while page := store.read_now(imports.changes, number, after, PAGE):
        yield from _named(store, page)
        after = page[-1].seq


def _named(store: Store, page: Sequence[Change]) -> list[dict[str, object]]:
    """Changes, with whose they are. Keyed hashes say nothing to a reader and are left out."""
    known = store.read_now(bulk_people.by_ids, {change.account_id for change in page})
    return [
        {
            "line": change.line,
            "account": change.account_id,
            "login": known[change.account_id].login if change.account_id in known else "",
            "outcome": change.outcome,
            "before": _readable(change.before),
            "after": _readable(change.after),
            "fate": change.fate.value,
        }
        for change in page
    ]


def _readable(text: str) -> object:
    if not text.startswith("{"):
        return {}
    return {
        name: "changed" if name in ("numen", "ine", "birth_date") else value for name, value in json.loads(text).items()
    }


def _facts(one: Run, settings: Settings) -> dict[str, object]:
    until = (one.finished or one.at) + settings.accounts.undo_hours * 3600
    return {
        "run": one.id,
        "began": date(one.at),
        "finished": date(one.finished),
        "actor": one.actor,
        "source": one.source,
        "kind": one.kind,
        "state": one.state.value,
        "files": one.files.split("\n"),
        "counts": dict(one.counts),
        "can_be_taken_back_until": date(until) if one.state in (RunState.DONE, RunState.APPLYING) else "",
    }


def _counts(one: Run) -> str:
    return ", ".join(f"{count} {name}" for name, count in one.counts.items() if count)


def _files(one: Run) -> str:
    names = [Path(name).name for name in one.files.split("\n")]
    return names[0] + (_(" et {count} autres", count=len(names) - 1) if len(names) > 1 else "")
