"""`mailserver list bounces`: members outside from whom messages came back, and a way back for them."""

from dataclasses import asdict
from typing import Annotated

import typer

from directory.lists import rosters
from mailserver.cli.lists.common import Address, as_text, read, whole_address, write
from mailserver.cli.shared import AsJson, InstanceDir, settings_of, with_help
from mailserver.store.engine.transactions import Tx
from mailserver.store.people.mailing_lists import lists, outside_members
from mailserver.texts.causes import utc
from mailserver.texts.command_line import _


@with_help(
    _("Montrer les membres extérieurs dont des messages reviennent ou qui ne reçoivent plus rien, ou tout oublier.")
)
def bounces(
    directory: InstanceDir,
    address: Address,
    clear: Annotated[
        bool, typer.Option("--clear", help=_("Leur envoyer de nouveau, et oublier ce qui est revenu."))
    ] = False,
    members: Annotated[
        list[str] | None,
        typer.Option("--member", help=_("Avec --clear, cette adresse seulement ; peut être répété.")),
    ] = None,
    left: Annotated[
        bool, typer.Option("--left", help=_("Avec --clear, aussi à qui a quitté la liste de lui-même."))
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show members outside from whom messages came back or who get nothing any more, or forget all of it."""
    settings = settings_of(directory)
    whole = whole_address(settings, address)
    if settings.ldap is None:
        read(settings, lambda tx: rosters.require(tx, whole))
    if clear:
        chosen = [rosters.canonical(member) for member in members] if members else None

        def again(tx: Tx) -> int:
            return outside_members.clear(tx, whole, chosen, left=left)

        count = write(settings, again)
        facts = {"address": whole, "cleared": count}
        print(
            as_text(facts)
            if as_json
            else _("{whole} : {count} membres reçoivent de nouveau.", whole=whole, count=count)
        )
        return
    found = read(settings, lambda tx: outside_members.troubled(tx, whole, lists.MAX_MEMBERS))
    if as_json:
        print(as_text([asdict(one) for one in found]))
        return
    for one in found:
        state = f"{one.reason.value} {utc(one.ended)}" if one.reason is not None else "-"
        print(f"{one.member}  {state}  hard: {one.hard}  soft: {one.soft}  {utc(one.bounced)}  {one.said}".rstrip())
    print(_("{count} membres extérieurs.", count=len(found)))
