"""`mailserver check`: what is wrong with an instance, and what to do about it."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from mailserver.commands.shared import AsJson, InstanceDir, settings_of
from mailserver.doctor import Finding, Grade, examine

STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.PROBLEM: "red"}


def check(
    directory: InstanceDir,
    with_dns: Annotated[bool, typer.Option("--dns/--no-dns", help="Look up the domain's records too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Look over settings, secrets, TLS, database, ports, directory and DNS. Exit code 1: something must be fixed."""
    settings = settings_of(directory)
    findings = list(examine(settings, dns_too=with_dns))
    if as_json:
        print(json.dumps([_fields(finding) for finding in findings], ensure_ascii=False))
    else:
        console = Console(soft_wrap=True)
        for finding in findings:
            style = STYLES[finding.grade]
            console.print(f"[{style}]{finding.grade.value:<8}[/] {finding.subject:<10} {escape(finding.text.english)}")
            if finding.remedy.english:
                console.print(f"{'':20}→ {escape(finding.remedy.english)}")
    raise typer.Exit(1 if any(finding.grade is Grade.PROBLEM for finding in findings) else 0)


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "grade": finding.grade.value,
        "text": finding.text.english,
        "remedy": finding.remedy.english,
    }
