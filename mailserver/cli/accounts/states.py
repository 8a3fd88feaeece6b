"""`mailserver account suspend, resume, close, delete, keep, restore, erase`: the states of an account."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from directory.people import lifecycle
from directory.people.lifecycle import Account
from mailserver.cli.accounts.desk import Desk, Name, at_desk, moment, state_facts, tell
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model.folding import fold_login
from mailserver.store.account import accounts
from mailserver.store.account.accounts import Farewell, Standing

Reason = Annotated[str, typer.Option(help="Why; kept with the account.")]
At = Annotated[str, typer.Option("--at", metavar="DAY", help="Not now but on that day; its owner is told before.")]
Reply = Annotated[str, typer.Option("--reply", metavar="TEXT", help="What the closed account answers its mail.")]
Grace = Annotated[int | None, typer.Option("--grace", min=0, help="Days until it is erased; else the setting.")]


def suspend(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    start: Annotated[str, typer.Option("--from", metavar="DAY", help="Not now but from the start of that day.")] = "",
    until: Annotated[str, typer.Option("--until", metavar="DAY", help="Ends by itself after that day.")] = "",
    may_receive: Annotated[bool, typer.Option("--may-receive", help="Mail keeps arriving.")] = False,
    as_json: AsJson = False,
) -> None:
    """Suspend an account: nobody enters until it is resumed, or until the day given.

    Days are 2026-12-31 or 31/12/2026, with an hour '2026-12-31 08:00'.
    """
    settings = settings_of(directory)
    begin, end = moment(settings, start), moment(settings, until, end=True)
    account = at_desk(settings, lambda desk: desk.accounts.suspend(name, reason, may_receive, start=begin, until=end))
    tell(account, as_json)


def resume(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """End a suspension, call off a planned one, or open a closed account again."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.resume(name)), as_json)


def close(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    at: At = "",
    reply: Reply = "",
    no_reply: Annotated[bool, typer.Option("--no-reply", help="Its mail is refused at once.")] = False,
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Close an account: no login; its mail is taken and answered for a while; it can be restored until it is erased.

    Its identifier and addresses are never issued again.
    """
    tell(_close(directory, name, reason, at, reply, not no_reply, grace), as_json)


def delete(
    directory: InstanceDir,
    name: Name,
    reason: Reason = "",
    at: At = "",
    reply: Reply = "",
    grace: Grace = None,
    as_json: AsJson = False,
) -> None:
    """Close an account: no login, and no mail unless --reply. Its identifier and addresses are never issued again."""
    tell(_close(directory, name, reason, at, reply, bool(reply), grace), as_json)


def _close(
    directory: InstanceDir, name: str, reason: str, at: str, reply: str, replies: bool, grace: int | None
) -> Account:
    settings = settings_of(directory)
    day = moment(settings, at)

    async def work(desk: Desk) -> Account:
        if day:
            return await desk.accounts.plan_closing(name, day, reason, _farewell(settings, day, reply, replies, grace))
        now = int(desk.store.clock.now())
        return await desk.accounts.close(name, reason, _farewell(settings, now, reply, replies, grace))

    return at_desk(settings, work)


def _farewell(settings: Settings, closed: int, reply: str, replies: bool, grace: int | None) -> Farewell:
    return lifecycle.farewell(settings.accounts, closed, reply=reply, replies=replies, grace_days=grace)


def keep(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Call off a planned closing."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.cancel_closing(name)), as_json)


def restore(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Open a closed account again, with everything it held."""
    tell(at_desk(settings_of(directory), lambda desk: desk.accounts.restore(name)), as_json)


def erase(
    directory: InstanceDir,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a closed account for ever: mail, agendas, contacts, hashes, its entry. Its names are never issued again."""
    settings = settings_of(directory)
    if not yes:
        _ask(at_desk(settings, lambda desk: _login(desk, name)))

    async def work(desk: Desk) -> Standing:
        if not sys.stderr.isatty():
            return await desk.accounts.erase(name)
        with Console(stderr=True).status("Erasing…") as status:
            pieces = 0

            def progress() -> None:
                nonlocal pieces
                pieces += 1
                status.update(f"Erasing… {pieces}")

            return await desk.accounts.erase(name, progress)

    standing = at_desk(settings, work)
    if as_json:
        print(json.dumps({"login": standing.login, **state_facts(standing)}, ensure_ascii=False))
    else:
        print(f"{standing.login}: erased")


async def _login(desk: Desk, name: str) -> str:
    """The identifier to type; of an erasure that was interrupted at its end it is all that is known."""
    standing = await desk.store.read(accounts.by_login, fold_login(name))
    return standing.login if standing is not None else (await desk.accounts.find(name)).principal.login


def _ask(login: str) -> None:
    if not sys.stdin.isatty():
        fail("erasing cannot be taken back: say --yes")
    print("Everything this account holds is erased for ever.", file=sys.stderr)
    if input(f"Type its identifier ({login}) to go on: ").strip() != login:
        fail("nothing was erased", 1)
