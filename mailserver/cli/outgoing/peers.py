"""`mailserver peers`: what the busiest other servers brought within the last hours, and counting one anew."""

import json
from typing import Annotated

import typer

from mailserver.cli.shared import AsJson, InstanceDir, fail, settings_of, with_store
from mailserver.foundation.network.peers import counted, counts, parse
from mailserver.model.clock import HOUR
from mailserver.store.engine.transactions import Store, Tx
from mailserver.store.queue import peer_counts
from mailserver.store.queue.peer_counts import COUNTED, Tally, Window
from mailserver.texts.causes import utc
from mailserver.texts.command_line import _

MOST = 100

Forget = Annotated[
    str, typer.Option("--forget", metavar="ADDRESS", help=_("Compter de nouveau à partir de zéro pour cette adresse."))
]


def peers(directory: InstanceDir, forget: Forget = "", as_json: AsJson = False) -> None:
    """Show what the busiest peers have brought to the port smtp."""
    settings = settings_of(directory)
    address = parse(forget.partition("/")[0]) if forget else None
    if forget and address is None:
        fail(_("{text!r} n’est pas une adresse IP", text=forget))

    async def work(store: Store) -> list[tuple[Window, Tally]]:
        names = [name for name, _times in counts(counted(str(address)))] if address is not None else []
        if names and not await store.write(peer_counts.forget, names):
            fail(_("{address} : rien n’est compté", address=address), 1)
        return await store.read(_listing)

    found = with_store(settings, work)
    if as_json:
        facts = [
            {"peer": one.peer, "since": one.start, **dict(zip(COUNTED, tally, strict=True))} for one, tally in found
        ]
        print(json.dumps(facts))
        return
    if not found:
        print(_("Aucun serveur n’a apporté assez pour être compté."))
    for window, tally in found:
        print(
            _(
                "{peer}, depuis {since} : {connections} connexions, {messages} messages, {recipients} destinataires, "
                "{unknown} inconnus, {proven} messages garantis par un domaine",
                peer=window.peer,
                since=utc(window.start),
                **dict(zip(COUNTED, tally, strict=True)),
            )
        )


def _listing(tx: Tx) -> list[tuple[Window, Tally]]:
    return peer_counts.listing(tx, HOUR, tx.now - 2 * HOUR, MOST)
