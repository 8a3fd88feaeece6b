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
from directory.imports.records import Export
from directory.imports.target import Outcome
from directory.imports.text_encoding import Encoding
from mailserver.cli.imports.report import Collector, place, sentence
from mailserver.cli.imports.source import alone, export_of, intake_of, progress
from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.errors import BadSyntax, Temporary
from mailserver.store.engine.transactions import Store


def import_people(
    directory: InstanceDir,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help="people.csv, or AAF: files, a folder, a .zip or .tar.gz.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse lines whose UAI has a wrong check letter.")] = False,
    accept_passwords: Annotated[
        bool, typer.Option("--accept-passwords", help="Take the file's passwords for accounts never activated.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The file names everybody of its source: whoever is missing leaves.")
    ] = False,
    source: Annotated[str, typer.Option(help="Whose people these are, where there are several exports.")] = "",
    allow_leavers: Annotated[
        int | None, typer.Option(min=0, help="How many may leave; else a tenth of the source.")
    ] = None,
    encoding: Annotated[
        Encoding, typer.Option(help="Of a CSV file; auto: UTF-8, else Windows-1252 as spreadsheets write it.")
    ] = Encoding.AUTO,
    yes: Annotated[bool, typer.Option("--yes", help="Everybody may leave.")] = False,
    confirm_renames: Annotated[
        bool,
        typer.Option(
            "--confirm-renames", help="A line's login is right, also where its owner has another name, school or role."
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
        fail("the directory belongs to somebody else: its owner loads people there, and accounts open at first sight")
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
        fail("nobody reads the output any more; `mailserver imports list` says what was applied", 1)
    except OSError as error:
        fail(f"{error.filename or files[0]}: {error.strerror}")


async def _in_store(
    settings: Settings, files: Sequence[Path], source: str, options: Options, full: bool, as_json: bool
) -> int:
    def work(store: Store) -> int:
        with export_of(store, files, source, full=full, encoding=options.encoding) as export:
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
            raise Temporary(f"{error}; what was applied stays, and the same command goes on") from error


def _show_plan(plan: Plan, foreseen: Collector, as_json: bool, seconds: float) -> int:
    refused = plan.tally.counts[Outcome.REFUSED]
    if as_json:
        facts: dict[str, object] = {"dry_run": True, "run": 0, **count_facts(plan.tally)}
        foreseen.write_json(facts, foreseen.refused, foreseen.remarks)
    else:
        _tell_spared(plan.spared)
        print(f"Dry run: {sentence(plan.tally)}; {seconds:.1f} s.")
    return refused


def _show_report(report: Report, foreseen: Collector, done: Collector, as_json: bool, seconds: float) -> int:
    refused = report.tally.counts[Outcome.REFUSED]
    if as_json:
        facts: dict[str, object] = {"dry_run": False, "run": report.run_id, **count_facts(report.tally)}
        facts |= {"resumed": report.resumed, "earlier": dict(report.earlier)}
        done.write_json(facts, [*foreseen.refused, *done.refused], foreseen.remarks)
        return refused
    for fault in done.refused:
        print(f"{place(fault)}refused: {fault.reason}")
    _tell_spared(report.spared)
    if report.resumed:
        earlier = ", ".join(f"{count} {name}" for name, count in report.earlier.items() if count)
        print(f"Import {report.run_id} was interrupted and goes on; before: {earlier or 'nothing'}.")
    named = f"Import {report.run_id}: " if report.run_id else ""
    print(f"{named}{sentence(report.tally)}; {seconds:.1f} s.")
    return refused


def _tell_spared(count: int) -> None:
    if count:
        print(f"{count} refused lines do not say whom they are about, so nobody was taken for a leaver.")
