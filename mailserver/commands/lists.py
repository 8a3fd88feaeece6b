"""`mailserver list`: distribution lists of the embedded directory."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from directory import rosters
from mailserver.commands.shared import AsJson, InstanceDir, fail, open_store, run
from mailserver.commands.shared import settings_of as any_settings_of
from mailserver.settings import Settings
from mailserver.store import lists
from mailserver.store.transactions import Tx

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The list's address, or the part before the @.")]
Members = Annotated[list[str] | None, typer.Option("--member", "-m", help="Address of a member; may be repeated.")]


@app.command()
def create(
    directory: InstanceDir,
    address: Address,
    name: Annotated[str, typer.Option(help="Name shown to people.")] = "",
    owner: Annotated[str, typer.Option(help="Address of the list's owner.")] = "",
    members: Members = None,
) -> None:
    """Make a list."""
    settings = settings_of(directory)
    whole = _whole(settings, address)
    wanted = [_whole(settings, member) for member in members or ()]
    responsible = _whole(settings, owner) if owner else ""
    _write(settings, lambda tx: rosters.create(tx, whole, name or whole, responsible, wanted))
    print(f"{whole}: list with {len(wanted)} members made.")


@app.command()
def show(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="One list; without it all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every list, or who receives what is sent to one."""
    settings = settings_of(directory)
    if address is None:
        found = _read(settings, lists.listing)
        if as_json:
            print(json.dumps([asdict(entry) for entry in found], ensure_ascii=False))
            return
        for entry in found:
            print(f"{entry.address}  {entry.name}")
        print(f"{len(found)} lists.")
        return
    whole = _whole(settings, address)

    entry, held, receivers = _read(settings, lambda tx: _roster(tx, whole))
    if as_json:
        print(json.dumps({**asdict(entry), "members": held, "receivers": receivers}, ensure_ascii=False))
        return
    print(f"{entry.address}  {entry.name}")
    for member in held:
        print(f"  {member}")
    print(f"{len(held)} members, {len(receivers)} addresses receive.")


@app.command()
def members(
    directory: InstanceDir,
    address: Address,
    add: Annotated[list[str] | None, typer.Option("--add", help="Address to add; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Address to remove; may be repeated.")] = None,
) -> None:
    """Add and remove members."""
    settings = settings_of(directory)
    whole = _whole(settings, address)
    wanted = [_whole(settings, one) for one in add or ()]
    unwanted = [_whole(settings, one) for one in remove or ()]
    added, removed = _write(settings, lambda tx: rosters.edit(tx, whole, wanted, unwanted))
    print(f"{whole}: {added} added, {removed} removed.")


@app.command()
def delete(directory: InstanceDir, address: Address) -> None:
    """Delete a list; no person ever gets its address."""
    settings = settings_of(directory)
    whole = _whole(settings, address)
    _write(settings, lambda tx: rosters.delete(tx, whole))
    print(f"{whole}: list deleted.")


def _whole(settings: Settings, address: str) -> str:
    """With our domain when none is written, in canonical form."""
    text = address if "@" in address else f"{address}@{settings.domain}"
    return run(lambda: _canonical(text))


async def _canonical(text: str) -> str:
    return rosters.canonical(text)


def _roster(tx: Tx, address: str) -> tuple[lists.ListEntry, list[str], list[str]]:
    """A list, its members, and the addresses they come to."""
    entry = rosters.require(tx, address)
    expanded = rosters.expand(tx, address)
    return entry, list(lists.members(tx, address)), list(expanded.members if expanded is not None else ())


def settings_of(directory: Path) -> Settings:
    """Settings of an instance whose lists are its own; anything else ends the command with exit code 2."""
    settings = any_settings_of(directory)
    if settings.ldap is not None:
        fail("the directory is an external one: its lists are kept there")
    return settings


def _read(settings: Settings, unit: Callable[[Tx], T]) -> T:
    async def work() -> T:
        async with open_store(settings) as store:
            return await store.read(unit)

    return run(work)


def _write(settings: Settings, unit: Callable[[Tx], T]) -> T:
    async def work() -> T:
        async with open_store(settings) as store:
            return await store.write(unit)

    return run(work)
