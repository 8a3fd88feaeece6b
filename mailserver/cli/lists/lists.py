"""`mailserver list`: distribution lists. Those of an external directory are read; its owner changes them."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from directory.lists import list_expansion, rosters, virtual_lists
from directory.lists.rosters import House, ListChange, NewList
from mailserver.cli.accounts.account import user
from mailserver.cli.shared import AsJson, InstanceDir, fail, open_store, run, settings_of
from mailserver.foundation.settings import Settings
from mailserver.model import days, selection
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Answers, ListKind, MailingList, Writers
from mailserver.runtime.app import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import messages
from mailserver.store.people import lists, selecting
from mailserver.store.record.audit import Origin

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The list's address, or the part before the @.")]
Members = Annotated[list[str] | None, typer.Option("--member", "-m", help="Address of a member; may be repeated.")]
Owners = Annotated[list[str] | None, typer.Option("--owner", help="Address of an owner; may be repeated.")]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--writer",
        help="Address that may write whatever --writers says, once its owner has logged in; what claims it from "
        "outside waits for the owners. May be repeated.",
    ),
]
Query = Annotated[
    str, typer.Option(help="Makes a living list: who is found at delivery, `role=teacher uai=0210006T`; see README.")
]
LastDay = Annotated[str, typer.Option(metavar="DAY", help="2027-06-30: after it the list takes no more messages.")]
SHOWN = 50


@app.command()
def create(
    directory: InstanceDir,
    address: Address,
    name: Annotated[str, typer.Option(help="Name shown to people.")] = "",
    owners: Owners = None,
    members: Members = None,
    query: Query = "",
    writers: Annotated[
        Writers | None,
        typer.Option(
            help="Who may write to it; anyone, or house for a living list and for a school's.", show_default=False
        ),
    ] = None,
    named: Named = None,
    moderated: Annotated[bool, typer.Option("--moderated", help="What others write waits for an owner.")] = False,
    hidden_members: Annotated[bool, typer.Option("--hidden-members", help="Only owners see who is in it.")] = False,
    uai: Annotated[str, typer.Option(help="School whose list it is.")] = "",
    answers: Annotated[Answers, typer.Option(help="Where answers go, unless the author said so.")] = Answers.AUTHOR,
    last_day: LastDay = "",
    function: Annotated[bool, typer.Option("--function", help="A functional box, held by its members.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a list: by hand, or living (`--query`)."""
    settings = own(directory)
    wanted = NewList(
        address=whole_address(settings, address),
        name=name,
        owners=_wholes(settings, owners),
        members=_wholes(settings, members),
        query=query,
        writers=writers,
        named=_wholes(settings, named),
        moderated=moderated,
        hidden_members=hidden_members,
        uai=uai,
        kind=ListKind.FUNCTION if function else None,
        answers=answers,
        ends=_end(settings, last_day),
    )
    house = House.of(settings)
    _write(settings, lambda tx: rosters.make(tx, house, wanted, _origin()))
    if as_json:
        print(as_text(_read(settings, lambda tx: _facts(tx, house, _zone(settings), wanted.address))))
    elif query:
        found = _read(settings, lambda tx: selecting.count(tx, selection.parse(query)))
        print(f"{wanted.address}: living list made; it finds {found} people now.")
    elif function:
        print(f"{wanted.address}: functional box made; {len(wanted.members)} people hold it.")
    else:
        print(f"{wanted.address}: list with {len(wanted.members)} members made.")


