"""`mailserver account change, hide, unhide, quota`: who somebody is, and how much they may keep."""

import json
import re
from typing import Annotated

import typer

from mailserver.cli.accounts.desk import Desk, Name, at_desk, tell
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of, with_help
from mailserver.model.identity import PersonChange, Role
from mailserver.store.mail import messages
from mailserver.texts.command_line import _

_SIZE = re.compile(r"(\d{1,15})\s*([KMGT]?)(?:i?[Bo])?", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


@with_help(
    _(
        "Changer qui est quelqu’un. Un nouveau nom apporte une nouvelle adresse et garde "
        "l’ancienne ; l’identifiant ne change jamais."
    )
)
def change(
    directory: InstanceDir,
    name: Name,
    given_name: Annotated[str | None, typer.Option(help=_("Prénom."))] = None,
    surname: Annotated[str | None, typer.Option(help=_("Nom ; l’ancienne adresse reste comme alias."))] = None,
    role: Annotated[Role | None, typer.Option(help=_("Population."))] = None,
    uai: Annotated[str | None, typer.Option(help=_("Code UAI de l’établissement."))] = None,
    discipline: Annotated[str | None, typer.Option(help=_("Discipline."))] = None,
    title: Annotated[str | None, typer.Option(help=_("M. ou Mme."))] = None,
    as_json: AsJson = False,
) -> None:
    """Change who somebody is. A new name brings a new address and keeps the old one; the identifier never changes."""
    wanted = PersonChange(
        given_name=given_name, surname=surname, role=role, uai=uai, discipline=discipline, title=title
    )
    if wanted == PersonChange():
        fail(_("rien à changer : dites quoi, par exemple --surname"))
    _change(directory, name, wanted, as_json)


@with_help(_("Ne montrer quelqu’un dans aucun carnet d’adresses ; son courrier arrive quand même."))
def hide(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show somebody in no address book; their mail arrives all the same."""
    _change(directory, name, PersonChange(hidden=True), as_json)


@with_help(_("Montrer de nouveau quelqu’un dans les carnets d’adresses."))
def unhide(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show somebody in address books again."""
    _change(directory, name, PersonChange(hidden=False), as_json)


def _change(directory: InstanceDir, name: str, wanted: PersonChange, as_json: bool) -> None:
    account = at_desk(settings_of(directory), lambda desk: desk.accounts.change(name, wanted))
    if as_json:
        tell(account, as_json)
        return
    print(f"{account.principal.login}: {account.principal.name} <{account.principal.address}>")


@with_help(_("Fixer combien de courrier un compte peut garder ; sans SIZE, le montrer."))
def quota(
    directory: InstanceDir,
    name: Name,
    size: Annotated[
        str, typer.Argument(metavar="[SIZE]", help=_("500M, 5G, none (aucun) ou default (celui du réglage)."))
    ] = "",
    count: Annotated[
        str,
        typer.Option(
            "--messages", help=_("Combien de messages : un nombre, none (aucun) ou default (celui du réglage).")
        ),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Set how much mail an account may keep; without SIZE, show it."""
    settings = settings_of(directory)
    octets = _octets(size) if size else None
    most = _count(count) if count else None
    usual = messages.Quota.of(settings.limits)

    async def work(desk: Desk) -> dict[str, object]:
        account = await (desk.accounts.find(name) if octets is None else desk.accounts.set_quota(name, octets))
        if most is not None:
            account = await desk.accounts.set_message_quota(name, most)
        used, held = await desk.store.read(messages.usage, account.principal.account_id)
        limits = await desk.store.read(messages.quota, account.principal.account_id, usual)
        default = account.standing.quota < 0
        return {
            "login": account.principal.login,
            "quota": account.principal.quota_bytes,
            "default": default,
            "octets": used,
            "quota_messages": limits.messages,
            "messages": held,
        }

    found = at_desk(settings, work)
    if as_json:
        print(json.dumps(found))
        return
    limit = found["quota"] or _("aucun quota")
    usual_size = _(" (le réglage)") if found["default"] else ""
    print(
        _("{login} : {octets} octets sur {limit}", login=found["login"], octets=found["octets"], limit=limit)
        + usual_size
    )
    count_limit = found["quota_messages"] or _("un nombre quelconque")
    print(_("{login} : {count} messages sur {most}", login=found["login"], count=found["messages"], most=count_limit))


def _count(text: str) -> int:
    if text.lower() in ("default", "none"):
        return -1 if text.lower() == "default" else 0
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 32:
        fail(_("{text!r} n’est pas un nombre de messages : écrivez 100000, none ou default", text=text))
    return int(text)


def _octets(size: str) -> int:
    if size.lower() == "default":
        return -1
    if size.lower() == "none":
        return 0
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        fail(_("{size!r} n’est pas une taille : écrivez 500M, 5G, none ou default", size=size))
    return int(found[1]) << _UNITS[found[2].upper()]
