"""`mailserver list`: distribution lists. Those of an external directory are read; its owner changes them."""

from typing import Annotated

import typer

from directory.lists import rosters
from directory.lists.rosters import ListChange, ListSettings, NewList
from mailserver.cli.lists import options
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
from mailserver.foundation.settings import Settings
from mailserver.model import selection
from mailserver.model.identity import Answers, ListKind
from mailserver.store.people.mailing_lists import lists
from mailserver.store.people.search import selecting
from mailserver.texts.command_line import _


@with_help(_("Créer une liste : à la main, ou vivante (`--query`)."))
def create(
    directory: InstanceDir,
    address: Address,
    name: options.Name = None,
    owners: options.Owners = None,
    members: options.Members = None,
    query: Query = "",
    writers: options.Writers = None,
    named: options.Named = None,
    moderated: options.Moderated = None,
    hidden_members: options.HiddenMembers = None,
    uai: options.School = None,
    answers: options.AnswersTo = None,
    last_day: options.LastDay = "",
    function: options.Function = False,
    as_json: AsJson = False,
) -> None:
    """Make a list: by hand, or living (`--query`)."""
    settings = own(directory)
    wanted = NewList(
        address=whole_address(settings, address),
        name=name or "",
        owners=whole_addresses(settings, owners),
        members=whole_addresses(settings, members),
        query=query,
        writers=writers,
        named=whole_addresses(settings, named),
        moderated=bool(moderated),
        hidden_members=bool(hidden_members),
        uai=uai or "",
        kind=ListKind.FUNCTION if function else None,
        answers=answers or Answers.AUTHOR,
        ends=end_of(settings, last_day),
    )
    list_settings = ListSettings.of(settings)
    write(settings, lambda tx: rosters.make(tx, list_settings, wanted, origin()))
    if as_json:
        print(as_text(read(settings, lambda tx: list_facts(tx, list_settings, zone_of(settings), wanted.address))))
    else:
        print(_made(settings, wanted))


def _made(settings: Settings, wanted: NewList) -> str:
    """What was made, in words."""
    address, count = wanted.address, len(wanted.members)
    if wanted.query:
        count = read(settings, lambda tx: selecting.count(tx, selection.parse(wanted.query)))
        said = _("{address} : liste vivante créée ; elle trouve {count} personnes.", address=address, count=count)
    elif wanted.kind is ListKind.FUNCTION:
        said = _("{address} : boîte fonctionnelle créée ; {count} la détiennent.", address=address, count=count)
    else:
        said = _("{address} : liste de {count} membres créée.", address=address, count=count)
    return said


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
    list_settings = ListSettings.of(settings)
    whole = whole_address(settings, address)
    wanted, unwanted = whole_addresses(settings, add), whole_addresses(settings, remove)
    added, removed = write(
        settings, lambda tx: rosters.edit_checked(tx, list_settings, whole, wanted, unwanted, origin())
    )
    if as_json:
        held = read(settings, lambda tx: lists.members(tx, whole))
        print(as_text({"address": whole, "added": added, "removed": removed, "members": held}))
    else:
        print(_("{whole} : {added} ajoutés, {removed} retirés.", whole=whole, added=added, removed=removed))


@with_help(_("Changer ce qu’est une liste ; ce qui n’est pas nommé reste."))
def set_(
    directory: InstanceDir,
    address: Address,
    name: options.Name = None,
    query: options.NewQuery = None,
    writers: options.Writers = None,
    moderated: options.Moderated = None,
    hidden_members: options.HiddenMembers = None,
    owners: options.Owners = None,
    no_owner: options.NoOwner = False,
    named: options.Named = None,
    no_writer: options.NoWriter = False,
    uai: options.School = None,
    answers: options.AnswersTo = None,
    last_day: options.LastDay = "",
    no_end: options.NoEnd = False,
    may_leave: options.MayLeave = None,
    as_list: options.AsList = None,
    max_size: options.MaxSize = None,
    max_hourly: options.MaxHourly = None,
    archive: options.ArchiveReaders = None,
    older: options.Older = False,
    digest: options.Digest = None,
    as_json: AsJson = False,
) -> None:
    """Change what a list is; what is not named stays."""
    settings = own(directory)
    list_settings = ListSettings.of(settings)
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
        older=older,
        digest=digest,
    )
    opened = write(settings, lambda tx: rosters.change(tx, list_settings, whole, change, origin()))
    if as_json:
        print(as_text(read(settings, lambda tx: list_facts(tx, list_settings, zone_of(settings), whole))))
    else:
        print(_("{whole} : liste modifiée.", whole=whole))
        if older:
            print(_("{count} messages d’avant sont ouverts à ces lecteurs.", count=opened))


@with_help(
    _("Supprimer une liste, et ce qu’elle retient pour ses responsables ; personne ne reçoit jamais son adresse.")
)
def delete(directory: InstanceDir, address: Address, as_json: AsJson = False) -> None:
    """Delete a list, and what it holds for its owners; no person ever gets its address."""
    settings = own(directory)
    whole = whole_address(settings, address)
    write(settings, lambda tx: rosters.delete(tx, whole, origin()))
    print(as_text({"address": whole, "deleted": True}) if as_json else _("{whole} : liste supprimée.", whole=whole))
