"""`mailserver list show` and `preview`: what a list is, and whom it finds. Those of an external directory too."""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from directory.lists import list_expansion, virtual_lists
from directory.lists.rosters import ListSettings
from mailserver.cli.lists.common import Query, as_text, expanded_list, own, read, whole_address, zone_of
from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of, with_help
from mailserver.foundation.settings import Settings
from mailserver.model import days, selection
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import ListKind, MailingList
from mailserver.store.engine.transactions import Tx
from mailserver.store.mail import messages
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.search import selecting
from mailserver.texts.command_line import _

SHOWN = 50


@with_help(_("Montrer toutes les listes, ou une avec ses règles et qui reçoit ce qui lui est envoyé."))
def show(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help=_("Une liste ; sans elle toutes."))] = None,
    as_json: AsJson = False,
) -> None:
    """Show every list, or one with its policies and who receives what is sent to it."""
    settings = settings_of(directory)
    list_settings = ListSettings.of(settings)
    if address is None:
        found = read(own(directory), lists.listing)
        if as_json:
            print(as_text([asdict(entry) for entry in found]))
            return
        for entry in found:
            print(f"{entry.address}  {entry.name}  ({entry.kind.value}, {_policy(entry)})")
        print(_("{count} listes.", count=len(found)))
        return
    whole = whole_address(settings, address)
    if settings.ldap is None:
        facts = read(settings, lambda tx: list_facts(tx, list_settings, zone_of(settings), whole))
    else:
        facts = _foreign(expanded_list(settings, whole))
    if as_json:
        print(as_text(facts))
        return
    print(f"{facts['address']}  {facts['name']}")
    keys = ("kind", "query", "writers", "named_writers", "moderated", "hidden_members", "owners", "uai", "answers")
    for key in (*keys, "last_day", "as_list", "max_size", "max_hourly", "archive", "digest"):
        value = facts.get(key)
        if value:
            print(f"  {key.replace('_', ' ')}: {', '.join(value) if isinstance(value, list) else value}")
    if facts.get("kind") == ListKind.FUNCTION:
        _print_box(facts)
        return
    for member in _texts(facts["members"]):
        print(f"  {member}")
    print(
        _(
            "{count} membres, {receivers} adresses reçoivent.",
            count=len(_texts(facts["members"])),
            receivers=len(_texts(facts["receivers"])),
        )
    )


@with_help(_("Combien de personnes une requête ou une liste trouve, et qui ; rien n’est enregistré."))
def preview(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help=_("Une liste qui existe."))] = None,
    query: Query = "",
    limit: Annotated[int, typer.Option(min=0, max=50_000, help=_("Noms à montrer."))] = SHOWN,
    as_json: AsJson = False,
) -> None:
    """How many people a query or a list finds, and who they are; nothing is saved."""
    if bool(address) == bool(query):
        fail(_("nommez une liste, ou donnez --query"))
    settings = settings_of(directory)
    if address is not None:
        whole = whole_address(settings, address)
        facts = _preview_of_list(settings, whole, limit)
    else:
        facts = read(own(directory), lambda tx: _preview(tx, query, limit))
    if as_json:
        print(as_text(facts))
        return
    people = facts["people"]
    assert isinstance(people, list)
    for person in people:
        print(f"{person['address']}  {person['name']}".rstrip())
    count = facts["count"]
    shown = _(", {count} montrées", count=len(people)) if count != len(people) else ""
    print(_("{count} personnes{shown}.", count=count, shown=shown))


def list_facts(tx: Tx, list_settings: ListSettings, zone: ZoneInfo, address: str) -> dict[str, object]:
    """Everything about a list, made or standing. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    expanded = list_expansion.expand(tx, address, list_settings)
    if entry is None:
        if expanded is None:
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
        return {
            **_foreign(expanded),
            "kind": "standing",
            "query": _standing_query(tx, list_settings, address),
            "writers": list_settings.standing_writers.value,
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
    print(
        _(
            "{count} personnes la détiennent ; elle contient {messages} messages, {octets} octets.",
            count=len(holders),
            messages=facts["messages"],
            octets=facts["octets"],
        )
    )


def _foreign(expanded: MailingList) -> dict[str, object]:
    """A list that is nobody's row here."""
    return {
        "address": expanded.address,
        "name": expanded.name,
        "owner": expanded.owner,
        "members": list(expanded.members),
        "receivers": list(expanded.members),
    }


def _standing_query(tx: Tx, list_settings: ListSettings, address: str) -> str:
    found = virtual_lists.find(tx, address.rpartition("@")[0]) if list_settings.is_local(address) else None
    return selection.write(found[1]) if found is not None else ""


def _preview_of_list(settings: Settings, address: str, limit: int) -> dict[str, object]:
    if settings.ldap is not None:
        return _addresses(expanded_list(settings, address), limit)
    list_settings = ListSettings.of(settings)

    def look(tx: Tx) -> dict[str, object]:
        entry = lists.get(tx, address)
        query = entry.query if entry is not None else _standing_query(tx, list_settings, address)
        if query:
            return _preview(tx, query, limit)
        expanded = list_expansion.expand(tx, address, list_settings)
        if expanded is None:
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
        return _addresses(expanded, limit)

    return read(settings, look)


def _preview(tx: Tx, query: str, limit: int) -> dict[str, object]:
    try:
        who = selection.parse(query)
    except BadSyntax as error:
        raise Refused(Reason.INVALID, _("query : {error}", error=error)) from None
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
    people = [{"name": "", "address": member} for member in expanded.members[:limit]]
    return {"query": "", "count": len(expanded.members), "people": people}


def _policy(entry: lists.ListEntry) -> str:
    ended = ", ended" if entry.ended(time.time()) else ""
    return f"writers: {entry.writers.value}{', moderated' if entry.moderated else ''}{ended}"


def _texts(value: object) -> Sequence[str]:
    return value if isinstance(value, list) else []
