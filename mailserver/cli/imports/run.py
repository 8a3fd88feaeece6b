"""`mailserver import`: an export becomes people. First the difference is shown, then it is applied."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from directory.imports.intake import Intake, Options, Report
from directory.imports.jobs import count_facts
from directory.imports.planning import Plan
from directory.imports.sources.records import Export
from directory.imports.sources.text_encoding import Encoding
from directory.imports.target import Outcome
from mailserver.cli.imports.report import Collector, place, sentence
from mailserver.cli.imports.source import alone, export_of, intake_of, progress
from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.store.engine.transactions import Store
from mailserver.texts.command_line import _


def import_people(
    directory: InstanceDir,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE…", help=_("people.csv, ou de l’AAF : des fichiers, un dossier, un .zip ou un .tar.gz.")
        ),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("Dire ce qui changerait ; ne rien écrire."))] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help=_("Refuser les lignes dont l’UAI a une mauvaise lettre de contrôle."))
    ] = False,
    accept_passwords: Annotated[
        bool,
        typer.Option(
            "--accept-passwords", help=_("Prendre les mots de passe du fichier pour les comptes jamais activés.")
        ),
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help=_("Le fichier nomme tout le monde de sa source : qui manque part."))
    ] = False,
    source: Annotated[str, typer.Option(help=_("De qui sont ces personnes, quand il y a plusieurs exports."))] = "",
    allow_leavers: Annotated[
        int | None, typer.Option(min=0, help=_("Combien peuvent partir ; sinon un dixième de la source."))
    ] = None,
    encoding: Annotated[
        Encoding,
        typer.Option(help=_("D’un fichier CSV ; auto : UTF-8, sinon Windows-1252 comme les tableurs l’écrivent.")),
    ] = Encoding.AUTO,
    yes: Annotated[bool, typer.Option("--yes", help=_("Tout le monde peut partir."))] = False,
    confirm_renames: Annotated[
        bool,
        typer.Option(
            "--confirm-renames",
            help=_(
                "L’identifiant d’une ligne est juste, même si son titulaire a un autre nom, un autre "
                "établissement ou une autre population."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create and update people from an export, after showing what changes; it can be taken back for a day.

    Columns of people.csv: given_name, surname and role (teacher, staff, pupil, secretariat, admin) are required;
    birth_date, numen, ine, uai, discipline, login, password, recovery_address, title, functions, classes, groups and
    hidden may be there. An empty cell says nothing.

    AAF is known by its content. A complete export of staff and pupils closes the accounts of whoever is missing,
    after `accounts.leaver_days`; a delta changes what it names.

    An import that was interrupted goes on when it is started again. Importing a file twice changes nothing.

    Exit codes: 0 done; 1 lines were refused, or too many people would leave (the report says which); 2 a file cannot
    be used, and nothing was written.
    """
    settings = settings_of(directory)
    if settings.ldap is not None and settings.ldap.read_only:
        fail(
            _(
                "l’annuaire appartient à quelqu’un d’autre : c’est là que l’on charge les personnes, et "
                "les comptes s’ouvrent à leur première apparition"
            )
        )
    options = Options(
        dry_run, strict, accept_passwords, sys.maxsize if yes else allow_leavers, encoding, confirm_renames
    )
    refused = carry_out(settings, files, source, options, full=full, as_json=as_json)
    raise typer.Exit(1 if refused else 0)


def carry_out(
    settings: Settings, files: Sequence[Path], source: str, options: Options, *, full: bool, as_json: bool
) -> int:
    """Plan, show, apply; how many lines were refused. A fault ends the command."""
    try:
        return run(lambda: _in_store(settings, files, source, options, full, as_json))
    except BadSyntax as error:
        fail(f"{files[0]}: {error}")
    except BrokenPipeError:
        fail(_("personne ne lit plus la sortie ; `mailserver imports list` dit ce qui a été appliqué"), 1)
    except OSError as error:
        fail(f"{error.filename or files[0]}: {error.strerror}")


async def _in_store(
    settings: Settings, files: Sequence[Path], source: str, options: Options, full: bool, as_json: bool
) -> int:
    def work(store: Store) -> int:
        with export_of(settings, store, files, source, full=full, encoding=options.encoding) as export:
            return _import(settings, store, export, files, options, as_json)

    async with open_store(settings) as store:
        with alone(settings):
            return await asyncio.to_thread(work, store)


def _import(
    settings: Settings, store: Store, export: Export, files: Sequence[Path], options: Options, as_json: bool
) -> int:
    began = time.monotonic()
    foreseen, done = Collector(whole=as_json), Collector(whole=as_json)
    with intake_of(settings, store, export.source, full=export.full) as intake:
        with progress("read and compare", export.size, octets=True) as advance:
            plan = intake.plan(export, options, foreseen, advance)
        try:
            if not as_json:
                foreseen.print_lines()
                foreseen.print_table()
            if options.dry_run:
                return _show_plan(plan, foreseen, as_json, time.monotonic() - began)
            report = _apply(intake, export, files, plan, options, done)
            return _show_report(report, foreseen, done, as_json, time.monotonic() - began)
        finally:
            plan.close()
            foreseen.close()
            done.close()


def _apply(
    intake: Intake, export: Export, files: Sequence[Path], plan: Plan, options: Options, done: Collector
) -> Report:
    names = "\n".join(str(path.resolve()) for path in files)
    with progress("apply", plan.size) as advance:
        try:
            return intake.apply(export, names, plan, options, done, advance)
        except Temporary as error:
            raise Temporary(
                _("{error} ; ce qui a été appliqué reste, et la même commande continue", error=error)
            ) from error


def _show_plan(plan: Plan, foreseen: Collector, as_json: bool, seconds: float) -> int:
    refused = plan.tally.counts[Outcome.REFUSED]
    if as_json:
        facts: dict[str, object] = {"dry_run": True, "run": 0, **count_facts(plan.tally)}
        foreseen.write_json(facts, foreseen.refused, foreseen.remarks)
    else:
        _tell_spared(plan.spared)
        print(_("À blanc : {tally} ; {seconds:.1f} s.", tally=sentence(plan.tally), seconds=seconds))
    return refused


def _show_report(report: Report, foreseen: Collector, done: Collector, as_json: bool, seconds: float) -> int:
    refused = report.tally.counts[Outcome.REFUSED]
    if as_json:
        facts: dict[str, object] = {"dry_run": False, "run": report.run_id, **count_facts(report.tally)}
        facts |= {"resumed": report.resumed, "earlier": dict(report.earlier)}
        done.write_json(facts, [*foreseen.refused, *done.refused], foreseen.remarks)
        return refused
    for fault in done.refused:
        print(place(fault) + _("refusé : {why}", why=fault.reason))
    _tell_spared(report.spared)
    if report.resumed:
        earlier = ", ".join(f"{count} {name}" for name, count in report.earlier.items() if count)
        before = earlier or _("rien")
        print(_("L’import {number} a été interrompu et continue ; avant : {done}.", number=report.run_id, done=before))
    named = _("Import {number} : ", number=report.run_id) if report.run_id else ""
    print(named + _("{tally} ; {seconds:.1f} s.", tally=sentence(report.tally), seconds=seconds))
    return refused


def _tell_spared(count: int) -> None:
    if count:
        print(
            _(
                "{count} lignes refusées ne disent pas de qui elles parlent : personne n’est donc tenu pour parti.",
                count=count,
            )
        )
