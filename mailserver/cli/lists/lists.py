"""`mailserver list`: distribution lists. Those of an external directory are read; its owner changes them."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from directory.lists import list_expansion, rosters, virtual_lists
from directory.lists.rosters import House, ListChange, NewList
from mailserver.cli.shared import AsJson, InstanceDir, fail, origin, settings_of, with_help, with_store
from mailserver.foundation.settings import Settings
from mailserver.model import days, selection
from mailserver.model.errors import BadSyntax, Reason, Refused
from mailserver.model.identity import Answers, ListKind, MailingList, Writers
from mailserver.runtime.app import make_directory
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.mail import messages
from mailserver.store.people import lists, selecting
from mailserver.texts.command_line import _

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True)

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help=_("L’adresse de la liste, ou ce qui est avant le @."))]
Members = Annotated[list[str] | None, typer.Option("--member", "-m", help=_("Adresse d’un membre ; peut être répété."))]
Owners = Annotated[list[str] | None, typer.Option("--owner", help=_("Adresse d’un responsable ; peut être répété."))]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--writer",
        help=_(
            "Adresse qui peut écrire quoi que dise --writers, une fois son titulaire connecté ; ce qui "
            "s’en réclame de l’extérieur attend les responsables. Peut être répété."
        ),
    ),
]
Query = Annotated[
    str,
    typer.Option(
        help=_("Crée une liste vivante : qui est trouvé à la remise, `role=teacher uai=0210006T` ; voir README.")
    ),
]
LastDay = Annotated[
    str, typer.Option(metavar="DAY", help=_("2027-06-30 : après ce jour la liste ne reçoit plus de messages."))
]
SHOWN = 50


@app.command()
@with_help(_("Créer une liste : à la main, ou vivante (`--query`)."))
def create(
    directory: InstanceDir,
    address: Address,
    name: Annotated[str, typer.Option(help=_("Nom montré aux gens."))] = "",
    owners: Owners = None,
    members: Members = None,
    query: Query = "",
    writers: Annotated[
        Writers | None,
        typer.Option(
            help=_(
                "Qui peut lui écrire ; anyone (tous), ou house (l’académie) pour une liste vivante et pour "
                "celle d’un établissement."
            ),
            show_default=False,
        ),
    ] = None,
    named: Named = None,
    moderated: Annotated[
        bool, typer.Option("--moderated", help=_("Ce que d’autres écrivent attend un responsable."))
    ] = False,
    hidden_members: Annotated[
        bool, typer.Option("--hidden-members", help=_("Seuls les responsables voient qui en fait partie."))
    ] = False,
    uai: Annotated[str, typer.Option(help=_("Établissement dont c’est la liste."))] = "",
    answers: Annotated[
        Answers, typer.Option(help=_("Où vont les réponses, sauf si l’auteur l’a dit."))
    ] = Answers.AUTHOR,
    last_day: LastDay = "",
    function: Annotated[
        bool, typer.Option("--function", help=_("Une boîte fonctionnelle, détenue par ses membres."))
    ] = False,
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
    _write(settings, lambda tx: rosters.make(tx, house, wanted, origin()))
    if as_json:
        print(as_text(_read(settings, lambda tx: _facts(tx, house, _zone(settings), wanted.address))))
    elif query:
        found = _read(settings, lambda tx: selecting.count(tx, selection.parse(query)))
        print(
            _(
                "{address} : liste vivante créée ; elle trouve à présent {found} personnes.",
                address=wanted.address,
                found=found,
            )
        )
    elif function:
        print(
            _(
                "{address} : boîte fonctionnelle créée ; {count} personnes la détiennent.",
                address=wanted.address,
                count=len(wanted.members),
            )
        )
    else:
        print(_("{address} : liste de {count} membres créée.", address=wanted.address, count=len(wanted.members)))


@app.command()
@with_help(_("Montrer toutes les listes, ou une avec ses règles et qui reçoit ce qui lui est envoyé."))
def show(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help=_("Une liste ; sans elle toutes."))] = None,
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
        print(_("{count} listes.", count=len(found)))
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
    print(
        _(
            "{count} membres, {receivers} adresses reçoivent.",
            count=len(_texts(facts["members"])),
            receivers=len(_texts(facts["receivers"])),
        )
    )


@app.command()
@with_help(_("Ajouter et retirer des membres. Une adresse d’ici qui ne mène à personne est refusée."))
def members(
    directory: InstanceDir,
    address: Address,
    add: Annotated[list[str] | None, typer.Option("--add", help=_("Adresse à ajouter ; peut être répété."))] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help=_("Adresse à retirer ; peut être répété."))
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add and remove members. An address of ours that leads to nobody is refused."""
    settings = own(directory)
    house = House.of(settings)
    whole = whole_address(settings, address)
    wanted, unwanted = _wholes(settings, add), _wholes(settings, remove)
    added, removed = _write(settings, lambda tx: rosters.edit_checked(tx, house, whole, wanted, unwanted, origin()))
    if as_json:
        held = _read(settings, lambda tx: lists.members(tx, whole))
        print(as_text({"address": whole, "added": added, "removed": removed, "members": held}))
    else:
        print(_("{whole} : {added} ajoutés, {removed} retirés.", whole=whole, added=added, removed=removed))


