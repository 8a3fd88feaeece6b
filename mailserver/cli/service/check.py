"""`mailserver check`: what is wrong with an instance, and what to do about it."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mailserver.cli.shared import AsJson, InstanceDir, fail, log_aside, settings_of
from mailserver.foundation.changes import Changes
from mailserver.foundation.settings import Settings
from mailserver.model.clock import SystemClock
from mailserver.model.errors import NewerSchema, Temporary
from mailserver.operations.health import deep_check
from mailserver.operations.health.doctor import examine
from mailserver.operations.health.findings import Finding, Grade
from mailserver.operations.health.instance import place_of
from mailserver.store.engine.transactions import Store
from mailserver.store.octets.files import folder_of
from mailserver.store.upkeep import opening
from mailserver.store.upkeep.integrity import Flaw, Part
from mailserver.texts.command_line import LANGUAGE, _
from mailserver.texts.languages import ENGLISH
from mailserver.texts.text import Text, Untranslated

NOT_COMPARED = Finding(
    "messages",
    Grade.PROBLEM,
    Text("rien de ce qui est conservé n’a été comparé : la base manque ou son schéma est plus ancien"),
)
STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "red"}


def check(
    directory: InstanceDir,
    with_dns: Annotated[
        bool,
        typer.Option(
            "--dns/--no-dns",
            help=_(
                "Regarder aussi les enregistrements DNS du domaine, et se connecter aux relais par où le courrier part."
            ),
        ),
    ] = True,
    deep: Annotated[
        bool, typer.Option("--deep", help=_("Lire tout le courrier, l’index de recherche et tous les compteurs."))
    ] = False,
    repair: Annotated[bool, typer.Option("--repair", help=_("De même, puis réparer ce qui peut l’être."))] = False,
    as_json: AsJson = False,
) -> None:
    """Look over settings, secrets, TLS, database, ports, directory and DNS. Exit code 1: something must be fixed.

    Changes nothing. --repair does: counts and search index are made again from the messages, files come back from
    quarantine, messages that are damaged or lost are marked; nothing is thrown away. The server may run meanwhile.
    """
    settings = settings_of(directory)
    log_aside()
    _refuse_newer(settings)
    findings = list(examine(settings, dns_too=with_dns))
    if deep or repair:
        findings += _compared(settings, repair=repair) if _is_current(settings) else [NOT_COMPARED]
    if as_json:
        print(json.dumps([_fields(finding) for finding in findings], ensure_ascii=False))
    else:
        _show(findings)
    raise typer.Exit(1 if any(finding.grade is Grade.PROBLEM for finding in findings) else 0)


def _is_current(settings: Settings) -> bool:
    """Whether there is a database that this version reads; the look before has said what is wrong otherwise."""
    try:
        return opening.look(place_of(settings))
    except (Temporary, OSError):
        return False


def _compared(settings: Settings, *, repair: bool) -> list[Finding]:
    """Everything that is stored, compared; with `repair` what was done, and what is left."""
    store = Store(
        settings.database_url, settings.data, SystemClock(), Changes(), read_only=not repair, blobs=folder_of(settings)
    )
    try:
        found = _looked(store)
        if not repair:
            return list(deep_check.findings(settings, found))
        done = deep_check.mend(store, found)
        told = [Finding("repair", Grade.OK, line) for line in done]
        return told + list(deep_check.findings(settings, _looked(store) if done else found))
    except (Temporary, OSError) as error:
        return [Finding("database", Grade.PROBLEM, Untranslated(str(error)))]
    finally:
        store.close()


def _looked(store: Store) -> dict[Part, list[Flaw]]:
    """With a bar on a terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, transient=True, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(_("Lecture"), total=None)
        return deep_check.look(store, lambda step: bar.update(task, completed=step.done, total=step.total))


def _show(findings: list[Finding]) -> None:
    console = Console(soft_wrap=True)
    for finding in findings:
        style = STYLES[finding.grade]
        console.print(f"[{style}]{finding.grade.value:<8}[/] {finding.subject:<10} {escape(finding.text.to(LANGUAGE))}")
        if remedy := finding.remedy.to(LANGUAGE):
            console.print(f"{'':20}→ {escape(remedy)}")


def _refuse_newer(settings: Settings) -> None:
    """Nothing can be said of a database that only a newer version understands; what else is wrong is a finding."""
    try:
        opening.look(place_of(settings))
    except NewerSchema as error:
        fail(str(error))
    except (Temporary, OSError):
        return


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "grade": finding.grade.value,
        "text": finding.text.to(ENGLISH),
        "remedy": finding.remedy.to(ENGLISH),
    }