@app.command()
def show(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="One list; without it all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every list, or one with its policies and who receives what is sent to it."""
    settings = settings_of(directory)
    house = House.of(settings)
    if address is None:
        found = _read(own(directory), lists.listing)
        if as_json:
            print(as_text([asdict(entry) for entry in found]))
            return
        for entry in found:
            print(f"{entry.address}  {entry.name}  ({entry.kind.value}, {_policy(entry)})")
        print(f"{len(found)} lists.")
        return
    whole = whole_address(settings, address)
    if settings.ldap is None:
        facts = _read(settings, lambda tx: _facts(tx, house, _zone(settings), whole))
    else:
        facts = _foreign(_expanded(settings, whole))
    if as_json:
        print(as_text(facts))
        return
    print(f"{facts['address']}  {facts['name']}")
    keys = ("kind", "query", "writers", "named_writers", "moderated", "hidden_members", "owners", "uai", "answers")
    for key in (*keys, "last_day"):
        value = facts.get(key)
        if value:
            print(f"  {key.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}")
    if facts.get("kind") == ListKind.FUNCTION:
        _print_box(facts)
        return
    for member in _texts(facts["members"]):
        print(f"  {member}")
    print(f"{len(_texts(facts['members']))} members, {len(_texts(facts['receivers']))} addresses receive.")


@app.command()
def members(
    directory: InstanceDir,
    address: Address,
    add: Annotated[list[str] | None, typer.Option("--add", help="Address to add; may be repeated.")] = None,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Address to remove; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add and remove members. An address of ours that leads to nobody is refused."""
    settings = own(directory)
    house = House.of(settings)
    whole = whole_address(settings, address)
    wanted, unwanted = _wholes(settings, add), _wholes(settings, remove)
    added, removed = _write(settings, lambda tx: rosters.edit_checked(tx, house, whole, wanted, unwanted, _origin()))
    if as_json:
        held = _read(settings, lambda tx: lists.members(tx, whole))
        print(as_text({"address": whole, "added": added, "removed": removed, "members": held}))
    else:
        print(f"{whole}: {added} added, {removed} removed.")


@app.command("set")
def set_(
    directory: InstanceDir,
    address: Address,
    name: Annotated[str | None, typer.Option(help="Name shown to people.")] = None,
    query: Annotated[str | None, typer.Option(help="Of a living list.")] = None,
    writers: Annotated[Writers | None, typer.Option(help="Who may write to it.")] = None,
    moderated: Annotated[
        bool | None, typer.Option("--moderated/--open", help="What others write waits for an owner, or not.")
    ] = None,
    hidden_members: Annotated[
        bool | None, typer.Option("--hidden-members/--shown-members", help="Only owners see who is in it, or all.")
    ] = None,
    owners: Annotated[list[str] | None, typer.Option("--owner", help="All its owners; may be repeated.")] = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help="Take every owner away.")] = False,
    named: Annotated[
        list[str] | None,
        typer.Option("--writer", help="All named writers, believed after a login only; may be repeated."),
    ] = None,
    no_writer: Annotated[bool, typer.Option("--no-writer", help="Take every named writer away.")] = False,
    uai: Annotated[str | None, typer.Option(help="School whose list it is.")] = None,
    answers: Annotated[Answers | None, typer.Option(help="Where answers go, unless the author said so.")] = None,
    last_day: LastDay = "",
    no_end: Annotated[bool, typer.Option("--no-end", help="It goes on: no last day.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change what a list is; what is not named stays."""
    settings = own(directory)
    house = House.of(settings)
    whole = whole_address(settings, address)
    change = ListChange(
        name=name,
        query=query,
        writers=writers,
        moderated=moderated,
        hidden_members=hidden_members,
        owners=() if no_owner else _wholes(settings, owners) if owners else None,
        named=() if no_writer else _wholes(settings, named) if named else None,
        uai=uai,
        answers=answers,
        ends=0 if no_end else _end(settings, last_day) or None,
    )
    _write(settings, lambda tx: rosters.change(tx, house, whole, change, _origin()))
    if as_json:
        print(as_text(_read(settings, lambda tx: _facts(tx, house, _zone(settings), whole))))
    else:
        print(f"{whole}: list changed.")


@app.command()
def delete(directory: InstanceDir, address: Address, as_json: AsJson = False) -> None:
    """Delete a list, and what it holds for its owners; no person ever gets its address."""
    settings = own(directory)
    whole = whole_address(settings, address)
    _write(settings, lambda tx: rosters.delete(tx, whole, _origin()))
    print(as_text({"address": whole, "deleted": True}) if as_json else f"{whole}: list deleted.")


@app.command()
def preview(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help="A list that is there.")] = None,
    query: Query = "",
    limit: Annotated[int, typer.Option(min=0, max=50_000, help="Names to show.")] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """How many people a query or a list finds, and who they are; nothing is saved."""
    if bool(address) == bool(query):
        fail("name a list, or give a --query")
    settings = settings_of(directory)
    if address is not None:
        whole = whole_address(settings, address)
        facts = _preview_of_list(settings, whole, limit)
    else:
        facts = _read(own(directory), lambda tx: _preview(tx, query, limit))
    if as_json:
        print(as_text(facts))
        return
    people = facts["people"]
    assert isinstance(people, list)
    for one in people:
        print(f"{one['address']}  {one['name']}".rstrip())
    count = facts["count"]
    print(f"{count} people{f', {len(people)} shown' if count != len(people) else ''}.")


# ---------------------------------------------------------------------- what is shown


def _facts(tx: Tx, house: House, zone: ZoneInfo, address: str) -> dict[str, object]:
    """Everything about a list, made or standing. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    expanded = list_expansion.expand(tx, address, house)
    if entry is None:
        if expanded is None:
            raise Refused(Reason.NOT_FOUND, f"{address}: no such list")
        return {
            **_foreign(expanded),
            "kind": "standing",
            "query": _standing_query(tx, house, address),
            "writers": house.standing_writers.value,
        }
    box: dict[str, object] = {}
    if entry.kind is ListKind.FUNCTION:
        octets, count = messages.usage(tx, entry.box_id)
        box = {"holders": dict(lists.holders(tx, address)), "octets": octets, "messages": count}
    return {
        **asdict(entry),
        "last_day": days.last(entry.ends, zone),
        **box,
        "owners": list(lists.owners(tx, entry)),
        "named_writers": list(lists.named_writers(tx, address)),
        "members": list(lists.members(tx, address)),
        "receivers": list(expanded.members) if expanded is not None else [],
    }


def _print_box(facts: dict[str, object]) -> None:
    holders = facts["holders"]
    assert isinstance(holders, dict)
    for member, words in holders.items():
        print(f"  {member}: {words}")
    print(f"{len(holders)} people hold it; it holds {facts['messages']} messages, {facts['octets']} octets.")


def _foreign(expanded: MailingList) -> dict[str, object]:
    """A list that is nobody's row here."""
    return {
        "address": expanded.address,
        "name": expanded.name,
        "owner": expanded.owner,
        "members": list(expanded.members),
        "receivers": list(expanded.members),
    }


def _standing_query(tx: Tx, house: House, address: str) -> str:
    found = virtual_lists.find(tx, address.rpartition("@")[0]) if house.is_local(address) else None
    return selection.write(found[1]) if found is not None else ""


def _preview_of_list(settings: Settings, address: str, limit: int) -> dict[str, object]:
    if settings.ldap is not None:
        return _addresses(_expanded(settings, address), limit)
    house = House.of(settings)

    def look(tx: Tx) -> dict[str, object]:
        entry = lists.get(tx, address)
        query = entry.query if entry is not None else _standing_query(tx, house, address)
        if query:
            return _preview(tx, query, limit)
        expanded = list_expansion.expand(tx, address, house)
        if expanded is None:
            raise Refused(Reason.NOT_FOUND, f"{address}: no such list")
        return _addresses(expanded, limit)

    return _read(settings, look)


def _preview(tx: Tx, query: str, limit: int) -> dict[str, object]:
    try:
        who = selection.parse(query)
    except BadSyntax as error:
        raise Refused(Reason.INVALID, f"query: {error}") from None
    people = [
        {
            "name": one.name,
            "address": one.address,
            "role": one.role.value,
            "uai": one.uai,
        }
        for one in selecting.found(tx, who, limit)
    ]
    return {"query": selection.write(who), "count": selecting.count(tx, who), "people": people}


def _addresses(expanded: MailingList, limit: int) -> dict[str, object]:
    people = [{"name": "", "address": one} for one in expanded.members[:limit]]
    return {"query": "", "count": len(expanded.members), "people": people}


def _policy(entry: lists.ListEntry) -> str:
    ended = ", ended" if entry.ended(time.time()) else ""
    return f"writers: {entry.writers.value}{', moderated' if entry.moderated else ''}{ended}"


def _texts(value: object) -> Sequence[str]:
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# ---------------------------------------------------------------------- the instance


def whole_address(settings: Settings, address: str) -> str:
    """With our domain when none is written, in canonical form."""
    text = address if "@" in address else f"{address}@{settings.domain}"
    try:
        return rosters.canonical(text)
    except Refused as refusal:
        fail(refusal.text, 1)


def _wholes(settings: Settings, addresses: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(whole_address(settings, one) for one in addresses or ()))


def own(directory: Path) -> Settings:
    """Settings of an instance whose lists are its own; anything else ends the command with exit code 2."""
    settings = settings_of(directory)
    if settings.ldap is not None:
        fail("the directory is an external one: only `show ADDRESS` and `preview ADDRESS` read its lists")
    return settings


def _expanded(settings: Settings, address: str) -> MailingList:
    """A list of the directory, whichever it is; an unknown one ends the command with exit code 1."""

    async def work(store: Store) -> MailingList:
        directory = make_directory(settings, store, store.clock)
        try:
            found = await directory.expand(address)
        finally:
            directory.close()
        if found is None:
            raise Refused(Reason.NOT_FOUND, f"{address}: no such list")
        return found

    return with_store(settings, work)


def with_store(settings: Settings, work: Callable[[Store], Awaitable[T]]) -> T:
    """Run something over the instance's store."""

    async def opened() -> T:
        async with open_store(settings) as store:
            return await work(store)

    return run(opened)


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.web.timezone)


def _end(settings: Settings, day: str) -> int:
    try:
        return days.over(day, _zone(settings))
    except BadSyntax as error:
        fail(f"--last-day {error}")


def _origin() -> Origin:
    return Origin(user(), "console")


def _read(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.read(unit))


def _write(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.write(unit))
