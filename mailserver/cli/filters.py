"""`mailserver filters`: the Sieve scripts of an account, and switching them off."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from mailserver.cli.accounts.desk import Desk, at_desk
from mailserver.cli.shared import AsJson, InstanceDir, origin, settings_of, with_help
from mailserver.filters import Scripts
from mailserver.model.folding import fold_login
from mailserver.store.account.filters import Stored
from mailserver.store.mail.access import boxes
from mailserver.texts.causes import utc
from mailserver.texts.command_line import _

Who = Annotated[
    str,
    typer.Argument(metavar="LOGIN", help=_("L’identifiant ou une adresse ; d’une boîte fonctionnelle, son adresse.")),
]
Off = Annotated[bool, typer.Option("--off", help=_("Arrêter le filtre ; les scripts restent."))]


@dataclass(frozen=True, slots=True)
class _Shown:
    scripts: Sequence[Stored]
    active: Stored | None
    source: str


@with_help(_("Montrer les filtres de messages d’un compte (scripts Sieve), ou les arrêter."))
def filters(directory: InstanceDir, login: Who, off: Off = False, as_json: AsJson = False) -> None:
    """Show the mail filters of an account, or switch them off."""
    settings = settings_of(directory)

    async def work(desk: Desk) -> _Shown:
        scripts = Scripts(settings=settings, store=desk.store)
        account_id = await _account(desk, login, settings.domain)
        if off and await scripts.active(account_id) is not None:
            await scripts.activate(account_id, "", origin())
        active = await scripts.active(account_id)
        source = active[1].decode("utf-8", "replace") if active is not None else ""
        return _Shown(await scripts.listing(account_id), active[0] if active is not None else None, source)

    shown = at_desk(settings, work)
    if as_json:
        print(json.dumps(_facts(login, shown), ensure_ascii=False))
        return
    if not shown.scripts:
        print(_("Aucun script."))
    for one in shown.scripts:
        state = _("en service") if one.active else _("arrêté")
        about = {"name": one.name, "size": one.size, "day": utc(one.changed)}
        print(_("{name} : {state}, {size} octets, écrit le {day}", state=state, **about))
    if shown.source:
        print(f"\n{shown.source.rstrip()}")


async def _account(desk: Desk, login: str, domain: str) -> int:
    """Of a person, or of a functional box. Raises Refused(NOT_FOUND)."""
    folded = fold_login(login)
    whole = folded if "@" in folded else f"{folded}@{domain}"
    return await desk.store.read(boxes.find, whole) or (await desk.accounts.find(login)).principal.account_id


def _facts(login: str, shown: _Shown) -> dict[str, object]:
    return {
        "login": login,
        "active": shown.active.name if shown.active is not None else None,
        "script": shown.source,
        "scripts": [
            {"name": one.name, "active": one.active, "size": one.size, "changed": one.changed} for one in shown.scripts
        ],
    }
