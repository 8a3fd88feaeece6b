"""`mailserver account change, hide, unhide, quota`: who somebody is, and how much they may keep."""

import json
import re
from typing import Annotated

import typer

from mailserver.cli.accounts.desk import Desk, Name, at_desk, tell
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of
from mailserver.model.identity import PersonChange, Role
from mailserver.store.mail import messages

_SIZE = re.compile(r"(\d{1,15})\s*([KMGT]?)(?:i?[Bo])?", re.IGNORECASE)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def change(
    directory: InstanceDir,
    name: Name,
    given_name: Annotated[str | None, typer.Option(help="Given name.")] = None,
    surname: Annotated[str | None, typer.Option(help="Surname; the old address stays as an alias.")] = None,
    role: Annotated[Role | None, typer.Option(help="Population.")] = None,
    uai: Annotated[str | None, typer.Option(help="UAI code of the school.")] = None,
    discipline: Annotated[str | None, typer.Option(help="Discipline.")] = None,
    title: Annotated[str | None, typer.Option(help="M. or Mme.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change who somebody is. A new name brings a new address and keeps the old one; the identifier never changes."""
    wanted = PersonChange(
        given_name=given_name, surname=surname, role=role, uai=uai, discipline=discipline, title=title
    )
    if wanted == PersonChange():
        fail("nothing to change: say what, as --surname")
    _change(directory, name, wanted, as_json)


def hide(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show somebody in no address book; their mail arrives all the same."""
    _change(directory, name, PersonChange(hidden=True), as_json)


def unhide(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show somebody in address books again."""
    _change(directory, name, PersonChange(hidden=False), as_json)


def _change(directory: InstanceDir, name: str, wanted: PersonChange, as_json: bool) -> None:
    account = at_desk(settings_of(directory), lambda desk: desk.accounts.change(name, wanted))
    if as_json:
        tell(account, as_json)
        return
    print(f"{account.principal.login}: {account.principal.name} <{account.principal.address}>")


def quota(
    directory: InstanceDir,
    name: Name,
    size: Annotated[str, typer.Argument(metavar="[SIZE]", help="500M, 5G, none, or default.")] = "",
    count: Annotated[str, typer.Option("--messages", help="How many messages: a number, none, or default.")] = "",
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
    limit = found["quota"] or "none"
    print(f"{found['login']}: {found['octets']} octets of {limit}{' (the default)' if found['default'] else ''}")
    print(f"{found['login']}: {found['messages']} messages of {found['quota_messages'] or 'any number'}")


def _count(text: str) -> int:
    if text.lower() in ("default", "none"):
        return -1 if text.lower() == "default" else 0
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 32:
        fail(f"{text!r} is no number of messages: write 100000, none or default")
    return int(text)


def _octets(size: str) -> int:
    if size.lower() == "default":
        return -1
    if size.lower() == "none":
        return 0
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        fail(f"{size!r} is no size: write 500M, 5G, none or default")
    return int(found[1]) << _UNITS[found[2].upper()]
