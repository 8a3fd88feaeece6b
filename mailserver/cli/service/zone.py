"""`mailserver dns`: the records to publish."""

import json
from enum import StrEnum
from typing import Annotated

import typer

from mailserver.cli.shared import InstanceDir, log_aside, settings_of
from mailserver.foundation.settings import Settings
from mailserver.operations.health import zone
from mailserver.operations.health.signing import stored_keys
from mailserver.operations.health.zone import Wanted
from mailserver.texts.command_line import LANGUAGE, _
from mailserver.texts.text import NOTHING


class Form(StrEnum):
    """How records are written."""

    BIND = "bind"
    JSON = "json"


def dns(
    directory: InstanceDir,
    form: Annotated[Form, typer.Option("--format", help=_("Fichier de zone, ou JSON."))] = Form.BIND,
) -> None:
    """Print the DNS records to publish; what is published is compared by `check`."""
    log_aside()
    settings = settings_of(directory)
    records = list(zone.records(settings, stored_keys(settings)))
    if form is Form.JSON:
        print(json.dumps([_fields(one) for one in records], ensure_ascii=False, indent=1))
        return
    for line in _zone_file(settings, records):
        print(line)


def _fields(one: Wanted) -> dict[str, object]:
    return {
        "name": one.name,
        "type": one.kind,
        "data": one.data,
        "needed": one.needed,
        "why": one.why.to(LANGUAGE),
        "note": one.note.to(LANGUAGE),
    }


def _zone_file(settings: Settings, records: list[Wanted]) -> list[str]:
    """Lines that a name server reads; what it says to people stands in comments."""
    lines = [
        "; " + _("Zones de {domains}, pour {host}.", domains=", ".join(settings.domains), host=settings.name),
        "; "
        + _(
            "Il manque ici les adresses de cet hôte (A, AAAA), et à chacune son nom (PTR) : {host}.", host=settings.name
        ),
    ]
    why = None
    for one in records:
        if one.why != why:
            why = one.why
            lines += ["", "; " + (why.to(LANGUAGE) if one.needed else _("facultatif : {why}", why=why.to(LANGUAGE)))]
        if one.note is not NOTHING:
            lines.append("; " + one.note.to(LANGUAGE))
        lines.append(one.line)
    return lines