@app.command("set")
@with_help(_("Changer ce qu’est une liste ; ce qui n’est pas nommé reste."))
def set_(
    directory: InstanceDir,
    address: Address,
    name: Annotated[str | None, typer.Option(help=_("Nom montré aux gens."))] = None,
    query: Annotated[str | None, typer.Option(help=_("D’une liste vivante."))] = None,
    writers: Annotated[Writers | None, typer.Option(help=_("Qui peut lui écrire."))] = None,
    moderated: Annotated[
        bool | None,
        typer.Option("--moderated/--open", help=_("Ce que d’autres écrivent attend un responsable, ou non.")),
    ] = None,
    hidden_members: Annotated[
        bool | None,
        typer.Option(
            "--hidden-members/--shown-members", help=_("Seuls les responsables voient qui en fait partie, ou tous.")
        ),
    ] = None,
    owners: Annotated[
        list[str] | None, typer.Option("--owner", help=_("Tous ses responsables ; peut être répété."))
    ] = None,
    no_owner: Annotated[bool, typer.Option("--no-owner", help=_("Retirer tous les responsables."))] = False,
    named: Annotated[
        list[str] | None,
        typer.Option(
            "--writer",
            help=_(
                "Toutes les personnes nommées qui peuvent écrire, crues après une connexion seulement ; "
                "peut être répété."
            ),
        ),
    ] = None,
    no_writer: Annotated[bool, typer.Option("--no-writer", help=_("Retirer toutes les personnes nommées."))] = False,
    uai: Annotated[str | None, typer.Option(help=_("Établissement dont c’est la liste."))] = None,
    answers: Annotated[Answers | None, typer.Option(help=_("Où vont les réponses, sauf si l’auteur l’a dit."))] = None,
    last_day: LastDay = "",
    no_end: Annotated[bool, typer.Option("--no-end", help=_("Elle continue : pas de dernier jour."))] = False,
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
    _write(settings, lambda tx: rosters.change(tx, house, whole, change, origin()))
    if as_json:
        print(as_text(_read(settings, lambda tx: _facts(tx, house, _zone(settings), whole))))
    else:
        print(_("{whole} : liste modifiée.", whole=whole))


@app.command()
@with_help(
    _("Supprimer une liste, et ce qu’elle retient pour ses responsables ; personne ne reçoit jamais son adresse.")
)
def delete(directory: InstanceDir, address: Address, as_json: AsJson = False) -> None:
    """Delete a list, and what it holds for its owners; no person ever gets its address."""
    settings = own(directory)
    whole = whole_address(settings, address)
    _write(settings, lambda tx: rosters.delete(tx, whole, origin()))
    print(as_text({"address": whole, "deleted": True}) if as_json else _("{whole} : liste supprimée.", whole=whole))


@app.command()
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
        facts = _read(own(directory), lambda tx: _preview(tx, query, limit))
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


# ---------------------------------------------------------------------- what is shown


def _facts(tx: Tx, house: House, zone: ZoneInfo, address: str) -> dict[str, object]:
    """Everything about a list, made or standing. Raises Refused(NOT_FOUND)."""
    entry = lists.get(tx, address)
    expanded = list_expansion.expand(tx, address, house)
    if entry is None:
        if expanded is None:
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
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
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
        return _addresses(expanded, limit)

    return _read(settings, look)


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
        fail(_("l’annuaire est externe : seuls `show ADDRESS` et `preview ADDRESS` lisent ses listes"))
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
            raise Refused(Reason.NOT_FOUND, _("{address} : cette liste n’existe pas", address=address))
        return found

    return with_store(settings, work)


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.web.timezone)


def _end(settings: Settings, day: str) -> int:
    try:
        return days.over(day, _zone(settings))
    except BadSyntax as error:
        fail(f"--last-day {error}")


def _read(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.read(unit))


def _write(settings: Settings, unit: Callable[[Tx], T]) -> T:
    return with_store(settings, lambda store: store.write(unit))
