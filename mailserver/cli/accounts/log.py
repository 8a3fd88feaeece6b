"""`mailserver account log`: who did what to which account, and whether the record was tampered with."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

from mailserver.background.audit_sealing import verify
from mailserver.cli.shared import (
    AsJson,
    InstanceDir,
    fail,
    open_store,
    run,
    settings_of,
    show_table,
    utc_day,
)
from mailserver.foundation.settings import Settings
from mailserver.model.errors import Reason, Refused
from mailserver.runtime.directory_adapter import make_directory
from mailserver.store.record import audit
from mailserver.store.record.audit import Action, Event, Wanted
from mailserver.store.record.sealing import Break, Head
from mailserver.texts.causes import utc
from mailserver.texts.command_line import LANGUAGE, _

MAX_ROWS = 100_000


def log(
    directory: InstanceDir,
    name: Annotated[str, typer.Argument(metavar="[LOGIN]", help=_("Un compte ; sans lui, tous."))] = "",
    action: Annotated[Action | None, typer.Option(help=_("Seulement ce genre d’acte."))] = None,
    actor: Annotated[str, typer.Option(help=_("Seulement les actes de cet auteur."))] = "",
    since: Annotated[str, typer.Option(help=_("Pas avant ce jour, 2026-09-01."))] = "",
    until: Annotated[str, typer.Option(help=_("Avant ce jour."))] = "",
    limit: Annotated[int, typer.Option(min=1, max=MAX_ROWS, help=_("Lignes au plus, les plus récentes."))] = 100,
    check: Annotated[
        bool, typer.Option("--verify", help=_("Vérifier la chaîne des sceaux au lieu de lister."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the audit of one account or of all, newest first; or verify that nobody changed it."""
    settings = settings_of(directory)
    if check:
        return _verify(settings, as_json)
    wanted = Wanted(None, action, actor, utc_day("--since", since), utc_day("--until", until))
    events = run(lambda: _read(settings, name, wanted, limit + 1))
    if len(events) > limit:
        del events[limit:]
        text = _("Il y en a d’autres, plus anciens : --limit, ou --until.")
        print(f"mailserver: {text}", file=sys.stderr)
    if as_json:
        print(json.dumps([event_facts(event) for event in events], ensure_ascii=False))
        return None
    show_table(_table(events))
    return None


async def _read(settings: Settings, name: str, wanted: Wanted, limit: int) -> list[Event]:
    async with open_store(settings) as store:
        account_id = None
        if name:
            directory = make_directory(settings, store, store.clock)
            try:
                principal = await directory.find(name)
            finally:
                directory.close()
            if principal is None:
                raise Refused(Reason.NOT_FOUND, _("{name} : ce compte n’existe pas", name=name))
            account_id = principal.account_id
        chosen = Wanted(account_id, wanted.action, wanted.actor, wanted.since, wanted.until)
        return await store.read(audit.find, chosen, limit)


def _verify(settings: Settings, as_json: bool) -> None:
    """Exit code 1 when the chain is broken."""
    end, fault, waiting = run(lambda: _whole(settings))
    if as_json:
        facts = {"rows": end.link, "seal": end.seal.hex(), "unsealed": waiting}
        print(json.dumps({**facts, "fault": asdict(fault) if fault else None}))
    elif fault is None:
        print(
            _(
                "Le registre est entier : {link} actes ont été scellés, le dernier sceau est {seal}.",
                link=end.link,
                seal=end.seal.hex(),
            )
        )
        if waiting:
            print(_("Des actes plus récents attendent leur sceau : le serveur les scelle quand il tourne."))
    if fault is not None:
        fail(_("le registre a été altéré au maillon {link} : {why}", link=fault.link, why=fault.why.to(LANGUAGE)), 1)


async def _whole(settings: Settings) -> tuple[Head, Break | None, bool]:
    async with open_store(settings) as store:
        return await verify(settings, store)


def event_facts(event: Event) -> dict[str, Any]:
    """A row with its sentence in English, and what it is made of, for programs."""
    made = event.detail.facts if event.detail else {"code": "", "values": {}}
    return {**asdict(event), "at": utc(event.at), "code": made["code"], "parameters": made["values"]}


def _table(events: list[Event]) -> Table:
    table = Table(_("Quand"), _("Qui"), _("Action"), _("Compte"), _("Porte"), _("Depuis l’adresse"), _("Détail"))
    for event in events:
        row = (
            event.actor,
            event.action.value,
            str(event.account_id),
            event.service,
            event.peer,
            event.detail.to(LANGUAGE),
        )
        table.add_row(utc(event.at), *row)
    return table
