"""`mailserver list held|approve|reject`: what moderated lists hold for their owners."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from directory.lists import rosters
from mailserver.cli.lists.common import as_text, own, whole_address
from mailserver.cli.open_delivery import open_delivery
from mailserver.cli.shared import AsJson, InstanceDir, origin, with_help, with_store
from mailserver.delivery.held.moderation import Moderation
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue.held import moderation_queue
from mailserver.store.queue.held.moderation_queue import Held
from mailserver.texts.command_line import _

T = TypeVar("T")

Number = Annotated[
    int, typer.Argument(metavar="ID", help=_("Numéro du message, tel que `list held` le montre."), min=1)
]


@with_help(_("Montrer les messages qui attendent un responsable d’une liste modérée."))
def held_(
    directory: InstanceDir,
    address: Annotated[str | None, typer.Argument(metavar="[ADDRESS]", help=_("Une liste ; sans elle toutes."))] = None,
    as_json: AsJson = False,
) -> None:
    """Show the messages that wait for an owner of a moderated list."""
    settings = own(directory)
    whole = whole_address(settings, address) if address is not None else None

    def look(tx: Tx) -> list[Held]:
        return moderation_queue.waiting(tx, [rosters.require(tx, whole).address] if whole is not None else None)

    found = with_store(settings, lambda store: store.read(look))
    if as_json:
        print(as_text([asdict(held) for held in found]))
        return
    for held in found:
        print(f"{held.id}  {held.list}  {held.sender or held.reverse_path}  {held.subject}")
    print(_("{count} messages attendent.", count=len(found)))


@with_help(_("Envoyer à sa liste un message qui attend."))
def approve(directory: InstanceDir, number: Number, as_json: AsJson = False) -> None:
    """Send a message that waits to its list."""
    count = _moderating(directory, lambda desk: desk.approve(number, origin()))
    facts = {"id": number, "approved": True, "accounts": count}
    print(as_text(facts) if as_json else _("{number} : envoyé à {count} personnes.", number=number, count=count))


@with_help(_("Jeter un message qui attend ; son auteur l’apprend s’il est de cette académie."))
def reject(
    directory: InstanceDir,
    number: Number,
    reason: Annotated[str, typer.Option(help=_("Dit à l’auteur."))] = "",
    as_json: AsJson = False,
) -> None:
    """Throw a message that waits away; its author is told if it is somebody of this house."""
    _moderating(directory, lambda desk: desk.reject(number, origin(), reason))
    print(as_text({"id": number, "rejected": True}) if as_json else _("{number} : refusé.", number=number))


def _moderating(directory: Path, work: Callable[[Moderation], Awaitable[T]]) -> T:
    settings = own(directory)

    async def opened(store: Store) -> T:
        with open_delivery(settings, store) as (people, delivery):
            desk = Moderation(settings=settings, store=store, directory=people, delivery=delivery, clock=store.clock)
            return await work(desk)

    return with_store(settings, opened)
