"""`mailserver import`: the HR export becomes people, with a progress bar and a report of refused lines."""

import asyncio
import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from directory.imports import rows
from directory.imports.intake import Intake, Options, Report
from directory.imports.merging import Outcome
from directory.people import EmbeddedDirectory
from mailserver.commands.account import user
from mailserver.commands.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.errors import BadSyntax
from mailserver.settings import Settings
from mailserver.store.audit import Origin


def import_people(
    directory: InstanceDir,
    file: Annotated[Path, typer.Argument(metavar="people.csv", help="UTF-8, `,` or `;`, a header line.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse lines whose UAI has a wrong check letter.")] = False,
    accept_passwords: Annotated[
        bool, typer.Option("--accept-passwords", help="Take the file's passwords for accounts never activated.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create and update people from a CSV export. Exit code 1: some lines were refused; the report says which."""
    settings = settings_of(directory)
    if settings.ldap is not None:
        fail("the directory is an external one: load people there; their accounts open at first sight")
    options = Options(dry_run, strict, accept_passwords)
    began = time.monotonic()
    try:
        report = run(lambda: _import(settings, file, options))
    except BadSyntax as error:
        fail(f"{file}: {error}")
    except OSError as error:
        fail(f"{error.filename or file}: {error.strerror}")
    if as_json:
        print(json.dumps(_facts(report, dry_run), ensure_ascii=False))
    else:
        _print(report, dry_run, time.monotonic() - began)
    raise typer.Exit(1 if report.counts[Outcome.REFUSED] else 0)


async def _import(settings: Settings, path: Path, options: Options) -> Report:
    async with open_store(settings) as store:
        directory = EmbeddedDirectory(settings=settings, store=store, clock=store.clock)
        try:
            intake = Intake(store, directory.academy, directory.passwords, options, Origin(user(), "import"))
            return await asyncio.to_thread(_read, intake, path)
        finally:
            directory.close()


def _read(intake: Intake, path: Path) -> Report:
    total = rows.count(path)
    with path.open("rb") as raw, _progress() as bar:
        # What is not UTF-8 is refused line by line, so it must survive reading.
        file = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
        task = bar.add_task("people", total=total)
        advance: Callable[[int], None] = lambda done: bar.advance(task, done)  # noqa: E731
        report = intake.run(rows.read(file), advance)
        bar.update(task, completed=total)
        return report


def _progress() -> Progress:
    """On standard error, and only at a terminal: a program reads standard output."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
    )


def _facts(report: Report, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        **{outcome.value: count for outcome, count in report.counts.items()},
        "activated": report.activated,
        "refused_lines": [asdict(fault) for fault in report.refused],
        "warnings": [asdict(fault) for fault in report.warnings],
    }


def _print(report: Report, dry_run: bool, seconds: float) -> None:
    for fault in report.warnings:
        print(f"line {fault.number}: warning: {fault.reason}")
    for fault in report.refused:
        print(f"line {fault.number}: refused: {fault.reason}")
    left_out = report.counts[Outcome.REFUSED] - len(report.refused)
    if left_out:
        print(f"… and {left_out} more refused lines")
    counts = ", ".join(f"{count} {outcome.value}" for outcome, count in report.counts.items())
    print(f"{'Dry run: ' if dry_run else ''}{counts}; {report.activated} activated; {seconds:.1f} s.")
