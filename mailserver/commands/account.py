"""`mailserver account`: one person's account, whether or not the server runs."""

import datetime
import getpass
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from directory import custody, enrolment
from directory.people import EmbeddedDirectory
from mailserver.commands.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.folding import search_key
from mailserver.identity import NewPerson, Role, State
from mailserver.proofs import CODE_SECONDS
from mailserver.sasl import Secret
from mailserver.settings import Settings
from mailserver.store import messages, people
from mailserver.store.audit import Origin
from mailserver.store.conditions import All, Condition, Contains, Equals, Everything, Field, Some
from mailserver.store.people import Entry
from mailserver.store.transactions import Store, Tx

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

CONSOLE = Origin("console", "console")
Name = Annotated[str, typer.Argument(metavar="LOGIN", help="The identifier or any address of the person.")]
MAX_PASSWORD = 1024
PAGE = 1000
"""Rows read at a time."""


@app.command()
def create(
    directory: InstanceDir,
    given_name: Annotated[str, typer.Option(help="Given name.")],
    surname: Annotated[str, typer.Option(help="Surname.")],
    role: Annotated[Role, typer.Option(help="Population.")],
    birth_date: Annotated[str, typer.Option(help="2001-12-31 or 31/12/2001; kept as a keyed hash.")] = "",
    numen: Annotated[str, typer.Option(help="NUMEN; kept as a keyed hash.")] = "",
    ine: Annotated[str, typer.Option(help="INE; kept as a keyed hash.")] = "",
    uai: Annotated[str, typer.Option(help="UAI code of the school.")] = "",
    discipline: Annotated[str, typer.Option(help="Discipline.")] = "",
    login: Annotated[str, typer.Option(help="Wanted identifier; else it is issued by the rules.")] = "",
    recovery_address: Annotated[str, typer.Option(help="Private address.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create an account: prints its identifier, its address and the one-time code of the first connection."""
    person = NewPerson(given_name, surname, role, birth_date, numen, ine, uai, discipline, login, recovery_address)

    def unit(tx: Tx, desk: EmbeddedDirectory) -> dict[str, str]:
        made = enrolment.enrol(tx, desk.academy, enrolment.checked(person), CONSOLE)
        code = custody.issue_code(tx, desk.academy.proofs, tx.clock, made.login, CONSOLE)
        return {"login": made.login, "address": made.address, "code": code}

    made = _with_directory(settings_of(directory), lambda store, desk: store.write(unit, desk))
    if as_json:
        print(json.dumps(made, ensure_ascii=False))
        return
    print(f"Identifier: {made['login']}\nAddress: {made['address']}")
    print(f"One-time code: {made['code']} (good for {CODE_SECONDS // 86400} days)")


@app.command()
def show(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Show one account."""

    def unit(tx: Tx) -> dict[str, Any]:
        entry, standing = custody.require(tx, name)
        used, count = messages.usage(tx, entry.account_id)
        return {
            **_facts(entry),
            "aliases": list(entry.aliases),
            "reason": standing.reason,
            "since": _date(standing.since),
            "may_receive": standing.may_receive,
            "quota": standing.quota,
            "octets": used,
            "messages": count,
            "created": _date(standing.created),
            "activated": _date(standing.activated),
            "last_login": _date(standing.last_login),
        }

    facts = _with_store(settings_of(directory), lambda store: store.read(unit))
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
    Console(soft_wrap=True).print(table)


@app.command("list")
def list_(
    directory: InstanceDir,
    text: Annotated[str, typer.Option("--search", help="Only names, identifiers or addresses containing this.")] = "",
    state: Annotated[State | None, typer.Option(help="Only accounts in this state.")] = None,
    role: Annotated[Role | None, typer.Option(help="Only this population.")] = None,
    uai: Annotated[str, typer.Option(help="Only this school.")] = "",
    as_json: AsJson = False,
) -> None:
    """List accounts."""
    condition = _condition(text, state, role, uai)
    found = _with_store(settings_of(directory), lambda store: store.read(_pages, condition))
    if as_json:
        print(json.dumps([_facts(entry) for entry in found], ensure_ascii=False))
        return
    Console(soft_wrap=True).print(_table(found))
    print(f"{len(found)} accounts.")


@app.command()
def suspend(
    directory: InstanceDir,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; told to the person after a right password.")] = "",
    may_receive: Annotated[bool, typer.Option("--may-receive", help="Mail keeps arriving.")] = False,
) -> None:
    """Suspend an account: nobody enters until it is resumed."""
    _with_store(settings_of(directory), lambda store: store.write(custody.suspend, name, reason, may_receive, CONSOLE))
    print(f"{name} is suspended.")


@app.command()
def resume(directory: InstanceDir, name: Name) -> None:
    """End a suspension, or open a closed account again."""
    state = _with_store(settings_of(directory), lambda store: store.write(custody.resume, name, CONSOLE))
    print(f"{name} is {state.value} again.")


@app.command()
def reset(directory: InstanceDir, name: Name, as_json: AsJson = False) -> None:
    """Withdraw the password and issue a one-time code."""
    code = _with_directory(
        settings_of(directory),
        lambda store, desk: store.write(custody.reset, desk.academy.proofs, store.clock, name, CONSOLE),
    )
    print(json.dumps({"code": code}) if as_json else f"One-time code: {code}")


@app.command()
def passwd(directory: InstanceDir, name: Name) -> None:
    """Set a password, asked at the terminal or read from standard input. It is taken as it is."""
    settings = settings_of(directory)
    text = _ask_password()

    async def work(store: Store, desk: EmbeddedDirectory) -> None:
        await store.read(custody.require, name)
        hashed = await desk.passwords.hash(Secret(text))
        await store.write(custody.set_password, name, hashed, CONSOLE)

    _with_directory(settings, work)
    print(f"The password of {name} is set.")


@app.command()
def delete(
    directory: InstanceDir,
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; kept in the audit.")] = "",
) -> None:
    """Close an account: no entry, no mail. Its identifier and addresses are never issued again."""
    _with_store(settings_of(directory), lambda store: store.write(custody.close, name, reason, CONSOLE))
    print(f"{name} is closed.")


def _ask_password() -> str:
    if sys.stdin.isatty():
        text = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != text:
            fail("the two are not the same")
    else:
        text = sys.stdin.readline(MAX_PASSWORD + 1).rstrip("\n")
    if not text or len(text) > MAX_PASSWORD:
        fail("a password is needed")
    return text


def _condition(text: str, state: State | None, role: Role | None, uai: str) -> Condition:
    wanted: list[Condition] = []
    if text:
        key = search_key(text)
        fields = (Field.NAME, Field.LOGIN, Field.PRIMARY_ADDRESS)
        wanted.append(Some(tuple(Contains(field, middle=(key,)) for field in fields)))
    if state is not None:
        wanted.append(Equals(Field.STATE, state.value))
    if role is not None:
        wanted.append(Equals(Field.ROLE, role.value))
    if uai:
        wanted.append(Equals(Field.UAI, uai.upper()))
    return All(tuple(wanted)) if wanted else Everything()


def _pages(tx: Tx, condition: Condition) -> list[Entry]:
    found: list[Entry] = []
    while True:
        page = people.matching(tx, condition, PAGE, found[-1].account_id if found else 0)
        found += page
        if len(page) < PAGE:
            return found


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "login": entry.login,
        "address": entry.address,
        "name": entry.name,
        "role": entry.role.value,
        "state": entry.state.value,
        "uai": entry.uai,
        "discipline": entry.discipline,
    }


def _table(found: Sequence[Entry]) -> Table:
    table = Table("login", "name", "role", "state", "school", "address")
    for entry in found:
        table.add_row(entry.login, entry.name, entry.role.value, entry.state.value, entry.uai, entry.address)
    return table


def _date(seconds: int) -> str:
    if not seconds:
        return ""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")


def _with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_store(settings) as store:
            return await work(store)

    return run(opened)


def _with_directory(settings: Settings, work: Callable[[Store, EmbeddedDirectory], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with open_store(settings) as store:
            desk = EmbeddedDirectory(settings=settings, store=store, clock=store.clock)
            try:
                return await work(store, desk)
            finally:
                desk.close()

    return run(opened)
