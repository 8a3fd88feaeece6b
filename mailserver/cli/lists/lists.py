"""`mailserver list`: distribution lists. Those of an external directory are read; its owner changes them."""

from typing import Annotated

import typer

from directory.lists import rosters
from directory.lists.rosters import House, ListChange, NewList
from mailserver.cli.lists.common import (
    Address,
    Query,
    as_text,
    end_of,
    own,
    read,
    whole_address,
    whole_addresses,
    write,
    zone_of,
)
from mailserver.cli.lists.reading import list_facts
from mailserver.cli.shared import AsJson, InstanceDir, origin, with_help
from mailserver.model import selection
from mailserver.model.identity import Answers, Archive, ListKind, Writers
from mailserver.store.people import lists, selecting
from mailserver.texts.command_line import _

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
LastDay = Annotated[
    str, typer.Option(metavar="DAY", help=_("2027-06-30 : après ce jour la liste ne reçoit plus de messages."))
]


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
        owners=whole_addresses(settings, owners),
        members=whole_addresses(settings, members),
        query=query,
        writers=writers,
        named=whole_addresses(settings, named),
        moderated=moderated,
        hidden_members=hidden_members,
        uai=uai,
        kind=ListKind.FUNCTION if function else None,
        answers=answers,
        ends=end_of(settings, last_day),
    )
    house = House.of(settings)
    write(settings, lambda tx: rosters.make(tx, house, wanted, origin()))
    if as_json:
        print(as_text(read(settings, lambda tx: list_facts(tx, house, zone_of(settings), wanted.address))))
    elif query:
        found = read(settings, lambda tx: selecting.count(tx, selection.parse(query)))
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
    wanted, unwanted = whole_addresses(settings, add), whole_addresses(settings, remove)
    added, removed = write(settings, lambda tx: rosters.edit_checked(tx, house, whole, wanted, unwanted, origin()))
    if as_json:
        held = read(settings, lambda tx: lists.members(tx, whole))
        print(as_text({"address": whole, "added": added, "removed": removed, "members": held}))
    else:
        print(_("{whole} : {added} ajoutés, {removed} retirés.", whole=whole, added=added, removed=removed))


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
    may_leave: Annotated[
        bool | None,
        typer.Option("--may-leave/--no-leave", help=_("Les membres extérieurs la quittent d’eux-mêmes, ou non.")),
    ] = None,
    as_list: Annotated[
        bool | None,
        typer.Option(
            "--as-list/--as-author",
            help=_("Ce qui part à l’extérieur est toujours au nom de la liste, ou seulement quand il le faut (DMARC)."),
        ),
    ] = None,
    max_size: Annotated[
        int | None, typer.Option(metavar="OCTETS", help=_("Taille d’un message au plus ; 0 : pas de limite propre."))
    ] = None,
    max_hourly: Annotated[
        int | None, typer.Option(metavar="COUNT", help=_("Messages d’une heure au plus ; 0 : pas de limite."))
    ] = None,
    archive: Annotated[
        Archive | None,
        typer.Option(
            help=_(
                "Qui lit ce qu’elle a diffusé, outre ses responsables : none (personne, rien n’est gardé), owners, "
                "members ou academy (toute personne qui a un compte)."
            )
        ),
    ] = None,
    digest: Annotated[
        bool | None,
        typer.Option("--digest/--each", help=_("Qui n’a rien choisi reçoit un message par jour, ou chaque message.")),
    ] = None,
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
        owners=() if no_owner else whole_addresses(settings, owners) if owners else None,
        named=() if no_writer else whole_addresses(settings, named) if named else None,
        uai=uai,
        answers=answers,
        ends=0 if no_end else end_of(settings, last_day) or None,
        may_leave=may_leave,
        as_list=as_list,
        max_size=max_size,
        max_hourly=max_hourly,
        archive=archive,
        digest=digest,
    )
    write(settings, lambda tx: rosters.change(tx, house, whole, change, origin()))
    if as_json:
        print(as_text(read(settings, lambda tx: list_facts(tx, house, zone_of(settings), whole))))
    else:
        print(_("{whole} : liste modifiée.", whole=whole))


@with_help(
    _("Supprimer une liste, et ce qu’elle retient pour ses responsables ; personne ne reçoit jamais son adresse.")
)
def delete(directory: InstanceDir, address: Address, as_json: AsJson = False) -> None:
    """Delete a list, and what it holds for its owners; no person ever gets its address."""
    settings = own(directory)
    whole = whole_address(settings, address)
    write(settings, lambda tx: rosters.delete(tx, whole, origin()))
    print(as_text({"address": whole, "deleted": True}) if as_json else _("{whole} : liste supprimée.", whole=whole))
